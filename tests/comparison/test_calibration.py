"""A judge held to people: the corrected rate, honest where labels hardly differ, and all that is told of a judge."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.comparison.calibration import Corrected, calibrate
from harness.comparison.evidence import Evidence
from harness.comparison.statistics import Array, Side, bound
from harness.values import ClassAgreement, Pair

SIDES: tuple[Side, Side] = (1, -1)


def drawn(seed: int, pairs: int, sees: float = 0.7, rates: Sequence[float] = (0.3, 0.3, 0.4)) -> tuple[Array, Array]:
    """People's and a judge's preferences on so many pairs."""
    rng = np.random.default_rng(seed)
    people = rng.choice([-1.0, 0.0, 1.0], pairs, p=rates)
    return people, np.where(rng.random(pairs) < sees, people, rng.choice([-1.0, 0.0, 1.0], pairs))


def by_formula(people: Array, judge: Array, everywhere: Array) -> tuple[float, float]:
    """Estimate and standard error, written down once more from the page on statistics."""
    n, whole = len(people), len(everywhere)
    slope = np.cov(people, judge)[0, 1] / judge.var(ddof=1) if judge.var() > 0 else 0.0
    residuals = people - slope * judge
    pseudo = (residuals.var(ddof=1) * (n - 1) + 2) / (n + 1)
    error = math.sqrt(pseudo * (1 / n - 1 / whole) + people.var(ddof=1) / whole)
    return float(people.mean() - slope * (judge.mean() - everywhere.mean())), error


@pytest.mark.parametrize("seed", range(30))
def test_estimate_and_error_are_those_of_the_formula(seed: int) -> None:
    whole = 120 + 40 * seed
    people, judge = drawn(seed, whole, sees=seed / 30)
    n = whole if seed % 5 == 0 else 100
    found = Corrected.of(people[:n], judge[:n], judge)
    estimate, error = by_formula(people[:n], judge[:n], judge)
    assert found.estimate == pytest.approx(estimate, abs=1e-12)
    assert found.standard_error == pytest.approx(error, abs=1e-12)
    assert found.degrees_of_freedom == n - 2
    for side in SIDES:
        reach = stats.t.isf(0.05, n - 2) * error
        beyond = side * (estimate - side * reach - found.bound(0.05, side))
        assert -1e-12 <= beyond <= 0.01  # never nearer than Student's, and on plain labels hardly farther


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("alpha", [0.05, 0.025, 0.01])
def test_the_bound_is_where_p_is_the_level(alpha: float, side: Side) -> None:
    for seed in range(5):
        people, judge = drawn(seed, 600)
        found = Corrected.of(people[:100], judge[:100], judge)
        assert found.p_value(found.bound(alpha, side), side) == pytest.approx(alpha, abs=1e-6)


def test_where_every_pair_has_a_label_the_judge_has_no_part() -> None:
    people, judge = drawn(1, 200)
    found = Corrected.of(people, judge, judge)
    assert found == Corrected.of(people, np.zeros(200), np.zeros(200))
    assert found.estimate == pytest.approx(people.mean(), abs=1e-12)
    assert found.standard_error == pytest.approx(people.std(ddof=1) / math.sqrt(200), abs=1e-12)


def test_a_good_judge_makes_the_rate_surer_and_a_blind_one_costs_hardly_anything() -> None:
    people, judge = drawn(2, 2000, sees=0.95)
    alone = people[:200].std(ddof=1) / math.sqrt(200)
    assert Corrected.of(people[:200], judge[:200], judge).standard_error < 0.6 * alone
    _, blind = drawn(3, 2000, sees=0.0)
    assert Corrected.of(people[:200], blind[:200], blind).standard_error < 1.02 * alone


@pytest.mark.parametrize("off", [-0.5, 0.3])
def test_what_the_judge_is_off_by_on_all_pairs_alike_does_not_move_the_rate(off: float) -> None:
    people, judge = drawn(4, 1000)
    plain, shifted = (Corrected.of(people[:100], each[:100], each) for each in (judge, 0.5 * judge + off))
    assert shifted.estimate == pytest.approx(plain.estimate, abs=1e-12)
    assert shifted.standard_error == pytest.approx(plain.standard_error, abs=1e-12)


def test_a_judge_whose_word_differs_by_rounding_only_says_always_the_same() -> None:
    people, _ = drawn(5, 400)
    rounding = 0.1 + 1e-17 * np.arange(400) + np.where(np.arange(400) % 3, 0.0, 2e-17)
    rounding[::2] = 0.3 - 0.2
    found = Corrected.of(people[:100], rounding[:100], rounding)
    assert found.estimate == pytest.approx(people[:100].mean(), abs=1e-12)


@pytest.mark.parametrize(("labels", "pairs"), [(100, 100), (100, 1000), (200, 1000)])
def test_labels_that_are_all_ties_say_no_more_than_so_many_ties_can(labels: int, pairs: int) -> None:
    found = Corrected.of(np.zeros(labels), np.zeros(labels), np.zeros(pairs))
    assert found.estimate == 0
    for side in SIDES:
        assert side * found.bound(0.05, side) <= -(1 - 0.05 ** (1 / labels))


def test_few_losses_of_all_pairs_are_read_as_by_the_test_of_every_gate() -> None:
    people = np.repeat([-1.0, 0.0], [2, 98])
    found = Corrected.of(people, people, people).bound(0.05, 1)
    assert found == pytest.approx(bound(people, 0.05, 1, (-1.0, 1.0)), abs=0.002)
    assert found < people.mean() - 1.66 * people.std(ddof=1) / 10 - 0.01  # Student's, which errs there


@pytest.mark.parametrize("extreme", [1.0, -1.0])
def test_no_bound_leaves_the_scale(extreme: float) -> None:
    found = Corrected.of(np.full(50, extreme), np.full(50, extreme), np.full(50, extreme))
    low, high = found.bound(0.05, 1), found.bound(0.05, -1)
    assert -1 <= low <= found.estimate <= high <= 1
    assert (low if extreme < 0 else high) == extreme
    assert high - low > 0.05


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([-1.0, -0.25, 0.0, 0.5, 1.0]), min_size=3, max_size=60),
    st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=60, max_size=90),
)
def test_any_labels_give_an_interval_that_holds_the_estimate(people: list[float], judge: list[float]) -> None:
    found = Corrected.of(people, judge[: len(people)], judge)
    assert -1 <= found.bound(0.025, 1) <= found.estimate <= found.bound(0.025, -1) <= 1
    for null in (-1.0, -0.3, 0.0, 0.7, 1.0):
        assert all(0 <= found.p_value(null, side) <= 1 for side in SIDES)


@pytest.mark.parametrize(("n", "beside", "whole"), [(2, 2, 100), (5, 4, 100), (5, 5, 4)])
def test_labels_that_can_tell_no_rate_are_refused(n: int, beside: int, whole: int) -> None:
    with pytest.raises(ValueError, match="tell no rate"):
        Corrected.of(np.zeros(n), np.zeros(beside), np.zeros(whole))


def test_a_label_beyond_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        Corrected.of([0.0, 2.0, 0.0], [0.0] * 3, [0.0] * 9)


# What is told of a judge.


def evidence(judge: Sequence[float | None], people: Mapping[str, float | None], **changes: object) -> Evidence:
    """Pairs s0, s1, ... with the judge's preference each."""
    pairs = tuple(
        Pair(f"s{index}", *((None, None) if d is None else ((1 - d) / 2, (1 + d) / 2))) for index, d in enumerate(judge)
    )
    plain = Evidence("chat", "pairwise", "base", pairs, True, (0.0, 1.0), people=people, are_preferences=True)
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # names of fields, given by the tests


