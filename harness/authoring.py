"""Helpers that keep the common plugin short."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from harness.protocols import ScoringContext
from harness.values import Item, Mode, Score


def why_unscored(item: Item, *, needs_target: bool = True) -> str | None:
    """Why there is nothing to score in the item, ``None`` where there is."""
    if not item.generations:
        return "no answer was recorded"
    if needs_target and not item.sample.targets:
        return "no target to compare with: the sample has none"
    return None


class MeanOfScores:
    """Aggregates by the mean, which is what the paired comparison compares."""

    def aggregate(self, scores: Sequence[Score]) -> float:
        """The mean of the scores that have a value."""
        values = [score.value for score in scores if score.value is not None]
        return math.fsum(values) / len(values)


class OverSums:
    """A metric whose value is reckoned from sums over all its items, as corpus BLEU, macro F1 or bits per byte.

    Each score's ``value`` is the item's own, for whoever looks at single items; what the whole is reckoned from are its
    ``parts``, which the comparison adds up with each item left out in turn.
    """

    def parts(self, score: Score) -> Sequence[float]:
        """What the item adds to the sums: equally many numbers for every item, here those of ``details["parts"]``."""
        parts: Sequence[float] = score.details["parts"]
        return parts

    def whole(self, sums: Sequence[float]) -> float:
        """The value of the whole; quick and pure, and a number for the sums of any items, of none as well."""
        raise NotImplementedError(f"{type(self).__name__} needs whole(sums)")

    def aggregate(self, scores: Sequence[Score]) -> float:
        """The value of the scores' items together."""
        return self.whole([math.fsum(column) for column in zip(*map(self.parts, scores), strict=True)])


class PerSample(MeanOfScores):
    """A metric that looks at one answer at a time: write ``score_one`` and the facts, and it is whole.

    Items with several attempts score their mean; an item without an answer, or without a target to compare it with, is
    missing and says so.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float] | None] = (0.0, 1.0)
    modes: ClassVar[tuple[Mode, ...]] = ("generate",)
    requires_packages: ClassVar[tuple[str, ...]] = ()
    needs_target: ClassVar[bool] = True
    """Set it to false if the answer alone tells, as its length does; ``targets`` may be empty then."""

    def score_one(self, text: str, targets: Sequence[str]) -> float | Score:
        """The value of one answer against its targets.

        Where details or a reason matter, a whole ``Score``; its ``sample_id`` is filled in, so leave it ``""``.
        """
        raise NotImplementedError(f"{type(self).__name__} needs score_one(text, targets)")

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        """One score an item, in order."""
        return [self._score(item) for item in items]

    def _score(self, item: Item) -> Score:
        if why := why_unscored(item, needs_target=self.needs_target):
            return Score(item.sample.id, None, why)
        marks = [self.score_one(each.text, item.sample.targets) for each in item.generations]
        scores = [mark if isinstance(mark, Score) else Score(item.sample.id, mark) for mark in marks]
        missing = [score for score in scores if score.value is None]
        if missing:
            return Score(item.sample.id, None, missing[0].why_missing, missing[0].details)
        mean = math.fsum(score.value or 0.0 for score in scores) / len(scores)
        return Score(item.sample.id, mean, None, scores[0].details)
