"""What will be done, every name resolved: the plan and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.catalog import Planned
from harness.checking.asked import PlannedCheck
from harness.protocols import GRADES, Scale, item_bounds
from harness.rows import Row, Table
from harness.values import Arm, Dataset, GateRule, Origin, Sample, Suite, SuiteTraining, Target, Task


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task with the metrics that score it and the items that it asks."""

    task: Task
    metrics: tuple[Planned, ...]
    samples: tuple[Sample, ...] = ()
    """Empty in a benchmark until ``execution.benchmarks`` has loaded it."""
    benchmark: Planned | None = None
    source: str = ""
    stop_for: Target | None = None
    """What must be certain for the asking to end early; ``None`` asks everything."""
    judges: tuple[Planned, ...] = ()
    data: str = ""
    """The data set that a task of the suite's own asks, by its name in the suite."""
    most: int | None = None
    """At most so many items of a benchmark that has no ``limit`` of its own; ``None`` takes all."""

    @property
    def name(self) -> str:
        """The task's name, unique in its suite."""
        return self.task.name

    def scale(self, label: str) -> Scale:
        """What the metric or judge of this label scores on, or people."""
        for metric in self.metrics:
            if metric.label == label:
                return Scale(metric.instance.higher_is_better, item_bounds(metric.instance))
        return GRADES

    @property
    def is_raw_text(self) -> bool:
        """Whether texts are weighed as they stand, so that no prompt of the team's can act on them."""
        return self.task.mode == "likelihood" and bool(self.samples) and not self.samples[0].targets


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """A trainer with the rows that it trains on."""

    trainer: Planned
    train: tuple[Row, ...]
    validation: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class PlannedTraining:
    """The training, every name resolved."""

    stages: tuple[PlannedStage, ...]
    settings: SuiteTraining


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, every name resolved."""

    suite: Suite
    backend: Planned
    training: PlannedTraining | None
    arms: tuple[Arm, ...]
    """``base`` and, as the suite has them, ``prompted`` and ``tuned``, the last one without its adapter yet."""
    tasks: tuple[PlannedTask, ...]
    benchmarks: tuple[PlannedTask, ...]
    gates: tuple[GateRule, ...]
    """Each with its metric filled in."""
    datasets: tuple[Dataset, ...]
    tables: tuple[Table, ...]
    """The rows of each, as data checks see them."""
    checks: tuple[PlannedCheck, ...]
    """What is looked for in the data before a model opens."""
    unchecked: Mapping[str, str]
    """Data check -> why it cannot be done here."""
    validation: tuple[Sample, ...]
    """The items of ``data.validation`` where checkpoints are chosen by them."""
    pack: Path | None

    @property
    def measured(self) -> tuple[PlannedTask, ...]:
        """Tasks and benchmarks."""
        return (*self.tasks, *self.benchmarks)

    @property
    def trained_on(self) -> frozenset[str]:
        """The names of the data sets that the training learns from."""
        return self.suite.trained_on

    @property
    def arms_of_benchmarks(self) -> tuple[Arm, ...]:
        """The arms that are asked the benchmarks."""
        return tuple(arm for arm in self.arms if arm.name != "prompted")

    def tasks_of(self, arm: str) -> tuple[PlannedTask, ...]:
        """What an arm is asked: a prompt for the team's job means nothing to a benchmark, nor to raw text."""
        return tuple(task for task in self.tasks if not task.is_raw_text) if arm == "prompted" else self.measured

    @property
    def origins(self) -> Mapping[str, Origin]:
        """``kind:name`` -> who offered it, of every plugin that takes part."""
        taking_part = [("backend", self.backend)]
        taking_part += [("trainer", stage.trainer) for stage in self.training.stages] if self.training else []
        for planned in self.measured:
            taking_part += [("metric", metric) for metric in planned.metrics]
            taking_part += [("judge", judge) for judge in planned.judges]
            taking_part += [("benchmark", planned.benchmark)] if planned.benchmark else []
        return {f"{kind}:{planned.ref.name}": planned.origin for kind, planned in taking_part}
