"""Which class a row belongs to, where its answer is one of few: a label, a grade of people, a word that recurs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from harness import Row
from harness_datachecks.texts import last_answer

_LONGEST_LABEL = 40
_LEAST_REPEATED = 5
_MOST_LABELS = 100
_LEAST_ROWS = 20
_ALL_BUT_SLIPS = 0.98
_LOOKED_AT = 1_000


class Classes(NamedTuple):
    """The rows that have a class, each with its name."""

    rows: tuple[tuple[Row, str], ...]
    are_guessed: bool
    """Whether they are no labels by their format but short answers that recur."""


def classes(rows: Sequence[Row]) -> Classes | None:
    """The classes of the rows; ``None`` where most answers are texts of their own, or choices, which have positions."""
    labelled = tuple((row, name) for row in rows if (name := _label(row)) is not None)
    if 2 * len(labelled) > len(rows):
        return Classes(labelled, are_guessed=False)
    return _recurring(rows)


def _label(row: Row) -> str | None:
    if row.form == "classification":
        return row.answered.strip()
    if row.form == "kto" and isinstance(row.label, bool):
        return "liked" if row.label else "disliked"
    return None


def _recurring(rows: Sequence[Row]) -> Classes | None:
    """Answers that are labels in all but name: short, few, and each of them seen again and again."""
    if len(rows) < _LEAST_ROWS or not _are_short(rows[:: max(1, len(rows) // _LOOKED_AT)]):
        return None
    named = tuple((row, answer.strip()) for row in rows if (answer := last_answer(row)) is not None)
    if not _are_short(rows) or len(named) < _ALL_BUT_SLIPS * len(rows):
        return None
    kinds = len({name for _, name in named})
    if kinds > _MOST_LABELS or kinds * _LEAST_REPEATED > len(named):
        return None
    return Classes(named, are_guessed=True)


def _are_short(rows: Sequence[Row]) -> bool:
    short = sum((answer := last_answer(row)) is not None and 0 < len(answer.strip()) <= _LONGEST_LABEL for row in rows)
    return short >= _ALL_BUT_SLIPS * len(rows)
