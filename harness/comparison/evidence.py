"""What the record holds on one rule, turned into the question that the statistics answer.

Direction is settled here once: scores of metrics where lower is better change their sign, so that up is better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.comparison import sequential
from harness.comparison.method import Method
from harness.comparison.statistics import Array, Bounds, is_within
from harness.values import GateRule, Pair, Stopping

_TINY = 1e-9
"""Rounding: 0.29 times 100 is a little less than 29."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The pairs that a rule is about, or why there are none."""

    task: str
    metric: str
    against: str
    pairs: tuple[Pair, ...]
    """Every sample that was asked; for a level only the candidate's side is read."""
    higher_is_better: bool
    bounds: Bounds | None
    """The metric's own least and greatest score."""
    why_not: str | None = None
    """Why nothing was measured, in the user's words."""
    stopping: Stopping | None = None
    """How the items were asked if the asking could end early; ``pairs`` then stand in the order of asking."""
    choices: int = 1
    """Of how many candidates this one was chosen by what it scored on these items."""
    over_sums: bool = False
    """Whether the scores are shares in a value that is reckoned from sums (``whole.shares``); no bounds hold then."""
    people: Mapping[str, float | None] | None = None
    """Where a judge gave the scores: what people found of the same pairs of answers, from -1 (the baseline's is better)
    to 1, by sample; ``None`` for a pair that was drawn for people and has no label. Then it is people's rate that a
    rule is about, and the judge's only helps to estimate it (``calibration``)."""
    are_preferences: bool = False
    """Whether each pair is one word on two answers: v for the candidate's and 1 - v for the baseline's."""


@dataclass(frozen=True, slots=True)
class Question:
    """Is the mean of these values above ``null``? Yes means that the rule is met."""

    worst: Array
    """One value an item, each missing score put in at its worst for the candidate."""
    best: Array
    """The same at its best."""
    complete: npt.NDArray[np.bool_]
    """Which of them miss no score."""
    null: float
    bounds: Bounds | None
    """The least and greatest value that one item could have; without them nothing is put in, nothing is missing."""
    even: float | None
    """The mean if the candidate scored just as the baseline; ``None`` where there is no baseline."""

    @property
    def observed(self) -> Array:
        """The values that miss no score."""
        return self.worst[self.complete]

    @property
    def missing(self) -> int:
        """Items with a missing score that has been put in."""
        return int((~self.complete).sum())


@dataclass(frozen=True, slots=True)
class Sides:
    """Both arms' scores in the order of the pairs, up is better, NaN where missing."""

    baseline: Array
    candidate: Array
    bounds: Bounds | None
    """Turned too; ``None`` for metrics without bounds, or with infinite ones."""
    own: tuple[Array, Array] | None = None
    """The samples' own scores, where those compared are shares in a value of the whole."""

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Which pairs have both scores."""
        return ~np.isnan(self.baseline + self.candidate)

    @property
    def moved(self) -> Array:
        """By how much each complete sample's own score is better, 0 where it is the same."""
        baseline, candidate = self.own or (self.baseline, self.candidate)
        moved: Array = (candidate - baseline)[self.complete]
        return moved

    @property
    def keep_their_bounds(self) -> bool:
        """Whether no known score lies outside the bounds that the metric promises."""
        scores = np.concatenate([self.baseline, self.candidate])
        return self.bounds is None or is_within(scores[~np.isnan(scores)], self.bounds)


def sides(pairs: Iterable[Pair], higher_is_better: bool, bounds: Bounds | None) -> Sides:
    """The scores turned so that up is better."""
    pairs = tuple(pairs)
    sign = 1.0 if higher_is_better else -1.0
    baseline = sign * as_array(pair.baseline for pair in pairs)
    candidate = sign * as_array(pair.candidate for pair in pairs)
    usable = finite(bounds)
    turned = usable if usable is None or higher_is_better else (-usable[1], -usable[0])
    return Sides(baseline, candidate, turned, _own(pairs, sign))


