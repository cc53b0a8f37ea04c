"""A chart made of text: fine lines of braille dots, with a mark at each measurement, so that it needs no colours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from harness.report.text import plain

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a braille character, row by row: four rows of two."""
_BRAILLE = 0x2800
_LINE = "⠤⠒"
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
    every: int = 1
    """Of so many points one has the character."""


@dataclass(frozen=True, slots=True)
class Upright:
    """A dotted line over the whole height."""

    name: str
    x: float
    sign: str = "┊"


class Chart:
    """Lines over one x-axis from ``start``, as wide as there is room and about ``height`` rows high.

    Later lines are drawn over earlier ones. A y that is no number leaves a gap; without any there is no chart.
    ``by_tens`` both axes are logarithmic: ``start`` is above 0 then, and what is 0 or less is not drawn. With
    ``whole_names`` the legend begins a new row rather than break a name.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        *,
        height: int,
        end: float,
        start: float = 0.0,
        uprights: Sequence[Upright] = (),
        unit: str = "step",
        by_tens: bool = False,
        whole_names: bool = False,
    ) -> None:
        self.lines = [line for line in lines if line.points]
        self.height, self.start, self.end, self.uprights, self.unit = height, start, end, uprights, unit
        self.by_tens, self.whole_names = by_tens, whole_names
        if by_tens:
            self.lines = [replace(line, points=tuple(map(_logarithms, line.points))) for line in self.lines]
            self.uprights = [replace(upright, x=math.log10(upright.x)) for upright in uprights]
            self.start, self.end = math.log10(start), math.log10(end)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        values = [y for line in self.lines for _, y in line.points if math.isfinite(y)]
        if not values:
            return
        ticks = self._ticks(min(values), max(values), max(3, self.height // 2 - 1))
        labels = _powers(ticks) if self.by_tens else _labels(ticks)
        margin = max(_MARGIN, *map(len, labels))
        # as many rows from figure to figure, or the figures would not stand evenly
        gaps = len(ticks) - 1
        height = max(1, round((self.height - 1) / gaps)) * gaps + 1
        width = max(options.max_width, _NARROWEST) - margin - 2
        sheet = _Sheet(width, height, (self.start, self.end), (ticks[0], ticks[-1]))
        for upright in self.uprights:
            sheet.upright(upright)
        for line in self.lines:
            sheet.line(line)
        for line in self.lines:
            sheet.markers(line)
        yield from self._legend(sheet, options.max_width)
        named = {sheet.row(tick): label for tick, label in zip(ticks, labels, strict=True)}
        for number, row in enumerate(sheet.rows()):
            axis = f"{named.get(number, ''):>{margin}} {'┤' if number in named else '│'}"
            yield Text.assemble((axis, "dim"), row)
        yield from self._x_axis(margin, sheet)

    def _legend(self, sheet: _Sheet, width: int) -> Iterable[Text]:
        """All names with their signs, as many in a row as there is room for."""
        keys = [(line.marker or _LINE, line.name, line.style) for line in self.lines]
        keys += [(_SEVERAL, "several of them", "")] if sheet.has_covered_marks else []
        keys += [(each.sign, each.name, "dim") for each in self.uprights]
        entries = [Text(f"{sign} ", style).append_text(plain(name, "default not dim")) for sign, name, style in keys]
        rows: list[list[Text]] = []
        for entry in entries:
            if rows and (not self.whole_names or sum(each.cell_len + 3 for each in rows[-1]) + entry.cell_len <= width):
                rows[-1].append(entry)
            else:
                rows.append([entry])
        return [Text("   ").join(row) for row in rows]

    def _ticks(self, low: float, high: float, most: int) -> list[float]:
        return _tens(low, high, most) if self.by_tens else _ticks(low, high, most)

    def _x_axis(self, margin: int, sheet: _Sheet) -> Iterable[Text]:
        most = max(2, sheet.width // _CELLS_A_LABEL)
        ticks = [tick for tick in self._ticks(self.start, self.end, most) if self.start <= tick <= self.end]
        labels = _powers(ticks) if self.by_tens else [f"{tick:,.0f}" for tick in ticks]
        rule, words = ["─"] * sheet.width, [" "] * (sheet.width + margin + 2)
        words[: len(self.unit)] = self.unit
        for tick, label in zip(ticks, labels, strict=True):
            cell = sheet.column(tick)
            rule[cell] = "┬"
            start = min(margin + 2 + cell - len(label) // 2, len(words) - len(label))
            if all(character == " " for character in words[start - 1 : start + len(label) + 1]):
                words[start : start + len(label)] = label
        yield Text(f"{'':>{margin}} └{''.join(rule)}", style="dim")
        yield Text("".join(words).rstrip(), style="dim")


class _Sheet:
    """The characters of a chart's inside, two dots wide and four high each."""

    def __init__(self, width: int, height: int, across: tuple[float, float], upwards: tuple[float, float]) -> None:
        self.width, self.height = width, height
        (self._start, end), (self._low, high) = across, upwards
        self._end, self._high = max(end, self._start + 1e-9), max(high, self._low + 1e-9)
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
        return self._dot(self._start, y)[1] // 4

    def upright(self, upright: Upright) -> None:
        """A dotted line."""
        column = self.column(upright.x)
        for row in range(self.height):
            self._signs[column, row], self._styles[column, row] = upright.sign, "dim"

    def line(self, line: Line) -> None:
        """Dots from point to point."""
        points = [(x, y) for x, y in line.points if math.isfinite(y)]
        for (x, y), (next_x, next_y) in pairwise(points if len(points) > 1 else points * 2):
            self._stroke(self._dot(x, y), self._dot(next_x, next_y), line.style)

    def markers(self, line: Line) -> None:
        """The line's mark at each of its points."""
        for x, y in line.points[:: line.every] if line.marker else ():
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
        along = (x - self._start) / (self._end - self._start)
        return round(min(1.0, max(0.0, along)) * across), round(share * down)

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


def _tens(low: float, high: float, most: int) -> list[float]:
    """Whole exponents that span ``low`` to ``high``, at most about ``most`` of them."""
    first, last = math.floor(low + 1e-9), math.ceil(high - 1e-9)
    apart = max(1, math.ceil((last - first) / most))
    return [float(tick) for tick in range(first, max(last, first + 1) + apart, apart)]


def _powers(ticks: Sequence[float]) -> list[str]:
    return [f"{10**tick:,.{max(0, -round(tick))}f}" for tick in ticks]


def _logarithms(point: tuple[float, float]) -> tuple[float, float]:
    x, y = point
    return (math.log10(x), math.log10(y)) if x > 0 and y > 0 else (0.0, math.nan)


def _labels(ticks: Sequence[float]) -> list[str]:
    """As many decimals as tell neighbours apart."""
    decimals = max(0, math.ceil(-math.log10(ticks[1] - ticks[0]) - 1e-9))
    return [f"{tick:,.{decimals}f}" for tick in ticks]
