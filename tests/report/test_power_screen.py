"""The screen of ``harness power``, as a person reads it."""

from __future__ import annotations

import goldens
import pytest
import sample_values as values

from harness.report.power import GateRow, ReleaseRow, power_screen
from harness.values import GateRule

RATES = (0.01, 0.02, 0.05, 0.10, 0.20)
LEVEL = GateRule("tickets", "json_fields", at_least=0.95)
HOPELESS = GateRule("hellaswag", "acc", max_drop=0.05, relative=True, tier="supporting")

ROWS = [
    GateRow(
        values.GAIN,
        "enough",
        "100 items pass if the true gain is 0.222 or more at the recorded 1 % of other flips; 0.1 is asked for",
        100, (8, 8, 9, 9, 9), 8, 10, 1.5,
    ),
    GateRow(LEVEL, "too few", "100 items pass if the true score is 0.998 or more; 0.95 is asked for",
            100, (None,) * 5, 539, 746, 1.5),
    GateRow(
        values.MMLU,
        "depends",
        "114 items (its limit) can exclude a drop of 0.062 to 0.102 if nothing got worse, where 2 to 10 % of the items "
        "flip; 0.1 is allowed",
        114, (50, 59, 82, 118, 193), 118, 155, 0.9,
    ),
    GateRow(HOPELESS, "cannot pass", "40 items (its limit), and even if not one answer changed it needs at least 52",
            40, (311, 429, 795, 1_447, 2_795), 1_447, 1_447, None),
    GateRow(values.CANARY, "unknown", "how many items it will have is not known before a first run",
            None, (311, 429, 795, 1_447, 2_795), 1_447, 1_447, None),
]  # fmt: skip
NOTES = ["tickets exact_match: the items needed are for a true gain of 0.81, as in support-tickets-3"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_is_as_stored(width: int) -> None:
    release = ReleaseRow(3, 0.729, 0.9667, 252.6, 1_258.5)
    screen = power_screen(
        "support-tickets", ROWS, release, rates=RATES, source="as recorded in support-tickets-3", notes=NOTES
    )
    goldens.check(f"power-{width}.txt", goldens.printed(screen, width))


def test_a_suite_of_levels_has_no_table_of_flips() -> None:
    text = goldens.printed(
        power_screen("s", ROWS[1:2], ReleaseRow(1, 0.9, 0.9, None, None), rates=RATES, source="none")
    )
    assert "Items needed" not in text
    assert "1 critical gate: with the items needed" in text
    assert "how long it takes is not known" in text


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"at_least": 0.95}, "tickets json_fields ≥ 0.95"), ({"at_most": 2.0}, "tickets json_fields ≤ 2")],
)
def test_a_level_is_told_with_its_direction(asked: dict[str, float], said: str) -> None:
    rows = [ROWS[1]._replace(rule=GateRule("tickets", "json_fields", **asked))]  # type: ignore[arg-type]  # a number
    screen = power_screen("s", rows, ReleaseRow(1, 0.9, 0.9, None, None), rates=RATES, source="none")
    assert said in goldens.printed(screen)


def test_what_is_not_critical_is_not_counted() -> None:
    text = goldens.printed(power_screen("s", ROWS[4:], ReleaseRow(0, 1.0, 0.9, 60.0, None), rates=RATES, source="none"))
    assert "critical" not in text
    assert "asking every arm takes about 1 min 0 s with the items as they are\n" in text


def test_a_hostile_suite_does_nothing() -> None:
    rule = GateRule(values.HOSTILE, values.HOSTILE, max_drop=0.1, against=values.HOSTILE)
    row = GateRow(rule, "unknown", values.HOSTILE, None, (1,) * 5, 1, 1, None)
    release = ReleaseRow(1, 0.9, 0.9, None, None)
    screen = power_screen(values.HOSTILE, [row], release, rates=RATES, source=values.HOSTILE, notes=[values.HOSTILE])
    assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(goldens.printed(screen))
