"""The pictures of ``docs/statistics.md``, made by the functions that judge: ``python docs/pictures.py``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from scipy import stats

from harness.comparison.gate import Evidence, decide
from harness.comparison.power import items_needed
from harness.comparison.statistics import p_value
from harness.report import layout, verdict
from harness.values import GateRule, Pair, Verdict

FOLDER = Path(__file__).parent / "pictures"

# The worked examples: every number of theirs on the page comes from here.


@dataclass(frozen=True)
class Example:
    """Rules, each with the scores that it is held against."""

    asked: tuple[tuple[GateRule, Evidence], ...]

    def verdict(self) -> Verdict:
        """What the gate says of them."""
        found = {id(rule): evidence for rule, evidence in self.asked}
        return decide([rule for rule, _ in self.asked], lambda rule: found[id(rule)])

    def screen(self) -> str:
        """The gates and the answer of the verdict screen."""
        said = self.verdict()
        screen = layout.spaced(verdict._gates(said), verdict._answer(said))
        return layout.picture(screen, width=92, title="harness gate")


def answers(*, both: int, broken: int, fixed: int, neither: int) -> tuple[Pair, ...]:
    """So many items that both models got right, that only the baseline, only the candidate, and that neither did."""
    scores = [(1.0, 1.0)] * both + [(1.0, 0.0)] * broken + [(0.0, 1.0)] * fixed + [(0.0, 0.0)] * neither
    return tuple(Pair(f"item {number}", *each) for number, each in enumerate(scores))


def evidence(task: str, metric: str, pairs: tuple[Pair, ...], against: str = "base") -> Evidence:
    """Right or wrong scores of a task."""
    return Evidence(task, metric, against, pairs, higher_is_better=True, bounds=(0.0, 1.0))


def no_flips(items: int) -> Example:
    """Nothing flips: a limit of five points, so many items."""
    right = items * 6 // 10
    pairs = answers(both=right, broken=0, fixed=0, neither=items - right)
    return Example(((GateRule("mmlu", "acc", max_drop=0.05), evidence("mmlu", "acc", pairs)),))


MARGINS = (0.01, 0.0225, 0.04, 0.05, 0.1)


def margins() -> Example:
    """20 of 400 items broke and 12 were fixed: what each limit makes of it."""
    seen = evidence("mmlu", "acc", answers(both=220, broken=20, fixed=12, neither=148))
    return Example(tuple((GateRule("mmlu", "acc", max_drop=margin), seen) for margin in MARGINS))


def release() -> Example:
    """Four gates: a gain, a failed level, a real drop within its limit, and one that Holm keeps from failing."""
    won = evidence("tickets", "exact_match", answers(both=92, broken=8, fixed=60, neither=40), "prompted")
    valid = tuple(Pair(f"item {number}", None, float(number < 176)) for number in range(200))
    mmlu = evidence("mmlu", "acc", answers(both=460, broken=40, fixed=10, neither=490))
    fell = evidence("hellaswag", "acc_norm", answers(both=416, broken=84, fixed=14, neither=486))
    return Example(
        (
            (GateRule("tickets", "exact_match", min_gain=0.1, against="prompted"), won),
            (GateRule("tickets", "json_fields", at_least=0.95), evidence("tickets", "json_fields", valid)),
            (GateRule("mmlu", "acc", max_drop=0.05), mmlu),
            (GateRule("hellaswag", "acc_norm", max_drop=0.05), fell),
        )
    )


# The two charts.

FLIP_RATES = tuple(np.geomspace(0.005, 0.3, 40).tolist())
CHART_MARGINS = (0.01, 0.0225, 0.05, 0.1)

MARGIN, LOSSES, GAINS, LEVEL = 0.05, 0.055, 0.005, 0.05
"""A model exactly at a limit of five points: 5.5 % of the items break, 0.5 % are fixed."""
SIZES = tuple(dict.fromkeys(np.round(np.geomspace(10, 1000, 48)).astype(int).tolist()))


@dataclass(frozen=True)
class Passes:
    """How often a model exactly at its limit passes, by three rules."""

    threshold: float
    """The observed drop is at most the limit."""
    paired_t: float
    """Student's paired t at 5 %; no change at all is a standard error of 0, and passes."""
    ours: float


