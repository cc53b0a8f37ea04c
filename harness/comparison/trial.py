"""One rule's question put to its test: p-values for both sides, and bounds that agree with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import scipy

from harness.comparison import clusters
from harness.comparison.evidence import (
    Evidence,
    Question,
    Sides,
    arms,
    as_array,
    change,
    finite,
    level,
    level_at,
    method,
    question,
)
from harness.comparison.method import Method
from harness.comparison.statistics import Array, Side
from harness.values import GateRule

_MOST_SHARE = 10.0
"""Changes are sought up to this many times the baseline's score, or the observed change where that is more."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What p-values are held to."""

    passed: float
    """The rule's own level, or its part for one of several looks, choices, or ways to be met."""
    failed: float | None
    """``None`` where Holm weighs the rule beside the suite's others."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A rule, the evidence on it as numbers, and the test that both are put to."""

    rule: GateRule
    both: Sides
    asked: Question
    test: Method
    levels: Levels
    guard: Question | None
    """Whether the baseline scores what frees the candidate from the rule; ``None`` for rules that always ask."""

    @classmethod
    def of(cls, rule: GateRule, evidence: Evidence, rules: int) -> Trial:
        """The trial of a rule that stands in a suite of so many."""
        asked = question(rule, evidence)
        test, levels = method(evidence, asked.bounds), _levels(rule, evidence, rules)
        return cls(rule, arms(rule, evidence), asked, test, levels, _guard(rule, evidence))

    @property
    def p_passed(self) -> float:
        """Small: the rule is met, missing scores at their worst."""
        return self.test.p_value(self.asked.worst, self.asked.null, 1)

    @property
    def p_failed(self) -> float:
        """Small: the rule is broken, missing scores at their best."""
        return self.test.p_value(self.asked.best, self.asked.null, -1)

    @property
    def p_waived(self) -> float | None:
        """Small: the baseline is so good that the rule asks nothing; ``None`` for rules that always ask."""
        guard = self.guard
        return None if guard is None else self.test_of(guard).p_value(guard.worst, guard.null, 1)

    @property
    def p_not_waived(self) -> float:
        """Small: the rule does ask something."""
        guard = self.guard
        return 0.0 if guard is None else self.test_of(guard).p_value(guard.best, guard.null, -1)

    @property
    def is_passed(self) -> bool:
        """Whether the rule is shown to be met, or to ask nothing, by evidence of a kind that can show anything."""
        groups = self.test.clusters
        if groups is not None and clusters.effective_clusters(groups) < clusters.NEEDED:
            return False
        waived = self.p_waived
        return min(self.p_passed, 1.0 if waived is None else waived) <= self.levels.passed

    @property
    def p_any_drop(self) -> float:
        """Small: the candidate is worse than the baseline, by however little."""
        plain = change(self.both)
        return self.test_of(plain).p_value(plain.best, 0.0, -1)

    @property
    def complete_items_decide(self) -> bool:
        """Whether the items that miss nothing would have decided alone."""
        kept = self.asked.complete
        groups = None if self.test.clusters is None else self.test.clusters[kept]
        alone = replace(self.test, clusters=groups)
        return min(alone.p_value(self.asked.observed, self.asked.null, side) for side in _SIDES) <= self.levels.passed

    @property
    def limit(self) -> float:
        """What the observed value is held against, with its sign."""
        return -(self.rule.max_drop or 0.0) if self.rule.relative else self.asked.null

    def reading(self) -> tuple[float, float, float]:
        """The observed value with its one-sided bounds: points, or shares of the baseline's score."""
        return self._shares() if self.rule.relative else self._points()

    def test_of(self, asked: Question) -> Method:
        """The same test for another quantity of the same items."""
        return replace(self.test, bounds=asked.bounds)

    def _points(self) -> tuple[float, float, float]:
        low = self.test.bound(self.asked.worst, self.levels.passed, 1)
        high = self.test.bound(self.asked.best, self._level_failed, -1)
        return float(self.asked.observed.mean()), low, high

    def _shares(self) -> tuple[float, float, float]:
        """The change as a share of the baseline's score, with the shares at which the test would just reject."""

        def gap(side: Side) -> Callable[[float], float]:
            alpha = self.levels.passed if side > 0 else self._level_failed

            def at(share: float) -> float:
                asked = change(self.both, given_back=-share)
                values = asked.worst if side > 0 else asked.best
                return self.test_of(asked).p_value(values, asked.null, side) - alpha

            return at

        complete = self.both.complete
        baseline: Array = self.both.baseline[complete]
        whole = float(baseline.sum())
        value = float((self.both.candidate[complete] - baseline).sum()) / abs(whole)
        reach = _MOST_SHARE * max(1.0, abs(value))
        low, high = _where_zero(gap(1), -1, reach), _where_zero(gap(-1), 1, reach)
        # No score is below 0: the worst is to lose the whole of it, or for errors the best to lose them all.
        loses_all = whole >= 0
        return (value, max(low, -1.0), high) if loses_all else (value, low, min(high, 1.0))

    @property
    def _level_failed(self) -> float:
        return self.rule.alpha if self.levels.failed is None else self.levels.failed


_SIDES: tuple[Side, Side] = (1, -1)


def _guard(rule: GateRule, evidence: Evidence) -> Question | None:
    """Is the baseline's mean at least ``only_below``? In the metric's own direction, whichever is better."""
    if rule.only_below is None:
        return None
    return level(as_array(pair.baseline for pair in evidence.pairs), rule.only_below, finite(evidence.bounds))


def level_passed(rule: GateRule, evidence: Evidence) -> float:
    """What is left of the rule's level for one of its chances to pass, all looks together."""
    return rule.alpha / evidence.choices / (1 if rule.only_below is None else 2)


def _levels(rule: GateRule, evidence: Evidence, rules: int) -> Levels:
    """The levels for this evidence.

    A rule that can be met in two ways gives each half, and a candidate that is the best of k has had k chances. With
    looks, *failed* cannot wait for Holm, which needs every rule's final p-value: each rule gets its part beforehand.
    """
    alpha = level_passed(rule, evidence)
    looks = evidence.stopping is not None and evidence.stopping.target == "population"
    return Levels(level_at(evidence, alpha), level_at(evidence, rule.alpha / rules) if looks else None)


def _where_zero(gap: Callable[[float], float], edge: int, reach: float) -> float:
    """The zero of a p-value that falls towards the given edge; the edge itself if nothing is excluded."""
    if gap(edge * reach) >= 0:
        return edge * reach
    if gap(-edge * reach) <= 0:
        return -edge * reach
    return float(scipy.optimize.brentq(gap, -reach, reach, xtol=1e-7))
