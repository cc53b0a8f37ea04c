"""One rule held against its evidence: p-values, an interval that agrees with them, and how many items would tell."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from harness.comparison.evidence import Evidence, Question, Sides, arms, change, question, why_no_question
from harness.comparison.power import items_needed_at_spread, items_to_show
from harness.comparison.statistics import Array, Bounds, Side, bound, p_value, t_bound, t_p_value
from harness.values import GateRule

FIVE_POINTS = 0.05
"""The margin that a careful release asks for: a twentieth of the scale, or of the baseline's score."""

_MOST_SHARE = 10.0
"""Changes are sought up to this many times the baseline's score."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the evidence says on one rule before several rules are weighed together; up is better."""

    rule: GateRule
    evidence: Evidence
    why_not: str | None = None
    """Why there is nothing to read; then the numbers below are ``None``."""
    p_passed: float | None = None
    """Small: the rule is met. Missing scores are taken at their worst."""
    p_failed: float | None = None
    """Small: the rule is broken. Missing scores are taken at their best."""
    value: float | None = None
    """Observed change, in points or as a share of the baseline's score; for ``at_least`` the score itself."""
    low: float | None = None
    """One-sided bound at the rule's level: above the limit exactly when the rule is passed."""
    high: float | None = None
    limit: float = 0.0
    """What ``value`` is held against, with its sign: a drop of at most 0.05 is a change of at least -0.05."""
    asked: int = 0
    missing: int = 0
    missing_decide: bool = False
    """Whether the complete items alone would have decided."""
    flips: float | None = None
    """Share of items whose score changed; ``None`` where there is no baseline."""
    are_flips: bool = False
    """Whether every change is a whole flip between right and wrong."""
    items_needed: int | None = None
    """Items that would tell with 90 % chance, if the truth is as observed, or for drops no better than no change."""
    five_points: int | None = None
    """Items that could hold a margin of five points at the observed rate of flips."""
    is_certified: bool = True
    """Whether the level is sure to hold: not for metrics without bounds, which have only the paired t."""


def read(rule: GateRule, evidence: Evidence) -> Reading:
    """Hold one rule against its evidence."""
    why_not = why_no_question(rule, evidence)
    if why_not is not None:
        return Reading(rule, evidence, why_not, asked=len(evidence.pairs))
    both, asked = arms(rule, evidence), question(rule, evidence)
    value, low, high, limit = _shares(rule, both) if rule.relative else _points(rule, asked)
    return Reading(
        rule,
        evidence,
        p_passed=_p(asked.worst, asked, 1),
        p_failed=_p(asked.best, asked, -1),
        value=value,
        low=low,
        high=high,
        limit=limit,
        asked=len(evidence.pairs),
        missing=asked.missing,
        missing_decide=asked.missing > 0 and min(_p(asked.observed, asked, s) for s in _SIDES) <= rule.alpha,
        flips=None if rule.at_least is not None else _flips(both),
        are_flips=rule.at_least is None and _are_flips(change(both)),
        items_needed=_items_to_tell(rule, asked, len(evidence.pairs)),
        five_points=_items_for_five_points(rule, both),
        is_certified=asked.bounds is not None,
    )


_SIDES: tuple[Side, Side] = (1, -1)


def _p(values: Array, asked: Question, side: Side) -> float:
    if asked.bounds is None:
        return t_p_value(values, asked.null, side)
    return p_value(values, asked.null, side, asked.bounds)


def _bound(values: Array, alpha: float, side: Side, bounds: Bounds | None) -> float:
    return t_bound(values, alpha, side) if bounds is None else bound(values, alpha, side, bounds)


def _points(rule: GateRule, asked: Question) -> tuple[float, float, float, float]:
    low = _bound(asked.worst, rule.alpha, 1, asked.bounds)
    high = _bound(asked.best, rule.alpha, -1, asked.bounds)
    return float(asked.observed.mean()), low, high, asked.null


def _shares(rule: GateRule, both: Sides) -> tuple[float, float, float, float]:
    """The change as a share of the baseline's score, with the shares at which the test would just reject."""

    def gap(side: Side) -> Callable[[float], float]:
        def at(share: float) -> float:
            asked = change(both, given_back=-share)
            return _p(asked.worst if side > 0 else asked.best, asked, side) - rule.alpha

        return at

    complete = change(both).observed
    value = float(complete.sum() / np.abs(both.baseline[both.complete]).sum())
    low, high = _where_zero(gap(1), -1), _where_zero(gap(-1), 1)
    # No score is below 0: the worst is to lose the whole of it, or for errors the best to lose them all.
    loses_all = both.baseline[both.complete].min() >= 0
    low, high = (max(low, -1.0), high) if loses_all else (low, min(high, 1.0))
    return value, low, high, -(rule.max_drop or 0.0)


def _where_zero(gap: Callable[[float], float], edge: int) -> float:
    """The zero of a p-value that falls towards the given edge; the edge itself if nothing is excluded."""
    if gap(edge * _MOST_SHARE) >= 0:
        return edge * _MOST_SHARE
    if gap(-edge * _MOST_SHARE) <= 0:
        return -edge * _MOST_SHARE
    return float(optimize.brentq(gap, -_MOST_SHARE, _MOST_SHARE, xtol=1e-7))


def _flips(both: Sides) -> float:
    complete = both.complete
    return float((both.candidate[complete] != both.baseline[complete]).mean())


def _are_flips(asked: Question) -> bool:
    if asked.bounds is None:
        return False
    return bool(np.isin(asked.observed / asked.bounds[1], (-1.0, 0.0, 1.0)).all())


def _items_to_tell(rule: GateRule, asked: Question, were_asked: int) -> int | None:
    mean, null = float(asked.observed.mean()), asked.null
    # A drop is planned for no change at best: a lucky sample is no reason to promise less.
    truth = min(mean, asked.even) if asked.even is not None and min(asked.even, mean) > null else mean
    items = _items(asked, truth, rule)
    return items if items is not None and items > were_asked else None


def _items_for_five_points(rule: GateRule, both: Sides) -> int | None:
    if rule.max_drop is None or both.bounds is None:
        return None
    width = both.bounds[1] - both.bounds[0]
    asked = change(both, given_back=FIVE_POINTS) if rule.relative else change(both, null=-FIVE_POINTS * width)
    return None if asked.even is None else _items(asked, asked.even, rule)


def _items(asked: Question, truth: float, rule: GateRule) -> int | None:
    """Items that would show on which side of the null the truth lies."""
    side = 1 if truth > asked.null else -1
    if asked.bounds is not None and rule.at_least is None and not rule.relative and _are_flips(asked):
        unit = asked.bounds[1]
        discordance = max(float(np.abs(asked.observed).mean()), abs(truth)) / unit
        return items_to_show(side * asked.null / unit, side * truth / unit, discordance, rule.alpha)
    room = math.inf if asked.bounds is None else side * (truth - asked.bounds[0 if side > 0 else 1])
    return items_needed_at_spread(abs(truth - asked.null), float(asked.observed.var()), room, rule.alpha)
