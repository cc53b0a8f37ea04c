"""A rule on a judge is decided by people's rate, and says so; what people say by themselves goes the common way."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pytest

from harness.comparison.calibration import Corrected, calibrate
from harness.comparison.compare import delta
from harness.comparison.gate import Evidence, decide, is_certain
from harness.comparison.statistics import bound, p_value
from harness.values import GateRule, Pair, Ruling, Stopping

RNG = np.random.default_rng(11)
PEOPLE = RNG.choice([-1.0, 0.0, 1.0], 1000, p=[0.35, 0.3, 0.35])
GUESSES = RNG.choice([-1.0, 0.0, 1.0], 1000)
FAIR = np.where(RNG.random(1000) < 0.7, PEOPLE, GUESSES)
TILTED = np.where(RNG.random(1000) < 0.5, 1.0, FAIR)
"""A judge that prefers the candidate far more often than people do."""


def judged(
    judge: np.ndarray = FAIR, labels: int = 200, people: np.ndarray = PEOPLE, missing: int = 0, **changes: object
) -> Evidence:
    pairs = tuple(Pair(f"s{index}", (1 - d) / 2, (1 + d) / 2) for index, d in enumerate(judge.tolist()))
    given = {f"s{index}": None if index < missing else float(people[index]) for index in range(labels)}
    plain = Evidence("chat", "pairwise", "base", pairs, True, (0.0, 1.0), people=given, are_preferences=True)
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # names of fields, given by the tests


def graded(gain: float, labels: int = 200) -> Evidence:
    """A judge of single answers: everything gains as much, up to a tenth more or less."""
    gains = gain + 0.1 * GUESSES
    pairs = tuple(Pair(f"s{index}", 0.4, 0.4 + each) for index, each in enumerate(gains.tolist()))
    people = {f"s{index}": float(gains[index]) for index in range(labels)}
    return Evidence("chat", "rubric", "base", pairs, True, (0.0, 1.0), people=people)


def by_people(counts: Mapping[float, int], missing: int = 0) -> Evidence:
    """What people say by themselves: so many pairs of each preference."""
    values = [value for value, count in counts.items() for _ in range(count)]
    pairs = [Pair(f"s{index}", (1 - d) / 2, (1 + d) / 2) for index, d in enumerate(values)]
    pairs += [Pair(f"m{index}", None, None) for index in range(missing)]
    return Evidence("chat", "people", "base", tuple(pairs), True, (0.0, 1.0), are_preferences=True)


def rule(**demand: object) -> GateRule:
    return GateRule("chat", "pairwise", **demand)  # type: ignore[arg-type]  # names of fields, given by the tests


def ruled(asked: GateRule, evidence: Evidence) -> Ruling:
    return decide([asked], lambda _: evidence).rulings[0]


def test_a_judge_that_is_sure_of_a_gain_passes_nothing_where_people_see_none() -> None:
    evidence = judged(TILTED)
    raw = (TILTED - 0.2).mean() > 0
    assert raw
    assert p_value(TILTED, 0.2, 1, (-1.0, 1.0)) < 1e-6  # what the judge alone would have said
    assert ruled(rule(min_gain=0.2), evidence).outcome == "failed"
    assert delta(evidence).change == pytest.approx(TILTED.mean())  # the table keeps the judge's own word


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        (rule(min_gain=0.0), "inconclusive"),
        (rule(min_gain=0.3), "failed"),
        (rule(max_drop=0.3), "passed"),
        (rule(max_drop=0.02), "inconclusive"),
        (rule(at_least=0.4), "passed"),
        (rule(at_least=0.5), "inconclusive"),
        (rule(at_least=0.65), "failed"),
    ],
)
def test_each_kind_of_rule_on_a_judge_has_three_outcomes(asked: GateRule, outcome: str) -> None:
    found = ruled(asked, judged())
    assert found.outcome == outcome
    assert found.items == 1000


def test_p_and_interval_are_those_of_the_corrected_rate_at_the_rules_own_level() -> None:
    corrected = Corrected.of(PEOPLE[:200], FAIR[:200], FAIR)
    found = ruled(rule(max_drop=0.3, alpha=0.01), judged())
    assert found.p_passed == pytest.approx(corrected.p_value(-0.3, 1), abs=1e-12)
    assert found.p_failed == pytest.approx(corrected.p_value(-0.3, -1), abs=1e-12)
    size, least, most = -corrected.estimate, -corrected.bound(0.01, -1), -corrected.bound(0.01, 1)
    assert found.reason.startswith(f"people prefer base over the candidate by {size:.2f} ({least:.2f} to {most:.2f})")


def test_a_win_rate_is_half_of_the_way_of_the_preference() -> None:
    level, gain = ruled(rule(at_least=0.45), judged()), ruled(rule(max_drop=0.1), judged())
    assert (level.p_passed, level.p_failed) == pytest.approx((gain.p_passed, gain.p_failed), abs=1e-12)


def test_one_of_several_candidates_is_held_to_its_part_of_the_level() -> None:
    asked = rule(max_drop=0.15)
    alone, best_of = ruled(asked, judged()), ruled(asked, judged(choices=40))
    assert alone.outcome == "passed"
    assert best_of.outcome == "inconclusive"
    assert alone.p_passed == best_of.p_passed


@pytest.mark.parametrize("labels", [0, 1, 99])
def test_fewer_than_a_hundred_labels_decide_nothing_and_the_reason_says_how_to_get_them(labels: int) -> None:
    found = ruled(rule(max_drop=0.9), judged(labels=labels))
    assert found.outcome == "inconclusive"
    assert found.p_passed is None
    there = f"has {labels} of people's labels" if labels else "has no labels of people"
    assert found.reason == (
        f"not measured: pairwise {there}, and 100 on a random draw of the items are needed: "
        "harness review BASELINE CANDIDATE --items 100"
    )


def test_a_drawn_pair_without_a_label_is_no_label() -> None:
    assert ruled(rule(max_drop=0.9), judged(labels=110, missing=11)).p_passed is None
    assert ruled(rule(max_drop=0.9), judged(labels=110, missing=10)).outcome == "passed"


def test_a_judge_of_single_answers_needs_grades_of_people() -> None:
    assert "harness judge labels BASELINE CANDIDATE --items 100 --to labels.csv" in (
        ruled(rule(max_drop=0.1), graded(0.0, labels=50)).reason
    )


def test_with_fewer_items_than_labels_are_needed_people_themselves_can_be_asked() -> None:
    few = judged(FAIR[:60], labels=60)
    assert "the task has only 60 items: gate the metric people" in ruled(rule(max_drop=0.9), few).reason


def test_labels_that_are_missing_count_at_their_worst_and_at_their_best() -> None:
    drop, gain = rule(max_drop=0.1), rule(min_gain=0.1)
    unknown = np.where(np.arange(200) < 20, np.nan, PEOPLE[:200])
    worst, best = (Corrected.of(np.nan_to_num(unknown, nan=value), FAIR[:200], FAIR) for value in (-1.0, 1.0))
    assert ruled(drop, judged(missing=20)).p_passed == pytest.approx(worst.p_value(-0.1, 1), abs=1e-12)
    assert ruled(gain, judged(missing=20)).p_failed == pytest.approx(best.p_value(0.1, -1), abs=1e-12)
    assert worst.p_value(-0.1, 1) > ruled(drop, judged()).p_passed  # type: ignore[operator]  # it was measured
    assert best.p_value(0.1, -1) > 10 * ruled(gain, judged()).p_failed  # type: ignore[operator]  # so was this
    decisive = ruled(rule(max_drop=0.16), judged(missing=40))
    assert decisive.outcome == "inconclusive"
    assert "only because 40 of 200 labels are missing: give them" in decisive.reason


def test_kappa_that_is_not_surely_reached_leaves_the_rule_open() -> None:
    calibration = calibrate(judged())
    assert calibration.kappa is not None
    assert calibration.kappa_low is not None
    between = (calibration.kappa + calibration.kappa_low) / 2
    assert ruled(rule(max_drop=0.3, min_kappa=calibration.kappa_low - 0.001), judged()).outcome == "passed"
    found = ruled(rule(max_drop=0.3, min_kappa=between), judged())
    assert found.outcome == "inconclusive"
    assert f"is {calibration.kappa:.2f}, and only {calibration.kappa_low:.3f} is sure" in found.reason
    # a stricter level makes the same kappa less sure
    strict = rule(max_drop=0.3, min_kappa=calibration.kappa_low - 0.001, alpha=0.001)
    assert ruled(strict, judged()).outcome == "inconclusive"


def test_where_one_class_alone_was_chosen_no_kappa_is_reached() -> None:
    nothing = judged(np.zeros(1000), people=np.zeros(1000))
    assert "one class alone" in ruled(rule(max_drop=0.3, min_kappa=0.1), nothing).reason
    assert ruled(rule(max_drop=0.3), nothing).outcome == "passed"


def test_min_kappa_of_what_is_no_judge_measures_nothing() -> None:
    found = ruled(rule(min_gain=0.1, min_kappa=0.4), by_people({1.0: 150, 0.0: 20}))
    assert found.reason == "not measured: min_kappa is asked of judges, and people is none"


@pytest.mark.parametrize(
    ("asked", "evidence", "why"),
    [
        (rule(max_drop=0.05, relative=True), judged(), "not a share of what the baseline scores"),
        (rule(max_drop=0.05, only_below=0.9), judged(), "not what the baseline scores by itself"),
        (rule(max_drop=0.05, relative=True), by_people({1.0: 100}), "not a share of what the baseline scores"),
        (rule(at_least=0.5), graded(0.1), "rubric grades single answers"),
        (rule(max_drop=0.1, min_items=2000), judged(), "1,000 items were asked, and the gate wants 2,000"),
        (rule(max_drop=0.1), judged(stopping=Stopping("this_benchmark", 1000, ())), "no sound test for an early stop"),
        (
            rule(max_drop=0.1),
            judged(pairs=tuple(Pair(f"s{n}", 0.5, 0.5, cluster=f"c{n % 9}") for n in range(1000))),
            "no sound test for items in groups",
        ),
        (rule(max_drop=0.1), judged(people=PEOPLE * 2), "a label lies outside"),
        (rule(max_drop=0.1), judged(why_not="the judge was not asked"), "the judge was not asked"),
    ],
)
def test_what_labels_cannot_answer_is_said_and_not_guessed(asked: GateRule, evidence: Evidence, why: str) -> None:
    found = ruled(asked, evidence)
    assert found.outcome == "inconclusive"
    assert found.p_passed is None
    assert found.reason.startswith("not measured: ")
    assert why in found.reason
    assert not is_certain(asked, evidence, 1) or evidence.why_not is not None


def test_a_judge_of_single_answers_may_be_gated_on_gains_and_drops() -> None:
    assert ruled(rule(min_gain=0.05), graded(0.1)).outcome == "passed"
    assert ruled(rule(min_gain=0.15), graded(0.1)).outcome == "failed"
    assert ruled(rule(max_drop=0.02), graded(0.0)).outcome == "passed"


def test_the_labels_that_would_tell_are_those_whose_error_leaves_a_chance_of_nine_in_ten() -> None:
    found = ruled(rule(max_drop=0.19), judged(labels=120))
    needed = found.items_needed
    assert needed is not None
    assert f"about {needed:,} labels would tell, 120 were drawn" in found.reason
    seen = Corrected.of(PEOPLE[:120], FAIR[:120], FAIR)
    everyone = PEOPLE[:120].var(ddof=1) / 1000
    spread = (seen.standard_error**2 - everyone) / (1 / 120 - 1 / 1000)
    error = math.sqrt(spread * (1 / needed - 1 / 1000) + everyone)
    assert (seen.estimate + 0.19) / error == pytest.approx(1.645 + 1.282, abs=0.01)
    nearer = ruled(rule(max_drop=0.185), judged(labels=120)).items_needed
    assert nearer is not None
    assert nearer > needed


def test_where_all_pairs_labelled_would_not_tell_no_number_is_promised() -> None:
    corrected = Corrected.of(PEOPLE[:200], FAIR[:200], FAIR).estimate
    found = ruled(rule(min_gain=corrected + 0.001) if corrected > 0 else rule(max_drop=0.001 - corrected), judged())
    assert found.items_needed is None
    assert "200 labels were drawn, and the truth may lie too near for any number of labels" in found.reason


def test_the_reason_names_the_rate_the_labels_kappa_and_the_judges_own_rate() -> None:
    evidence = judged(np.where(PEOPLE == 0, 1.0, PEOPLE))
    found = calibrate(evidence)
    reason = ruled(rule(min_gain=0.5), evidence).reason
    assert reason.startswith("people prefer ")
    assert "a win rate of " in reason
    assert reason.endswith(
        f"by 200 labels with the help of pairwise (kappa {found.kappa:.2f}, at least {found.kappa_low:.2f}), "
        f"which alone says {found.raw:.2f}"
    )
    assert "people's grades rose by 0.10" in ruled(rule(min_gain=0.05), graded(0.1)).reason


@pytest.mark.parametrize(
    ("asked", "evidence", "reason"),
    [
        (
            rule(min_gain=0.1),
            by_people({1.0: 90, 0.0: 20, -1.0: 30}),
            "people prefer the candidate over base by 0.43 (0.30 to 0.54), a win rate of 71.4 %, "
            "and 0.10 was asked for",
        ),
        (
            rule(max_drop=0.05),
            by_people({1.0: 30, 0.0: 20, -1.0: 90}),
            "people prefer base over the candidate by 0.43 (0.30 to 0.54), a win rate of 28.6 %, "
            "and at most 0.05 may be lost",
        ),
        (
            rule(max_drop=0.05),
            by_people({0.0: 130}),
            "people saw no difference in 130 pairs, so a drop is at most 0.024, and at most 0.05 may be lost",
        ),
        (
            rule(at_least=0.6),
            by_people({1.0: 90, 0.0: 20, -1.0: 30}),
            "people's win rate for the candidate over base is 0.71 (0.65 to 0.77), and at least 0.60 was asked for",
        ),
        (
            rule(min_gain=0.4),
            by_people({1.0: 90, 0.0: 20, -1.0: 30}),
            "people's preference for the candidate over base is between 0.30 and 0.54; the 0.40 asked for lies inside: "
            "about 7,226 labels would tell, 140 were drawn",
        ),
    ],
)
def test_what_people_say_by_themselves_is_tested_as_any_metric_and_told_as_a_preference(
    asked: GateRule, evidence: Evidence, reason: str
) -> None:
    found = ruled(asked, evidence)
    assert found.reason == reason
    if asked.min_gain is not None:
        values = np.array([(pair.candidate or 0) - (pair.baseline or 0) for pair in evidence.pairs])
        assert found.p_passed == pytest.approx(p_value(values, asked.min_gain, 1, (-1.0, 1.0)), abs=1e-12)
        assert f"{bound(values, 0.05, 1, (-1.0, 1.0)):.2f}" in found.reason


def test_people_who_did_not_answer_count_at_their_worst() -> None:
    found = ruled(rule(min_gain=0.1), by_people({1.0: 90, 0.0: 20, -1.0: 30}, missing=30))
    assert found.outcome == "inconclusive"
    assert "only because 30 of 170 labels are missing: give them" in found.reason


def test_a_preference_keeps_no_right_answers() -> None:
    assert delta(by_people({1.0: 90, -1.0: 30})).preserved is None


def test_the_verdict_carries_the_calibrations_that_it_is_given() -> None:
    found = calibrate(judged())
    assert decide([rule(max_drop=0.3)], lambda _: judged(), [found]).calibrations == (found,)
    assert decide([], lambda _: judged()).calibrations == ()
