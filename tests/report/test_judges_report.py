"""Judges held to people, in the verdict and on a screen of their own: the raw rate never stands alone."""

from __future__ import annotations

import json
from dataclasses import replace

import goldens
import pytest
import sample_values as values

from harness.report.calibration import Held, calibration_screen
from harness.report.export import json_text
from harness.report.markdown import verdict_markdown
from harness.report.samples import Side, samples_screen
from harness.report.verdict import verdict_screen
from harness.values import Calibration, Score

HELD = Held(values.PAIRWISE, values.PROMPTED, values.TUNED, {"ada": 120, "grace hopper": 60}, 0.81)


def screen(width: int = 140, **changes: object) -> str:
    calibrations = (replace(values.PAIRWISE, **changes),) if changes else values.JUDGED.calibrations  # type: ignore[arg-type]
    verdict = replace(values.JUDGED, calibrations=calibrations)
    return goldens.printed(verdict_screen(values.WITH_JUDGE, verdict, record=values.RECORD), width)


def words(of: Calibration) -> str:
    return Held(of, values.PROMPTED, values.TUNED).meaning


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_screen_with_judges_is_as_stored(width: int) -> None:
    goldens.check(f"verdict-judges-{width}.txt", screen(width))


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    screens = [screen(width), goldens.printed(calibration_screen(HELD, next_commands=values.NEXT), width)]
    assert max(len(line) for text in screens for line in text.splitlines()) <= width


def test_without_judges_nothing_is_said_of_them() -> None:
    bare = goldens.printed(verdict_screen(values.COMPARISON, values.PASSED, record=values.RECORD))
    assert "Judges" not in bare
    assert "raw" not in bare
    assert "udge" not in verdict_markdown(values.COMPARISON, values.PASSED)


def test_raw_and_corrected_stand_side_by_side() -> None:
    line = next(line for line in screen(missing=0).splitlines() if "71.5 %" in line)
    assert line.split()[:9] == [
        "tickets",
        "pairwise",
        "prompted",
        "71.5",
        "%",
        "58.3",
        "%",
        "(51.2\N{EN DASH}65.4",
        "%)",
    ]


def test_a_lower_bound_is_never_rounded_up_to_what_it_does_not_reach() -> None:
    assert "≥ 0.59" in screen(kappa_low=0.5999)
    assert "(at least 0.59)" in verdict_markdown(
        values.COMPARISON, replace(values.PASSED, calibrations=(replace(values.PAIRWISE, kappa_low=0.5999),))
    )


def test_too_few_labels_stand_where_the_corrected_rate_would() -> None:
    line = next(line for line in screen(missing=0, labels=37).splitlines() if "71.5 %" in line)
    assert "needs 100 labels, has 37" in line
    assert "58.3" not in line
    assert "needs 100 labels" not in screen(labels=100)


def test_a_judges_own_scores_are_called_raw_among_the_tasks() -> None:
    assert "pairwise raw" in screen()
    assert "exact_match raw" not in screen()
    assert "| tickets | pairwise (raw) |" in verdict_markdown(values.WITH_JUDGE, values.JUDGED)


def test_the_markdown_with_judges_is_as_stored() -> None:
    goldens.check("verdict-judges.md", verdict_markdown(values.WITH_JUDGE, values.JUDGED))


def test_a_program_gets_all_of_a_calibration() -> None:
    (told, *_) = json.loads(json_text(values.JUDGED))["calibrations"]
    assert (told["raw"], told["corrected"], told["kappa_low"]) == (0.43, 0.166, 0.604)
    assert told["classes"][0] == {"name": "candidate", "people": 56, "judge": 66, "both": 54}


