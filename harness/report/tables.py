"""The lists that the commands print: runs, changes between runs, plugins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import arrange, layout, numbers
from harness.report.text import plain
from harness.report.unseen import unseen_part
from harness.values import Comparison, Delta, Run

_STATUS_COLOUR = {"finished": "green", "failed": "red", "running": "yellow"}


class OfferRow(NamedTuple):
    """A plugin as ``harness plugins`` lists it."""

    kind: str
    name: str
    origin: str
    """Distribution and version."""
    summary: str


class BrokenRow(NamedTuple):
    """A plugin that was set aside."""

    name: str
    origin: str
    error: str


def runs_table(runs: Sequence[Run], suite: str | None = None) -> RenderableType:
    """A row a run, in the order given, with its first value."""
    if not runs:
        of = f" of a suite {suite!r}: --suite takes the name that stands in the file" if suite else ""
        return plain(f"no runs are recorded yet{of}", "dim")
    table = layout.columns(["run", "status", "started", "model", "first value"], [])
    for run in runs:
        model = plain(run.model.name.rpartition("/")[2]) if run.model else Text(numbers.MISSING, style="dim")
        table.add_row(plain(run.id, "bold"), status(run), numbers.moment(run.started), model, _first_value(run))
    return table


def status(run: Run) -> Text:
    """How the run ended, in words and in colour."""
    return Text(run.status, style=_STATUS_COLOUR.get(run.status, ""))


def comparison_screen(comparison: Comparison) -> RenderableType:
    """Each change with its interval and with the items that got better and worse, never netted."""
    heads = list(zip(arrange.columns(comparison.runs), comparison.runs, strict=True))
    names = layout.facts((name if name != run.id else run.arm, plain(run.id, "bold")) for name, run in heads)
    hint = "up is better; kept: the share of what the baseline had right"
    changes = layout.Fitting(*(_changes(comparison.deltas, stacked) for stacked in (False, True)))
    empty = Text("the runs share no task", style="dim")
    notes = arrange.remarks(comparison.runs)
    unmeasured = arrange.not_measured(comparison)
    return layout.spaced(
        names,
        Group(layout.section("Changes", hint), changes if comparison.deltas else empty),
        unseen_part(comparison),
        Group(layout.section("Missing"), layout.unmeasured(unmeasured)) if unmeasured else None,
        Group(layout.section("Know this"), layout.bullets(notes)) if notes else None,
    )


def plugins_screen(
    offers: Sequence[OfferRow], broken: Sequence[BrokenRow] = (), notes: Sequence[str] = ()
) -> RenderableType:
    """What is on offer, kind by kind, what was set aside with the reason, and what else to know."""
    table = layout.columns(["kind", "name", "from", "what it does"], [])
    shown = ""
    for offer in sorted(offers):
        kind = plain(offer.kind if offer.kind != shown else "", "dim")
        table.add_row(kind, plain(offer.name, "bold"), plain(offer.origin), plain(offer.summary, "dim"))
        shown = offer.kind
    return layout.spaced(
        table,
        _set_aside(broken) if broken else None,
        Group(layout.section("Know this"), layout.bullets(notes)) if notes else None,
    )


def _changes(deltas: Sequence[Delta], stacked: bool) -> Table:
    figures = ["baseline", "candidate", "change", "items", "fixed", "broken", "kept"]
    table = layout.columns(["task", "metric", "against"], figures)
    shown = ""
    for delta in deltas:
        task = plain(delta.task if delta.task != shown else "", "bold")
        values = (numbers.score(delta.baseline), Text(numbers.score(delta.candidate), style="bold"))
        change = layout.change_cell(delta, stacked=stacked)
        table.add_row(task, plain(delta.metric), plain(delta.against), *values, change, *numbers.counts(delta))
        shown = delta.task
    return table


def _set_aside(broken: Sequence[BrokenRow]) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for each in broken:
        error = Text("✗ did not load: ", style="red").append_text(plain(each.error, "default"))
        grid.add_row(plain(each.name, "bold"), plain(each.origin), error)
    return Group(layout.section("Set aside"), grid)


def _first_value(run: Run) -> Text:
    if not run.estimates:
        return Text(numbers.MISSING, style="dim")
    first, *rest = run.estimates
    more = f"  and {len(rest)} more" if rest else ""
    return plain(f"{first.task} {first.metric} {numbers.score(first.value)}").append(more, style="dim")
