"""The metrics that come with the harness."""

from __future__ import annotations

from harness import Metric, hookimpl


@hookimpl
def harness_register_metrics() -> list[type[Metric]]:
    """Everything here; each module imports what is heavy only where it scores."""
    from harness_metrics.choice import Acc, AccNorm
    from harness_metrics.overlap import Rouge
    from harness_metrics.structure import JsonFields
    from harness_metrics.text import F1, Contains, ExactMatch

    return [ExactMatch, F1, Contains, JsonFields, Rouge, Acc, AccNorm]
