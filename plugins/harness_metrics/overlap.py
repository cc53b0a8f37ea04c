"""ROUGE: the words and phrases that an answer shares with its target."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain, pairwise
from typing import Any, ClassVar, Literal, get_args

from harness import PerSample, Score
from harness_metrics.subsequence import covered, longest

Variant = Literal["rouge1", "rouge2", "rougeL", "rougeLsum"]

_WORD = re.compile("[a-z0-9]+")
_LONGEST_KEPT = 100
"""Letters of a word whose stem is remembered: a longer one hardly comes twice, and may be a whole answer."""

_Text = list[list[str]]
"""The words of each of its sentences."""
_Counts = tuple[int, int, int]
"""What both share, what the answer has, and what the target has."""


@dataclass(frozen=True)
class Rouge(PerSample):
    """ROUGE F-measure as the ``rouge-score`` package reckons it; the best over the targets.

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
        wanted = [target for target in map(self._read, targets) if any(target)]
        if not wanted:
            return Score("", None, "no target to compare with: none has a word of a-z and 0-9, which ROUGE counts")
        answer, count = self._read(text), _COUNTS[self.variant]
        return max(_f_measure(*count(answer, target)) for target in wanted)

    def _read(self, text: str) -> _Text:
        sentences = text.lower().split("\n") if self.variant == "rougeLsum" else [text.lower()]
        words = [_WORD.findall(sentence) for sentence in sentences]
        return [_stems(each) for each in words] if self.use_stemmer else words


def _words(answer: _Text, target: _Text) -> _Counts:
    (one,), (other,) = answer, target
    return _shared(one, other), len(one), len(other)


def _pairs(answer: _Text, target: _Text) -> _Counts:
    (one,), (other,) = answer, target
    return _shared(pairwise(one), pairwise(other)), len(one) - 1, len(other) - 1


def _subsequence(answer: _Text, target: _Text) -> _Counts:
    (one,), (other,) = answer, target
    return longest(one, other), len(one), len(other)


def _union_of_subsequences(answer: _Text, target: _Text) -> _Counts:
    """Each sentence of the target against all of the answer's; no word is hit more often than the answer has it."""
    sentences = set(map(tuple, answer))  # the same sentence again covers nothing more
    hit = (sentence[place] for sentence in target for place in covered(sentence, sentences))
    return _shared(hit, chain.from_iterable(answer)), sum(map(len, answer)), sum(map(len, target))


_COUNTS: Mapping[Variant, Callable[[_Text, _Text], _Counts]] = {
    "rouge1": _words,
    "rouge2": _pairs,
    "rougeL": _subsequence,
    "rougeLsum": _union_of_subsequences,
}


def _shared(one: Iterable[Hashable], other: Iterable[Hashable]) -> int:
    """How many both have, each as often as both have it."""
    left, right = Counter(one), Counter(other)
    # no generator and no call of min(): this line is half the time of rouge1
    return sum([has if has < wants else wants for each, has in left.items() if (wants := right.get(each, 0))])


def _f_measure(hits: int, in_answer: int, in_target: int) -> float:
    # step by step as the package does it, so that the last digit is the same
    precision, recall = hits / max(in_answer, 1), hits / max(in_target, 1)
    return 2 * precision * recall / (precision + recall) if hits else 0.0


def _stems(words: Sequence[str]) -> list[str]:
    return [_stem(word) if len(word) <= _LONGEST_KEPT else _stem.__wrapped__(word) for word in words]


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    """The word as the package counts it: those of three letters and fewer stay as they are."""
    return "".join(_tokenizer().tokenize(word))


@cache
def _tokenizer() -> Any:  # noqa: ANN401 - rouge_score has no types
    from rouge_score.tokenizers import DefaultTokenizer  # nltk lives behind this line

    return DefaultTokenizer(use_stemmer=True)
