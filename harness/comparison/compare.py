"""What the table shows: one arm's estimate, and the candidate against a baseline, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from harness.comparison.evidence import (
    Evidence,
    Question,
    Sides,
    as_array,
    as_scheduled,
    change,
    finite,
    groups,
    level,
    level_at,
    method,
    sides,
)
from harness.comparison.statistics import Array, Bounds, Values, is_within, t_bound
from harness.values import Delta, Estimate, Pair, Score

Aggregate = Callable[[Sequence[Score]], float]

_EACH_END = 0.025
"""A two-sided 95 % interval is two one-sided bounds."""


def estimate(
    task: str,
    metric: str,
    scores: Sequence[Score],
    bounds: Bounds | None,
    aggregate: Aggregate,
    clusters: Mapping[str, str | None] | None = None,
    shares: Values | None = None,
) -> Estimate:
    """The metric's value over the scored samples, with a two-sided 95 % interval of the mean.

    Missing scores widen the interval to what they could do at worst and at best, and ``clusters`` (of each sample's id)
    to what groups of items tell. Where the value is reckoned from sums, the scored items' ``shares`` in it
    (``whole.shares``) give Student's interval, which is not certified. ``low`` and ``high`` are ``None`` for other
    metrics whose value is not the mean of their scores, for metrics without bounds, and without any score.
    """
    scored = [score for score in scores if _is_known(score.value)]
    values = as_array(score.value if _is_known(score.value) else None for score in scores)
    value = aggregate(scored) if scored else None
    own = {} if clusters is None else clusters
    pairs = tuple(Pair(each.sample_id, None, each.value, cluster=own.get(each.sample_id)) for each in scores)
    evidence = Evidence(task, metric, "", pairs, True, finite(bounds))
    asked = level(values, 0.0, finite(bounds))
    if shares is not None:
        whole = len(scored) == len(scores) and groups(pairs) is None
        low, high = _jackknifed(np.asarray(shares, dtype=np.float64), finite(bounds)) if whole else (None, None)
    else:
        low, high = _ends(evidence, asked) if _is_mean(aggregate, scored) else (None, None)
    return Estimate(task, metric, value, low, high, len(scored), len(scores) - len(scored))


def delta(evidence: Evidence) -> Delta:
    """The candidate against the baseline on the same samples; up is better, whatever the metric's own direction.

    ``baseline`` and ``candidate`` are the means of the metric's own scores over the complete pairs, ``change`` their
    difference turned so that up is better. The two-sided 95 % interval counts missing scores at their worst and at
    their best, and holds after an early stop; it is ``None`` for metrics without bounds, for which none is certain to.
    Shares in a value that is reckoned from sums have Student's interval, which is not certified, where none is missing.
    A judge's scores are taken as they are, whatever people say of them.
    """
    evidence, off_schedule = as_scheduled(evidence)
    pairs, higher_is_better = evidence.pairs, evidence.higher_is_better
    both = sides(pairs, higher_is_better, evidence.bounds)
    complete = both.complete
    baseline, candidate = both.baseline[complete], both.candidate[complete]
    own = 1.0 if higher_is_better else -1.0
    low, high = _ends(evidence, change(both)) if both.keep_their_bounds and not off_schedule else (None, None)
    if evidence.over_sums and not off_schedule and complete.all() and groups(pairs) is None:
        low, high = _jackknifed(candidate - baseline)
    return Delta(
        task=evidence.task,
        metric=evidence.metric,
        against=evidence.against,
        baseline=_mean(own * baseline),
        candidate=_mean(own * candidate),
        change=_mean(candidate - baseline),
        low=low,
        high=high,
        pairs=int(complete.sum()),
        fixed=int((both.moved > 0).sum()),
        broken=int((both.moved < 0).sum()),
        missing=int((~complete).sum()),
        preserved=None if evidence.are_preferences else _preserved(both),
    )


def _ends(evidence: Evidence, asked: Question) -> tuple[float | None, float | None]:
    bounds = asked.bounds
    if bounds is None or not len(asked.observed) or not is_within(asked.observed, bounds):
        return None, None
    test, alpha = method(evidence, bounds), level_at(evidence, _EACH_END)
    return test.bound(asked.worst, alpha, 1), test.bound(asked.best, alpha, -1)


def _jackknifed(shares: Array, bounds: Bounds | None = None) -> tuple[float | None, float | None]:
    """The two-sided 95 % interval of the value that these are shares of, as far as the value can go.

    ``None`` where their spread is not seen.
    """
    low, high = t_bound(shares, _EACH_END, 1), t_bound(shares, _EACH_END, -1)
    if not (math.isfinite(low) and math.isfinite(high)):
        return None, None
    return (low, high) if bounds is None else (max(low, bounds[0]), min(high, bounds[1]))


def _preserved(both: Sides) -> float | None:
    if both.bounds is None:
        return None
    right = (both.baseline >= both.bounds[1]) & both.complete
    return _mean((both.candidate[right] >= both.bounds[1]).astype(np.float64))


def _mean(values: Array) -> float | None:
    return math.fsum(values) / len(values) if len(values) else None


def _is_known(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def _is_mean(aggregate: Aggregate, scored: Sequence[Score]) -> bool:
    """Whether the aggregate is the mean, on the whole and on both halves: one agreement may be chance."""
    parts = [part for part in (scored, scored[::2], scored[1::2]) if part]
    return bool(parts) and all(
        math.isclose(aggregate(part), math.fsum(score.value or 0.0 for score in part) / len(part), abs_tol=1e-9)
        for part in parts
    )
