"""What a metric tells besides its value, as the terminal shows it."""

from __future__ import annotations

import json
import math

import goldens
import pytest
import sample_values as values

from harness.report.breakdown import TaskBreakdown, breakdowns
from harness.report.export import json_text
from harness.report.numbers import MISSING
from harness.values import Breakdown, Cell

ACTING = {"\x1b", "\x9b", "\x07", "\u202e", "\u2069", "😄"}
COLUMNS = ("label", "items", "predicted", "precision", "recall", "F1", "confused with", "times")
ISSUES = Breakdown(
    "classes",
    COLUMNS,
    (
        ("late", 57, 60, 0.9, 54 / 57, 0.9230769, "refund", 2),
        ("refund", 1_054, 1_100, 0.95, 0.9914611, 0.9702878, "(unparsable)", 4.5),
        ("wrong item", 45, 0, None, 0.0, 0.0, "refund", 45),
        ("warranty", 0, 0, None, None, 0.0, None, None),
        ("(unparsable)", None, 4.5, None, None, None, None, None),
    ),
)


def shown(*told: TaskBreakdown, width: int = 100) -> str:
    return goldens.printed(breakdowns(told), width)


def numbered(count: int) -> Breakdown:
    rows: list[tuple[Cell, ...]] = [(f"class {number}", number, 0.5) for number in range(count)]
    return Breakdown("classes", ("label", "items", "F1"), (*rows, ("(unparsable)", 7, None)))


def test_the_classes_of_two_tasks_are_as_stored() -> None:
    told = (TaskBreakdown("issues", "macro_f1", ISSUES), TaskBreakdown("numbers", "macro_f1", numbered(3)))

    goldens.check("breakdown.txt", shown(*told))


def test_of_a_long_one_the_first_rows_and_the_last_are_shown() -> None:
    text = shown(TaskBreakdown("intents", "macro_f1", numbered(77)))

    assert "class 48 " in text
    assert "class 49 " not in text
    assert "… and 28 more, all by --json" in text
    assert text.splitlines()[-1].startswith("(unparsable)")
    assert "more" not in shown(TaskBreakdown("intents", "macro_f1", numbered(49)))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = Breakdown("classes", COLUMNS, tuple((f"{'a very ' * 40}long one", *row[1:]) for row in ISSUES.rows))

    for breakdown in (ISSUES, long):
        assert max(map(len, shown(TaskBreakdown("tickets", "macro_f1", breakdown), width=width).splitlines())) <= width


def test_labels_cannot_act_on_the_terminal() -> None:
    bad = values.HOSTILE
    text = shown(TaskBreakdown(bad, bad, Breakdown(bad, (bad, "items"), ((bad, 1), ("\ud800", 2)))))

    assert not ACTING & set(text)
    text.encode()


def test_what_is_no_number_is_a_dash() -> None:
    text = shown(TaskBreakdown("t", "m", Breakdown("classes", ("label", "F1"), (("late", math.nan), ("refund", None)))))

    assert [line.split() for line in text.splitlines()[2:]] == [["late", MISSING], ["refund", MISSING]]


def test_a_breakdown_without_rows_has_its_heads() -> None:
    assert "precision" in shown(TaskBreakdown("t", "m", Breakdown("classes", COLUMNS, ())))


def test_rows_that_do_not_fit_the_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="row 2 of the breakdown 'classes' has 1 cells for 2 columns"):
        Breakdown("classes", ("label", "items"), (("late", 1), ("refund",)))


def test_a_program_gets_all_columns_and_rows() -> None:
    (told,) = json.loads(json_text([TaskBreakdown("issues", "macro_f1", ISSUES)]))

    assert (told["task"], told["metric"], told["breakdown"]["columns"]) == ("issues", "macro_f1", list(COLUMNS))
    assert told["breakdown"]["rows"][3] == ["warranty", 0, 0, None, None, 0.0, None, None]
