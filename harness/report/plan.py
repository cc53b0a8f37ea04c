"""What ``harness check`` says: what would run, before anything does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import layout
from harness.report.text import plain
from harness.values import Arm, Dataset, GateRule, Origin, Ref, Suite, SuiteBenchmark, SuiteTraining, Task, labels


def plan_screen(
    suite: Suite,
    *,
    arms: Sequence[Arm],
    tasks: Sequence[tuple[Task, int]],
    datasets: Sequence[Dataset] = (),
    gates: Sequence[GateRule] = (),
    origins: Mapping[str, Origin] | None = None,
    notes: Sequence[str] = (),
) -> RenderableType:
    """Model, data with rows, tasks with items and metrics, benchmarks, gates, and foreign plugins that take part."""
    return layout.spaced(
        layout.facts(_header(suite, arms)),
        Group(layout.section("Data"), _data(datasets)) if datasets else None,
        Group(layout.section("Tasks"), _tasks(tasks)) if tasks else None,
        Group(layout.section("Forgetting"), _benchmarks(suite.benchmarks)) if suite.benchmarks else None,
        Group(layout.section("Gates"), _gates(gates)),
        Group(layout.section("Plugins"), _plugins(origins)) if origins else None,
        Group(layout.section("Know this"), layout.bullets(notes)) if notes else None,
        plain(f"✓ {suite.path} can run", "green"),
    )


def _header(suite: Suite, arms: Sequence[Arm]) -> list[tuple[str, RenderableType]]:
    model = suite.model
    about = plain(f"  seed {suite.seed} · sha256 {suite.digest[:16]}", "not bold dim")
    return [
        ("suite", plain(suite.name, "bold").append_text(about)),
        ("model", f"{model.name} · {model.dtype} on {model.device} · {model.backend}"),
        ("trainer", _training(suite.training)),
        ("arms", " · ".join(arm.name for arm in arms)),
    ]


def _training(training: SuiteTraining | None) -> RenderableType:
    if training is None:
        return Text("none: nothing is trained", style="dim")
    stages = [_trainer(stage.trainer) for stage in training.stages]
    return Group(*stages, *(plain(each, "not bold dim") for each in _besides(training)))


def _trainer(ref: Ref) -> Text:
    return plain(ref.name, "bold").append_text(plain(f"  {_options(ref)}", "not bold dim"))


def _besides(training: SuiteTraining) -> Iterator[str]:
    """What the training does beside what its trainers are told."""
    if training.general:
        yield f"{training.general.ratio:.0%} of the rows are general examples from {training.general.path}"
    if training.evaluate_every:
        yield f"a checkpoint is judged after every {training.evaluate_every:.0%}, and the best is the tuned arm"
    if training.launch:
        where = training.launch.config_file or f"{training.launch.num_processes} processes"
        yield f"launched by accelerate: {where}"


def _options(ref: Ref) -> str:
    return ", ".join(f"{name}={value}" for name, value in ref.options.items())


def _data(datasets: Sequence[Dataset]) -> Table:
    table = layout.columns(["name", "file", "format", "sha256"], ["rows"])
    for each in datasets:
        cells = (plain(str(each.path)), plain(each.format), plain(each.sha256[:16], "dim"))
        table.add_row(plain(each.name, "bold"), *cells, f"{each.size:,}")
    return table


def _tasks(tasks: Sequence[tuple[Task, int]]) -> Table:
    table = layout.columns(["task", "mode", "scored by"], ["items"])
    for task, items in tasks:
        table.add_row(plain(task.name, "bold"), task.mode, _scorers(task), f"{items:,}")
    return table


def _scorers(task: Task) -> Text:
    """Metrics, and after a dot the judges."""
    names = labels(task.scorers)
    parts = (names[: len(task.metrics)], names[len(task.metrics) :])
    return plain(" · ".join(", ".join(part) for part in parts if part))


def _benchmarks(benchmarks: Sequence[SuiteBenchmark]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for each in benchmarks:
        stop = f"asked until its gates are certain ({each.stop_for})" if each.stop_for else ""
        words = ", ".join(filter(None, [_options(each.ref), stop]))
        grid.add_row(plain(each.ref.name, "bold"), plain(words, "dim"))
    return grid


def _gates(gates: Sequence[GateRule]) -> RenderableType:
    if not gates:
        return Text("this suite asks for none", style="dim")
    grid = Table.grid(padding=(0, 2, 0, 0))
    for gate in gates:
        grid.add_row(plain(str(gate)), plain(gate.tier, "dim"))
    return grid


def _plugins(origins: Mapping[str, Origin]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, origin in sorted(origins.items()):
        grid.add_row(plain(name), plain(str(origin), "dim"))
    return grid
