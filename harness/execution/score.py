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
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        on_fault(Fault(metric.origin, f"metric {metric.label}", why, traceback.format_exc()))
        return _missing(items, f"the metric raised {why}")
    if len(scores) != len(items):
        why = f"the metric gave {len(scores)} scores for {len(items)} items"
    elif [each.sample_id for each in scores] != [item.sample.id for item in items]:
        why = "the metric's scores are not in the items' order"
    else:
        return tuple(_checked(each, metric) for each in scores)
    on_fault(Fault(metric.origin, f"metric {metric.label}", why, ""))
    return _missing(items, why)


def _missing(items: Sequence[Item], why: str) -> tuple[Score, ...]:
    return tuple(Score(item.sample.id, None, why) for item in items)


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
