"""How far raters have come; it says nothing of what they think."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """What one rater said of one item, as a number; ``None`` where it was skipped."""

    rater: str
    item: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Tally:
    """One rater's work."""

    rater: str
    given: int
    """Items with a verdict."""
    skipped: int
    open: int
    """Items that are neither."""


def tallies(words: Iterable[Word], asked: Sequence[str]) -> tuple[Tally, ...]:
    """Every rater's work on the items that are asked, by name."""
    found = []
    for rater, said in sorted(_by_rater(words).items()):
        values = [said[item] for item in asked if item in said]
        skipped = sum(value is None for value in values)
        found.append(Tally(rater, len(values) - skipped, skipped, len(asked) - len(values)))
    return tuple(found)


def table(words: Iterable[Word], asked: Sequence[str]) -> dict[str, list[float | None]]:
    """Rater -> the value of each item that is asked, ``None`` where there is none; how agreement is reckoned."""
    return {rater: [said.get(item) for item in asked] for rater, said in sorted(_by_rater(words).items())}


def _by_rater(words: Iterable[Word]) -> dict[str, dict[str, float | None]]:
    """A rater's last word on an item is the one that counts."""
    found: dict[str, dict[str, float | None]] = {}
    for word in words:
        found.setdefault(word.rater, {})[word.item] = word.value
    return found
