"""How often the right choice is the likeliest: ``acc`` and ``acc_norm`` as lm-eval reckons them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness import Item, MeanOfScores, Mode, Score, ScoringContext


class _Choice(MeanOfScores):
    """1 if the likeliest choice is the right one, the first of equals; missing unless every choice has its weight."""

    higher_is_better: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float] | None] = (0.0, 1.0)
    modes: ClassVar[tuple[Mode, ...]] = ("choose",)
    requires_packages: ClassVar[tuple[str, ...]] = ()

    def weight(self, log_likelihood: float, choice: str) -> float:
        """What the choices are ranked by."""
        raise NotImplementedError

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        """One score an item, in order."""
        return [self._score(item) for item in items]

    def _score(self, item: Item) -> Score:
        sample = item.sample
        if not sample.choices or sample.answer is None:
            return Score(sample.id, None, "not a question with choices")
        given = {each.attempt: each.log_likelihood for each in item.generations}
        found = [given.get(index) for index in range(len(sample.choices))]
        known = [value for value in found if value is not None and not math.isnan(value)]
        if len(known) < len(found):
            return Score(sample.id, None, f"{len(found) - len(known)} of {len(found)} choices have no log-likelihood")
        weights = [self.weight(value, choice) for value, choice in zip(known, sample.choices, strict=True)]
        chosen = weights.index(max(weights))
        return Score(sample.id, float(chosen == sample.answer), details={"chosen": chosen})


@dataclass(frozen=True)
class Acc(_Choice):
    """Share of questions whose right choice has the highest log-likelihood."""

    name: ClassVar[str] = "acc"

    def weight(self, log_likelihood: float, choice: str) -> float:
        """The log-likelihood as it is."""
        return log_likelihood


@dataclass(frozen=True)
class AccNorm(_Choice):
    """Share of questions whose right choice has the highest log-likelihood a character.

    A character is a Unicode one, and the one blank that sets a choice off from its question is none of it.
    """

    name: ClassVar[str] = "acc_norm"

    def weight(self, log_likelihood: float, choice: str) -> float:
        """The log-likelihood divided by the choice's length; a choice of no length is the least likely."""
        length = len(choice.removeprefix(" "))
        return log_likelihood / length if length else -math.inf