def _own(pairs: Sequence[Pair], sign: float) -> tuple[Array, Array] | None:
    if all(pair.own is None for pair in pairs):
        return None
    known = [pair.own or (math.nan, math.nan) for pair in pairs]
    return sign * as_array(own[0] for own in known), sign * as_array(own[1] for own in known)


def finite(bounds: Bounds | None) -> Bounds | None:
    """The bounds if a test can use them: both ends finite."""
    return bounds if bounds is not None and all(map(math.isfinite, bounds)) else None


def as_array(scores: Iterable[float | None]) -> Array:
    """Scores as numbers, NaN where missing."""
    return np.array([math.nan if score is None else score for score in scores], dtype=np.float64)


def change(both: Sides, given_back: float = 0.0, null: float = 0.0) -> Question:
    """The candidate minus the baseline, with a share of the baseline's score given back to the candidate.

    A drop of at most a share m is a mean of ``candidate - baseline + m |baseline|`` of at least 0: a paired quantity
    like any other, so the same test serves it.
    """

    def quantity(candidate: Array, baseline: Array) -> Array:
        return candidate - baseline + given_back * np.abs(baseline)

    asked, versus, bounds, complete = both.candidate, both.baseline, both.bounds, both.complete
    # The absolute value of the sum, not of each item: all scores have one sign, but single shares in a whole may not.
    even = given_back * abs(float(versus[complete].mean())) if complete.any() else None
    if bounds is None:
        kept = versus[complete]
        back = given_back * math.copysign(1.0, float(kept.sum())) * kept
        return _as_observed(asked[complete] - kept + back, null, even)
    low, high = bounds
    worst = quantity(_filled(asked, low), _filled(versus, high))
    best = quantity(_filled(asked, high), _filled(versus, low))
    ends = [float(quantity(np.array(c), np.array(b))) for c in bounds for b in bounds]
    return Question(worst, best, complete, null, (min(ends), max(ends)), even)


def level(scores: Array, null: float, bounds: Bounds | None) -> Question:
    """The scores of one run on their own."""
    complete = ~np.isnan(scores)
    if bounds is None:
        return _as_observed(scores[complete], null, None)
    return Question(_filled(scores, bounds[0]), _filled(scores, bounds[1]), complete, null, bounds, None)


def _as_observed(values: Array, null: float, even: float | None) -> Question:
    return Question(values, values, np.ones(len(values), dtype=np.bool_), null, None, even)


def arms(rule: GateRule, evidence: Evidence) -> Sides:
    """Both arms' scores; for a level the candidate alone is asked, and stands on both sides."""
    both = sides(evidence.pairs, evidence.higher_is_better, evidence.bounds)
    return both if rule.level is None else Sides(both.candidate, both.candidate, both.bounds)


def question(rule: GateRule, evidence: Evidence) -> Question:
    """What the rule asks of the evidence."""
    both = arms(rule, evidence)
    if rule.level is not None:
        limit = rule.level if evidence.higher_is_better else -rule.level
        return level(both.candidate, limit, both.bounds)
    if rule.min_gain is not None:
        return change(both, null=rule.min_gain)
    margin = rule.max_drop or 0.0
    return change(both, given_back=margin) if rule.relative else change(both, null=-margin)


def method(evidence: Evidence, bounds: Bounds | None) -> Method:
    """The test for values between ``bounds``: what can be drawn again are items, groups, or nothing but the order."""
    if evidence.stopping is not None and evidence.stopping.target == "this_benchmark":
        return Method(bounds, whole=evidence.stopping.total)
    return Method(bounds, clusters=groups(evidence.pairs))


def as_scheduled(evidence: Evidence) -> tuple[Evidence, str | None]:
    """The items up to the last look that was planned: between looks nothing may be read."""
    stopping = evidence.stopping
    if stopping is None or stopping.target == "this_benchmark" or evidence.why_not is not None:
        return evidence, None
    looks = [look for look in stopping.looks if look <= len(evidence.pairs)]
    if not looks:
        return evidence, f"only {len(evidence.pairs)} items were asked of both arms, and the first look is later"
    return replace(evidence, pairs=evidence.pairs[: looks[-1]]), None


