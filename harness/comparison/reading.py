"""One rule held against its evidence: p-values, an interval that agrees with them, and how many items would tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.comparison import clusters
from harness.comparison.calibration import Held, calibrate
from harness.comparison.evidence import Evidence, Question, Sides, as_scheduled, change, level_at, why_no_question
from harness.comparison.judged import JudgeTrial, why_no_ruling
from harness.comparison.power import items_needed_at_spread, items_to_show
from harness.comparison.strata import fallen
from harness.comparison.trial import Trial, level_passed
from harness.values import Calibration, GateRule

FIVE_POINTS = 0.05
"""The margin that a careful release asks for: a twentieth of the scale, or of the baseline's score."""


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
    level_passed: float = 0.05
    """The level that ``p_passed`` is held to: the rule's own, or its part in one of several looks or choices."""
    level_failed: float | None = None
    """The level for ``p_failed`` at one of several looks; ``None`` where Holm weighs it beside the other rules."""
    value: float | None = None
    """Observed change, in points or as a share of the baseline's score; for a level the score itself."""
    low: float | None = None
    """One-sided bound at ``level_passed``: above the limit exactly when the rule is passed."""
    high: float | None = None
    limit: float = 0.0
    """What ``value`` is held against, with its sign: a drop of at most 0.05 is a change of at least -0.05."""
    asked: int = 0
    missing: int = 0
    """Scores; for a judge, labels of pairs that were drawn for people."""
    missing_decide: bool = False
    """Whether the complete items alone would have decided."""
    waived: bool = False
    """Whether the baseline is surely too good for the rule to ask anything."""
    is_guard_open: bool = False
    """Whether it is not certain that the rule asks anything of this baseline, nor that it asks nothing."""
    is_real_drop: bool = False
    """Whether a drop is certain, be it within the limit."""
    flips: float | None = None
    """Share of items whose score changed; ``None`` where there is no baseline."""
    are_flips: bool = False
    """Whether every change is a whole flip between right and wrong."""
    effective_clusters: float | None = None
    """How many groups of equal size would tell as much; ``None`` where items are independent."""
    flagged: tuple[str, ...] = ()
    """Strata that surely fell by more than five points: a screen, no part of the ruling."""
    items_needed: int | None = None
    """Items that would tell with 90 % chance, if the truth is as observed, or for drops no better than no change; for a
    judge, labels."""
    five_points: int | None = None
    """Items that could hold a margin of five points at the observed rate of flips."""
    calibration: Calibration | None = None
    """The judge held to people where the scores are a judge's; then the numbers are of people's rate."""
    has_bounds: bool = True
    """Whether the metric has a least and a greatest score; without them no level is sure to hold."""

    @property
    def is_certified(self) -> bool:
        """Whether the level is sure to hold: not for metrics without bounds, nor with few groups of items."""
        return self.has_bounds and (self.effective_clusters or math.inf) >= clusters.CERTIFIED

    @property
    def is_of_people(self) -> bool:
        """Whether what is read is what people think, by themselves or with a judge's help."""
        return self.evidence.are_preferences or self.calibration is not None

    @property
    def may_pass(self) -> bool:
        """Whether the evidence is of a kind that can show anything."""
        return self.effective_clusters is None or self.effective_clusters >= clusters.NEEDED


def read(rule: GateRule, evidence: Evidence, rules: int = 1) -> Reading:
    """Hold one rule, of so many in the suite, against its evidence."""
    evidence, off_schedule = as_scheduled(evidence)
    why_not = off_schedule or why_no_question(rule, evidence)
    if why_not is None and evidence.people is not None:
        return _by_people(rule, evidence, rules)
    if why_not is None and rule.min_kappa is not None:
        why_not = f"min_kappa is asked of judges, and {evidence.metric} is none"
    if why_not is not None:
        return Reading(rule, evidence, why_not, asked=len(evidence.pairs))
    trial = Trial.of(rule, evidence, rules)
    asked, waived = trial.asked, trial.p_waived
    value, low, high = trial.reading()
    groups = None if trial.test.clusters is None else clusters.effective_clusters(trial.test.clusters)
    return Reading(
        rule,
        evidence,
        p_passed=trial.p_passed if waived is None else min(trial.p_passed, waived),
        p_failed=max(trial.p_failed, trial.p_not_waived),
        level_passed=trial.levels.passed,
        level_failed=trial.levels.failed,
        value=value,
        low=low,
        high=high,
        limit=trial.limit,
        asked=len(evidence.pairs),
        missing=asked.missing,
        missing_decide=asked.missing > 0 and trial.complete_items_decide,
        waived=waived is not None and waived <= trial.levels.passed,
        is_guard_open=waived is not None and min(waived, trial.p_not_waived) > trial.levels.passed,
        is_real_drop=rule.max_drop is not None and trial.p_any_drop <= level_at(evidence, rule.alpha),
        flips=None if rule.level is not None else _flips(trial.both),
        are_flips=rule.level is None and _are_flips(change(trial.both)),
        effective_clusters=groups,
        flagged=fallen(rule, evidence),
        items_needed=_items_to_tell(trial, (level_passed(rule, evidence), rule.alpha / rules)),
        five_points=_items_for_five_points(rule, trial.both),
        has_bounds=asked.bounds is not None,
    )