def test_a_calibration_counts_what_there_is_and_what_is_missing() -> None:
    found = calibrate(evidence([1, 1, 0, -1, None, 1], {"s0": 1.0, "s3": 1.0, "s4": 0.0, "s5": None, "gone": 1.0}))
    assert (found.task, found.metric, found.against) == ("chat", "pairwise", "base")
    assert (found.items, found.missing, found.labels, found.unlabelled) == (6, 1, 3, 1)
    assert found.raw == pytest.approx(2 / 5)
    assert found.agreement == pytest.approx(1 / 2)  # s0 alike, s3 not; of s4 the judge says nothing
    assert found.classes == (
        ClassAgreement("candidate", 2, 1, 1),
        ClassAgreement("tie", 0, 0, 0),
        ClassAgreement("baseline", 0, 1, 0),
    )


def test_a_missing_judgement_counts_as_a_tie_in_the_correction() -> None:
    people, judge = drawn(7, 300)
    labels = {f"s{index}": float(people[index]) for index in range(100)}
    holed = [None if index % 7 == 0 else float(d) for index, d in enumerate(judge)]
    filled = np.array([0.0 if d is None else d for d in holed])
    expected, _ = by_formula(people[:100], filled[:100], filled)
    found = calibrate(evidence(holed, labels))
    assert found.corrected == pytest.approx(expected, abs=1e-12)
    assert found.raw == pytest.approx(np.mean([d for d in holed if d is not None]))


