"""The numbers of a training as they follow from one another: length, rows a step, batch, rounds and steps."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from harness.advice.memory.memory import Footprint, Method, Training, footprint
from harness.advice.training.chosen import Lengths, Means
from harness.advice.training.methods import ADAPTER_ROOM, MethodMeans
from harness.advice.training.sizes import advised_epochs, advised_rank

ROWS_A_STEP = ((100, 8), (5_000, 16), (None, 32))
"""Our choice within 16 to 64: up to so many rows, so many a step. Few rows make few steps, and want small ones."""
ROWS_A_STEP_FULL = ((100, 8), (5_000, 16), (None, 64))
"""Full fine-tuning bears larger steps than LoRA (Schulman and Thinking Machines 2025), and has the rows for them."""
STEP_OF_LENGTH = 64
"""Lengths are rounded up to a multiple of it."""
OUTLIER = 2
"""Our choice: rows longer than so many times the 99th percentile are cut, for each makes a batch as dear as itself."""
UNKNOWN_LENGTH = 1_024
"""The trainers' default, and TRL's."""
ON_A_CPU = 8
"""Our choice: a larger batch takes more memory there and saves no time."""
BATCH_WORTH_HAVING = 4
"""Our choice: with fewer rows a batch on a GPU, activations are computed twice for the memory that it frees."""
VIRTUAL_TOKENS = 20
"""As PEFT's examples have it."""
LEARN_A_PROMPT = ("prefix_tuning", "prompt_tuning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a training does."""

    means: Means
    method: Method
    r: int
    epochs: float
    length: int
    cut: float
    """Share of the rows that are longer, at most."""
    rows_a_step: int
    batch: int
    checkpointing: bool
    footprint: Footprint
    """Of a step."""

    @property
    def accumulation(self) -> int:
        """Batches that make a step."""
        return self.rows_a_step // self.batch

    @property
    def steps_an_epoch(self) -> int:
        """Of the optimizer."""
        return max(1, math.ceil(self.means.rows / self.rows_a_step))

    @property
    def steps(self) -> int:
        """All of them."""
        return max(1, math.ceil(self.steps_an_epoch * self.epochs))

    @property
    def fits(self) -> bool:
        """Whether such a step leaves a tenth of the free memory."""
        return self.footprint.total <= ADAPTER_ROOM * self.means.device.memory


def settle(means: Means, method: Method) -> Settled:
    """All numbers for a method, whether it is the one to take or not."""
    length = max_length(means, method)
    r, wanted = advised_rank(means.rows, means.complexity), rows_a_step(means.rows, method)
    training = smallest(means, method)
    batch, checkpointing = _batch(means, replace(training, r=r), wanted)
    whole = replace(training, batch=batch, checkpointing=checkpointing, accumulates=batch < wanted)
    return Settled(
        means=means,
        method=method,
        r=r,
        epochs=advised_epochs(means.rows)[0],
        length=length,
        cut=cut(means.lengths, length),
        rows_a_step=wanted,
        batch=batch,
        checkpointing=checkpointing,
        footprint=footprint(means.shape, whole),
    )


def needs(means: Means) -> MethodMeans:
    """What the choice of a method rests on: the memory of a step with one row a batch, for each that can be had."""
    methods: tuple[Method, ...] = ("full", "lora", "qlora")
    found: dict[str, int] = {
        method: footprint(means.shape, smallest(means, method)).total
        for method in methods
        if means.is_installed.get(method, True)
    }
    return MethodMeans(means.rows, means.shape.parameters, means.device.memory, found)


def smallest(means: Means, method: Method) -> Training:
    """A step with one row a batch."""
    length = max_length(means, method)
    longest = min(length, means.lengths.longest) if means.lengths else length
    device: Literal["cpu", "cuda"] = "cpu" if means.device.kind == "cpu" else "cuda"
    return Training(
        method=method,
        batch=1,
        length=max(1, longest),
        labelled=_labelled(means.lengths, longest),
        r=advised_rank(means.rows, means.complexity),
        virtual_tokens=VIRTUAL_TOKENS,
        dtype=means.dtype,
        accumulates=True,
        device=device,
    )


def max_length(means: Means, method: Method) -> int:
    """The length that holds the longest row, or all but the outliers among them; never beyond the model's window."""
    wanted = UNKNOWN_LENGTH
    if means.lengths:
        longest, usual = means.lengths.longest, OUTLIER * means.lengths.p99
        wanted = longest if longest <= usual else means.lengths.p99
        wanted = STEP_OF_LENGTH * max(1, math.ceil(wanted / STEP_OF_LENGTH))
    virtual = VIRTUAL_TOKENS if method in LEARN_A_PROMPT else 0
    return max(2, min(wanted, (means.shape.window or wanted + virtual) - virtual))


def cut(lengths: Lengths | None, length: int) -> float:
    """Share of the rows that are longer, at most; 0 where nothing is known of them."""
    if lengths is None or lengths.longest <= length:
        return 0.0
    kept = ((lengths.p99, 0.01), (lengths.p95, 0.05), (lengths.median, 0.5))
    return next((share for size, share in kept if size <= length), 1.0)


def rows_a_step(rows: int, method: str) -> int:
    """Over all batches of a step: a power of two, and never more than there are."""
    sizes = ROWS_A_STEP_FULL if method == "full" else ROWS_A_STEP
    wanted = next(size for most, size in sizes if most is None or rows < most)
    return _power(min(wanted, max(1, rows)))


def _batch(means: Means, training: Training, wanted: int) -> tuple[int, bool]:
    """Rows a batch and whether activations are computed twice: only where that is what makes room for a fair batch."""
    most = min(wanted, ON_A_CPU) if training.device == "cpu" else wanted
    worth = 1 if training.device == "cpu" else min(BATCH_WORTH_HAVING, wanted)
    plain = _fitting(means, replace(training, checkpointing=False), most, wanted)
    if plain >= worth or training.method == "prefix_tuning":
        return max(1, plain), False
    twice = _fitting(means, replace(training, checkpointing=True), most, wanted)
    return (plain, False) if plain >= max(1, twice) else (max(1, twice), True)


def _fitting(means: Means, training: Training, most: int, wanted: int) -> int:
    """The largest power of two up to ``most`` that has room; 0 where one row has none.

    Each is reckoned, for what is the largest moment of a step may change with the batch.
    """
    free = ADAPTER_ROOM * means.device.memory
    sizes = (1 << power for power in range(_power(most).bit_length() - 1, -1, -1))
    tried = (replace(training, batch=size, accumulates=size < wanted) for size in sizes)
    return next((each.batch for each in tried if footprint(means.shape, each).total <= free), 0)


def _labelled(lengths: Lengths | None, longest: int) -> int | None:
    """Columns that the loss is on: twice the answers' share (our choice), for rows of a batch end at unlike places."""
    if lengths is None or not lengths.total:
        return None
    return max(1, min(longest, math.ceil(longest * 2 * lengths.answers / lengths.total)))


def _power(size: int) -> int:
    return 1 << (size.bit_length() - 1)
