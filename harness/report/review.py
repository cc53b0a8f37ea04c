"""A page of a review or a spot check as a terminal shows it: what was asked, the answers, and the keys.

All of it is foreign text: it is made inert, and cut where nobody would read on, so that a page is drawn in no time
whatever a model has said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from rich import box
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from harness.report import layout
from harness.report.text import head, plain

Line = list[Segment]

_WIDE = 100
"""From so many columns on two answers stand side by side."""
_MOST_CHARACTERS = 40_000
_MOST_LINES = 2_000
_TAB = 4
_LEAST_PROMPT = 5
"""Lines of what was asked that are shown however low the screen is."""
_AROUND = 5
"""Lines of heading, status and keys."""
_LONGEST_NAME = 24
_ARROWS = {"left": " ←", "right": " →"}


class Titled(Protocol):
    """A text with what it is."""

    @property
    def title(self) -> str:
        """What it is."""

    @property
    def text(self) -> str:
        """What it says."""


class Shown(Protocol):
    """What a rater is asked about."""

    @property
    def context(self) -> Sequence[Titled]:
        """What was asked."""

    @property
    def answers(self) -> Sequence[Titled]:
        """What was answered."""

    @property
    def hidden(self) -> Sequence[Titled]:
        """What is shown on demand."""


class Possible(Protocol):
    """What may be said of it."""

    @property
    def name(self) -> str:
        """One word."""

    @property
    def label(self) -> str:
        """A few words."""

    @property
    def key(self) -> str:
        """The key to press."""


class Work(Protocol):
    """How far a rater has come."""

    @property
    def rater(self) -> str:
        """Who."""

    @property
    def given(self) -> int:
        """Items with a verdict."""

    @property
    def skipped(self) -> int:
        """Items that were passed over."""

    @property
    def open(self) -> int:
        """Items that are neither."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rater is."""

    title: str
    rater: str
    number: int
    """Of the page, from 1 on."""
    total: int
    done: int
    """Pages with a choice."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at, and what was said of it so far."""

    given: str | None = None
    """The name of the choice."""
    note: str = ""
    with_hidden: bool = False
    with_whole_prompt: bool = False
    message: str = ""
    """A word on the last key."""


