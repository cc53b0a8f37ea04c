"""What answers take to serve: time, tokens and money. Their text plays no part, so they need no target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness import Generation, Item, MeanOfScores, Mode, OverSums, Score, ScoringContext, why_unscored

_NO_TIME = "no time was recorded: the backend took none"


class _Serving:
    """Measures the answers of an item together; without answers there is nothing to measure."""

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[tuple[float, float] | None] = None
    modes: ClassVar[tuple[Mode, ...]] = ("generate",)
    requires_packages: ClassVar[tuple[str, ...]] = ()

    def measured(self, sample_id: str, answers: Sequence[Generation]) -> Score:
        """The score of one item that has answers."""
        raise NotImplementedError

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        """One score an item, in order."""
        found = []
        for item in items:
            why = why_unscored(item, needs_target=False)
            found.append(Score(item.sample.id, None, why) if why else self.measured(item.sample.id, item.generations))
        return found


@dataclass(frozen=True)
class Latency(_Serving, MeanOfScores):
    """Seconds an answer, the less the better; of several answers to one item the mean.

    An answer's seconds are its share of its batch's wall time: with ``batch_size: 1`` what a user waits for, with more
    what the machine is kept busy. They depend on the machine, and an answer that was taken over from an earlier run has
    the seconds that it took then: to compare two runs, ask both on one machine with nothing else on it.
    """

    name: ClassVar[str] = "latency"

    def measured(self, sample_id: str, answers: Sequence[Generation]) -> Score:
        """Seconds; missing where no time was taken."""
        if not _are_timed(answers):
            return Score(sample_id, None, _NO_TIME)
        return Score(sample_id, _mean([each.seconds for each in answers]))


@dataclass(frozen=True)
class TokensPerSecond(_Serving, OverSums):
    """Tokens of the answers a second: all tokens divided by all seconds, so that a long answer weighs more.

    A single item's score is its own rate. Reading the prompt takes time and gives no tokens: a longer prompt lowers the
    rate. Of the seconds the same holds as in ``latency``.
    """

    name: ClassVar[str] = "tokens_per_second"
    higher_is_better: ClassVar[bool] = True

    def measured(self, sample_id: str, answers: Sequence[Generation]) -> Score:
        """The item's rate; missing where no time was taken."""
        if not _are_timed(answers):
            return Score(sample_id, None, _NO_TIME)
        tokens, seconds = sum(each.output_tokens for each in answers), math.fsum(each.seconds for each in answers)
        return Score(sample_id, self.whole((tokens, seconds)), None, {"output_tokens": tokens, "seconds": seconds})

    def parts(self, score: Score) -> Sequence[float]:
        """Tokens and seconds."""
        return float(score.details["output_tokens"]), float(score.details["seconds"])

    def whole(self, sums: Sequence[float]) -> float:
        """Tokens divided by seconds; 0 where no time is left."""
        tokens, seconds = sums
        return tokens / seconds if seconds > 0 else 0.0


@dataclass(frozen=True)
class OutputTokens(_Serving, MeanOfScores):
    """Tokens an answer, the fewer the better: they are what a served model mostly costs, in time and money.

    Of several answers to one item the mean. Silence is the least that one can say: gate it beside a metric of what the
    answers are worth.
    """

    name: ClassVar[str] = "output_tokens"

    def measured(self, sample_id: str, answers: Sequence[Generation]) -> Score:
        """A number of tokens."""
        return Score(sample_id, _mean([each.output_tokens for each in answers]))


@dataclass(frozen=True)
class Cost(_Serving, MeanOfScores):
    """Price of 1,000 answers at ``input_per_million`` and ``output_per_million``, the less the better.

    The whole prompt counts as input, system text and examples too, so that what a prompted model costs beside a tuned
    one can be seen. Several answers to one item cost their mean, each with its prompt. Nothing is taken off for prompts
    that a provider holds in a cache.
    """

    name: ClassVar[str] = "cost"

    input_per_million: float
    """The price of a million tokens of prompts."""
    output_per_million: float
    """The price of a million tokens of answers."""
    currency: str = "USD"
    """What the prices are in; each score names it, and nothing is converted."""

    def __post_init__(self) -> None:
        prices = {"input_per_million": self.input_per_million, "output_per_million": self.output_per_million}
        for option, price in prices.items():
            if not (math.isfinite(price) and price >= 0):
                raise ValueError(f"{option} is the price of a million tokens, 0 or more, not {price}")
        if not any(prices.values()):
            raise ValueError("both prices are 0, so that nothing costs anything; write what a million tokens cost")
        if not (self.currency.strip() and self.currency.isprintable()):
            raise ValueError(f"currency is a word to stand beside the price, as EUR, not {self.currency!r}")

    def measured(self, sample_id: str, answers: Sequence[Generation]) -> Score:
        """The price of 1,000 answers that are each as long as these."""
        return Score(sample_id, _mean([self._price(each) for each in answers]), None, {"currency": self.currency})

    def _price(self, answer: Generation) -> float:
        read = answer.prompt_tokens * self.input_per_million
        written = answer.output_tokens * self.output_per_million
        return (read + written) / 1_000  # a thousand answers at a millionth of the price a token


def _are_timed(answers: Sequence[Generation]) -> bool:
    """Whether each answer took some time; no model answers in none, so that 0 says that nobody looked."""
    return all(0 < each.seconds < math.inf for each in answers)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
