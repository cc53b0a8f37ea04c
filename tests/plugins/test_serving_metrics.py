"""What answers take to serve: seconds, tokens, money."""

from __future__ import annotations

import math
import types
from typing import Any

import pytest

from harness import Generation, Item, Sample, Score, ScoringContext, UsageError, hookimpl
from harness.catalog import Catalog
from harness.host import Host
from harness.testing import MetricContract, text_item
from harness.values import Origin, Ref
from harness_metrics.serving import Cost, Latency, OutputTokens, TokensPerSecond

Metric = Latency | TokensPerSecond | OutputTokens | Cost

Answer = tuple[int, int, float]
"""Tokens of the prompt, tokens of the answer, seconds."""


def served(name: str, *answers: Answer) -> Item:
    """An item of which only the measurements are there; no metric here may look at the text or at a target."""
    generations = tuple(Generation(name, attempt, "", "stop", *measured) for attempt, measured in enumerate(answers))
    return Item(Sample(name, "?", ()), generations)


def scored(metric: Metric, *items: Item) -> list[Score]:
    return list(metric.score(items, ScoringContext()))


def value(metric: Metric, *answers: Answer) -> float | None:
    return scored(metric, served("s", *answers))[0].value


def test_latency_is_the_mean_of_the_seconds() -> None:
    metric = Latency()

    assert value(metric, (100, 10, 0.25)) == 0.25
    assert value(metric, (100, 10, 1.0), (100, 90, 2.0)) == 1.5
    scores = scored(metric, served("a", (9, 9, 1.0)), served("b", (9, 9, 4.0)))
    assert metric.aggregate(scores) == 2.5
    assert not metric.higher_is_better


def test_tokens_per_second_are_all_tokens_by_all_seconds() -> None:
    metric = TokensPerSecond()
    scores = scored(metric, served("quick", (9, 10, 0.1)), served("slow", (9, 100, 10.0)))

    assert [score.value for score in scores] == [100.0, 10.0]
    assert metric.aggregate(scores) == pytest.approx(110 / 10.1)
    assert [list(metric.parts(score)) for score in scores] == [[10.0, 0.1], [100.0, 10.0]]
    assert metric.higher_is_better


def test_tokens_per_second_of_several_answers_are_those_of_them_together() -> None:
    assert value(TokensPerSecond(), (9, 10, 1.0), (9, 50, 2.0)) == 20.0


def test_tokens_per_second_are_a_number_for_the_sums_of_no_items() -> None:
    assert TokensPerSecond().whole((0.0, 0.0)) == 0.0
    assert TokensPerSecond().whole((10.0, -1e-18)) == 0.0


def test_an_answer_of_no_token_took_its_time_all_the_same() -> None:
    assert value(TokensPerSecond(), (9, 0, 0.5)) == 0.0
    assert value(Latency(), (9, 0, 0.5)) == 0.5
    assert value(OutputTokens(), (9, 0, 0.5)) == 0.0


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("metric", [Latency(), TokensPerSecond()], ids=lambda metric: metric.name)
def test_an_answer_in_no_time_is_missing_and_not_infinitely_quick(metric: Metric, seconds: float) -> None:
    items = (served("s", (9, 9, seconds)), served("t", (9, 9, 1.0), (9, 9, seconds)))

    assert [(score.value, score.why_missing) for score in scored(metric, *items)] == [
        (None, "no time was recorded: the backend took none")
    ] * 2


def test_output_tokens_are_the_mean_of_the_answers_tokens() -> None:
    assert value(OutputTokens(), (100, 30, 0.0)) == 30.0
    assert value(OutputTokens(), (100, 30, 0.0), (100, 60, 0.0)) == 45.0
    assert not OutputTokens().higher_is_better


def test_cost_is_the_price_of_a_thousand_answers() -> None:
    metric = Cost(input_per_million=0.5, output_per_million=2.0)

    # 1,000 answers read 400,000 tokens and write 100,000
    assert value(metric, (400, 100, 0.0)) == pytest.approx(0.4 * 0.5 + 0.1 * 2.0)
    assert value(metric, (400, 100, 0.0), (400, 300, 0.0)) == pytest.approx(0.4 * 0.5 + 0.2 * 2.0)
    assert not metric.higher_is_better


def test_a_longer_prompt_costs_more_and_a_free_one_nothing() -> None:
    metric = Cost(input_per_million=1.0, output_per_million=1.0)

    assert value(metric, (2_000, 100, 0.0)) == pytest.approx(2.1)
    assert value(metric, (200, 100, 0.0)) == pytest.approx(0.3)
    assert value(Cost(0.0, 1.0), (2_000, 100, 0.0)) == value(Cost(0.0, 1.0), (1, 100, 0.0)) == pytest.approx(0.1)


def test_each_score_names_the_currency_and_nothing_is_converted() -> None:
    (dollars,), (euros,) = (scored(Cost(1.0, 1.0, *currency), served("s", (9, 9, 0.0))) for currency in ((), ("EUR",)))

    assert (dollars.details, euros.details) == ({"currency": "USD"}, {"currency": "EUR"})
    assert dollars.value == euros.value


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        ((-1.0, 1.0, "USD"), "input_per_million is the price of a million tokens, 0 or more, not -1.0"),
        ((1.0, math.nan, "USD"), "output_per_million is the price of a million tokens, 0 or more, not nan"),
        ((math.inf, 1.0, "USD"), "input_per_million is the price of a million tokens, 0 or more, not inf"),
        ((0.0, 0.0, "USD"), "both prices are 0"),
        ((1.0, 1.0, " "), "currency is a word"),
        ((1.0, 1.0, "\x1b[31m"), "currency is a word"),
    ],
)
def test_prices_that_are_none_are_refused(prices: tuple[float, float, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Cost(*prices)


def test_both_prices_are_asked_for_before_anything_is_answered() -> None:
    plugin = types.ModuleType("serving")
    plugin.harness_register_metrics = hookimpl(lambda: [Cost])  # type: ignore[attr-defined]
    catalog = Catalog.build(Host([("test:serving", Origin("test", "1", "serving"), lambda: plugin)]))

    with pytest.raises(UsageError, match="output_per_million"):
        catalog.make("metric", Ref("cost", {"input_per_million": 1}))
    assert catalog.make("metric", Ref("cost", {"input_per_million": 1, "output_per_million": 2})).instance == Cost(1, 2)


@pytest.mark.parametrize(
    "metric", [Latency(), TokensPerSecond(), OutputTokens(), Cost(1.0, 1.0)], ids=lambda metric: metric.name
)
def test_what_was_never_answered_is_missing_and_a_target_is_not_needed(metric: Metric) -> None:
    missing, there = scored(metric, text_item("s", None, "Paris"), served("t", (9, 9, 1.0)))

    assert missing == Score("s", None, "no answer was recorded")
    assert there.value is not None


# the contract

TIMED = (served("timed", (20, 12, 0.4)), served("timed twice", (20, 12, 0.4), (20, 30, 0.7)))
PRICES: dict[str, Any] = {"input_per_million": 0.15, "output_per_million": 0.6}


class TestLatency(MetricContract):
    metric = Latency
    examples = TIMED


class TestTokensPerSecond(MetricContract):
    metric = TokensPerSecond
    examples = TIMED


class TestOutputTokens(MetricContract):
    metric = OutputTokens


class TestCost(MetricContract):
    metric = Cost
    options = PRICES
