"""What the gate's statistics promise of levels, power and items; ``bench/levels.py`` is the same at full length.

Every simulation is seeded, so a limit is either kept or not. Where the runs are few, it has room for their chance.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from simulation import exact, grouped, judges, sampled, stopping, suites
from simulation.flips import BOUNDS, SIDES, Edge, Rates, table
from simulation.found import lowest, worst
from simulation.grouped import Family

from harness.comparison.power import items_needed
from harness.comparison.statistics import Side, p_value

MARGIN = 0.0225


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20_261_122)


def room(limit: float, runs: int) -> float:
    """The limit with three standard errors of so few runs."""
    return limit + 3 * math.sqrt(limit * (1 - limit) / runs)


@pytest.mark.parametrize("alpha", [0.05, 0.025])
@pytest.mark.parametrize("items", [20, 100, 200, 1000])
def test_on_right_or_wrong_scores_either_verdict_is_wrong_at_most_as_often_as_its_level(
    items: int, alpha: float
) -> None:
    found = worst(exact.grid(items, alpha, (-0.1, -0.0225, 0.0, 0.02)))
    assert 0 < found.share <= alpha, found


@pytest.mark.parametrize(("items", "alpha", "limit"), [(30, 0.05, 0.052), (50, 0.05, 0.05), (100, 0.01, 0.01)])
def test_no_margin_and_no_mix_of_flips_breaks_the_level(items: int, alpha: float, limit: float) -> None:
    found = worst(exact.fine(items, alpha, steps=40))
    assert 0 < found.share <= limit, found


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
@pytest.mark.parametrize("items", [20, 200, 2000])
def test_where_hardly_a_flip_is_expected_the_level_still_holds(items: int, alpha: float) -> None:
    found = worst(exact.tiny(items, alpha))
    assert found.share <= alpha, found


@pytest.mark.parametrize("side", SIDES)
def test_the_edge_of_rejection_that_the_simulations_rest_on_is_that_of_every_table(side: Side) -> None:
    items, null = 25, -0.1
    pairs = [(losses, gains) for losses in range(items + 1) for gains in range(items + 1 - losses)]
    expected = [p_value(table(*pair, items), null, side, BOUNDS) <= 0.05 for pair in pairs]
    losses, gains = np.array(pairs).T
    assert Edge(items, null, 0.05, side).rejects(losses, gains).tolist() == expected


@pytest.mark.parametrize(("margin", "items"), [(0.01, 311), (MARGIN, 138), (0.05, 61), (0.1, 30)])
def test_without_a_flip_a_margin_passes_from_the_stated_number_of_items(margin: float, items: int) -> None:
    assert exact.first_without_flips(margin) == items


def test_a_model_that_did_not_drop_passes_a_thousand_items_as_often_as_stated() -> None:
    assert exact.power(1000, MARGIN, 0.02) >= 0.995
    assert exact.power(1000, MARGIN, 0.1) >= 0.7


def test_the_items_of_the_plan_give_the_power_that_was_asked_for() -> None:
    assert items_needed(MARGIN, 0.1) == 1773
    assert lowest(exact.planned(3000)).share >= 0.9


def test_a_relative_margin_keeps_its_level(rng: np.random.Generator) -> None:
    runs = 500
    found = worst([*sampled.relative(50, runs, rng), *sampled.relative(1000, runs, rng)])
    assert found.share <= room(0.055, runs), found


@pytest.mark.parametrize("items", [50, 200])
def test_bounded_scores_of_seven_kinds_keep_their_level(items: int, rng: np.random.Generator) -> None:
    runs = 300
    found = worst(sampled.bounded(items, runs, rng))
    assert found.share <= room(0.06, runs), found


@pytest.mark.parametrize("family", grouped.FAMILIES, ids=lambda family: family.name)
def test_two_hundred_clusters_keep_the_level(family: Family, rng: np.random.Generator) -> None:
    runs = 600
    found = worst(grouped.clustered(family, grouped.EQUAL[0], runs, rng))
    assert found.share <= room(0.065, runs), found


@pytest.mark.parametrize("alike", [0.0, 0.02, 0.1])
def test_parts_that_are_always_the_same_need_no_clusters(alike: float, rng: np.random.Generator) -> None:
    found = worst(grouped.strata(alike, 20_000, rng))
    assert found.share <= 0.06, found


@pytest.mark.parametrize("null", [-MARGIN, 0.02])
def test_looking_sixteen_times_errs_no_more_often_than_looking_once(null: float, rng: np.random.Generator) -> None:
    found = worst(stopping.at_boundary(500, null, 40_000, rng))
    assert found.share <= 0.054, found


@pytest.mark.parametrize(("change", "discordance", "share"), [(0.0, 0.0, 0.06), (0.0, 0.02, 0.12), (-0.1, 0.15, 0.052)])
def test_a_clear_case_of_5700_items_is_settled_early(
    change: float, discordance: float, share: float, rng: np.random.Generator
) -> None:
    seen = stopping.watched(5700, -MARGIN, Rates.of(change, discordance), 4000, rng)
    assert seen.used <= share
    assert (seen.passed if change < 0 else seen.failed) <= 0.001


@pytest.mark.parametrize("discordance", [0.02, 0.1])
def test_looking_early_costs_at_most_three_points_of_power(discordance: float, rng: np.random.Generator) -> None:
    seen = stopping.watched(1000, -MARGIN, Rates.of(0.0, discordance), 40_000, rng)
    assert seen.would_pass - seen.passed <= 0.03


@pytest.mark.parametrize("discordance", [0.0, 0.1])
def test_a_bet_on_a_shuffled_whole_is_seldom_won_by_luck(discordance: float, rng: np.random.Generator) -> None:
    found = worst(stopping.bets(400, discordance, 600, rng))
    assert found.share <= 0.05, found


@pytest.mark.parametrize(("total", "share"), [(1000, 0.21), (5700, 0.045), (14_042, 0.02)])
def test_a_bet_on_equal_items_is_won_early(total: int, share: float) -> None:
    assert stopping.items_without_flips(total) <= share * total


def test_a_suite_of_good_rules_ships() -> None:
    assert suites.simulated(suites.ALL_GOOD, 5000, np.random.default_rng(1)).ships >= 0.9


@pytest.mark.parametrize(
    "truth",
    [(suites.AT_MARGIN, *suites.ALL_GOOD[1:]), (*suites.ALL_GOOD[:-1], suites.NO_GAIN)],
    ids=["a margin just missed", "no gain"],
)
def test_one_rule_just_missed_keeps_a_suite_from_shipping(truth: tuple[Rates, ...], rng: np.random.Generator) -> None:
    found = suites.simulated(truth, 10_000, rng)
    assert found.ships <= 0.055
    assert found.wrongly_failed <= 0.055


@pytest.mark.parametrize("first", [suites.AT_MARGIN, suites.DROP_5], ids=["all just met", "one truly broken"])
def test_a_rule_that_is_just_met_is_seldom_called_failed(first: Rates, rng: np.random.Generator) -> None:
    truth = (first,) + (suites.AT_MARGIN,) * 9 + (suites.NO_GAIN,)
    assert suites.simulated(truth, 10_000, rng).wrongly_failed <= 0.055


def test_the_gate_on_real_pairs_rules_as_the_simulated_suites_do(rng: np.random.Generator) -> None:
    mixed = (suites.DROP_5, suites.AT_MARGIN, *suites.ALL_GOOD[2:-1], suites.NO_GAIN)
    assert suites.disagreements(suites.draw(mixed, 3, rng)) == 0


def test_scores_missing_just_where_they_would_hurt_do_not_help_to_pass(rng: np.random.Generator) -> None:
    gate, complete_pairs_alone = suites.passes_with_missing(0.01, 150, rng)
    assert gate <= room(0.055, 150)
    assert complete_pairs_alone > 0.4  # what dropping such pairs would do


@pytest.mark.parametrize(("labels", "pairs"), [(100, judges.PAIRS), (200, judges.PAIRS), (100, 120)])
def test_a_judge_however_poor_or_tilted_does_not_make_peoples_rate_wrong(
    labels: int, pairs: int, rng: np.random.Generator
) -> None:
    runs = 150
    cells = [
        cell
        for people in (*judges.VERDICTS, *judges.HARDLY_ANY)
        for judge in judges.JUDGES
        for cell in judges.corrected(people, judge, labels, runs, rng, pairs)
    ]
    found = worst(cells)
    assert found.share <= room(0.065, runs), found
    assert sum(cell.share for cell in cells) / len(cells) <= 0.05


def test_the_rate_of_a_tilted_judge_alone_is_nearly_always_wrong(rng: np.random.Generator) -> None:
    for judge in judges.JUDGES:
        found = judges.raw(judges.EVEN, judge, 100, rng)
        assert (found.share >= 0.9) == (judge.tilt > 0), found


def test_the_lower_bound_of_kappa_is_seldom_above_the_truth(rng: np.random.Generator) -> None:
    runs = 100
    seen = judges.VERDICTS[::2]
    found = worst(judges.agreement(people, judge, 100, runs, rng) for people in seen for judge in judges.JUDGES)
    assert found.share <= room(0.065, runs), found


def test_a_good_judge_saves_half_of_the_labels_variance(rng: np.random.Generator) -> None:
    good = next(judge for judge in judges.JUDGES if judge.name == "good")
    assert judges.gained(judges.EVEN, good, 200, 300, rng) >= 0.4
