"""The statistics keep their level, agree with closed forms, and never say more than the items do."""

from __future__ import annotations

import itertools
import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.comparison.statistics import (
    Array,
    Side,
    bound,
    holm,
    holm_adjusted,
    interval,
    is_within,
    p_value,
    t_bound,
    t_p_value,
)

DIFFERENCE = (-1.0, 1.0)
SCORE = (0.0, 1.0)
SIDES: tuple[Side, Side] = (1, -1)


def table(losses: int, gains: int, items: int) -> Array:
    return np.repeat([-1.0, 1.0, 0.0], [losses, gains, items - losses - gains])


def closed_form(losses: int, gains: int, n: int, null: float) -> float:
    """Tango's score test with both corrections, written out for counts: an independent way to the same number."""
    b = losses + gains - null * (2 * n + losses - gains)
    q = (b + math.sqrt(max(b * b + 8 * n * losses * null * (1 - null), 0.0))) / (4 * n)
    variance = 2 * q + null - null**2
    skewness = (null - 3 * null * (2 * q + null) + 2 * null**3) / (variance**1.5 * math.sqrt(n))
    statistic, a = (gains - losses - n * null - 0.5) / math.sqrt(n * variance), skewness / 6
    z = statistic if abs(a) < 1e-8 else (-1 + math.sqrt(max(0.0, 1 + 4 * a * (statistic + a)))) / (2 * a)
    return float(stats.norm.sf(z))


tables = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 300)).map(
    lambda counts: (counts[0], counts[1], sum(counts))
)
grades = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=3, max_size=60)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(tables, st.floats(-0.2, 0.2))
def test_on_right_or_wrong_scores_that_mostly_stay_it_is_the_closed_form(
    counts: tuple[int, int, int], null: float
) -> None:
    losses, gains, items = counts
    if (gains - losses) / items > null + 1e-6 and abs(null) > 1e-9 and 2 * (losses + gains) < items:
        found = p_value(table(*counts), null, 1, DIFFERENCE)
        assert found == pytest.approx(closed_form(losses, gains, items, null), abs=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tables, st.floats(-0.2, 0.2))
def test_a_mean_on_the_wrong_side_is_never_evidence(counts: tuple[int, int, int], null: float) -> None:
    losses, gains, items = counts
    if (gains - losses) / items <= null:
        assert p_value(table(*counts), null, 1, DIFFERENCE) > 0.25


@pytest.mark.parametrize(("items", "limit"), [(12, 0.05), (20, 0.05), (30, 0.052), (50, 0.05)])
def test_the_level_holds_when_every_possible_table_is_counted(items: int, limit: float) -> None:
    losses, gains = np.array([(a, b) for a in range(items + 1) for b in range(items + 1 - a)]).T
    ties = items - losses - gains
    worst = 0.0
    for null in (-0.1, -0.0225, 0.0, 0.05):
        rejected = np.array([_rejects(*each, items, null) for each in zip(losses, gains, strict=True)])
        for share in (0.0, 0.005, 0.02, 0.05, 0.1, 0.2):
            loss, gain = share - min(null, 0.0), share + max(null, 0.0)
            cells = np.stack([losses, gains, ties], axis=1)
            chances = stats.multinomial.pmf(cells, items, [loss, gain, 1 - loss - gain])
            worst = max(worst, float(chances[rejected].sum()))
    assert 0.0 < worst <= limit


def _rejects(losses: int, gains: int, items: int, null: float) -> bool:
    if (gains - losses) / items <= null:
        return False
    return p_value(table(losses, gains, items), null, 1, DIFFERENCE) <= 0.05


