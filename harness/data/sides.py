"""Which side of a split a row belongs on: what belongs together stays together, and what stood on a side stays there.

A side is told by a hash with a seed, never by a place in a shuffle, so neither the order of the rows nor further rows
move one. Only where labels shall have their shares do the groups of a label fill the sides, in the order of their
hashes; then it is the sides of an earlier split, given as ``Stood``, that keep rows from moving.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Literal

from harness import similarity
from harness.similarity import Alike

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")
Ratios = tuple[float, float, float]
"""The shares of train, validation and test."""

_RANGE = 1 << 64
_ENOUGH_FOR_ALL = 5
"""So many rows of a label give every side one of them at least; fewer may leave a held-out side without."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The rows of one group that ask the same."""

    asked: str
    """Digest of what they ask."""
    text: str
    lines: tuple[int, ...]
    group: str | None = None
    """Digest of the group, such as a customer, that they belong to."""
    label: str = ""
    """That of most of them; all have the same where labels do not matter."""

    @property
    def key(self) -> str:
        """What it is known by in later splits."""
        return self.asked if self.group is None else f"{self.asked}-{self.group}"

    @property
    def ties(self) -> tuple[str, ...]:
        """What no split may part: units that have one of these in common."""
        return (self.asked,) if self.group is None else (self.asked, self.group)


@dataclass(frozen=True, slots=True)
class Stood:
    """Where rows and groups stood in an earlier split."""

    rows: Mapping[str, Side] = field(default_factory=dict)
    groups: Mapping[str, Side] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Method:
    """How sides are chosen."""

    seed: int
    ratios: Ratios
    near: float
    """From this similarity on two texts are near duplicates; 0 looks for none."""
    by_label: bool


@dataclass(frozen=True, slots=True)
class Sides:
    """The side of each unit."""

    of: Mapping[str, Side]
    """Key -> side; without what is left out."""
    left_out: Mapping[str, str]
    """Key -> why no side can have it."""
    largest: tuple[Unit, ...]
    """The largest set of units that stay together."""
    crossing: tuple[tuple[Unit, Unit], ...] = ()
    """Near duplicates that stood on two sides before, and stay there."""


def assigned(units: Sequence[Unit], method: Method, stood: Stood) -> Sides:
    """The side of each unit: near duplicates on one, rows of one group on one, and those that stood where they stood.

    A new row that would join rows of two sides is left out: with either side it would be a leak.
    """
    return _Assignment(units, method, stood).sides()


