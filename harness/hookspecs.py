"""The hooks and their promises.

Register hooks return classes: pure, cheap, order-free, nothing heavy imported. Each plugin is asked alone, so that
every class arrives with its origin. Watch hooks take frozen values and return nothing: no hook can change a score, a
comparison or a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pluggy

from harness.protocols import Backend, Benchmark, DataCheck, Judge, Metric, Trainer
from harness.values import Comparison, Estimate, Progress, Run, Task, TrainJob, Verdict

PROJECT = "harness"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def harness_register_backends() -> Iterable[type[Backend]]:  # type: ignore[empty-body]
    """Offer backends.

    Called once, when the catalog is built. Returns classes that implement ``Backend``. An exception sets the plugin
    aside: ``harness plugins`` shows it, and only a suite that needs it stops. Since 0.1.
    """


@hookspec
def harness_register_trainers() -> Iterable[type[Trainer]]:  # type: ignore[empty-body]
    """Offer trainers.

    Called once, when the catalog is built. Returns classes that implement ``Trainer``. An exception sets the plugin
    aside. Since 0.1.
    """


@hookspec
def harness_register_metrics() -> Iterable[type[Metric]]:  # type: ignore[empty-body]
    """Offer metrics.

    Called once, when the catalog is built. Returns classes that implement ``Metric``. An exception sets the plugin
    aside. Since 0.1.
    """


@hookspec
def harness_register_judges() -> Iterable[type[Judge]]:  # type: ignore[empty-body]
    """Offer judges.

    Called once, when the catalog is built. Returns classes that implement ``Judge``. An exception sets the plugin
    aside. Since 0.1.
    """


@hookspec
def harness_register_benchmarks() -> Iterable[type[Benchmark]]:  # type: ignore[empty-body]
    """Offer forgetting benchmarks.

    Called once, when the catalog is built. Returns classes that implement ``Benchmark``. An exception sets the plugin
    aside. Since 0.1.
    """


@hookspec
def harness_register_data_checks() -> Iterable[type[DataCheck]]:  # type: ignore[empty-body]
    """Offer data checks.

    Called once, when the catalog is built. Returns classes that implement ``DataCheck``. An exception sets the plugin
    aside. Since 0.1.
    """


@hookspec
def harness_run_started(run: Run) -> None:
    """Watch a run begin.

    Called after the plan stands, before a model opens; ``run`` is the recorded header. Returns nothing. An exception
    becomes a recorded fault and the run goes on. Since 0.1.
    """


@hookspec
def harness_task_finished(run: Run, task: Task, estimates: Sequence[Estimate]) -> None:
    """Watch a task end.

    Called after the task's scores are stored; ``estimates`` holds one value a metric. Returns nothing. An exception
    becomes a recorded fault. Since 0.1.
    """


@hookspec
def harness_run_finished(run: Run) -> None:
    """Watch a run end, also when it failed.

    Called after the run is closed; ``run.status`` says how. Returns nothing. An exception becomes a recorded fault.
    Since 0.1.
    """


@hookspec
def harness_training_progressed(job: TrainJob, progress: Progress) -> None:
    """Watch a training go on.

    Called at each report of a trainer, in the harness's own process, after the report is stored. Returns nothing. An
    exception becomes a recorded fault and training goes on. Since 0.1.
    """


@hookspec
def harness_gate_decided(comparison: Comparison, verdict: Verdict) -> None:
    """Watch the verdict.

    Called after the verdict is stored. Returns nothing; the verdict stands whatever happens here. An exception becomes
    a recorded fault. Since 0.1.
    """
