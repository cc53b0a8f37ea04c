"""The screens of data files made of others and of what they hold: a split, a mixture, fingerprints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import layout, numbers
from harness.report.text import plain

_DIGEST = 16
_LABELS = 20
_ROWS = 12


class SideRow(NamedTuple):
    """One side of a split."""

    name: str
    rows: int
    share: float
    wanted: float
    labels: Mapping[str, int]
    file: str


class PartRow(NamedTuple):
    """What one file gave to a mixture."""

    file: str
    kind: str
    rows: int
    taken: int
    share: float
    sha256: str


class Spread(NamedTuple):
    """The lengths of the rows of a file."""

    least: int
    median: int
    p95: int
    most: int


class PrintRow(NamedTuple):
    """The fingerprint of a file, and what became of it since it was locked."""

    name: str
    file: str
    sha256: str
    rows: int
    format: str
    characters: Spread
    tokens: Spread | None
    since: str
    """In words; nothing where no lock speaks of it."""


def split_screen(
    facts: Sequence[tuple[str, str]],
    sides: Sequence[SideRow],
    left_out: Sequence[tuple[int, str]],
    warnings: Sequence[str],
) -> RenderableType:
    """Rows and shares of each side, by label where it was split by label, what was left out and what to know."""
    return layout.spaced(
        layout.facts(facts),
        Group(layout.section("Sides"), _sides(sides)),
        Group(layout.section("Labels", "rows of each on each side"), _labels(sides)) if sides[0].labels else None,
        Group(layout.section("Left out", "they would join two sides"), _lines(left_out)) if left_out else None,
        Group(layout.section("Know this"), layout.bullets(warnings, "yellow")) if warnings else None,
    )


def mix_screen(facts: Sequence[tuple[str, str]], parts: Sequence[PartRow], warnings: Sequence[str]) -> RenderableType:
    """What each file gave, and what to know."""
    table = layout.columns(["file", "", "sha-256"], ["rows", "taken", "share"])
    for part in parts:
        names = (plain(part.file, "bold"), plain(part.kind, "dim"), part.sha256[:_DIGEST])
        table.add_row(*names, f"{part.rows:,}", f"{part.taken:,}", numbers.share(part.share))
    return layout.spaced(
        layout.facts(facts),
        Group(layout.section("Parts"), table),
        Group(layout.section("Know this"), layout.bullets(warnings, "yellow")) if warnings else None,
    )


def fingerprint_screen(prints: Sequence[PrintRow], lock: Path | None, *, written: bool) -> RenderableType:
    """The content, size and lengths of each file, and what changed since the lock, or that one was written."""
    table = layout.columns(["data", "sha-256", "format"], ["rows"])
    table.add_column(plain("file"), overflow="fold")
    lengths = layout.columns(["data", ""], ["shortest", "median", "95 %", "longest"])
    for each in prints:
        name = plain(each.name, "bold")
        table.add_row(name, each.sha256[:_DIGEST], plain(each.format), f"{each.rows:,}", plain(each.file, "dim"))
        lengths.add_row(name, Text("characters", style="dim"), *_spread(each.characters))
        if each.tokens:
            lengths.add_row("", Text("tokens", style="dim"), *_spread(each.tokens))
    since = [f"{each.name}: {each.since}" for each in prints if each.since]
    lines = [f"kept in {lock}; a run refuses data that is not as it says"] if lock and written else since
    return layout.spaced(
        table,
        Group(layout.section("Lengths", "of whole rows; 95 %: at most so long are 95 in 100"), lengths),
        Group(layout.section("Lock"), layout.bullets(lines)) if lines else None,
    )


def _sides(sides: Sequence[SideRow]) -> Table:
    table = layout.columns(["side"], ["rows", "share", "aimed at"])
    table.add_column(plain("file"), overflow="fold")
    for side in sides:
        figures = (f"{side.rows:,}", numbers.share(side.share), numbers.share(side.wanted))
        table.add_row(plain(side.name, "bold"), *figures, plain(side.file or numbers.MISSING, "dim"))
    return table


def _labels(sides: Sequence[SideRow]) -> RenderableType:
    table = layout.columns(["label"], [side.name for side in sides])
    labels = list(sides[0].labels)
    for label in labels[:_LABELS]:
        rows = [side.labels.get(label, 0) for side in sides]
        table.add_row(plain(label, "bold"), *(Text(f"{count:,}", style="" if count else "yellow") for count in rows))
    more = len(labels) - _LABELS
    return Group(table, plain(f"and {more:,} labels more; --json names all", "dim")) if more > 0 else table


def _lines(left_out: Sequence[tuple[int, str]]) -> RenderableType:
    lines = [f"line {line}: {reason}" for line, reason in left_out[:_ROWS]]
    more = len(left_out) - _ROWS
    return layout.bullets([*lines, f"and {more:,} more; --json names all"] if more > 0 else lines)


def _spread(lengths: Spread) -> list[str]:
    return [f"{each:,}" for each in lengths]
