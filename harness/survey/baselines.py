"""The prompting baselines: the base model asked in several ways, on items that the verdict does not rest on.

The experiments stand in the record under a suite's name of their own (``tickets@prompts``), so that nothing which looks
up a suite's runs, its last release or its flip rates meets them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.advice.route import standing
from harness.advice.situation import Baseline
from harness.errors import UsageError
from harness.execution.prompting import FORM, with_thoughts
from harness.identity import digest
from harness.plan import Plan, PlannedTask
from harness.store.reader import Reader
from harness.survey.asking import SUFFIX, Asking, asking, upward
from harness.survey.expecting import seconds
from harness.survey.ways import SHOTS, Candidate, candidates
from harness.values import Arm, Estimate, Run, Suite

if TYPE_CHECKING:
    from harness.experiment import Setting

__all__ = ["SHOTS", "Candidate", "Measured", "candidates", "measure", "recorded", "seconds_expected"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What measuring came to."""

    baselines: tuple[Baseline, ...]
    """One a candidate, task and metric that decides; in the order of the candidates."""
    best: Candidate | None
    """The one whose weakest task is best by the metric that decides; of equals the one with the shorter prompt."""
    source: str
    """Which items: ``100 of data.validation``."""
    notes: tuple[str, ...] = ()


def measure(plan: Plan, setting: Setting, *, items: int) -> Measured:
    """Ask the base model in every way, at most ``items`` items a task; recorded, and taken from the record if known.

    Over one load of the weights. One that was cut off is gone on with. Raises ``UsageError`` where the suite has no
    task, or no items besides those of the verdict, to try prompts on.
    """
    from harness import experiment  # whoever only looks up what is recorded does not wait for numpy

    survey = _Survey.of(plan, items)
    setting.observer.stage(f"asking the base model in {len(survey.ways)} ways, {survey.asking.source} each")
    runs = experiment.evaluate(survey.plan, setting, survey.plan.arms)
    with Reader(setting.record) as reader:
        return survey.measured(reader, {run.arm: run for run in runs})


def recorded(plan: Plan, reader: Reader, *, items: int) -> Measured | None:
    """What ``measure`` has recorded before for this very plan; ``None`` without it. Opens nothing.

    The same model by its name and settings, the same items, prompts and metrics. What lies behind the model's name
    cannot be told without opening it, which a note says.
    """
    try:
        survey = _Survey.of(plan, items)
    except UsageError:
        return None
    suite = survey.plan.suite
    runs = reader.finished(suite.name, suite.digest)
    if any(arm.name not in runs for arm in survey.plan.arms):
        return None
    measured = survey.measured(reader, runs)
    newest = max(run.started for run in runs.values())
    note = f"as recorded on {newest[:10]}; whether the model's name stands for the same weights now was not looked at"
    return replace(measured, notes=(*measured.notes, note))


def seconds_expected(plan: Plan, candidates: Sequence[Candidate], *, items: int, reader: Reader | None) -> float | None:
    """How long measuring will take, by what is recorded of the base arm; ``None`` where nothing is.

    A longer prompt counts by what its tokens add, thoughts as if all the tokens that are allowed for them were written.
    Without the time that opening the model takes, and without regard to what the record can answer already.
    """
    if reader is None:
        return None
    try:
        asked = asking(plan, candidates, items)
    except UsageError:
        return None
    return seconds(plan, candidates, asked.tasks, reader)


