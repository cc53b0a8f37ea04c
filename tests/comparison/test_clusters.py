"""Items that belong together count for fewer: the design effect, and what it does to p-values and bounds."""

from __future__ import annotations

import itertools
import statistics
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.comparison.clusters import NEEDED, design, effective_clusters
from harness.comparison.gate import Evidence, decide
from harness.comparison.statistics import Array, Side, bound, p_value
from harness.values import GateRule, Pair

DIFFERENCE = (-1.0, 1.0)
SIDES: tuple[Side, Side] = (1, -1)
NULLS = (-0.1, -0.05, -0.0225, 0.0, 0.05)
Labels = npt.NDArray[np.str_]


def clustered(rng: np.random.Generator, clusters: int, most: int = 8) -> tuple[Array, Labels]:
    """Differences of right or wrong scores whose chances to flip vary from cluster to cluster."""
    labels = np.repeat(np.arange(clusters), rng.integers(1, most + 1, clusters))
    losing = rng.choice([0.0, 0.05, 0.3, 0.9], clusters, p=[0.6, 0.3, 0.08, 0.02])[labels]
    gaining = rng.choice([0.0, 0.05, 0.3, 0.9], clusters, p=[0.5, 0.3, 0.15, 0.05])[labels]
    lost, won = rng.random(len(labels)) < losing, rng.random(len(labels)) < gaining
    return won.astype(np.float64) * ~lost - lost, labels.astype(str)


def p_clustered(values: Array, labels: Labels, null: float, side: Side = 1) -> float:
    return p_value(values, null, side, DIFFERENCE, design(values, labels))


def means(values: Array, labels: Labels) -> dict[str, float]:
    return {str(name): float(values[labels == name].mean()) for name in np.unique(labels)}


def jackknife(values: list[float], names: list[str]) -> float:
    """The variance of the mean over that of independent items, leaving out one cluster after another."""
    everything, groups = statistics.fmean(values), sorted(set(names))
    squares = 0.0
    for left_out in groups:
        kept = [value for value, name in zip(values, names, strict=True) if name != left_out]
        squares += (statistics.fmean(kept) - everything) ** 2
    variance = (len(groups) - 1) / len(groups) * squares
    return variance / (statistics.variance(values) / len(values))


items = st.lists(
    st.tuples(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), st.sampled_from("abcdefgh")), min_size=2, max_size=60
)
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(items)
def test_the_inflation_is_what_leaving_out_each_cluster_in_turn_gives(some: list[tuple[float, str]]) -> None:
    values, names = [value for value, _ in some], [name for _, name in some]
    assume(len(set(names)) > 1 and len(set(values)) > 1)
    found = design(values, names)
    assert found.clusters == len(set(names))
    assert found.inflation == pytest.approx(max(1.0, jackknife(values, names)))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(items, st.randoms(use_true_random=False))
def test_names_and_order_do_not_matter(some: list[tuple[float, str]], random: Random) -> None:
    values, names = np.array([value for value, _ in some]), np.array([name for _, name in some])
    order = random.sample(range(len(some)), len(some))
    others = dict(zip("abcdefgh", random.sample([f"passage {number}" for number in range(99)], 8), strict=True))
    renamed = np.array([others[str(name)] for name in names])
    plain, turned = design(values, names), design(values[order], renamed[order])
    assert (plain.clusters, plain.effective) == (turned.clusters, turned.effective)
    assert (plain.inflation, plain.skew) == pytest.approx((turned.inflation, turned.skew))
    found, other = p_clustered(values, names, -0.05), p_clustered(values[order], renamed[order], -0.05)
    assert found == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize(
    ("names", "effective"),
    [("aaaaaa", 1.0), ("abcdef", 6.0), ("aabbcc", 3.0), ("abbccc", 36 / 14), ("aaaaaaaaab", 100 / 82)],
)
def test_clusters_of_unequal_size_tell_as_much_as_fewer_equal_ones(names: str, effective: float) -> None:
    assert effective_clusters(list(names)) == pytest.approx(effective)
    found = design([0.0] * len(names), list(names))
    assert found.effective == pytest.approx(effective)
    assert found.degrees_of_freedom == pytest.approx(max(effective - 1, 1.0))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([-1.0, 0.0, 0.3, 1.0]), min_size=2, max_size=80))
