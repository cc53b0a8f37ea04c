"""Metrics on the words and phrases that an answer shares with its target."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, get_args

from harness import PerSample, Score

Variant = Literal["rouge1", "rouge2", "rougeL", "rougeLsum"]

_COUNTED = re.compile("[a-z0-9]")


@dataclass(frozen=True)
class Rouge(PerSample):
    """ROUGE F-measure by the ``rouge-score`` package; the best over the targets.

    The package counts words of ``a-z`` and ``0-9`` only: a target without any, as in Chinese or Greek, is nothing to
    compare with, and where a sample has no other its score is missing. Source: Lin 2004.
    """

    name: ClassVar[str] = "rouge"
    requires_packages: ClassVar[tuple[str, ...]] = ("rouge-score",)

    variant: Variant = "rougeL"
    """``rouge1`` and ``rouge2`` count words and pairs of words, ``rougeL`` the longest common subsequence, and
    ``rougeLsum`` the same over sentences, each on a line of its own."""
    use_stemmer: bool = False
    """``running`` and ``runs`` are one word: Porter's stemmer, for English."""

    def __post_init__(self) -> None:
        if self.variant not in get_args(Variant):
            raise ValueError(f"variant is one of {', '.join(get_args(Variant))}, not {self.variant!r}")

    def score_one(self, text: str, targets: Sequence[str]) -> float | Score:
        """Between 0 and 1; missing where no target holds a word that ROUGE counts."""
        wanted = [target for target in targets if _COUNTED.search(target.lower())]
        if not wanted:
            return Score("", None, "no target to compare with: none has a word of a-z and 0-9, which ROUGE counts")
        scorer = _scorer(self.variant, self.use_stemmer)
        return max(float(scorer.score(target, text)[self.variant].fmeasure) for target in wanted)


@cache
def _scorer(variant: Variant, use_stemmer: bool) -> Any:  # noqa: ANN401 - rouge_score has no types
    from rouge_score.rouge_scorer import RougeScorer  # numpy and nltk live behind this line

    return RougeScorer([variant], use_stemmer=use_stemmer)
