"""Looks spend the level and no more; a bet on the order may be settled at any time and is certain at the end."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.comparison.sequential import EARLY, LOOKS, bet_bound, bet_p_value, levels, schedule
from harness.comparison.statistics import Array, Bounds, Side

DIFFERENCE = (-1.0, 1.0)
SCORE = (0.0, 1.0)
SIDES: tuple[Side, Side] = (1, -1)
JUST_ABOVE = 1e-6


def test_the_documented_plan_has_sixteen_looks_and_keeps_four_fifths_of_the_level_for_the_last() -> None:
    looks = schedule(5700, 0.0225)
    assert (len(looks), looks[0], looks[-1]) == (16, 152, 5700)
    assert round(levels(looks, 0.05)[-1], 4) == 0.0406


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 20_000), st.floats(0.001, 2.0))
def test_looks_grow_from_the_first_that_could_tell_to_the_whole(total: int, margin: float) -> None:
    looks = schedule(total, margin)
    assert looks[-1] == total
    assert len(looks) <= LOOKS
    assert all(earlier < later for earlier, later in itertools.pairwise(looks))
    assert looks == (total,) or looks[0] * margin >= 3.4


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_a_single_look_has_the_whole_level(alpha: float) -> None:
    assert levels((500,), alpha) == pytest.approx((alpha,))
    assert schedule(100, 0.03) == (100,)


@pytest.mark.parametrize("looks", [(100, 200), (10, 200), (150, 200)])
def test_the_level_of_two_looks_is_the_bivariate_normal_integral(looks: tuple[int, int]) -> None:
    first, last = stats.norm.isf(levels(looks, 0.05))
    correlation = math.sqrt(looks[0] / looks[1])
    neither = stats.multivariate_normal.cdf([first, last], cov=[[1, correlation], [correlation, 1]])
    assert 1 - neither == pytest.approx(0.05, abs=1e-5)


@pytest.mark.parametrize(
    ("total", "margin", "alpha"),
    [(5700, 0.0225, 0.05), (14_042, 0.0225, 0.025), (300, 0.0225, 0.05), (1000, 0.0035, 0.05)],
)
def test_a_random_walk_is_caught_as_often_as_the_level_says(total: int, margin: float, alpha: float) -> None:
    looks = schedule(total, margin)
    paths, times = 200_000, np.array(looks) / total
    share = _first_crossings(times, stats.norm.isf(levels(looks, alpha)), paths)

    def noise(chance: float) -> float:
        return 4 * math.sqrt(chance * (1 - chance) / paths)

    assert abs(share.sum() - alpha) < noise(alpha)
    spent = alpha * EARLY / (len(looks) - 1)
    assert np.abs(share[:-1] - spent).max() < noise(spent)


def _first_crossings(times: Array, limits: Array, paths: int) -> Array:
    """The share of Brownian paths that first exceed the limit at each of these times."""
    rng, positions = np.random.default_rng(11), np.zeros(paths)
    still, found = np.ones(paths, dtype=bool), []
    for step, time, limit in zip(np.diff(times, prepend=0.0), times, limits, strict=True):
        positions += rng.normal(0, math.sqrt(step), paths)
        crossed = still & (positions >= limit * math.sqrt(time))
        still &= ~crossed
        found.append(crossed.mean())
    return np.array(found)


def test_the_levels_know_shares_of_the_whole_not_numbers_of_items() -> None:
    assert levels((10, 20, 40), 0.05) == pytest.approx(levels((1000, 2000, 4000), 0.05), abs=1e-12)


def test_no_look_has_more_than_the_whole_level_and_early_ones_have_less_than_the_last() -> None:
    found = levels(schedule(14_042, 0.0225), 0.05)
    assert max(found) == found[-1] < 0.05
    assert min(found) >= 0.05 * EARLY / (LOOKS - 1) * (1 - 1e-9)


class Wealth:
    """The bet written out item by item in exact fractions, each side by its own formula."""

    stakes = (0.03, 0.06, 0.12, 0.25, 0.5, 0.99)

    def __init__(self, total: int, null: Fraction, side: Side, low: int, high: int) -> None:
        self.total, self.null, self.side, self.low, self.high = total, null, side, low, high
        self.seen: list[Fraction] = []
        self.fortunes = [1.0] * len(self.stakes)
        self.best = 0.0

    def update(self, value: Fraction) -> None:
        fair = (self.total * self.null - sum(self.seen)) / (self.total - len(self.seen))
        self.seen.append(value)
        # Once the answer is certain there is no fair bet left.
        if self.low < fair < self.high:
            won = (value - fair) / (fair - self.low) if self.side > 0 else (fair - value) / (self.high - fair)
            self.fortunes = [
                fortune * (1 + stake * float(won)) for fortune, stake in zip(self.fortunes, self.stakes, strict=True)
            ]
            self.best = max(self.best, sum(self.fortunes) / len(self.fortunes))

    def p_value(self) -> float:
        left = self.total - len(self.seen)
        at_least, below = self.total * self.null - left * self.low, self.total * self.null - left * self.high
        if sum(self.seen) >= at_least:
            return 0.0 if self.side > 0 else 1.0
        if sum(self.seen) < below:
            return 1.0 if self.side > 0 else 0.0
        return min(1.0, 1 / self.best) if self.best > 0 else 1.0


def after_each(values: Sequence[float], total: int, null: float, side: Side, bounds: Bounds) -> list[float]:
    return [bet_p_value(values[:seen], total, null, side, bounds) for seen in range(len(values) + 1)]


quarters = st.lists(st.integers(-4, 4), min_size=1, max_size=40).map(
    lambda numbers: [Fraction(each, 4) for each in numbers]
)
nulls = st.integers(-20, 20).map(lambda number: Fraction(number, 40))
sides = st.sampled_from(SIDES)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(quarters, st.integers(0, 30), nulls, sides)
def test_the_bet_is_the_one_that_is_written_out_item_by_item(
    values: list[Fraction], unseen: int, null: Fraction, side: Side
) -> None:
    total = len(values) + unseen
    slow = Wealth(total, null, side, -1, 1)
    expected = [slow.p_value()]
    for value in values:
        slow.update(value)
        expected.append(slow.p_value())
    found = after_each([float(value) for value in values], total, float(null), side, DIFFERENCE)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-300)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(quarters, st.integers(0, 30), nulls)
def test_swapping_the_arms_mirrors_the_bet(values: list[Fraction], unseen: int, null: Fraction) -> None:
    seen, total = [float(value) for value in values], len(values) + unseen
    mirrored = [-value for value in seen]
    above = bet_bound(seen, total, 0.05, 1, DIFFERENCE)
    assert above == pytest.approx(-bet_bound(mirrored, total, 0.05, -1, DIFFERENCE), abs=1e-9)
    found = bet_p_value(seen, total, float(null), 1, DIFFERENCE)
    other = bet_p_value(mirrored, total, float(-null), -1, DIFFERENCE)
    if max(found, other) < 1:  # a mean on the limit itself meets it from either side
        assert found == pytest.approx(other)


@pytest.mark.parametrize(
    ("values", "null", "above", "below"),
    [
        ([1.0] * 6, 0.2, 0.0, 1.0),  # even if the other four are lost the mean is 0.2
        ([-1.0] * 6, -0.2, None, None),  # all the others won would just do
        ([-1.0] * 7, -0.2, 1.0, 0.0),
        ([0.0] * 5, 0.51, 1.0, 0.0),
        ([0.0] * 5, -0.5, 0.0, 1.0),
        ([], -1.0, 0.0, 1.0),
        ([], 1.1, 1.0, 0.0),
    ],
)
def test_what_the_rest_cannot_change_is_certain(
    values: list[float], null: float, above: float | None, below: float | None
) -> None:
    found = [bet_p_value(values, 10, null, side, DIFFERENCE) for side in SIDES]
    if above is None:
        assert all(0 < each <= 1 for each in found)
    else:
        assert found == [above, below]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(quarters, nulls)
def test_after_the_last_item_chance_has_no_part_and_a_tie_meets_the_limit(
    values: list[Fraction], null: Fraction
) -> None:
    seen, mean = [float(value) for value in values], sum(values) / len(values)
    for limit in (null, mean):
        above, below = (bet_p_value(seen, len(seen), float(limit), side, DIFFERENCE) for side in SIDES)
        assert (above, below) == ((0.0, 1.0) if mean >= limit else (1.0, 0.0))
    ends = [bet_bound(seen, len(seen), 0.05, side, DIFFERENCE) for side in SIDES]
    assert ends == pytest.approx([float(mean)] * 2, abs=1e-9)


def test_a_tie_survives_the_rounding_of_a_sum() -> None:
    for values, mean in (([0.1] * 10, 0.1), ([0.1, 0.2, 0.3] * 1000, 0.2), ([0.7] * 4999, 0.7)):
        assert [bet_p_value(values, len(values), mean, side, SCORE) for side in SIDES] == [0.0, 1.0]


def test_before_the_first_item_nothing_is_known() -> None:
    for side in SIDES:
        assert bet_p_value([], 100, 0.0, side, DIFFERENCE) == 1.0
        assert bet_bound([], 100, 0.05, side, DIFFERENCE) == pytest.approx(-side)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(quarters, st.integers(0, 30), nulls, sides)
def test_evidence_once_seen_is_kept_until_the_answer_is_certain(
    values: list[Fraction], unseen: int, null: Fraction, side: Side
) -> None:
    total = len(values) + unseen
    found = after_each([float(value) for value in values], total, float(null), side, DIFFERENCE)
    uncertain = list(itertools.takewhile(lambda each: each > 0, found))
    if uncertain[-1:] != [1.0]:  # or it became certain that the evidence misled
        assert all(later <= earlier for earlier, later in itertools.pairwise(uncertain))


def test_evidence_is_kept_while_a_tie_is_still_possible() -> None:
    broken = [-1.0] * 5  # only if the other five are all won does the mean come back to 0
    known = bet_p_value(broken, 10, 0.0, -1, DIFFERENCE)
    assert known < 0.2
    assert [bet_p_value([*broken, *[1.0] * won], 10, 0.0, -1, DIFFERENCE) for won in range(5)] == [known] * 5
    assert bet_p_value([*broken, *[1.0] * 5], 10, 0.0, -1, DIFFERENCE) == 1.0


@pytest.mark.parametrize(("possible", "total", "bounds"), [((-1, 0, 1), 8, DIFFERENCE), ((0, 1), 12, SCORE)])
@pytest.mark.parametrize("side", SIDES)
def test_in_every_population_few_orders_ever_mislead(
    possible: tuple[int, ...], total: int, bounds: Bounds, side: Side
) -> None:
    @functools.cache
    def p_value(seen: tuple[int, ...], whole: int) -> float:
        # At the true mean "it is less" is just false; "it is at least that" is just false a hair above.
        null = whole / total + (JUST_ABOVE if side > 0 else 0.0)
        return bet_p_value(seen, total, null, side, bounds)

    smallest: dict[tuple[int, ...], list[float]] = {}
    for order in itertools.product(possible, repeat=total):
        prefixes = (order[:seen] for seen in range(total + 1))
        found = min(p_value(prefix, sum(order)) for prefix in prefixes)
        smallest.setdefault(tuple(sorted(order)), []).append(found)
    for alpha in (0.05, 0.1, 0.25, 0.5):
        assert max(_share_up_to(alpha, found) for found in smallest.values()) <= alpha
    assert max(_share_up_to(0.5, found) for found in smallest.values()) > 0.05


def _share_up_to(alpha: float, found: Iterable[float]) -> float:
    return float(np.mean([each <= alpha for each in found]))


def test_the_order_of_what_was_seen_matters() -> None:
    early, late = [1.0] * 10 + [0.0] * 10, [0.0] * 10 + [1.0] * 10
    assert bet_p_value(early, 100, 0.0, 1, DIFFERENCE) != bet_p_value(late, 100, 0.0, 1, DIFFERENCE)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(quarters, st.integers(0, 200), sides, st.sampled_from([0.05, 0.01, 0.2]))
def test_the_bound_is_where_the_bet_is_just_not_won(
    values: list[Fraction], unseen: int, side: Side, alpha: float
) -> None:
    seen, total = [float(value) for value in values], len(values) + unseen
    end = bet_bound(seen, total, alpha, side, DIFFERENCE)
    assert -1 <= end <= 1
    assert bet_p_value(seen, total, end + side * 1e-9, side, DIFFERENCE) > alpha
    if abs(end) < 1:
        assert bet_p_value(seen, total, end - side * 1e-9, side, DIFFERENCE) <= alpha


@settings(max_examples=40, deadline=None, derandomize=True)
@given(quarters, st.integers(1, 200), sides)
def test_the_further_the_null_the_smaller_the_p_value(values: list[Fraction], unseen: int, side: Side) -> None:
    seen, total = [float(value) for value in values], len(values) + unseen
    found = [bet_p_value(seen, total, null, side, DIFFERENCE) for null in np.linspace(side, -side, 21)]
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(found))
