"""One recorded run: all that is needed to trust it and to repeat it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import arrange, layout, numbers
from harness.report.breakdown import TaskBreakdown, breakdowns
from harness.report.tables import status
from harness.report.text import plain
from harness.report.training import Trained, trainings_screen
from harness.values import Estimate, Fault, ModelFacts, Run

_DIGEST = 16


def run_screen(
    run: Run,
    *,
    faults: Sequence[Fault] = (),
    more: Mapping[str, str] | None = None,
    trained: Sequence[Trained] = (),
    told: Sequence[TaskBreakdown] = (),
) -> RenderableType:
    """Header, values and what metrics tell besides, how it was trained, plugins, notes and faults.

    ``more`` are further lines of the header.
    """
    notes = arrange.remarks([run])
    return layout.spaced(
        layout.facts([*_header(run), *(more or {}).items()]),
        _values(run),
        breakdowns(told) if told else None,
        trainings_screen(trained) if trained else None,
        Group(layout.section("Plugins"), _plugins(run)) if run.origins else None,
        Group(layout.section("Know this"), layout.bullets(notes)) if notes else None,
        Group(layout.section("Faults", "missteps of plugins; the run went on"), _faults(faults)) if faults else None,
    )


def _header(run: Run) -> Iterable[tuple[str, RenderableType]]:
    name = plain(run.id, "bold").append("  ").append_text(status(run))
    yield "run", name
    yield "suite", f"{run.suite} · arm {run.arm} · seed {run.seed} · sha256 {run.suite_digest[:_DIGEST]}"
    yield "time", f"{numbers.moment(run.started)} to {numbers.moment(run.finished)}"
    if run.model:
        yield from _model(run.model)
    if run.adapter:
        yield "adapter", f"{run.adapter} · sha256 {(run.adapter_sha256 or numbers.MISSING)[:_DIGEST]}"
    if words := arrange.reused(run):
        yield "cache", words
    where = run.environment
    yield "machine", f"{where.device} · {where.processor}, {where.cores} cores · {where.platform}"
    yield "python", f"{where.python} · git {where.git_revision or 'unknown'}"
    yield "packages", ", ".join(f"{name} {version}" for name, version in sorted(where.packages.items()))


def _model(model: ModelFacts) -> Iterable[tuple[str, RenderableType]]:
    yield "model", f"{model.name} · {numbers.amount(model.parameters)} parameters · {model.dtype} on {model.device}"
    yield "folder", model.folder
    template = model.template_sha256[:_DIGEST] if model.template_sha256 else "none"
    yield "sha256", f"weights {model.weights_sha256[:_DIGEST]} · chat template {template}"
    yield "", f"tokenizer {model.tokenizer_sha256[:_DIGEST]} · configuration {model.config_sha256[:_DIGEST]}"
    yield "path", f"log-likelihoods {model.path_taken}"


def _values(run: Run) -> RenderableType:
    parts: list[RenderableType] = [layout.section("Values", "each with its 95 % interval")]
    if run.estimates:
        parts.append(_estimates(run.estimates))
    if run.not_measured:
        parts.append(layout.unmeasured(run.not_measured.items()))
    if len(parts) == 1:
        parts.append(Text("nothing was measured", style="dim"))
    return Group(*parts)


def _estimates(estimates: Sequence[Estimate]) -> Table:
    table = layout.columns(["task", "metric"], ["value", "scored", "missing"])
    shown = ""
    for each in estimates:
        task = plain(each.task if each.task != shown else "", "bold")
        value = layout.estimate_cell(each, counted=False)
        table.add_row(task, plain(each.metric), value, f"{each.scored:,}", f"{each.missing:,}")
        shown = each.task
    return table


def _plugins(run: Run) -> Table:
    table = layout.columns(["plugin", "from", "entry point"], [])
    for name, origin in sorted(run.origins.items()):
        table.add_row(plain(name), plain(str(origin)), plain(origin.entry_point, "dim"))
    return table


def _faults(faults: Sequence[Fault]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for fault in faults:
        error = Text("✗ ", style="red").append_text(plain(fault.error, "default"))
        grid.add_row(plain(str(fault.origin), "bold"), plain(fault.hook, "dim"), error)
    return grid
