"""Perplexity and bits per byte are lm-eval's, and what has no likelihood is missing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness import Generation, Item, Model, ModelRef, OverSums, Sample, Score, ScoringContext
from harness.comparison.whole import shares
from harness.testing import MetricContract
from harness.testing.examples import likelihood_item
from harness_backends.transformers_backend import Transformers
from harness_metrics.likelihood import BitsPerByte, Perplexity

METRICS = {"perplexity": Perplexity, "bits_per_byte": BitsPerByte}
GOLDEN = Path(__file__).parent.parent / "golden" / "metrics"
MEASURES: list[OverSums] = [Perplexity(), Perplexity(per="word"), Perplexity(per="byte"), BitsPerByte()]


def score(metric: Any, *items: Item) -> list[Score]:  # noqa: ANN401 - either metric
    return list(metric.score(items, ScoringContext()))


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / "likelihood.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def items(golden: Mapping[str, Any]) -> list[Item]:
    lines = (GOLDEN / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(lines[number])["answer"] for number in golden["texts"]]
    assert len(texts) > 500
    made = zip(texts, golden["log_likelihoods"], golden["tokens"], strict=True)
    return [likelihood_item(f"s{number}", *each) for number, each in enumerate(made)]


@pytest.mark.parametrize("number", range(4))
def test_values_and_wholes_are_those_of_lm_eval(number: int, golden: Mapping[str, Any], items: list[Item]) -> None:
    expected = golden["metrics"][number]
    metric = METRICS[expected["metric"]](**expected["options"])
    scores = score(metric, *items)
    assert [each.value for each in scores] == pytest.approx(expected["values"], rel=1e-9)
    assert metric.aggregate(scores) == pytest.approx(expected["whole"], rel=1e-9)


def test_each_unit_by_hand() -> None:
    item = likelihood_item("s", "naïve  Käse", -6.0, 4)
    assert [score(metric, item)[0].value for metric in MEASURES] == pytest.approx(
        [math.exp(6 / 4), math.exp(6 / 2), math.exp(6 / 13), 6 / math.log(2) / 13]
    )


def test_white_space_at_the_ends_sets_off_a_word_as_in_lm_eval() -> None:
    item = likelihood_item("s", " two words\n", -6.0, 4)
    assert score(Perplexity(per="word"), item)[0].details["parts"] == [-6.0, 4.0]


@pytest.mark.parametrize("metric", MEASURES, ids=repr)
def test_a_long_text_counts_for_more_than_a_short_one(metric: OverSums) -> None:
    short, long = likelihood_item("a", "word", -8.0, 1), likelihood_item("b", "word " * 999 + "word", -10.0, 1000)
    one, other = score(metric, short, long)
    whole = metric.aggregate([one, other])
    assert one.value is not None
    assert other.value is not None
    assert abs(whole - other.value) < abs(one.value - other.value) / 50


@pytest.mark.parametrize("metric", MEASURES, ids=repr)
def test_less_likely_is_higher_and_lower_is_better(metric: Any) -> None:  # noqa: ANN401
    likely, unlikely = score(metric, likelihood_item("a", "a text", -4.0, 2), likelihood_item("b", "a text", -5.0, 2))
    assert likely.value < unlikely.value
    assert metric.higher_is_better is False


@pytest.mark.parametrize("metric", MEASURES, ids=repr)
@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (likelihood_item("s", "", 0.0, 0), "the text is empty"),
        (likelihood_item("s", "", -3.0, 1), "the text is empty"),
        (likelihood_item("s", "\u200b", 0.0, 0), "the text has no tokens"),
        (likelihood_item("s", "a text", -math.inf, 2), "the text's log-likelihood is -inf"),
        (likelihood_item("s", "a text", math.nan, 2), "the text's log-likelihood is nan"),
        (likelihood_item("s", "a text", None, 2), "no likelihood was recorded"),
        (
            Item(Sample("s", "a text", ()), (Generation("s", 0, "a text", "stop", 1, 2, 0.0),)),
            "the text has no log-likelihood",
        ),
    ],
)
def test_what_cannot_be_reckoned_is_missing_with_the_reason(metric: OverSums, item: Item, reason: str) -> None:
    assert score(metric, item) == [Score("s", None, reason)]


@pytest.mark.parametrize("per", ["token", "word", "byte"])
def test_a_perplexity_beyond_all_reckoning_is_missing_and_bits_per_byte_is_not(per: Any) -> None:  # noqa: ANN401
    item = likelihood_item("s", "x", -1e6, 1)
    [beyond] = score(Perplexity(per=per), item)
    assert beyond.value is None
    assert beyond.why_missing == (
        f"a perplexity of more than 1e100 per {per} is nothing to compare; bits_per_byte would be"
    )
    assert score(BitsPerByte(), item)[0].value == pytest.approx(1e6 / math.log(2))


@pytest.mark.parametrize("metric", MEASURES, ids=repr)
def test_any_sums_have_a_whole(metric: OverSums) -> None:
    for sums in ([0.0, 0.0], [1e-12, 0.0], [-1e-12, 0.0], [-1e308, 1.0], [-5e-324, 1e18], [1e-9, 3.0], [-0.0, 7.0]):
        assert math.isfinite(metric.whole(sums))
        assert metric.whole(sums) >= 0
    assert str(BitsPerByte().whole([0.0, 7.0])) == "0.0"


@pytest.mark.parametrize("number", range(4))
def test_the_comparison_can_leave_each_text_out(number: int, golden: Mapping[str, Any], items: list[Item]) -> None:
    metric = METRICS[golden["metrics"][number]["metric"]](**golden["metrics"][number]["options"])
    scores = score(metric, *items)
    without = [metric.aggregate([*scores[:place], *scores[place + 1 :]]) for place in range(len(scores))]
    lost = [math.fsum(without) / len(without) - each for each in without]
    expected = [metric.aggregate(scores) + (len(scores) - 1) * each for each in lost]
    found = shares([metric.parts(each) for each in scores], metric.whole)
    assert list(found) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_an_unknown_unit_is_told() -> None:
    with pytest.raises(ValueError, match="per is one of token, word, byte, not 'letter'"):
        Perplexity(per="letter")  # type: ignore[arg-type]


TEXTS = [
    "The capital of France is Paris, and two plus two is four.",
    " leading and trailing space \n",
    "naïve café — 你好 🙂",
    "x",
    "A man is sitting on a roof. He climbs down the ladder.\n" * 9,
    "user\nMy order number is 4711 and the parcel has not arrived; please send it again.\n",
]


def weighed(model: Model) -> list[Item]:
    found = model.rolling_log_likelihoods(TEXTS, batch_size=4)
    return [
        likelihood_item(f"s{number}", text, each.value, each.continuation_tokens)
        for number, (text, each) in enumerate(zip(TEXTS, found, strict=True))
    ]


def test_a_task_of_lm_eval_gives_the_same_three_numbers_from_end_to_end(tiny_model: Path) -> None:
    import datasets
    from lm_eval import simple_evaluate
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.models.huggingface import HFLM

    names = ["word_perplexity", "byte_perplexity", "bits_per_byte"]
    task = ConfigurableTask(
        config={
            "task": "texts",
            "custom_dataset": lambda **_: {"test": datasets.Dataset.from_list([{"text": text} for text in TEXTS])},
            "output_type": "loglikelihood_rolling",
            "test_split": "test",
            "doc_to_text": "",
            "doc_to_target": lambda doc: doc["text"],  # a template would drop the last line's end
            "metric_list": [{"metric": name} for name in names],
        }
    )
    reference = HFLM(pretrained=str(tiny_model), dtype="float32", device="cpu", batch_size=4)
    told = simple_evaluate(reference, tasks=[task], bootstrap_iters=0, verbosity="ERROR")
    with Transformers().open(ModelRef(str(tiny_model))) as model:
        items = weighed(model)
    for name, metric in zip(names, [Perplexity(per="word"), Perplexity(per="byte"), BitsPerByte()], strict=True):
        assert metric.aggregate(score(metric, *items)) == pytest.approx(told["results"]["texts"][f"{name},none"])


def test_perplexity_per_token_is_the_exponential_of_the_loss_that_transformers_gives(tiny_model: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, module = AutoTokenizer.from_pretrained(tiny_model), AutoModelForCausalLM.from_pretrained(tiny_model)
    with Transformers().open(ModelRef(str(tiny_model))) as model:
        scores = score(Perplexity(), *weighed(model))
    for text, got in zip(TEXTS, scores, strict=True):
        ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer.encode(text)]])
        with torch.inference_mode():
            assert got.value == pytest.approx(math.exp(module(input_ids=ids, labels=ids).loss), rel=1e-5)


class TestPerplexityPerToken(MetricContract):
    """Every promise of a metric."""

    metric = Perplexity


class TestPerplexityPerWord(MetricContract):
    """Where a text without spaces has none."""

    metric = Perplexity
    options: ClassVar[Mapping[str, Any]] = {"per": "word"}


class TestBitsPerByte(MetricContract):
    """Every promise of a metric."""

    metric = BitsPerByte
