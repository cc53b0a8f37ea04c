"""The screen of an A/A control."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import layout
from harness.report.text import plain
from harness.values import Control, Rate, RuleControl


def control_screen(control: Control, *, warnings: tuple[str, ...], record: Path) -> RenderableType:
    """How steady each metric is, how often each gate errs on scores without a difference, and what to make of it."""
    return layout.spaced(
        layout.facts([("A/A control", plain(control.suite, "bold")), ("base", control.reference)]),
        Group(layout.section("Asked again", "nothing that should matter was changed"), _repeats(control)),
        Group(
            layout.section("Gates", f"{control.swaps:,} label swaps of real scores; each with its 95 % interval"),
            _rules(control),
        ),
        layout.unmeasured(control.not_controlled.items()) if control.not_controlled else None,
        Group(layout.section("Know this"), layout.bullets(warnings)) if warnings else None,
        layout.facts([("record", plain(str(record)))]),
    )


def _repeats(control: Control) -> RenderableType:
    if not control.repeats:
        return Text("the base model was not asked again", style="dim")
    table = layout.columns(["changed", "task", "metric"], ["items", "flips", "floor", "differs"])
    shown = ""
    for each in control.repeats:
        share = each.flips / each.pairs if each.pairs else 0.0
        style = "yellow" if each.flips else "green"
        table.add_row(
            plain(each.varied if each.varied != shown else "", "bold"),
            plain(each.task),
            plain(each.metric),
            f"{each.pairs:,}",
            Text(f"{each.flips:,}", style=style),
            Text(f"{100 * share:.3g} %", style=style),
            Text("yes", style="red") if each.false_alarm else Text("no", style="dim"),
        )
        shown = each.varied
    return table


def _rules(control: Control) -> RenderableType:
    if not control.rules:
        return Text("no gate could be tried", style="dim")
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(overflow="fold")
    for rule in control.rules:
        grid.add_row(_rule(rule))
    return grid


def _rule(rule: RuleControl) -> RenderableType:
    name = plain(rule.rule, "bold")
    about = f"{rule.items:,} items, {100 * rule.flips:.3g} % of them flip, claimed at most {100 * rule.alpha:.3g} %"
    lines: list[tuple[str, RenderableType]] = [
        ("", plain(about, "dim")),
        ("  false alarms", _rate(rule.false_alarms, rule.alpha, "an unchanged model is called worse")),
        ("  false passes", _false_passes(rule)),
        ("  passes", _rate(rule.passes, 1.0, "an unchanged model passes")),
    ]
    return Group(name, layout.facts(lines))


def _false_passes(rule: RuleControl) -> Text:
    if rule.false_passes is None:
        return Text("no model at the limit can be made of these scores", style="dim")
    return _rate(rule.false_passes, rule.alpha, "a model exactly at the limit passes")


def _rate(rate: Rate, alpha: float, meaning: str) -> Text:
    style = "red" if rate.low > alpha else ""
    text = Text(f"{100 * rate.value:.3g} %", style=style)
    text.append(f" ({100 * rate.low:.3g} to {100 * rate.high:.3g} %)", style="dim")
    return text.append(f"  {meaning}", style="dim")
