"""A page drawn at the width of the terminal: what was asked, and the answers, each in a pane."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from rich import box
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.segment import Segment
from rich.text import Text

from harness.report.review.shown import Body, Line, Look, Possible, Shown, Titled
from harness.report.text import head, plain

_WIDE = 100
"""From so many columns on two answers stand side by side."""
_MOST_CHARACTERS = 40_000
_MOST_LINES = 2_000
_TAB = 4
_LEAST_PROMPT = 5
"""Lines of what was asked that are shown however low the screen is."""
_AROUND = 5
"""Lines of heading, status and keys."""


def page_body(console: Console, page: Shown, choices: Sequence[Possible], look: Look) -> Body:
    """What was asked, the reference if it is wanted, and the answers, side by side where there is room.

    A long prompt is folded, so that it leaves the answers their room; its end stays, where the question stands.
    """
    width, height = console.size
    keys = {choice.name: choice.key for choice in choices}
    asked = [(pane.title, lines_of(console, _panel(pane, "dim"), width)) for pane in page.context]
    answers = _answers(console, page.answers, keys, look.given, width)
    left = height - _AROUND - sum(len(drawn) for _, drawn in answers)
    most = max(height // 3, left, _LEAST_PROMPT)
    shown = asked if look.with_whole_prompt else _folded(console, asked, most, width)
    hidden = [
        (pane.title, lines_of(console, _panel(pane, "magenta"), width)) for pane in page.hidden if look.with_hidden
    ]
    parts = [*shown, *hidden, *answers]
    starts = accumulate((len(drawn) for _, drawn in parts), initial=0)
    heads = tuple((start, title) for start, (title, _) in zip(starts, parts, strict=False))
    return Body(tuple(line for _, drawn in parts for line in drawn), heads, shown is not asked, bool(page.hidden))


def lines_of(console: Console, what: RenderableType, width: int) -> list[Line]:
    """Anything as lines of so many columns."""
    return console.render_lines(what, console.options.update(width=width, height=None))


def _answers(
    console: Console, answers: Sequence[Titled], keys: dict[str, str], given: str | None, width: int
) -> list[tuple[str, list[Line]]]:
    def panel(pane: Titled, height: int | None = None) -> Panel:
        key = keys.get(pane.title, "")
        style = "green bold" if given == pane.title else "cyan"
        return _panel(pane, style, prefix=f"{key} " if key else "", chosen=given == pane.title, height=height)

    if len(answers) != 2 or width < _WIDE:
        return [(pane.title, lines_of(console, panel(pane), width)) for pane in answers]
    widths = (width - 1) // 2, width - 1 - (width - 1) // 2
    drawn = [lines_of(console, panel(pane), each) for pane, each in zip(answers, widths, strict=True)]
    tallest = max(map(len, drawn))
    left, right = (
        each if len(each) == tallest else lines_of(console, panel(pane, tallest), own)
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
    mark = lines_of(console, Text(f"  ⋯ {left_out:,} more lines: p", style="yellow"), width)
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
