"""How long the training takes: by steps that were timed, else by the record, else by what a device's maker states."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.advice import devices
from harness.advice.devices import Device
from harness.advice.memory.memory import METHODS, Method
from harness.advice.model.shape import ModelShape
from harness.advice.time.duration import Duration, Probed, Rate, Schedule, of_probe, of_rate, roofline
from harness.advice.training.hyperparameters import Lengths
from harness.catalog import Catalog
from harness.store.reader import Reader
from harness.survey.ground import Ground
from harness.survey.recorded import recorded_rate
from harness.survey.schedule import schedule
from harness.survey.subject import Subject
from harness.values import Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One training as its time is reckoned."""

    subject: Subject
    ground: Ground
    trainer: Ref
    shape: ModelShape
    lengths: Lengths
    planned: Schedule
    probed: Probed | None
    reader: Reader | None

    def here(self) -> Duration:
        """Where it is to run: by 20 steps, else by what is recorded of like hardware, else by its figures."""
        if self.probed:
            return of_probe(self.planned, self.probed)
        # what was recorded here says nothing of a device elsewhere
        reader, plan = self.reader if self.ground.is_here else None, self.subject.plan
        rate = recorded_rate(plan, reader, self.trainer, self.shape) if reader and plan else None
        return of_rate(self.planned, rate or self._roofline(self.ground.device))

    def on(self, device: Device) -> Duration:
        """On a GPU of the table, by its figures, unless it is the one where it is to run."""
        meant = devices.named(self.ground.device.name)
        return self.here() if meant == device else of_rate(self.planned, self._roofline(device))

    def _roofline(self, device: Device) -> Rate:
        method: Method = next((each for each in METHODS if each == self.trainer.name), "lora")
        options = self.trainer.options
        batch = options.get("per_device_train_batch_size", 8)
        mean = self.lengths.total / max(1, self.planned.rows)
        return roofline(
            self.shape,
            method,
            device,
            dtype="bfloat16",
            checkpointing=bool(options.get("gradient_checkpointing", device.kind == "cuda")),
            length=round(mean),
            tokens_a_pass=max(1, round(mean * (batch if isinstance(batch, int) else 8))),
        )


def timing(
    subject: Subject,
    ground: Ground,
    trainer: Ref | None,
    probed: Probed | None,
    catalog: Catalog,
    reader: Reader | None,
) -> Timing | None:
    """``None`` where rows, model or trainer are not known; ``UsageError`` for a trainer that nobody offers."""
    if trainer is None or ground.lengths is None or ground.shape is None:
        return None
    lengths = ground.lengths
    planned = (
        schedule(subject.plan, catalog.trainer(trainer), lengths)
        if subject.plan
        else _schedule(len(subject.rows), lengths, trainer)
    )
    return Timing(
        subject=subject,
        ground=ground,
        trainer=trainer,
        shape=ground.shape,
        lengths=lengths,
        planned=planned,
        probed=probed,
        reader=reader,
    )


def _schedule(rows: int, lengths: Lengths, trainer: Ref) -> Schedule:
    """Without a suite: the advised options over all rows, nothing validated."""
    batch, steps = (
        int(str(trainer.options.get(name, 1)))
        for name in ("per_device_train_batch_size", "gradient_accumulation_steps")
    )
    epochs = float(str(trainer.options.get("num_train_epochs", 1)))
    return Schedule(rows=rows, tokens=lengths.total, epochs=epochs, rows_a_step=math.prod((batch, steps)))
