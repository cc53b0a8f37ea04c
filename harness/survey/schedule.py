"""What a training will do: steps, tokens and measurements, by its trainer's options and the suite's rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from harness.advice.time.duration import Schedule
from harness.advice.training import hyperparameters
from harness.advice.training.hyperparameters import Lengths
from harness.data import formats
from harness.execution.stages import shares
from harness.execution.train import processes_of
from harness.plan import Plan
from harness.protocols import Trainer
from harness.rows import Row

_SHORTEST = 0.5
"""Our choice, as a share of the median: rows that are shorter need no cutting anyway."""


def schedule(plan: Plan, trainer: Trainer, lengths: Lengths) -> Schedule:
    """What ``trainer`` will do with the suite's rows, which are ``lengths`` long; of several stages the last.

    Options are known by TRL's names; one that a trainer does not have counts as 1. With ``packing`` a row of the
    schedule is a pack.
    """
    train, validation = rows_of(plan)
    most, packs = int(option(trainer, "max_length", 0)), bool(option(trainer, "packing", 0))
    # raw text that is too long for a pack goes on in the next one
    tokens = lengths.total if packs and trainer.trains_on == "text" else _cut(lengths, most)
    # best fit leaves packs nearly full
    count = max(1, math.ceil(tokens / most)) if packs and most else len(train)
    at_once, epochs = rows_a_step(plan, trainer), epochs_of(trainer, len(train))
    end = int(option(trainer, "max_steps", -1))
    total = end if end > 0 else math.ceil(epochs * steps_an_epoch(count, at_once))
    return Schedule(
        rows=count,
        tokens=round(tokens),
        epochs=epochs,
        rows_a_step=at_once,
        max_steps=end,
        validation_tokens=round(tokens * characters(validation) / max(1, characters(train))) if validation else 0,
        validations=len(_measured(plan, trainer, steps_an_epoch(count, at_once), total)),
    )


def rows_of(plan: Plan) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The rows of the last training and those that it is measured on; without a training what ``data:`` has of them."""
    if plan.training:
        stage = plan.training.stages[-1]
        return stage.train, stage.validation
    train, validation = (_rows(plan, name) for name in ("train", "validation"))
    return train, validation


def characters(rows: Sequence[Row]) -> int:
    """What all rows say, in characters: how many times as long some are as others, before anything is counted."""
    return sum(len(row.text or "") + sum(len(turn.content) for turn in row.messages) for row in rows)


def rows_a_step(plan: Plan, trainer: Trainer) -> int:
    """How many rows a step of the optimizer rests on, in all processes together."""
    together = processes_of(plan.suite.model.device, plan.training.settings.launch if plan.training else None) or 1
    batch, accumulated = (
        option(trainer, name, 1) for name in ("per_device_train_batch_size", "gradient_accumulation_steps")
    )
    return max(1, int(batch * accumulated * together))


def epochs_of(trainer: Trainer, rows: int) -> float:
    """How often each row is seen; 0, as of ``auto``, stands for what their number asks for."""
    return option(trainer, "num_train_epochs", 1) or hyperparameters.epochs(rows)[0]


def steps_an_epoch(rows: int, at_once: int) -> int:
    """Of the optimizer; the last one may have fewer rows."""
    return max(1, math.ceil(rows / at_once))


def measures_every(trainer: Trainer, steps_an_epoch: int) -> int:
    """After how many steps the validation loss is measured and the training's state saved."""
    return math.ceil(steps_an_epoch / max(1, option(trainer, "evals_per_epoch", 1)))


def option(trainer: Trainer, name: str, otherwise: float) -> float:
    """What a trainer was told, or ``otherwise`` where it has no such option or was told nothing."""
    said = getattr(trainer, name, None)
    return float(otherwise if said is None else said)


def _measured(plan: Plan, trainer: Trainer, an_epoch: int, total: int) -> set[int]:
    """After which steps: at regular ones, at the end, and where a checkpoint is kept to be judged.

    A trainer saves its state at these moments whether there are validation rows or not.
    """
    every = measures_every(trainer, an_epoch)
    keep = shares(plan.training.settings.evaluate_every) if plan.training else ()
    return {*range(every, total + 1, every), total, *(max(1, round(part * total)) for part in keep)}


def _cut(lengths: Lengths, most: int) -> float:
    """Tokens of all rows with ``most`` of each at most; 0 cuts nothing.

    What the longest rows lose is reckoned from the quantiles, straight lines between them.
    """
    if not most or lengths.longest <= most:
        return lengths.total
    points = (
        (0.0, _SHORTEST * lengths.median),
        (0.5, lengths.median),
        (0.95, lengths.p95),
        (0.99, lengths.p99),
        (1.0, lengths.longest),
    )
    whole = cut = 0.0
    for (start, low), (end, high) in pairwise(points):
        whole += (end - start) * (low + high) / 2
        cut += (end - start) * _mean_below(low, high, most)
    return lengths.total * cut / whole


def _mean_below(low: float, high: float, most: float) -> float:
    """The mean of sizes that rise from ``low`` to ``high``, each cut at ``most``."""
    if high <= most:
        return (low + high) / 2
    if low >= most:
        return most
    rising = (most - low) / (high - low)
    return rising * (low + most) / 2 + (1 - rising) * most


def _rows(plan: Plan, name: str) -> tuple[Row, ...]:
    read = next((table.rows for table in plan.tables if table.name == name), None)
    if read is not None:
        return tuple(read)
    return formats.read(name, plan.suite.data[name])[1] if name in plan.suite.data else ()
