"""Where one monthly cost falls below another and stays there: exact, also where cost rises in steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

PIECES = 500
"""How many stretches between two steps are looked at, from above; our choice, far beyond what offers need."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a month costs, by the number of requests."""

    once: Fraction
    """Whatever is asked, and however much."""
    step: Fraction
    """Once too, and once more for each further ``reach`` requests."""
    each: Fraction
    """For a request."""
    reach: Fraction | None
    """Requests that one ``step`` is enough for; ``None`` where it is enough for any number."""

    def at(self, requests: Fraction | int) -> Fraction:
        """The cost of so many requests; a part of one, as a mean has it, takes a whole step."""
        return self.once + self.step * self.steps(requests) + self.each * requests

    def steps(self, requests: Fraction | int) -> int:
        """How many steps so many requests take: one at least."""
        return 1 if self.reach is None else max(1, math.ceil(requests / self.reach))

    def begins(self, requests: int) -> int:
        """The fewest requests that take as many steps as these do."""
        steps = self.steps(requests)
        return 0 if self.reach is None or steps == 1 else math.floor(self.reach * (steps - 1)) + 1

    @property
    def slope(self) -> Fraction:
        """What a request costs in the long run, its share of the steps included."""
        return self.each + (self.step / self.reach if self.reach is not None else 0)

    @property
    def slack(self) -> Fraction:
        """By how much the cost lies above that slope at the most."""
        return self.once + self.step


def crossing(offer: Line, against: Line, most: int) -> int | None:
    """The fewest requests from which ``offer`` costs no more than ``against`` for good; ``None``: not within ``most``.

    Between two steps the difference is a straight line, so its last root below zero is found piece by piece from above.
    Above the first place looked at, the bounds of both lines show that it cannot become dearer again.
    """
    saved = against.slope - offer.slope
    if saved < 0 or (saved == 0 and _may_dip(offer, against)):
        return None
    # what ``against`` costs at the least less what ``offer`` costs at the most is positive from here on
    safe = (offer.slack - _least(against)) / saved if saved else Fraction(0)
    if safe > most:
        return None
    return _last_dearer(offer, against, max(0, math.ceil(safe))) + 1


def _least(line: Line) -> Fraction:
    """By how much a line lies above its slope at the least."""
    return line.once + (line.step if line.reach is None else 0)


def _may_dip(offer: Line, against: Line) -> bool:
    return offer.slack > _least(against)


def _last_dearer(offer: Line, against: Line, top: int) -> int:
    """The most requests up to ``top`` for which ``offer`` is the dearer; -1 where there are none.

    After ``PIECES`` stretches the lowest number that is proven is taken: the offer may pay for itself a little earlier.
    """
    change = against.each - offer.each
    for _ in range(PIECES):
        gain = against.at(top) - offer.at(top)
        if gain < 0:
            return top
        bottom = max(offer.begins(top), against.begins(top))
        # the line falls towards fewer requests: where it falls below zero within this stretch
        if change > 0 and (below := math.ceil(top - gain / change) - 1) >= bottom:
            return below
        if bottom == 0:
            return -1
        top = bottom - 1
    return top
