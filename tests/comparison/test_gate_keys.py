"""What a gate may ask beyond its limit, and how its evidence came about: guards, least numbers, choices, stops."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.comparison.gate import Evidence, decide, is_certain
from harness.comparison.sequential import levels, schedule
from harness.comparison.statistics import p_value
from harness.values import GateRule, Pair, Ruling, Stopping, Target, Verdict

Both = tuple[float | None, float | None]
Scores = Sequence[Both]


def about(scores: Scores, **changes: object) -> Evidence:
    pairs = tuple(Pair(f"s{index}", *both) for index, both in enumerate(scores))
    plain = Evidence("mmlu", "acc", "base", pairs, higher_is_better=True, bounds=(0.0, 1.0))
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # names of fields, given by the tests


def rule(**demand: object) -> GateRule:
    return GateRule("mmlu", "acc", **demand)  # type: ignore[arg-type]  # names of fields, given by the tests


def judged(asked: GateRule, evidence: Evidence) -> Verdict:
    return decide([asked], lambda _: evidence)


def ruled(asked: GateRule, evidence: Evidence) -> Ruling:
    return judged(asked, evidence).rulings[0]


# A guard: a share of the baseline's score may be lost only where that score is low.

GUARDED = rule(max_drop=0.05, relative=True, only_below=0.5)
LOSES_A_FIFTH: Scores = [(1.0, 1.0)] * 240 + [(1.0, 0.0)] * 60
WRONG: list[Both] = [(0.0, 0.0)]


def test_a_rule_asks_nothing_of_a_baseline_that_surely_scores_enough() -> None:
    evidence = about([*LOSES_A_FIFTH, *WRONG * 100])
    assert ruled(rule(max_drop=0.05, relative=True), evidence).outcome == "failed"
    found = ruled(GUARDED, evidence)
    assert found.outcome == "passed"
    assert found.reason == "base surely scores 0.5 or more, where the gate asks nothing"


def test_a_rule_asks_of_a_baseline_that_scores_less() -> None:
    found = ruled(GUARDED, about([*LOSES_A_FIFTH, *WRONG * 700]))
    assert found.outcome == "failed"
    assert "at most 5 % may be lost" in found.reason


def test_where_nobody_knows_which_side_the_baseline_is_on_nothing_is_waived_and_nothing_fails() -> None:
    found = ruled(GUARDED, about([*LOSES_A_FIFTH, *WRONG * 300]))
    assert found.outcome == "inconclusive"
    assert "surely" not in found.reason


def test_an_unsure_guard_is_told_as_the_reason_that_nothing_is_decided() -> None:
    found = ruled(GUARDED, about([*LOSES_A_FIFTH, *WRONG * 300]))
    assert "among 1 rules" not in found.reason
    assert "0.5" in found.reason, "which score of the baseline would settle it is not told"


def test_a_rule_that_is_met_passes_whatever_its_guard_says() -> None:
    for wrong in (100, 300, 700):
        assert ruled(GUARDED, about([(1.0, 1.0)] * 300 + [*WRONG * wrong])).outcome == "passed"


def test_the_guard_is_in_the_metrics_own_direction_where_lower_is_better_too() -> None:
    """A share of few errors is too strict, of many it is not: the guard is about the number that the metric shows."""
    errors: Scores = [(1.0, 1.0)] * 300 + [(0.0, 1.0)] * 60 + [(0.0, 0.0)] * 40
    assert ruled(rule(max_drop=0.05, relative=True), about(errors, higher_is_better=False)).outcome == "failed"
    found = ruled(GUARDED, about(errors, higher_is_better=False))
    assert found.outcome == "passed"
    assert found.reason == "base surely scores 0.5 or more, where the gate asks nothing"
    fewer = about([*errors, *[(0.0, 0.0)] * 600], higher_is_better=False)
    assert ruled(GUARDED, fewer).outcome == "failed"


def test_missing_scores_of_the_baseline_waive_nothing() -> None:
    unknown: list[Both] = [(None, 0.0)]
    assert ruled(GUARDED, about([*LOSES_A_FIFTH, *WRONG * 100])).outcome == "passed"
    assert ruled(GUARDED, about([*LOSES_A_FIFTH, *WRONG * 100, *unknown * 100])).outcome == "passed"
    assert ruled(GUARDED, about([*LOSES_A_FIFTH, *WRONG * 100, *unknown * 300])).outcome == "inconclusive"


def test_two_ways_to_be_met_have_half_of_the_level_each() -> None:
    # Unchanged right answers pass a share of 5 % from about 60 on at a level of 5 %, later at one of 2.5 %.
    for items in range(20, 120, 4):
        evidence = about([(1.0, 1.0)] * items)
        strict = ruled(rule(max_drop=0.05, relative=True, alpha=0.025), evidence)
        never_waived = ruled(rule(max_drop=0.05, relative=True, only_below=1.0), evidence)
        assert (never_waived.outcome, never_waived.p_passed) == (strict.outcome, strict.p_passed)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.2, 0.5, 0.8]))
def test_a_guard_never_makes_a_rule_fail(kept: int, broken: int, wrong: int, guard: float) -> None:
    evidence = about([(1.0, 1.0)] * kept + [(1.0, 0.0)] * broken + [*WRONG * wrong])
    plain = ruled(rule(max_drop=0.05, relative=True), evidence).outcome
    guarded = ruled(rule(max_drop=0.05, relative=True, only_below=guard), evidence).outcome
    assert guarded != "failed" or plain == "failed"


# The least that counts as measured.


def test_too_many_missing_scores_are_no_measurement() -> None:
    scores: Scores = [(1.0, 1.0)] * 480 + [(1.0, None)] * 20
    assert ruled(rule(max_drop=0.1), about(scores)).outcome == "passed"
    assert ruled(rule(max_drop=0.1, max_missing=0.04), about(scores)).outcome == "passed"
    found = ruled(rule(max_drop=0.1, max_missing=0.03), about(scores))
    assert (found.outcome, found.p_passed, found.p_failed) == ("inconclusive", None, None)
    assert found.reason == "not measured: 20 of 500 scores are missing, more than the 0.03 that may be"


def test_no_missing_score_at_all_may_be_asked_for() -> None:
    asked = rule(max_drop=0.1, max_missing=0.0)
    assert ruled(asked, about([(1.0, 1.0)] * 480)).outcome == "passed"
    assert ruled(asked, about([(1.0, 1.0)] * 480 + [(1.0, None)])).reason.startswith("not measured: 1 of 481")


def test_missing_scores_of_the_baseline_do_not_count_for_a_rule_about_one_run() -> None:
    evidence = about([(None, 1.0)] * 200)
    assert ruled(rule(at_least=0.9, max_missing=0.01), evidence).outcome == "passed"


def test_too_few_items_are_no_measurement() -> None:
    evidence = about([(1.0, 1.0)] * 1200)
    assert ruled(rule(max_drop=0.1, min_items=1200), evidence).outcome == "passed"
    found = ruled(rule(max_drop=0.1, min_items=1201), evidence)
    assert (found.outcome, found.items) == ("inconclusive", 1200)
    assert found.reason == "not measured: 1,200 items were asked, and the gate wants 1,201"


def test_what_is_not_measured_cannot_fail_a_release_either() -> None:
    assert judged(rule(max_drop=0.1, min_items=501), about([(1.0, 0.0)] * 500)).outcome == "inconclusive"


# The best of several candidates.


def test_the_best_of_five_needs_a_fifth_of_the_level() -> None:
    evidence = about([(1.0, 1.0)] * 65)
    alone, chosen = (ruled(rule(max_drop=0.05), dataclasses.replace(evidence, choices=k)) for k in (1, 5))
    assert (alone.outcome, chosen.outcome) == ("passed", "inconclusive")
    assert alone.p_passed == chosen.p_passed
    assert 0.01 < (alone.p_passed or 0.0) <= 0.05
    assert chosen.items_needed is not None


def test_choosing_makes_no_rule_fail_sooner_or_later() -> None:
    broken = about([(1.0, 1.0)] * 300 + [(1.0, 0.0)] * 60)
    for choices in (1, 5):
        assert ruled(rule(max_drop=0.1), dataclasses.replace(broken, choices=choices)).outcome == "failed"


def test_a_chosen_candidate_is_told_as_the_best_of_so_many() -> None:
    evidence = about([(1.0, 1.0)] * 500)
    assert not [caveat for caveat in judged(rule(max_drop=0.05), evidence).caveats if "best of" in caveat]
    verdict = judged(rule(max_drop=0.05), dataclasses.replace(evidence, choices=5))
    assert any("the candidate is the best of 5 on these items" in caveat for caveat in verdict.caveats)


def test_the_best_of_five_equal_models_passes_a_gain_as_rarely_as_one_alone() -> None:
    rng, passed, releases = np.random.default_rng(2), 0, 200
    for _ in range(releases):
        before = rng.random(150) < 0.5
        others = [rng.random(150) < 0.5 for _ in range(5)]
        best = max(others, key=lambda after: int(after.sum()))
        scores = [(float(a), float(b)) for a, b in zip(before, best, strict=True)]
        passed += ruled(rule(min_gain=0.0), about(scores, choices=5)).outcome == "passed"
    assert passed <= 0.08 * releases


# Drops that are real and within the limit.


def test_a_drop_that_is_certain_is_called_real_though_it_passes() -> None:
    found = ruled(rule(max_drop=0.2), about([(1.0, 1.0)] * 370 + [(1.0, 0.0)] * 30))
    assert found.outcome == "passed"
    assert found.reason.endswith("at most 0.20 may be lost; the drop is real, if small")


@pytest.mark.parametrize(
    "scores", [[(1.0, 1.0)] * 400, [(1.0, 1.0)] * 398 + [(1.0, 0.0)] * 2, [(1.0, 1.0)] * 370 + [(0.0, 1.0)] * 30]
)
def test_a_drop_that_may_be_chance_or_a_gain_is_not(scores: Scores) -> None:
    found = ruled(rule(max_drop=0.2), about(scores))
    assert found.outcome == "passed"
    assert "real" not in found.reason


def test_more_errors_are_a_real_drop_too() -> None:
    found = ruled(rule(max_drop=0.2), about([(0.0, 0.0)] * 370 + [(0.0, 1.0)] * 30, higher_is_better=False))
    assert "; the drop is real, if small" in found.reason


# Early stops.

TOTAL = 1000
LOOKS = schedule(TOTAL, 0.05)


def stopped(scores: Scores, target: Target = "population", looks: tuple[int, ...] = LOOKS) -> Evidence:
    return about(scores, stopping=Stopping(target, TOTAL, looks))


DROP = rule(max_drop=0.05)


def test_an_early_look_is_held_to_its_part_of_the_level() -> None:
    share = levels(LOOKS, 0.05)
    for look, (items, level) in enumerate(zip(LOOKS, share, strict=True)):
        p = p_value([0.0] * items, -0.05, 1, (-1.0, 1.0))
        found = judged(DROP, stopped([(1.0, 1.0)] * items))
        assert (found.rulings[0].outcome == "passed") == (p <= level)
        assert any(f"at look {look + 1} of {len(LOOKS)}" in caveat for caveat in found.caveats)
    at_once = about([(1.0, 1.0)] * LOOKS[0])
    assert ruled(DROP, at_once).outcome == "passed"
    assert ruled(DROP, dataclasses.replace(at_once, stopping=Stopping("population", TOTAL, LOOKS))).outcome != "passed"


def test_items_between_two_looks_are_not_read() -> None:
    between = LOOKS[4] - LOOKS[3] - 1
    unchanged: Scores = [(1.0, 1.0)] * LOOKS[3]
    assert between > 0
    at_the_look, off_schedule = stopped(unchanged), stopped([*unchanged, *[(1.0, 0.0)] * between])
    assert judged(DROP, off_schedule) == judged(DROP, at_the_look)
    assert ruled(DROP, off_schedule).items == LOOKS[3]


def test_fewer_items_than_the_first_look_are_no_measurement() -> None:
    found = ruled(DROP, stopped([(1.0, 0.0)] * (LOOKS[0] - 1)))
    assert (found.outcome, found.p_passed, found.p_failed) == ("inconclusive", None, None)
    asked = f"only {LOOKS[0] - 1} items were asked of both arms, and the first look is later"
    assert found.reason == f"not measured: {asked}"


def test_no_item_at_all_is_no_measurement() -> None:
    assert ruled(DROP, stopped([])).reason.startswith("not measured: ")
    assert ruled(DROP, stopped([], "this_benchmark")).reason == "not measured: no sample was asked of both arms"


def test_why_nothing_was_measured_goes_before_the_looks() -> None:
    evidence = dataclasses.replace(stopped([]), why_not="the hub does not answer")
    assert ruled(DROP, evidence).reason == "not measured: the hub does not answer"


def test_at_several_looks_a_rule_fails_at_its_own_part_and_not_by_holm() -> None:
    evidence = stopped([(1.0, 1.0)] * (LOOKS[8] - 29) + [(1.0, 0.0)] * 29)
    alone = ruled(DROP, evidence)
    among = decide([DROP, *[rule(max_drop=0.9)] * 9], lambda _: evidence).rulings[0]
    part = [level_at_this_look(rules) for rules in (1, 10)]
    assert alone.p_failed is not None
    assert alone.p_failed == among.p_failed
    assert part[1] < alone.p_failed <= part[0], "the case tells nothing: change the number of broken items"
    assert (alone.outcome, among.outcome) == ("failed", "inconclusive")
    assert "the limit 0.05 lies inside" in among.reason


def level_at_this_look(rules: int) -> float:
    return levels(LOOKS, 0.05 / rules)[8]


def test_choosing_and_looking_are_both_paid_for() -> None:
    items = LOOKS[6]
    p = p_value([0.0] * items, -0.05, 1, (-1.0, 1.0))
    for choices in (1, 2, 5, 20, 100, 1000):
        evidence = dataclasses.replace(stopped([(1.0, 1.0)] * items), choices=choices)
        expected = p <= levels(LOOKS, 0.05 / choices)[6]
        assert (ruled(DROP, evidence).outcome == "passed") == expected


def test_at_the_last_item_of_this_benchmark_nothing_is_left_to_chance() -> None:
    for broken, outcome in ((0, "passed"), (49, "passed"), (50, "passed"), (51, "failed"), (900, "failed")):
        scores = [(1.0, 1.0)] * (TOTAL - broken) + [(1.0, 0.0)] * broken
        found = ruled(DROP, stopped(scores, "this_benchmark"))
        assert found.outcome == outcome
        assert (found.p_passed, found.p_failed) == ((0.0, 1.0) if outcome == "passed" else (1.0, 0.0))


def test_before_the_last_item_of_this_benchmark_what_is_left_may_still_turn_it() -> None:
    unchanged = stopped([(1.0, 1.0)] * 949, "this_benchmark")
    assert 0 < (ruled(DROP, unchanged).p_passed or 0.0) < 0.05
    certain = stopped([(1.0, 1.0)] * 975, "this_benchmark")
    assert ruled(DROP, certain).p_passed == 0.0


def test_this_benchmark_may_be_read_between_its_looks_and_says_what_it_is_about() -> None:
    verdict = judged(DROP, stopped([(1.0, 1.0)] * 503, "this_benchmark", (500, TOTAL)))
    assert verdict.rulings[0].items == 503
    claim = "503 of 1,000 items were asked, in an order drawn before; the claim is about the score of this whole"
    assert any(claim in caveat for caveat in verdict.caveats)


def test_a_part_of_this_benchmark_whose_items_come_in_groups_needs_no_groups() -> None:
    pairs = tuple(Pair(f"s{index}", 1.0, 1.0, cluster=f"passage {index % 5}") for index in range(TOTAL))
    evidence = dataclasses.replace(stopped([], "this_benchmark"), pairs=pairs)
    assert ruled(DROP, evidence).outcome == "passed"
    assert ruled(DROP, dataclasses.replace(evidence, stopping=None)).outcome == "inconclusive"


# What may end the asking.

DEMANDS: list[dict[str, object]] = [
    {"max_drop": 0.1},
    {"max_drop": 0.1, "relative": True},
    {"max_drop": 0.1, "relative": True, "only_below": 0.5},
    {"min_gain": 0.05},
    {"at_least": 0.6},
    {"max_drop": 0.1, "min_items": 60},
    {"max_drop": 0.1, "max_missing": 0.1},
]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(DEMANDS),
    st.lists(st.sampled_from([(1, 1), (1, 0), (0, 1), (0, 0), (1, None)]), min_size=1, max_size=8),
    st.integers(1, 25),
    st.sampled_from([None, "population", "this_benchmark"]),
    st.sampled_from([None, 12, 40]),
    st.sampled_from([1, 5]),
)
def test_a_rule_on_its_own_is_certain_exactly_when_it_is_decided(
    demand: dict[str, object],
    some: list[Both],
    times: int,
    target: Target | None,
    groups: int | None,
    choices: int,
) -> None:
    scores = (some * times)[:200]
    evidence = about(scores, choices=choices)
    if groups:
        named = (dataclasses.replace(pair, cluster=f"{i % groups}") for i, pair in enumerate(evidence.pairs))
        evidence = dataclasses.replace(evidence, pairs=tuple(named))
    if target:
        evidence = dataclasses.replace(evidence, stopping=Stopping(target, 200, (20, 50, 100, 200)))
    asked = rule(**demand)
    assert is_certain(asked, evidence, 1) == (ruled(asked, evidence).outcome != "inconclusive")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 120), st.integers(0, 40), st.integers(2, 6), st.sampled_from([None, "population"]))
def test_what_is_certain_is_decided_whatever_the_other_rules_turn_out_to_be(
    kept: int, broken: int, rules: int, target: Target | None
) -> None:
    evidence = about([(1.0, 1.0)] * kept + [(1.0, 0.0)] * broken)
    if target:
        evidence = dataclasses.replace(evidence, stopping=Stopping(target, 200, (20, 50, 100, 200)))
    asked, other = rule(max_drop=0.1), GateRule("arc", "acc", max_drop=0.1)
    if is_certain(asked, evidence, rules):
        for elsewhere in (about([(1.0, 1.0)] * 300), about([(1.0, 0.0)] * 300), about([], why_not="gone")):
            found = {"mmlu": evidence, "arc": elsewhere}
            verdict = decide([asked, *[other] * (rules - 1)], lambda each, found=found: found[each.task])  # type: ignore[misc]
            assert verdict.rulings[0].outcome != "inconclusive"


# Limits that are exactly hit, and units.


@pytest.mark.parametrize("lost", [7, 29, 55, 57, 58])
def test_as_many_missing_scores_as_may_be_are_not_too_many_whatever_rounding_says(lost: int) -> None:
    scores: list[Both] = [(1.0, None)] * lost + [(1.0, 1.0)] * (100 - lost)
    asked = rule(max_drop=0.99, max_missing=lost / 100)
    assert "more than the" not in ruled(asked, about(scores)).reason
    assert "more than the" in ruled(asked, about([(1.0, None), *scores[:-1]])).reason


def spread(scale: float, bounds: tuple[float, float] | None) -> Ruling:
    """Forty items whose scores rise by a little, in another unit, asked for less than they show."""
    scores = [(scale * (20 + index % 7) / 50, scale * (20 + index % 5) / 50) for index in range(40)]
    return ruled(rule(max_drop=0.02 * scale), about(scores, bounds=bounds and (bounds[0] * scale, bounds[1] * scale)))


@pytest.mark.parametrize("bounds", [(0.0, 1.0), None])
@pytest.mark.parametrize("scale", [100.0, 1000.0, 1e-4])
def test_the_items_that_would_tell_do_not_depend_on_the_unit(scale: float, bounds: tuple[float, float] | None) -> None:
    plain, scaled = spread(1.0, bounds), spread(scale, bounds)
    assert plain.outcome == scaled.outcome == "inconclusive"
    assert plain.items_needed is not None
    assert plain.items_needed == scaled.items_needed


def test_a_change_of_many_times_the_baseline_lies_in_its_own_range() -> None:
    scores: Scores = [(0.001, 0.9), (0.0, 0.8), (0.0, 1.0)]
    found = ruled(rule(max_drop=0.3, relative=True), about(scores, higher_is_better=False))
    low, high = (float(each) for each in re.findall(r"(-?[\d.]+) %", found.reason)[:2])
    assert low <= 100 * 2.7 / 0.001 <= high, found.reason
