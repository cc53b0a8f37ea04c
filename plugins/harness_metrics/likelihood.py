"""How well a model predicts given texts: perplexity and bits per byte, as lm-eval reckons them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from harness import Generation, Item, Mode, OverSums, Score, ScoringContext

Unit = Literal["token", "word", "byte"]

_LEAST_PROBABLE = math.log(1e100)
"""Nats a unit; beyond, neither a perplexity nor a difference of two says anything."""


class _OfTexts(OverSums):
    """Reckoned from two sums: of the texts' log-likelihoods, and of their units.

    A text that has no units, or of which no likelihood is known, is missing and says why.
    """

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[tuple[float, float] | None] = None
    modes: ClassVar[tuple[Mode, ...]] = ("likelihood",)
    requires_packages: ClassVar[tuple[str, ...]] = ()

    def units(self, given: Generation) -> int:
        """How many units the text has, by which its log-likelihood is divided."""
        raise NotImplementedError

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        """One score an item, in order: the value of its text alone, with its ``parts`` of the sums."""
        return [self._score(item) for item in items]

    def _score(self, item: Item) -> Score:
        if not item.generations:
            return Score(item.sample.id, None, "no likelihood was recorded")
        given = item.generations[0]
        if given.log_likelihood is None:
            return Score(item.sample.id, None, "the text has no log-likelihood")
        if not math.isfinite(given.log_likelihood):
            return Score(item.sample.id, None, f"the text's log-likelihood is {given.log_likelihood:g}")
        if not given.text or not given.output_tokens:
            return Score(item.sample.id, None, "the text is empty" if not given.text else "the text has no tokens")
        parts = [given.log_likelihood, float(self.units(given))]
        return self._valued(item.sample.id, parts)

    def _valued(self, name: str, parts: list[float]) -> Score:
        return Score(name, self.whole(parts), details={"parts": parts})


@dataclass(frozen=True)
class Perplexity(_OfTexts):
    """How many units the model, on average, hesitates between when it reads the texts; 1 is certainty.

    The exponential of the mean negative log-likelihood: over all units of all texts, so that a long text counts for
    more than a short one. Per token it cannot be compared between models with different tokenizers, which cut a text
    into more tokens or fewer; a base model and its tuned one share theirs. ``bits_per_byte`` can. A text of more than
    1e100 is missing: it has no white space to tell words by, or the model's numbers have left their range. Per word and
    per byte these are lm-eval's ``word_perplexity`` and ``byte_perplexity``. Source: Jelinek et al. 1977.
    """

    name: ClassVar[str] = "perplexity"

    per: Unit = "token"
    """``token`` of the model's own, ``word`` between white space (white space at either end sets off one more, as in
    lm-eval), or ``byte`` of UTF-8."""

    def __post_init__(self) -> None:
        if self.per not in get_args(Unit):
            raise ValueError(f"per is one of {', '.join(get_args(Unit))}, not {self.per!r}")

    def units(self, given: Generation) -> int:
        """Its tokens, words or bytes."""
        if self.per == "token":
            return given.output_tokens
        return _bytes(given.text) if self.per == "byte" else len(re.split(r"\s+", given.text))

    def whole(self, sums: Sequence[float]) -> float:
        """The perplexity of all texts together, 1e100 at most; of none it is 1."""
        log_likelihood, units = sums
        return math.exp(min(-log_likelihood / units, _LEAST_PROBABLE)) if units > 0 else 1.0

    def _valued(self, name: str, parts: list[float]) -> Score:
        log_likelihood, units = parts
        if -log_likelihood / units > _LEAST_PROBABLE:
            reason = f"a perplexity of more than 1e100 per {self.per} is nothing to compare; bits_per_byte would be"
            return Score(name, None, reason)
        return super()._valued(name, parts)


@dataclass(frozen=True)
class BitsPerByte(_OfTexts):
    """To how many bits the model could compress each byte of the texts; 0 is certainty.

    The negative log-likelihood of all texts, to the base 2, divided by all their bytes in UTF-8. It does not depend on
    the tokenizer, so that any two models can be compared. Source: Gao et al. 2020, "The Pile".
    """

    name: ClassVar[str] = "bits_per_byte"

    def units(self, given: Generation) -> int:
        """Its bytes."""
        return _bytes(given.text)

    def whole(self, sums: Sequence[float]) -> float:
        """The bits a byte of all texts together; of none it is 0."""
        log_likelihood, units = sums
        return max(0.0, -log_likelihood / math.log(2) / units) if units > 0 else 0.0


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))  # half a character, as JSON can hold it, has bytes too
