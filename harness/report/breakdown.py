"""What a metric tells besides its value, as the classes of a classification one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import layout, numbers
from harness.report.text import head, inert, plain
from harness.values import Breakdown, Cell

_MOST_ROWS = 50
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class TaskBreakdown:
    """One task by one metric."""

    task: str
    metric: str
    breakdown: Breakdown


def breakdowns(told: Sequence[TaskBreakdown]) -> RenderableType:
    """Each with its heading; of a long one the first rows and the last, which may be of what fits no other."""
    return layout.spaced(*(Group(_heading(each), _table(each.breakdown)) for each in told))


def _heading(of: TaskBreakdown) -> RenderableType:
    return layout.section(inert(of.task), f"{of.breakdown.name} of {of.metric}")


def _table(breakdown: Breakdown) -> Table:
    table = layout.columns([], [])
    for index, name in enumerate(breakdown.columns):
        is_text = any(isinstance(row[index], str) for row in breakdown.rows)
        table.add_column(plain(name), justify="left" if is_text else "right", overflow="fold")
    shown, left_out = breakdown.rows, len(breakdown.rows) - _MOST_ROWS
    if left_out > 0:
        shown = breakdown.rows[: _MOST_ROWS - 1]
    for row in shown:
        table.add_row(*_cells(row))
    if left_out > 0:
        table.add_row(Text(f"… and {left_out:,} more, all by --json", style="dim"))
        table.add_row(*_cells(breakdown.rows[-1]))
    return table


def _cells(row: Sequence[Cell]) -> list[Text]:
    return [_cell(cell, "bold" if not place else "") for place, cell in enumerate(row)]


def _cell(cell: Cell, style: str) -> Text:
    if cell is None:
        return Text(numbers.MISSING, style="dim")
    if isinstance(cell, str):
        return plain(head(cell, _LONGEST), style)
    return Text(f"{cell:,}" if isinstance(cell, int) else numbers.score(cell), style=style)