class _Assignment:
    """Carries the units through the steps; they are known by their index."""

    def __init__(self, units: Sequence[Unit], method: Method, stood: Stood) -> None:
        self.units, self.method, self.stood = units, method, stood
        self.of: dict[str, Side] = {unit.key: stood.rows[unit.key] for unit in units if unit.key in stood.rows}
        self.left_out: dict[str, str] = {}
        self.largest: list[int] = []
        self.claims: dict[int, dict[Side, str]] = defaultdict(dict)
        """New unit -> the sides that rows which stood claim it for, each with what claims it, in words."""

    def sides(self) -> Sides:
        self._claim()
        new = [index for index, unit in enumerate(self.units) if unit.key not in self.of]
        torn = [index for index in new if len(self.claims[index]) > 1]
        for index in torn:
            self._leave_out(index, self.claims[index])
        free: list[list[int]] = []
        for together in self._whole([index for index in new if index not in set(torn)]):
            self.largest = max(self.largest, together, key=self._rows)
            side = next((side for index in together for side in self.claims[index]), None)
            free += [together] if side is None else []
            self.of.update({self.units[index].key: side for index in together} if side else {})
        self._fill(free)
        largest = tuple(self.units[index] for index in self.largest)
        return Sides(self.of, self.left_out, largest, self._crossing() if self.stood.rows and new else ())

    def _crossing(self) -> tuple[tuple[Unit, Unit], ...]:
        """Near duplicates on two sides: a new one is left out, two old ones stay.

        What words weigh depends on all texts, so that two that stood apart well may be near among more of them.
        """
        while self.method.near:
            there = [unit for unit in self.units if unit.key in self.of]
            pairs = similarity.near_duplicates([unit.text for unit in there], least=self.method.near)
            both = [(there[pair.first], there[pair.second]) for pair in pairs]
            both = [(one, other) for one, other in both if self.of[one.key] != self.of[other.key]]
            new = {unit.key: pair for pair in both for unit in pair if unit.key not in self.stood.rows}
            if not new:
                return tuple(both)
            for key, (one, other) in new.items():
                self.left_out[key] = f"tied to {self._words(other if one.key == key else one)}"
            for key in new:
                del self.of[key]
        return ()

    def _claim(self) -> None:
        old = [index for index, unit in enumerate(self.units) if unit.key in self.of]
        new = [index for index, unit in enumerate(self.units) if unit.key not in self.of]
        known: dict[str, dict[Side, str]] = defaultdict(dict)
        for group, side in self.stood.groups.items():
            known[group][side] = f"rows of its group on {side}"
        for unit in (self.units[index] for index in old):
            for tie in unit.ties:
                known[tie].setdefault(self.of[unit.key], self._words(unit))
        for index in new:
            for tie in self.units[index].ties:
                self.claims[index] = known.get(tie, {}) | self.claims[index]
        if self.method.near and old:
            texts = [self.units[index].text for index in new]
            among = [self.units[index].text for index in old]
            for alike in similarity.near_matches(texts, among, least=self.method.near):
                other = self.units[old[alike.second]]
                self.claims[new[alike.first]].setdefault(self.of[other.key], self._words(other))

    def _words(self, unit: Unit) -> str:
        return f"line {unit.lines[0]} on {self.of[unit.key]}"

    def _whole(self, members: Sequence[int]) -> Iterator[list[int]]:
        """The members in sets that stay together, none claimed for two sides; what would join two sides is left out."""
        for together in self._together(members):
            claimed = Counter(side for index in together for side in self.claims[index])
            if len(claimed) < 2:
                yield together
                continue
            kept = max(SIDES, key=lambda side: claimed[side])
            out = [index for index in together if self.claims[index] and kept not in self.claims[index]]
            for index in out:
                self._leave_out(index, self.claims[index] | {kept: f"rows on {kept} by way of other new rows"})
            # without these the others may not hang together any more
            yield from self._whole([index for index in together if index not in set(out)])

    def _leave_out(self, index: int, ties: Mapping[Side, str]) -> None:
        self.left_out[self.units[index].key] = "tied to " + " and ".join(ties[side] for side in SIDES if side in ties)

    def _together(self, members: Sequence[int]) -> list[list[int]]:
        pairs: list[Alike] = []
        if self.method.near:
            pairs += similarity.near_duplicates([self.units[index].text for index in members], least=self.method.near)
        first: dict[str, int] = {}
        for place, index in enumerate(members):
            for tie in self.units[index].ties:
                if (earlier := first.setdefault(tie, place)) != place:
                    pairs.append(Alike(earlier, place, 1.0))
        found: dict[int, list[int]] = defaultdict(list)
        for index, group_of in zip(members, similarity.groups(len(members), pairs), strict=True):
            found[group_of].append(index)
        return list(found.values())

    def _fill(self, free: Sequence[list[int]]) -> None:
        """Give sides to what no earlier row claims."""
        if not self.method.by_label:
            for together in free:
                self._put(together, by_hash(self._position(together), self.method.ratios))
            return
        strata: dict[str, list[list[int]]] = defaultdict(list)
        for together in free:
            strata[self._label(together)].append(together)
        counts = self._counts()
        for label, sets in strata.items():
            total = sum(counts[label].values()) + sum(self._rows(each) for each in sets)
            wanted = quotas(total, self.method.ratios, f"{self.method.seed}:{label}")
            for together in sorted(sets, key=lambda each: (-self._rows(each), self._position(each))):
                side = max(SIDES, key=lambda side: wanted[side] - counts[label][side])
                counts[label][side] += self._rows(together)
                self._put(together, side)

    def _counts(self) -> dict[str, Counter[Side]]:
        """Label -> how many rows of it stand on each side so far."""
        counts: dict[str, Counter[Side]] = defaultdict(Counter)
        for unit in self.units:
            if unit.key in self.of:
                counts[unit.label][self.of[unit.key]] += len(unit.lines)
        return counts

    def _label(self, together: Sequence[int]) -> str:
        labels: Counter[str] = Counter()
        for index in together:
            labels[self.units[index].label] += len(self.units[index].lines)
        return min(labels, key=lambda label: (-labels[label], label))

    def _position(self, together: Iterable[int]) -> Fraction:
        """From 0 to below 1, by the name of the set: the least of its groups, or of what is asked outside of any."""
        names = (self.units[index].group or self.units[index].asked for index in together)
        return position(self.method.seed, min(names))

    def _rows(self, together: Iterable[int]) -> int:
        return sum(len(self.units[index].lines) for index in together)

    def _put(self, together: Iterable[int], side: Side) -> None:
        self.of.update({self.units[index].key: side for index in together})


def position(seed: int, name: str) -> Fraction:
    """Where a name falls between 0 and 1 under a seed: evenly spread, and the same for all time."""
    return Fraction(int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big"), _RANGE)


def by_hash(place: Fraction, ratios: Ratios) -> Side:
    """The side of a place: test lies at the beginning, validation at the end, train between.

    So other shares move rows between train and a held-out side, and never from one held-out side to the other.
    """
    _, validation, test = _exact(ratios)
    return "test" if place < test else "validation" if place >= 1 - validation else "train"


def quotas(total: int, ratios: Ratios, salt: str) -> dict[Side, int]:
    """How many of ``total`` rows each side should have: by the largest remainder, a draw deciding between equal ones.

    From ``5`` rows on every side that has a share gets one at least.
    """
    shares = dict(zip(SIDES, _exact(ratios), strict=True))
    exact = {side: total * share / sum(shares.values()) for side, share in shares.items()}
    found: dict[Side, int] = {side: int(value) for side, value in exact.items()}
    order = sorted(SIDES, key=lambda side: (found[side] - exact[side], position(0, f"{salt}:{side}")))
    for side in order[: total - sum(found.values())]:
        found[side] += 1
    for side in SIDES[1:]:
        if total >= _ENOUGH_FOR_ALL and shares[side] and not found[side]:
            most = max(found, key=lambda each: found[each])
            found[side], found[most] = 1, found[most] - 1
    return found


@cache
def _exact(ratios: Ratios) -> tuple[Fraction, ...]:
    """As they are written: 0.7 is seven tenths, not the nearest number that a machine can hold."""
    return tuple(Fraction(str(ratio)) for ratio in ratios)
