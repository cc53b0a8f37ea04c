"""The items of the benchmarks, loaded once for all arms, in the order in which they will be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.errors import NotMeasured
from harness.execution import stopping
from harness.identity import with_unique_ids
from harness.plan import Plan, PlannedTask
from harness.protocols import BenchmarkContext, BenchmarkItems, Observer


@dataclass(frozen=True, slots=True)
class LoadedBenchmarks:
    """The plan with its benchmarks' items, and what could not be had."""

    plan: Plan
    not_measured: Mapping[str, str]
    """Benchmark -> why; reported as such, never as passed."""
    notes: tuple[str, ...]


def load(plan: Plan, observer: Observer) -> LoadedBenchmarks:
    """Load every benchmark's items; heavy, for it imports what the benchmarks are made with."""
    loaded: list[PlannedTask] = []
    not_measured: dict[str, str] = {}
    notes: list[str] = []
    for planned in plan.benchmarks:
        assert planned.benchmark is not None
        observer.stage(f"loading {planned.name}")
        context = BenchmarkContext(plan.suite.seed, plan.pack)
        try:
            items: BenchmarkItems = planned.benchmark.instance.load(context)
        except NotMeasured as why:
            not_measured[planned.name] = str(why)
            continue
        task = replace(planned.task, version=items.version)
        whole = replace(planned, task=task, samples=with_unique_ids(items.samples), source=items.source)
        loaded.append(stopping.prepare(whole, plan))
        notes.extend(f"{planned.name}: {note}" for note in items.notes)
    return LoadedBenchmarks(replace(plan, benchmarks=tuple(loaded)), not_measured, tuple(notes))
