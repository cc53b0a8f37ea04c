"""Every built-in data check keeps the contract: they are found through the catalog, so none can be forgotten."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from harness import Message, Row, Table
from harness.catalog import Catalog
from harness.host import Host
from harness.testing import DataCheckContract, chat_row, table_of

HOST = Host.load()
BUILT_IN = {
    offer.name: offer.plugin_class
    for offer in Catalog.build(HOST).classes("data_check").values()
    if offer.origin.distribution == "finetune-harness"
}
OPTIONS: dict[str, dict[str, Any]] = {}
"""Of the checks that cannot do without."""

ASKED = "How heavy is the box, and does it have a lid?"
EXAMPLES: dict[str, tuple[Table, ...]] = {
    "schema": (
        table_of(chat_row(1, ASKED, " It has two kilograms. "), chat_row(2, ASKED, "User: what?\nAssistant: yes")),
        table_of(Row(1, (Message("user", ASKED),))),
    ),
    "language": (
        table_of(
            *(
                chat_row(line, f"How heavy is box number {line}?", "It has two kilograms and no lid.")
                for line in range(1, 60)
            ),
            chat_row(
                60, "Wie schwer ist denn eigentlich die Kiste, die ihr im Laden verkauft?", "Sie wiegt zwei Kilo."
            ),
            chat_row(61, "Et combien coûte cette boîte que vous vendez dans votre magasin ?", "Elle coûte deux euros."),
            chat_row(62, ASKED, "It was FranÃ§ois in the cafÃ© who said that itâ€™s heavy."),
        ),
    ),
    "truncated": (table_of(chat_row(1, ASKED, "It has two kilograms, and the lid is made of")),),
    "error_text": (
        table_of(chat_row(1, ASKED, "Internal Server Error"), chat_row(2, ASKED, "Two kilograms.</s></s>\n")),
    ),
    "length": (table_of(chat_row(1, ASKED, "two"), chat_row(2, ASKED, "It has two kilograms and no lid.")),),
    "diversity": (
        table_of(*(chat_row(line, f"What is {line}?", f"It is box {line} of our shop.") for line in range(1, 40))),
    ),
}
"""Tables in which a check finds something, besides those of the contract."""


@cache
def contract(name: str) -> DataCheckContract:
    facts = {"data_check": BUILT_IN[name], "options": OPTIONS.get(name, {}), "examples": EXAMPLES.get(name, ())}
    made: DataCheckContract = type("Contract", (DataCheckContract,), facts)()
    return made


def test_no_built_in_plugin_is_set_aside() -> None:
    assert [str(each) for each in HOST.broken if each.origin.distribution == "finetune-harness"] == []


def test_the_promised_checks_are_there() -> None:
    assert set(BUILT_IN) == {
        "balance", "contamination", "contradictions", "diversity", "duplicates", "error_text", "language", "leakage",
        "length", "pii", "schema", "size", "synthetic", "template", "truncated",
    }  # fmt: skip


@pytest.mark.parametrize("promise", DataCheckContract.promises())
@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_built_in_check_keeps_the_contract(name: str, promise: str) -> None:
    getattr(contract(name), promise)()


class TestLengthWithOptions(DataCheckContract):
    """The way of a plugin's author: inherit, and add options and examples of one's own."""

    data_check = BUILT_IN["length"]
    options = {"shortest": 30, "longest": 50}  # noqa: RUF012 - a ClassVar of the contract
    examples = (table_of(chat_row(1, ASKED, "It has two kilograms and no lid at all, as we have said before.")),)
