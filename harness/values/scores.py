"""What a metric says of answers: sample by sample, and over a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Score:
    """One metric's word on one sample; without a value it says why."""

    sample_id: str
    value: float | None
    why_missing: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


Cell = str | int | float | None
"""What stands in one place of a table; ``None`` where nothing is known."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What a metric tells besides its value, as the classes of a classification one by one."""

    name: str
    """What the rows are, e.g. ``classes``."""
    columns: tuple[str, ...]
    """Their heads; the first column names the row."""
    rows: tuple[tuple[Cell, ...], ...]
    """In the order to be read; the last one may be of what fits no other."""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                counted = f"has {len(row)} cells for {len(self.columns)} columns"
                raise ValueError(f"row {number} of the breakdown {self.name!r} {counted}")


@dataclass(frozen=True, slots=True)
class Estimate:
    """One metric over all samples of a task, with a two-sided 95 % interval."""

    task: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    scored: int
    missing: int
