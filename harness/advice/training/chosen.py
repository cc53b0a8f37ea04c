"""What advice on a training is made of: the means that it rests on, each value with its sources, and the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.advice.devices import Device
from harness.advice.model.shape import ModelShape
from harness.values import Complexity


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source says of a value."""

    value: str
    """In the source's own figures: ``2e-4``, ``1e-4 to 5e-4``."""
    source: str
    """Who, what and when: ``Dettmers and others 2023, QLoRA (arXiv:2305.14314), table 9``."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a trainer as it is advised."""

    name: str
    """The trainer's own option."""
    value: object
    reason: str
    claims: tuple[Claim, ...]
    low: float | None = None
    """The range within which sources put it."""
    high: float | None = None
    disagreement: str = ""
    """Where sources disagree: how, and why this one is followed."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the rows are, in tokens of the model with its chat template."""

    counted: int
    """Rows that were counted."""
    median: int
    p95: int
    p99: int
    longest: int
    total: int
    """Of all rows, reckoned from those that were counted."""
    answers: int
    """Of all rows, what the model learns to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a training is chosen by."""

    shape: ModelShape
    rows: int
    lengths: Lengths | None
    device: Device
    """Where it is to run, with the memory that is free there."""
    dtype: str = "float32"
    complexity: Complexity | None = None
    """``None`` where nobody has said."""
    preference_pairs: int = 0
    keeps_general: bool = True
    """Whether the suite has benchmarks that the model must not forget."""
    is_installed: Mapping[str, bool] = field(default_factory=dict)
    """Method -> whether what it needs is there; one that is not named is."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A method that was not taken."""

    method: str
    why: str


@dataclass(frozen=True, slots=True)
class TrainingAdvice:
    """The method with all its options."""

    method: str
    reasons: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    choices: tuple[Choice, ...]
    cautions: tuple[str, ...] = ()
    """What to look out for, a sentence each: a drop beyond 5 % on a general benchmark means overtraining."""

    @property
    def options(self) -> dict[str, object]:
        """Option -> value, as a suite's ``trainer:`` takes them."""
        return {choice.name: choice.value for choice in self.choices}


def quantile(sizes: Sequence[int], share: float) -> int:
    """The size that this share of all does not exceed; 0 of none."""
    if not sizes:
        return 0
    ordered = sorted(sizes)
    # the smallest whose rank reaches the share; the tolerance keeps 0.95 of 20 at 19
    reached = next(at for at in range(len(ordered)) if at + 1 >= share * len(ordered) - 1e-9)
    return ordered[reached]
