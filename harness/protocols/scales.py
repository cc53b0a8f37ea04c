"""On what scale a score is: of a metric, a judge, or people."""

from __future__ import annotations

from dataclasses import dataclass

from harness.protocols.metrics import Metric, MetricOverSums


@dataclass(frozen=True, slots=True)
class Scale:
    """What a comparison must know of whatever gives scores."""

    higher_is_better: bool
    bounds: tuple[float, float] | None
    """The least and greatest that one item can be in the value of the whole."""


GRADES = Scale(higher_is_better=True, bounds=(0.0, 1.0))
"""What judges and people give: how good an answer is, or by how much the candidate's is the better one."""


def item_bounds(metric: Metric) -> tuple[float, float] | None:
    """The least and greatest that one item can be in the metric's value; ``None`` where nothing is certain of it."""
    return None if isinstance(metric, MetricOverSums) else metric.bounds
