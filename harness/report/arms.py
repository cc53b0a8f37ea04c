"""The arms of one evaluation side by side; what they gain or lose is for a comparison to say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import arrange, layout
from harness.report.text import plain
from harness.values import Estimate, Run

_Values = dict[tuple[str, str], list[tuple[str, Estimate | None]]]
"""(task, metric) -> each arm with what it came to."""


def arms_screen(runs: Sequence[Run]) -> RenderableType:
    """The runs by name, their values with a column an arm, and what to know; too wide for that, with a row an arm."""
    notes = arrange.remarks(runs)
    taken_over = arrange.all_reused(runs)
    unmeasured = dict.fromkeys(pair for run in runs for pair in run.not_measured.items())
    return layout.spaced(
        layout.facts(
            [
                *((run.arm, plain(run.id, "bold")) for run in runs),
                *zip(["cache", *[""] * len(taken_over)], taken_over, strict=False),
            ]
        ),
        Group(layout.section("Values", "each with its 95 % interval"), _table(_values(runs))),
        Group(layout.section("Missing"), layout.unmeasured(unmeasured)) if unmeasured else None,
        Group(layout.section("Know this"), layout.bullets(notes)) if notes else None,
    )


def _values(runs: Sequence[Run]) -> _Values:
    found = [{(each.task, each.metric): each for each in run.estimates} for run in runs]
    keys = dict.fromkeys(key for estimates in found for key in estimates)
    return {key: [(run.arm, each.get(key)) for run, each in zip(runs, found, strict=True)] for key in keys}


def _table(values: _Values) -> RenderableType:
    if not values:
        return Text("nothing was measured", style="dim")
    return layout.Fitting(_beside(values, stacked=False), _beside(values, stacked=True), _beneath(values))


def _beside(values: _Values, *, stacked: bool) -> Table:
    arms = [arm for arm, _ in next(iter(values.values()))]
    table = layout.columns(["task", "metric"], arms)
    for (task, metric), name in zip(values, _named(values), strict=True):
        cells = (layout.estimate_cell(each, stacked=stacked) for _, each in values[task, metric])
        table.add_row(name, plain(metric), *cells)
    return table


def _beneath(values: _Values) -> Table:
    table = layout.columns(["task", "metric", "arm"], ["value"])
    for ((_, metric), each_arm), name in zip(values.items(), _named(values), strict=True):
        for place, (arm, each) in enumerate(each_arm):
            heads = (Text(), Text()) if place else (name, plain(metric))
            table.add_row(*heads, plain(arm), layout.estimate_cell(each))
    return table


def _named(values: _Values) -> Iterator[Text]:
    """Each row's task, where it is another one than the row's above."""
    shown = ""
    for task, _ in values:
        yield plain(task if task != shown else "", "bold")
        shown = task
