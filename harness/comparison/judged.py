"""A rule on a judge: decided by people's rate over all pairs, which the judge helps to estimate, never by its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

from harness.comparison.agreement import kappa, kappa_lower
from harness.comparison.calibration import BOUNDS, Corrected, Held
from harness.comparison.evidence import Evidence, groups
from harness.comparison.statistics import is_within
from harness.values import LABELS_NEEDED, GateRule

_POWER = 0.9


def why_no_ruling(rule: GateRule, evidence: Evidence) -> str | None:
    """Why people's labels and the judge cannot say anything on the rule, or ``None`` when they can."""
    held = Held.of(evidence)
    if not is_within(held.people[held.known], BOUNDS):
        return f"a label lies outside {BOUNDS}"
    why_not = _why_not_of_a_judge(rule, evidence) or _too_few(held, evidence)
    return why_not or _too_little_agreement(rule, held, evidence)


@dataclass(frozen=True)
class JudgeTrial:
    """A rule's question put to people's rate: for a level their share of wins, else their mean preference."""

    rule: GateRule
    held: Held
    level_passed: float
    """The rule's own level, or its part in one of several choices."""

    @property
    def p_passed(self) -> float:
        """Small: the rule is met, labels that are missing at their worst."""
        return self._worst.p_value(self._null, 1)

    @property
    def p_failed(self) -> float:
        """Small: the rule is broken, labels that are missing at their best."""
        return self._best.p_value(self._null, -1)

    @property
    def p_any_drop(self) -> float:
        """Small: people prefer the baseline, by however little."""
        return self._best.p_value(0.0, -1)

    @property
    def labels_decide(self) -> bool:
        """Whether the labels that there are would have decided alone."""
        return min(self._observed.p_value(self._null, side) for side in (1, -1)) <= self.level_passed

    @property
    def limit(self) -> float:
        """What the value is held against."""
        return self._shown(self._null)

    def reading(self) -> tuple[float, float, float]:
        """The value with its one-sided bounds."""
        low = self._worst.bound(self.level_passed, 1)
        high = self._best.bound(self.rule.alpha, -1)
        return self._shown(self._observed.estimate), self._shown(low), self._shown(high)

    def labels_needed(self, level_failed: float) -> int | None:
        """Labels that would tell with 90 % chance at the spread that was seen; ``None`` if all pairs' would not.

        As elsewhere, the truth is taken to be as observed, and for drops no better than no change.
        """
        observed = self._observed
        truth, null, whole = observed.estimate, self._null, len(self.held.everywhere)
        truth = min(truth, 0.0) if self.rule.max_drop is not None and min(truth, 0.0) > null else truth
        level, edge = (self.level_passed, BOUNDS[0]) if truth > null else (level_failed, BOUNDS[1])
        distance, room = abs(truth - null), abs(truth - edge)
        if distance <= 0 or room <= 0:
            return None
        reach = NormalDist().inv_cdf(1 - level) + NormalDist().inv_cdf(_POWER)
        # The error is made of a part that more labels lessen, and one that only more pairs would.
        fixed = float(observed.labels.var(ddof=1)) / whole
        n = len(observed.labels)
        spread = max(observed.standard_error**2 - fixed, 0.0) / (1 / n - 1 / whole) if n < whole else 0.0
        left = (distance / reach) ** 2 - fixed + spread / whole
        if left <= 0:
            return None
        unseen = math.log(level) / math.log1p(-min(distance / room, 0.999))
        labels = math.ceil(max(spread / left, unseen, LABELS_NEEDED))
        return labels if len(self.held.people) < labels <= whole else None

    @cached_property
    def _worst(self) -> Corrected:
        return self.held.corrected(BOUNDS[0])

    @cached_property
    def _best(self) -> Corrected:
        return self.held.corrected(BOUNDS[1])

    @cached_property
    def _observed(self) -> Corrected:
        return self.held.corrected()

    @property
    def _null(self) -> float:
        if self.rule.level is not None:
            return 2 * self.rule.level - 1
        return self.rule.min_gain if self.rule.min_gain is not None else -(self.rule.max_drop or 0.0)

    def _shown(self, preference: float) -> float:
        return preference if self.rule.level is None else (1 + preference) / 2


def _why_not_of_a_judge(rule: GateRule, evidence: Evidence) -> str | None:
    """What a judge's rule cannot be."""
    if rule.level is not None and not evidence.are_preferences:
        return (
            f"{evidence.metric} grades single answers, and people's labels correct only the difference of two: "
            "ask for min_gain or max_drop in the place of at_least"
        )
    if groups(evidence.pairs) is not None or evidence.stopping is not None:
        what = "items in groups" if evidence.stopping is None else "an early stop"
        return f"a rate from people's labels and a judge has no sound test for {what}"
    return None


def _too_few(held: Held, evidence: Evidence) -> str | None:
    if held.labels >= LABELS_NEEDED:
        return None
    there = "has no labels of people" if not held.labels else f"has {held.labels} of people's labels"
    if len(evidence.pairs) < LABELS_NEEDED:
        pairs = f"the task has only {len(evidence.pairs)} items: gate the metric people, or add items"
        return f"{evidence.metric} {there}, {LABELS_NEEDED} are needed, and {pairs}"
    asking, to = ("review", "") if evidence.are_preferences else ("judge labels", " --to labels.csv")
    return (
        f"{evidence.metric} {there}, and {LABELS_NEEDED} on a random draw of the items are needed: "
        f"harness {asking} BASELINE CANDIDATE --items {LABELS_NEEDED}{to}"
    )


def _too_little_agreement(rule: GateRule, held: Held, evidence: Evidence) -> str | None:
    least = rule.min_kappa
    if least is None:
        return None
    people, judge = held.classes()
    found, low = kappa(people, judge), kappa_lower(people, judge, rule.alpha)
    if found is None or low is None:
        return f"on {len(people)} labels people and {evidence.metric} chose one class alone, which gives no kappa"
    if low >= least:
        return None
    seen = f"on {len(people)} labels the kappa of {evidence.metric} with people is {found:.2f}"
    return f"{seen}, and only {low:.3f} is sure where the gate wants {least:g}"
