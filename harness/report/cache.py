"""The screens of the cache: what can be given again, what it takes, and what a prune has freed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import layout, numbers
from harness.report.text import plain
from harness.values import Reusable

_DIGEST = 16


def cache_screen(shares: Sequence[Reusable], *, record: Path, size: int) -> RenderableType:
    """How many answers need not be asked for again, by model and adapter, and what they take of the ``size``."""
    answers, texts = sum(each.answers for each in shares), sum(each.text_bytes for each in shares)
    return layout.spaced(
        layout.facts(
            [
                ("answers", plain(f"{answers:,}", "bold").append(" can be given again", style="not bold")),
                ("texts", f"{numbers.size(texts)}, a part of the recorded runs, with or without the cache"),
                ("record", f"{record} · {numbers.size(size)}"),
            ]
        ),
        Group(layout.section("Models", "by content; names are those of the last run"), _table(shares))
        if shares
        else None,
    )


def pruned_screen(forgotten: int, shares: Sequence[Reusable]) -> RenderableType:
    """How many answers were forgotten and how many are left."""
    left = sum(each.answers for each in shares)
    return layout.facts(
        [
            ("forgotten", f"{forgotten:,} answers; later runs ask for them again"),
            ("left", f"{left:,} answers can be given again"),
            ("untouched", "recorded runs with their answers, scores and verdicts"),
        ]
    )


def _table(shares: Sequence[Reusable]) -> Table:
    table = layout.columns(["model", "weights", "adapter"], ["answers", "texts", "last asked"])
    for each in shares:
        adapter = plain(each.adapter_sha256[:_DIGEST]) if each.adapter_sha256 else Text(numbers.MISSING, style="dim")
        table.add_row(
            plain(each.model.rpartition("/")[2], "bold"),
            plain(each.weights_sha256[:_DIGEST]),
            adapter,
            f"{each.answers:,}",
            numbers.size(each.text_bytes),
            numbers.moment(each.newest),
        )
    return table
