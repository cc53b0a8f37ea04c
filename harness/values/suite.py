"""A suite file as read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harness.values.advice import SuiteAdvice
from harness.values.answers import GenerationSettings
from harness.values.data import Severity
from harness.values.gates import GateRule
from harness.values.items import Mode
from harness.values.models import ModelRef
from harness.values.plugins import Ref
from harness.values.tasks import Target

GENERAL = "trainer.general_data"
"""What the rows that a training mixes in are called; ``general`` may be a split."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite file as read: what is asked for, nothing resolved yet."""

    name: str
    path: Path
    text: str
    digest: str
    seed: int
    model: ModelRef
    data: Mapping[str, Path]
    """``train``, ``validation``, ``test`` and any further name, each with its file."""
    prompted: PromptedBaseline | None
    training: SuiteTraining | None
    tasks: tuple[SuiteTask, ...]
    benchmarks: tuple[SuiteBenchmark, ...]
    gates: tuple[GateRule, ...]
    batch_size: int = 16
    checks: tuple[SuiteCheck, ...] = ()
    """Data checks that are not to be done as they come."""
    advice: SuiteAdvice = field(default_factory=SuiteAdvice)
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict)
    """Line of each key of the file, by its path: ``("gates", 0, "metric")``."""

    @property
    def files(self) -> Mapping[str, Path]:
        """All files of rows by name: ``data``, and the general rows that a training mixes in."""
        general = self.training.general if self.training else None
        return {**self.data, **({GENERAL: general.path} if general else {})}

    @property
    def trained_on(self) -> frozenset[str]:
        """The names of the files that the training learns from; none where nothing is trained."""
        if self.training is None:
            return frozenset()
        general = [GENERAL] if self.training.general else []
        return frozenset([*(stage.data for stage in self.training.stages), *general])

    def line(self, *where: str | int) -> int | None:
        """The line of a key of the file, or of the nearest thing around it."""
        for end in range(len(where), 0, -1):
            if where[:end] in self.lines:
                return self.lines[where[:end]]
        return None


@dataclass(frozen=True, slots=True)
class PromptedBaseline:
    """The best prompt that the suite knows: what the tuned model must beat."""

    system: str | None = None
    few_shot: int = 0
    """How many examples of the train split stand before the question."""
    chain_of_thought: bool = False
    """Whether the model is asked to think first; what it thinks is kept, and only its answer is scored."""


@dataclass(frozen=True, slots=True)
class SuiteTraining:
    """The training as the suite writes it."""

    stages: tuple[SuiteStage, ...]
    general: GeneralData | None = None
    evaluate_every: float | None = None
    """After each such share of the last stage its checkpoint is kept, and the best of them is the tuned arm."""
    choice_items: int = 100
    """Items of each task and benchmark that the choice among checkpoints looks at; the verdict rests on others."""
    launch: Launch | None = None
    halve_batch_when_out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class SuiteStage:
    """One training of a row of trainings, each on what the one before has made."""

    trainer: Ref
    data: str = "train"
    """The data set that it trains on, by its name in the suite."""
    validation: str | None = None
    """The data set that its validation loss is measured on; ``None``: ``validation`` if it trains on ``train``."""


@dataclass(frozen=True, slots=True)
class GeneralData:
    """General examples that are mixed in, against forgetting."""

    path: Path
    ratio: float
    """Their share of the rows that are trained on."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a training is spread over several processes, by ``accelerate launch``."""

    num_processes: int | None = None
    config_file: Path | None = None
    """What ``accelerate config`` writes: FSDP, DeepSpeed, several machines."""


@dataclass(frozen=True, slots=True)
class SuiteTask:
    """A task as the suite writes it."""

    name: str
    data: str
    mode: Mode
    metrics: tuple[Ref, ...]
    generation: GenerationSettings
    judges: tuple[Ref, ...] = ()
    limit: int | None = None
    cluster: str | None = None
    """The column that says which items belong together."""


@dataclass(frozen=True, slots=True)
class SuiteBenchmark:
    """A benchmark as the suite writes it."""

    ref: Ref
    stop_for: Target | None = None
    """What must be certain for the asking to end early; ``None`` asks everything."""


@dataclass(frozen=True, slots=True)
class SuiteCheck:
    """A data check as the suite writes it: its options, and how grave what it finds is."""

    ref: Ref
    severity: Severity | Literal["off"] | None = None
    """Of what it finds, in the place of the check's own, but for remarks that something was not looked for;
    ``off`` leaves the check out."""
