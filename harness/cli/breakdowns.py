"""What the metrics of a recorded run tell besides their values, where they are still installed."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog import Catalog
from harness.errors import UsageError
from harness.protocols import MetricWithBreakdown
from harness.report.breakdown import TaskBreakdown
from harness.store.reader import Reader
from harness.values import Breakdown, Ref, Run, Task, labels


def breakdowns_of(reader: Reader, run: Run, catalog: Catalog) -> list[TaskBreakdown]:
    """In the order of the tasks and their metrics; a metric that raises tells that instead."""
    return [
        TaskBreakdown(task.name, label, _broken_down(reader, run, task, label, metric))
        for task in reader.tasks(run.id)
        for label, metric in _telling(task, catalog)
    ]


def _telling(task: Task, catalog: Catalog) -> Iterator[tuple[str, MetricWithBreakdown]]:
    for label, ref in zip(labels(task.metrics), task.metrics, strict=True):
        metric = _installed(ref, catalog)
        if isinstance(metric, MetricWithBreakdown):
            yield label, metric


def _installed(ref: Ref, catalog: Catalog) -> object:
    try:
        return catalog.make("metric", ref).instance
    except UsageError:  # the run was recorded where it was; what it came to is shown all the same
        return None


def _broken_down(reader: Reader, run: Run, task: Task, label: str, metric: MetricWithBreakdown) -> Breakdown:
    try:
        breakdown = metric.breakdown(reader.scores(run.id, task.name, label))
        if not isinstance(breakdown, Breakdown):
            raise TypeError(f"{type(breakdown).__name__} is no Breakdown")
        return breakdown
    except Exception as error:  # the plugin's own table
        return Breakdown("fault", ("the metric raised",), ((f"{type(error).__name__}: {error}",),))
