"""The worst of many cells, with the place where it was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class Found:
    """A share, and the cell that it belongs to."""

    share: float
    where: str

    @property
    def percent(self) -> float:
        return round(100 * self.share, 3)


def worst(cells: Iterable[Found]) -> Found:
    return max(cells)


def lowest(cells: Iterable[Found]) -> Found:
    return min(cells)
