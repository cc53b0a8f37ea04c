"""The release gate: what passes, what fails, what nobody can tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.comparison.gate import Evidence, decide
from harness.comparison.statistics import bound
from harness.values import GateRule, Pair, Ruling, Verdict

RANK = {"failed": 0, "inconclusive": 1, "passed": 2}
Both = tuple[float | None, float | None]


def pairs(kept: int = 0, broken: int = 0, fixed: int = 0, wrong: int = 0, missing: int = 0) -> tuple[Pair, ...]:
    return paired([(1, 1)] * kept + [(1, 0)] * broken + [(0, 1)] * fixed + [(0, 0)] * wrong + [(1, None)] * missing)


def paired(both: Sequence[Both]) -> tuple[Pair, ...]:
    return tuple(Pair(f"s{index}", *each) for index, each in enumerate(both))


def about(asked: tuple[Pair, ...], **changes: object) -> Evidence:
    plain = Evidence("mmlu", "acc", "base", asked, higher_is_better=True, bounds=(0.0, 1.0))
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # names of fields, given by the tests


def rule(**demand: object) -> GateRule:
    return GateRule("mmlu", "acc", **demand)  # type: ignore[arg-type]  # names of fields, given by the tests


def ruled(asked: GateRule, evidence: Evidence) -> Ruling:
    return decide([asked], lambda _: evidence).rulings[0]


def together(*cases: tuple[GateRule, Evidence]) -> Verdict:
    found = {id(asked): evidence for asked, evidence in cases}
    return decide([asked for asked, _ in cases], lambda asked: found[id(asked)])


GOOD = about(pairs(kept=400, wrong=100))
BAD = about(pairs(kept=200, broken=200, wrong=100))
VAGUE = about(pairs(kept=10, broken=2, fixed=2, wrong=6))
UNMEASURED = about((), why_not="the hub does not answer")
DROP = rule(max_drop=0.05)


@pytest.mark.parametrize(
    ("asked", "evidence", "outcome"),
    [
        (rule(min_gain=0.1), about(pairs(kept=10, fixed=180, wrong=10)), "passed"),
        (rule(min_gain=0.1), about(pairs(kept=10, fixed=2, wrong=188)), "failed"),
        (rule(min_gain=0.1), about(pairs(kept=10, fixed=25, broken=2, wrong=163)), "inconclusive"),
        (DROP, GOOD, "passed"),
        (DROP, BAD, "failed"),
        (DROP, VAGUE, "inconclusive"),
        (rule(max_drop=0.05, relative=True), GOOD, "passed"),
        (rule(max_drop=0.05, relative=True), BAD, "failed"),
        (rule(max_drop=0.05, relative=True), VAGUE, "inconclusive"),
        (rule(at_least=0.9), about(pairs(kept=195, wrong=5)), "passed"),
        (rule(at_least=0.9), about(pairs(kept=150, wrong=50)), "failed"),
        (rule(at_least=0.9), about(pairs(kept=180, wrong=20)), "inconclusive"),
    ],
)
def test_each_kind_of_rule_has_three_outcomes(asked: GateRule, evidence: Evidence, outcome: str) -> None:
    found = ruled(asked, evidence)
    assert found.outcome == outcome
    assert found.items == len(evidence.pairs)
    assert (found.items_needed is not None) <= (outcome == "inconclusive")


def test_a_relative_margin_is_a_share_of_what_the_baseline_scores() -> None:
    evidence = about(pairs(kept=290, broken=10, wrong=700))
    assert ruled(rule(max_drop=0.05), evidence).outcome == "passed"
    assert ruled(rule(max_drop=0.05, relative=True), evidence).outcome == "inconclusive"


@pytest.mark.parametrize("demand", [{"min_gain": 0.1}, {"max_drop": 0.05}])
def test_lower_is_better_turns_every_rule(demand: dict[str, float]) -> None:
    for evidence in (GOOD, BAD, VAGUE, about(pairs(kept=10, fixed=180, wrong=10, missing=3))):
        turned = [(_flipped(pair.baseline), _flipped(pair.candidate)) for pair in evidence.pairs]
        mirrored = dataclasses.replace(evidence, pairs=paired(turned), higher_is_better=False)
        up, down = ruled(rule(**demand), evidence), ruled(rule(**demand), mirrored)
        assert up.outcome == down.outcome
        assert (up.p_passed, up.p_failed) == pytest.approx((down.p_passed, down.p_failed))


ERRORS = about(paired([(None, 0.0)] * 195 + [(None, 1.0)] * 5), metric="error", higher_is_better=False)


def test_at_most_holds_scores_under_a_level_where_lower_is_better() -> None:
    assert ruled(rule(at_most=0.1), ERRORS).outcome == "passed"
    found = ruled(rule(at_most=0.005), ERRORS)
    assert found.outcome == "failed"
    assert "at most 0.005 was asked for" in found.reason


def test_at_most_of_errors_is_at_least_of_what_is_right() -> None:
    right = about(paired([(None, _flipped(pair.candidate)) for pair in ERRORS.pairs]))
    for limit in (0.005, 0.025, 0.04, 0.1):
        errors, rights = ruled(rule(at_most=limit), ERRORS), ruled(rule(at_least=1 - limit), right)
        assert errors.outcome == rights.outcome
        assert (errors.p_passed, errors.p_failed) == pytest.approx((rights.p_passed, rights.p_failed))


def test_a_level_from_the_wrong_side_decides_nothing_and_says_what_to_write() -> None:
    upside_down = ruled(rule(at_least=0.1), ERRORS)
    assert upside_down.outcome == "inconclusive"
    assert "at_least would ask error to be bad, where lower is better; write 'at_most: 0.1'" in upside_down.reason
    assert "write 'at_least: 0.9'" in ruled(rule(at_most=0.9), about(pairs(kept=200))).reason


def _flipped(score: float | None) -> float | None:
    return None if score is None else 1 - score


def test_a_relative_drop_of_errors_is_a_share_of_the_baselines_errors() -> None:
    errors = [(1.0, 1.0)] * 100 + [(0.0, 0.0)] * 900
    worse = [(1.0, 1.0)] * 100 + [(0.0, 1.0)] * 60 + [(0.0, 0.0)] * 840
    asked = rule(max_drop=0.2, relative=True)
    assert ruled(asked, about(paired(errors), higher_is_better=False)).outcome == "passed"
    assert ruled(asked, about(paired(worse), higher_is_better=False)).outcome == "failed"


@pytest.mark.parametrize(
    ("asked", "evidence", "reason"),
    [
        (DROP, UNMEASURED, "not measured: the hub does not answer"),
        (DROP, about(()), "not measured: no sample was asked of both arms"),
        (DROP, about(pairs(missing=7)), "not measured: all 7 samples miss a score"),
        (DROP, about(paired([(1, 1.2)])), "not measured: a score lies outside the bounds (0.0, 1.0)"),
        (DROP, about(pairs(kept=9, missing=1), bounds=None), "not measured: 1 of 10 samples miss a score"),
        (rule(max_drop=0.05, relative=True), about(paired([(0.5, 0.5)]), bounds=(-1.0, 1.0)), "can be negative"),
        (rule(max_drop=0.05, relative=True), about(pairs(wrong=50)), "base scores 0"),
    ],
)
def test_what_cannot_be_measured_is_inconclusive_and_says_why(asked: GateRule, evidence: Evidence, reason: str) -> None:
    found = ruled(asked, evidence)
    assert (found.outcome, found.p_passed, found.p_failed) == ("inconclusive", None, None)
    assert reason in found.reason


def test_missing_scores_count_against_passing_and_against_failing() -> None:
    assert ruled(DROP, about(pairs(kept=190))).outcome == "passed"
    held_back = ruled(DROP, about(pairs(kept=190, missing=10)))
    assert held_back.outcome == "inconclusive"
    assert "only because 10 of 200 scores are missing" in held_back.reason
    assert ruled(DROP, about(pairs(kept=165, broken=25))).outcome == "failed"
    assert ruled(DROP, about(pairs(kept=140, broken=25, missing=25))).outcome == "failed"
    assert ruled(DROP, about(pairs(kept=0, broken=15, missing=175))).outcome == "inconclusive"
    benefit = about(paired([(1, 1)] * 170 + [(1, 0)] * 20 + [(None, 0)] * 10))
    at_best = about(pairs(kept=170, broken=20, wrong=10))
    assert ruled(DROP, benefit).p_failed == pytest.approx(ruled(DROP, at_best).p_failed)


def test_without_bounds_the_t_test_stands_in_and_says_so() -> None:
    noise = np.random.default_rng(5).normal(0, 0.1, 200)
    losses = about(paired([(10.0, 10.0 + float(each)) for each in noise]), higher_is_better=False, bounds=None)
    verdict = decide([rule(max_drop=0.1)], lambda _: losses)
    assert verdict.rulings[0].outcome == "passed"
    assert "not certified" in verdict.rulings[0].reason
    assert any("not certified" in caveat for caveat in verdict.caveats)


def test_without_bounds_unchanged_scores_prove_nothing() -> None:
    assert ruled(DROP, about(paired([(10.0, 10.0)] * 500), bounds=None)).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("critical", "supporting", "advisory", "outcome"),
    [
        (GOOD, GOOD, GOOD, "passed"),
        (GOOD, VAGUE, BAD, "passed"),
        (GOOD, UNMEASURED, UNMEASURED, "passed"),
        (GOOD, BAD, GOOD, "failed"),
        (BAD, GOOD, GOOD, "failed"),
        (VAGUE, BAD, GOOD, "failed"),
        (VAGUE, GOOD, GOOD, "inconclusive"),
        (UNMEASURED, GOOD, GOOD, "inconclusive"),
    ],
)
def test_tiers_decide_together(critical: Evidence, supporting: Evidence, advisory: Evidence, outcome: str) -> None:
    verdict = together(
        (rule(max_drop=0.05), critical),
        (rule(max_drop=0.05, tier="supporting"), supporting),
        (rule(max_drop=0.05, tier="advisory"), advisory),
    )
    assert verdict.outcome == outcome


def test_a_suite_that_shows_nothing_does_not_pass() -> None:
    assert decide([], lambda _: GOOD).outcome == "inconclusive"
    assert together((rule(max_drop=0.05, tier="advisory"), GOOD)).outcome == "inconclusive"
    assert together((rule(max_drop=0.05, tier="supporting"), UNMEASURED)).outcome == "inconclusive"


def test_among_many_rules_a_single_small_p_value_does_not_fail_the_release() -> None:
    slight = about(pairs(kept=150, broken=24, fixed=2, wrong=24))
    alone = ruled(DROP, slight)
    assert alone.outcome == "failed"
    among = together((rule(max_drop=0.05), slight), *((rule(max_drop=0.05), GOOD) for _ in range(9)))
    assert among.rulings[0].outcome == "inconclusive"
    assert among.rulings[0].p_failed == alone.p_failed
    assert "too little to call it failed" in among.rulings[0].reason


def test_each_rule_has_its_own_level() -> None:
    evidence = about(pairs(kept=65))
    assert ruled(rule(max_drop=0.05), evidence).outcome == "passed"
    assert ruled(rule(max_drop=0.05, alpha=0.01), evidence).outcome == "inconclusive"


@pytest.mark.parametrize(("items", "outcome"), [(138, "passed"), (137, "inconclusive")])
def test_without_flips_the_margin_passes_from_138_items_on(items: int, outcome: str) -> None:
    found = ruled(rule(max_drop=0.0225), about(pairs(kept=items)))
    assert found.outcome == outcome
    assert found.reason.startswith(f"no score changed in {items} items")


rules = st.sampled_from(
    [
        rule(min_gain=0.0),
        rule(min_gain=0.1),
        rule(max_drop=0.05),
        rule(max_drop=0.1, relative=True),
        rule(at_least=0.6),
    ]
)
samples = st.lists(st.sampled_from([(1, 1), (1, 0), (0, 1), (0, 0), (1, None), (None, 0)]), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rules, samples, st.integers(1, 12))
def test_one_more_broken_item_never_improves_a_ruling(asked: GateRule, some: list[Both], times: int) -> None:
    others = some * times
    before = ruled(asked, about(paired([*others, (1, 1)])))
    broken = ruled(asked, about(paired([*others, (1, 0)])))
    added = ruled(asked, about(paired([*others, (1, 1), (1, 0)])))
    assert RANK[broken.outcome] <= RANK[before.outcome]
    assert RANK[added.outcome] <= RANK[before.outcome]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(rules, samples, st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter(asked: GateRule, both: list[Both], random: Random) -> None:
    given_order = ruled(asked, about(paired(both * 5)))
    other_order = ruled(asked, about(paired(random.sample(both * 5, 5 * len(both)))))
    assert given_order.outcome == other_order.outcome
    assert given_order.reason == other_order.reason


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 150), st.integers(0, 30), st.integers(0, 30))
def test_the_ruling_agrees_with_the_bound(kept: int, broken: int, fixed: int) -> None:
    assume(kept + broken + fixed > 0)
    evidence = about(pairs(kept=kept, broken=broken, fixed=fixed))
    values = np.repeat([0.0, -1.0, 1.0], [kept, broken, fixed])
    low, high = (bound(values, 0.05, side, (-1.0, 1.0)) for side in (1, -1))
    expected = "passed" if low > -0.05 else "failed" if high < -0.05 else "inconclusive"
    assert ruled(DROP, evidence).outcome == expected
