"""Two runs side by side, and the answer: may the candidate ship?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.values.gates import GateRule
from harness.values.people import Calibration
from harness.values.runs import Run

Outcome = Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Pair:
    """One sample's score in both runs."""

    sample_id: str
    baseline: float | None
    candidate: float | None
    stratum: str | None = None
    cluster: str | None = None
    own: tuple[float, float] | None = None
    """The sample's own scores in both runs, where what is compared are its shares in a value of the whole."""


@dataclass(frozen=True, slots=True)
class Delta:
    """The candidate against the baseline on one metric; up is better, whatever the metric's own direction."""

    task: str
    metric: str
    against: str
    baseline: float | None
    candidate: float | None
    change: float | None
    low: float | None
    high: float | None
    pairs: int
    fixed: int
    """Samples that the candidate does better."""
    broken: int
    """Samples that the candidate does worse; never netted against ``fixed``."""
    missing: int
    preserved: float | None = None
    """Share of the baseline's fully right samples that the candidate still has right."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the evidence says on one rule."""

    rule: GateRule
    outcome: Outcome
    reason: str
    """One sentence in the user's words."""
    p_passed: float | None = None
    p_failed: float | None = None
    items: int = 0
    items_needed: int | None = None
    """How many items would decide at the observed rate of flips; on a judge, how many labels."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: may the candidate ship?"""

    outcome: Outcome
    reason: str
    rulings: tuple[Ruling, ...]
    caveats: tuple[str, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    """Every judge of the candidate's tasks, held to people."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two or more runs side by side: what the report draws and the watch hook sees."""

    experiment: str
    runs: tuple[Run, ...]
    deltas: tuple[Delta, ...]
    benchmarks: tuple[str, ...] = ()
    """The tasks that check forgetting; the others are the suite's own."""
    unseen: tuple[Delta, ...] = ()
    """The same changes without the items that stand in the training data, of tasks that have such items."""
