"""One test for every rule: a score test of a mean that stays honest when few items flip.

The usual tests divide by an observed standard error. Where hardly any item changed, that error collapses to 0 and a
broken model passes. The test here takes its variance under the hypothesis instead: the weights of the items are the
ones of greatest empirical likelihood among those whose mean is the value in question, and mass that the items cannot
hold goes to one unseen item at the bound. For right or wrong scores this is Tango's score test for paired shares
(Tango 1998), with the skewness correction of Laud (``ratesci``) and half a flip as continuity correction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy  # whole: its parts load at their first use, a second that a mere training does not pay

from harness.comparison.clusters import Design

Array = npt.NDArray[np.float64]
Values = Sequence[float] | Array
Bounds = tuple[float, float]
Side = Literal[1, -1]
"""+1 looks for evidence that the mean is above, -1 that it is below."""

_TINY = 1e-9
"""Relative to the width of the bounds: rounding, not a score."""


def p_value(values: Values, null: float, side: Side, bounds: Bounds, design: Design | None = None) -> float:
    """How surprising the values are if their true mean were on the wrong side of ``null``; small is evidence.

    ``side=+1`` tests "the mean is at most ``null``", ``side=-1`` "the mean is at least ``null``". ``values`` are
    independent: differences candidate - baseline of the same items, the same with a share of the baseline given back,
    or the scores of one run. ``bounds`` are the least and greatest value that an item could have.

        p_i = 1 / (n (1 + lam w_i)),  w = values - null,  sum p_i w_i = 0     constrained weights
        T = (sum w - jump / 2) / sqrt(n V),  V = sum p w^2                    jump = mean size of one flip
        T = z + g/6 (z^2 - 1), solved for z;  p = 1 - Phi(z)                  g = skewness under the null / sqrt(n)

    Where the observed mean itself is on the wrong side, p is only known to be large (about one half or more).

    With a ``design`` (``clusters.design`` of the same values) the items of a cluster are not independent: counts are
    divided by the design effect, p comes from Student's t with the effective number of clusters, and the larger of two
    skewness corrections counts, the one above and, as far as the variance comes from the clusters, Hall's cubic
    transformation (Hall 1992). And p is never below the chance that no cluster was drawn of a share that, broken whole,
    would make the hypothesis true: clusters in which nothing flips say nothing of those that were not seen.

    Valid range: levels up to 5 %. Differences of right or wrong scores, by exact enumeration: with at least a fifth of
    the items unchanged the error is at most the level from n = 50 on (worst 4.98 % of 5 %; 5.13 % at n = 30). The share
    of right answers of one run: at most the level for every n from 5 to 200, its bound 0.5 points wider than
    Clopper-Pearson's at n = 20 and 0.1 at n = 200. Other bounded scores, by simulation from n = 50 on: at most 5.3 %.
    Raises ``ValueError`` without values or with one outside its bounds.
    """
    data = _checked(values, bounds)
    if side < 0:
        data, null, bounds = -data, -null, (-bounds[1], -bounds[0])
    low, high = bounds
    if null >= high:
        return 1.0
    if null <= low:
        return 0.0 if null < low or data.max() > low else 1.0
    fit = _constrained(data, null, bounds)
    if fit.variance <= (_TINY * (high - low)) ** 2:
        return 1.0  # the values and the null differ by rounding: no evidence
    inflation = design.inflation if design else 1.0
    items = fit.items / inflation
    statistic = (fit.excess / inflation - fit.jump / 2) / math.sqrt(items * fit.variance)
    skewness = fit.third_moment / fit.variance**1.5
    score = _unskewed(statistic, skewness / math.sqrt(items))
    if design is None:
        return float(scipy.special.ndtr(-score))
    between = _halls_cubic(statistic, skewness / math.sqrt(fit.items) * design.skew)
    mixed = (1 - design.shared) * score + design.shared * between
    found = float(scipy.special.stdtr(design.degrees_of_freedom, -min(score, mixed)))
    return max(found, _none_drawn(fit, null, low, design))


def bound(values: Values, alpha: float, side: Side, bounds: Bounds, design: Design | None = None) -> float:
    """The one-sided confidence bound of the mean: lower for ``side=+1``, upper for ``side=-1``, at level 1 - alpha.

    It inverts ``p_value``: the lower bound is above a number exactly when the test against that number rejects. With
    no flips it is the honest "a drop is at most ...", not 0. Where nothing can be excluded it is the bound itself.
    """
    data = _checked(values, bounds)
    step = side * _TINY * (bounds[1] - bounds[0])
    edge = float(bounds[0] if side > 0 else bounds[1])
    far, near = edge + step, float(data.mean()) - step

    def gap(null: float) -> float:
        return p_value(data, null, side, bounds, design) - alpha

    if side * (near - far) <= 0 or gap(far) >= 0 or gap(near) <= 0:
        return edge
    return float(scipy.optimize.brentq(gap, far, near, xtol=abs(step)))


def interval(values: Values, bounds: Bounds, level: float = 0.95, design: Design | None = None) -> tuple[float, float]:
    """The two-sided interval of the mean, each end a one-sided bound at half of what ``level`` leaves."""
    alpha = (1 - level) / 2
    return bound(values, alpha, 1, bounds, design), bound(values, alpha, -1, bounds, design)


def t_p_value(values: Values, null: float, side: Side) -> float:
    """The p-value of Student's paired t: the fallback for metrics without bounds, NOT certified.

    One unseen item can move the mean of an unbounded metric by any amount, so no test of it holds its level for all
    data; whoever shows this number says so. Equal values say nothing about their spread: the answer is 1.
    """
    data = np.asarray(values, dtype=np.float64)
    error = _standard_error(data)
    if error == 0:
        return 1.0
    return float(scipy.special.stdtr(len(data) - 1, -side * (data.mean() - null) / error))


def t_bound(values: Values, alpha: float, side: Side) -> float:
    """The one-sided bound that goes with ``t_p_value``, infinite where the values say nothing; NOT certified."""
    data = np.asarray(values, dtype=np.float64)
    error = _standard_error(data)
    if error == 0:
        return -side * math.inf
    return float(data.mean() + side * scipy.special.stdtrit(len(data) - 1, alpha) * error)


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses fall when the chance of even one wrong fall is to stay at ``alpha`` (Holm 1979)."""
    return [adjusted <= alpha for adjusted in holm_adjusted(p_values)]


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """The p-values as they may be read side by side, in the order given (Holm's step-down, any dependence)."""
    adjusted, floor = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = floor
    return adjusted


