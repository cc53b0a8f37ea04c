"""The statistics against code that shares nothing with ours: enumeration, scipy, statsmodels, a paper's formula."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from harness.comparison.clusters import design
from harness.comparison.statistics import Array, Bounds, Side, bound, holm, holm_adjusted, interval, p_value

DIFFERENCE = (-1.0, 1.0)
SCORE = (0.0, 1.0)
RELATIVE = (-0.95, 1.0)
SIDES: tuple[Side, Side] = (1, -1)
NULLS = (-0.3, -0.1, -0.05, -0.0225, 0.0, 0.02, 0.1, 0.3)


def table(losses: int, gains: int, items: int) -> Array:
    return np.repeat([-1.0, 1.0, 0.0], [losses, gains, items - losses - gains])


def module(name: str) -> Any:  # noqa: ANN401 - statsmodels has no types
    return pytest.importorskip(f"statsmodels.{name}")


# Enumeration: every table that could come up, each with its chance.


def tables(items: int, kinds: int) -> Iterator[tuple[int, ...]]:
    """How often each kind of value could occur."""
    if kinds == 1:
        yield (items,)
        return
    for first in range(items + 1):
        for rest in tables(items - first, kinds - 1):
            yield first, *rest


def chance(counts: Sequence[int], shares: Sequence[float]) -> float:
    ways, left = 1.0, sum(counts)
    for count, share in zip(counts, shares, strict=True):
        ways, left = ways * math.comb(left, count) * share**count, left - count
    return ways


def mixtures(points: Sequence[float], mean: float, ties: Sequence[float]) -> Iterator[tuple[float, float, float]]:
    """Shares of three values, the middle one with each of these, that have this mean."""
    low, middle, high = points
    for tie in ties:
        top = (mean - tie * middle - (1 - tie) * low) / (high - low)
        if min(top, 1 - tie - top) >= 0:
            yield 1 - tie - top, tie, top


def worst_level(
    points: Sequence[float], items: int, side: Side, bounds: Bounds, ties: Sequence[float], alpha: float = 0.05
) -> float:
    """The greatest chance to reject a true null, over nulls and over all mixtures that lie just on it."""
    worst = 0.0
    for null in [each for each in NULLS if points[0] < each < points[-1]]:
        rejected = [
            counts
            for counts in tables(items, 3)
            if side * (np.dot(counts, points) / items - null) > 0
            and p_value(np.repeat(points, counts), null, side, bounds) <= alpha
        ]
        for shares in mixtures(points, null, ties):
            worst = max(worst, sum(chance(counts, shares) for counts in rejected))
    return worst


@pytest.mark.parametrize("items", range(1, 13))
@pytest.mark.parametrize("side", SIDES)
def test_few_right_or_wrong_items_never_mislead_more_often_than_the_level_while_a_fifth_stay_as_they_were(
    items: int, side: Side
) -> None:
    ties = [float(each) for each in np.linspace(0.2, 0.99, 30)]
    assert worst_level((-1.0, 0.0, 1.0), items, side, DIFFERENCE, ties) <= 0.05


@pytest.mark.parametrize("items", [20, 33, 50])
def test_the_level_holds_even_if_hardly_any_item_stays_as_it_was(items: int) -> None:
    assert worst_level((-1.0, 0.0, 1.0), items, 1, DIFFERENCE, (0.0, 0.01, 0.05, 0.1)) <= 0.0515


@pytest.mark.parametrize(
    ("points", "bounds"),
    [((-1.0, 0.0, 0.5), DIFFERENCE), ((-0.5, 0.0, 0.5), DIFFERENCE), ((-0.95, 0.05, 1.0), RELATIVE)],
)
def test_twenty_grades_keep_the_level_even_if_every_one_changed(points: tuple[float, ...], bounds: Bounds) -> None:
    assert worst_level(points, 20, 1, bounds, (0.0, 0.1, 0.5)) <= 0.0515


@pytest.mark.parametrize("points", [(0.0, 0.5, 1.0), (0.0, 0.25, 1.0), (0.2, 0.6, 1.0)])
@pytest.mark.parametrize("items", [3, 6, 9])
@pytest.mark.parametrize("side", SIDES)
def test_a_few_graded_scores_of_one_run_keep_the_level(points: tuple[float, ...], items: int, side: Side) -> None:
    assert worst_level(points, items, side, SCORE, [each / 20 for each in range(20)]) <= 0.05


@pytest.mark.parametrize("items", range(1, 13))
@pytest.mark.parametrize("alpha", [0.05, 0.025, 0.01])
def test_the_score_of_one_short_run_keeps_the_level_at_every_null(items: int, alpha: float) -> None:
    scores = [np.repeat([1.0, 0.0], [right, items - right]) for right in range(items + 1)]
    ends = [(bound(each, alpha, 1, SCORE), bound(each, alpha, -1, SCORE)) for each in scores]
    for null in np.linspace(0.0025, 0.9975, 400):
        chances = [chance((right, items - right), (null, 1 - null)) for right in range(items + 1)]
        too_high = sum(each for each, (low, _) in zip(chances, ends, strict=True) if low > null)
        too_low = sum(each for each, (_, high) in zip(chances, ends, strict=True) if high < null)
        assert max(too_high, too_low) <= alpha


# scipy's exact tests.


def discordant(most: int) -> Iterator[tuple[int, int, float, float]]:
    """Losses and gains with the one-sided p-value of McNemar's exact test, and our own."""
    for flips in range(1, most + 1):
        for gains in range(flips // 2 + 1, flips + 1):
            exact = stats.binomtest(gains, flips, 0.5, alternative="greater").pvalue
            yield flips - gains, gains, exact, p_value(table(flips - gains, gains, flips + 30), 0.0, 1, DIFFERENCE)


@pytest.mark.parametrize("alpha", [0.1, 0.05, 0.025, 0.01])
def test_without_a_margin_whatever_mcnemars_exact_test_rejects_is_rejected_and_hardly_more(alpha: float) -> None:
    for losses, gains, exact, ours in discordant(60):
        assert ours <= alpha or exact > alpha, (losses, gains)
        assert ours > alpha or exact <= 1.251 * alpha, (losses, gains)


def test_without_a_margin_p_lies_between_mcnemars_mid_p_and_his_exact_p() -> None:
    for losses, gains, exact, ours in discordant(60):
        mid = exact - stats.binom.pmf(gains, losses + gains, 0.5) / 2
        assert ours > mid
        if exact > 0.005:
            assert ours < 1.06 * exact


@pytest.mark.parametrize(("items", "wider"), [(20, 0.005), (50, 0.0025), (200, 0.001)])
def test_the_bounds_of_one_runs_share_are_clopper_pearsons_but_for_the_documented_width(
    items: int, wider: float
) -> None:
    for right in range(0, items + 1, max(1, items // 40)):
        low, high = interval(np.repeat([1.0, 0.0], [right, items - right]), SCORE, level=0.9)
        exact = stats.binomtest(right, items).proportion_ci(0.9, method="exact")
        assert exact.low - wider <= low <= exact.low + 1e-7
        assert exact.high - 1e-7 <= high <= exact.high + wider


# The paper's formula, without our corrections.


def tango(losses: int, gains: int, items: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of Tango 1998: where the score statistic is just the normal quantile."""

    def score(null: float) -> float:
        linear = (2 * items + losses - gains) * null - losses - gains
        root = math.sqrt(max(linear**2 + 8 * items * losses * null * (1 - null), 0.0))
        share = (root - linear) / (4 * items)
        return (gains - losses - items * null) / math.sqrt(items * (2 * share + null * (1 - null)))

    quantile, mean = stats.norm.isf((1 - level) / 2), (gains - losses) / items
    low = optimize.brentq(lambda null: score(null) - quantile, -1 + 1e-9, mean - 1e-9)
    high = optimize.brentq(lambda null: score(null) + quantile, mean + 1e-9, 1 - 1e-9)
    return low, high


def test_tangos_interval_of_the_documented_example_lies_within_ours() -> None:
    low, high = tango(20, 40, 160)
    assert (round(low, 4), round(high, 4)) == (0.0309, 0.2181)
    ours = interval(table(20, 40, 160), DIFFERENCE)
    assert ours[0] < low < high < ours[1]
    assert ours == pytest.approx((low, high), abs=0.5 / 160 + 0.0005)  # half a flip, and the skewness


def test_our_interval_is_tangos_but_for_one_and_a_half_items() -> None:
    rng = np.random.default_rng(4)
    for items in rng.integers(10, 400, 250):
        losses, gains, ties = rng.multinomial(items, rng.dirichlet([0.4, 0.4, 2.0]))
        if 0 < ties < items:
            plain, ours = tango(losses, gains, items), interval(table(losses, gains, items), DIFFERENCE)
            assert -0.3 < (plain[0] - ours[0]) * items < 1.5
            assert -0.3 < (ours[1] - plain[1]) * items < 1.5


# statsmodels.


def test_the_weights_are_those_of_empirical_likelihood() -> None:
    likelihood = module("emplike.descriptive")
    rng = np.random.default_rng(6)
    for items in (20, 50, 200):
        values = np.append(rng.normal(0.1, 0.2, items - 1).clip(-0.9, 0.9), -1.0)  # then none is unseen
        for null in values.mean() - np.array([0.02, 0.05, 0.08]):
            weights = likelihood.DescStat(values).test_mean(null, return_weights=True)[2]
            off = values - null
            variance, third = weights @ off**2, weights @ off**3
            flips = values - np.sort(values)[(items - 1) // 2]
            jump = weights @ flips**2 / (weights @ np.abs(flips))
            statistic = (off.sum() - jump / 2) / math.sqrt(items * variance)
            lean = third / variance**1.5 / math.sqrt(items)
            score = optimize.brentq(lambda z, t=statistic, g=lean: z + g / 6 * (z**2 - 1) - t, -3, 3 + statistic)
            found = p_value(values, null, 1, DIFFERENCE)
            assert found == pytest.approx(stats.norm.sf(score), rel=1e-4)


def test_the_variance_of_equal_clusters_is_the_cluster_robust_one_of_a_regression_on_a_constant() -> None:
    regression = module("regression.linear_model")
    rng = np.random.default_rng(8)
    for clusters, size in ((5, 3), (30, 10), (200, 4)):
        labels = np.repeat(np.arange(clusters), size)
        values = (rng.normal(0, 0.2, clusters)[labels] + rng.normal(0, 0.3, len(labels))).clip(-1, 1)
        robust = regression.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": labels})
        inflation = float(robust.bse[0]) ** 2 / (values.var(ddof=1) / len(values))
        assert design(values, labels.astype(str)).inflation == pytest.approx(max(inflation, 1.0))


def test_holm_is_holm() -> None:
    multitest = module("stats.multitest")
    rng = np.random.default_rng(9)
    for rules in (1, 2, 5, 20):
        for _ in range(5):
            p_values = rng.choice([0.0, 1e-4, 0.001, 0.01, 0.02, 0.03, 0.5, 1.0], rules) * rng.choice([1.0, 0.7], rules)
            fallen, adjusted, _, _ = multitest.multipletests(p_values, alpha=0.05, method="holm")
            assert holm_adjusted(list(p_values)) == pytest.approx(list(adjusted))
            assert holm(list(p_values), 0.05) == list(fallen)


def test_twice_the_smaller_p_is_near_mcnemars_two_sided_exact_p() -> None:
    contingency = module("stats.contingency_tables")
    for losses, gains in itertools.product(range(0, 40, 3), range(0, 40, 4)):
        values = table(losses, gains, losses + gains + 25)
        ours = min(1.0, 2 * min(p_value(values, 0.0, side, DIFFERENCE) for side in SIDES))
        exact = contingency.mcnemar([[25, losses], [gains, 0]], exact=True).pvalue
        if losses != gains and exact > 0.01:
            assert 0.55 * exact < ours < 1.06 * exact


# Ten thousand tables.


@functools.cache
def end(losses: int, gains: int, items: int, side: Side, alpha: float) -> float:
    return bound(table(losses, gains, items), alpha, side, DIFFERENCE)


def random_table(rng: np.random.Generator) -> tuple[int, int, int]:
    items = round(10 ** rng.uniform(0, 2.7))
    losses, gains, _ = (int(count) for count in rng.multinomial(items, rng.dirichlet([0.4, 0.4, 2.0])))
    return losses, gains, items


def test_interval_and_ruling_agree_on_ten_thousand_margins() -> None:
    rng = np.random.default_rng(10)
    for _ in range(1250):
        counts = random_table(rng)
        side, alpha = SIDES[int(rng.integers(2))], float(rng.choice([0.05, 0.025, 0.01, 0.2]))
        limit = end(*counts, side, alpha)
        for null in (*rng.choice(NULLS, 4, replace=False), *rng.uniform(-0.3, 0.3, 2), limit - 5e-9, limit + 5e-9):
            if -1 < null < 1 and abs(limit - null) > 4e-9:
                rejects = p_value(table(*counts), null, side, DIFFERENCE) <= alpha
                assert rejects == (side * (limit - null) > 0), (counts, side, alpha, null)


def test_one_more_broken_item_never_lowers_p_nor_a_bound() -> None:
    rng = np.random.default_rng(12)
    for _ in range(2000):
        losses, gains, items = random_table(rng)
        ties = items - losses - gains
        worse = [(losses + 1, gains, items + 1)]
        worse += [(losses, gains - 1, items)] if gains else []
        worse += [(losses + 1, gains, items)] if ties else []
        null = float(rng.choice([-0.1, -0.05, -0.0225, 0.0, 0.05]))
        before = p_value(table(losses, gains, items), null, 1, DIFFERENCE)
        for each in worse:
            # A mean on the wrong side is no evidence: how large p is there says nothing.
            assert p_value(table(*each), null, 1, DIFFERENCE) >= min(before, 0.5) - 1e-9, (losses, gains, items, null)


def test_one_more_broken_item_never_raises_the_interval() -> None:
    rng = np.random.default_rng(13)
    for _ in range(300):
        losses, gains, items = random_table(rng)
        if losses + gains < items:
            for side in SIDES:
                assert end(losses + 1, gains, items, side, 0.05) <= end(losses, gains, items, side, 0.05) + 1e-8


def test_swapping_the_arms_mirrors_the_interval_of_grades() -> None:
    rng = np.random.default_rng(14)
    for _ in range(200):
        values = rng.choice([-1.0, -0.5, -0.1, 0.0, 0.0, 0.0, 0.25, 1.0], int(rng.integers(1, 150)))
        low, high = interval(values, DIFFERENCE)
        assert interval(rng.permutation(-values), DIFFERENCE) == pytest.approx((-high, -low), abs=1e-6)
