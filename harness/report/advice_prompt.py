"""The prompts that were tried: what each reaches, on one scale, against what the best of them must reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from harness.advice.situation import Baseline
from harness.report import layout, numbers
from harness.report.text import plain

_STRIPS = (48, 32, 20, 12)
"""Cells of the strip of intervals: as many as there is room for."""


def prompt_screen(
    baselines: Sequence[Baseline],
    best_name: str | None,
    kept_in: Path | None,
    threshold: float,
    source: str,
    notes: Sequence[str] = (),
) -> RenderableType:
    """What ``harness advise prompt`` says: the prompts tried, the best one, and where it is kept.

    ``source`` says which items were asked; ``kept_in`` is the suite into which the best was written.
    """
    return layout.spaced(
        _found(baselines, best_name, kept_in, threshold) if best_name is not None else None,
        prompts_part(baselines, threshold, source, best_name),
        Group(layout.section("Know this"), layout.bullets(notes)) if notes else None,
    )


def prompts_part(
    baselines: Sequence[Baseline], threshold: float, source: str, best_name: str | None
) -> RenderableType | None:
    """A line for each prompt; ``None`` where none was tried."""
    if not baselines:
        return None
    legend = f"● value · ─ its 95 % interval · ┊ {threshold:.2f}, what is asked for"
    words = plain(" · ".join(filter(None, [source and f"on {source}", legend])), "dim")
    strips = [_table(baselines, best_name, threshold, cells) for cells in _STRIPS]
    plainer = [_table(baselines, best_name, threshold, 0), _table(baselines, best_name, threshold, 0, stacked=True)]
    return Group(
        layout.section("Prompts tried", "the base model, asked in several ways"),
        words,
        layout.Fitting(*strips, *plainer),
    )


def _found(baselines: Sequence[Baseline], name: str, kept_in: Path | None, threshold: float) -> RenderableType:
    values = [each.value for each in baselines if each.name == name]
    value = min(values, default=None)
    is_enough = value is not None and value >= threshold
    colour = "green" if is_enough else "yellow"
    words = plain(f"{name} reaches {numbers.score(value)}", "bold")
    words.append(f"{' on its weakest task' if len(values) > 1 else ''} of the {threshold:.2f} that is asked for: ")
    words.append("a prompt is enough" if is_enough else "a prompt alone is not enough")
    kept = f"kept as prompted: in {kept_in}; a tuned model must beat it" if kept_in else "kept in no suite"
    words.append_text(plain(f"\n{kept}", "not bold dim", lines=True))
    title = Text("▶ THE BEST PROMPT", style=f"bold {colour}")
    return Panel(words, title=title, title_align="left", border_style=colour, padding=(0, 2))


def _table(
    baselines: Sequence[Baseline], best_name: str | None, threshold: float, cells: int, *, stacked: bool = False
) -> Table:
    of = list(dict.fromkeys((each.task, each.metric) for each in baselines))
    is_several = len(of) > 1
    table = layout.columns([*(["task", "metric"] if is_several else []), "prompt"], ["value"])
    if cells:
        scale = _Scale.of(baselines, threshold, cells)
        table.add_column(scale.ends(), no_wrap=True)
    for name in ("items", "tokens", "an answer"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("")
    shown: tuple[str, str] | None = None
    for each in sorted(baselines, key=lambda one: of.index((one.task, one.metric))):
        is_best, where = each.name == best_name, (each.task, each.metric)
        names = [*(_where(where, is_new=where != shown) if is_several else []), plain(each.name)]
        strip = [scale.strip(each)] if cells else []
        mark = Text("← best" if is_best else "", style="bold")
        table.add_row(*names, _value(each, threshold, stacked), *strip, *_costs(each), mark, style=_style(is_best))
        shown = where
    return table


def _style(is_best: bool) -> str:
    return "bold" if is_best else ""


def _where(where: tuple[str, str], *, is_new: bool) -> Iterator[Text]:
    for each in where:
        yield plain(each if is_new else "", "bold")


def _value(baseline: Baseline, threshold: float, stacked: bool) -> Text:
    cell = Text(numbers.score(baseline.value), style="green" if baseline.value >= threshold else "")
    interval = numbers.score_interval(baseline.low, baseline.high)
    if interval:
        cell.append(f"\n{interval}" if stacked else f" ({interval})", style="not bold dim default")
    return cell


def _costs(baseline: Baseline) -> Iterator[str]:
    yield f"{baseline.items:,}"
    yield numbers.MISSING if baseline.prompt_tokens is None else f"{baseline.prompt_tokens:,.0f}"
    yield numbers.MISSING if baseline.seconds is None else f"{baseline.seconds:,.2f} s"


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where values stand on a strip of so many cells."""

    low: float
    high: float
    threshold: float
    cells: int

    @classmethod
    def of(cls, baselines: Sequence[Baseline], threshold: float, cells: int) -> _Scale:
        """From 0 to 1, or as far as the values go."""
        ends = [end for each in baselines for end in (each.low, each.value, each.high) if end is not None]
        return cls(min(0.0, *ends), max(1.0, threshold, *ends), threshold, cells)

    def at(self, value: float) -> int:
        """The cell of a value."""
        return round((value - self.low) / (self.high - self.low) * (self.cells - 1))

    def ends(self) -> str:
        """What stands above the strip."""
        low, high = f"{self.low:g}", f"{self.high:g}"
        return low + " " * (self.cells - len(low) - len(high)) + high

    def strip(self, baseline: Baseline) -> Text:
        """The value in its interval, and the threshold."""
        signs = [("·", "dim")] * self.cells
        signs[self.at(self.threshold)] = ("┊", "yellow not dim")
        if baseline.low is not None and baseline.high is not None:
            for cell in range(self.at(baseline.low), self.at(baseline.high) + 1):
                signs[cell] = ("┼" if signs[cell][0] == "┊" else "─", "default not dim")
        signs[self.at(baseline.value)] = ("●", "green" if baseline.value >= self.threshold else "cyan")
        return Text.assemble(*signs)