def test_hostile_names_of_judges_do_nothing() -> None:
    bad = replace(values.PAIRWISE, task=values.HOSTILE, metric=values.HOSTILE, against=values.HOSTILE)
    held = replace(HELD, calibration=bad, raters={values.HOSTILE: 1}, warnings=(values.HOSTILE,))
    verdict = replace(values.JUDGED, calibrations=(bad,))
    shown = [
        goldens.printed(verdict_screen(values.COMPARISON, verdict, record=values.RECORD)),
        goldens.printed(calibration_screen(held, next_commands=[values.HOSTILE])),
        verdict_markdown(values.COMPARISON, verdict),
    ]
    for text in shown:
        assert not {"\x1b", "\x9b", "\x07", "\u202e", "\u2069", "😄"} & set(text)
    assert "<script" not in shown[2]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_screen_of_a_calibration_is_as_stored(width: int) -> None:
    few = Held(values.FEW, values.PROMPTED, values.TUNED, {"ada": 37}, warnings=("these are no random draw",))
    graded = Held(values.GRADED, values.PROMPTED, values.TUNED, {"ada": 150})
    screens = [calibration_screen(HELD), calibration_screen(few, next_commands=values.NEXT), calibration_screen(graded)]
    goldens.check(f"calibration-{width}.txt", "\n\n".join(goldens.printed(each, width) for each in screens))


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (values.PAIRWISE, "people find tuned better than prompted (+0.024 to +0.308 in a gate's points)."),
        (replace(values.PAIRWISE, low=-0.3, high=-0.1), "people find tuned worse than prompted (-0.300 to -0.100"),
        (replace(values.PAIRWISE, low=-0.1), "people may find either better (-0.100 to +0.308"),
        (values.PAIRWISE, "The judge's own word, 71.5 %, is outside what people's labels allow (51.2"),
        (values.PAIRWISE, "A min_kappa of up to 0.60 is met."),
        (replace(values.PAIRWISE, kappa_low=0.5999), "A min_kappa of up to 0.59 is met."),
        (replace(values.PAIRWISE, kappa_low=0.58), "A min_kappa of up to 0.58 is met."),
        (replace(values.PAIRWISE, kappa_low=-0.2), "No min_kappa is met."),
        (replace(values.PAIRWISE, labels=99), "100 pairs drawn at random and has 99; label 1 more."),
        (values.RUBRIC, "A gate on rubric says nothing yet"),
        (replace(values.PAIRWISE, low=None, high=None), "people's rate cannot be told"),
    ],
)  # fmt: skip
def test_what_it_means_for_gates_is_said_in_a_sentence(of: Calibration, said: str) -> None:
    assert said in words(of)


def test_a_judge_that_people_confirm_is_not_called_wrong() -> None:
    assert "own word" not in words(replace(values.PAIRWISE, raw=0.2))


def test_a_rate_that_nobody_knows_is_a_dash() -> None:
    blank = Calibration("tickets", "pairwise", "prompted", True, 5, 5, 0, 0, None, None, None, None)
    shown = goldens.printed(calibration_screen(Held(blank, values.PROMPTED, values.TUNED)))
    assert "raw         \N{EN DASH}  the judge's own word" in shown
    assert "5 without a judgement" in shown


def test_reasons_stand_beneath_their_score_and_are_never_obeyed() -> None:
    details = {"orders": [1.0, 0.0], "reasons": {"a": [values.HOSTILE, "x" * 5_000], "b": "curt"}, "reason": "polite"}
    side = Side(
        "tuned",
        values.answer(values.SAMPLE, "yes"),
        {
            "panel": Score(values.SAMPLE.id, 0.5, None, details),
            "lost": Score(values.SAMPLE.id, None, "no verdict", {"reasons": [f"reason {n}" for n in range(20)]}),
        },
    )
    text = goldens.printed(samples_screen([[side]]), 140)
    lines = [line.strip() for line in text.splitlines()]
    assert "panel 0.500  orders [1.0, 0.0]" in lines
    assert "polite" in lines
    assert "b: curt" in lines
    assert lines.index("polite") > lines.index("panel 0.500  orders [1.0, 0.0]")
    assert any(line.startswith("a: [bold red]pwn[/]") for line in lines)
    assert "… (4,200 more characters)" in text
    assert "lost missing: no verdict" in lines
    assert "… and 12 more reasons" in lines
    assert not {"\x1b", "\x9b", "\x07", "\u202e", "\u2069", "😄"} & set(text)
