"""A whole screen: heading, the part of the page that is in sight, status, and the keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from harness.report.review.body import lines_of
from harness.report.review.keys import drawn_key, flow, keys_of
from harness.report.review.shown import Body, Frame, Look, Place, Possible
from harness.report.text import head, plain

_LONGEST_NAME = 24


def page_frame(
    console: Console, place: Place, body: Body, choices: Sequence[Possible], look: Look, top: int = 0
) -> Frame:
    """The body from the line ``top`` on, or from the last that fills the screen, between heading and keys."""
    return _frame(console, place, body, look, keys_of(choices, look, body), top)


def end_frame(console: Console, place: Place, message: str = "") -> Frame:
    """What is shown when nothing is left to ask."""
    told = Text(f"\n✓ You have been through all {place.total:,}.", style="green bold", justify="center")
    told.append("\nEverything is saved.", style="not bold dim")
    body = Body(tuple(lines_of(console, told, console.width)))
    keys = [[drawn_key("u", "back to the last one"), drawn_key("q", "end")]]
    return _frame(console, place, body, Look(message=message), lambda _: keys, 0)


def _frame(
    console: Console, place: Place, body: Body, look: Look, keys: Callable[[int], Sequence[Sequence[Text]]], top: int
) -> Frame:
    width, height = console.size
    above = lines_of(console, _heading(place, width), width)
    below = [line for group in keys(width) for row in flow(group, width) for line in lines_of(console, row, width)]
    room = max(height - len(above) - 1 - len(below), 1)
    top = max(min(top, len(body.lines) - room), 0)
    shown = [*body.lines[top : top + room], *([] for _ in range(room - len(body.lines)))]
    lines = [*above, *shown, *lines_of(console, _status(body, look, top, room), width), *below]
    return Frame(tuple(Segment.adjust_line_length(line, width) for line in lines[:height]), top, room)


def _heading(place: Place, width: int) -> Table:
    """What it is about on the left, how far it has come on the right."""
    length = 20 if width >= 80 else 10 if width >= 60 else 0
    filled = round(length * place.done / place.total) if place.total else length
    right = plain(f"{head(place.rater, _LONGEST_NAME)} · {place.number:,} of {place.total:,}")
    right.append(" " + "━" * filled, style="cyan").append("─" * (length - filled), style="dim")
    return _ends(plain(place.title, "bold"), right)


def _status(body: Body, look: Look, top: int, room: int) -> Table:
    """The word on the last key, or the note; and where a long page is scrolled to."""
    note = plain(f"note: {look.note}", "italic") if look.note else Text()
    left = plain(look.message, "yellow") if look.message else note
    more = len(body.lines) - top - room
    if more <= 0 and top == 0:
        return _ends(left, Text())
    inside = next(title for start, title in reversed(body.heads or ((0, ""),)) if start <= top)
    right = plain(f"{inside} ", "dim") if top else Text()
    if top:
        right.append(f"↑ {top:,} ", style="cyan")
    return _ends(left, right.append(f"↓ {more:,} more lines: space" if more > 0 else "the end", style="cyan"))


def _ends(left: Text, right: Text) -> Table:
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    left.overflow = "ellipsis"
    grid.add_row(left, right)
    return grid
