"""How a training goes through its rows: rounds, steps and batches, how long a row may be, and when it ends early."""

from __future__ import annotations

import math

from harness.advice.training import sources
from harness.advice.training.chosen import Choice, Claim
from harness.advice.training.methods import gigabytes
from harness.advice.training.settled import LEARN_A_PROMPT, ON_A_CPU, Settled
from harness.advice.training.sizes import advised_epochs

MEASUREMENTS = 10
"""Our choice: about so often the validation loss is measured in all."""
PATIENCE = 3
"""Our choice, and the trainers' default."""
GUIDES = Claim("5 to 10 below 1,000 rows, 3 to 5 up to 5,000, 2 to 3 up to 10,000, 1 to 2 beyond", sources.COMMON)


def choices(settled: Settled) -> tuple[Choice, ...]:
    """Rounds, batches, lengths and measurements."""
    parts = (_epochs, _batch, _accumulation, _length, _checkpointing, _precision, _packing, _measurements, _patience)
    return tuple(part(settled) for part in parts)


def _epochs(settled: Settled) -> Choice:
    epochs, low, high = advised_epochs(settled.means.rows)
    return Choice(
        "num_train_epochs",
        epochs,
        f"{settled.means.rows:,} rows: {settled.steps_an_epoch:,} steps a round, {settled.steps:,} in all; the "
        "checkpoint with the lowest validation loss is kept, so a round too many costs time only",
        (
            GUIDES,
            Claim("3 from 34 to 8,333 rows, fewer beyond, up to 25 below", sources.OPENAI),
            Claim("3 for 52,000 rows", sources.ALPACA),
            Claim("1 to 3", sources.UNSLOTH),
            Claim("2 for some hundred thousand rows", sources.SMOLLM2),
        ),
        low=low,
        high=high,
        disagreement="1 to 3 whatever the rows in some guides, up to 10 for few rows in others: few rows make few "
        "steps, and with validation rows the training ends by itself when it gets worse.",
    )


def _batch(settled: Settled) -> Choice:
    device = settled.means.device
    taken = f"about {gigabytes(settled.footprint.total)} GB of {gigabytes(device.memory)} GB"
    room = f"takes {taken}{'' if settled.means.lengths is None else ' with the rows as they are'}"
    return Choice(
        "per_device_train_batch_size",
        settled.batch,
        f"{_why_this_batch(settled)}; {room}",
        (Claim("reckoned from the model's shape, a tenth of the memory left free", sources.OURS),),
        low=1,
        high=settled.rows_a_step,
    )


def _why_this_batch(settled: Settled) -> str:
    if not settled.fits:
        return "the smallest, and yet there is no room for it"
    if settled.batch == settled.rows_a_step:
        return "a whole step at a time"
    if settled.means.device.kind == "cpu" and settled.batch == ON_A_CPU:
        return "larger ones gain nothing on a CPU"
    return "the largest power of two that has room"


def _accumulation(settled: Settled) -> Choice:
    return Choice(
        "gradient_accumulation_steps",
        settled.accumulation,
        f"{settled.batch} x {settled.accumulation} = {settled.rows_a_step} rows a step: {settled.steps_an_epoch:,} "
        "steps a round, for few rows want small steps, so that there are enough of them",
        (
            Claim("16 to 64 rows a step", sources.COMMON),
            Claim("16 rows a step", sources.QLORA_CODE),
            Claim("small steps: LoRA bears large ones less well than full fine-tuning", sources.REGRET),
            Claim("fewer than 32 rows a step", sources.TRL_REGRET),
            Claim("128 rows a step", sources.ALPACA),
        ),
        low=math.ceil(16 / settled.batch),
        high=math.ceil(64 / settled.batch),
        disagreement="16 to 128 rows a step: LoRA learns worse from large ones, whatever its rank, so the lower half "
        "is followed; full fine-tuning gets 64.",
    )


def _length(settled: Settled) -> Choice:
    lengths = settled.means.lengths
    if lengths is None:
        reason = "the rows were not counted: the trainers' default"
    else:
        reason = (
            f"99 % of rows have {lengths.p99:,} tokens or fewer; the longest has {lengths.longest:,}, of "
            f"{lengths.counted:,} rows counted; {_told_cut(settled)}"
        )
    return Choice(
        "max_length",
        settled.length,
        reason,
        (
            Claim(
                "from the rows themselves, rounded up to 64; the last hundredth is cut if it is far longer",
                sources.OURS,
            ),
            Claim("1,024", sources.TRL),
            Claim("512", sources.ALPACA),
        ),
    )


def _told_cut(settled: Settled) -> str:
    if not settled.cut:
        return "none is cut"
    most = math.ceil(settled.cut * settled.means.rows)
    return f"at most {most:,} of {settled.means.rows:,} are cut, and lose the end of their answer"


def _checkpointing(settled: Settled) -> Choice:
    if settled.method == "prefix_tuning":
        reason = "does not go with this method: what is computed twice would lose the prefix"
    elif settled.checkpointing:
        reason = "computes activations twice, which makes room for this batch and takes about a third more time"
    else:
        reason = "there is room for the activations, and computing them twice would take about a third more time"
    return Choice(
        "gradient_checkpointing",
        settled.checkpointing,
        reason,
        (Claim("one more forward pass for memory that grows with the root of the depth", sources.CHECKPOINTING),),
    )


def _precision(settled: Settled) -> Choice:
    return Choice(
        "precision",
        "auto",
        "on a GPU that has it bfloat16, which needs no scaling of the loss; on a CPU the model's own type",
        (Claim("bfloat16", sources.QLORA_CODE), Claim("bfloat16", sources.TRL)),
    )


def _packing(settled: Settled) -> Choice:
    does_not_go = "does not go with virtual tokens before each row"
    padded = "rows of like length share a batch, so little is padded, and a step stays so many rows"
    return Choice(
        "packing",
        False,
        does_not_go if settled.method in LEARN_A_PROMPT else padded,
        (
            Claim("saves padding where rows are of unlike lengths; off by default", sources.TRL),
            Claim("off: with packs a step would be as many rows as happen to fit", sources.OURS),
        ),
    )


def _measurements(settled: Settled) -> Choice:
    often = min(settled.steps_an_epoch, max(1, round(MEASUREMENTS / settled.epochs)))
    total = math.ceil(often * settled.epochs)
    return Choice(
        "evals_per_epoch",
        often,
        f"{total} measurements in all: enough to see where the validation loss turns",
        (Claim(f"about {MEASUREMENTS} in all", sources.OURS),),
    )


def _patience(settled: Settled) -> Choice:
    return Choice(
        "early_stopping_patience",
        PATIENCE,
        "ends after three measurements without a better validation loss; one or two may be chance",
        (Claim(str(PATIENCE), sources.OURS),),
    )
