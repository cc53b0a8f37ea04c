"""What can be told of one gate before anything is run: whether its items can pass it, and how many would.

Plans are for right or wrong scores; scores in between vary less and need fewer items, never more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.comparison import power
from harness.comparison.power import Bounds
from harness.values import GateRule, Target

POWER = 0.9
"""The chance to pass, where the rule is truly met, that the items are planned for."""
FLIP_RATES = (0.01, 0.02, 0.05, 0.10, 0.20)
"""Shares of items whose score changes: a light training at one end, another model at the other."""
TYPICAL = (0.02, 0.10)
"""The flip rates that are reckoned with where none is recorded."""
BEYOND = 0.05
"""The true gain is taken to be this much of the scale more than is asked, where no better one is recorded."""
BASELINE = 0.5
"""What the baseline is taken to score, as a part of the scale, where its score is not recorded."""

Standing = Literal["enough", "depends", "too few", "cannot pass", "unknown"]


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier experiment saw of the task and metric of a rule."""

    experiment: str
    pairs: int = 0
    """Items that both sides have a score of."""
    flips: float | None = None
    """Share of items that flipped; where scores lie between, the mean square of their changes on a scale of 0 to 1."""
    gain: float | None = None
    """Mean change, up is better."""
    baseline: float | None = None
    candidate: float | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What is known of a rule's items before they are asked."""

    items: int | None
    source: str = ""
    """Where their number comes from, in words."""
    bounds: Bounds | None = (0.0, 1.0)
    """The metric's least and greatest score."""
    higher_is_better: bool = True
    groups: float | None = None
    """How many groups of equal size the items are as good as; ``None`` where they are independent."""
    groups_needed: int = 0
    stop_for: Target | None = None
    """What an early end must be certain of; once all of a benchmark is asked, nothing of it is left to chance."""
    past: Past | None = None


@dataclass(frozen=True, slots=True)
class Prospect:
    """One gate before anything is run."""

    rule: GateRule
    given: Given
    fewest: int | None
    """Items below which it cannot pass though not one got worse; ``None`` where no number does, or none can be told."""
    flips: tuple[float, ...]
    """The flip rates reckoned with: the recorded one, or the ends of the typical range; for a gain those beside it."""
    shows: tuple[float | None, ...]
    """At each of them, in the rule's unit: the least drop that its items exclude, or gain or score that passes."""
    needed: tuple[int | None, ...]
    """At each of them the items that pass with 90 % chance."""
    needed_by_rate: tuple[int | None, ...]
    """The same at each of ``FLIP_RATES``; ``None`` where flips decide nothing, or no number of items would do."""
    needed_together: int | None
    """Items with which all critical gates together pass with 90 % chance, at the larger flip rate."""
    groups_needed: int
    """Groups of equal size below which it cannot pass: too few to rule out that broken ones were not drawn."""
    is_recorded: bool
    """Whether the flip rate, or for a level the score, is one that was seen."""

    @property
    def needed_alone(self) -> int | None:
        """Items that pass with 90 % chance at the larger flip rate."""
        return self.needed[-1]

    @property
    def has_groups_enough(self) -> bool:
        """Whether its items are as good as the groups that a ruling needs."""
        return self.given.groups is None or self.given.groups >= self.groups_needed

    @property
    def is_foreseeable(self) -> bool:
        """Whether anything can be told: a metric without bounds says nothing of its spread."""
        return _unit(self.given.bounds) is not None

    @property
    def standing(self) -> Standing:
        """How its items stand to what it asks."""
        items = self.given.items
        if not self.has_groups_enough:
            return "cannot pass"
        if not self.is_foreseeable:
            return "unknown"
        if self.fewest is None or (items is not None and items < self.fewest):
            return "cannot pass"
        if items is None:
            return "unknown"
        if self.given.stop_for == "this_benchmark":
            return "enough"
        enough = [each is not None and each <= items for each in self.needed]
        if all(enough):
            return "enough"
        # What is not recorded may be better than what was reckoned with.
        may_be = self.is_recorded or self.rule.max_drop is not None
        return "depends" if any(enough if may_be else self.shows) else "too few"


