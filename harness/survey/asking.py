"""What the ways of asking are tried on: the tasks with the metric that decides, on items that no verdict rests on."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from harness.catalog import Planned
from harness.data import formats
from harness.errors import UsageError
from harness.plan import Plan, PlannedTask
from harness.plan.arms import without_system
from harness.protocols import Metric, MetricWithCheck
from harness.survey.ways import Candidate, conversations
from harness.values import Message, Sample

SUFFIX = "@prompts"
"""What tells these tasks, and the experiments with them, from those of the suite."""

Turns = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Asking:
    """The tasks, each with the items and the one metric that decides, and what is to be said of them."""

    tasks: tuple[PlannedTask, ...]
    source: str
    """Which items, in words."""
    notes: tuple[str, ...]

    @property
    def deciding(self) -> tuple[PlannedTask, ...]:
        """The tasks whose values are averaged: those on a scale with two ends; without such, the first alone."""
        return tuple(task for task in self.tasks if _ends(task.metrics[0].instance)) or self.tasks[:1]


def asking(plan: Plan, ways: Sequence[Candidate], items: int) -> Asking:
    """What is asked; ``UsageError`` where the suite has no task or no items to try prompts on."""
    notes: list[str] = []
    fitting = [task for task in plan.tasks if task.task.mode == "generate" and task.metrics]
    notes += [_left_out(task) for task in plan.tasks if task not in fitting]
    if not fitting:
        remedy = "add a task of mode generate with 'metrics:'"
        raise UsageError("no task of the suite can tell prompts apart", path=plan.suite.path, remedy=remedy)
    name = "validation" if conversations(plan, "validation") else "train"
    tasks = []
    for task in fitting:
        asked = _asked(task, deciding(plan, task), _items(plan, task, name, ways)[:items])
        try:
            _check(asked)
        except UsageError as error:
            notes.append(f"{task.name} was left out: {error.problem}")
            continue
        tasks.append(asked)
        notes += _about_the_scale(asked)
    if not tasks or not tasks[0].samples:
        remedy = "add 'validation: FILE' under 'data:'"
        raise UsageError("there are no items to try prompts on", path=plan.suite.path, remedy=remedy)
    source = f"{len(tasks[0].samples):,} of data.{name}"
    if name == "train":
        source += " that are nobody's examples"
        notes.append("there is no validation split, so prompts are tried on training rows that are nobody's examples")
    sourced = tuple(replace(task, source=source) for task in tasks)
    return Asking(sourced, source, tuple(notes))


def deciding(plan: Plan, task: PlannedTask) -> Planned:
    """The metric of the first gate that demands a gain or a score; without one, the task's first."""
    by_label = {metric.label: metric for metric in task.metrics}
    demands = (rule for rule in plan.gates if rule.min_gain is not None or rule.at_least is not None)
    gated = (by_label.get(rule.metric or "") for rule in demands if rule.task == task.name)
    return next((metric for metric in gated if metric is not None), task.metrics[0])


def upward(metric: Metric, value: float) -> float:
    """A metric's value so that up is better and, wherever the scale has two ends, 1 is the best that there is.

    A scale that ends at 1 stays as it is, any other becomes the share of it that is reached. What has no end is turned
    around at most.
    """
    ends = _ends(metric)
    if ends is None:
        return value if metric.higher_is_better else -value
    low, high = ends
    if not metric.higher_is_better:
        return (high - value) / (high - low)
    return value if high == 1 else (value - low) / (high - low)


def _ends(metric: Metric) -> tuple[float, float] | None:
    bounds = metric.bounds
    return bounds if bounds is not None and all(map(math.isfinite, bounds)) and bounds[0] < bounds[1] else None


def _items(plan: Plan, task: PlannedTask, name: str, ways: Sequence[Candidate]) -> list[Sample]:
    """The items of a data set that stand in no example and no test, in an order that says nothing of them.

    By their digest: the first so many are a random draw, and a larger one begins with the smaller.
    """
    shots = {shot for way in ways for shot in way.prompting.few_shot}
    shown = {shot[:end] for shot in shots for end in range(1, len(shot))}  # an answer may be of several turns
    tested = {_turns(sample) for each in plan.tasks for sample in each.samples}
    fresh = (sample for sample in _samples(plan, task, name) if _turns(sample) not in shown | tested)
    return sorted(fresh, key=lambda sample: sample.id)


def _samples(plan: Plan, task: PlannedTask, name: str) -> Sequence[Sample]:
    """In the task's groups, where the rows have the column that names them."""
    cluster = next((each.cluster for each in plan.suite.tasks if each.name == task.name), None)
    if cluster is not None:
        try:
            return formats.samples(formats.read(name, plan.suite.data[name], cluster=cluster)[1])
        except UsageError:
            pass  # these rows have no groups; the interval is then of single items
    return formats.samples(conversations(plan, name))


def _turns(sample: Sample) -> Turns:
    return () if isinstance(sample.prompt, str) else without_system(sample.prompt)


def _asked(task: PlannedTask, metric: Planned, samples: Collection[Sample]) -> PlannedTask:
    settled = replace(task.task, name=task.name + SUFFIX, metrics=(metric.ref,), judges=(), stopping=None)
    return replace(task, task=settled, metrics=(metric,), judges=(), samples=tuple(samples), stop_for=None)


def _check(task: PlannedTask) -> None:
    """Validation items may lack what the metric needs, such as tests of a program."""
    metric = task.metrics[0].instance
    if isinstance(metric, MetricWithCheck):
        metric.check(task.samples, task.task.generation)


def _left_out(task: PlannedTask) -> str:
    why = "it has no metric, only judges" if task.task.mode == "generate" else f"its mode is {task.task.mode}"
    return f"{task.name} was left out: {why}"


def _about_the_scale(task: PlannedTask) -> list[str]:
    label, metric = task.metrics[0].label, task.metrics[0].instance
    ends = _ends(metric)
    if ends is None and metric.higher_is_better:
        return [f"{label} has a scale without an end, so that a share as the threshold says little of it"]
    if ends is None:
        return [f"{label} is better the lower and has no end: its values are told as negative, and reach no threshold"]
    low, high = ends
    if not metric.higher_is_better:
        return [f"{label} is better the lower: its values are told as the share of {low:g} to {high:g} that is spared"]
    return [] if high == 1 else [f"{label} goes from {low:g} to {high:g}: its values are told as shares of that"]
