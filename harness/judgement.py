"""Recorded runs, side by side and judged; needs no model, so that a run and ``harness gate`` judge by one code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.catalog import Catalog
from harness.comparison import gate
from harness.comparison.compare import delta
from harness.errors import UsageError
from harness.protocols import Metric
from harness.store.reader import Reader
from harness.values import Comparison, Delta, GateRule, Ref, Run, Task, Verdict, labels


@dataclass(frozen=True, slots=True)
class Judgement:
    """A candidate run against the runs that it is held to."""

    reader: Reader
    catalog: Catalog
    candidate: Run
    baselines: Mapping[str, Run]
    """Arm -> the run that stands for it."""

    def comparison(self) -> Comparison:
        """Every metric that both sides have, for every baseline."""
        runs = (*self.baselines.values(), self.candidate)
        benchmarks = tuple(task.name for task in self._tasks() if task.benchmark)
        return Comparison(self.candidate.experiment, runs, tuple(self._deltas()), benchmarks)

    def verdict(self, rules: Sequence[GateRule]) -> Verdict:
        """What the rules say; a rule without a metric is about the task's first."""
        return gate.decide([self._settled(rule) for rule in rules], self._evidence)

    def _deltas(self) -> Iterator[Delta]:
        for arm, baseline in self.baselines.items():
            asked = {task.name for task in self.reader.tasks(baseline.id)}
            for task in self._tasks():
                if task.name not in asked:
                    continue
                for label, metric in self._metrics(task):
                    pairs = self.reader.pairs(baseline.id, self.candidate.id, task.name, label)
                    yield delta(task.name, label, arm, pairs, metric.higher_is_better, metric.bounds)

    def _evidence(self, rule: GateRule) -> gate.Evidence:
        baseline = self.baselines.get(rule.against)
        why_not = self._why_not_measured(rule.task, baseline)
        task = next((task for task in self._tasks() if task.name == rule.task), None)
        if baseline is None:
            why_not = why_not or f"there is no run of the arm {rule.against!r} to compare with"
        elif task is None:
            why_not = why_not or f"the candidate's run has no task {rule.task!r}"
        metrics = dict(self._metrics(task)) if task else {}
        metric = metrics.get(rule.metric or "")
        if task and metric is None:
            why_not = why_not or f"the recorded {rule.task} has no metric {rule.metric!r}"
        if why_not or baseline is None or metric is None:
            return gate.Evidence(rule.task, rule.metric or "", rule.against, (), True, (0.0, 1.0), why_not)
        pairs = self.reader.pairs(baseline.id, self.candidate.id, rule.task, rule.metric or "")
        return gate.Evidence(
            rule.task, rule.metric or "", rule.against, tuple(pairs), metric.higher_is_better, metric.bounds
        )

    def _why_not_measured(self, task: str, baseline: Run | None) -> str | None:
        """What the runs say themselves of a benchmark that could not be had."""
        runs = (self.candidate, *((baseline,) if baseline else ()))
        return next((run.not_measured[task] for run in runs if task in run.not_measured), None)

    def _settled(self, rule: GateRule) -> GateRule:
        if rule.metric is not None:
            return rule
        task = next((task for task in self._tasks() if task.name == rule.task), None)
        return replace(rule, metric=labels(task.metrics)[0]) if task else rule

    def _tasks(self) -> Sequence[Task]:
        return self.reader.tasks(self.candidate.id)

    def _metrics(self, task: Task) -> Iterator[tuple[str, Metric]]:
        for label, ref in zip(labels(task.metrics), task.metrics, strict=True):
            yield label, self._metric(ref)

    def _metric(self, ref: Ref) -> Metric:
        try:
            metric: Metric = self.catalog.make("metric", ref).instance
        except UsageError as error:
            raise UsageError(f"the record needs it: {error.problem}", remedy=error.remedy) from None
        return metric


def stand_ins(reader: Reader, baseline: Run) -> dict[str, Run]:
    """The runs that a suite's ``against`` means when ``baseline`` is named on the command line.

    ``baseline`` takes the place of ``base``; ``prompted`` is ``baseline`` itself if it is such a run, and otherwise the
    prompted run of the same experiment, if there is one.
    """
    siblings = {run.arm: run for run in reader.experiment_runs(baseline.experiment)}
    chosen = {"base": baseline}
    if baseline.arm == "prompted":
        chosen["prompted"] = baseline
    elif "prompted" in siblings and siblings["prompted"].status == "finished":
        chosen["prompted"] = siblings["prompted"]
    return chosen
