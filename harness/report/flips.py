"""What broke and what got fixed between two runs: counts, where they gather, and the items themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import arrange, layout
from harness.report.samples import Side, samples_screen
from harness.report.text import inert, plain
from harness.values import Run

Kind = Literal["broken", "fixed"]
_MOST_GROUPS = 10
_COLOURS = {"fixed": "green", "broken": "red", "missing": "yellow"}
_ORDER: dict[Kind, str] = {"broken": "the largest loss first", "fixed": "the largest gain first"}


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One cluster, stratum or tag."""

    by: str
    name: str
    compared: int
    fixed: int
    broken: int
    missing: int


@dataclass(frozen=True, slots=True)
class Flip:
    """One item, as both runs answered it."""

    baseline: Side
    candidate: Side


@dataclass(frozen=True, slots=True)
class TaskFlips:
    """One task on one metric."""

    task: str
    metric: str
    higher_is_better: bool
    compared: int
    fixed: int
    broken: int
    missing: int
    not_asked: int = 0
    """Items that were left when the gates were decided; neither compared nor missing."""
    groups: tuple[GroupRow, ...] = ()
    """Those of one kind beside each other, the worst first."""
    items: Mapping[Kind, Sequence[Flip]] = field(default_factory=dict)
    """The first items of each kind that was asked for."""


def flips_screen(
    baseline: Run, candidate: Run, tasks: Sequence[TaskFlips], *, not_compared: Mapping[str, str] | None = None
) -> RenderableType:
    """Task by task what changed, then which tasks could not be compared, each with its reason, and what to know."""
    notes = arrange.remarks((baseline, candidate))
    names = layout.facts([("candidate", plain(candidate.id, "bold")), ("baseline", plain(baseline.id, "bold"))])
    return layout.spaced(
        names,
        *(part for task in tasks for part in _task(task)),
        None if tasks else Text("nothing can be compared", style="dim"),
        Group(layout.section("Not compared"), _reasons(not_compared)) if not_compared else None,
        Group(layout.section("Know this"), layout.bullets(notes)) if notes else None,
    )


def _task(task: TaskFlips) -> Iterator[RenderableType | None]:
    direction = "higher is better" if task.higher_is_better else "lower is better"
    yield Group(layout.section(inert(task.task), f"{task.metric}, {direction}"), _counts(task))
    yield _groups(task.groups)
    for kind, items in task.items.items():
        total = task.broken if kind == "broken" else task.fixed
        sides = [(each.baseline, each.candidate) for each in items]
        yield samples_screen(sides, title=f"{inert(task.task)}: {kind}, {_ORDER[kind]}", total=total) if sides else None


def _counts(task: TaskFlips) -> Text:
    text = Text(f"{task.compared:,} {'item' if task.compared == 1 else 'items'} compared")
    for word, count in (("fixed", task.fixed), ("broken", task.broken), ("missing", task.missing)):
        text.append(" · ").append(f"{count:,} {word}", style=_style(word, count))
    return text.append(f" · {task.not_asked:,} not asked", style="dim") if task.not_asked else text


def _groups(groups: Sequence[GroupRow]) -> Table | None:
    """The worst of each kind; a kind in which nothing flipped or went missing is left out."""
    table = layout.columns(["by", "group"], ["items", "fixed", "broken", "missing"])
    for by, each in groupby(groups, lambda group: group.by):
        of_kind = list(each)
        touched = [group for group in of_kind if group.fixed or group.broken or group.missing][:_MOST_GROUPS]
        for place, group in enumerate(touched):
            table.add_row(plain("" if place else by, "dim"), plain(group.name), *_figures(group))
        if touched and len(of_kind) > len(touched):
            table.add_row("", _more([group for group in of_kind if group not in touched]))
    return table if table.row_count else None


def _figures(group: GroupRow) -> Iterator[Text]:
    yield Text(f"{group.compared:,}")
    for word, count in (("fixed", group.fixed), ("broken", group.broken), ("missing", group.missing)):
        yield Text(f"{count:,}", style=_style(word, count))


def _more(rest: Sequence[GroupRow]) -> Text:
    broken = sum(group.broken > 0 for group in rest)
    return Text(f"… and {len(rest):,} more" + (f", {broken:,} with broken items" if broken else ""), style="dim")


def _style(word: str, count: int) -> str:
    return _COLOURS[word] if count else "dim"


def _reasons(not_compared: Mapping[str, str]) -> Table:
    return layout.facts((name, plain(reason)) for name, reason in not_compared.items())
