"""The choice among a training's checkpoints, by items that the verdict does not rest on.

The task's items are those of the validation split; the benchmarks' are items that the suite does not ask. A choice by
the items of the verdict would give chance as many tries as there are checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.plan import Plan, PlannedTask
from harness.protocols import Metric
from harness.values import Estimate, GateRule, JudgedCheckpoint, Run, Sample

RULE = (
    "the best mean score of the gated metrics on {items} validation items, among the checkpoints that lose no more "
    "than the gates allow on {benchmarks}; of equals the earliest"
)
RULE_WITHOUT_BENCHMARKS = "the best mean score of the gated metrics on {items} validation items; of equals the earliest"
NONE_WITHIN = "; every checkpoint loses more, so it is the one that loses least"
SUFFIX = "@choice"
"""What tells these tasks from those of the verdict."""


@dataclass(frozen=True, slots=True)
class CheckpointChoice:
    """What the checkpoints are asked, and how one is chosen."""

    plan: Plan
    """The suite's plan with the items of the choice in place of those of the verdict."""

    @classmethod
    def among(cls, plan: Plan, spare: Mapping[str, Sequence[Sample]]) -> CheckpointChoice:
        """``spare``: benchmark -> items that the verdict does not ask."""
        assert plan.training is not None
        most = plan.training.settings.choice_items
        tasks = [
            _asking(task, plan.validation[:most], "data.validation")
            for task in plan.tasks
            if task.task.mode == "generate" and task.metrics
        ]
        tasks += [_asking(each, spare[each.name], each.source) for each in plan.benchmarks if spare.get(each.name)]
        return cls(replace(plan, tasks=tuple(tasks), benchmarks=()))

    def judge(self, base: Run, candidates: Mapping[int, Run]) -> tuple[tuple[JudgedCheckpoint, ...], str]:
        """Every checkpoint by its step as the choice sees it, one of them chosen; and the rule in words."""
        judged = [self._judged(step, run, base) for step, run in sorted(candidates.items())]
        within = [each for each in judged if each.is_within]
        if within:
            chosen = max(within, key=lambda each: (-math.inf if each.gain is None else each.gain, -each.step))
        else:
            chosen = min(judged, key=lambda each: (self._excess(candidates[each.step], base), each.step))
        seen = tuple(replace(each, is_chosen=each is chosen) for each in judged)
        return seen, self._rule() + ("" if within else NONE_WITHIN)

    def _judged(self, step: int, run: Run, base: Run) -> JudgedCheckpoint:
        known = self._gains(run)
        drops = {f"{rule.task} {rule.metric}": self._drop(rule, run, base) for rule in self._holding()}
        gain = sum(known) / len(known) if known else None
        return JudgedCheckpoint(step, run.id, gain, drops, is_within=self._excess(run, base) <= 0)

    def _gains(self, run: Run) -> list[float]:
        """What the run scores on each gated metric, a full scale being 1; one without a scale counts only alone."""
        found = [(self._value(run, *each), self._scale(*each)) for each in self._gaining()]
        known = [(value, scale) for value, scale in found if value is not None]
        scaled = [value / scale for value, scale in known if scale is not None]
        return scaled or [value for value, _ in known[:1]]

    def _scale(self, task: str, metric: str) -> float | None:
        bounds = self._metric(task, metric).bounds
        return bounds[1] - bounds[0] if bounds and all(map(math.isfinite, bounds)) else None

    def _metric(self, task: str, metric: str) -> Metric:
        planned = next(each for each in self.plan.tasks if each.name == task)
        found: Metric = next(each.instance for each in planned.metrics if each.label == metric)
        return found

    def _excess(self, run: Run, base: Run) -> float:
        """By how much the worst loss is more than its gate allows; at most 0 where all are within."""
        losses = (self._drop(rule, run, base) - self._allowed(rule, base) for rule in self._holding())
        return max(losses, default=0.0)

    def _allowed(self, rule: GateRule, base: Run) -> float:
        assert rule.max_drop is not None
        before = self._value(base, rule.task + SUFFIX, rule.metric or "") or 0.0
        if rule.only_below is not None and before >= rule.only_below:
            return math.inf
        return rule.max_drop * abs(before) if rule.relative else rule.max_drop

    def _drop(self, rule: GateRule, run: Run, base: Run) -> float:
        before = self._value(base, rule.task + SUFFIX, rule.metric or "")
        after = self._value(run, rule.task + SUFFIX, rule.metric or "")
        return math.inf if before is None or after is None else before - after

    def _holding(self) -> list[GateRule]:
        """The rules that limit a loss on a benchmark with items for the choice."""
        asked = {task.name for task in self.plan.tasks if task.task.benchmark}
        return [
            rule
            for rule in self.plan.gates
            if rule.max_drop is not None and rule.against == "base" and rule.task + SUFFIX in asked
        ]

    def _gaining(self) -> Iterator[tuple[str, str]]:
        """Task and metric of what the checkpoints are to be good at."""
        for task in self.plan.tasks:
            if task.task.benchmark is None:
                gated = {rule.metric for rule in self.plan.gates if rule.task + SUFFIX == task.name}
                labels = [metric.label for metric in task.metrics]
                yield from ((task.name, label) for label in ([each for each in labels if each in gated] or labels[:1]))

    def _value(self, run: Run, task: str, metric: str) -> float | None:
        """The run's score, up being better."""
        found: Estimate | None = next((e for e in run.estimates if e.task == task and e.metric == metric), None)
        if found is None or found.value is None:
            return None
        return found.value if self._metric(task, metric).higher_is_better else -found.value

    def _rule(self) -> str:
        items = max((len(task.samples) for task in self.plan.tasks if task.task.benchmark is None), default=0)
        parts = [
            f"{len(task.samples)} other items of {task.task.benchmark}"
            for task in self.plan.tasks
            if task.task.benchmark in {rule.task for rule in self._holding()}
        ]
        if not parts:
            return RULE_WITHOUT_BENCHMARKS.format(items=items)
        return RULE.format(items=items, benchmarks=" and ".join(parts))


def _asking(planned: PlannedTask, samples: Sequence[Sample], source: str) -> PlannedTask:
    task = replace(planned.task, name=planned.name + SUFFIX, judges=(), stopping=None)
    return replace(planned, task=task, judges=(), samples=tuple(samples), source=source, stop_for=None)
