"""What broke and what got fixed between two recorded runs: read from the record and sorted out, ready to be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.cli.sides import sides
from harness.errors import UsageError, did_you_mean
from harness.opinions import Opinions
from harness.protocols import GRADES
from harness.values import PEOPLE, Pair, Ref, Run, Score, Task, labels

if TYPE_CHECKING:
    from harness.catalog import Catalog
    from harness.report.flips import Flip, Kind, TaskFlips
    from harness.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Asked:
    """Which of the flips are to be told."""

    kinds: tuple[Kind, ...]
    task: str | None
    metric: str | None
    """``None`` stands for the first of each task."""
    limit: int
    """At most so many items of each kind and task."""


@dataclass(frozen=True, slots=True)
class TwoRuns:
    """A candidate beside the run that it is held to."""

    reader: Reader
    catalog: Catalog
    baseline: Run
    candidate: Run

    def flips(self, asked: Asked) -> tuple[list[TaskFlips], dict[str, str]]:
        """What flipped in each task that both runs measured, and why each other task cannot be compared.

        Raises ``UsageError`` where a task or a metric was asked for by its name and is not to be had.
        """
        told: list[TaskFlips] = []
        left_out: dict[str, str] = {}
        for name in self._names(asked.task):
            try:
                metric, higher_is_better = self._metric(name, asked.metric)
            except UsageError as error:
                if asked.task:
                    raise UsageError(f"{name}: {error.problem}", remedy=error.remedy) from None
                left_out[name] = str(error)
            else:
                told.append(self._task(name, metric, higher_is_better, asked))
        if asked.metric and not told:
            raise self._nothing_by(asked.metric, left_out)
        return told, left_out

    @property
    def _runs(self) -> tuple[Run, Run]:
        return self.candidate, self.baseline

    def _tasks(self, run: Run) -> dict[str, Task]:
        return {task.name: task for task in self.reader.tasks(run.id)}

    def _names(self, wanted: str | None) -> Sequence[str]:
        """The wanted task; else those of either run, the candidate's first and what could not be measured last."""
        measured = [name for run in self._runs for name in self._tasks(run)]
        known = dict.fromkeys([*measured, *(name for run in self._runs for name in run.not_measured)])
        if wanted is None:
            return list(known)
        if wanted not in known:
            raise UsageError(f"{self.candidate.id} has no task {wanted!r}", remedy=did_you_mean(wanted, known))
        return [wanted]

    def _metric(self, task: str, wanted: str | None) -> tuple[str, bool]:
        """The metric that tells, and whether higher is better; ``UsageError`` says why there is none."""
        for run in self._runs:
            if task in run.not_measured:
                raise UsageError(f"{run.id} did not measure it: {run.not_measured[task]}")
        ours, theirs = (self._metrics(run, task) for run in self._runs)
        shared = [label for label in ours if label in theirs]
        metric = wanted or next(iter(ours), "")
        if metric not in shared:
            raise UsageError(f"not scored by {metric!r} in both runs", remedy=did_you_mean(metric, shared))
        if ours[metric] != theirs[metric]:
            raise UsageError(f"scored by {ours[metric]} in one run and by {theirs[metric]} in the other")
        of_judges = self._tasks(self.candidate)[task].judges
        if metric == PEOPLE or ours[metric] in of_judges:
            return metric, GRADES.higher_is_better
        return metric, self.catalog.make("metric", ours[metric]).instance.higher_is_better

    def _metrics(self, run: Run, task: str) -> Mapping[str, Ref]:
        tasks = self._tasks(run)
        if task not in tasks:
            raise UsageError(f"{run.id} has no such task", remedy=f"it has {', '.join(tasks) or 'none'}")
        scorers = tasks[task].scorers
        people = {PEOPLE: Ref(PEOPLE)} if tasks[task].mode == "generate" else {}
        return dict(zip(labels(scorers), scorers, strict=True)) | people

    def _nothing_by(self, metric: str, left_out: Mapping[str, str]) -> UsageError:
        tasks = [task for run in self._runs for task in self.reader.tasks(run.id)]
        known = {label for task in tasks for label in labels(task.scorers)} | {PEOPLE}
        if metric not in known:
            return UsageError(f"no task is scored by {metric!r}", remedy=did_you_mean(metric, known))
        reasons = ", ".join(f"{name}: {why}" for name, why in left_out.items())
        return UsageError(f"nothing can be compared by {metric!r} ({reasons})")

    def _task(self, name: str, metric: str, higher_is_better: bool, asked: Asked) -> TaskFlips:
        from harness.comparison.flips import flips, groups
        from harness.report.flips import GroupRow, TaskFlips

        every = self._pairs(name, metric)
        pairs = self._answered(name, every)
        found = flips(pairs, higher_is_better)
        tags = self.reader.tags(self.baseline.id, name) | self.reader.tags(self.candidate.id, name)
        wanted: dict[Kind, tuple[str, ...]] = {"broken": found.broken, "fixed": found.fixed}
        return TaskFlips(
            task=name,
            metric=metric,
            higher_is_better=higher_is_better,
            compared=found.compared,
            fixed=len(found.fixed),
            broken=len(found.broken),
            missing=len(found.missing),
            not_asked=len(every) - len(pairs),
            groups=tuple(GroupRow(*each) for each in groups(found, pairs, tags)),
            items={kind: self._items(name, metric, wanted[kind][: asked.limit]) for kind in asked.kinds},
        )

    @property
    def _opinions(self) -> Opinions:
        return Opinions(self.reader, self.catalog, self.candidate)

    def _is_about_pairs(self, task: str, metric: str) -> bool:
        return self._opinions.is_about_pairs(self._tasks(self.candidate)[task], metric)

    def _pairs(self, task: str, metric: str) -> Sequence[Pair]:
        """Both runs' scores; of a judge that compares, and of people, what they found of the two together."""
        if not self._is_about_pairs(task, metric):
            return self.reader.pairs(self.baseline.id, self.candidate.id, task, metric)
        known = self._tasks(self.candidate)[task]
        if (why_none := self._opinions.why_none(known, metric, self.baseline)) is not None:
            raise UsageError(why_none)
        return self._opinions.pairs(known, metric, self.baseline)

    def _answered(self, task: str, pairs: Sequence[Pair]) -> Sequence[Pair]:
        """All pairs; where the asking could end early, those that both runs answered: the others are not missing."""
        if not any(self._tasks(run)[task].stopping for run in self._runs):
            return pairs
        done = self.reader.done(self.baseline.id, task) & self.reader.done(self.candidate.id, task)
        return [pair for pair in pairs if pair.sample_id in done]

    def _items(self, task: str, metric: str, wanted: Sequence[str]) -> list[Flip]:
        """The wanted samples in that order, baseline first."""
        from harness.report.flips import Flip

        if not wanted:
            return []
        same_arm = self.baseline.arm == self.candidate.arm
        scores: Sequence[list[Score]] = ([], [])
        if is_about_pairs := self._is_about_pairs(task, metric):
            known = self._tasks(self.candidate)[task]
            details = self._opinions.details(known, metric, self.baseline)
            for pair in self._opinions.pairs(known, metric, self.baseline):
                for values, value in zip(scores, (pair.baseline, pair.candidate), strict=True):
                    values.append(Score(pair.sample_id, value, None, details.get(pair.sample_id, {})))
        before, after = (
            {
                side.item.sample.id: side
                for side in sides(
                    self.reader,
                    run,
                    task,
                    wanted,
                    title=run.id if same_arm else run.arm,
                    metrics=[] if is_about_pairs else [metric],
                    further={metric: found} if is_about_pairs else None,
                )
            }
            for run, found in zip((self.baseline, self.candidate), scores, strict=True)
        )
        return [Flip(before[sample], after[sample]) for sample in wanted]
