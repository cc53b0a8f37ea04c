"""What the table shows: estimates of one run, deltas of two."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from harness.comparison.compare import delta, estimate
from harness.comparison.evidence import Evidence
from harness.values import Delta, Pair, Score


def mean(scores: Sequence[Score]) -> float:
    values = [score.value for score in scores if score.value is not None]
    return math.fsum(values) / len(values)


def scores(*values: float | None) -> list[Score]:
    return [Score(f"s{index}", value) for index, value in enumerate(values)]


def compared(both: Sequence[Pair], higher_is_better: bool, bounds: tuple[float, float] | None) -> Delta:
    return delta(Evidence("t", "m", "base", tuple(both), higher_is_better, bounds))


def pairs(*both: tuple[float | None, float | None]) -> list[Pair]:
    return [Pair(f"s{index}", baseline, candidate) for index, (baseline, candidate) in enumerate(both)]


def test_an_estimate_has_the_mean_with_an_interval_that_holds_it() -> None:
    found = estimate("t", "exact_match", scores(*[1.0] * 90, *[0.0] * 10), (0.0, 1.0), mean)
    assert (found.value, found.scored, found.missing) == (0.9, 100, 0)
    assert found.low == pytest.approx(0.82, abs=0.01)
    assert found.high == pytest.approx(0.95, abs=0.01)


def test_a_missing_score_widens_the_interval_and_leaves_the_value() -> None:
    whole = estimate("t", "m", scores(*[1.0] * 50, *[0.0] * 50), (0.0, 1.0), mean)
    holed = estimate("t", "m", scores(*[1.0] * 50, *[0.0] * 50, *[None] * 10), (0.0, 1.0), mean)
    assert (holed.value, holed.scored, holed.missing) == (0.5, 100, 10)
    assert None not in (whole.low, whole.high, holed.low, holed.high)
    assert holed.low < whole.low < whole.high < holed.high  # type: ignore[operator]  # none is None, see above


def test_without_any_score_the_estimate_is_none_and_not_zero() -> None:
    found = estimate("t", "m", scores(None, None), (0.0, 1.0), mean)
    assert (found.value, found.low, found.high, found.scored, found.missing) == (None, None, None, 0, 2)


def test_a_value_that_is_not_the_mean_gets_no_interval_of_the_mean() -> None:
    found = estimate("t", "perplexity", scores(0.2, 0.4, 0.9), (0.0, 1.0), lambda given: math.exp(mean(given)))
    assert found.value == pytest.approx(math.exp(0.5))
    assert (found.low, found.high) == (None, None)


def test_metrics_without_bounds_or_that_break_them_get_no_interval() -> None:
    assert estimate("t", "m", scores(3.0, 40.0), None, mean).low is None
    assert estimate("t", "m", scores(3.0, 40.0), (0.0, math.inf), mean).low is None
    assert estimate("t", "m", scores(0.3, 40.0), (0.0, 1.0), mean).low is None
    assert compared(pairs((3.0, 4.0), (2.0, 1.0)), True, None).low is None
    assert compared(pairs((1.0, 1.5)), True, (0.0, 1.0)).low is None


def test_fixed_and_broken_are_counted_and_never_netted() -> None:
    both = pairs((0, 1), (1, 0), (0, 1), (1, 1), (0, 0), (None, 1), (1, None))
    found = compared(both, True, (0.0, 1.0))
    assert (found.fixed, found.broken, found.pairs, found.missing) == (2, 1, 5, 2)
    assert (found.baseline, found.candidate) == (0.4, 0.6)
    assert found.change == pytest.approx(0.2)
    assert found.preserved == 0.5
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.2 < found.high


def test_up_is_better_also_where_lower_scores_are() -> None:
    right = pairs(*[(1, 1)] * 30, *[(0, 1)] * 8, *[(1, 0)] * 2)
    wrong = [Pair(pair.sample_id, 1 - (pair.baseline or 0), 1 - (pair.candidate or 0)) for pair in right]
    up, down = compared(right, True, (0.0, 1.0)), compared(wrong, False, (0.0, 1.0))
    assert down.baseline == pytest.approx(0.2)
    assert (up.change, up.fixed, up.broken, up.preserved) == (down.change, down.fixed, down.broken, down.preserved)
    assert (up.low, up.high) == pytest.approx((down.low, down.high))


def test_nothing_to_compare_is_none_and_not_zero() -> None:
    found = compared(pairs((None, 1.0)), True, (0.0, 1.0))
    assert (found.change, found.low, found.high, found.baseline, found.preserved) == (None,) * 5
    assert (found.pairs, found.missing) == (0, 1)
    assert compared([], True, (0.0, 1.0)).change is None


def test_a_baseline_without_a_right_answer_preserves_nothing_that_could_be_counted() -> None:
    assert compared(pairs((0, 1), (0.5, 1)), True, (0.0, 1.0)).preserved is None


def test_no_flips_at_all_is_still_a_range() -> None:
    found = compared(pairs(*[(1, 1)] * 100), True, (0.0, 1.0))
    assert found.change == 0
    assert found.low == pytest.approx(-0.0377, abs=1e-3)
