"""Recorded answers with their scores, as the screens take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.report.samples import Side
    from harness.store.reader import Reader
    from harness.values import Run


def sides(
    reader: Reader, run: Run, task: str, only: Sequence[str], *, title: str = "", metrics: Sequence[str] | None = None
) -> Iterator[Side]:
    """What the run said to these samples of a task, in its order; scored by these metrics, or by all of the task's.

    ``title`` is how the run is called beside its answers, instead of by its arm.
    """
    from harness.report.samples import Side
    from harness.values import labels

    if metrics is None:
        metrics = next(labels(each.metrics) for each in reader.tasks(run.id) if each.name == task)
    found = {label: reader.scores(run.id, task, label, only) for label in metrics}
    by_metric = {label: {score.sample_id: score for score in scores} for label, scores in found.items()}
    for item in reader.items(run.id, task, only):
        given = {label: scores[item.sample.id] for label, scores in by_metric.items() if item.sample.id in scores}
        yield Side(title or run.arm, item, given)
