"""Judges at work on recorded answers: after all arms have given theirs, and with no model of the arms in memory.

Single answers get scores as a metric gives them; two answers side by side get an opinion on the pair of runs. Each
chunk is committed whole, and what has a value already is not judged again.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.catalog import Catalog, Planned
from harness.comparison import compare
from harness.errors import HarnessError
from harness.execution.correspondence import Correspondence, JudgesLedger
from harness.execution.score import checked
from harness.protocols import GRADES, Judge, JudgingContext, Observer
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import Case, Estimate, Fault, Item, Opinion, Run, Score

CHUNK = 128
"""Cases that a judge is given at once: many enough to keep a server busy, few enough to lose."""


@dataclass(frozen=True, slots=True)
class Judging:
    """The judges of one experiment and what they need at hand."""

    experiment: str
    seed: int
    catalog: Catalog
    writer: Writer
    reader: Reader
    observer: Observer
    on_fault: Callable[[Fault], None]

    def judge(self, task: str, judge: Planned, baselines: Iterable[Run], candidate: Run) -> None:
        """Let a judge see a task's answers: each run's alone, or each baseline's beside the candidate's."""
        others = {run.id: run for run in baselines if run.id != candidate.id}
        for run in (*others.values(), candidate):
            self.writer.add_judge(run.id, task, judge.ref, judge.label)
        ledger = JudgesLedger(self.experiment, judge.label, self.writer, self.reader)
        with Correspondence(self.catalog, ledger) as models:
            context = JudgingContext(models.ask, task, self.seed)
            if judge.instance.compares:
                for baseline in others.values():
                    self._compare(task, judge, baseline, candidate, context)
            else:
                for run in (*others.values(), candidate):
                    self._grade(task, judge, run, context)

    def _grade(self, task: str, judge: Planned, run: Run, context: JudgingContext) -> None:
        """Single answers."""
        known = {each.sample_id: each for each in self.reader.scores(run.id, task, judge.label)}
        items = [item for item in self.reader.items(run.id, task) if item.generations]
        cases = [Case(item.sample, (item.text,)) for item in items]
        settled = {sample: score.value for sample, score in known.items() if score.value is not None}
        for scores in self._scored(judge, f"{run.arm} by {judge.label}", cases, settled, context):
            self.writer.add_batch(run.id, task, (), {judge.label: scores})
        self.writer.add_estimates(run.id, [self._estimate(task, judge, run, items)])

    def _compare(self, task: str, judge: Planned, baseline: Run, candidate: Run, context: JudgingContext) -> None:
        """Two answers side by side."""
        before = {item.sample.id: item for item in self.reader.items(baseline.id, task) if item.generations}
        cases = [
            Case(item.sample, (before[item.sample.id].text, item.text))
            for item in self.reader.items(candidate.id, task)
            if item.generations and item.sample.id in before
        ]
        given = self.reader.opinions(baseline.id, candidate.id, task, judge.label)
        settled = {each.sample_id: each.value for each in given if each.value is not None}
        title = f"{baseline.arm} and {candidate.arm} by {judge.label}"
        for scores in self._scored(judge, title, cases, settled, context):
            opinions = [
                Opinion(each.sample_id, judge.label, each.value, each.why_missing, each.details) for each in scores
            ]
            self.writer.add_opinions(baseline.id, candidate.id, task, judge.label, opinions)

    def _scored(
        self,
        judge: Planned,
        title: str,
        cases: Sequence[Case],
        settled: Mapping[str, float],
        context: JudgingContext,
    ) -> Iterator[tuple[Score, ...]]:
        """The scores of what is not settled yet, chunk by chunk."""
        instance: Judge = judge.instance
        waiting = [case for case in cases if case.sample.id not in settled]
        values = list(settled.values())
        done = len(cases) - len(waiting)
        self._tell(title, context.task, done, len(cases), values)
        for first in range(0, len(waiting), CHUNK):
            chunk = waiting[first : first + CHUNK]
            scores = checked(
                functools.partial(instance.grade, chunk, context),
                [case.sample.id for case in chunk],
                GRADES.bounds,
                judge,
                "judge",
                self.on_fault,
                lets_pass=(HarnessError,),
            )
            yield scores
            values += [score.value for score in scores if score.value is not None]
            done += len(chunk)
            self._tell(title, context.task, done, len(cases), values)

    def _tell(self, title: str, task: str, done: int, total: int, values: Sequence[float]) -> None:
        means = {"mean": math.fsum(values) / len(values)} if values else {}
        self.observer.task_progressed(title, task, done, total, means)

    def _estimate(self, task: str, judge: Planned, run: Run, items: Sequence[Item]) -> Estimate:
        """The judge's own word on one run; raw, as no people have been asked."""
        scores = self.reader.scores(run.id, task, judge.label)
        clusters = {item.sample.id: item.sample.cluster for item in items}
        return compare.estimate(task, judge.label, scores, GRADES.bounds, _mean, clusters)


def _mean(scores: Sequence[Score]) -> float:
    values = [score.value for score in scores if score.value is not None]
    return math.fsum(values) / len(values)