def passes(items: int) -> Passes:
    """The exact chances: every possible number of broken and fixed items with its probability."""
    most = int(stats.binom.isf(1e-9, items, GAINS))
    threshold = paired_t = ours = 0.0
    allowed = -1  # broken items with which ours still passes; more fixed ones never allow fewer
    for fixed in range(most + 1):
        while allowed < items - fixed and _passes(items, allowed + 1, fixed):
            allowed += 1
        broken = np.arange(items - fixed + 1)
        chance = stats.binom.pmf(fixed, items, GAINS)
        chance = chance * stats.binom.pmf(broken, items - fixed, LOSSES / (1 - GAINS))
        change = (fixed - broken) / items
        spread = np.sqrt(np.maximum((fixed + broken) / items - change**2, 0) / (items - 1))
        reach = stats.t.isf(LEVEL, items - 1) * spread
        threshold += float(chance[change + MARGIN >= -1e-12].sum())
        paired_t += float(chance[change + MARGIN >= reach - 1e-12].sum())
        ours += float(chance[broken <= allowed].sum())
    return Passes(threshold, paired_t, ours)


def _passes(items: int, broken: int, fixed: int) -> bool:
    changes = np.repeat([-1.0, 0.0, 1.0], [broken, items - broken - fixed, fixed])
    return p_value(changes, -MARGIN, 1, (-1.0, 1.0)) <= LEVEL


# A picture brings its own ground, as the screens do: it reads alike on a light page and on a dark one.
_GROUND, _TEXT, _DIM, _GRID = "#11141c", "#d4d8e0", "#98a1b3", "#2b3140"
_FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"
_WIDTH, _HEIGHT = 860, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 676, 84, 376


@dataclass(frozen=True)
class Axis:
    """A scale from the least to the greatest value, on which ``ticks`` are named."""

    least: float
    greatest: float
    ticks: Sequence[tuple[float, str]]
    title: str
    logarithmic: bool = True

    def at(self, value: float, start: float, end: float) -> float:
        """Where a value lies between two edges of the picture."""
        least, greatest, value = (self._scaled(each) for each in (self.least, self.greatest, value))
        return start + (value - least) / (greatest - least) * (end - start)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.logarithmic else value


@dataclass(frozen=True)
class Line:
    """Points with the words that stand at their end."""

    points: Sequence[tuple[float, float]]
    label: str
    colour: str
    lift: float = 0.0
    """Pixels by which the label stands below the last point, so that labels keep apart."""


def items_chart() -> str:
    """Items needed against the share of items that flip, a line for each margin."""
    colours = ("#8ec5ff", "#7ec882", "#e5c067", "#ff8c91")
    names = ("1 point", "2.25 points", "5 points", "10 points")
    lines = [
        Line([(rate, items_needed(margin, rate) or math.nan) for rate in FLIP_RATES], name, colour)
        for margin, name, colour in zip(CHART_MARGINS, names, colours, strict=True)
    ]
    rates = [(each, f"{100 * each:g} %") for each in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)]
    counts = [(each, f"{each:,}") for each in (30, 100, 300, 1000, 3000, 10_000, 30_000)]
    return _chart(
        "Items needed to pass a limit on the drop",
        "with 90 % chance, when truly nothing dropped; level 5 %, right or wrong scores",
        Axis(0.005, 0.3, rates, "share of items that flip, in either direction"),
        Axis(30, 30_000, counts, "items"),
        lines,
    )


