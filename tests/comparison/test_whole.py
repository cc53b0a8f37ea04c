"""A value that is reckoned from sums: each item's share in it, and what the comparison makes of the shares."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from harness.comparison.compare import delta, estimate
from harness.comparison.evidence import Evidence
from harness.comparison.reading import read
from harness.comparison.whole import shares
from harness.values import GateRule, Pair, Score


def ratio(sums: Sequence[float]) -> float:
    return sums[0] / sums[1] if sums[1] else 0.0


def f1(sums: Sequence[float]) -> float:
    right, said, wanted = sums
    return 2 * right / (said + wanted) if said + wanted else 0.0


def drawn(seed: int, items: int = 60) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    return np.stack([rng.gamma(2, 3, items), rng.integers(1, 40, items)], axis=1)


def evidence(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]], *, up: bool = True) -> Evidence:
    both = zip(shares(before, ratio), shares(after, ratio), before, after, strict=True)
    pairs = tuple(
        Pair(f"s{index}", float(b), float(a), own=(ratio(own_b), ratio(own_a)))
        for index, (b, a, own_b, own_a) in enumerate(both)
    )
    return Evidence("t", "m", "base", pairs, up, None, over_sums=True)


def test_the_mean_of_the_shares_is_the_value_of_the_whole() -> None:
    parts = drawn(1)
    assert shares(parts.tolist(), ratio).mean() == pytest.approx(ratio(parts.sum(axis=0).tolist()), rel=1e-12)


def test_a_mean_has_its_own_scores_as_shares() -> None:
    scores = [0.0, 1.0, 1.0, 0.25, 0.5]
    assert shares([[score, 1.0] for score in scores], ratio) == pytest.approx(scores)


def test_the_spread_of_the_shares_is_that_of_the_value_with_other_items() -> None:
    rng = np.random.default_rng(7)
    values, errors = [], []
    for _ in range(400):
        said, wanted = rng.random(200) < 0.4, rng.random(200) < 0.3
        parts = np.stack([said & wanted, said, wanted], axis=1).astype(float)
        own = shares(parts.tolist(), f1)
        values.append(own.mean())
        errors.append(own.std(ddof=1) / math.sqrt(len(own)))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_equal_items_have_equal_shares_and_one_item_has_the_whole() -> None:
    assert len(set(shares([[1.0, 2.0]] * 5, ratio).tolist())) == 1
    assert shares([[3.0, 4.0]], ratio).tolist() == [0.75]


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="reckons nan from its sums"):
        shares([[1.0], [2.0]], lambda sums: math.nan)


def test_the_change_is_the_difference_of_both_wholes_with_an_interval_around_it() -> None:
    before = drawn(2)
    after = before + np.array([1.0, 0.0])
    found = delta(evidence(before.tolist(), after.tolist()))
    wholes = [ratio(parts.sum(axis=0).tolist()) for parts in (before, after)]
    assert (found.baseline, found.candidate) == (pytest.approx(wholes[0]), pytest.approx(wholes[1]))
    assert found.change == pytest.approx(wholes[1] - wholes[0])
    assert found.low is not None
    assert found.high is not None
    assert found.low < wholes[1] - wholes[0] < found.high


def test_fixed_and_broken_are_counted_by_the_items_own_scores() -> None:
    before = [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [4.0, 8.0]]
    after = [[2.0, 2.0], [1.0, 2.0], [0.0, 2.0], [5.0, 8.0]]
    found = delta(evidence(before, after))
    assert (found.fixed, found.broken) == (2, 1)


def test_lower_may_be_better() -> None:
    before = drawn(3)
    after = before * np.array([0.8, 1.0])
    found = delta(evidence(before.tolist(), after.tolist(), up=False))
    assert found.change is not None
    assert found.change > 0


def test_a_limit_in_per_cent_is_one_of_the_whole_whatever_the_sign_of_single_shares() -> None:
    before = drawn(4, 400)
    assert shares(before.tolist(), ratio).min() < 0
    rule = GateRule("t", "m", max_drop=0.10, relative=True)
    slightly, far = (read(rule, evidence(before.tolist(), (before * [kept, 1.0]).tolist())) for kept in (0.98, 0.8))
    assert slightly.value == pytest.approx(-0.02)
    assert slightly.p_passed is not None
    assert slightly.p_passed < 0.01
    assert far.value == pytest.approx(-0.2)
    assert far.p_failed is not None
    assert far.p_failed < 0.01


def test_no_level_is_called_certain() -> None:
    before = drawn(5)
    assert not read(
        GateRule("t", "m", max_drop=3.0), evidence(before.tolist(), (before * [0.9, 1]).tolist())
    ).is_certified


def test_a_missing_score_leaves_the_rule_undecided() -> None:
    whole = evidence(drawn(6).tolist(), drawn(6).tolist())
    holed = Evidence("t", "m", "base", (*whole.pairs, Pair("gone", 0.5, None)), True, None, over_sums=True)
    found = read(GateRule("t", "m", max_drop=1.0), holed)
    assert found.why_not == "1 of 61 samples miss a score, and a metric that is reckoned from sums has no worst case"
    assert delta(holed).low is None


def test_an_estimate_has_the_interval_of_its_shares() -> None:
    parts = drawn(8)
    scores = [Score(f"s{index}", ratio(row)) for index, row in enumerate(parts.tolist())]
    own = shares(parts.tolist(), ratio)
    found = estimate("t", "m", scores, None, lambda _: ratio(parts.sum(axis=0).tolist()), None, own.tolist())
    error = own.std(ddof=1) / math.sqrt(len(own))
    assert found.value is not None
    assert found.high is not None
    assert found.high - found.value == pytest.approx(2.0010 * error, rel=1e-3)


def test_the_interval_of_an_estimate_does_not_leave_the_scale() -> None:
    parts = [[1.0, 1.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    scores = [Score(f"s{index}", row[0]) for index, row in enumerate(parts)]
    found = estimate("t", "f1", scores, (0.0, 1.0), lambda _: 0.5, None, shares(parts, f1).tolist())
    assert (found.low, found.high) == (0.0, 1.0)
