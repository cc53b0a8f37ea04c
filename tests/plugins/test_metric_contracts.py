"""Every built-in metric keeps the contract: they are found through the catalog, so none can be forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from harness import Generation, Item, Sample
from harness.catalog import Catalog
from harness.host import Host
from harness.testing import MetricContract, text_item

HOST = Host.load()
BUILT_IN = {
    offer.name: offer.plugin_class
    for offer in Catalog.build(HOST).classes("metric").values()
    if offer.origin.distribution == "finetune-harness"
}


OPTIONS: dict[str, dict[str, Any]] = {
    "accuracy": {"labels": ["Paris", "Rome"]},
    "cost": {"input_per_million": 0.15, "output_per_million": 0.6},
    "json_schema": {"schema": {"type": "object", "required": ["product"]}},
    "macro_f1": {"labels": ["Paris", "Rome"]},
    "regex": {"pattern": r"\d+"},
}
"""Of the metrics that cannot do without."""
WITH_AN_ENCODER = {"bertscore", "embedding_similarity"}
"""They keep the contract in ``test_semantic_metrics``, with an encoder that is made there."""
TIMED = Item(Sample("timed", "?", ()), (Generation("timed", 0, "a dozen tokens", "stop", 20, 12, 0.4),))
EXAMPLES = {"latency": (TIMED,), "tokens_per_second": (TIMED,)}
"""The examples of the contract took no time."""


def test_no_built_in_plugin_is_set_aside() -> None:
    assert [str(each) for each in HOST.broken if each.origin.distribution == "finetune-harness"] == []


def test_the_promised_metrics_are_there() -> None:
    assert set(BUILT_IN) == {
        "acc", "acc_norm", "accuracy", "bertscore", "bits_per_byte", "bleu", "chrf", "contains", "cost",
        "embedding_similarity", "exact_match", "f1", "json_fields", "json_schema", "json_valid", "latency",
        "length_ratio", "macro_f1", "output_tokens", "pass_at_k", "perplexity", "refusal", "regex", "repetition",
        "rouge", "tokens_per_second",
    }  # fmt: skip


@pytest.mark.parametrize("promise", MetricContract.promises())
@pytest.mark.parametrize("name", sorted(BUILT_IN.keys() - WITH_AN_ENCODER))
def test_every_built_in_metric_keeps_the_contract(name: str, promise: str) -> None:
    facts = {"metric": BUILT_IN[name], "options": OPTIONS.get(name, {}), "examples": EXAMPLES.get(name, ())}
    contract = type("Contract", (MetricContract,), facts)()

    getattr(contract, promise)()


class TestRougeWithOptions(MetricContract):
    """The way of a plugin's author: inherit, and add options and examples of one's own."""

    metric = BUILT_IN["rouge"]
    options = {"variant": "rougeLsum", "use_stemmer": True}  # noqa: RUF012 - a ClassVar of the contract
    examples = (text_item("two sentences", "He runs.\nShe ran.", "She was running.\nHe ran."),)
