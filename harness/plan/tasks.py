"""The tasks of a plan: metrics, judges and items, each held against the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.catalog import Planned
from harness.data import formats
from harness.plan.given import Given, Where
from harness.plan.planned import PlannedTask
from harness.protocols import MetricWithCheck
from harness.values import GenerationSettings, Ref, Sample, SuiteTask, Task, labels


def planned_task(given: Given, index: int, task: SuiteTask) -> PlannedTask:
    """A task of the suite's own; ``index`` is its place in the file."""
    metrics, judges = _scorers(given, index, task)
    samples = _samples(given, index, task)
    _check_scoring(given, metrics, samples, task.generation, ("tasks", index, "metrics"))
    settled = Task(
        task.name,
        task.mode,
        tuple(metric.ref for metric in metrics),
        task.generation,
        judges=tuple(judge.ref for judge in judges),
    )
    source = str(given.suite.data[task.data])
    return PlannedTask(settled, metrics, samples, source=source, judges=judges, data=task.data)


def metrics_of(given: Given, refs: Sequence[Ref], mode: str, where: Where) -> tuple[Planned, ...]:
    """The metrics that score what is asked in ``mode``, each under its label."""
    metrics = []
    for index, ref in enumerate(refs):
        metric = given.plugin("metric", ref, *where, index)
        if mode not in metric.instance.modes:
            problem = f"metric {ref.name!r} cannot score mode {mode!r}"
            raise given.error(problem, *where, index, remedy=f"it scores {', '.join(metric.instance.modes)}")
        metrics.append(metric)
    return tuple(replace(metric, label=label) for metric, label in zip(metrics, labels(refs), strict=True))


def _scorers(given: Given, index: int, task: SuiteTask) -> tuple[tuple[Planned, ...], tuple[Planned, ...]]:
    """Metrics and judges, no two under one label."""
    metrics = metrics_of(given, task.metrics, task.mode, ("tasks", index, "metrics"))
    judges = _judges(given, index, task)
    both = labels([each.ref for each in (*metrics, *judges)])
    labelled = [replace(each, label=label) for each, label in zip((*metrics, *judges), both, strict=True)]
    return tuple(labelled[: len(metrics)]), tuple(labelled[len(metrics) :])


def _judges(given: Given, index: int, task: SuiteTask) -> tuple[Planned, ...]:
    """The task's judges, the models behind them looked at as far as that is cheap."""
    where = ("tasks", index, "judges")
    if task.judges and task.mode != "generate":
        raise given.error(f"judges read answers, and mode {task.mode!r} has none", *where)
    if task.judges and task.generation.repeats > 1:
        raise given.error("judges read one answer to each prompt", *where, remedy="leave 'repeats' out")
    judges = []
    for place, ref in enumerate(task.judges):
        judge = given.plugin("judge", ref, *where, place)
        for model in judge.instance.models:
            backend = given.plugin("backend", model.backend_ref, *where, place)
            given.located((*where, place), backend.instance.check, model.ref)
        judges.append(judge)
    return tuple(judges)


def _samples(given: Given, index: int, task: SuiteTask) -> tuple[Sample, ...]:
    """The items that the task asks, of rows that its mode can ask."""
    where = ("tasks", index, "data")
    rows = given.rows(task.data, where, task.cluster)
    given.refuse_preferences(rows, f"data.{task.data}", where)
    if rows[0].text is not None and task.mode != "likelihood":
        problem = f"data.{task.data} is raw text, which asks nothing"
        raise given.error(problem, *where, remedy="write 'mode: likelihood' to weigh it")
    if task.mode == "choose" and not rows[0].choices:
        raise given.error("mode 'choose' needs rows with prompt, choices and answer", "tasks", index, "mode")
    if task.mode != "choose" and rows[0].choices:
        raise given.error("these rows have choices", "tasks", index, "mode", remedy="write 'mode: choose'")
    limits = [limit for limit in (task.limit, given.limit) if limit is not None]
    whole = given.located(where, formats.samples, rows)
    return whole[: min(limits)] if limits else whole


def _check_scoring(
    given: Given,
    metrics: Sequence[Planned],
    samples: Sequence[Sample],
    settings: GenerationSettings,
    where: Where,
) -> None:
    """What a metric cannot score at all is told before anything is asked."""
    for index, metric in enumerate(metrics):
        if isinstance(metric.instance, MetricWithCheck):
            given.located((*where, index), metric.instance.check, samples, settings)
