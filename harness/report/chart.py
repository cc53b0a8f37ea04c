"""A chart made of text: fine lines of braille dots, with a mark at each measurement, so that it needs no colours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from harness.report.text import plain

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a braille character, row by row: four rows of two."""
_BRAILLE = 0x2800
_UPRIGHT, _LINE = "┊", "⠤⠒"
_SEVERAL = "✶"
"""Where marks of several lines fall on one place, and one would hide the others."""
_MARGIN = 5
"""At least so wide are the figures on the left, so that charts beneath each other stand in line."""
_NARROWEST = 24
_CELLS_A_LABEL = 12


@dataclass(frozen=True, slots=True)
class Line:
    """What is drawn through points that are ordered by x."""

    name: str
    points: tuple[tuple[float, float], ...]
    style: str
    marker: str = ""
    """A character at each point; without one there is only the line."""


@dataclass(frozen=True, slots=True)
class Upright:
    """A dotted line over the whole height."""

    name: str
    x: float


class Chart:
    """Lines over one x-axis from 0, as wide as there is room and about ``height`` rows high.

    Later lines are drawn over earlier ones. A y that is no number leaves a gap; without any there is no chart.
    """

    def __init__(
        self, lines: Sequence[Line], *, height: int, end: float, uprights: Sequence[Upright] = (), unit: str = "step"
    ) -> None:
        self.lines = [line for line in lines if line.points]
        self.height, self.end, self.uprights, self.unit = height, end, uprights, unit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        values = [y for line in self.lines for _, y in line.points if math.isfinite(y)]
        if not values:
            return
        ticks = _ticks(min(values), max(values), max(3, self.height // 2 - 1))
        labels = _labels(ticks)
        margin = max(_MARGIN, *map(len, labels))
        # as many rows from figure to figure, or the figures would not stand evenly
        gaps = len(ticks) - 1
        height = max(1, round((self.height - 1) / gaps)) * gaps + 1
        sheet = _Sheet(max(options.max_width, _NARROWEST) - margin - 2, height, self.end, ticks[0], ticks[-1])
        for upright in self.uprights:
            sheet.upright(upright.x)
        for line in self.lines:
            sheet.line(line)
        for line in self.lines:
            sheet.markers(line)
        yield self._legend(sheet)
        named = {sheet.row(tick): label for tick, label in zip(ticks, labels, strict=True)}
        for number, row in enumerate(sheet.rows()):
            axis = f"{named.get(number, ''):>{margin}} {'┤' if number in named else '│'}"
            yield Text.assemble((axis, "dim"), row)
        yield from self._x_axis(margin, sheet)

    def _legend(self, sheet: _Sheet) -> Text:
        keys = [(line.marker or _LINE, line.name, line.style) for line in self.lines]
        keys += [(_SEVERAL, "several of them", "")] if sheet.has_covered_marks else []
        keys += [(_UPRIGHT, each.name, "dim") for each in self.uprights]
        entries = (Text(f"{sign} ", style).append_text(plain(name, "default not dim")) for sign, name, style in keys)
        return Text("   ").join(entries)

    def _x_axis(self, margin: int, sheet: _Sheet) -> Iterable[Text]:
        ticks = [tick for tick in _ticks(0.0, self.end, max(2, sheet.width // _CELLS_A_LABEL)) if tick <= self.end]
        rule, words = ["─"] * sheet.width, [" "] * (sheet.width + margin + 2)
        words[: len(self.unit)] = self.unit
        for tick in ticks:
            label, cell = f"{tick:,.0f}", sheet.column(tick)
            rule[cell] = "┬"
            start = min(margin + 2 + cell - len(label) // 2, len(words) - len(label))
            if all(character == " " for character in words[start - 1 : start + len(label) + 1]):
                words[start : start + len(label)] = label
        yield Text(f"{'':>{margin}} └{''.join(rule)}", style="dim")
        yield Text("".join(words).rstrip(), style="dim")


class _Sheet:
    """The characters of a chart's inside, two dots wide and four high each."""

    def __init__(self, width: int, height: int, end: float, low: float, high: float) -> None:
        self.width, self.height = width, height
        self._end, self._low, self._high = max(end, 1e-9), low, max(high, low + 1e-9)
        self._dots: dict[tuple[int, int], int] = {}
        self._styles: dict[tuple[int, int], str] = {}
        self._signs: dict[tuple[int, int], str] = {}
        self._marked: dict[tuple[int, int], str] = {}
        self.has_covered_marks = False

    def column(self, x: float) -> int:
        """The character that stands for x."""
        return self._dot(x, self._low)[0] // 2

    def row(self, y: float) -> int:
        """The character, counted from the top."""
        return self._dot(0.0, y)[1] // 4

    def upright(self, x: float) -> None:
        """A dotted line."""
        for row in range(self.height):
            self._signs[self.column(x), row] = _UPRIGHT
            self._styles[self.column(x), row] = "dim"

    def line(self, line: Line) -> None:
        """Dots from point to point."""
        points = [(x, y) for x, y in line.points if math.isfinite(y)]
        for (x, y), (next_x, next_y) in pairwise(points if len(points) > 1 else points * 2):
            self._stroke(self._dot(x, y), self._dot(next_x, next_y), line.style)

    def markers(self, line: Line) -> None:
        """The line's mark at each of its points."""
        for x, y in line.points if line.marker else ():
            if math.isfinite(y):
                cell = (self.column(x), self.row(y))
                is_covered = self._marked.setdefault(cell, line.marker) != line.marker
                self._signs[cell], self._styles[cell] = (_SEVERAL, "") if is_covered else (line.marker, line.style)
                self._dots.pop(cell, None)
                self.has_covered_marks |= is_covered

    def rows(self) -> Iterable[Text]:
        """From the top."""
        for row in range(self.height):
            text = Text()
            for column in range(self.width):
                cell = (column, row)
                sign = chr(_BRAILLE + self._dots[cell]) if cell in self._dots else self._signs.get(cell, " ")
                text.append(sign, style=self._styles.get(cell, ""))
            text.rstrip()
            yield text

    def _dot(self, x: float, y: float) -> tuple[int, int]:
        across, down = 2 * self.width - 1, 4 * self.height - 1
        share = (self._high - y) / (self._high - self._low)
        return round(min(1.0, max(0.0, x / self._end)) * across), round(share * down)

    def _stroke(self, start: tuple[int, int], end: tuple[int, int], style: str) -> None:
        steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for step in range(steps + 1):
            x = round(start[0] + (end[0] - start[0]) * step / steps)
            y = round(start[1] + (end[1] - start[1]) * step / steps)
            cell = (x // 2, y // 4)
            self._dots[cell] = self._dots.get(cell, 0) | _DOTS[y % 4][x % 2]
            self._styles[cell] = style


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers that span ``low`` to ``high``, 1, 2 or 5 times a power of ten apart: about ``most`` of them."""
    span = high - low or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    apart = next(power * factor for factor in (1, 2, 5, 10, 20) if span / (power * factor) <= most)
    first, last = math.floor(low / apart + 1e-9), math.ceil(high / apart - 1e-9)
    return [number * apart for number in range(first, max(last, first + 1) + 1)]


def _labels(ticks: Sequence[float]) -> list[str]:
    """As many decimals as tell neighbours apart."""
    decimals = max(0, math.ceil(-math.log10(ticks[1] - ticks[0]) - 1e-9))
    return [f"{tick:,.{decimals}f}" for tick in ticks]
