"""How long a training and its evaluation take, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.advice.devices import Device
from harness.advice.memory.memory import Method
from harness.advice.model.shape import ModelShape
from harness.advice.money.offers import Charge
from harness.advice.time import operations, reach

Known = Literal["probe", "record", "roofline"]

DRIFT = 0.10
"""By how much a machine may run slower or faster than while it was probed, as a share of the time; our choice: clocks
and other work on it change from one minute to the next."""
AROUND = 0.5
"""The same of starting and ending: files that lie in the page cache, or do not any more; our choice."""
ERRORS = 2.0
"""Standard errors of a step's time: about 95 % of what 20 steps can mean."""

A_PASS = 2048.0
"""Tokens that go through the model at a time where nobody says: 8 rows of 256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast training goes on a device."""

    tokens_per_second: float
    low: float
    """The slowest that is likely."""
    high: float
    """The fastest."""
    known_by: Known
    basis: str
    """In words: ``20 steps on this machine``, ``support-tickets-3 on the same processor, scaled by parameters``."""
    validated_per_second: float | None = None
    """Tokens that are only measured; ``None``: twice as many as are trained on, as with frozen weights."""
    starting: float = 0.0
    """Seconds before the first step, as far as they are known; 0 where the rate has them in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """Seconds of a whole training."""

    seconds: float
    low: float
    high: float
    steps: int
    tokens: int
    """That go through the model, all epochs together."""
    starting: float
    """Seconds before the first step."""
    stepping: float
    validating: float
    rate: Rate
    ending: float = 0.0
    """Seconds after the last step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What a training does, as its options and rows have it."""

    rows: int
    """With packing, of packs."""
    tokens: int
    """Of all rows, cut at the longest that is allowed."""
    epochs: float
    rows_a_step: int
    max_steps: int = -1
    validation_tokens: int = 0
    validations: int = 0
    """How often the validation rows go through the model."""

    @property
    def steps(self) -> int:
        """Of the optimizer: as the Hugging Face trainer counts them, the last of an epoch may have fewer rows."""
        if self.max_steps > 0:
            return self.max_steps
        return math.ceil(self.epochs * self._an_epoch)

    @property
    def rows_seen(self) -> int:
        """Rows that go through the model, each as often as it does."""
        epochs, more = divmod(self.steps, self._an_epoch)
        return epochs * self.rows + min(more * self.rows_a_step, self.rows)

    @property
    def tokens_seen(self) -> int:
        """Tokens that go through the model, all epochs together."""
        return round(self.tokens * self.rows_seen / self.rows) if self.rows else 0

    @property
    def full_steps(self) -> float:
        """The steps, one that has fewer rows counted as a part of one."""
        return self.rows_seen / self.rows_a_step

    @property
    def _an_epoch(self) -> int:
        return max(1, math.ceil(self.rows / self.rows_a_step))


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a few steps on the device took."""

    steps: int
    starting: float
    """Seconds from the start of the process to the first step."""
    step_seconds: float
    """Of a step once it runs steadily, scaled to a step of mean length."""
    validation_seconds: float
    """Of one round over all validation rows."""
    ending: float
    """Seconds from the last step to the end of the process."""
    spread: float
    """Standard error of ``step_seconds``."""
    tokens_per_second: float
    peak_memory: int | None
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What asking all arms takes."""

    seconds: float
    basis: str
    """What is asked and by what that is known, in words."""
    charge: Charge | None = None
    """On the GPU at hand; ``None`` where there is none, or it has no price."""


_FOUR_BITS_SLOWER = 1.39
"""QLoRA against LoRA (Raschka 2023, Lightning AI: 39 % more time)."""
_IMPORTS = 15.0
"""Seconds until the libraries are there; our choice."""
_READ = 1e9
"""Bytes of weights that are read in a second; our choice, of a local disk."""


def roofline(
    shape: ModelShape,
    method: Method,
    device: Device,
    *,
    dtype: str,
    checkpointing: bool,
    length: float = 0.0,
    tokens_a_pass: float = A_PASS,
) -> Rate:
    """The rate that the device's figures allow, with a range that holds most trainings.

    A pass takes as long as the slowest of its operations, its bytes and its launches (Williams and others 2009). With
    ``length``, the tokens of a row, attention counts too; ``tokens_a_pass`` go through the model at a time.
    """
    work = operations.training(shape, method, dtype=dtype, checkpointing=checkpointing, length=length)
    slower = _FOUR_BITS_SLOWER if method == "qlora" else 1.0
    reaches = reach.of(device)
    low, likely, high = (reach.tokens_a_second(work, device, each, tokens_a_pass, slower) for each in reaches)
    measured = operations.answering(shape, dtype=dtype, length=length)
    return Rate(
        tokens_per_second=likely,
        low=low,
        high=high,
        known_by="roofline",
        basis=reach.basis(work, device, tokens_a_pass, slower),
        validated_per_second=reach.tokens_a_second(measured, device, reaches[1], tokens_a_pass, slower),
        starting=_IMPORTS + operations.weights(shape, dtype) / _READ,
    )


def of_rate(schedule: Schedule, rate: Rate) -> Duration:
    """The duration at a rate."""
    measured = schedule.validations * schedule.validation_tokens
    validated = rate.validated_per_second or 2 * rate.tokens_per_second
    stepping, validating = schedule.tokens_seen / rate.tokens_per_second, measured / validated
    at_work = stepping + validating
    return Duration(
        seconds=rate.starting + at_work,
        low=rate.starting * AROUND + at_work * rate.tokens_per_second / rate.high,
        high=rate.starting / AROUND + at_work * rate.tokens_per_second / rate.low,
        steps=schedule.steps,
        tokens=schedule.tokens_seen,
        starting=rate.starting,
        stepping=stepping,
        validating=validating,
        rate=rate,
    )


def of_probe(schedule: Schedule, probed: Probed) -> Duration:
    """The duration by a probe.

    The interval has two parts: ``ERRORS`` standard errors of a step's time, and the machine's ``DRIFT``. A step with
    fewer rows counts as a part of one; at the most as a whole one, as where launching is what takes the time.
    """
    stepping = schedule.full_steps * probed.step_seconds
    validating = schedule.validations * probed.validation_seconds
    around = probed.starting + probed.ending
    error = min(ERRORS * probed.spread, probed.step_seconds) * schedule.full_steps
    most = max(stepping, schedule.steps * probed.step_seconds) + error
    return Duration(
        seconds=around + stepping + validating,
        low=around * (1 - AROUND) + (stepping - error + validating) * (1 - DRIFT),
        high=around * (1 + AROUND) + (most + validating) * (1 + DRIFT),
        steps=schedule.steps,
        tokens=schedule.tokens_seen,
        starting=probed.starting,
        stepping=stepping,
        validating=validating,
        rate=_rate(probed),
        ending=probed.ending,
    )


def _rate(probed: Probed) -> Rate:
    error = min(ERRORS * probed.spread / probed.step_seconds, 1.0) if probed.step_seconds else 0.0
    return Rate(
        tokens_per_second=probed.tokens_per_second,
        low=probed.tokens_per_second / ((1 + error) * (1 + DRIFT)),
        high=probed.tokens_per_second / (max(1 - error, 0.1) * (1 - DRIFT)),
        known_by="probe",
        basis=probed.basis,
        starting=probed.starting,
    )
