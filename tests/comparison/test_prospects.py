"""What is told of a gate before anything is run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.comparison import foretelling
from harness.comparison.power import items_needed
from harness.comparison.prospect import Given, Past, prospect
from harness.values import GateRule

DROP = GateRule("mmlu", "acc", max_drop=0.05)
GAIN = GateRule("tickets", "exact_match", min_gain=0.10, against="prompted")
LEVEL = GateRule("tickets", "json_fields", at_least=0.95)
PAST = Past("tickets-3", 400, flips=0.05, gain=-0.01, baseline=0.4, candidate=0.39)


def test_a_recorded_flip_rate_gives_one_number_and_none_gives_a_range() -> None:
    known, unknown = prospect(DROP, Given(400, past=PAST)), prospect(DROP, Given(400))
    assert known.needed == (241,)
    assert unknown.needed == (153, 394)
    assert known.needed_by_rate == unknown.needed_by_rate == (122, 153, 241, 394, 719)
    assert "can exclude a drop of 0.037 if nothing got worse, at the recorded 5 % of flips" in foretelling.reason(known)
    assert "where 2 to 10 % of the items flip; 0.05 is allowed" in foretelling.reason(unknown)


@pytest.mark.parametrize(
    ("items", "standing"), [(None, "unknown"), (60, "cannot pass"), (61, "too few"), (200, "depends"), (394, "enough")]
)
def test_the_standing_follows_from_the_items(items: int | None, standing: str) -> None:
    assert prospect(DROP, Given(items)).standing == standing


def test_a_gate_that_cannot_pass_says_how_many_items_it_needs_at_least() -> None:
    few = [prospect(rule, Given(20)) for rule in (DROP, LEVEL, replace(GAIN, min_gain=0.8))]
    assert foretelling.warnings(few) == (
        "mmlu acc drops at most 0.05 against base: cannot pass; 20 items, and even if not one answer changed it needs "
        "at least 61",
        "tickets json_fields is at least 0.95: cannot pass; 20 items, and even with a perfect score it needs at least "
        "61",
        "tickets exact_match gains at least 0.8 over prompted: cannot pass; 20 items, and even if every answer got "
        "better it needs at least 30",
    )
    assert foretelling.warnings([prospect(DROP, Given(61)), prospect(DROP, Given(None))]) == ()


def test_the_wish_for_a_perfect_score_cannot_be_granted() -> None:
    (told,) = foretelling.warnings([prospect(replace(LEVEL, at_least=1.0), Given(10_000))])
    assert "the best that there is" in told


def test_fewer_items_than_the_gate_wants_are_told() -> None:
    (told,) = foretelling.warnings([prospect(replace(DROP, min_items=500), Given(400))])
    assert told.endswith("400 items, and it wants 500 (min_items)")


def test_few_groups_cannot_pass_and_many_ask_for_more_items() -> None:
    few, many = (prospect(DROP, Given(5_000, groups=groups, groups_needed=30)) for groups in (12.3, 300.0))
    assert few.standing == "cannot pass"
    assert "as good as 12 of equal size, and with fewer than 59 it cannot pass" in foretelling.reason(few)
    assert many.standing == "enough"
    assert any("more are needed than told here" in line for line in foretelling.assumptions([many]))


def test_a_share_is_one_of_the_recorded_score() -> None:
    rule = replace(DROP, relative=True)
    known, unknown = prospect(rule, Given(400, past=PAST)), prospect(rule, Given(400))
    assert known.needed_alone == items_needed(0.05 * 0.4, 0.05)
    assert unknown.needed_alone == items_needed(0.05 * 0.5, 0.10)
    assert "as its score is not recorded" in " ".join(foretelling.assumptions([unknown]))
    assert "5 % is a share of a baseline of 0.4, as in tickets-3" in " ".join(foretelling.assumptions([known]))


def test_the_flips_of_a_gain_are_those_beside_it() -> None:
    gained = Past("tickets-3", 400, flips=0.52, gain=0.48, baseline=0.1, candidate=0.58)
    seen = prospect(GAIN, Given(100, past=gained))
    assert seen.flips == (pytest.approx(0.04),)
    assert seen.standing == "enough"
    assert "a true gain of 0.48, as in tickets-3" in " ".join(foretelling.assumptions([seen]))


def test_a_gain_that_is_not_recorded_may_be_large_enough() -> None:
    assert prospect(GAIN, Given(100)).standing == "depends"


def test_no_flip_among_a_few_items_is_no_promise() -> None:
    seen = prospect(DROP, Given(400, past=replace(PAST, pairs=50, flips=0.0)))
    assert seen.flips == (1 / 50,)
    assert "at most one item flipped among 50 in tickets-3" in " ".join(foretelling.assumptions([seen]))


def test_a_wider_scale_needs_what_the_same_part_of_a_narrow_one_needs() -> None:
    narrow, wide = prospect(DROP, Given(400)), prospect(replace(DROP, max_drop=5.0), Given(400, bounds=(0.0, 100.0)))
    assert wide.needed == narrow.needed
    assert wide.fewest == narrow.fewest
    assert wide.shows == pytest.approx([100 * (each or 0.0) for each in narrow.shows])


def test_errors_are_read_the_other_way_round() -> None:
    level = replace(LEVEL, at_least=None, at_most=0.05)
    errors = prospect(level, Given(400, higher_is_better=False, past=replace(PAST, candidate=0.01)))
    assert (errors.fewest, errors.standing) == (61, "enough")
    assert "pass if the true score is 0.0" in foretelling.reason(errors)
    assert "or less; 0.05 is asked for" in foretelling.reason(errors)


def test_a_metric_without_bounds_is_left_to_the_run() -> None:
    for bounds in (None, (0.0, float("inf"))):
        seen = prospect(DROP, Given(400, bounds=bounds))
        assert (seen.standing, seen.needed_alone) == ("unknown", None)
        assert "no bounds" in foretelling.reason(seen)


def test_a_guard_is_a_second_way_to_pass_and_halves_the_level() -> None:
    guarded = prospect(replace(DROP, relative=True, only_below=0.5), Given(400))
    assert guarded.fewest == 6
    assert (guarded.needed_alone or 0) > (prospect(replace(DROP, relative=True), Given(400)).needed_alone or 0)


def test_a_claim_about_the_benchmark_itself_is_decided_with_its_last_item() -> None:
    seen = prospect(DROP, Given(20, stop_for="this_benchmark"))
    assert (seen.standing, seen.needed_alone) == ("enough", 20)
    assert "decided with the last at the latest" in foretelling.reason(seen)
