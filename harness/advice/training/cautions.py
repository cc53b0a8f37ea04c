"""What to look out for in a training, a sentence each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from harness.advice.devices import known
from harness.advice.training.chosen import Means
from harness.advice.training.methods import ADAPTER_ROOM, MethodMeans, fits, gigabytes
from harness.advice.training.settled import Settled, needs, settle

TIGHT = 0.8
"""Our choice: a step beyond this share of the free memory is said to be tight."""
FEW_STEPS = 100
"""Below so many, LoRA Without Regret found half as high a rate again to be best."""


def cautions(settled: Settled, found: MethodMeans) -> tuple[str, ...]:
    """The most pressing first: memory, rows, steps, lengths, forgetting, template, pairs."""
    parts = (_memory(settled, found), _type(settled), _rows(settled), _steps(settled), _cut(settled))
    return tuple(each for part in (*parts, _forgetting(settled), _template(), _pairs(settled.means)) for each in part)


def _memory(settled: Settled, found: MethodMeans) -> Iterator[str]:
    takes, has = settled.footprint.total, settled.means.device.memory
    if takes > ADAPTER_ROOM * has:
        fitting = next((each.name for each in known() if takes <= ADAPTER_ROOM * each.memory), None)
        way = f"the smallest GPU that has room is {fitting}" if fitting else "no single GPU of the table has room"
        smaller = " with bitsandbytes installed, qlora may fit;" if "qlora" not in found.needs else ""
        yield (
            f"A step takes about {gigabytes(takes)} GB with one row a batch, and {gigabytes(has)} GB are free on "
            f"{settled.means.device.name}:{smaller} {way}; shorter rows or a smaller model are the other ways out."
        )
    elif takes > TIGHT * has:
        yield (
            f"Memory is tight: about {gigabytes(takes)} GB of {gigabytes(has)} GB. The training says before its first "
            "step whether it fits; max_length and per_device_train_batch_size are what to lower."
        )


def _type(settled: Settled) -> Iterator[str]:
    """Where half as wide weights would spare the four bits."""
    means = settled.means
    if means.device.kind == "cpu" or means.dtype != "float32" or settled.method not in ("lora", "qlora"):
        return
    half = replace(means, dtype="bfloat16")
    if settled.method == "qlora" and fits(needs(half), "lora"):
        yield (
            "The suite opens the model in float32: with model.dtype: bfloat16 lora fits, at about "
            f"{gigabytes(settle(half, 'lora').footprint.total)} GB, and needs no four bits."
        )
    elif settled.checkpointing and settled.method == "lora":
        yield (
            "The suite opens the model in float32: with model.dtype: bfloat16 the frozen weights take half, about "
            f"{gigabytes(settle(half, 'lora').footprint.total)} GB a step in all."
        )


def _rows(settled: Settled) -> Iterator[str]:
    rows = settled.means.rows
    if rows < 100:
        yield (
            f"{rows:,} rows are too few to tune on: examples in the prompt come first, and with 100 rows more this "
            "becomes a trial."
        )
    elif rows < 1_000:
        yield (
            f"{rows:,} rows are few: keep a validation split, look at each row, and train with two or three seeds; "
            "believe the gate rather than the loss."
        )


def _steps(settled: Settled) -> Iterator[str]:
    if settled.steps < FEW_STEPS:
        yield (
            f"{settled.steps:,} steps are few: if the validation loss still falls at the end, take half as high a "
            "learning rate again (LoRA Without Regret found that below 100 steps) or more rounds."
        )


def _cut(settled: Settled) -> Iterator[str]:
    if settled.cut:
        most = math.ceil(settled.cut * settled.means.rows)
        yield (
            f"Up to {most:,} rows are longer than {settled.length:,} tokens, and lose the end of their answer, which "
            "teaches the model to stop short: shorten or drop them."
        )


def _forgetting(settled: Settled) -> Iterator[str]:
    if not settled.means.keeps_general:
        yield (
            "The suite asks no general benchmark: add one, or what the model forgets goes unseen. A drop beyond 5 % on "
            "one means overtraining."
        )
        return
    yield (
        "A drop beyond 5 % on a general benchmark means overtraining: fewer rounds, half the learning rate, or "
        "trainer.general_data mixed in"
        + (", or lora, which forgets less (Biderman and others 2024)." if settled.method == "full" else ".")
    )


def _template() -> Iterator[str]:
    yield (
        "Serve the tuned model with its own chat template and the same system text; another template at serving undoes "
        "what was learnt."
    )


def _pairs(means: Means) -> Iterator[str]:
    if means.preference_pairs:
        yield (
            f"{means.preference_pairs:,} preference pairs are not trained on: the harness has no preference trainer "
            "and refuses such rows. Train with this first, then with DPO on the pairs (TRL's DPOTrainer, beta 0.1, a "
            "learning rate a tenth of this one or lower), and bring the result back as a model to evaluate."
        )