def test_drawn_pairs_without_a_label_widen_the_interval_to_both_sides_and_leave_the_rate() -> None:
    people, judge = drawn(8, 400)
    labels: dict[str, float | None] = {f"s{index}": float(people[index]) for index in range(120)}
    whole = calibrate(evidence(judge.tolist(), labels))
    without = calibrate(evidence(judge.tolist(), {key: d for key, d in labels.items() if key not in ("s3", "s50")}))
    holed = calibrate(evidence(judge.tolist(), {**labels, "s3": None, "s50": None}))
    nan = calibrate(evidence(judge.tolist(), {**labels, "s3": math.nan, "s50": None}))
    assert None not in (whole.low, whole.high, holed.low, holed.high)
    assert holed.corrected == without.corrected
    assert (holed.labels, holed.unlabelled) == (nan.labels, nan.unlabelled) == (118, 2)
    assert holed.low < without.low < without.high < holed.high  # type: ignore[operator]  # none is None, see above
    worst = Corrected.of(
        np.array([-1.0 if index in (3, 50) else people[index] for index in range(120)]), judge[:120], judge
    )
    assert holed.low == pytest.approx(worst.bound(0.025, 1), abs=1e-9)


@pytest.mark.parametrize("labels", [{}, {"s0": 1.0, "s1": -1.0}, {"s0": None, "s1": None, "s2": None, "s3": None}])
def test_without_three_labels_there_is_no_rate_and_no_zero_either(labels: dict[str, float | None]) -> None:
    found = calibrate(evidence([1, 0, -1, 1, 0], labels))
    assert (found.corrected, found.low, found.high) == (None, None, None)
    assert found.raw == pytest.approx(0.2)


def test_of_nothing_nothing_is_told() -> None:
    found = calibrate(evidence([], {}))
    assert (found.items, found.labels, found.raw, found.agreement, found.kappa) == (0, 0, None, None, None)
    assert (found.order_disagreement, found.first_place, found.longer_judge, found.longer_people) == (None,) * 4


def test_the_bias_for_the_first_place_is_of_single_words_and_the_turned_words_of_pairs() -> None:
    orders = {
        "s0": [0.0, 1.0],  # first both times
        "s1": [1.0, 1.0],  # the candidate, wherever it stood
        "s2": [0.0, None],  # one word only: the baseline, which stood first
        "s3": [0.5, 0.5],
        "s4": [0.5, 0.0],  # a tie, and the baseline's answer in second place
    }
    details = {key: {"orders": value} for key, value in orders.items()}
    found = calibrate(evidence([0] * 6, {}), details=details)
    assert found.order_disagreement == pytest.approx(2 / 4)
    assert found.first_place == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    "details", [{"orders": "01"}, {"orders": [1.0]}, {"orders": [math.nan, "x"]}, {"order": 1}, {}]
)
def test_details_that_say_nothing_of_orders_are_passed_over(details: dict[str, object]) -> None:
    found = calibrate(evidence([1, 0], {}), details={"s0": details})
    assert (found.order_disagreement, found.first_place) == (None, None)


def test_the_bias_for_long_answers_is_told_of_the_judge_and_of_people() -> None:
    longer = {"s0": 1, "s1": 1, "s2": -1, "s3": 0, "s4": -1}
    found = calibrate(evidence([1, 1, -1, 1, 1], {"s0": 1.0, "s1": -1.0, "s2": 0.0, "s3": 1.0}), longer=longer)
    assert found.longer_judge == pytest.approx(3 / 4)
    assert found.longer_people == pytest.approx(1 / 2)


def test_a_judge_of_single_answers_is_held_to_differences_of_grades() -> None:
    pairs = tuple(Pair(f"s{index}", 0.3, 0.3 + 0.1 * (index % 3)) for index in range(150))
    people = {f"s{index}": 0.2 * (index % 3 > 0) for index in range(120)}
    found = calibrate(Evidence("chat", "rubric", "base", pairs, True, (0.0, 1.0), people=people))
    assert found.raw == pytest.approx(0.1)
    assert found.agreement == 1.0
    assert found.kappa == 1.0
    assert found.corrected == pytest.approx(0.2 * 2 / 3, abs=0.01)
