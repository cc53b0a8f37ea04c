"""The few shapes that every screen is made of, so that all of them look alike."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from harness.report import numbers
from harness.report.text import plain
from harness.values import Delta, Estimate

LABEL_WIDTH = 10
"""Of the words on the left of a screen, so that the facts of all its parts stand in one line."""

_NORMAL = [(60, 66, 80), (240, 113, 120), (126, 200, 130), (229, 192, 103)]
_NORMAL += [(110, 168, 254), (198, 146, 233), (98, 190, 200), (212, 216, 224)]
_BRIGHT = [(110, 118, 135), (255, 140, 145), (150, 220, 152), (245, 210, 125)]
_BRIGHT += [(140, 190, 255), (215, 170, 245), (125, 210, 220), (255, 255, 255)]
_PAPER = TerminalTheme((17, 20, 28), (212, 216, 224), _NORMAL, _BRIGHT)
"""The colours of a picture: background, text, then black, red, green, yellow, blue, magenta, cyan, white."""

_UNBOUNDED = 10_000
_DECIDED = {"passed": "green", "failed": "red", "inconclusive": "yellow"}


class Fitting:
    """The first of several forms of one thing that fits the width; the last where none does."""

    def __init__(self, *forms: RenderableType) -> None:
        self.forms = forms

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        freely = options.update(max_width=_UNBOUNDED)
        widths = (Measurement.get(console, freely, form).maximum for form in self.forms)
        fitting = (form for form, width in zip(self.forms, widths, strict=True) if width <= options.max_width)
        yield next(fitting, self.forms[-1])


class Wide:
    """A form for a screen of at least so many columns, and one for narrower ones: where texts fold in both."""

    def __init__(self, columns: int, wide: RenderableType, narrow: RenderableType) -> None:
        self.columns, self.wide, self.narrow = columns, wide, narrow

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.wide if options.max_width >= self.columns else self.narrow


class Hung:
    """Something that hangs on a line: ``first`` stands before its first row, and ``rest`` before the others."""

    def __init__(self, first: Text, rest: Text, content: RenderableType) -> None:
        self.first, self.rest, self.content = first, rest, content

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        room = options.update(max_width=max(1, options.max_width - self.first.cell_len))
        inner = Measurement.get(console, room, self.content)
        return Measurement(inner.minimum + self.first.cell_len, inner.maximum + self.first.cell_len)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max(1, options.max_width - self.first.cell_len)
        sign, rest = Text.assemble(self.first), Text.assemble(self.rest)  # a text of spans is drawn without padding
        for row in console.render_lines(self.content, options.update(width=room), pad=False):
            yield from sign.render(console)
            yield from row
            yield Segment.line()
            sign = rest


def section(title: str, hint: str = "") -> RenderableType:
    """The line above a part of a screen: its name, and how to read it."""
    heading = Text(title, style="bold not dim")
    if hint:
        heading.append_text(plain(f"  {hint}", "not bold dim"))
    return Rule(heading, align="left", style="dim", characters="─")


def facts(pairs: Iterable[tuple[str, RenderableType]]) -> Table:
    """Dim words on the left, what they are on the right."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", min_width=LABEL_WIDTH, max_width=3 * LABEL_WIDTH, overflow="fold")
    grid.add_column(overflow="fold")
    for label, value in pairs:
        grid.add_row(plain(label), plain(value) if isinstance(value, str) else value)
    return grid


def columns(names: Sequence[str], values: Sequence[str]) -> Table:
    """A table without a frame: ``names`` head text on the left, ``values`` head figures on the right."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for name in names:
        table.add_column(plain(name), overflow="fold")
    for value in values:
        table.add_column(plain(value), justify="right", overflow="fold")
    return table


def estimate_cell(estimate: Estimate | None, *, stacked: bool = False, counted: bool = True, style: str = "") -> Text:
    """A value with its interval beside it, or ``stacked`` beneath it; ``counted`` with the count of what is missing."""
    if estimate is None:
        return Text(numbers.MISSING, style="dim")
    interval = numbers.score_interval(estimate.low, estimate.high)
    return _figure(
        Text().append(numbers.score(estimate.value), style=style), interval, estimate.missing if counted else 0, stacked
    )


def change_cell(delta: Delta | None, *, stacked: bool = False, named: bool = False) -> Text:
    """A change with its interval, coloured where the whole interval lies on one side; ``named`` says against what."""
    if delta is None:
        return Text(numbers.MISSING, style="dim")
    interval = numbers.change_interval(delta.low, delta.high)
    value = Text().append(numbers.change(delta.change), style=_direction(delta.low, delta.high))
    cell = _figure(value, interval, delta.missing, stacked)
    if named:
        cell.append("\n" if stacked else " ").append_text(plain(f"vs {delta.against}", "dim"))
    return cell


def _figure(value: Text, interval: str, missing: int, stacked: bool) -> Text:
    gap = "\n" if stacked else " "
    if interval:
        value.append(gap + (interval if stacked else f"({interval})"), style="dim")
    if missing:
        value.append(gap + numbers.missing(missing), style="yellow")
    return value


def decided(outcome: str) -> str:
    """The colour of an outcome."""
    return _DECIDED.get(outcome, "")


def _direction(low: float | None, high: float | None) -> str:
    if low is not None and low > 0:
        return "green"
    return "red" if high is not None and high < 0 else ""


def bullets(texts: Iterable[str], style: str = "dim") -> Table:
    """Wrapped remarks, each with a dot before it."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for text in texts:
        grid.add_row(Text("·", style=style), plain(text, style))
    return grid


def unmeasured(reasons: Iterable[tuple[str, str]]) -> Table:
    """Names of tasks with why nothing was measured."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", overflow="fold")
    grid.add_column(overflow="fold")
    for name, reason in reasons:
        grid.add_row(plain(name), Text("not measured: ", style="yellow").append_text(plain(reason, "default")))
    return grid


def spaced(*parts: RenderableType | None) -> Group:
    """Parts one beneath the other with an empty line between; those that are ``None`` leave no gap."""
    there = [part for part in parts if part is not None]
    return Group(*[line for part in there for line in (part, Text(""))][:-1])


def picture(screen: RenderableType, *, width: int, title: str) -> str:
    """A screen as SVG; the same screen gives the same text."""
    console = Console(
        record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor", no_color=False
    )
    console.print(Padding(screen, (0, 1, 1, 1)))
    return console.export_svg(title=plain(title).plain, theme=_PAPER)
