"""Levels and power of the test on right or wrong scores, every possible table counted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from harness.comparison.power import items_needed
from harness.comparison.statistics import Side, p_value
from simulation.flips import BOUNDS, SIDES, Edge, Rates, edge
from simulation.found import Found

NULLS = (-0.1, -0.05, -0.03, -0.0225, -0.01, -0.005, 0.0, 0.005, 0.01, 0.02, 0.05)
BOTH_WAYS = (0.0005, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
"""How many items flip beyond those that one direction alone would need."""
MOST_FLIPS = 0.3
MOST_FLIPS_OF_ALL = 0.9

MARGINS = (0.005, 0.01, 0.02, 0.0225, 0.03, 0.05, 0.1)
DISCORDANCES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)


def grid(items: int, alpha: float, nulls: Sequence[float] = NULLS) -> Iterator[Found]:
    """The error at each null, from flips in one direction alone up to many in both."""
    for null, side in itertools.product(nulls, SIDES):
        discordances = sorted({abs(null), *(min(abs(null) + more, MOST_FLIPS) for more in BOTH_WAYS)} - {0.0})
        for discordance in discordances:
            error = edge(items, null, alpha, side).chance(Rates.of(null, discordance))
            yield Found(error, _cell(items, null, discordance, side))


def fine(items: int, alpha: float, steps: int) -> Iterator[Found]:
    """The error at margins close together, and any number of gains for each loss."""
    for margin in np.geomspace(0.3 / items, 0.3, steps).tolist():
        test = Edge(items, -margin, alpha, 1)
        for ratio in (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95):
            losses = margin / (1 - ratio)
            if losses * (1 + ratio) <= MOST_FLIPS_OF_ALL:
                error = test.chance(Rates(losses, losses * ratio))
                yield Found(error, _cell(items, -margin, losses * (1 + ratio), 1))


def tiny(items: int, alpha: float) -> Iterator[Found]:
    """The error where hardly one flip against is expected, for margins and for gains asked for."""
    for expected, ratio in itertools.product((1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0), (0.0, 0.5, 0.9, 0.95)):
        often, seldom = expected / items, expected / items * ratio
        for rates in (Rates(often, seldom), Rates(seldom, often)):
            null = rates.gains - rates.losses
            for side in SIDES:
                error = Edge(items, null, alpha, side).chance(rates)
                yield Found(error, _cell(items, null, often + seldom, side))


def first_without_flips(margin: float, alpha: float = 0.05) -> int:
    """The number of items from which a margin passes without one flip."""
    return next(n for n in itertools.count(1) if p_value(np.zeros(n), -margin, 1, BOUNDS) <= alpha)


def power(items: int, margin: float, discordance: float, alpha: float = 0.05) -> float:
    """The chance to pass when nothing dropped."""
    return edge(items, -margin, alpha, 1).chance(Rates.of(0.0, discordance))


def planned(most: int, margins: Sequence[float] = MARGINS) -> Iterator[Found]:
    """The power at the number of items that the plan asks for, where that is not beyond ``most``."""
    for margin, discordance in itertools.product(margins, DISCORDANCES):
        items = items_needed(margin, discordance)
        if items is not None and items <= most:
            yield Found(power(items, margin, discordance), f"margin {margin:g}, flips {discordance:g}, n {items}")


def _cell(items: int, null: float, discordance: float, side: Side) -> str:
    verdict = "passed" if side > 0 else "failed"
    return f"{verdict}, n {items}, null {null:.4g}, flips {discordance:.4g}"