def prospect(rule: GateRule, given: Given, power_together: float = POWER) -> Prospect:
    """What can be told of a rule; ``power_together`` is what each critical rule needs for all of them to reach 90 %."""
    unit = _unit(given.bounds)
    if unit is None:
        nothing = (None,) * len(TYPICAL)
        return Prospect(
            rule, given, None, TYPICAL, nothing, nothing, (None,) * len(FLIP_RATES), None, given.groups_needed, False
        )
    sizing = _Sizing(rule, given, unit)
    flips, is_recorded = sizing.flips()
    return Prospect(
        rule,
        given,
        fewest=sizing.fewest(),
        flips=flips,
        shows=tuple(sizing.shows(rate) for rate in flips),
        needed=tuple(sizing.needed(rate, POWER) for rate in flips),
        needed_by_rate=tuple(sizing.needed(rate, POWER) if sizing.depends_on_flips else None for rate in FLIP_RATES),
        needed_together=sizing.needed(flips[-1], power_together),
        groups_needed=sizing.groups_needed(),
        is_recorded=is_recorded,
    )


def true_gain(rule: GateRule, given: Given) -> float:
    """The true gain that items are planned for: the recorded one, or a little more than is asked."""
    asked, past, unit = rule.min_gain or 0.0, given.past, _unit(given.bounds) or 1.0
    if past is not None and past.gain is not None and past.gain > asked:
        return past.gain
    return min(asked + BEYOND * unit, unit)


def true_score(rule: GateRule, given: Given) -> float:
    """The true score that items are planned for: the recorded one, or halfway from what is asked to the best."""
    asked, past = rule.level or 0.0, given.past
    sign = 1.0 if given.higher_is_better else -1.0
    if past is not None and past.candidate is not None and sign * (past.candidate - asked) > 0:
        return past.candidate
    low, high = given.bounds or (0.0, 1.0)
    return (asked + (high if given.higher_is_better else low)) / 2


def baseline_score(given: Given) -> float:
    """The baseline's score that a share is a share of: the recorded one, or the middle of the scale."""
    if given.past is not None and given.past.baseline:
        return abs(given.past.baseline)
    low, high = given.bounds or (0.0, 1.0)
    return abs(low + BASELINE * (high - low))


