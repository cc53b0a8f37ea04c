"""How the best prompt stands against the threshold: as it was measured, else by the team's word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.advice.situation import Baseline, Situation

Verdict = Literal["yes", "barely", "perhaps", "no", "unknown"]
"""Enough; enough, though the interval reaches below the threshold; too little, though it reaches it; too little."""

_MOST_ITEMS = 100_000
"""A test set larger than this is not advised to anybody; our choice."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the best prompt reaches."""

    value: float
    low: float | None = None
    high: float | None = None
    baseline: Baseline | None = None
    """The prompt on the task where it is weakest; ``None`` where the value is the team's word."""


def best(baselines: Sequence[Baseline]) -> tuple[Baseline, ...]:
    """The best prompt on each of its tasks, the weakest first; empty where nothing was measured.

    The best is the one whose weakest task is best, since a release needs all of them; of equals the better in the mean,
    then the shorter. A prompt that was not asked everything only counts where none was.
    """
    names = dict.fromkeys(each.name for each in baselines if not math.isnan(each.value))
    prompts = [[each for each in baselines if each.name == name and not math.isnan(each.value)] for name in names]
    most = max(map(len, prompts), default=0)
    whole = [sorted(prompt, key=lambda each: each.value) for prompt in prompts if len(prompt) == most]
    return max(map(tuple, whole), key=_rank, default=())


def _rank(prompt: Sequence[Baseline]) -> tuple[float, float, float]:
    mean = math.fsum(each.value for each in prompt) / len(prompt)
    return prompt[0].value, mean, -math.fsum(each.prompt_tokens or 0 for each in prompt)


def standing(situation: Situation) -> Standing | None:
    """What the best prompt reaches; ``None`` where it was not measured and nobody has said."""
    measured = best(situation.baselines)
    if measured:
        return Standing(measured[0].value, measured[0].low, measured[0].high, measured[0])
    return None if situation.compliance is None else Standing(situation.compliance)


def verdict(situation: Situation) -> Verdict:
    """Whether it is enough: by the value, and the interval says how sure that is."""
    stands = standing(situation)
    if stands is None:
        return "unknown"
    if stands.value >= situation.threshold:
        return "barely" if stands.low is not None and stands.low < situation.threshold else "yes"
    return "perhaps" if stands.high is not None and stands.high >= situation.threshold else "no"


def is_enough(situation: Situation) -> bool:
    """Whether the best prompt is known to reach the threshold."""
    return verdict(situation) in {"yes", "barely"}


def falls_short(situation: Situation) -> bool:
    """Whether the best prompt is known not to reach the threshold."""
    return verdict(situation) in {"perhaps", "no"}


def items_to_tell(situation: Situation) -> int | None:
    """About how many items would settle on which side of the threshold the best prompt is, if its score stays.

    An interval narrows with the root of the items. ``None`` where it is settled, or where no test set would do.
    """
    stands = standing(situation)
    if stands is None or stands.baseline is None or verdict(situation) not in {"barely", "perhaps"}:
        return None
    end = stands.low if stands.value >= situation.threshold else stands.high
    gap = abs(stands.value - situation.threshold)
    if end is None or gap == 0 or stands.baseline.items <= 0:
        return None
    items = stands.baseline.items * (abs(end - stands.value) / gap) ** 2
    return _rounded_up(items) if items <= _MOST_ITEMS else None


def _rounded_up(items: float) -> int:
    """To two figures: more would pretend to know."""
    step = int(10 ** max(0, len(str(math.ceil(items))) - 2))
    return math.ceil(items / step) * step