def errors_chart() -> str:
    """How often each rule passes a model exactly at its limit, against the number of items."""
    found = [passes(items) for items in SIZES]
    lines = [
        Line(list(zip(SIZES, [100 * each.threshold for each in found], strict=True)), "bare threshold", "#ff8c91"),
        Line(list(zip(SIZES, [100 * each.paired_t for each in found], strict=True)), "paired t", "#e5c067", -8.0),
        Line(list(zip(SIZES, [100 * each.ours for each in found], strict=True)), "this gate", "#7ec882", 8.0),
    ]
    sizes = [(each, f"{each:,}") for each in (10, 20, 50, 100, 200, 500, 1000)]
    shares = [(each, f"{each} %") for each in (0, 20, 40, 60, 80)]
    return _chart(
        "How often a model exactly at its limit passes",
        "limit 5 points; it breaks 5.5 % of the items and fixes 0.5 %; exact, not simulated",
        Axis(10, 1000, sizes, "items"),
        Axis(0, 80, shares, "passes", logarithmic=False),
        lines,
        promised=(5, "the 5 % promised"),
    )


def _chart(
    title: str,
    subtitle: str,
    across: Axis,
    up: Axis,
    lines: Iterable[Line],
    promised: tuple[float, str] | None = None,
) -> str:
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img' {_FONT} font-size='14'>",
        f"<title>{escape(title)}</title>",
        f"<rect width='{_WIDTH}' height='{_HEIGHT}' rx='8' fill='{_GROUND}'/>",
        _words(_LEFT, 36, title, _TEXT, size=19, weight="600"),
        _words(_LEFT, 58, subtitle, _DIM),
    ]
    for value, name in up.ticks:
        y = up.at(value, _BOTTOM, _TOP)
        parts += [_stroke(_LEFT, y, _RIGHT, y, _GRID), _words(_LEFT - 10, y + 5, name, _DIM, anchor="end")]
    for value, name in across.ticks:
        x = across.at(value, _LEFT, _RIGHT)
        parts += [
            _stroke(x, _BOTTOM, x, _BOTTOM + 5, _DIM),
            _words(x, _BOTTOM + 23, name, _DIM, anchor="middle"),
        ]
    parts.append(_words((_LEFT + _RIGHT) / 2, _BOTTOM + 47, across.title, _TEXT, anchor="middle"))
    parts.append(_words(_LEFT - 10, _TOP - 12, up.title, _TEXT, anchor="end"))
    if promised is not None:
        y = up.at(promised[0], _BOTTOM, _TOP)
        parts += [_stroke(_LEFT, y, _RIGHT, y, _TEXT, dashes="5 4"), _words(_LEFT + 6, y - 7, promised[1], _TEXT)]
    for line in lines:
        points = [(across.at(x, _LEFT, _RIGHT), up.at(y, _BOTTOM, _TOP)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f"<polyline points='{path}' fill='none' stroke='{line.colour}' stroke-width='2.5'/>")
        parts.append(_words(points[-1][0] + 12, points[-1][1] + 5 + line.lift, line.label, line.colour, weight="600"))
    return "\n".join([*parts, "</svg>", ""])


def _words(x: float, y: float, text: str, fill: str, *, anchor: str = "start", size: int = 14, weight: str = "") -> str:
    style = f" font-weight='{weight}'" if weight else ""
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}'"
    return f"<text {place} fill='{fill}'{style}>{escape(text)}</text>"


def _stroke(x1: float, y1: float, x2: float, y2: float, colour: str, dashes: str = "") -> str:
    style = f" stroke-dasharray='{dashes}'" if dashes else ""
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}'{style}/>"


PICTURES: dict[str, Callable[[], str]] = {
    "no-flips-50.svg": lambda: no_flips(50).screen(),
    "no-flips-100.svg": lambda: no_flips(100).screen(),
    "margins.svg": lambda: margins().screen(),
    "release.svg": lambda: release().screen(),
    "items.svg": items_chart,
    "errors.svg": errors_chart,
}


def main() -> None:
    """Write every picture beside the page."""
    FOLDER.mkdir(exist_ok=True)
    for name, make in PICTURES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
