"""What a training will take of the memory, before it begins, and whether that is there."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness import Progress, Report, TrainJob, UsageError

if TYPE_CHECKING:
    from harness_trainers.footprint import Place
    from harness_trainers.options import Common

_LONGEST_READ = 64
"""How many rows are tokenised to know how long the longest are."""
_TIGHT = 0.9
_MOST_ROWS = 1 << 20
"""No batch is larger."""


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes at the largest moment of a training step, by what holds them."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    """What the largest moment needs beyond weights, optimizer and gradients: kept activations, logits, temporaries."""
    overhead: int
    """What is held whatever is trained: on a CPU the process with its libraries, on a GPU the workspaces of its own."""
    method: str = ""
    batch: int = 1
    length: int = 0
    heap: int = 0
    """What the C library's heap holds beside all that on a CPU: freed blocks that fit no later request."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.training + self.heap + self.overhead

    @property
    def training(self) -> int:
        """What the training asks for, beside what is held already: the least that must be free."""
        return self.weights + self.gradients + self.optimizer + self.activations

    @property
    def sentence(self) -> str:
        """How a person is told."""
        rows = "1 row" if self.batch == 1 else f"{self.batch} rows"
        parts = (
            ("weights", self.weights),
            ("gradients", self.gradients),
            ("optimizer", self.optimizer),
            ("activations", self.activations),
            ("the rest", self.overhead + self.heap),
        )
        told = ", ".join(f"{name} {gigabytes(size)}" for name, size in parts)
        return f"about {gigabytes(self.total)} GB for {self.method} with {rows} of {self.length:,} tokens ({told})"


@dataclass(frozen=True, slots=True)
class Lengths:
    """The batch that needs most: the longest rows, which come together."""

    tokens: int
    labelled: int
    """Columns in which any row of it has a label."""


class CannotEstimate(Exception):  # noqa: N818 - a state of the world: this model's code wants numbers
    """The model cannot be rehearsed; ``str()`` is the cause in one line."""


def estimate(
    options: Common,
    job: TrainJob,
    *,
    longest: int | None = None,
    labelled: int | None = None,
    place: Place | None = None,
) -> MemoryEstimate:
    """What a step of ``options`` on ``job`` takes, from the model's configuration alone; nothing is loaded.

    ``longest`` is the longest row in tokens and ``labelled`` how many columns of the batch have a label; without them
    the longest rows of the file are tokenised. ``place`` is where the step is taken, if not where ``job`` says; a GPU
    that is not here is ``footprint.elsewhere``. The sum is

    - weights: every parameter and buffer in its type; a layer in four bits takes half a byte a number, and for each 64
      numbers a float32 scale, or with double quantisation a byte, and a float32 for each 256 of these (QLoRA,
      arXiv:2305.14314, section 3);
    - gradients: as large as the trained parameters, freed after each step;
    - optimizer: AdamW's two moments, in the type of the trained parameters (``torch.optim.AdamW``);
    - activations: the peak of forward and backward pass as ``rehearsal`` plays them through, gradients left out;
    - overhead: on a CPU what this process holds when it is asked, its libraries; on a GPU cuBLAS's workspaces (the
      context is there before free memory is read);
    - heap: on a CPU what the C library keeps of freed blocks, in a process that was started with
      ``harness.machine.lean_heap``, as ``harness train`` starts its own; without that it may keep twice as much.

    The optimizer's step needs less than the passes: it is fused, and works in place. Raises ``CannotEstimate``.
    """
    from harness_trainers import footprint, rehearsal  # torch lives behind this line

    found = lengths_of(options, job) if longest is None or labelled is None else Lengths(longest, labelled)
    tokens = min(longest or found.tokens, options.max_length)
    scored = min(labelled or found.labelled, tokens)
    length = options.max_length if options.packing else tokens
    shape = rehearsal.Shape(
        options.per_device_train_batch_size, length, math.ceil(scored / tokens * length), is_packed=options.packing
    )
    try:
        parts = footprint.measure(options, job, shape, place)
    except UsageError:
        raise
    except Exception as error:  # a model's own code may do anything; the training itself goes on without an estimate
        raise CannotEstimate(_first_line(error)) from error
    return MemoryEstimate(**parts._asdict(), method=options.name, batch=shape.batch, length=shape.length)


def check_fits(options: Common, job: TrainJob, report: Report, *, longest: int | None = None) -> None:
    """Report what the training will take of what there is; ``UsageError`` with remedies when that is too much.

    Too much is what it asks for alone; where only the heap's share does not fit, it is told that it is tight.
    A model that cannot be rehearsed is reported as such and goes on, and so does one that FSDP or DeepSpeed spreads.
    """
    try:
        found = estimate(options, job, longest=longest)
    except CannotEstimate as error:
        report(_said(f"memory: no estimate for this model ({error})"))
        return
    free, held = available(job), _held(found, job)
    least, likely = found.total - found.heap - held, found.total - held
    tight = " (tight)" if least <= free and likely > _TIGHT * free else ""
    spread = ", before it is spread over the processes" if _is_spread() else ""
    report(_said(f"memory: {found.sentence} of {gigabytes(free + held)} GB{tight}{spread}"))
    if least > free and not _is_spread():
        raise UsageError(
            f"trainer {options.name!r}: a step takes about {gigabytes(least)} GB of memory and "
            f"{gigabytes(free)} GB are free",
            remedy=_remedies(options, job, likely, found.length, free, longest),
        )


