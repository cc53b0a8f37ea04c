"""What training and evaluating take of the memory, reckoned from a model's shape; nothing is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.advice.devices import Device
from harness.advice.memory import activations, adapters
from harness.advice.model.shape import Linear, ModelShape

Method = Literal["full", "lora", "qlora", "prefix_tuning", "prompt_tuning", "ia3"]
METHODS: tuple[Method, ...] = ("full", "lora", "qlora", "ia3", "prefix_tuning", "prompt_tuning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a step is taken."""

    method: Method
    batch: int
    length: int
    """Tokens of the longest row."""
    labelled: int | None = None
    """Tokens of it that the loss is on; ``None`` for all."""
    r: int = 16
    target_modules: str | tuple[str, ...] = "all-linear"
    virtual_tokens: int = 20
    checkpointing: bool | None = None
    """Whether activations are computed twice; ``None``: on a GPU yes and on a CPU no, as the trainers do."""
    dtype: str = "float32"
    """Of the frozen weights; what is trained is held in float32."""
    accumulates: bool = False
    device: Literal["cpu", "cuda"] = "cuda"


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Bytes at the largest moment of a training step, by what holds them."""

    training: Training
    weights: int
    """The model's own, in four bits with ``qlora``."""
    adapter: int
    """What is trained beside them; 0 with ``full``."""
    gradients: int
    optimizer: int
    activations: int
    overhead: int
    """The process with its libraries on a CPU, what the heap cannot give back included; CUDA's context on a GPU."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.adapter + self.gradients + self.optimizer + self.activations + self.overhead


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """A line of the table."""

    footprint: Footprint
    fits: tuple[str, ...]
    """Names of the known GPUs with one of which it can be done, the smallest first."""
    fits_here: bool | None
    """Whether the device at hand has room for it; ``None`` without one."""


_FLOAT, _HALF = 4, 2
_BLOCK, _BLOCKS = 64, 256
"""Numbers that share a scale in four bits, and scales that share one of their own: bitsandbytes' defaults."""
_CONTEXT = 500_000_000
"""CUDA's context with its libraries, 0.3 to 0.6 GB by driver and GPU: no tensor, but taken all the same. Our choice."""
_PROCESS = 600_000_000
"""A process on a CPU with torch, transformers, PEFT and TRL loaded: 0.55 GB were measured, with torch 2.13."""
_MOST_ROWS = 1 << 20
"""No batch is as large."""
_RESERVE = 0.05
"""Share of a device that stays free."""


def width(dtype: str) -> int:
    """Bytes of a number of this type."""
    return _HALF if dtype in ("bfloat16", "float16") else _FLOAT


def footprint(shape: ModelShape, training: Training) -> Footprint:
    """What one training step takes at its largest moment.

    Raises ``UsageError`` for ``target_modules`` that the model does not have, and for a method that it cannot have.
    """
    beside = adapters.adapted(shape, training.method, training.target_modules)
    step = _pass(shape, training, beside)
    added = adapters.numbers(shape, training.method, beside, r=training.r, virtual_tokens=training.virtual_tokens)
    trained = shape.parameters * step.weights if step.is_full else added * _FLOAT
    passing = round(activations.peak(step, trained, accumulates=training.accumulates))
    return Footprint(
        training=training,
        weights=_weights(shape, step),
        adapter=added * _FLOAT,
        gradients=trained,
        optimizer=2 * trained,
        activations=passing,
        overhead=overhead(training.device) + (0 if step.is_cuda else activations.heap(step)),
    )


def overhead(device: Literal["cpu", "cuda"]) -> int:
    """What is held before a model is there: CUDA's context, or the process with its libraries."""
    return _CONTEXT if device == "cuda" else _PROCESS


def _pass(shape: ModelShape, training: Training, beside: tuple[Linear, ...]) -> activations.Pass:
    on_gpu, method = training.device == "cuda", training.method
    narrow = on_gpu and training.dtype != "float32"
    virtual = training.virtual_tokens if method in ("prefix_tuning", "prompt_tuning") else 0
    length = training.length + (virtual if method == "prompt_tuning" else 0)
    is_lean = not on_gpu and not virtual
    labelled = training.labelled if training.labelled and (is_lean or on_gpu) else length
    twice = on_gpu if training.checkpointing is None else training.checkpointing
    return activations.Pass(
        shape=shape,
        method=method,
        rows=training.batch,
        length=length,
        labelled=min(labelled, length),
        virtual=virtual,
        weights=_FLOAT if method == "full" else width(training.dtype),
        autocasts=narrow,
        checkpoints=twice and method != "prefix_tuning",
        r=training.r,
        adapted=beside,
        is_lean=is_lean,
        is_cuda=on_gpu,
    )


