"""What broke, what got fixed, what cannot be told, and where it gathers."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.comparison.compare import delta
from harness.comparison.evidence import Evidence
from harness.comparison.flips import Group, flips, groups
from harness.values import Pair

SCORES = st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0, math.nan])


def pairs(*both: tuple[float | None, float | None]) -> list[Pair]:
    return [Pair(f"s{place}", baseline, candidate) for place, (baseline, candidate) in enumerate(both)]


def test_the_largest_loss_comes_first_and_equal_ones_stay_in_order() -> None:
    found = flips(pairs((1, 0.5), (0, 0.25), (1, 0), (1, 0.5), (0, 1), (1, 0), (0, 0.25)), higher_is_better=True)
    assert found.broken == ("s2", "s5", "s0", "s3")
    assert found.fixed == ("s4", "s1", "s6")
    assert (found.compared, found.missing) == (7, ())


def test_where_lower_is_better_a_score_that_rose_is_broken() -> None:
    found = flips(pairs((0, 3), (5, 1), (2, 2), (0, 1)), higher_is_better=False)
    assert (found.broken, found.fixed) == (("s0", "s3"), ("s1",))


def test_a_missing_score_on_either_side_is_neither_fixed_nor_broken() -> None:
    found = flips(pairs((None, 1), (1, None), (None, None), (math.nan, 1), (1, 0)), higher_is_better=True)
    assert (found.compared, found.fixed, found.broken) == (1, (), ("s4",))
    assert found.missing == ("s0", "s1", "s2", "s3")


def test_two_infinite_scores_are_equal_and_one_is_the_largest_loss() -> None:
    found = flips(pairs((1, 2), (math.inf, math.inf), (1, math.inf)), higher_is_better=False)
    assert (found.compared, found.broken) == (3, ("s2", "s0"))


def test_nothing_to_compare_is_nothing() -> None:
    found = flips([], higher_is_better=True)
    assert (found.compared, found.broken, found.fixed, found.missing) == (0, (), (), ())
    assert groups(found, [], {}) == ()


@given(st.lists(st.tuples(SCORES, SCORES)), st.booleans())
def test_the_counts_are_those_of_the_comparison(both: list[tuple[float | None, float | None]], upward: bool) -> None:
    found = flips(pairs(*both), upward)
    counted = delta(Evidence("t", "m", "base", tuple(pairs(*both)), upward, (0.0, 1.0)))
    assert (found.compared, len(found.fixed), len(found.broken), len(found.missing)) == (
        counted.pairs,
        counted.fixed,
        counted.broken,
        counted.missing,
    )


def test_groups_are_counted_by_cluster_stratum_and_tag_and_the_worst_comes_first() -> None:
    both = [
        Pair("s0", 1, 0, cluster="p1", stratum="law"),
        Pair("s1", 0, 1, cluster="p1", stratum="law"),
        Pair("s2", 1, 0, cluster="p2", stratum="art"),
        Pair("s3", None, 1, stratum="art"),
    ]
    tags = {"s0": ("long", "french"), "s1": ("long",), "s2": ("long", "long")}
    assert groups(flips(both, higher_is_better=True), both, tags) == (
        Group("cluster", "p2", compared=1, fixed=0, broken=1, missing=0),
        Group("cluster", "p1", compared=2, fixed=1, broken=1, missing=0),
        Group("stratum", "art", compared=1, fixed=0, broken=1, missing=1),
        Group("stratum", "law", compared=2, fixed=1, broken=1, missing=0),
        Group("tag", "long", compared=3, fixed=1, broken=2, missing=0),
        Group("tag", "french", compared=1, fixed=0, broken=1, missing=0),
    )


@pytest.mark.parametrize("upward", [True, False])
def test_the_groups_of_a_kind_that_every_sample_has_add_up_to_the_whole(upward: bool) -> None:
    scores = [((place % 3) / 2, (place % 5) / 4 if place % 7 else None) for place in range(100)]
    both = [replace(pair, stratum=f"part {place % 9}") for place, pair in enumerate(pairs(*scores))]
    found = flips(both, upward)
    counted = groups(found, both, {})
    assert len(counted) == 9
    assert sum(group.compared for group in counted) == found.compared
    assert sum(group.fixed for group in counted) == len(found.fixed)
    assert sum(group.broken for group in counted) == len(found.broken)
    assert sum(group.missing for group in counted) == len(found.missing)