def _is_spread() -> bool:
    """Whether what the estimate counts whole is spread over processes, or into the machine's memory."""
    return any(os.environ.get(f"ACCELERATE_USE_{name}", "").lower() == "true" for name in ("FSDP", "DEEPSPEED"))


def available(job: TrainJob) -> int:
    """Bytes that a training of ``job`` can still take: of its GPU, or of the machine and its container."""
    from harness_trainers import footprint  # torch lives behind this line

    return footprint.free_bytes(footprint.device_of(job))


def parameters(job: TrainJob) -> int:
    """How many numbers the job's model has; its weights are not loaded."""
    from harness_trainers import footprint  # torch lives behind this line

    return footprint.parameters(job)


def gigabytes(size: int) -> str:
    """As a person reads it, 10**9 bytes each: ``0.02``, ``1.9``, ``23``."""
    value = size / 1e9
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.095 else f"{value:.2f}"


def lengths_of(options: Common, job: TrainJob) -> Lengths:
    """The longest rows of the job's file as tokens; those with the most characters are tokenised."""
    from harness_trainers import footprint  # torch lives behind this line

    return Lengths(*footprint.longest_rows(options, job, _LONGEST_READ))


def largest_batch(options: Common, job: TrainJob, free: int, *, longest: int | None = None) -> int:
    """The most rows a step that fit ``free`` bytes, 0 if not even one does: that many fit, and one more does not.

    A step plays through in seconds however many rows it has, and what it takes hardly departs from a line, so that the
    border is found by drawing one between a size that fits and one that does not, and by halving where that is slow.
    """

    @functools.cache
    def need(rows: int) -> int:
        return _likely(replace(options, per_device_train_batch_size=rows), job, longest)

    fits, fails = 0, 1
    while fails <= _MOST_ROWS and need(fails) <= free:
        fits, fails = fails, 4 * fails
    halves = False
    while fits and fails - fits > 1 and fails <= _MOST_ROWS:
        before = fails - fits
        share = 0.5 if halves else (free - need(fits)) / (need(fails) - need(fits))
        rows = min(fails - 1, max(fits + 1, fits + math.floor(share * before)))
        fits, fails = (rows, fails) if need(rows) <= free else (fits, rows)
        halves = fails - fits > before / 2 and not halves
    return fits


def _likely(options: Common, job: TrainJob, longest: int | None) -> int:
    """Bytes that a step adds to what is held already."""
    found = estimate(options, job, longest=longest)
    return found.total - _held(found, job)


def _remedies(options: Common, job: TrainJob, likely: int, length: int, free: int, longest: int | None) -> str:
    """Ways out, the most useful first, each with its number; those that change nothing are left out."""
    shorter = max(2, length // 2)
    others: list[tuple[str, Callable[[], Common]]] = [
        ("gradient_checkpointing: true", lambda: replace(options, gradient_checkpointing=True)),
        ("trainer qlora", lambda: _in_four_bits(options)),
        (f"max_length: {shorter}", lambda: replace(options, max_length=shorter)),
    ]
    told = [_smaller_batch(options, job, free, longest)]
    for what, make in others:
        try:
            then = _likely(make(), job, longest)
        except (CannotEstimate, UsageError, ValueError):
            continue  # a way that this method does not have
        if then < likely:
            told.append(f"{what} (about {gigabytes(then)} GB{'' if then <= free else ', still too much'})")
    return ", or ".join(filter(None, told)) or "take a smaller model, or a machine with more memory"


def _smaller_batch(options: Common, job: TrainJob, free: int, longest: int | None) -> str | None:
    most = largest_batch(options, job, free, longest=longest)
    if not 0 < most < options.per_device_train_batch_size:
        return None
    rows = options.per_device_train_batch_size * options.gradient_accumulation_steps
    # a divisor keeps the number of rows a step, and with it the training, as it was
    size = max(each for each in range(1, most + 1) if rows % each == 0)
    return (
        f"per_device_train_batch_size: {size} with gradient_accumulation_steps: {rows // size} "
        f"(the largest batch that fits is {most})"
    )


def _in_four_bits(options: Common) -> Common:
    """QLoRA with the options that are about batches and rows; ``ValueError`` where it is no way out."""
    from harness_trainers.methods import Qlora

    if options.name not in ("full", "lora"):
        raise ValueError(f"{options.name} has no form in four bits")
    return Qlora(
        per_device_train_batch_size=options.per_device_train_batch_size,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        gradient_checkpointing=options.gradient_checkpointing,
        max_length=options.max_length,
        packing=options.packing,
        precision=options.precision,
    )


def _held(found: MemoryEstimate, job: TrainJob) -> int:
    """What is not free any more because this process has it, so that an estimate of all is compared with all."""
    from harness_trainers import footprint  # torch lives behind this line

    return found.overhead if footprint.device_of(job) == "cpu" else 0


def _said(message: str) -> Progress:
    return Progress(0, 0, 0.0, message=message)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
