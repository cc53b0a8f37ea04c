"""The data of an experiment, checked before anything is trained, and the items that its training will have seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import __version__
from harness.checking import inputs
from harness.checking.run import check
from harness.data import formats
from harness.errors import UsageError
from harness.execution.benchmarks import LoadedBenchmarks
from harness.execution.cache import source_of
from harness.identity import digest, file_sha256
from harness.plan import Plan
from harness.protocols import Observer
from harness.rows import CheckedTable, DataContext, Finding, Spot, Table
from harness.store.datachecks import Known
from harness.store.reader import Reader

_TOKENIZER_FILES = ("*.json", "*.jinja", "*.model", "*.txt")


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks said of an experiment's data."""

    key: str
    """What the record finds it by: digest of the rows, the checks and all that they were given."""
    tables: tuple[CheckedTable, ...]
    seen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Task or benchmark -> sample -> where it stands in what is trained on."""

    def asked_whole(self, loaded: LoadedBenchmarks) -> LoadedBenchmarks:
        """The benchmarks, those without an early end that hold seen items: only looks at unseen ones were planned."""
        whole = [
            replace(each, stop_for=None, task=replace(each.task, stopping=None)) if each.name in self.seen else each
            for each in loaded.plan.benchmarks
        ]
        return replace(loaded, plan=replace(loaded.plan, benchmarks=tuple(whole)))

    @property
    def summary(self) -> Iterator[str]:
        """A line for each data set in which something should be looked at, and for each check that broke."""
        for table in self.tables:
            warned = dict.fromkeys(each.check for each in table.findings if each.severity == "warning")
            if warned:
                yield f"data {table.name}: {', '.join(warned)}: something to look at"
            for name, why in table.not_checked.items():
                yield f"data {table.name}: {name} was not checked: {why}"


def checked(plan: Plan, loaded: LoadedBenchmarks, folder: Path, record: Path, observer: Observer) -> Checked:
    """What the checks say of the plan's data; the record is asked first. ``folder`` holds the model's tokenizer.

    Raises ``UsageError`` with the file, the line and the remedy of the first finding of severity ``error``.
    """
    context = _context(plan, loaded, folder)
    key = _key(plan, context)
    if known := _recorded(record, key):
        return Checked(key, known.tables, known.seen)
    observer.stage("checking data")
    found = check(plan.tables, plan.checks, context, without=plan.unchecked)
    _refuse_errors(found)
    return Checked(key, found, _seen(plan, found))


def _context(plan: Plan, loaded: LoadedBenchmarks, folder: Path) -> DataContext:
    there = {each.name: each.samples for each in loaded.plan.benchmarks if each.samples}
    missing = {each.name: "its items were not loaded" for each in plan.benchmarks if each.name not in there}
    return DataContext(
        held_out=frozenset(table.name for table in plan.tables) - plan.trained_on,
        benchmarks=there,
        benchmarks_missing={**missing, **loaded.not_measured},
        tokenizer=folder,
        max_length=_max_length(plan),
        seed=plan.suite.seed,
    )


def _max_length(plan: Plan) -> int | None:
    """Where the last training cuts a row, if it says so."""
    if plan.training is None:
        return None
    trainer = plan.training.stages[-1].trainer
    return inputs.cut_at(trainer.ref, type(trainer.instance))


def _key(plan: Plan, context: DataContext) -> str:
    data = {dataset.name: [dataset.sha256, str(dataset.path)] for dataset in plan.datasets}
    checks = [
        [each.planned.ref, each.severity, each.planned.origin, source_of(type(each.planned.instance))]
        for each in plan.checks
    ]
    items = {name: [sample.id for sample in samples] for name, samples in context.benchmarks.items()}
    folder = context.tokenizer
    files = sorted({file for kind in _TOKENIZER_FILES for file in folder.glob(kind)}) if folder else []
    text = {file.name: file_sha256(file) for file in files if file.is_file()}
    tasks = {task.name: task.data for task in plan.tasks}
    given = [
        sorted(context.held_out),
        tasks,
        items,
        dict(context.benchmarks_missing),
        text,
        context.max_length,
        context.seed,
    ]
    return digest([__version__, data, checks, dict(plan.unchecked), given])


def _recorded(record: Path, key: str) -> Known | None:
    if not record.exists():
        return None
    with Reader(record) as reader:
        return reader.data_checks(key)


def _refuse_errors(tables: Sequence[CheckedTable]) -> None:
    errors = [(table, finding) for table in tables for finding in table.findings if finding.severity == "error"]
    if not errors:
        return
    table, first = errors[0]
    more = f" (and {len(errors) - 1} more findings)" if len(errors) > 1 else ""
    milder = f"checks: [{{name: {first.check}, severity: warning}}]"
    raise UsageError(
        f"{table.name}: {first.message}{more}",
        path=table.path,
        line=first.spots[0].line if first.spots else None,
        remedy=f"see 'harness data check' and 'harness data clean', or write '{milder}' into the suite",
    )


def _seen(plan: Plan, tables: Sequence[CheckedTable]) -> Mapping[str, Mapping[str, str]]:
    """What the spots in trained rows name of tasks and benchmarks, and the whole of a task that asks such rows."""
    seen: dict[str, dict[str, str]] = {}
    tasks = _samples_by_line(plan)
    for name in plan.trained_on:
        for task, samples in tasks.get(name, {}).items():
            seen[task] = {sample: f"{name} line {line}: trained on" for line, sample in samples.items()}
    for table, finding, spot in _spots(plan, tables):
        why = f"{table.name} line {spot.line}: {finding.kind}"
        if spot.sample is not None and spot.other is not None:
            seen.setdefault(spot.other, {}).setdefault(spot.sample, why)
        for task, samples in tasks.get(spot.other or "", {}).items():
            if spot.other_line in samples:
                seen.setdefault(task, {}).setdefault(samples[spot.other_line], why)
    return seen


def _spots(plan: Plan, tables: Sequence[CheckedTable]) -> Iterator[tuple[CheckedTable, Finding, Spot]]:
    for table in tables:
        for finding in table.findings if table.name in plan.trained_on else ():
            yield from ((table, finding, spot) for spot in finding.spots if spot.other)


def _samples_by_line(plan: Plan) -> Mapping[str, Mapping[str, Mapping[int | None, str]]]:
    """Data set -> task -> line -> sample."""
    tables: dict[str, Table] = {table.name: table for table in plan.tables}
    found: dict[str, dict[str, dict[int | None, str]]] = {}
    for task in plan.tasks:
        rows = tables[task.data].rows if task.data in tables else ()
        places = zip(rows, formats.samples(rows), strict=True)
        found.setdefault(task.data, {})[task.name] = {row.line: sample.id for row, sample in places}
    return found
