"""What a trainer is given, tells and gives back, and a training as recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from harness.values.models import ModelRef
from harness.values.plugins import Ref
from harness.values.runs import RunStatus


@dataclass(frozen=True, slots=True)
class TrainJob:
    """What a trainer is given."""

    experiment: str
    model: ModelRef
    trainer: Ref
    train: Path
    """JSONL, whatever the source's format was: ``{"messages": [...]}`` or ``{"text": ...}`` a line, as it trains on."""
    validation: Path | None
    output: Path
    """The folder that is the trainer's own. What an interrupted training left there is gone on with."""
    seed: int
    keep: tuple[float, ...] = ()
    """The shares of the training after which its checkpoint is kept, to be judged later; 1 is the end."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of a trainer at work."""

    step: int
    total_steps: int
    epoch: float
    loss: float | None = None
    validation_loss: float | None = None
    learning_rate: float | None = None
    seconds: float = 0.0
    message: str | None = None
    tokens_per_second: float | None = None
    """Tokens that went through the model since the last report, padding left out."""
    memory_bytes: int | None = None
    """The most that the training has taken so far, on its device."""


@dataclass(frozen=True, slots=True)
class MaskedToken:
    """A token of a training row, and whether the model learns to say it."""

    text: str
    is_learned: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint from the midst of a training."""

    step: int
    path: Path
    validation_loss: float | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a trainer gives back."""

    path: Path
    """A folder: a PEFT adapter, or a whole model."""
    kind: Literal["adapter", "model"]
    step: int
    sha256: str
    train_loss: float | None
    validation_loss: float | None
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Trained parameters, tokens seen, why it stopped."""
    kept: tuple[Kept, ...] = ()
    """What ``TrainJob.keep`` asked for, in the order of the steps."""


@dataclass(frozen=True, slots=True)
class JudgedCheckpoint:
    """A checkpoint as the choice among checkpoints saw it."""

    step: int
    run: str
    """The recorded run that asked it."""
    gain: float | None
    """Its score on the team's tasks: the mean of the gated metrics, each on a scale of length 1, up is better."""
    drops: Mapping[str, float]
    """Benchmark and metric -> points lost against base on the items of the choice."""
    is_within: bool
    """Whether every loss is within what the gates allow."""
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Training:
    """A recorded training: one stage of an experiment's."""

    experiment: str
    stage: int
    """Counted from 0; each goes on with what the one before has made."""
    trainer: Ref
    model: ModelRef
    """What it started from, as a local folder."""
    seed: int
    data: Mapping[str, str]
    """Split -> SHA-256 of the rows that it was given."""
    status: RunStatus
    attempt: int
    """1, and one more for each time that it was gone on with."""
    checkpoint: Checkpoint | None = None
    error: str | None = None
    judged: tuple[JudgedCheckpoint, ...] = ()
    """The checkpoints that were judged, in the order of their steps."""
    rule: str | None = None
    """How one of them was chosen, in words."""


FindingKind = Literal["overfitting", "memorisation", "divergence", "oscillation", "no movement"]


@dataclass(frozen=True, slots=True)
class TrainingFinding:
    """What the losses of a training show about it."""

    kind: FindingKind
    step: int
    """Of the report that showed it."""
    sentence: str
    """What was seen, with its figures, and what helps."""
