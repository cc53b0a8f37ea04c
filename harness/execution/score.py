"""A metric's scores, whatever the metric does: a misstep becomes a missing score with its reason."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Sequence

from harness.catalog import Planned
from harness.protocols import ScoringContext
from harness.values import Fault, Item, Score


def score(
    metric: Planned, items: Sequence[Item], context: ScoringContext, on_fault: Callable[[Fault], None]
) -> tuple[Score, ...]:
    """One score an item, in order. A metric that raises, miscounts or leaves its bounds gives missing scores."""
    try:
        scores = tuple(metric.instance.score(items, context))
        _refuse_misfit(scores, items)
        return tuple(_checked(each, metric) for each in scores)
    except _MisfitError as error:
        why, trace = f"the metric gave {error}", ""
    except Exception as error:
        why, trace = f"the metric raised {type(error).__name__}: {error}", traceback.format_exc()
    on_fault(Fault(metric.origin, f"metric {metric.label}", why, trace))
    return tuple(Score(item.sample.id, None, why) for item in items)


class _MisfitError(Exception):
    """Scores that cannot be told to their items."""


def _refuse_misfit(scores: Sequence[Score], items: Sequence[Item]) -> None:
    if len(scores) != len(items):
        raise _MisfitError(f"{len(scores)} scores for {len(items)} items")
    if not all(isinstance(each, Score) for each in scores):
        raise _MisfitError("something else than scores: wrap each value in Score(sample_id, value)")
    if [each.sample_id for each in scores] != [item.sample.id for item in items]:
        raise _MisfitError("scores that are not in the items' order")


def _checked(score: Score, metric: Planned) -> Score:
    if score.value is None:
        return score if score.why_missing else Score(score.sample_id, None, "the metric gave no reason", score.details)
    value, bounds = float(score.value), metric.instance.bounds
    if not math.isfinite(value):
        return Score(score.sample_id, None, f"the score is {value}", score.details)
    if bounds and not bounds[0] <= value <= bounds[1]:
        return Score(
            score.sample_id, None, f"the score {value:g} lies outside {bounds[0]:g} to {bounds[1]:g}", score.details
        )
    return Score(score.sample_id, value, None, score.details)