def _by_people(rule: GateRule, evidence: Evidence, rules: int) -> Reading:
    """The reading of a rule on a judge."""
    why_not = why_no_ruling(rule, evidence)
    if why_not is not None:
        return Reading(rule, evidence, why_not, asked=len(evidence.pairs))
    held = Held.of(evidence)
    trial = JudgeTrial(rule, held, level_passed(rule, evidence))
    value, low, high = trial.reading()
    return Reading(
        rule,
        evidence,
        p_passed=trial.p_passed,
        p_failed=trial.p_failed,
        level_passed=trial.level_passed,
        value=value,
        low=low,
        high=high,
        limit=trial.limit,
        asked=len(evidence.pairs),
        missing=held.unlabelled,
        missing_decide=held.unlabelled > 0 and trial.labels_decide,
        is_real_drop=rule.max_drop is not None and trial.p_any_drop <= rule.alpha,
        items_needed=trial.labels_needed(rule.alpha / rules),
        calibration=calibrate(evidence),
    )


def _flips(both: Sides) -> float:
    return float((both.moved != 0).mean())


def _are_flips(asked: Question) -> bool:
    if asked.bounds is None:
        return False
    return bool(np.isin(asked.observed / asked.bounds[1], (-1.0, 0.0, 1.0)).all())


def _items_to_tell(trial: Trial, levels: tuple[float, float]) -> int | None:
    """``levels``: what a pass and what a failure among the suite's rules must reach.

    Items in groups tell less by their design effect, and more groups are needed where broken ones might not be drawn.
    """
    asked = trial.asked
    mean, null, were_asked = float(asked.observed.mean()), asked.null, len(asked.worst)
    # A drop is planned for no change at best: a lucky sample is no reason to promise less.
    truth = min(mean, asked.even) if asked.even is not None and min(asked.even, mean) > null else mean
    level = levels[0] if truth > null else levels[1]
    items = _items(asked, truth, trial.rule, level, _width(trial.both))
    if items is not None and trial.test.clusters is not None and asked.bounds is not None:
        design = clusters.design(asked.worst, trial.test.clusters)
        share = abs(truth - null) / (asked.bounds[1] - asked.bounds[0])
        groups = max(clusters.NEEDED, math.log(level) / math.log1p(-min(share, 0.999)))
        items = math.ceil(max(items * design.inflation, groups * were_asked / design.effective))
    return items if items is not None and items > were_asked else None


def _items_for_five_points(rule: GateRule, both: Sides) -> int | None:
    if rule.max_drop is None or both.bounds is None:
        return None
    width = _width(both)
    asked = change(both, given_back=FIVE_POINTS) if rule.relative else change(both, null=-FIVE_POINTS * width)
    return None if asked.even is None else _items(asked, asked.even, rule, rule.alpha, width)


def _width(both: Sides) -> float:
    """How far apart two scores can be, which is the size of a whole flip; 0 for metrics without bounds.

    Their test corrects for no flips, and seconds or euros have no natural unit.
    """
    return 0.0 if both.bounds is None else both.bounds[1] - both.bounds[0]


def _items(asked: Question, truth: float, rule: GateRule, alpha: float, flip: float) -> int | None:
    """Items that would show on which side of the null the truth lies; ``flip`` is the size of a whole one."""
    side = 1 if truth > asked.null else -1
    if asked.bounds is not None and rule.level is None and not rule.relative and _are_flips(asked):
        unit = asked.bounds[1]
        discordance = max(float(np.abs(asked.observed).mean()), abs(truth)) / unit
        return items_to_show(side * asked.null / unit, side * truth / unit, discordance, alpha)
    room = math.inf if asked.bounds is None else side * (truth - asked.bounds[0 if side > 0 else 1])
    return items_needed_at_spread(abs(truth - asked.null), float(asked.observed.var()), room, alpha, flip=flip)
