"""What a trainer implements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol, runtime_checkable

from harness.values import Checkpoint, MaskedToken, Progress, TrainJob, TrainsOn

Report = Callable[[Progress], None]
"""How a trainer tells its progress."""


@runtime_checkable
class Trainer(Protocol):
    """Trains; runs in a process of its own."""

    name: ClassVar[str]
    requires_packages: ClassVar[tuple[str, ...]]
    trains_on: ClassVar[TrainsOn]

    def train(self, job: TrainJob, report: Report) -> Checkpoint:
        """The trained checkpoint, in ``job.output``."""
        ...

    def masks(self, job: TrainJob, rows: int) -> Sequence[Sequence[MaskedToken]]:
        """The first rows as the model will see them, token by token; the weights are not loaded for it."""
        ...


@runtime_checkable
class TrainerWithPreparation(Trainer, Protocol):
    """A trainer that imports libraries for seconds, which it can do before there is a job."""

    def prepare(self) -> None:
        """Import what ``train`` will need; called before it in the same process, mostly while data are being checked.

        Nothing else: no GPU is to be taken, for the process may be ended without ever being given a job. It may be
        called twice.
        """
        ...