@pytest.mark.parametrize("items", [5, 20, 50, 120, 200])
@pytest.mark.parametrize("alpha", [0.05, 0.025])
def test_one_runs_share_of_right_answers_keeps_its_level_and_is_close_to_the_exact_bound(
    items: int, alpha: float
) -> None:
    for right in range(1, items + 1, max(1, items // 25)):
        low = bound(np.repeat([1.0, 0.0], [right, items - right]), alpha, 1, SCORE)
        # The level is highest just where this count begins to reject.
        assert stats.binom.sf(right - 1, items, low) <= alpha
        # And it is never further below the exact bound than a tenth of the room that one item makes.
        exact = stats.beta.ppf(alpha, right, items - right + 1)
        assert exact - 0.2 / items <= low <= exact + 1e-7


@pytest.mark.parametrize("low", [0.0, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("side", SIDES)
def test_rare_high_scores_above_a_low_rest_do_not_break_the_level(low: float, side: Side) -> None:
    items = 20
    for share in (0.02, 0.05, 0.1, 0.2, 0.5, 0.9, 0.97):
        mean = low + (1 - low) * share
        chance = stats.binom.pmf(np.arange(items + 1), items, share)
        samples = (np.repeat([1.0, low], [high, items - high]) for high in range(items + 1))
        hits = np.array([p_value(sample, mean, side, SCORE) <= 0.05 for sample in samples])
        assert chance[hits].sum() <= 0.05


def test_without_flips_a_margin_passes_from_the_documented_number_of_items_on() -> None:
    def first(margin: float) -> int:
        passes = (n for n in itertools.count(1) if p_value(np.zeros(n), -margin, 1, DIFFERENCE) <= 0.05)
        return next(passes)

    assert [first(margin) for margin in (0.01, 0.0225, 0.05, 0.1)] == [311, 138, 61, 30]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tables, st.floats(-0.15, 0.15), st.sampled_from([0.05, 0.025, 0.01]), st.sampled_from(SIDES))
def test_interval_and_ruling_agree(counts: tuple[int, int, int], null: float, alpha: float, side: Side) -> None:
    values = table(*counts)
    end = bound(values, alpha, side, DIFFERENCE)
    if abs(end - null) > 1e-6:
        assert (side * (end - null) > 0) == (p_value(values, null, side, DIFFERENCE) <= alpha)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tables, st.floats(-0.15, 0.15))
def test_swapping_the_arms_mirrors_the_result(counts: tuple[int, int, int], null: float) -> None:
    values = table(*counts)
    assert p_value(values, null, 1, DIFFERENCE) == pytest.approx(p_value(-values, -null, -1, DIFFERENCE), abs=1e-12)
    low, high = interval(values, DIFFERENCE)
    mirrored = interval(-values, DIFFERENCE)
    assert (low, high) == pytest.approx((-mirrored[1], -mirrored[0]), abs=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(grades, st.randoms(use_true_random=False))
def test_the_interval_holds_the_mean_stays_in_bounds_and_ignores_the_order(scores: list[float], random: Random) -> None:
    low, high = interval(scores, SCORE)
    mean = sum(scores) / len(scores)
    assert 0 <= low <= mean <= high <= 1
    shuffled = random.sample(scores, len(scores))
    assert interval(shuffled, SCORE) == pytest.approx((low, high), abs=1e-9)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(grades, st.floats(0.05, 0.95))
def test_the_unit_of_a_score_does_not_matter(scores: list[float], null: float) -> None:
    percent = [100 * score for score in scores]
    found = p_value(percent, 100 * null, 1, (0.0, 100.0))
    assert found == pytest.approx(p_value(scores, null, 1, SCORE), abs=1e-9)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(tables)
def test_the_further_the_null_the_smaller_the_p_value(counts: tuple[int, int, int]) -> None:
    values = table(*counts)
    found = [p_value(values, null, 1, DIFFERENCE) for null in np.linspace(values.mean() - 1e-6, -0.999, 25)]
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(found))


def test_a_root_at_the_very_end_of_its_range_is_found() -> None:
    values = np.repeat([0.1, 0.3], [15, 5])
    assert 0 < p_value(values, 0.12, 1, SCORE) < 1


@pytest.mark.parametrize("null", [-1e-300, -1e-17, -1e-12, 0.0])
def test_a_null_that_differs_by_rounding_is_no_evidence(null: float) -> None:
    assert p_value(np.zeros(1000), null, 1, DIFFERENCE) > 0.25
    assert p_value(np.zeros(1000), -null, -1, DIFFERENCE) > 0.25


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_scores_still_have_an_honest_interval(value: float) -> None:
    low, high = interval([value] * 50, SCORE)
    assert high - low == pytest.approx(0.0749, abs=1e-4)
    assert value in (low, high)


@pytest.mark.parametrize(("null", "side", "expected"), [(-1.0, 1, 0.0), (-1.5, 1, 0.0), (1.0, 1, 1.0), (1.0, -1, 0.0)])
def test_a_limit_at_the_bound_itself_is_decided_without_a_fit(null: float, side: Side, expected: float) -> None:
    assert p_value([0.0, 0.0, 1.0], null, side, DIFFERENCE) == expected


def test_a_thousand_times_fourteen_items_need_no_grid() -> None:
    values = np.random.default_rng(3).normal(0, 0.2, 14_042).clip(-1, 1)
    low, high = interval(values, DIFFERENCE)
    assert high - low < 0.01


@pytest.mark.parametrize("values", [[], [0.5, 1.5], [math.nan]])
def test_values_that_cannot_be_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"no values|outside"):
        p_value(values, 0.0, 1, SCORE)


def test_rounding_is_no_breach_of_the_bounds() -> None:
    assert is_within([0.1 + 0.2 - 0.3, 1.0000000001], SCORE)
    assert not is_within([1.001], SCORE)
    assert 0 < p_value([-1e-17, 1.0000000001], 0.5, 1, SCORE) < 1


def test_the_fallback_without_bounds_is_students_t_and_silent_on_equal_values() -> None:
    values = [0.5, 1.5, -0.25, 2.0, 0.75]
    found = stats.ttest_1samp(values, 0.1, alternative="greater")
    assert t_p_value(values, 0.1, 1) == pytest.approx(found.pvalue)
    assert t_bound(values, 0.05, 1) == pytest.approx(found.confidence_interval(0.95).low)
    assert t_p_value([0.0] * 100, -1.0, 1) == 1.0
    assert t_bound([0.0] * 100, 0.05, -1) == math.inf


def test_holm_steps_down_in_any_order() -> None:
    assert holm_adjusted([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.04, 0.01, 0.02], 0.05) == [True, True, True]
    assert holm([0.04, 0.02, 0.03], 0.05) == [False, False, False]
    assert holm([], 0.05) == []