def test_a_cluster_for_every_item_inflates_nothing(values: list[float]) -> None:
    found = design(values, [str(index) for index in range(len(values))])
    assert found.inflation == pytest.approx(1.0)
    assert found.skew == pytest.approx(1.0)
    assert found.shared == pytest.approx(0.0, abs=1e-12)


def test_with_a_cluster_for_every_item_only_students_t_differs_from_independent_items() -> None:
    values = np.repeat([-1.0, 1.0, 0.0], [30, 20, 450])
    labels = np.arange(500).astype(str)
    score = stats.norm.isf(p_value(values, -0.05, 1, DIFFERENCE))
    assert p_clustered(values, labels, -0.05) == pytest.approx(stats.t.sf(score, 499), rel=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=1, max_size=8), st.integers(2, 20))
def test_clusters_that_are_all_alike_inflate_nothing(one: list[float], clusters: int) -> None:
    labels = [str(index) for index in range(clusters) for _ in one]
    assert design(one * clusters, labels).inflation == pytest.approx(1.0)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seeds, st.integers(2, 8))
def test_asking_each_question_several_times_is_no_more_evidence(seed: int, times: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.choice([-1.0, 0.0, 1.0], 80, p=[0.05, 0.85, 0.1])
    labels = np.arange(80).astype(str)
    copies, of_whom = np.repeat(values, times), np.repeat(labels, times)
    assert design(copies, of_whom).inflation == pytest.approx((80 * times - 1) / 79)
    for null in NULLS:
        once = p_clustered(values, labels, null)
        if once < 0.5:
            assert p_clustered(copies, of_whom, null) > 0.99 * once


def test_the_skewness_is_that_of_rare_failures_drawn_from_an_urn_in_each_cluster() -> None:
    sizes = [1, 2, 2, 3, 5, 8, 8, 8]
    names = np.repeat(np.arange(8).astype(str), sizes)
    values = np.repeat([0.0, -1.0, 0.0, 0.0, -1.0, 0.0, -1.0, 0.0], sizes)
    values[-1] = -1.0
    values[-9] = 0.0
    found = design(values, names)
    correlation = (found.inflation - 1) / (sum(size * (size - 1) for size in sizes) / sum(sizes))
    assert 0 < correlation < 0.99
    urn, rare, variance, third = 1 / correlation - 1, 1e-7, 0.0, 0.0
    for size in sizes:
        spread, lean = stats.betabinom.stats(size, rare * urn, (1 - rare) * urn, moments="vs")
        variance, third = variance + spread, third + lean * spread**1.5
    independent = stats.binom.stats(sum(sizes), rare, moments="s")
    assert found.skew == pytest.approx(third / variance**1.5 / independent, rel=1e-5)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seeds, st.integers(2, 80))
def test_clusters_never_make_evidence_stronger(seed: int, clusters: int) -> None:
    values, labels = clustered(np.random.default_rng(seed), clusters)
    for null, side in itertools.product(NULLS, SIDES):
        alone = p_value(values, null, side, DIFFERENCE)
        if alone < 0.5:
            assert p_clustered(values, labels, null, side) >= alone


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seeds, st.integers(5, 60))
def test_the_further_the_null_the_smaller_the_p_value(seed: int, clusters: int) -> None:
    values, labels = clustered(np.random.default_rng(seed), clusters)
    found = [p_clustered(values, labels, null) for null in np.linspace(values.mean() - 1e-6, -0.999, 25)]
    below_a_half = list(itertools.dropwhile(lambda each: each > 0.5, found))
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(below_a_half))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seeds, st.integers(2, 60), st.sampled_from(NULLS))
def test_swapping_the_arms_mirrors_the_result(seed: int, clusters: int, null: float) -> None:
    values, labels = clustered(np.random.default_rng(seed), clusters)
    found, mirrored = design(values, labels), design(-values, labels)
    assert (found.inflation, found.skew) == pytest.approx((mirrored.inflation, mirrored.skew))
    assert p_clustered(values, labels, null) == pytest.approx(p_clustered(-values, labels, -null, -1), abs=1e-12)
    low, high = bound(values, 0.05, 1, DIFFERENCE, found), bound(-values, 0.05, -1, DIFFERENCE, mirrored)
    assert low == pytest.approx(-high, abs=1e-6)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(seeds, st.integers(2, 60), st.sampled_from([0.05, 0.025, 0.2]), st.sampled_from(SIDES))
