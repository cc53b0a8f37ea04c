"""What the screen of flips shows beyond what a small record has: many groups, hostile names, nothing at all."""

from __future__ import annotations

from dataclasses import replace

import goldens
import pytest
import sample_values as values

from harness.report.flips import Flip, GroupRow, TaskFlips, flips_screen
from harness.report.samples import Side
from harness.values import Score

ACTING = {"\x1b", "\x9b", "\x07", "\u202e", "\u2069", "😄"}
MMLU = TaskFlips("mmlu", "acc", True, compared=5_700, fixed=41, broken=66, missing=0)


def shown(*tasks: TaskFlips, width: int = 100, **not_compared: str) -> str:
    return goldens.printed(flips_screen(values.BASE, values.TUNED, tasks, not_compared=not_compared), width)


def subjects(count: int, broken: int) -> tuple[GroupRow, ...]:
    """The first ``broken`` of them have one broken item each."""
    return tuple(GroupRow("stratum", f"subject {n}", 100, n % 2, int(n < broken), 0) for n in range(count))


def test_the_ten_worst_groups_are_shown_and_how_many_more() -> None:
    text = shown(replace(MMLU, groups=subjects(57, broken=14)))
    assert "subject 9 " in text
    assert "subject 10 " not in text
    assert "… and 47 more, 4 with broken items" in text


def test_groups_in_which_nothing_changed_are_only_counted() -> None:
    quiet = tuple(replace(group, fixed=0) for group in subjects(5, broken=2))
    text = shown(replace(MMLU, groups=quiet))
    assert "… and 3 more\n" in text
    assert "stratum" not in shown(replace(MMLU, groups=quiet[2:]))


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = shown(replace(MMLU, groups=subjects(57, broken=14)), width=width, arc="the hub does not answer " * 9)
    assert max(map(len, text.splitlines())) <= width


def test_where_nothing_can_be_compared_the_screen_says_so_and_why() -> None:
    text = shown(arc="support-tickets-3/base did not measure it")
    assert "nothing can be compared" in text
    assert "arc         support-tickets-3/base did not measure it" in text


def test_names_and_answers_cannot_act_on_the_terminal() -> None:
    bad = values.HOSTILE
    sample = replace(values.SAMPLE, prompt=bad, targets=(bad,), stratum=bad, cluster=bad, tags=(bad,))
    side = Side(bad, values.answer(sample, bad), {bad: Score(sample.id, 0.0, details={bad: bad})})
    rows = (GroupRow("cluster", bad, 1, 0, 1, 0),)
    task = TaskFlips(bad, bad, True, 1, 0, 1, 0, groups=rows, items={"broken": [Flip(side, side)]})
    hostile = replace(values.BASE, id=bad, notes=(bad,))
    text = goldens.printed(flips_screen(hostile, hostile, [task], not_compared={bad: bad}))
    assert not ACTING & set(text)
    assert "[bold red]pwn[/]" in text
