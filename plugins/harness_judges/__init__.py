"""Judges: models that grade answers, or say which of two is the better one."""

from __future__ import annotations

from harness import Judge, hookimpl


@hookimpl
def harness_register_judges() -> tuple[type[Judge], ...]:
    """The judges of this package."""
    from harness_judges.pairwise import Pairwise
    from harness_judges.panel import Panel
    from harness_judges.rubric import Rubric

    return (Rubric, Pairwise, Panel)