def level_at(evidence: Evidence, alpha: float) -> float:
    """The level of one reading of this evidence if all its readings together are to err with a chance of ``alpha``.

    A bet may be read at any time at the same level; a look has its part.
    """
    stopping = evidence.stopping
    if stopping is None or stopping.target == "this_benchmark":
        return alpha
    return sequential.levels(stopping.looks, alpha)[stopping.looks.index(len(evidence.pairs))]


def groups(pairs: Sequence[Pair]) -> npt.NDArray[np.str_] | None:
    """The items' clusters, an item without one being a cluster of its own; ``None`` where no two items share one."""
    if all(pair.cluster is None for pair in pairs):
        return None  # most tasks have no groups, and 200,000 names would be made for nothing
    names = [f"sample {pair.sample_id}" if pair.cluster is None else f"cluster {pair.cluster}" for pair in pairs]
    return np.array(names) if len(set(names)) < len(names) else None


def why_no_question(rule: GateRule, evidence: Evidence) -> str | None:
    """Why the evidence cannot say anything on the rule, or ``None`` when it can."""
    if evidence.why_not is not None:
        return evidence.why_not
    written, right = ("at_most", "at_least") if evidence.higher_is_better else ("at_least", "at_most")
    if (wrong := getattr(rule, written)) is not None:
        better = "higher" if evidence.higher_is_better else "lower"
        return f"{written} would ask {evidence.metric} to be bad, where {better} is better; write '{right}: {wrong:g}'"
    if (evidence.are_preferences or evidence.people is not None) and (rule.relative or rule.only_below is not None):
        what = "a share of what the baseline scores" if rule.relative else "what the baseline scores by itself"
        return f"{evidence.metric} is about how much better an answer is than the other, not {what}: ask for points"
    if not evidence.pairs:
        return "no sample was asked of both arms"
    both = arms(rule, evidence)
    known, asked = int(both.complete.sum()), len(evidence.pairs)
    if not known:
        return f"all {asked} samples miss a score"
    if rule.min_items is not None and asked < rule.min_items:
        return f"{asked:,} items were asked, and the gate wants {rule.min_items:,}"
    if rule.max_missing is not None and asked - known > rule.max_missing * asked * (1 + _TINY):
        return f"{asked - known:,} of {asked:,} scores are missing, more than the {rule.max_missing:.3g} that may be"
    width = math.inf if both.bounds is None else both.bounds[1] - both.bounds[0]
    if rule.max_drop is not None and not rule.relative and rule.max_drop >= width:
        return f"a limit of {rule.max_drop:g} asks nothing of a metric whose scores are at most {width:g} apart"
    if both.bounds is None and known < asked:
        kind = "that is reckoned from sums" if evidence.over_sums else "without bounds"
        return f"{asked - known} of {asked} samples miss a score, and a metric {kind} has no worst case"
    if both.bounds is None and (groups(evidence.pairs) is not None or evidence.stopping is not None):
        why = "items in groups" if evidence.stopping is None else "an early stop"
        kind = "that is reckoned from sums" if evidence.over_sums else "without bounds"
        return f"a metric {kind} has no sound test for {why}"
    if not both.keep_their_bounds:
        return f"a score lies outside the bounds {evidence.bounds} that the metric promises"
    return _why_no_share(both, evidence) if rule.relative else None


def _why_no_share(both: Sides, evidence: Evidence) -> str | None:
    own = both if evidence.higher_is_better else Sides(-both.baseline, -both.candidate, None)
    scores = np.concatenate([own.baseline[own.complete], own.candidate[own.complete]])
    least = scores.min() if evidence.bounds is None else min(evidence.bounds[0], scores.min())
    if evidence.over_sums:
        least = min(own.baseline[own.complete].mean(), own.candidate[own.complete].mean())
    if least < 0:
        return "a share of the baseline's score means nothing where scores can be negative"
    if not own.baseline[own.complete].any():
        return f"{evidence.against} scores 0, and a share of 0 cannot be tested; max_drop in points can"
    return None


def _filled(scores: Array, value: float) -> Array:
    return np.where(np.isnan(scores), value, scores)
