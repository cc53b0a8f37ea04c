"""The one screen that answers whether the tuned model may ship."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from harness.report import arrange, judges, layout, numbers, unseen
from harness.report.arrange import Row
from harness.report.text import plain
from harness.report.training import Trained, trainings_screen
from harness.values import Comparison, ModelFacts, Ruling, Run, Verdict


def verdict_screen(
    comparison: Comparison,
    verdict: Verdict,
    *,
    record: Path,
    next_commands: Sequence[str] = (),
    trained: Sequence[Trained] = (),
) -> RenderableType:
    """The arms side by side, what was forgotten, judges held to people, the gates, the verdict, and what to type next.

    Of the ``trained`` those are told whose checkpoints were judged, or in whose curve something was found.
    """
    telling = [each for each in trained if each.training.judged or each.findings]
    return layout.spaced(
        _header(comparison),
        trainings_screen(telling) if telling else None,
        _tasks(comparison, verdict),
        _forgetting(comparison, verdict),
        unseen.unseen_part(comparison),
        judges.judges_part(verdict.calibrations),
        _gates(verdict),
        _caveats(comparison, verdict),
        _answer(verdict),
        _onward(record, next_commands),
    )


def verdict_svg(
    comparison: Comparison,
    verdict: Verdict,
    *,
    record: Path,
    next_commands: Sequence[str] = (),
    trained: Sequence[Trained] = (),
    width: int = 100,
    title: str = "harness",
) -> str:
    """The screen as a picture, for a README; the same values give the same text."""
    screen = verdict_screen(comparison, verdict, record=record, next_commands=next_commands, trained=trained)
    return layout.picture(screen, width=width, title=title)


def _header(comparison: Comparison) -> RenderableType:
    first, last = comparison.runs[0], comparison.runs[-1]
    name = plain(comparison.experiment, "bold")
    name.append_text(plain(f"  suite {last.suite} · seed {last.seed}", "not bold dim"))
    models = dict.fromkeys(_model_words(run.model) for run in comparison.runs if run.model)
    place = dict.fromkeys(_place_words(run) for run in comparison.runs)
    taken_over = arrange.all_reused(comparison.runs)
    return layout.facts(
        [
            ("experiment", name),
            ("model", "; ".join(models) or "not recorded"),
            ("measured", f"{numbers.moment(first.started)} · " + "; ".join(place)),
            *zip(["cache", *[""] * len(taken_over)], taken_over, strict=False),
        ]
    )


def _model_words(model: ModelFacts) -> str:
    return f"{model.name} · {numbers.amount(model.parameters)} parameters · {model.dtype}"


def _place_words(run: Run) -> str:
    where = run.environment
    return f"{run.model.device if run.model else where.device} · {where.processor}, {where.cores} cores"


def _tasks(comparison: Comparison, verdict: Verdict) -> RenderableType | None:
    rows = arrange.task_rows(comparison, verdict)
    if not rows:
        return None
    hint = "each with its 95 % interval; in a change, up is better"
    table = layout.Fitting(
        *(_task_table(comparison, rows, judges.raw_metrics(verdict), stacked) for stacked in (False, True))
    )
    return Group(layout.section("Tasks", hint), table)


def _task_table(comparison: Comparison, rows: Sequence[Row], raw: Set[tuple[str, str]], stacked: bool) -> Table:
    arms = arrange.columns(comparison.runs)
    baseline = arrange.common_baseline(rows)
    table = layout.columns(["task", "metric"], [*arms, _change_title(arms[-1], baseline)])
    shown = ""
    for row in rows:
        cells = [layout.estimate_cell(each, stacked=stacked) for each in row.estimates[:-1]]
        cells.append(layout.estimate_cell(row.estimates[-1], stacked=stacked, style="bold"))
        name = plain(row.task if row.task != shown else "", "bold")
        change = layout.change_cell(row.delta, stacked=stacked, named=baseline is None)
        metric = plain(row.metric)
        if (row.task, row.metric) in raw:
            metric.append(" raw", style="yellow")
        table.add_row(name, metric, *cells, change)
        shown = row.task
    return table


def _change_title(candidate: str, baseline: str | None) -> str:
    return f"{candidate} vs {baseline}" if baseline else "change"


def _forgetting(comparison: Comparison, verdict: Verdict) -> RenderableType | None:
    rows = arrange.forgetting_rows(comparison, verdict)
    unmeasured = arrange.not_measured(comparison)
    if not rows and not unmeasured:
        return None
    hint = "kept: the share of what the baseline had right"
    parts: list[RenderableType] = [layout.section("Forgetting", hint)]
    if rows:
        arms = arrange.columns(comparison.runs)
        tables = (_forgetting_table(arms[-1], rows, stacked) for stacked in (False, True))
        parts.append(layout.Fitting(*tables))
    if unmeasured:
        parts.append(layout.unmeasured(unmeasured))
    return Group(*parts)


def _forgetting_table(candidate: str, rows: Sequence[Row], stacked: bool) -> Table:
    baseline = arrange.common_baseline(rows)
    figures = [baseline or "baseline", candidate, "change", "items", "fixed", "broken", "kept"]
    table = layout.columns(["benchmark", "metric"], figures)
    shown = ""
    for row in rows:
        name = plain(row.task if row.task != shown else "", "bold")
        table.add_row(
            name,
            plain(row.metric),
            numbers.score(row.baseline),
            Text(numbers.score(row.candidate), style="bold"),
            layout.change_cell(row.delta, stacked=stacked, named=baseline is None),
            *numbers.counts(row.delta),
        )
        shown = row.task
    return table


def _gates(verdict: Verdict) -> RenderableType:
    if not verdict.rulings:
        return Group(layout.section("Gates"), Text("this suite asks for none", style="dim"))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for ruling in verdict.rulings:
        grid.add_row(_outcome(ruling), _ruling_words(ruling))
    return Group(layout.section("Gates"), grid)


def _outcome(ruling: Ruling) -> Text:
    return Text(f"{arrange.MARK[ruling.outcome]} {ruling.outcome}", style=f"bold {layout.decided(ruling.outcome)}")


def _ruling_words(ruling: Ruling) -> Text:
    words = plain(str(ruling.rule))
    if ruling.rule.tier != "critical":
        words.append(f"  ({ruling.rule.tier})", style="dim")
    return words.append("\n").append_text(plain(ruling.reason, "dim"))


def _caveats(comparison: Comparison, verdict: Verdict) -> RenderableType | None:
    texts = arrange.caveats(comparison, verdict)
    return Group(layout.section("Know this"), layout.bullets(texts)) if texts else None


def _answer(verdict: Verdict) -> RenderableType:
    colour = layout.decided(verdict.outcome)
    status, meaning = arrange.EXIT_STATUS[verdict.outcome], arrange.EXIT_MEANING[verdict.outcome]
    title = Text(f"{arrange.MARK[verdict.outcome]} {verdict.outcome.upper()}", style=f"bold {colour}")
    words = plain(verdict.reason, "bold")
    words.append(f"\nexit status {status}: {meaning}", style="not bold dim")
    return Panel(words, title=title, title_align="left", border_style=colour, padding=(0, 2))


def _onward(record: Path, next_commands: Sequence[str]) -> RenderableType:
    lines: list[tuple[str, RenderableType]] = [("record", plain(str(record)))]
    labels = ["next", *[""] * len(next_commands)]
    lines.extend((label, plain(command, "cyan")) for label, command in zip(labels, next_commands, strict=False))
    return layout.facts(lines)
