"""Stopping early without fooling oneself: looks fixed beforehand, or a bet that may be settled at any time.

Two targets, and a suite names which one it means. *Population*: the claim is about new items like these; a plan of
looks shares the level out, and the test of every look is the usual one. *This benchmark*: the claim is about the score
that the whole benchmark would give; the only chance is the order of the items, so a bet against that order decides,
and at the last item nothing is left to chance.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import scipy

from harness.comparison.statistics import Array, Bounds, Side, Values

LOOKS = 16
EARLY = 0.3
"""The share of the level that is spent before the last look."""

_GRID = 801
_REACH = 8.0
"""How far the grid of the recursion goes, in standard deviations."""

_HALVINGS = 40
_TINY = 1e-12

_STAKES = np.array([0.03, 0.06, 0.12, 0.25, 0.5, 0.99])
"""Shares of the fortune that are bet side by side: small ones win slowly on noisy items, large ones at once on calm."""


def schedule(total: int, margin: float, looks: int = LOOKS) -> tuple[int, ...]:
    """The numbers of items at which to look, the last one ``total``.

    They grow geometrically from ``3.4 / margin``: with fewer items not even a run without a flip could hold the margin
    at the level of an early look.
    """
    first = min(total, math.ceil(3.4 / margin))
    if first >= total:
        return (total,)
    return tuple(int(items) for items in np.unique(np.round(np.geomspace(first, total, looks))))


@functools.lru_cache(maxsize=256)
def levels(looks: tuple[int, ...], alpha: float, early: float = EARLY) -> tuple[float, ...]:
    """The one-sided level of the test at each look, so that the chance to err at any of them is ``alpha``.

    The share ``early`` of ``alpha`` is spent in equal parts before the last look, the rest there. The levels come from
    the recursion of Armitage, McPherson and Rowe (1969) for a normal sum watched at these times. Valid at these looks
    and at no others. By simulation of 40,000 runs at the boundary: at most 5.03 % for ``alpha`` 5 %.
    """
    times = np.array(looks, dtype=np.float64) / looks[-1]
    spent = alpha * np.append(early * np.arange(1, len(looks)) / max(len(looks) - 1, 1), 1.0)
    grid = np.linspace(-_REACH, _REACH, _GRID)
    first = float(-scipy.special.ndtri(spent[0]))
    sums = grid * math.sqrt(times[0])
    density, limit = _normal(grid) / math.sqrt(times[0]), first * math.sqrt(times[0])
    found = [float(spent[0])]
    for look in range(1, len(looks)):
        step = math.sqrt(times[look] - times[look - 1])
        weights = np.gradient(sums) * density * (sums < limit)
        deviation = math.sqrt(times[look])
        cut = _critical(sums, weights, step, deviation, float(spent[look] - spent[look - 1]))
        later = grid * deviation
        density = (weights * _normal((later[:, None] - sums) / step) / step).sum(axis=1)
        sums, limit = later, cut * deviation
        found.append(min(float(scipy.special.ndtr(-cut)), alpha))
    return tuple(found)


def bet_p_value(values: Values, total: int, null: float, side: Side, bounds: Bounds) -> float:
    """How surprising the first values of a shuffled whole are if the mean of the whole were on the wrong side.

    ``values`` are the first of ``total``, in an order drawn at random before any was seen; the question is about the
    mean of all of them: for ``side=+1`` whether it is at least ``null``, for ``side=-1`` whether it is less. Each value
    is bet on at odds that are fair given what is left (Waudby-Smith and Ramdas 2020, without replacement); by Ville's
    inequality the fortune ever exceeds ``1 / p`` with a chance of at most p, so this may be read after every item.
    It is 0 or 1 once nothing that is left can change the answer: then chance has no part in it any more.
    """
    data = np.asarray(values, dtype=np.float64)
    low, high = bounds
    owed, left = total * null - float(data.sum()), total - len(data)
    slack = _TINY * total * (high - low)  # rounding of a sum
    if owed - left * low <= slack:
        return 0.0 if side > 0 else 1.0
    if owed - left * high > slack:
        return 1.0 if side > 0 else 0.0
    return _fortune(data, total, null, low) if side > 0 else _fortune(-data, total, -null, -high)


def bet_bound(values: Values, total: int, alpha: float, side: Side, bounds: Bounds) -> float:
    """The one-sided bound of the mean of the whole at level 1 - alpha, by inverting ``bet_p_value``.

    It can be read after every item; after the last it is the mean itself.
    """
    data = np.asarray(values, dtype=np.float64)
    edge, other = (bounds[0], bounds[1]) if side > 0 else (bounds[1], bounds[0])

    def gap(null: float) -> float:
        return bet_p_value(data, total, null, side, bounds) - alpha

    # Not a root finder: where the answer is certain the p-value jumps from 1 to 0.
    rejected, kept = edge - side * (bounds[1] - bounds[0]) * _TINY, other
    if gap(edge) > 0:
        return edge
    for _ in range(_HALVINGS):
        middle = (rejected + kept) / 2
        rejected, kept = (middle, kept) if gap(middle) <= 0 else (rejected, middle)
    return rejected


def _fortune(data: Array, total: int, null: float, low: float) -> float:
    seen = np.append(0.0, np.cumsum(data)[:-1])
    # The mean of what was left before each item, if the hypothesis were just true.
    fair = (total * null - seen) / (total - np.arange(len(data)))
    room = fair - low
    # Without room nothing but a tie is left, and nothing to bet on.
    gains = np.maximum(np.divide(data - fair, room, out=np.zeros_like(fair), where=room > 0), -1.0)
    fortunes = scipy.special.logsumexp(np.cumsum(np.log1p(_STAKES[:, None] * gains), axis=1), axis=0)
    best = float(np.max(fortunes, initial=0.0)) - math.log(len(_STAKES))
    return min(1.0, math.exp(-best))


def _critical(sums: Array, weights: Array, step: float, deviation: float, spend: float) -> float:
    """The normal score that is passed for the first time at this look with chance ``spend``."""

    def excess(score: float) -> float:
        return float((weights * scipy.special.ndtr((sums - score * deviation) / step)).sum()) - spend

    return float(scipy.optimize.brentq(excess, -2.0, _REACH))


def _normal(scores: Array) -> Array:
    density: Array = np.exp(-(scores**2) / 2) / math.sqrt(2 * math.pi)
    return density
