"""Several arms of one evaluation on one screen, whatever their number."""

from __future__ import annotations

from dataclasses import replace

import goldens
import sample_values as values

from harness.report.arms import arms_screen

FEW = [values.BASE, values.PROMPTED, values.TUNED]
MANY = [
    replace(values.BASE, not_measured=values.UNMEASURED),
    *(
        replace(values.TUNED, id=f"support-tickets-3/tuned@checkpoint-{step}", arm=f"tuned@checkpoint-{step}")
        for step in (36, 72, 108, 144)
    ),
]


def test_few_arms_have_a_column_each() -> None:
    goldens.check("arms.txt", goldens.printed(arms_screen(FEW)))


def test_where_room_is_short_the_intervals_stand_beneath() -> None:
    goldens.check("arms-80.txt", goldens.printed(arms_screen(FEW), 80))


def test_many_arms_have_a_row_each() -> None:
    goldens.check("arms-many.txt", goldens.printed(arms_screen(MANY)))


def test_nothing_measured_says_so() -> None:
    assert "nothing was measured" in goldens.printed(arms_screen([replace(run, estimates=()) for run in FEW]))


def test_names_that_mean_harm_are_shown_and_not_obeyed() -> None:
    text = goldens.printed(arms_screen([values.BASE, replace(values.TUNED, id=values.HOSTILE, arm=values.HOSTILE)]))
    assert "\x1b" not in text
    assert "[bold red]" in text
