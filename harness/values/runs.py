"""One arm as recorded, and where that took place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.values.models import ModelFacts
from harness.values.plugins import Origin
from harness.values.scores import Estimate

RunStatus = Literal["running", "finished", "failed"]


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a run took place: what is needed to repeat it."""

    python: str
    platform: str
    processor: str
    cores: int
    device: str
    packages: Mapping[str, str]
    git_revision: str | None
    gpu: str = ""
    """The GPU as its driver names it, where the model is on one."""


@dataclass(frozen=True, slots=True)
class Run:
    """One arm's evaluation as recorded."""

    id: str
    """``<experiment>/<arm>``, e.g. ``support-tickets-3/tuned``."""
    experiment: str
    suite: str
    suite_digest: str
    arm: str
    seed: int
    status: RunStatus
    started: str
    finished: str | None
    environment: Environment
    origins: Mapping[str, Origin]
    """Plugin name -> who offered it, e.g. ``metric:rouge``."""
    model: ModelFacts | None = None
    adapter: str | None = None
    adapter_sha256: str | None = None
    estimates: tuple[Estimate, ...] = ()
    not_measured: Mapping[str, str] = field(default_factory=dict)
    """Task -> why nothing could be measured."""
    notes: tuple[str, ...] = ()
    """What a reader must know, e.g. that MMLU fell back to its development questions."""
    reused: Mapping[str, int] = field(default_factory=dict)
    """Run -> how many of the items were not asked again, because that run had asked them already."""

    @property
    def items(self) -> int:
        """How many items its estimates are of, scored or not."""
        return sum({each.task: each.scored + each.missing for each in self.estimates}.values())
