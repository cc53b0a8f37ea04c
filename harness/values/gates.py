"""What a release is held to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tier = Literal["critical", "supporting", "advisory"]

RELEASE = "release"
"""What a gate calls the candidate that its suite passed last."""


@dataclass(frozen=True, slots=True)
class GateRule:
    """One condition of the release: exactly one of ``min_gain``, ``max_drop``, ``at_least`` and ``at_most``."""

    task: str
    metric: str | None
    """``None`` stands for the first metric of the task or benchmark."""
    min_gain: float | None = None
    max_drop: float | None = None
    relative: bool = False
    """Whether ``max_drop`` is a share of the baseline's score rather than points."""
    at_least: float | None = None
    at_most: float | None = None
    """What ``at_least`` is where lower is better."""
    against: str = "base"
    """An arm of the suite, ``release`` for the candidate that this suite passed last, or the id of a recorded run."""
    tier: Tier = "critical"
    alpha: float = 0.05
    only_below: float | None = None
    """The rule asks nothing of a baseline that scores this much or more."""
    min_kappa: float | None = None
    """For a judge: what Cohen's kappa of its agreement with people must surely reach, or nothing counts as measured."""
    max_missing: float | None = None
    """The share of missing scores beyond which nothing counts as measured."""
    min_items: int | None = None
    """The number of items below which nothing counts as measured."""

    @property
    def is_against_the_record(self) -> bool:
        """Whether it is about a recorded run rather than an arm of the suite."""
        return self.against == RELEASE or "/" in self.against

    @property
    def level(self) -> float | None:
        """The score that is asked of the candidate alone; ``None`` where it is held against a baseline."""
        return self.at_least if self.at_least is not None else self.at_most

    def __str__(self) -> str:
        if self.min_gain is not None:
            demand = f"gains at least {self.min_gain:g} over {self.against}"
        elif self.at_least is not None:
            demand = f"is at least {self.at_least:g}"
        elif self.at_most is not None:
            demand = f"is at most {self.at_most:g}"
        else:
            size = f"{self.max_drop:g} of {self.against}'s score" if self.relative else f"{self.max_drop:g}"
            demand = f"drops at most {size}" + ("" if self.relative else f" against {self.against}")
            demand += f" where that is below {self.only_below:g}" if self.only_below is not None else ""
        return f"{self.task} {self.metric} {demand}" if self.metric else f"{self.task} {demand}"
