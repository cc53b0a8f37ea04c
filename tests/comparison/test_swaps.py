"""The A/A control's own instrument: rules tried on scores without a difference err as rarely as they claim."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter, defaultdict
from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import pytest

from harness.comparison.gate import Evidence, decide
from harness.comparison.swaps import Rates, differs, flipped, swap_rates
from harness.comparison.trial import Trial
from harness.values import GateRule, Pair, Stopping

ITEMS, SWAPS, SEED = 200, 400, 7
MOST = 0.07
"""5 % as claimed, and two standard errors of 400 swaps."""
Both = tuple[float | None, float | None]


def answers(items: int = ITEMS, right: float = 0.6, seed: int = 1) -> list[Both]:
    """Right or wrong scores of two models that agree on most items, as two fine-tunings of one model do."""
    rng = np.random.default_rng(seed)
    base = rng.random(items) < right
    tuned = np.where(rng.random(items) < 0.15, rng.random(items) < right, base)
    return [(float(before), float(after)) for before, after in zip(base, tuned, strict=True)]


def about(scores: Sequence[Both], clusters: Sequence[str] | None = None, **changes: object) -> Evidence:
    names: Sequence[str | None] = [None] * len(scores) if clusters is None else list(clusters)
    pairs = tuple(Pair(f"s{i}", *both, cluster=name) for i, (both, name) in enumerate(zip(scores, names, strict=True)))
    plain = Evidence("tickets", "exact_match", "base", pairs, higher_is_better=True, bounds=(0.0, 1.0))
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # names of fields, given by the tests


def rule(**demand: object) -> GateRule:
    return GateRule("tickets", "exact_match", **demand)  # type: ignore[arg-type]  # names of fields, given by the tests


DROP, SHARE, GAIN = rule(max_drop=0.1), rule(max_drop=0.2, relative=True), rule(min_gain=0.1)
RULES = {"a drop in points": DROP, "a drop as a share": SHARE, "a gain": GAIN}


@functools.cache
def tried(name: str, *, turned: bool = False) -> Rates:
    scores = [(1 - before, 1 - after) if turned else (before, after) for before, after in known()]
    return swap_rates(RULES[name], about(scores, higher_is_better=not turned), SWAPS, SEED)


def known() -> list[tuple[float, float]]:
    return [(before or 0.0, after or 0.0) for before, after in answers()]


@pytest.mark.parametrize("name", RULES)
def test_an_unchanged_model_is_called_worse_about_as_often_as_claimed(name: str) -> None:
    assert 0 < tried(name).false_alarms.value <= MOST


@pytest.mark.parametrize("name", RULES)
def test_a_model_at_the_limit_passes_about_as_often_as_claimed(name: str) -> None:
    wrong = tried(name).false_passes
    assert wrong is not None
    assert 0 < wrong.value <= MOST


def test_an_unchanged_model_passes_a_limit_on_its_drop_and_gains_nothing() -> None:
    assert tried("a drop in points").passes.value > 0.9
    assert tried("a gain").passes.value <= MOST


@pytest.mark.parametrize("name", ["a drop in points", "a gain"])
def test_a_metric_where_lower_is_better_errs_as_rarely(name: str) -> None:
    found = tried(name, turned=True)
    assert found.false_alarms.value <= MOST
    assert found.false_passes is not None
    assert found.false_passes.value <= MOST


def test_every_rate_stands_with_an_interval_of_its_swaps() -> None:
    for rate in dataclasses.astuple(tried("a drop in points")):
        value, low, high = rate
        assert low <= value <= high
        assert high - low < 0.1


def test_the_same_seed_gives_the_same_rates_and_another_seed_others() -> None:
    evidence = about(answers(60))
    first, again, other = (swap_rates(DROP, evidence, 100, seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_the_direction_of_the_real_candidate_does_not_matter() -> None:
    better = [(0.0, 1.0)] * 30 + [(1.0, 1.0)] * 100 + [(0.0, 0.0)] * 70
    worse = [(after, before) for before, after in better]
    for scores in (better, worse):
        assert swap_rates(DROP, about(scores), 200, SEED).false_alarms.value <= MOST


def test_a_rule_at_a_smaller_level_alarms_less() -> None:
    evidence = about(answers(100))
    strict = swap_rates(rule(max_drop=0.1, alpha=0.01), evidence, 100, SEED)
    lax = swap_rates(rule(max_drop=0.1, alpha=0.2), evidence, 100, SEED)
    assert strict.false_alarms.value < lax.false_alarms.value
    assert strict.passes.value <= lax.passes.value


def drawn(evidence: Evidence, count: int = 20) -> list[Evidence]:
    """What ``swap_rates`` puts to a rule at whose limit no model can be."""
    with patch.object(Trial, "of", wraps=Trial.of) as put:
        assert swap_rates(rule(max_drop=0.9), evidence, count, SEED).false_passes is None
    return [call.args[1] for call in put.call_args_list]


def test_items_of_one_cluster_are_drawn_and_swapped_together() -> None:
    sizes = {f"passage {number}": 1 + number % 4 for number in range(60)}
    names = [name for name, size in sizes.items() for _ in range(size)]
    evidence = about([(1.0, 0.0)] * len(names), names)
    for one in drawn(evidence):
        groups: dict[str | None, set[Both]] = defaultdict(set)
        for pair in one.pairs:
            groups[pair.cluster].add((pair.baseline, pair.candidate))
        assert len(groups) == 60
        assert all(len(each) == 1 for each in groups.values()), "a cluster was torn apart"
        assert set().union(*groups.values()) == {(1.0, 0.0), (0.0, 1.0)}, "nothing was swapped"
        assert set(Counter(pair.cluster for pair in one.pairs).values()) <= set(sizes.values())


def test_items_without_clusters_are_swapped_one_by_one() -> None:
    for one in drawn(about([(1.0, 0.0)] * 200)):
        risen = sum(pair.candidate == 1.0 for pair in one.pairs)
        assert len(one.pairs) == 200
        assert 60 < risen < 140
        assert {pair.cluster for pair in one.pairs} == {None}


def test_as_many_items_are_drawn_as_are_complete() -> None:
    scores: list[Both] = [*answers(50), (1.0, None), (None, 0.0)]
    assert {len(one.pairs) for one in drawn(about(scores))} == {50}


def test_an_item_without_a_cluster_is_a_group_of_its_own_beside_the_others() -> None:
    scores: list[Both] = [(1.0, 0.0)] * 90
    pairs = tuple(
        Pair(f"s{number}", *both, cluster=f"passage {number // 3}" if number < 60 else None)
        for number, both in enumerate(scores)
    )
    one = drawn(dataclasses.replace(about(scores), pairs=pairs), 1)[0]
    assert len({pair.cluster for pair in one.pairs}) == 20 + 30


def test_alarms_are_as_rare_where_flips_come_in_clusters() -> None:
    rng = np.random.default_rng(5)
    names = [f"passage {number // 4}" for number in range(4 * 60)]
    lost, won = (np.repeat(rng.random(60) < share, 4) for share in (0.15, 0.15))
    scores: list[Both] = [(float(not gain), float(not loss)) for loss, gain in zip(lost, won, strict=True)]
    found = swap_rates(DROP, about(scores, names), SWAPS, SEED)
    assert found.false_alarms.value <= MOST
    assert found.false_passes is not None
    assert found.false_passes.value <= MOST
    apart = swap_rates(DROP, about(scores, [f"{i}" for i in range(len(scores))]), SWAPS, SEED)
    assert found.passes.value < apart.passes.value, "items of a cluster were taken for so many facts"


@pytest.mark.parametrize(
    ("asked", "evidence"),
    [
        (rule(at_least=0.5), about(answers())),
        (DROP, about(answers(), bounds=None)),
        (DROP, about(answers(), bounds=(0.0, float("inf")))),
        (DROP, about([])),
        (DROP, about([(1.0, None), (None, 0.0)])),
        (SHARE, about([(0.0, 0.0)] * 50)),
        (rule(max_drop=0.1, min_items=1000), about(answers())),
        (rule(max_drop=0.1, max_missing=0.01), about([*answers(), *[(1.0, None)] * 5])),
        (DROP, about(answers(), why_not="the hub does not answer")),
    ],
    ids=[
        "a rule about one run",
        "no bounds",
        "an infinite bound",
        "no pairs",
        "no complete pair",
        "a share of nothing",
        "too few items",
        "too many missing",
        "not measured",
    ],
)
def test_without_bounded_scores_of_two_arms_that_the_rule_can_be_asked_of_there_is_nothing_to_swap(
    asked: GateRule, evidence: Evidence
) -> None:
    with pytest.raises(ValueError, match="no two arms of bounded scores to swap"):
        swap_rates(asked, evidence, 100, SEED)


@pytest.mark.parametrize(
    ("asked", "scores"),
    [
        (rule(max_drop=0.3), [(0.0, 0.0)] * 45 + [(1.0, 0.0), (0.0, 1.0)] * 3),
        (rule(min_gain=0.3), [(1.0, 1.0)] * 45 + [(1.0, 0.0), (0.0, 1.0)] * 3),
    ],
    ids=["no room to drop", "no room to gain"],
)
def test_where_no_model_can_be_at_the_limit_there_is_no_rate_of_false_passes(
    asked: GateRule, scores: list[Both]
) -> None:
    found = swap_rates(asked, about(scores), 100, SEED)
    assert found.false_passes is None
    assert found.false_alarms.value <= 0.1


def test_looks_and_choices_of_the_real_verdict_have_no_part_in_it() -> None:
    plain = about(answers(60))
    stopping = Stopping("population", 100, (30, 60, 100))
    other = dataclasses.replace(plain, stopping=stopping, choices=5)
    assert swap_rates(DROP, other, 100, SEED) == swap_rates(DROP, plain, 100, SEED)


STEADY: list[Both] = [(1.0, 1.0)] * 200


def test_what_the_gate_would_never_pass_is_not_told_as_a_pass() -> None:
    few = about(STEADY, [f"passage {number % 20}" for number in range(200)])
    assert decide([rule(max_drop=0.2)], lambda _: few).outcome == "inconclusive"
    assert swap_rates(rule(max_drop=0.2), few, 100, SEED).passes.value == 0
    assert swap_rates(rule(max_drop=0.2), about(STEADY), 100, SEED).passes.value == 1


def test_a_rule_with_two_ways_to_be_met_is_tried_at_the_half_level_that_each_has() -> None:
    evidence = about(answers(100))
    alone = rule(max_drop=0.2, relative=True, alpha=0.025)
    guarded = rule(max_drop=0.2, relative=True, only_below=0.99)
    assert swap_rates(guarded, evidence, 200, SEED).passes == swap_rates(alone, evidence, 200, SEED).passes


def test_the_share_of_flips_is_told_over_complete_pairs() -> None:
    assert flipped(about([(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0), (1.0, None)])) == 0.5
    assert flipped(about([(1.0, None)])) == 0.0


def test_a_model_differs_from_itself_only_where_scores_surely_moved() -> None:
    steady: list[Both] = [(1.0, 1.0)] * 190
    assert not differs(about(steady))
    assert not differs(about([*steady, *([(1.0, 0.0), (0.0, 1.0)] * 5)]))
    assert differs(about([*steady, *([(1.0, 0.0)] * 15)]))
    assert differs(about([*steady, *([(0.0, 1.0)] * 15)]))
    assert not differs(about([*steady, *([(0.0, None)] * 15)])), "a missing score is no change"
    assert not differs(about(steady, bounds=None))
    assert not differs(about([(1.0, None)]))
