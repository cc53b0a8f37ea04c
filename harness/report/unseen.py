"""Each change over all items beside the change over those that do not stand in the training data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table

from harness.report import layout, numbers
from harness.report.text import plain
from harness.values import Comparison, Delta

TITLE = "With and without what training has seen"
HEADS = ("task", "metric", "against", "items", "change over all", "unseen items", "change over unseen")
ALIGNMENT = "lllrrrr"


class Both(NamedTuple):
    """One change over all items and over the unseen ones."""

    everything: Delta
    unseen: Delta


def both(comparison: Comparison) -> list[Both]:
    """Of every task some of whose items stand in the training data; empty where none does."""
    every = {(delta.task, delta.metric, delta.against): delta for delta in comparison.deltas}
    return [Both(every[each.task, each.metric, each.against], each) for each in comparison.unseen]


def cells(comparison: Comparison) -> Iterator[Sequence[str]]:
    """The rows of the table as text, in the order of ``HEADS``."""
    for everything, unseen in both(comparison):
        named = (everything.task, everything.metric, everything.against)
        changes = f"{everything.pairs:,}", numbers.difference(everything), f"{unseen.pairs:,}"
        yield *named, *changes, numbers.difference(unseen)


def unseen_part(comparison: Comparison) -> RenderableType | None:
    """The part of the verdict's screen; ``None`` where training has seen no item."""
    found = both(comparison)
    if not found:
        return None
    tables = (_table(found, stacked=stacked) for stacked in (False, True))
    return Group(layout.section(TITLE, "the gates rest on the unseen items"), layout.Fitting(*tables))


def _table(found: Sequence[Both], *, stacked: bool) -> Table:
    table = layout.columns(HEADS[:3], HEADS[3:])
    shown = ""
    for everything, unseen in found:
        name = plain(everything.task if everything.task != shown else "", "bold")
        changes = (
            f"{everything.pairs:,}",
            layout.change_cell(everything, stacked=stacked),
            f"{unseen.pairs:,}",
            layout.change_cell(unseen, stacked=stacked),
        )
        table.add_row(name, plain(everything.metric), plain(everything.against), *changes)
        shown = everything.task
    return table
