"""Recorded answers with their scores and what judges and people said of them, as the screens take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.report.samples import Side
    from harness.store.reader import Reader
    from harness.values import Run, Score, Task


def sides(
    reader: Reader,
    run: Run,
    task: str,
    only: Sequence[str],
    *,
    title: str = "",
    metrics: Sequence[str] | None = None,
    further: Mapping[str, Sequence[Score]] | None = None,
) -> Iterator[Side]:
    """What the run said to these samples of a task, in its order; scored by these metrics, or by all of the task's.

    With all of them come the opinions on its answers beside those of the other arms of its experiment.
    ``title`` is how the run is called beside its answers, instead of by its arm; ``further`` are scores beside those.
    """
    from harness.report.samples import Side
    from harness.values import labels

    opinions: Mapping[str, Sequence[Score]] = further or {}
    if metrics is None:
        known = next(each for each in reader.tasks(run.id) if each.name == task)
        metrics, opinions = labels(known.scorers), {**opinions, **_opinions(reader, run, known)}
    found = {**{label: reader.scores(run.id, task, label, only) for label in metrics}, **opinions}
    by_metric = {label: {score.sample_id: score for score in scores} for label, scores in found.items()}
    for item in reader.items(run.id, task, only):
        given = {label: scores[item.sample.id] for label, scores in by_metric.items() if item.sample.id in scores}
        yield Side(title or run.arm, item, given)


def _opinions(reader: Reader, run: Run, task: Task) -> dict[str, list[Score]]:
    """What judges and people said of the run's answers beside each other arm's, as scores by rater."""
    from harness.values import PEOPLE, Score, labels

    found: dict[str, list[Score]] = {}
    for other in reader.experiment_runs(run.experiment):
        for judge in (*labels(task.scorers)[len(task.metrics) :], PEOPLE):
            for each in reader.opinions(other.id, run.id, task.name, judge):
                rater = f"{each.rater} ({PEOPLE})" if judge == PEOPLE else judge
                score = Score(each.sample_id, each.value, each.why_missing, each.details)
                found.setdefault(f"{rater} vs {other.arm}", []).append(score)
    return found