def _weights(shape: ModelShape, step: activations.Pass) -> int:
    """The model's own; a layer in four bits takes half a byte a number, and its scales (QLoRA, arXiv:2305.14314)."""
    if step.method != "qlora":
        return shape.parameters * step.weights
    packed = [each for each in shape.linears if not each.is_expert]
    numbers = sum(each.inputs * each.outputs * each.count for each in packed)
    four_bit = sum(_packed(each.inputs * each.outputs) * each.count for each in packed)
    return (shape.parameters - numbers) * step.weights + four_bit


def _packed(numbers: int) -> int:
    """Bytes in four bits: a scale of a byte for each 64 numbers, four bytes for each 256 of these, and tables."""
    scales = -(-numbers // _BLOCK)
    return -(-numbers // 2) + scales + _FLOAT * -(-scales // _BLOCKS) + 256 * _FLOAT + 16 * _FLOAT


def largest_batch(shape: ModelShape, training: Training, free: int) -> int:
    """The most rows a step that fit ``free`` bytes; 0 where not even one does."""
    # what a step takes never falls with its rows, but not all of it grows by the same each time: gradients and tiles
    most, step = 0, _MOST_ROWS
    while step:
        if _total(shape, training, most + step) <= free:
            most += step
        else:
            step //= 2
    return most


def _total(shape: ModelShape, training: Training, batch: int) -> int:
    return footprint(shape, replace(training, batch=batch)).total


def kv_cache(shape: ModelShape, *, batch: int, length: int, dtype: str) -> int:
    """Bytes of keys and values of so many texts of so many tokens.

    Each head of keys has its own, which several heads of queries share; layers that look back over a window keep one
    token less than that, as transformers' ``DynamicCache`` does between two tokens.
    """
    short = length if shape.sliding_window is None else min(length, shape.sliding_window - 1)
    tokens = shape.sliding_layers * short + (shape.layers - shape.sliding_layers) * length
    # a Falcon of the second kind writes them out for every head before it keeps them
    is_spread = shape.architecture == "falcon" and shape.kv_heads > 1
    heads = shape.heads if is_spread else shape.kv_heads
    return 2 * batch * tokens * heads * shape.head_dim * width(dtype)


def evaluation(shape: ModelShape, *, batch: int, length: int, dtype: str, device: Literal["cpu", "cuda"]) -> int:
    """Bytes that answering takes at its largest moment: weights, keys and values, logits, and what is held anyway.

    That moment is when the prompts are read: a layer's inner numbers of every token are there at once, and the mask.
    """
    held = shape.parameters * width(dtype) + kv_cache(shape, batch=batch, length=length, dtype=dtype)
    logits = batch * shape.vocabulary * (width(dtype) + _FLOAT)
    inside = max((each.inputs for each in shape.linears), default=shape.intermediate)
    passing = logits + batch * length * (width(dtype) * (4 * shape.hidden + 3 * inside) + length)
    return held + passing + overhead(device)


def table(
    shape: ModelShape, trainings: Sequence[Training], *, here: Device | None, others: Sequence[Device]
) -> tuple[MemoryRow, ...]:
    """A line a training, with the devices that it fits; a twentieth of each stays free.

    The allocator of a GPU keeps blocks that fit no later request, and drivers differ in what they take: our choice.
    A method that the model cannot have, as IA3 where its places are not known, has no line.
    """
    by_size = sorted(others, key=lambda each: (each.memory, each.flops))
    return tuple(_row(found, here, by_size) for each in trainings if (found := _possible(shape, each)) is not None)


def _possible(shape: ModelShape, training: Training) -> Footprint | None:
    if training.method == "ia3" and not adapters.has_ia3(shape):
        return None
    return footprint(shape, training)


def _row(found: Footprint, here: Device | None, by_size: Sequence[Device]) -> MemoryRow:
    need = found.total / (1 - _RESERVE)
    return MemoryRow(
        footprint=found,
        fits=tuple(each.name for each in by_size if need <= each.memory),
        fits_here=None if here is None else need <= here.memory,
    )
