"""How many items would tell: the documented numbers, and power as promised."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.comparison.power import (
    Bounds,
    fewest_items,
    items_needed,
    items_needed_at_spread,
    items_needed_for_gain,
    items_needed_for_level,
    least_gain,
    least_margin,
    least_score,
    surest_p_value,
)
from harness.comparison.statistics import p_value


@pytest.mark.parametrize(
    ("margin", "discordance", "drop", "items"),
    [
        (0.0225, 0.10, 0.0, 1773),
        (0.05, 0.02, 0.0, 153),
        (0.005, 0.01, 0.0, 4006),
        (0.10, 0.30, 0.0, 273),
        (0.0225, 0.10, 0.005, 2899),
        (0.0225, 0.10, 0.01, 5619),
    ],
)
def test_the_items_needed_are_the_documented_ones(margin: float, discordance: float, drop: float, items: int) -> None:
    assert items_needed(margin, discordance, drop) == items


def power(losses: float, gains: float, items: int, null: float) -> float:
    """Exact chance to pass, over every table."""
    counts = np.array([(a, b) for a in range(items + 1) for b in range(items + 1 - a)])
    cells = np.column_stack([counts, items - counts.sum(1)])
    chance = stats.multinomial.pmf(cells, items, [losses, gains, 1 - losses - gains])
    likely = chance > 1e-9
    return sum(
        float(each)
        for (lost, won), each in zip(counts[likely], chance[likely], strict=True)
        if (won - lost) / items > null
        and p_value(np.repeat([-1.0, 1.0, 0.0], [lost, won, items - lost - won]), null, 1, (-1.0, 1.0)) <= 0.05
    )


def test_that_many_items_pass_nine_times_in_ten() -> None:
    items = items_needed(0.10, 0.10)
    assert items is not None
    assert 0.90 <= power(0.05, 0.05, items, -0.10) <= 0.98


def test_a_gain_is_planned_by_the_same_formula() -> None:
    items = items_needed_for_gain(0.05, discordance=0.25, gain=0.20)
    assert items is not None
    assert 0.88 <= power(0.025, 0.225, items, 0.05) <= 0.98


def test_no_number_of_items_shows_what_is_not_so() -> None:
    assert items_needed(0.05, 0.1, drop=0.05) is None
    assert items_needed_for_gain(0.1, 0.2, gain=0.05) is None
    assert items_needed_at_spread(0.0, 0.1, 1.0) is None
    assert items_needed_at_spread(1e-6, 0.25, 1.0) is None


def test_equal_scores_still_need_the_items_that_no_flip_needs() -> None:
    assert items_needed_at_spread(0.1, 0.0, room=1.0) == 29
    assert items_needed(0.01, 0.0) == 361


def test_the_spread_of_whole_flips_gives_nearly_the_same_plan() -> None:
    from_flips, from_spread = items_needed(0.05, 0.10), items_needed_at_spread(0.05, 0.10, room=1.0)
    assert from_flips is not None
    assert from_spread == pytest.approx(from_flips, rel=0.12)


FLIPS = (0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.30)


@pytest.mark.parametrize(
    ("margin", "items"),
    [
        (0.005, (4_006, 7_267, 17_413, 34_494, 51_606, 68_726, 102_973)),
        (0.01, (1_230, 1_999, 4_465, 8_702, 12_968, 17_242, 25_798)),
        (0.02, (427, 612, 1_195, 2_228, 3_284, 4_347, 6_480)),
        (0.0225, (361, 507, 963, 1_773, 2_604, 3_442, 5_126)),
        (0.03, (241, 324, 575, 1_020, 1_482, 1_951, 2_895)),
        (0.05, (122, 153, 241, 394, 554, 719, 1_054)),
        (0.10, (50, 59, 82, 118, 155, 193, 273)),
    ],
)
def test_the_table_of_items_is_the_documented_one(margin: float, items: tuple[int, ...]) -> None:
    assert tuple(items_needed(margin, flips) for flips in FLIPS) == items


@pytest.mark.parametrize(
    ("items", "points"),
    [
        (100, (6.8, 8.7, 11.0, 14.4)),
        (200, (4.2, 5.6, 7.3, 9.8)),
        (1_000, (1.5, 2.2, 3.0, 4.2)),
        (5_700, (0.57, 0.88, 1.2, 1.7)),
        (14_042, (0.36, 0.56, 0.79, 1.1)),
    ],
)
def test_the_smallest_margin_is_the_documented_one(items: int, points: tuple[float, ...]) -> None:
    margins = [least_margin(items, flips) for flips in (0.02, 0.05, 0.10, 0.20)]
    assert [100 * (margin or 0.0) for margin in margins] == pytest.approx(points, rel=0.035)  # told with two digits


@pytest.mark.parametrize("items", [40, 114, 2_000])
def test_what_is_said_to_be_enough_is_enough_and_a_little_less_is_not(items: int) -> None:
    margin, gain, score = least_margin(items, 0.05), least_gain(items, 0.1, 0.05), least_score(items, 0.8)
    assert margin is not None
    assert gain is not None
    assert score is not None
    needed = [
        (items_needed(margin, 0.05), items_needed(0.99 * margin, 0.05)),
        (items_needed_for_gain(0.1, gain + 0.05, gain), items_needed_for_gain(0.1, 0.99 * gain + 0.05, 0.99 * gain)),
        (items_needed_for_level(0.8, score), items_needed_for_level(0.8, 0.99 * score)),
    ]
    for enough, more in needed:
        assert enough is not None
        assert enough <= items
        assert more is None or more > items


def test_too_few_items_show_nothing() -> None:
    assert least_margin(1, 0.90) is None
    assert least_gain(3, 0.5, 0.10) is None
    assert least_score(20, 0.95) is None


def test_a_level_is_shown_with_the_power_that_was_asked_for() -> None:
    items = items_needed_for_level(0.90, 0.95)
    assert items is not None
    right = np.arange(items + 1)
    passed = [p_value(np.repeat([1.0, 0.0], [k, items - k]), 0.90, 1, (0.0, 1.0)) <= 0.05 for k in right]
    assert 0.88 <= float(stats.binom.pmf(right, items, 0.95)[passed].sum()) <= 0.95
    assert items_needed_for_level(0.90, 0.90) is None


SUREST: list[tuple[float, float, Bounds]] = [
    *((0.0, -margin, (-1.0, 1.0)) for margin in (0.001, 0.01, 0.0225, 0.1, 0.5, 0.9)),
    *((1.0, gain, (-1.0, 1.0)) for gain in (0.0, 0.1, 0.9)),
    *((1.0, score, (0.0, 1.0)) for score in (0.05, 0.5, 0.95)),
    (0.05, 0.0, (-0.95, 1.0)),
    (0.0, -0.2, (-1.0, 0.0)),
    (5.0, 3.5, (1.0, 5.0)),
    (0.0, -4.0, (-100.0, 100.0)),
    (0.0, -1.5, (-1.0, 1.0)),
    (1.0, 1.0, (0.0, 1.0)),
]


@pytest.mark.parametrize(("best", "null", "bounds"), SUREST)
@pytest.mark.parametrize("items", [1, 5, 61, 3_000])
def test_the_surest_evidence_is_told_as_the_test_itself_tells_it(
    items: int, best: float, null: float, bounds: Bounds
) -> None:
    assert surest_p_value(items, best, null, bounds) == pytest.approx(
        p_value([best] * items, null, 1, bounds), abs=1e-12
    )


@pytest.mark.parametrize(
    ("margin", "at_five", "at_two_and_a_half"),
    [(0.01, 311, 388), (0.02, 155, 193), (0.0225, 138, 172), (0.03, 103, 128), (0.05, 61, 76), (0.10, 30, 37)],
)
def test_no_flip_at_all_passes_from_the_documented_items_on(
    margin: float, at_five: int, at_two_and_a_half: int
) -> None:
    assert fewest_items(0.0, -margin, (-1.0, 1.0)) == at_five
    assert fewest_items(0.0, -margin, (-1.0, 1.0), alpha=0.025) == at_two_and_a_half
    assert (
        p_value([0.0] * at_five, -margin, 1, (-1.0, 1.0))
        <= 0.05
        < p_value([0.0] * (at_five - 1), -margin, 1, (-1.0, 1.0))
    )


def test_nothing_is_above_the_best() -> None:
    assert fewest_items(1.0, 1.0, (0.0, 1.0)) is None
