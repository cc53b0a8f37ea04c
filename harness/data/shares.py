"""What came of a split: how many rows of which label stand on each side, and what to know of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.data.sides import SIDES, Ratios, Side, Sides
from harness.data.strata import Known

ENOUGH = 100
"""Rows that validation and test should have at least: fewer say little of a model."""

_NAMED = 5
_ROWS_OF_A_LABEL = 2
"""With so few labels a row, the column that was named is none of labels."""


@dataclass(frozen=True, slots=True)
class Share:
    """What stands on one side."""

    rows: int
    share: float
    """Of all rows on any side."""
    wanted: float
    labels: Mapping[str, int]
    """Label -> rows; empty where the split is not by label."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that no side can have."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A split before it is written."""

    known: Known
    sides: Sides
    ratios: Ratios
    by_label: bool

    def of_line(self) -> dict[int, Side]:
        """Line -> side."""
        sided = ((unit, self.sides.of.get(unit.key)) for unit in self.known.units)
        return {line: side for unit, side in sided if side is not None for line in unit.lines}

    def shares(self) -> dict[Side, Share]:
        """Of each side, labels in the order of their rows."""
        counts: dict[Side, Counter[str]] = {side: Counter() for side in SIDES}
        for line, side in self.of_line().items():
            counts[side][self.known.labels[line]] += 1
        total = sum(each.total() for each in counts.values())
        order = [label for label, _ in Counter(self.known.labels.values()).most_common()] if self.by_label else []
        return {
            side: Share(
                counts[side].total(),
                counts[side].total() / max(1, total),
                wanted,
                {label: counts[side][label] for label in order},
            )
            for side, wanted in zip(SIDES, self.ratios, strict=True)
        }

    def left_out(self) -> tuple[LeftOut, ...]:
        """The rows that no side can have, in the order of the file."""
        reasons = self.sides.left_out
        found = (
            LeftOut(line, reasons[unit.key]) for unit in self.known.units if unit.key in reasons for line in unit.lines
        )
        return tuple(sorted(found, key=lambda each: each.line))

    def warnings(self) -> tuple[str, ...]:
        """What a person must know before these sides are relied on."""
        return (*self._too_few(), *self._too_large(), *self._lacking(), *self._parted())

    def _too_few(self) -> Iterator[str]:
        for side, share in self.shares().items():
            if side != "train" and share.wanted and share.rows < ENOUGH:
                yield f"{side} has {share.rows:,} rows, fewer than {ENOUGH}: too few to tell small differences"
            elif side == "train" and not share.rows:
                yield "train has no rows"

    def _too_large(self) -> Iterator[str]:
        rows = sum(len(unit.lines) for unit in self.sides.largest)
        held_out = [
            (wanted, side) for side, wanted in zip(SIDES, self.ratios, strict=True) if wanted and side != "train"
        ]
        wanted, side = min(held_out, default=(1.0, "test"))
        room = round(wanted * len(self.known.labels))
        if rows > max(1, room):
            line = min(line for unit in self.sides.largest for line in unit.lines)
            yield (
                f"{rows:,} rows stay together as alike or of one group (the first: line {line}), more than the "
                f"{room:,} that {side} should have: the shares cannot be met"
            )

    def _lacking(self) -> Iterator[str]:
        if not self.by_label:
            return
        shares = self.shares()
        labels = len(shares["train"].labels)
        if labels * _ROWS_OF_A_LABEL > len(self.known.labels):
            yield f"{labels:,} labels for {len(self.known.labels):,} rows: they say little of what must be spread"
        for side, share in shares.items():
            lacks = [label for label, rows in share.labels.items() if not rows] if share.rows else []
            if lacks:
                more = f" and {len(lacks) - _NAMED:,} more" if len(lacks) > _NAMED else ""
                plural = "s" if len(lacks) > 1 else ""
                yield f"{side} has no row of the label{plural} {', '.join(map(repr, lacks[:_NAMED]))}{more}"

    def _parted(self) -> Iterator[str]:
        """What stands on two sides and stays, since no row moves."""
        if self.sides.crossing:
            one, other = self.sides.crossing[0]
            yield (
                f"{len(self.sides.crossing):,} pairs of near duplicates stand on two sides since an earlier split, and "
                f"stay there (the first: lines {one.lines[0]} and {other.lines[0]})"
            )
        sides: dict[str, set[Side]] = defaultdict(set)
        lines: dict[str, int] = {}
        for unit in self.known.units:
            if unit.key in self.sides.of and unit.group is not None:
                sides[unit.group].add(self.sides.of[unit.key])
                lines.setdefault(unit.group, unit.lines[0])
        parted = [lines[group] for group, its in sides.items() if len(its) > 1]
        if parted:
            yield (
                f"{len(parted):,} groups stand on more than one side (the first: line {parted[0]}), because rows that "
                "stay where they are came to them later"
            )
