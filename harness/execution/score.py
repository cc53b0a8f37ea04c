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
    except Exception as error:
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


def _checked(score: Score, bounds: tuple[float, float] | None, kind: str) -> Score:
    if score.value is None:
        return score if score.why_missing else Score(score.sample_id, None, f"the {kind} gave no reason", score.details)
    value = float(score.value)
    if not math.isfinite(value):
        return Score(score.sample_id, None, f"the score is {value}", score.details)
    if bounds and not bounds[0] <= value <= bounds[1]:
        return Score(
            score.sample_id, None, f"the score {value:g} lies outside {bounds[0]:g} to {bounds[1]:g}", score.details
        )
    return Score(score.sample_id, value, None, score.details)
