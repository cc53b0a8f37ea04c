"""What ``harness power`` says: before anything is run, what each gate will be able to tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import layout, numbers
from harness.report.text import plain
from harness.values import GateRule

_STANDING = {
    "enough": ("✓", "green"),
    "depends": ("~", "yellow"),
    "too few": ("?", "yellow"),
    "cannot pass": ("✗", "red"),
    "unknown": ("·", "dim"),
}


class GateRow(NamedTuple):
    """What is told of one gate."""

    rule: GateRule
    standing: str
    """``enough``, ``depends``, ``too few``, ``cannot pass`` or ``unknown``."""
    reason: str
    items: int | None
    """That it will have."""
    by_rate: Sequence[int | None]
    """Items needed at each flip rate of the table."""
    alone: int | None
    """Items needed at the rate that is reckoned with."""
    together: int | None
    """Items with which all critical gates pass together."""
    seconds: float | None
    """One item asked of all arms."""
    shows: Sequence[float | None] = ()
    """What its items can show at each flip rate that is reckoned with, in the rule's unit."""


class ReleaseRow(NamedTuple):
    """What is told of the release as a whole."""

    critical: int
    chance: float
    """That all of them pass, each at 90 %."""
    power_together: float
    """What each needs for 90 % together."""
    seconds_as_planned: float | None
    seconds_together: float | None


def power_screen(
    name: str,
    gates: Sequence[GateRow],
    release: ReleaseRow,
    *,
    rates: Sequence[float],
    source: str,
    notes: Sequence[str] = (),
) -> RenderableType:
    """Each gate with what its items can show, the items that it needs by flip rate, and what the whole costs."""
    hint = "what their items can show with 90 % chance"
    by_rate = "for 90 % chance to pass, by the share of items that flip"
    return layout.spaced(
        layout.facts([("suite", plain(name, "bold")), ("flip rates", source)]),
        Group(layout.section("Gates", hint), _gates(gates)),
        Group(layout.section("Items needed", by_rate), _by_rate(gates, rates)) if _has_rates(gates) else None,
        Group(layout.section("The whole release"), _plans(gates), Text(""), layout.bullets(_release(release), "")),
        Group(layout.section("Know this"), layout.bullets(notes)) if notes else None,
    )


def power_lines(gates: Sequence[GateRow], source: str, command: str) -> RenderableType:
    """The same in a line a gate, and why where one cannot pass; ``command`` is what tells the rest."""
    table = layout.columns(["", "gate"], ["items", "they show", "needed alone", "together"])
    for row in gates:
        mark, style = _STANDING[row.standing]
        figures = (_count(row.items), _shows(row), _count(row.alone), _count(row.together))
        table.add_row(Text(mark, style=style), _short(row.rule).append_text(_tier(row.rule)), *figures)
    marks = [f"{_STANDING[each][0]} {each}" for each in dict.fromkeys(row.standing for row in gates)]
    hopeless = [f"{row.rule}: {row.reason}" for row in gates if row.standing == "cannot pass"]
    return Group(
        table,
        *([layout.bullets(hopeless, "red")] if hopeless else []),
        plain("   ".join([*marks, f"flip rates: {source}"]), "dim"),
        plain(command, "cyan").append_text(plain("  items by flip rate, and how long asking takes", "dim")),
    )


def _shows(row: GateRow) -> str:
    """``+0.283 to +0.325``: the gain or score that passes, or the drop that is excluded."""
    known = [each for each in row.shows if each is not None]
    if not known or len(known) < len(row.shows):
        return numbers.MISSING
    return " to ".join(dict.fromkeys(_limit(row.rule, each) for each in known))


def _gates(gates: Sequence[GateRow]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for row in gates:
        mark, style = _STANDING[row.standing]
        grid.add_row(Text(f"{mark} {row.standing}", style=style), plain(str(row.rule)).append_text(_tier(row.rule)))
        grid.add_row("", plain(row.reason, "dim"))
    return grid


def _tier(rule: GateRule) -> Text:
    return plain("" if rule.tier == "critical" else f"  {rule.tier}", "dim")


def _has_rates(gates: Sequence[GateRow]) -> bool:
    return any(count is not None for row in gates for count in row.by_rate)


def _by_rate(gates: Sequence[GateRow], rates: Sequence[float]) -> Table:
    table = layout.columns(["gate"], [f"{100 * rate:g} %" for rate in rates])
    for row in gates:
        if any(count is not None for count in row.by_rate):
            table.add_row(_short(row.rule), *map(_count, row.by_rate))
    return table


def _plans(gates: Sequence[GateRow]) -> Table:
    table = layout.columns(["gate"], ["items", "needed alone", "together", "evaluation"])
    for row in gates:
        time = _time(None if row.together is None or row.seconds is None else row.together * row.seconds)
        table.add_row(_short(row.rule), _count(row.items), _count(row.alone), _count(row.together), time)
    return table


def _short(rule: GateRule) -> Text:
    asked = rule.level if rule.level is not None else rule.min_gain if rule.min_gain is not None else rule.max_drop
    limit = _limit(rule, asked or 0.0, digits=None)
    return plain(f"{rule.task} {rule.metric}", "bold").append_text(plain(f" {limit}", "not bold"))


def _limit(rule: GateRule, value: float, digits: int | None = 3) -> str:
    """``≥ 0.95``, ``+0.1``, ``-0.05`` or ``-5 %``.

    Rounded to ``digits`` on the careful side, so that no limit seems held that is not.
    """
    if digits is not None:
        careful = math.floor if rule.at_most is not None else math.ceil
        value = careful(round(value * 10**digits, 6)) / 10**digits
    if rule.level is not None:
        return f"{'≥' if rule.at_most is None else '≤'} {value:g}"
    if rule.min_gain is not None:
        return f"+{value:g}"
    return f"-{100 * value:.3g} %" if rule.relative else f"-{value:g}"


def _release(release: ReleaseRow) -> list[str]:
    lines = []
    if release.critical == 1:
        lines.append("1 critical gate: with the items needed a release that meets it passes with 90 % chance")
    if release.critical > 1:
        chance = f"about {100 * release.chance:.0f} %, if they are independent"
        lines.append(
            f"{release.critical} critical gates at 90 % each: a release that meets them all passes with {chance}"
        )
        each = f"{100 * release.power_together:.3g} %"
        lines.append(f"together: the items with which each has {each}, so that all pass with 90 % at least")
    if release.seconds_as_planned is None:
        lines.append("how long it takes is not known: not every task was asked of every arm before")
    else:
        now, then = map(numbers.duration, (release.seconds_as_planned, release.seconds_together or 0.0))
        more = f", about {then} with those needed together" if release.seconds_together is not None else ""
        lines.append(f"asking every arm takes about {now} with the items as they are{more}")
    return lines


def _count(count: int | None) -> str:
    return numbers.MISSING if count is None else f"{count:,}"


def _time(seconds: float | None) -> str:
    return numbers.MISSING if seconds is None else numbers.duration(seconds)