@dataclass(frozen=True, slots=True)
class Body:
    """A page drawn at the width of the terminal: what is scrolled."""

    lines: tuple[Line, ...]
    heads: tuple[tuple[int, str], ...] = ()
    """Where each text begins, and its title."""
    is_folded: bool = False
    """Whether a part of what was asked is left out."""
    has_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole screen."""

    lines: tuple[Line, ...]
    top: int
    """The line of the body that is shown first."""
    room: int
    """Lines of the body that are shown at once."""


def page_body(console: Console, page: Shown, choices: Sequence[Possible], look: Look) -> Body:
    """What was asked, the reference if it is wanted, and the answers, side by side where there is room.

    A long prompt is folded, so that it leaves the answers their room; its end stays, where the question stands.
    """
    width, height = console.size
    keys = {choice.name: choice.key for choice in choices}
    asked = [(pane.title, _drawn(console, _panel(pane, "dim"), width)) for pane in page.context]
    answers = _answers(console, page.answers, keys, look.given, width)
    left = height - _AROUND - sum(len(drawn) for _, drawn in answers)
    most = max(height // 3, left, _LEAST_PROMPT)
    shown = asked if look.with_whole_prompt else _folded(console, asked, most, width)
    hidden = [(pane.title, _drawn(console, _panel(pane, "magenta"), width)) for pane in page.hidden if look.with_hidden]
    parts = [*shown, *hidden, *answers]
    starts = accumulate((len(drawn) for _, drawn in parts), initial=0)
    heads = tuple((start, title) for start, (title, _) in zip(starts, parts, strict=False))
    return Body(tuple(line for _, drawn in parts for line in drawn), heads, shown is not asked, bool(page.hidden))


def page_frame(
    console: Console, place: Place, body: Body, choices: Sequence[Possible], look: Look, top: int = 0
) -> Frame:
    """The body from the line ``top`` on, or from the last that fills the screen, between heading and keys."""
    return _frame(console, place, body, look, _keys(choices, look, body), top)


def end_frame(console: Console, place: Place, message: str = "") -> Frame:
    """What is shown when nothing is left to ask."""
    told = Text(f"\n✓ You have been through all {place.total:,}.", style="green bold", justify="center")
    told.append("\nEverything is saved.", style="not bold dim")
    body = Body(tuple(_drawn(console, told, console.width)))
    keys = [[_key("u", "back to the last one"), _key("q", "end")]]
    return _frame(console, place, body, Look(message=message), lambda _: keys, 0)


def review_summary(
    runs: tuple[str, str],
    task: str,
    pairs: tuple[int, int],
    work: Sequence[Work],
    agreement: str,
    commands: tuple[str, str],
) -> RenderableType:
    """How far everybody has come with ``pairs``, those drawn and those with equal answers; nothing of who leads.

    ``commands`` are the one that goes on and the one that tells the result.
    """
    (drawn, equal), (goes_on, result) = pairs, commands
    settled = f", {equal:,} of them with equal answers: ties that nobody is asked about" if equal else ""
    return layout.facts(
        [
            ("review", plain(f"{runs[0]} and {runs[1]}, {task}", "bold")),
            ("drawn", f"{drawn:,} {'pair' if drawn == 1 else 'pairs'}{settled}"),
            *((each.rater, _work(each)) for each in work),
            *([("agreement", agreement)] if agreement else []),
            *([("next", plain(goes_on, "cyan"))] if any(each.open for each in work) else []),
            ("result", plain(result, "cyan").append("  once everybody has judged", style="dim")),
        ]
    )


def spot_check_summary(
    file: str, rows: tuple[int, int], work: Sequence[tuple[Work, str]], agreement: str, saved: str
) -> RenderableType:
    """What every rater found, in words, of ``rows``: those drawn and those of the file."""
    drawn, total = rows
    found = ((each.rater, plain(f"{share}\n", "bold", lines=True).append_text(_work(each))) for each, share in work)
    return layout.facts(
        [
            ("spot check", plain(file, "bold")),
            ("drawn", f"{drawn:,} of {total:,} rows"),
            *found,
            *([("agreement", agreement)] if agreement else []),
            ("saved in", saved),
        ]
    )


def _work(work: Work) -> Text:
    text = Text(f"{work.given:,} given", style="not bold")
    text.append(f" · {work.skipped:,} skipped", style="yellow" if work.skipped else "dim")
    return text.append(f" · {work.open:,} open", style="yellow" if work.open else "dim")


def _frame(
    console: Console, place: Place, body: Body, look: Look, keys: Callable[[int], Sequence[Sequence[Text]]], top: int
) -> Frame:
    width, height = console.size
    above = _drawn(console, _heading(place, width), width)
    below = [line for group in keys(width) for row in _flow(group, width) for line in _drawn(console, row, width)]
    room = max(height - len(above) - 1 - len(below), 1)
    top = max(min(top, len(body.lines) - room), 0)
    shown = [*body.lines[top : top + room], *([] for _ in range(room - len(body.lines)))]
    lines = [*above, *shown, *_drawn(console, _status(body, look, top, room), width), *below]
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


def _keys(choices: Sequence[Possible], look: Look, body: Body) -> Callable[[int], Sequence[Sequence[Text]]]:
    def form(width: int) -> Sequence[Sequence[Text]]:
        long, short = ([_choice(each, look.given, words) for each in choices] for words in ("label", "name"))
        return [long if len(_flow(long, width)) == 1 else short, _tools(look, body)]

    return form


def _choice(choice: Possible, given: str | None, words: str) -> Text:
    label = choice.label if words == "label" else choice.name.replace("_", " ")
    key = _key(choice.key + _ARROWS.get(choice.name, ""), label)
    if choice.name == given:
        key.stylize("green")
        key.append(" ✓", style="green bold")
    return key


def _tools(look: Look, body: Body) -> list[Text]:
    tools = [_key("enter", "keep, go on")] if look.given else []
    tools.append(_key("n", "note"))
    if body.has_hidden:
        tools.append(_key("r", "hide reference" if look.with_hidden else "reference"))
    if body.is_folded or look.with_whole_prompt:
        tools.append(_key("p", "fold prompt" if look.with_whole_prompt else "whole prompt"))
    tools += [_key("u", "back"), _key("q", "quit")]
    for tool in tools:
        tool.stylize("dim")
    return tools


def _key(key: str, label: str) -> Text:
    return Text().append(f" {key} ", style="reverse").append(f" {label}")


def _flow(items: Iterable[Text], width: int) -> list[Text]:
    """As many as fit into each line; none is broken in two."""
    rows: list[Text] = []
    for item in items:
        if rows and rows[-1].cell_len + 2 + item.cell_len <= width:
            rows[-1].append("  ").append_text(item)
        else:
            rows.append(item.copy())
    for row in rows:
        row.no_wrap, row.overflow = True, "ellipsis"
    return rows


def _answers(
    console: Console, answers: Sequence[Titled], keys: dict[str, str], given: str | None, width: int
) -> list[tuple[str, list[Line]]]:
    def panel(pane: Titled, height: int | None = None) -> Panel:
        key = keys.get(pane.title, "")
        style = "green bold" if given == pane.title else "cyan"
        return _panel(pane, style, prefix=f"{key} " if key else "", chosen=given == pane.title, height=height)

    if len(answers) != 2 or width < _WIDE:
        return [(pane.title, _drawn(console, panel(pane), width)) for pane in answers]
    widths = (width - 1) // 2, width - 1 - (width - 1) // 2
    drawn = [_drawn(console, panel(pane), each) for pane, each in zip(answers, widths, strict=True)]
    tallest = max(map(len, drawn))
    left, right = (
        each if len(each) == tallest else _drawn(console, panel(pane, tallest), own)
        for pane, each, own in zip(answers, drawn, widths, strict=True)
    )
    return [("answers", [[*one, Segment(" "), *other] for one, other in zip(left, right, strict=True)])]


def _folded(
    console: Console, asked: list[tuple[str, list[Line]]], most: int, width: int
) -> list[tuple[str, list[Line]]]:
    """What was asked in so many lines: how it begins, and how it ends, where the question stands."""
    lines = [line for _, drawn in asked for line in drawn]
    if len(lines) <= most:
        return asked
    left_out = len(lines) - most + 1
    mark = _drawn(console, Text(f"  ⋯ {left_out:,} more lines: p", style="yellow"), width)
    return [(asked[-1][0], [*lines[:2], *mark, *lines[left_out + 2 :]])]


def _panel(pane: Titled, style: str, prefix: str = "", *, chosen: bool = False, height: int | None = None) -> Panel:
    title = Text(prefix, style="bold").append_text(plain(pane.title, "bold")).append(" ✓" if chosen else "")
    return Panel(
        _content(pane.text), box=box.ROUNDED, title=title, title_align="left", border_style=style, height=height
    )


def _content(text: str) -> Text:
    """What a person reads of it; a tab as spaces and an end of line as such, for code is full of them."""
    if not text.strip():
        return Text("(nothing but white space)" if text else "(empty)", style="dim italic")
    lines = head(text.rstrip(), _MOST_CHARACTERS).replace("\r\n", "\n").split("\n")
    rest = len(lines) - _MOST_LINES
    if rest > 0:
        lines = [*lines[:_MOST_LINES], f"… ({rest:,} more lines)"]
    return plain("\n".join(line.expandtabs(_TAB) for line in lines), lines=True)


def _drawn(console: Console, what: RenderableType, width: int) -> list[Line]:
    return console.render_lines(what, console.options.update(width=width, height=None))
