"""A metric's scores, whatever the metric does: a misstep becomes a missing score with its reason."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping, Sequence

from harness.catalog import Planned
from harness.protocols import ScoringContext
from harness.values import Fault, Item, Score

_ROUNDING = 1e-6
"""So much of its scale a score may lie beyond an end: a share reckoned in single precision can be 1.0000001."""


def score(
    metric: Planned, items: Sequence[Item], context: ScoringContext, on_fault: Callable[[Fault], None]
) -> tuple[Score, ...]:
    """One score an item, in order. A metric that raises, miscounts or leaves its bounds gives missing scores."""
    ids = [item.sample.id for item in items]
    instance = metric.instance
    return checked(lambda: instance.score(items, context), ids, instance.bounds, metric, "metric", on_fault)


def checked(
    given: Callable[[], Sequence[Score]],
    ids: Sequence[str],
    bounds: tuple[float, float] | None,
    scorer: Planned,
    kind: str,
    on_fault: Callable[[Fault], None],
    lets_pass: tuple[type[Exception], ...] = (),
) -> tuple[Score, ...]:
    """What ``given`` returns, one score for each of these samples; its missteps as missing scores with the reason.

    ``lets_pass``: what is no misstep of the scorer's and is raised.
    """
    try:
        scores = tuple(given())
        _refuse_misfit(scores, ids)
        return tuple(_checked(each, bounds, kind) for each in scores)
    except lets_pass:
        raise
    except _MisfitError as error:
        why, trace = f"the {kind} gave {error}", ""
    except (Exception, SystemExit) as error:  # a plugin that leaves would take the verdict along, with status 0
        why, trace = f"the {kind} raised {type(error).__name__}: {error}", traceback.format_exc()
    on_fault(Fault(scorer.origin, f"{kind} {scorer.label}", why, trace))
    return tuple(Score(each, None, why) for each in ids)


class _MisfitError(Exception):
    """Scores that cannot be told to their items."""


def _refuse_misfit(scores: Sequence[Score], ids: Sequence[str]) -> None:
    if len(scores) != len(ids):
        raise _MisfitError(f"{len(scores)} scores for {len(ids)} items")
    if not all(isinstance(each, Score) for each in scores):
        raise _MisfitError("something else than scores: wrap each value in Score(sample_id, value)")
    if [each.sample_id for each in scores] != list(ids):
        raise _MisfitError("scores that are not in the items' order")
    if not all(isinstance(each.details, Mapping) for each in scores):
        raise _MisfitError("details that are no mapping")


def _checked(score: Score, bounds: tuple[float, float] | None, kind: str) -> Score:
    if score.value is None:
        why = str(score.why_missing) if score.why_missing else f"the {kind} gave no reason"
        return Score(score.sample_id, None, why, score.details)
    value, why_not = _number(score.value, bounds)
    return Score(score.sample_id, value, why_not, score.details)


def _number(given: float, bounds: tuple[float, float] | None) -> tuple[float | None, str | None]:
    """The score as a number within its bounds, or why it is none: one such score says nothing of its neighbours."""
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        return None, f"the score {repr(given)[:40]} is no number"
    if not math.isfinite(value):
        return None, f"the score is {value}"
    if bounds is None:
        return value, None
    low, high = bounds
    slack = _ROUNDING * (high - low) if math.isfinite(high - low) else 0.0
    if not low - slack <= value <= high + slack:
        return None, f"the score {value:g} lies outside {low:g} to {high:g}"
    return min(max(value, low), high), None
