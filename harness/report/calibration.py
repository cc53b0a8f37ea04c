"""One judge held to people, in full: ``harness judge calibrate``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from harness.report import arrange, judges, layout, numbers
from harness.report.judges import rate, rate_interval, two
from harness.report.text import plain
from harness.values import LABELS_NEEDED, Calibration, Run

_CORRECTED = "  people's, by the judge's help"


@dataclass(frozen=True, slots=True)
class Held:
    """A judge held to people, with what its calibration does not say."""

    calibration: Calibration
    baseline: Run
    candidate: Run
    raters: Mapping[str, int] = field(default_factory=dict)
    """How many pairs each of them labelled."""
    alpha: float | None = None
    """Krippendorff's, of the raters among themselves; ``None`` where no two labelled one pair."""
    warnings: tuple[str, ...] = ()

    @property
    def candidate_name(self) -> str:
        """The candidate's arm, or its id where the baseline is of the same arm."""
        return arrange.columns((self.baseline, self.candidate))[1]

    @property
    def meaning(self) -> str:
        """What it comes to for the gates, in a sentence or two."""
        return " ".join(_meaning(self.calibration, self.candidate_name))


def calibration_screen(held: Held, *, next_commands: Sequence[str] = ()) -> RenderableType:
    """Who was held to whom, both rates, agreement class by class, biases, and what it means for gates."""
    runs = [replace(run, notes=()) for run in (held.baseline, held.candidate)]  # theirs are about other tasks
    notes = [*held.warnings, *arrange.remarks(runs)]
    labels = ["next", *[""] * len(next_commands)]
    onward = [(label, plain(command, "cyan")) for label, command in zip(labels, next_commands, strict=False)]
    return layout.spaced(
        layout.facts(_header(held)),
        _rates(held),
        _agreement(held),
        _biases(held.calibration),
        Group(layout.section("Know this"), layout.bullets(notes, "yellow")) if notes else None,
        Panel(plain(held.meaning), title=Text("for gates", style="bold"), title_align="left", padding=(0, 2)),
        layout.facts(onward) if onward else None,
    )


def _header(held: Held) -> Iterator[tuple[str, RenderableType]]:
    of = held.calibration
    yield "judge", plain(of.metric, "bold").append_text(plain(f"  task {of.task}", "not bold dim"))
    yield "candidate", plain(held.candidate.id)
    yield "baseline", plain(held.baseline.id)
    words = f"{of.items:,} {'pair' if of.items == 1 else 'pairs'} of answers"
    yield "judged", Text(words) + _warned(f", {of.missing:,} without a judgement" if of.missing else "")
    raters = ", ".join(f"{name} {count:,}" for name, count in held.raters.items())
    by = plain(f"{of.labels:,} of them" + (f" ({raters})" if raters else ""))
    yield "labelled", by + _warned(f"; {of.unlabelled:,} more drawn and not labelled" if of.unlabelled else "")


def _warned(text: str) -> Text:
    return Text(text, style="yellow")


def _rates(held: Held) -> RenderableType:
    of = held.calibration
    wins = f"how often {held.candidate_name} wins, ties as half"
    what = wins if of.compares else f"by how much {held.candidate_name}'s grade is higher"
    lines: list[tuple[str, RenderableType]] = [
        ("raw", Text(rate(of, of.raw)) + Text("  the judge's own word", style="dim")),
        ("corrected", judges.corrected_cell(of) + Text("" if judges.why_not(of) else _CORRECTED, style="dim")),
    ]
    return Group(layout.section("Rates", what), layout.facts(lines))


def _agreement(held: Held) -> RenderableType | None:
    of = held.calibration
    if not of.labels:
        return None
    surely = "" if of.kappa_low is None else f"  at least {judges.at_least(of.kappa_low)}, surely"
    lines: list[tuple[str, RenderableType]] = [
        ("the same", Text(numbers.percent(of.agreement)) + Text("  of the labelled pairs", style="dim")),
        ("kappa", Text(two(of.kappa)) + Text(surely + "  Cohen's: 0 is chance, 1 is full agreement", style="dim")),
    ]
    if held.alpha is not None:
        words = "  Krippendorff's, of the people among themselves"
        lines.append(("alpha", Text(two(held.alpha)) + Text(words, style="dim")))
    table = Padding(_classes(of), (1, 0, 0, 0)) if of.classes else None
    return Group(layout.section("Agreement"), layout.facts(lines), *([table] if table else []))


def _classes(of: Calibration) -> Table:
    table = layout.columns(["better"], ["people", "judge", "both", "of people's", "of the judge's"])
    for each in of.classes:
        shares = (numbers.percent(each.both / count if count else None) for count in (each.people, each.judge))
        counts = (f"{count:,}" for count in (each.people, each.judge, each.both))
        table.add_row(Text(each.name, style="bold"), *counts, *shares)
    return table


def _biases(of: Calibration) -> RenderableType | None:
    known = (of.order_disagreement, of.first_place, of.longer_judge, of.longer_people)
    if all(each is None for each in known):
        return None
    table = layout.columns(["bias"], ["judge", "people"])
    people = Text(numbers.MISSING, style="dim")
    table.add_row("its word turned with the order of the answers", numbers.percent(of.order_disagreement), people)
    table.add_row("preferred what stood first (50 % is none)", numbers.percent(of.first_place), people)
    longer = numbers.percent(of.longer_judge), numbers.percent(of.longer_people)
    table.add_row("preferred the longer answer", *longer)
    return Group(layout.section("Biases"), table)


def _meaning(of: Calibration, candidate: str) -> Iterator[str]:
    if of.labels < LABELS_NEEDED:
        lacking = LABELS_NEEDED - of.labels
        yield f"A gate on {of.metric} says nothing yet: it needs people's labels of {LABELS_NEEDED} pairs drawn at"
        yield f"random and has {of.labels}; label {lacking} more. The judge's own rate decides nothing."
        return
    if of.low is None or of.high is None:
        yield f"A gate on {of.metric} says nothing: people's rate cannot be told from these labels."
        return
    points = f"{numbers.change_interval(of.low, of.high)} in a gate's points"
    finding = f"find {candidate} {'better' if of.low > 0 else 'worse'} than {of.against}"
    known = of.low > 0 or of.high < 0
    yield f"A gate on {of.metric} goes by the corrected rate: people {finding if known else 'may find either better'}"
    yield f"({points})."
    if of.raw is not None and not of.low <= of.raw <= of.high:
        yield f"The judge's own word, {rate(of, of.raw)}, is outside what people's labels allow"
        yield f"({rate_interval(of, of.low, of.high)})."
    if of.kappa_low is not None:
        met = f"A min_kappa of up to {judges.at_least(of.kappa_low)} is met."
        yield met if of.kappa_low >= 0.01 else "No min_kappa is met."
