"""Judges held to people: what a judge says beside what people would, so that nobody takes the one for the other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import layout, numbers
from harness.report.text import plain
from harness.values import LABELS_NEEDED, Calibration, Verdict

HEADS = (
    "task", "judge", "against", "raw", "corrected", "labels", "kappa", "orders disagree", "first place"
)  # fmt: skip
"""Of ``rows``."""
ALIGNMENT = "lllrrrrrr"
_HINT = "wins, or change of grade; gates go by the corrected"


def judges_part(calibrations: Sequence[Calibration]) -> RenderableType | None:
    """The table of the verdict screen; ``None`` where no judge was asked."""
    if not calibrations:
        return None
    table = layout.Fitting(_table(calibrations, stacked=False), _table(calibrations, stacked=True))
    return Group(layout.section("Judges held to people", _HINT), table)


def rows(calibrations: Iterable[Calibration]) -> Iterable[Sequence[str]]:
    """The same as text, a row a calibration, for Markdown."""
    for each in calibrations:
        raw = " ".join(filter(None, [rate(each, each.raw), numbers.missing(each.missing)]))
        interval = rate_interval(each, each.low, each.high)
        corrected = why_not(each) or rate(each, each.corrected) + (f" ({interval})" if interval else "")
        labels = f"{each.labels:,} of {each.items:,}" + (f", {each.unlabelled:,} open" if each.unlabelled else "")
        kappa = two(each.kappa) + (f" (at least {at_least(each.kappa_low)})" if each.kappa_low is not None else "")
        shares = numbers.percent(each.order_disagreement), numbers.percent(each.first_place)
        yield each.task, each.metric, each.against, raw, corrected, labels, kappa, *shares


def raw_metrics(verdict: Verdict) -> frozenset[tuple[str, str]]:
    """The tasks' metrics whose values are a judge's own word, by their names."""
    return frozenset((each.task, each.metric) for each in verdict.calibrations)


def why_not(of: Calibration) -> str | None:
    """Why there is no corrected rate to go by."""
    return None if of.labels >= LABELS_NEEDED else f"needs {LABELS_NEEDED} labels, has {of.labels}"


def rate(of: Calibration, preference: float | None) -> str:
    """A mean preference as the share of wins; that of a judge of single answers as the change of its grade."""
    if not of.compares:
        return numbers.change(preference)
    return numbers.share(None if preference is None else (1 + preference) / 2)


def rate_interval(of: Calibration, low: float | None, high: float | None) -> str:
    """Its interval in the same unit; nothing where there is none."""
    if low is None or high is None:
        return ""
    return numbers.share_interval((1 + low) / 2, (1 + high) / 2) if of.compares else numbers.change_interval(low, high)


def two(value: float | None) -> str:
    """A coefficient of agreement: two decimals, or a dash."""
    return numbers.MISSING if value is None else f"{value:.2f}".replace("-0.00", "0.00")


def at_least(bound: float) -> str:
    """A lower bound of such a coefficient, never rounded up to what it does not reach."""
    return two(math.floor(100 * bound + 1e-9) / 100)


def corrected_cell(of: Calibration, *, stacked: bool = False) -> Text:
    """The rate to go by with its interval, or what is lacking."""
    if words := why_not(of):
        return Text(words.replace(", ", ",\n") if stacked else words, style="yellow")
    interval = rate_interval(of, of.low, of.high)
    return _with(Text().append(rate(of, of.corrected), style="bold"), interval, stacked=stacked)


def _table(calibrations: Sequence[Calibration], *, stacked: bool) -> Table:
    gap = "\n" if stacked else " "
    table = layout.columns(["judge"] if stacked else HEADS[:3], HEADS[3:])
    for column, head in zip(table.columns[1:], HEADS[3:], strict=True) if stacked else ():
        column.header, column.no_wrap = Text(head.replace(" ", "\n")), True
    for each in calibrations:
        name = plain(each.metric, "bold")
        if stacked:
            name.append("\n").append_text(plain(each.task, "not bold dim"))
            name.append("\n").append_text(plain(f"vs {each.against}", "not bold dim"))
        names = (name,) if stacked else (plain(each.task, "bold"), plain(each.metric), plain(each.against))
        raw = Text().append(rate(each, each.raw))
        labels = Text(f"{each.labels:,}{gap}of {each.items:,}")
        table.add_row(
            *names,
            _noted(raw, numbers.missing(each.missing), stacked=stacked),
            corrected_cell(each, stacked=stacked),
            _noted(labels, f"{each.unlabelled:,} open" if each.unlabelled else "", stacked=stacked),
            _with(
                Text(two(each.kappa)),
                "" if each.kappa_low is None else f"≥ {at_least(each.kappa_low)}",
                stacked=stacked,
            ),
            numbers.percent(each.order_disagreement),
            numbers.percent(each.first_place),
        )
    return table


def _with(value: Text, interval: str, *, stacked: bool) -> Text:
    if not interval:
        return value
    return value.append("\n" + interval if stacked else f" ({interval})", style="not bold dim")


def _noted(value: Text, note: str, *, stacked: bool) -> Text:
    return value.append(("\n" if stacked else " ") + note, style="yellow") if note else value