def test_bound_and_p_value_agree(seed: int, clusters: int, alpha: float, side: Side) -> None:
    values, labels = clustered(np.random.default_rng(seed), clusters)
    end = bound(values, alpha, side, DIFFERENCE, design(values, labels))
    for null in (*NULLS, end - 1e-6, end + 1e-6, end - 0.01, end + 0.01):
        if -1 < null < 1 and abs(end - null) > 1e-8:
            assert (side * (end - null) > 0) == (p_clustered(values, labels, null, side) <= alpha)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seeds, st.integers(10, 120), st.sampled_from(NULLS), st.booleans())
def test_one_more_broken_item_where_most_are_broken_never_improves_p(
    seed: int, clusters: int, null: float, added: bool
) -> None:
    # In the worst cluster only. Breaking an item of the best one makes clusters look more alike, and p may fall.
    rng = np.random.default_rng(seed)
    values, labels = clustered(rng, clusters)
    before, score = p_clustered(values, labels, null), means(values, labels)
    assume(effective_clusters(labels) >= NEEDED)
    worst = min(score, key=lambda name: score[name])
    if added:
        broken, labels = np.append(values, -1.0), np.append(labels, worst)
    else:
        broken = values.copy()
        intact = np.flatnonzero((labels == worst) & (values > -1))
        assume(len(intact))
        broken[rng.choice(intact)] -= 1
    assert p_clustered(broken, labels, null) >= min(before, 0.5) - 1e-9


def test_fewer_than_thirty_effective_clusters_pass_nothing_however_many_items_they_hold() -> None:
    unchanged = [(1.0, 1.0)] * 900
    for clusters, expected in ((1, "inconclusive"), (NEEDED - 1, "inconclusive"), (NEEDED, "passed")):
        assert outcome(unchanged, [str(index % clusters) for index in range(900)], max_drop=0.1) == expected


@pytest.mark.parametrize(("clusters", "size", "margin"), [(200, 5, 0.01), (250, 2, 0.01), (60, 30, 0.0225)])
def test_unchanged_clusters_pass_no_margin_that_clusters_not_drawn_could_break(
    clusters: int, size: int, margin: float
) -> None:
    # If that share of clusters were wholly broken, this is how often not one of them would be drawn.
    none_drawn = (1 - margin) ** clusters
    labels = np.repeat(np.arange(clusters).astype(str), size)
    assert p_clustered(np.zeros(len(labels)), labels, -margin) >= min(none_drawn, 0.5) > 0.05


def test_broken_items_weigh_more_when_they_share_their_clusters() -> None:
    broken = [(1.0, 1.0)] * 970 + [(1.0, 0.0)] * 30
    assert outcome(broken, None, max_drop=0.06) == "passed"
    assert outcome(broken, [str(index % 100) for index in range(1000)], max_drop=0.06) == "passed"
    assert outcome(broken, [str(index // 10) for index in range(1000)], max_drop=0.06) == "inconclusive"


def outcome(scores: list[tuple[float, float]], names: list[str] | None, max_drop: float) -> str:
    labels: list[str | None] = [None] * len(scores) if names is None else list(names)
    pairs = (
        Pair(f"s{index}", *both, cluster=name) for index, (both, name) in enumerate(zip(scores, labels, strict=True))
    )
    evidence = Evidence("mmlu", "acc", "base", tuple(pairs), higher_is_better=True, bounds=(0.0, 1.0))
    return decide([GateRule("mmlu", "acc", max_drop=max_drop)], lambda _: evidence).outcome
