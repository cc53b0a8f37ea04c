"""Every built-in metric keeps the contract: they are found through the catalog, so none can be forgotten."""

from __future__ import annotations

import pytest

from harness.catalog import Catalog
from harness.host import Host
from harness.testing import MetricContract, text_item

HOST = Host.load()
BUILT_IN = {
    offer.name: offer.plugin_class
    for offer in Catalog.build(HOST).classes("metric").values()
    if offer.origin.distribution == "finetune-harness"
}


def test_no_built_in_plugin_is_set_aside() -> None:
    assert [str(each) for each in HOST.broken if each.origin.distribution == "finetune-harness"] == []


def test_the_promised_metrics_are_there() -> None:
    assert set(BUILT_IN) >= {"exact_match", "f1", "contains", "json_fields", "rouge", "acc", "acc_norm"}


@pytest.mark.parametrize("promise", MetricContract.promises())
@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_built_in_metric_keeps_the_contract(name: str, promise: str) -> None:
    contract = type("Contract", (MetricContract,), {"metric": BUILT_IN[name]})()

    getattr(contract, promise)()


class TestRougeWithOptions(MetricContract):
    """The way of a plugin's author: inherit, and add options and examples of one's own."""

    metric = BUILT_IN["rouge"]
    options = {"variant": "rougeLsum", "use_stemmer": True}  # noqa: RUF012 - a ClassVar of the contract
    examples = (text_item("two sentences", "He runs.\nShe ran.", "She was running.\nHe ran."),)
