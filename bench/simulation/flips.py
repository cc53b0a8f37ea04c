"""Right or wrong scores: what decides is how many items flipped each way, so chances can be added up exactly.

For each number of flips against the verdict there is a least number in favour from which the test rejects; rulings
are monotone in both, so that few calls of ``p_value`` tell it.
"""

from __future__ import annotations

import functools
from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.comparison.statistics import Array, Side, p_value

Counts = npt.NDArray[np.int64]

BOUNDS = (-1.0, 1.0)
SIDES: tuple[Side, Side] = (1, -1)

_NEGLIGIBLE = 1e-12


@dataclass(frozen=True, slots=True)
class Rates:
    """The chance of an item to be lost or gained."""

    losses: float
    gains: float

    @classmethod
    def of(cls, mean: float, discordance: float) -> Rates:
        """The rates with this mean change, where so many items flip in either direction."""
        return cls((discordance - mean) / 2, (discordance + mean) / 2)

    @property
    def cells(self) -> tuple[float, float, float]:
        """Lost, gained, as before."""
        return self.losses, self.gains, 1 - self.losses - self.gains


@dataclass(slots=True)
class Edge:
    """Where the test of one null at one level begins to reject."""

    items: int
    null: float
    alpha: float
    side: Side
    _known: dict[int, int] = field(default_factory=dict)

    def least(self, against: Counts) -> Counts:
        """The fewest flips in favour that reject, for each number against; more than ``items`` where none do."""
        distinct, where = np.unique(against, return_inverse=True)
        floor, found = 0, []
        for each in distinct.tolist():
            if each not in self._known:
                self._known[each] = self._search(each, floor)
            floor = self._known[each]
            found.append(floor)
        return np.array(found, dtype=np.int64)[where]

    def rejects(self, losses: Counts, gains: Counts) -> npt.NDArray[np.bool_]:
        """Which of these tables the test rejects."""
        against, favour = (losses, gains) if self.side > 0 else (gains, losses)
        return favour >= self.least(against)

    def chance(self, rates: Rates) -> float:
        """The chance to reject, exact."""
        against, favour = (rates.losses, rates.gains) if self.side > 0 else (rates.gains, rates.losses)
        ends = stats.binom.ppf([_NEGLIGIBLE, 1 - _NEGLIGIBLE], self.items, against).astype(int)
        counts = np.arange(max(ends[0], 0), ends[1] + 1)
        rest = self.items - counts
        tails = stats.binom.sf(self.least(counts) - 1, rest, min(favour / (1 - against), 1.0))
        return float((stats.binom.pmf(counts, self.items, against) * tails).sum())

    def _search(self, against: int, floor: int) -> int:
        most, low, step = self.items - against, floor, 1
        if floor > most:
            return self.items + 1
        if self._rejects(against, floor):
            return floor
        while not self._rejects(against, high := min(low + step, most)):
            if high == most:
                return self.items + 1
            low, step = high, 2 * step
        return bisect_left(range(high), True, lo=low + 1, key=lambda favour: self._rejects(against, favour))

    def _rejects(self, against: int, favour: int) -> bool:
        losses, gains = (against, favour) if self.side > 0 else (favour, against)
        return p_value(table(losses, gains, self.items), self.null, self.side, BOUNDS) <= self.alpha


@functools.cache
def edge(items: int, null: float, alpha: float, side: Side) -> Edge:
    """The edge, kept for all who ask: what one simulation found out serves the next."""
    return Edge(items, null, alpha, side)


def table(losses: int, gains: int, items: int) -> Array:
    """The differences of so many items, in order: sorting them again costs little."""
    return np.repeat([-1.0, 0.0, 1.0], [losses, items - losses - gains, gains])
