"""Where two lists of digests differ: what was changed, added, removed and moved."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_NAMED = 6
"""Stretches of rows that are named; of more it is said how many rows they are."""

Known = tuple[str, int]
"""A digest, and the how-manieth of its like it is."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Places, counted from 0 and in order."""

    changed: tuple[int, ...]
    """In the new list, where one stands in the place of an old one."""
    added: tuple[int, ...]
    """In the new list."""
    removed: tuple[int, ...]
    """In the old list."""
    moved: tuple[int, ...]
    """In the new list: the fewest that had to move."""
    sizes: tuple[int, int]
    """Of the old list and the new one."""

    def first(self) -> int | None:
        """The first place of the new list that is not as it was; ``None`` where something was only removed."""
        return min((*self.changed, *self.added, *self.moved), default=None)

    def words(self) -> str:
        """``rows 3 and 17 changed; 5 rows were added at the end (rows 301-305)``; nothing where nothing differs."""
        return "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        old, new = self.sizes
        if self.changed:
            every = len(self.changed) == new == old
            yield f"all {new:,} rows changed" if every else f"{_rows(self.changed)} changed"
        if self.added:
            at_the_end = " at the end" if self.added == tuple(range(new - len(self.added), new)) else ""
            yield f"{_counted(self.added)} added{at_the_end} ({_rows(self.added)})"
        if self.removed:
            yield f"{_counted(self.removed)} removed ({_rows(self.removed)} of before)"
        if self.moved:
            yield f"{_counted(self.moved)} moved (now {_rows(self.moved)})"


def differences(old: Sequence[str], new: Sequence[str]) -> Differences:
    """How ``new`` came of ``old``.

    What both have in common and in the same order stays, as much of it as there is: the longest increasing subsequence
    of the places, by patience sorting (Hunt and Szymanski, 1977, for elements that are all different; equal ones are
    told apart by their count). What stands between the same neighbours instead of another is changed.
    """
    start, end = _common(old, new)
    before, after = _numbered(old[start : len(old) - end]), _numbered(new[start : len(new) - end])
    places = {each: place for place, each in enumerate(before)}
    common = [(places[each], place) for place, each in enumerate(after) if each in places]
    stays = [common[index] for index in _increasing([place for place, _ in common])]
    there = set(after)
    moved = {place for _, place in common} - {place for _, place in stays}
    changed: list[int] = []
    added: list[int] = []
    removed: list[int] = []
    last_old = last_new = -1
    for next_old, next_new in [*stays, (len(before), len(after))]:
        gone = [place for place in range(last_old + 1, next_old) if before[place] not in there]
        came = [place for place in range(last_new + 1, next_new) if after[place] not in places]
        pairs = min(len(gone), len(came))
        changed += came[:pairs]
        added += came[pairs:]
        removed += gone[pairs:]
        last_old, last_new = next_old, next_new
    in_place = [tuple(start + place for place in each) for each in (changed, added, removed, sorted(moved))]
    return Differences(in_place[0], in_place[1], in_place[2], in_place[3], (len(old), len(new)))


def _common(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many at the beginning, and then at the end, are the same in both."""
    least = min(len(old), len(new))
    start = next((place for place in range(least) if old[place] != new[place]), least)
    end = next((place for place in range(least - start) if old[-1 - place] != new[-1 - place]), least - start)
    return start, end


def _numbered(digests: Sequence[str]) -> list[Known]:
    seen: Counter[str] = Counter()
    found = []
    for each in digests:
        found.append((each, seen[each]))
        seen[each] += 1
    return found


def _increasing(numbers: Sequence[int]) -> list[int]:
    """The indices of a longest increasing subsequence."""
    ends: list[int] = []
    tails: list[int] = []
    before: list[int | None] = []
    for index, number in enumerate(numbers):
        pile = bisect_left(ends, number)
        before.append(tails[pile - 1] if pile else None)
        ends[pile : pile + 1] = [number]
        tails[pile : pile + 1] = [index]
    found: list[int] = []
    at = tails[-1] if tails else None
    while at is not None:
        found.append(at)
        at = before[at]
    return found[::-1]


def _counted(places: Sequence[int]) -> str:
    return "1 row was" if len(places) == 1 else f"{len(places):,} rows were"


def _rows(places: Sequence[int]) -> str:
    """``row 3``, ``rows 3, 7-9 and 17``: counted from 1."""
    stretches: list[list[int]] = []
    for place in places:
        if stretches and stretches[-1][1] == place:
            stretches[-1][1] = place + 1
        else:
            stretches.append([place + 1, place + 1])
    words = [f"{first}" if first == last else f"{first}-{last}" for first, last in stretches[:_NAMED]]
    rest = sum(last - first + 1 for first, last in stretches[_NAMED:])
    words += [f"{rest:,} more"] if rest else []
    listed = f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
    return f"row{'s' if len(places) > 1 else ''} {listed}"
