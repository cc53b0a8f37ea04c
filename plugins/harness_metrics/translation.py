"""Metrics of translation by ``sacrebleu``: corpus BLEU and chrF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from harness import Item, Mode, OverSums, Score, ScoringContext, why_unscored

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

Tokenize = Literal["13a", "intl", "char", "none", "zh"]
SmoothMethod = Literal["exp", "floor", "add-k", "none"]

_HIGHEST = 100.0


class _OverSegments(OverSums):
    """Each answer is a segment that is counted, and the whole is reckoned from the counts of all.

    Several answers to one item are as many segments. ``details`` hold the item's ``parts``, its counts.
    """

    higher_is_better: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float] | None] = (0.0, _HIGHEST)
    modes: ClassVar[tuple[Mode, ...]] = ("generate",)
    requires_packages: ClassVar[tuple[str, ...]] = ("sacrebleu",)

    def count(self, answer: str, targets: Sequence[str]) -> Sequence[int]:
        """The counts of one answer."""
        raise NotImplementedError

    def of_segment(self, counts: Sequence[int]) -> float:
        """The value of one answer from its counts."""
        return self.whole(counts)

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        """One score an item, in order: from 0 to 100, the mean of several answers."""
        return [self._score(item) for item in items]

    def _score(self, item: Item) -> Score:
        if why := why_unscored(item):
            return Score(item.sample.id, None, why)
        segments = [self.count(each.text, item.sample.targets) for each in item.generations]
        value = math.fsum(map(self.of_segment, segments)) / len(segments)
        return Score(item.sample.id, value, details={"parts": [sum(column) for column in zip(*segments, strict=True)]})


@dataclass(frozen=True)
class Bleu(_OverSegments):
    """Corpus BLEU of all answers together, from 0 to 100, as ``sacrebleu`` reckons it.

    Precision of words and of phrases of up to four words, times a penalty for answers that are shorter than their
    targets. It is no mean: a single item's score is its sentence BLEU, with effective order. All targets of a sample
    are its references; an empty one is a reference of no words. Sources: Papineni et al. 2002; Post 2018.
    """

    name: ClassVar[str] = "bleu"

    lowercase: bool = False
    """``Paris`` is ``paris``."""
    tokenize: Tokenize = "13a"
    """How words are told: ``13a`` as WMT does, ``intl`` by Unicode's punctuation and symbols, ``none`` at white space.
    Languages without spaces need ``zh``, Chinese character by character, or ``char``, every character."""
    smooth_method: SmoothMethod = "exp"
    """What counts for matches at a length that has none: with ``exp`` a half of one, at the next such length a quarter,
    and so on; with ``floor`` a share of one; with ``none`` nothing, and the score is 0. ``add-k`` adds to the matches
    and to the phrases of every length from two words up."""
    smooth_value: float | None = None
    """The share of ``floor``, 0.1 unless given, or what ``add-k`` adds, 1 unless given."""
    max_ngram_order: int = 4
    """The longest phrase, in words."""
    effective_order: bool = False
    """Lengths that no answer reaches do not count: for a set whose answers are all shorter than four words."""

    def __post_init__(self) -> None:
        if self.tokenize not in get_args(Tokenize):
            raise ValueError(
                f"tokenize is one of {', '.join(get_args(Tokenize))}, not {self.tokenize!r}: sacrebleu's others need "
                "further packages or downloads; for Japanese and Korean take char"
            )
        if self.smooth_method not in get_args(SmoothMethod):
            raise ValueError(f"smooth_method is one of {', '.join(get_args(SmoothMethod))}, not {self.smooth_method!r}")
        if self.max_ngram_order < 1:
            raise ValueError(f"max_ngram_order is at least 1, not {self.max_ngram_order}")
        if self.smooth_value is not None:
            self._check_smooth_value(self.smooth_value)

    def _check_smooth_value(self, value: float) -> None:
        method = self.smooth_method
        if method not in ("floor", "add-k"):
            raise ValueError(f"smooth_value is for smooth_method floor or add-k, not for {method}; leave it out")
        if not 0 < value < math.inf:
            raise ValueError(f"smooth_value is a number above 0, not {value:g}")
        if method == "floor" and value > 1:  # else no match would be worth more than a match
            raise ValueError(f"smooth_value is at most 1 with smooth_method floor, not {value:g}")

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        """One score an item, in order: from 0 to 100, the mean of several answers."""
        scores = super().score(items, context)
        _forget_texts()
        return scores

    def count(self, answer: str, targets: Sequence[str]) -> Sequence[int]:
        """Words of the answer, words of the target nearest in length; matching n-grams by length, then all of them."""
        found = _bleu(self.lowercase, self.tokenize, self.max_ngram_order).sentence_score(answer, targets)
        return [found.sys_len, found.ref_len, *found.counts, *found.totals]

    def of_segment(self, counts: Sequence[int]) -> float:
        """Sentence BLEU."""
        return self._value(counts, effective_order=True)

    def whole(self, sums: Sequence[float]) -> float:
        """Between 0 and 100; 0 where nothing matches."""
        return self._value(sums, effective_order=self.effective_order)

    def _value(self, sums: Sequence[float], *, effective_order: bool) -> float:
        from sacrebleu.metrics.bleu import BLEU

        answered, wanted, *counts = map(round, sums)
        found = BLEU.compute_bleu(
            correct=counts[: self.max_ngram_order],
            total=counts[self.max_ngram_order :],
            sys_len=answered,
            ref_len=wanted,
            smooth_method=self.smooth_method,
            smooth_value=self.smooth_value,
            effective_order=effective_order,
            max_ngram_order=self.max_ngram_order,
        )
        return min(found.score, _HIGHEST)  # a logarithm there and back makes a little more of 100


@dataclass(frozen=True)
class ChrF(_OverSegments):
    """chrF of all answers together, from 0 to 100, as ``sacrebleu`` reckons it; with ``word_order`` 2 it is chrF++.

    F-measure of runs of up to six characters: kinder than BLEU to other endings of a word, and at home in languages
    without spaces. It is no mean: a single item's score is its own chrF. Of several targets the one with the best
    score counts. Sources: Popović 2015 and 2017; Post 2018.
    """

    name: ClassVar[str] = "chrf"

    char_order: int = 6
    """The longest run of characters."""
    word_order: int = 0
    """The longest phrase in words that is counted besides."""
    beta: int = 2
    """Recall counts so many times as much as precision."""
    lowercase: bool = False
    """``Paris`` is ``paris``."""
    whitespace: bool = False
    """White space is a character too."""
    eps_smoothing: bool = False
    """Lengths that one side does not reach count as 0 instead of not at all, as in the first chrF++ program."""

    def __post_init__(self) -> None:
        if self.char_order < 0 or self.word_order < 0:
            raise ValueError(f"char_order and word_order are 0 or more, not {self.char_order} and {self.word_order}")
        if not self.char_order + self.word_order:
            raise ValueError("char_order and word_order are both 0, so nothing is counted; leave char_order at 6")
        if self.beta < 1:
            raise ValueError(f"beta is at least 1, not {self.beta}")

    def count(self, answer: str, targets: Sequence[str]) -> Sequence[int]:
        """For each length, of characters first: n-grams of the answer, of its best target, and those that match."""
        return _chrf_counts(_chrf(self), answer, targets)

    def whole(self, sums: Sequence[float]) -> float:
        """Between 0 and 100; where nothing is counted it is 0, or next to it with ``eps_smoothing``."""
        return min(_chrf_value(_chrf(self), sums), _HIGHEST)


@cache
def _bleu(lowercase: bool, tokenize: Tokenize, max_ngram_order: int) -> BLEU:
    """A counter: neither smoothing nor order of what it reckons by itself is used."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(
        lowercase=lowercase,
        tokenize=tokenize,
        smooth_method="none",
        max_ngram_order=max_ngram_order,
        effective_order=True,
    )


def _forget_texts() -> None:
    """Empty the caches of sacrebleu's tokenizers: they keep the last 65,536 texts, gigabytes where answers are long."""
    from sacrebleu.tokenizers.tokenizer_base import BaseTokenizer

    for kind in BaseTokenizer.__subclasses__():
        if clear := getattr(kind.__call__, "cache_clear", None):
            clear()


@cache
def _chrf(options: ChrF) -> CHRF:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(
        char_order=options.char_order,
        word_order=options.word_order,
        beta=options.beta,
        lowercase=options.lowercase,
        whitespace=options.whitespace,
        eps_smoothing=options.eps_smoothing,
    )


# sacrebleu 2.6 gives chrF's counts to nobody but its own corpus_score: what follows are the two halves of that


def _chrf_counts(chrf: CHRF, answer: str, targets: Sequence[str]) -> list[int]:
    (counts,) = chrf._extract_corpus_statistics([answer], [[target] for target in targets])
    return list(counts)


def _chrf_value(chrf: CHRF, sums: Sequence[float]) -> float:
    return chrf._compute_score_from_stats([round(count) for count in sums]).score
