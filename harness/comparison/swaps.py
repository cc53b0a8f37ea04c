"""What a rule says of data whose truth is known: real scores, their labels swapped at random.

Two runs' scores of an item, swapped with a chance of one half, come from models that are equally good, with the flips
and the correlations that real answers have. Worsening a share of them then makes a model that is exactly at a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.comparison.evidence import Evidence, Sides, change, method, sides, why_no_question
from harness.comparison.statistics import Array, interval
from harness.comparison.trial import Trial
from harness.values import GateRule, Pair, Rate


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a rule erred, and how often it was right to pass."""

    false_alarms: Rate
    false_passes: Rate | None
    passes: Rate


def flipped(evidence: Evidence) -> float:
    """The share of complete pairs whose scores differ."""
    both = sides(evidence.pairs, evidence.higher_is_better, evidence.bounds)
    kept = both.complete
    return float((both.baseline[kept] != both.candidate[kept]).mean()) if kept.any() else 0.0


def differs(evidence: Evidence, level: float = 0.01) -> bool:
    """Whether the two runs surely differ, in either direction, at this level in all."""
    asked = change(sides(evidence.pairs, evidence.higher_is_better, evidence.bounds))
    if asked.bounds is None or not len(asked.observed):
        return False
    test = method(evidence, asked.bounds)
    return min(test.p_value(asked.worst, 0.0, 1), test.p_value(asked.best, 0.0, -1)) <= level / 2


def swap_rates(rule: GateRule, evidence: Evidence, swaps: int, seed: int) -> Rates:
    """The rates of a rule over so many resampled swaps of the evidence's complete pairs, at its own number of items.

    False alarms are at most ``rule.alpha`` but for the steps of a discrete test: with only four flips a swap gives
    6.25 %. Items are taken as asked in full, also where a stop is planned; those that share a cluster are drawn and
    swapped together. Rules about one run have no labels to swap: ``ValueError``, as for metrics without bounds and for
    evidence that the rule cannot be asked of.
    """
    both = sides(evidence.pairs, evidence.higher_is_better, evidence.bounds)
    if rule.level is not None or both.bounds is None or why_no_question(rule, evidence) is not None:
        raise ValueError("there are no two arms of bounded scores to swap")
    random = np.random.default_rng(seed)
    whole = replace(evidence, pairs=tuple(p for p, kept in zip(evidence.pairs, both.complete, strict=True) if kept))
    whole = replace(whole, stopping=None, choices=1)
    scores = _Scores(Sides(both.baseline[both.complete], both.candidate[both.complete], both.bounds), whole)
    share = scores.share_at_the_limit(rule)
    alarms, passes, wrong = [], [], []
    for _ in range(swaps):
        same = scores.drawn(random, 0.0, rule)
        trial = Trial.of(rule, same, 1)
        alarms.append(trial.p_any_drop <= rule.alpha)
        passes.append(trial.is_passed)
        if share is not None:
            wrong.append(Trial.of(rule, scores.drawn(random, share, rule), 1).is_passed)
    return Rates(_rate(alarms), _rate(wrong) if share is not None else None, _rate(passes))


@dataclass(frozen=True, slots=True)
class _Scores:
    both: Sides
    evidence: Evidence

    def share_at_the_limit(self, rule: GateRule) -> float | None:
        """The share of items to worsen (or better) fully, so that the mean lies on the limit; ``None`` if none does."""
        assert self.both.bounds is not None
        low, high = self.both.bounds
        mean = float((self.both.baseline.mean() + self.both.candidate.mean()) / 2)
        if rule.min_gain is not None:
            room, wanted = high - mean, rule.min_gain
        else:
            room, wanted = mean - low, (rule.max_drop or 0.0) * (abs(mean) if rule.relative else 1.0)
        return wanted / room if 0 <= wanted <= room and room > 0 else None

    def drawn(self, random: np.random.Generator, share: float, rule: GateRule) -> Evidence:
        """As many pairs as there are, drawn again, swapped at random, a share of the candidate's scores at a bound."""
        assert self.both.bounds is not None
        picked, groups = self._picked(random)
        swapped = (random.random(int(groups.max()) + 1) < 0.5)[groups]
        first, second = self.both.baseline[picked], self.both.candidate[picked]
        baseline, candidate = np.where(swapped, second, first), np.where(swapped, first, second)
        bound = self.both.bounds[0] if rule.min_gain is None else self.both.bounds[1]
        candidate = np.where(random.random(len(picked)) < share, bound, candidate)
        clustered = any(pair.cluster is not None for pair in self.evidence.pairs)
        own = 1.0 if self.evidence.higher_is_better else -1.0
        return replace(self.evidence, pairs=_pairs(own * baseline, own * candidate, groups if clustered else None))

    def _picked(self, random: np.random.Generator) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Indices of items, drawn by whole groups with replacement, and the number of each one's group."""
        members: dict[str, list[int]] = {}
        for index, pair in enumerate(self.evidence.pairs):
            name = f"sample {pair.sample_id}" if pair.cluster is None else f"cluster {pair.cluster}"
            members.setdefault(name, []).append(index)
        every = list(members.values())
        chosen = [every[each] for each in random.integers(0, len(every), len(every))]
        numbers = np.repeat(np.arange(len(chosen)), [len(group) for group in chosen])
        return np.array([index for group in chosen for index in group]), numbers


def _pairs(baseline: Array, candidate: Array, groups: npt.NDArray[np.int64] | None) -> tuple[Pair, ...]:
    names: Sequence[str | None] = [None] * len(baseline) if groups is None else [str(each) for each in groups]
    return tuple(
        Pair(str(index), float(before), float(after), cluster=name)
        for index, (before, after, name) in enumerate(zip(baseline, candidate, names, strict=True))
    )


def _rate(happened: Sequence[bool]) -> Rate:
    values = np.array(happened, dtype=np.float64)
    low, high = interval(values, (0.0, 1.0))
    return Rate(float(values.mean()), low, high)
