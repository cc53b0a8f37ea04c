"""The benchmarks of a plan: their own metrics and limits, and the pack that holds their items offline."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import replace
from pathlib import Path

from harness.errors import UsageError
from harness.plan.given import Given
from harness.plan.planned import PlannedTask
from harness.plan.tasks import metrics_of
from harness.protocols import BenchmarkContext
from harness.values import GenerationSettings, Ref, SuiteBenchmark, Task


def planned_benchmark(given: Given, index: int, benchmark: SuiteBenchmark) -> PlannedTask:
    """A benchmark as a task with its own metrics; its items come later. ``index`` is its place in the file."""
    where, ref = ("benchmarks", index), benchmark.ref
    if benchmark.stop_for and not any(rule.task == ref.name for rule in given.suite.gates):
        raise given.error(
            f"{ref.name} stops when its gates are certain, and has none",
            *where,
            remedy=f"add a gate with 'benchmark: {ref.name}', or leave 'stop' out",
        )
    asked = _beside_the_suite(given, ref)
    planned = given.plugin("benchmark", asked, *where)
    has_limit = any(each.name == "limit" for each in dataclasses.fields(planned.instance))
    if has_limit:
        planned = given.plugin("benchmark", _limited(given, asked), *where)
    instance = planned.instance
    given.located(where, instance.check, BenchmarkContext(given.suite.seed, pack_folder()))
    # In full, so that no other package's metric of the same name can stand in for the benchmark's own.
    refs = tuple(Ref(f"{planned.origin.distribution}/{name}") for name in instance.metrics)
    metrics = metrics_of(given, refs, instance.mode, where)
    settings: GenerationSettings = replace(
        instance.settings(), seed=given.suite.seed, batch_size=given.suite.batch_size
    )
    task = Task(ref.name, instance.mode, tuple(m.ref for m in metrics), settings, benchmark=ref.name)
    most = None if has_limit else given.limit
    return PlannedTask(task, metrics, benchmark=planned, stop_for=benchmark.stop_for, most=most)


def pack_folder() -> Path | None:
    """The offline pack of benchmarks that the environment names."""
    named = os.environ.get("HARNESS_BENCHMARK_PACK")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise UsageError(
            f"HARNESS_BENCHMARK_PACK names {named!r}, which is no folder", remedy="name a folder or unset it"
        )
    return folder


def _beside_the_suite(given: Given, ref: Ref) -> Ref:
    """An offline pack is found from the suite file, as the data files are."""
    pack = ref.options.get("pack")
    return Ref(ref.name, {**ref.options, "pack": str(given.suite.path.parent / pack)}) if isinstance(pack, str) else ref


def _limited(given: Given, ref: Ref) -> Ref:
    own = ref.options.get("limit")
    if given.limit is None or (isinstance(own, int) and own <= given.limit):
        return ref
    return Ref(ref.name, {**ref.options, "limit": given.limit})