@dataclass(frozen=True, slots=True)
class _Survey:
    """The ways, what they are tried on, and the plan that asks it."""

    ways: Mapping[str, Candidate]
    """By arm."""
    asking: Asking
    plan: Plan

    @classmethod
    def of(cls, plan: Plan, items: int) -> _Survey:
        ways = {f"base@{way.name.replace(' ', '-')}": way for way in candidates(plan)}
        asked = asking(plan, list(ways.values()), items)
        arms = tuple(Arm(name, plan.suite.model, None, way.prompting) for name, way in ways.items())
        suite = replace(plan.suite, name=plan.suite.name + SUFFIX, digest=_digest(plan.suite, asked.tasks, arms))
        alone = replace(
            plan, suite=suite, training=None, arms=arms, tasks=asked.tasks, benchmarks=(), gates=(), datasets=(),
            tables=(), validation=(),
        )  # fmt: skip
        return cls(ways, asked, alone)

    def measured(self, reader: Reader, runs: Mapping[str, Run]) -> Measured:
        baselines, notes = [], list(self.asking.notes)
        for arm, way in self.ways.items():
            for task in self.asking.tasks:
                found = _baseline(reader, way, task, runs[arm])
                if found is None:
                    notes.append(f"{way.name} has no value on {_own_name(task)}: nothing could be scored")
                else:
                    baselines.append(found)
                notes += _about_the_limits(reader, way, task, runs[arm])
        best = self._best(baselines)
        if best is not None and len(self.ways) > 1:
            notes.append(f"the best of {len(self.ways)} on the same items looks better than it is on others")
        return Measured(tuple(baselines), best, self.asking.source, tuple(notes))

    def _best(self, baselines: Sequence[Baseline]) -> Candidate | None:
        """As the path of the advice takes it: the one whose weakest task is best."""
        deciding = {_own_name(task) for task in self.asking.deciding}
        found = standing.best([each for each in baselines if each.task in deciding])
        return next((way for way in self.ways.values() if found and way.name == found[0].name), None)


def _digest(suite: Suite, tasks: Sequence[PlannedTask], arms: Sequence[Arm]) -> str:
    """What makes two surveys the same: the rest of the suite may change without a new measurement.

    A model in a folder is known by its way from the suite file, so that a team's folder may move as a whole.
    """
    name = suite.model.name
    place = os.path.relpath(name, suite.path.absolute().parent) if Path(name).is_absolute() else name
    asked = [
        [task.task, str(task.metrics[0].origin), [sample.id for sample in task.samples], task.source] for task in tasks
    ]
    return digest([replace(suite.model, name=place), asked, [[arm.name, arm.prompting] for arm in arms], FORM])


def _baseline(reader: Reader, way: Candidate, task: PlannedTask, run: Run) -> Baseline | None:
    metric = task.metrics[0]
    found = next((each for each in run.estimates if (each.task, each.metric) == (task.name, metric.label)), None)
    if found is None or found.value is None:
        return None
    low, high = sorted(_interval(found, task)) or (None, None)
    cost = reader.cost_per_answer(run.id, task.name)
    return Baseline(
        name=way.name,
        task=_own_name(task),
        metric=metric.label,
        value=upward(metric.instance, found.value),
        low=low,
        high=high,
        items=found.scored,
        prompt_tokens=cost.prompt_tokens if cost else None,
        seconds=cost.seconds if cost else None,
        run=run.id,
    )


def _interval(found: Estimate, task: PlannedTask) -> Iterator[float]:
    if found.low is not None and found.high is not None:
        yield from (upward(task.metrics[0].instance, end) for end in (found.low, found.high))


def _about_the_limits(reader: Reader, way: Candidate, task: PlannedTask, run: Run) -> Iterator[str]:
    """Backends cut off the beginning of what a model cannot look at: the system text and the first examples."""
    window = run.model.window if run.model else None
    settings, cost = task.task.generation, reader.cost_per_answer(run.id, task.name)
    if cost is None:
        return
    most = (with_thoughts(settings, window) if way.asked.chain_of_thought else settings).max_new_tokens
    if window is not None and cost.longest_prompt + most >= window:
        yield f"{way.name}: prompts of {_own_name(task)} were cut to the model's window of {window:,} tokens"
    if way.asked.chain_of_thought and cost.unfinished:
        thinking = f"in {cost.unfinished:,} of {cost.answers:,} answers the model was still thinking"
        yield f"{way.name}: {thinking} after {most:,} tokens; they count as empty"


def _own_name(task: PlannedTask) -> str:
    return task.name.removesuffix(SUFFIX)
