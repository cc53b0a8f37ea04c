"""What is asked in a row and scored alike, and when the asking may end early."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from harness.values.answers import GenerationSettings
from harness.values.items import Mode, Sample
from harness.values.plugins import Ref

Target = Literal["population", "this_benchmark"]
"""What a claim is about: new items like these, or the score that the whole benchmark would give."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """How the items of a task may be asked until its gates are decided, fixed before the first was asked."""

    target: Target
    total: int
    """Items that would be asked if nothing were decided."""
    looks: tuple[int, ...]
    """The numbers of items after which the gates are asked."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked and how it is scored."""

    name: str
    mode: Mode
    metrics: tuple[Ref, ...]
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    benchmark: str | None = None
    """The benchmark that this task is, if it checks forgetting."""
    version: str = "1"
    stopping: Stopping | None = None
    judges: tuple[Ref, ...] = ()
    """Who is shown the answers after every arm has given its own; each has scores as a metric has."""

    @property
    def scorers(self) -> tuple[Ref, ...]:
        """Metrics and judges, in the order of their labels."""
        return (*self.metrics, *self.judges)

    def answers_to(self, sample: Sample) -> int:
        """How many answers make the sample whole: one for each attempt, or for each choice."""
        if self.mode == "generate":
            return self.generation.repeats
        return len(sample.choices) if self.mode == "choose" and sample.choices else 1