def is_within(values: Values, bounds: Bounds) -> bool:
    """Whether every value lies in its bounds, but for rounding; a value that is no number does not."""
    slack = _TINY * (bounds[1] - bounds[0])
    data = np.asarray(values, dtype=np.float64)
    return bool(np.all((data >= bounds[0] - slack) & (data <= bounds[1] + slack)))


@dataclass(frozen=True, slots=True)
class _Fit:
    """The items as they would be weighted if the mean were the null value."""

    items: int
    excess: float
    variance: float
    third_moment: float
    jump: float


def _constrained(data: Array, null: float, bounds: Bounds) -> _Fit:
    points, counts = np.unique(data, return_counts=True)
    items, low, off = len(data), bounds[0], points - null
    excess = _weighted(counts, off)
    tilt = _tilt(counts, off, null - low) if excess > 0 else 0.0
    weights = counts / items / (1 + tilt * off)
    # One unseen item at the bound takes what the seen ones cannot hold.
    points, off = np.append(points, low), np.append(off, low - null)
    weights = np.append(weights, max(1 - float(weights.sum()), 0.0))
    jump = _jump(points - _rest(data), weights)
    return _Fit(items, excess, _weighted(weights, off**2), _weighted(weights, off**3), jump)


def _tilt(counts: npt.NDArray[np.int64], off: Array, room: float) -> float:
    """The lam in [0, 1 / room] that puts the weighted mean on the null value, or as near as it goes."""

    def pull(tilt: float) -> float:
        return _weighted(counts, off / (1 + tilt * off))

    # An item on the bound itself makes the pull infinite at the end of the range: stop just before.
    top = 1 / room if off[0] > -room else (1 - 1e-13) / room
    return top if pull(top) >= 0 else float(scipy.optimize.brentq(pull, 0.0, top, xtol=1e-13, rtol=1e-13))


def _rest(data: Array) -> float:
    """The value from which a flip is measured: that of most items, their lower median.

    No change, where most items did not change. But right answers that keep a relative margin of m all score m, and a
    flip takes them to m - 1; and where every item is a win or a loss, a flip takes it from one to the other. Measured
    from 0 the flips there would be half as large, and the error 7 % instead of 5 %; for the scores of one run, 0.1 for
    most items and 1 for a few, 9.5 % at n = 20.
    """
    return float(np.sort(data)[(len(data) - 1) // 2])


def _jump(sizes: Array, weights: Array) -> float:
    """Mean size of one flip, larger ones counting more: 1 for right or wrong scores."""
    total = _weighted(weights, np.abs(sizes))
    return _weighted(weights, sizes**2) / total if total > 0 else 0.0


def _weighted(weights: Array | npt.NDArray[np.int64], values: Array) -> float:
    # Not ``@``: on vectors this short its threads cost more than they save, thirty times so on a busy machine.
    return float((weights * values).sum())


def _unskewed(statistic: float, skewness: float) -> float:
    """The z of ``statistic = z + skewness / 6 (z^2 - 1)``; at the vertex where there is none, which keeps p honest."""
    bend = skewness / 6
    if abs(bend) < 1e-8:
        return statistic
    return (math.sqrt(max(1 + 4 * bend * (statistic + bend), 0.0)) - 1) / (2 * bend)


def _none_drawn(fit: _Fit, null: float, low: float, design: Design) -> float:
    """The chance to draw none of the clusters that, broken to their last item, would make the null true."""
    distance = max(fit.excess / fit.items, 0.0)
    return float((1 - distance / (distance + null - low)) ** design.effective)


def _halls_cubic(statistic: float, skewness: float) -> float:
    """A statistic whose variance was estimated, freed of its skewness: monotone, so a larger one stays larger."""
    third = skewness / 3
    return statistic + third * statistic**2 + third**2 / 3 * statistic**3 + skewness / 6


def _standard_error(data: Array) -> float:
    return float(data.std(ddof=1)) / math.sqrt(len(data)) if len(data) > 1 else 0.0


def _checked(values: Values, bounds: Bounds) -> Array:
    data = np.asarray(values, dtype=np.float64)
    if not len(data):
        raise ValueError("there are no values")
    if not is_within(data, bounds):
        raise ValueError(f"values from {data.min():g} to {data.max():g} lie outside their bounds {bounds}")
    return np.clip(data, *bounds)