@dataclass(frozen=True, slots=True)
class _Sizing:
    """The formulas of ``power`` for one rule, from its own unit to a scale of 0 to 1 and back."""

    rule: GateRule
    given: Given
    unit: float

    @property
    def alpha(self) -> float:
        # A rule that can be met in two ways gives each half.
        return self.rule.alpha / (1 if self.rule.only_below is None else 2)

    @property
    def depends_on_flips(self) -> bool:
        """Whether it is their number that decides."""
        return self.rule.level is None and self.given.stop_for != "this_benchmark"

    def flips(self) -> tuple[tuple[float, ...], bool]:
        """The rates to reckon with, and whether they are what was seen."""
        past = self.given.past
        if self.rule.level is not None:
            return (0.0,), past is not None and past.candidate is not None
        if past is None or past.flips is None:
            return TYPICAL, False
        gain = abs(past.gain or 0.0) / self.unit if self.rule.min_gain is not None else 0.0
        # That no item flipped among so many is no promise that none will: one is reckoned with.
        return (max(past.flips - gain, 1 / max(past.pairs, 1)),), True

    def needed(self, rate: float, chance: float) -> int | None:
        if self.given.stop_for == "this_benchmark":
            return self.given.items
        if self.rule.level is not None:
            limit, truth = self._share(self.rule.level), self._share(true_score(self.rule, self.given))
            items = power.items_needed_for_level(limit, truth, self.alpha, chance) if limit < 1 else None
        elif self.rule.min_gain is not None:
            gain = true_gain(self.rule, self.given) / self.unit
            asked = self.rule.min_gain / self.unit
            items = power.items_needed_for_gain(asked, min(gain + rate, 1.0), gain, self.alpha, chance)
        else:
            items = power.items_needed(self._margin, rate, 0.0, self.alpha, chance)
        return None if items is None else max(items, self.fewest() or 0)

    def shows(self, rate: float) -> float | None:
        items = self.given.items
        if items is None:
            return None
        if self.rule.level is not None:
            limit = self._share(self.rule.level)
            return self._score(power.least_score(items, limit, self.alpha, POWER)) if 0 <= limit < 1 else None
        if self.rule.min_gain is not None:
            gain = power.least_gain(items, self.rule.min_gain / self.unit, rate, self.alpha, POWER)
            return None if gain is None else gain * self.unit
        margin = power.least_margin(items, rate, self.alpha, POWER)
        if margin is None or not self.rule.relative:
            return None if margin is None else margin * self.unit
        return margin * self.unit / baseline_score(self.given)

    def fewest(self) -> int | None:
        """What zero flips, all gains or a perfect score take, by the test itself; ``min_items`` if that is more."""
        if self.given.stop_for == "this_benchmark":
            return self.rule.min_items or 1
        ways = [power.fewest_items(*self._surest, self.alpha)]
        if self.rule.only_below is not None:
            low, high = self.given.bounds or (0.0, 1.0)  # a guard is told in the metric's own direction
            ways.append(power.fewest_items(high, self.rule.only_below, (low, high), self.alpha))
        found = [way for way in ways if way is not None]
        return max(min(found), self.rule.min_items or 0) if found else None

    def groups_needed(self) -> int:
        """From the floor of ``statistics.p_value``: none drawn of a share that, broken whole, would be too much."""
        if not self.given.groups_needed:
            return 0
        best, null, (low, _) = self._surest
        share = (best - null) / (best - low)
        floor = math.ceil(math.log(self.alpha) / math.log1p(-share)) if 0 < share < 1 else 1
        return max(self.given.groups_needed, floor)

    @property
    def _surest(self) -> tuple[float, float, Bounds]:
        """The best value that every item can have, the null, and the least and greatest value of one item."""
        if self.rule.level is not None:
            low, high = self._turned
            return high, self.rule.level if self.given.higher_is_better else -self.rule.level, (low, high)
        if self.rule.min_gain is not None:
            return self.unit, self.rule.min_gain, (-self.unit, self.unit)
        margin = self.rule.max_drop or 0.0
        if not self.rule.relative:
            return 0.0, -margin, (-self.unit, self.unit)
        ends = self._turned
        given_back = [margin * abs(end) for end in ends]
        corners = [
            candidate - baseline + back for candidate in ends for baseline, back in zip(ends, given_back, strict=True)
        ]
        return max(given_back), 0.0, (min(corners), max(corners))

    @property
    def _turned(self) -> Bounds:
        """The bounds with up being better."""
        low, high = self.given.bounds or (0.0, 1.0)
        return (low, high) if self.given.higher_is_better else (-high, -low)

    @property
    def _margin(self) -> float:
        margin = self.rule.max_drop or 0.0
        return (margin * baseline_score(self.given) if self.rule.relative else margin) / self.unit

    def _share(self, score: float) -> float:
        low, high = self.given.bounds or (0.0, 1.0)
        return (score - low if self.given.higher_is_better else high - score) / self.unit

    def _score(self, share: float | None) -> float | None:
        if share is None:
            return None
        low, high = self.given.bounds or (0.0, 1.0)
        return low + share * self.unit if self.given.higher_is_better else high - share * self.unit


def _unit(bounds: Bounds | None) -> float | None:
    """The width of the scale; ``None`` without one."""
    return bounds[1] - bounds[0] if bounds is not None and all(map(math.isfinite, bounds)) else None
