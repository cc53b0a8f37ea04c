"""Gates on items that come in groups: how few groups pass nothing, and what a verdict says of groups and of parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from harness.comparison.gate import Evidence, decide
from harness.values import GateRule, Pair, Verdict

Both = tuple[float | None, float | None]
Scores = Sequence[Both]
Names = Sequence[str | None]


def about(scores: Sequence[Both], clusters: Names | None = None, strata: Names | None = None) -> Evidence:
    nobody: Names = [None] * len(scores)
    pairs = tuple(
        Pair(f"s{index}", *both, stratum=part, cluster=group)
        for index, (both, part, group) in enumerate(zip(scores, strata or nobody, clusters or nobody, strict=True))
    )
    return Evidence("mmlu", "acc", "base", pairs, higher_is_better=True, bounds=(0.0, 1.0))


def in_groups(count: int, items: int = 600) -> list[str]:
    """A passage for each item, in turn."""
    return [f"passage {index % count}" for index in range(items)]


def rule(**demand: object) -> GateRule:
    return GateRule("mmlu", "acc", **demand)  # type: ignore[arg-type]  # names of fields, given by the tests


def judged(evidence: Evidence, asked: GateRule | None = None) -> Verdict:
    return decide([asked or rule(max_drop=0.2)], lambda _: evidence)


def outcome(evidence: Evidence, asked: GateRule | None = None) -> str:
    return judged(evidence, asked).rulings[0].outcome


def told(verdict: Verdict, what: str) -> list[str]:
    return [caveat for caveat in verdict.caveats if what in caveat]


UNCHANGED: Scores = [(1.0, 1.0)] * 600


@pytest.mark.parametrize("groups", [1, 2, 20, 29])
def test_fewer_than_thirty_groups_pass_nothing_and_say_why(groups: int) -> None:
    verdict = judged(about(UNCHANGED, in_groups(groups)))
    [ruling] = verdict.rulings
    assert (verdict.outcome, ruling.outcome) == ("inconclusive", "inconclusive")
    assert f"as good as {groups} groups of equal size" in ruling.reason
    assert "with fewer than 30 nothing passes: the few that broke may not have been drawn" in ruling.reason
    assert told(verdict, f"as good as {groups} of equal size: not certified below 200")


@pytest.mark.parametrize(
    "asked", [rule(min_gain=0.1), rule(max_drop=0.2), rule(max_drop=0.2, relative=True), rule(at_least=0.5)]
)
def test_no_kind_of_rule_passes_on_few_groups(asked: GateRule) -> None:
    gained: Scores = [(1.0, 1.0)] * 300 + [(0.0, 1.0)] * 300
    assert outcome(about(gained), asked) == "passed"
    assert outcome(about(gained, in_groups(29)), asked) == "inconclusive"
    assert outcome(about(gained, in_groups(200)), asked) == "passed"


def test_few_groups_may_fail_all_the_same() -> None:
    everything_broke: Scores = [(1.0, 0.0)] * 600
    verdict = judged(about(everything_broke, in_groups(20)))
    assert verdict.outcome == "failed"
    assert "groups of equal size" not in verdict.rulings[0].reason


def test_groups_of_unequal_size_count_as_the_equal_ones_that_would_tell_as_much() -> None:
    one_large = ["passage 0"] * 300 + [f"passage {1 + index % 60}" for index in range(300)]
    verdict = judged(about(UNCHANGED, one_large))
    assert verdict.outcome == "inconclusive"
    assert "as good as 4 groups" in verdict.rulings[0].reason


@pytest.mark.parametrize("groups", [30, 100, 199])
def test_from_thirty_groups_on_a_rule_may_pass_and_is_not_certified(groups: int) -> None:
    items = groups * 4
    verdict = judged(about([(1.0, 1.0)] * items, in_groups(groups, items)))
    assert verdict.outcome == "passed"
    [caveat] = told(verdict, "come in groups")
    assert caveat == (
        f"mmlu acc: its items come in groups, as good as {groups} of equal size: not certified below 200, since a few "
        "broken groups may not have been drawn"
    )


@pytest.mark.parametrize("groups", [200, 250])
def test_from_two_hundred_groups_on_nothing_is_held_back(groups: int) -> None:
    items = groups * 4
    verdict = judged(about([(1.0, 1.0)] * items, in_groups(groups, items)))
    assert verdict.outcome == "passed"
    assert not told(verdict, "not certified")
    assert told(verdict, f"as good as {groups} of equal size; they are tested as groups")


def test_many_groups_in_which_nothing_flips_hold_no_margin_that_the_groups_not_drawn_could_break() -> None:
    unchanged = about([(1.0, 1.0)] * 2000, in_groups(200, 2000))
    assert outcome(unchanged, rule(max_drop=0.02)) == "passed"
    assert outcome(unchanged, rule(max_drop=0.01)) == "inconclusive"
    assert outcome(about([(1.0, 1.0)] * 2000), rule(max_drop=0.01)) == "passed"


def test_items_that_share_no_cluster_are_independent_items() -> None:
    scores: Scores = [(1.0, 1.0)] * 90 + [(1.0, 0.0)] * 4 + [(0.0, 0.0)] * 6
    plain = judged(about(scores))
    for names in ([f"passage {index}" for index in range(100)], [None, *(f"passage {index}" for index in range(99))]):
        assert judged(about(scores, names)) == plain
    twins = [f"passage {index // 2}" for index in range(100)]
    assert told(judged(about(scores, twins)), "as good as 50 of equal size")


def test_an_item_without_a_cluster_is_a_group_of_its_own() -> None:
    names = [None if index < 90 else "passage" for index in range(100)]
    verdict = judged(about(UNCHANGED[:100], names))
    assert told(verdict, f"as good as {100**2 / (90 + 10**2):.0f} of equal size")


def test_a_cluster_named_as_an_item_does_not_swallow_it() -> None:
    evidence = about(UNCHANGED[:60], [None] * 30 + ["s0"] * 30)
    assert told(judged(evidence), f"as good as {60**2 / (30 + 30**2):.0f} of equal size")


PARTS = [f"subject {index % 10}" for index in range(1000)]
HELD: Scores = [(1.0, 1.0)] * 700 + [(0.0, 0.0)] * 300
ONE_FELL: Scores = [
    (1.0, 0.0) if part == "subject 3" and index % 2 else both
    for index, (part, both) in enumerate(zip(PARTS, HELD, strict=True))
]
SCREEN = "fell by more than 5 points in"


def test_fixed_parts_change_nothing_in_the_test_and_narrow_the_claim() -> None:
    whole, parts = judged(about(HELD)), judged(about(HELD, strata=PARTS))
    assert parts.rulings == whole.rulings
    assert told(parts, "mmlu acc: the claim is about these 10 parts in this mix, not about new ones")
    assert not told(whole, "parts")
    assert not told(parts, SCREEN)


def test_a_part_that_fell_is_named_though_the_whole_passes() -> None:
    verdict = judged(about(ONE_FELL, strata=PARTS))
    assert verdict.outcome == "passed"
    assert told(verdict, SCREEN) == [f"mmlu acc: {SCREEN} subject 3 (a screen of all parts; exploratory)"]
    assert verdict.rulings == judged(about(ONE_FELL)).rulings, "the screen is no part of the ruling"


def test_a_part_that_fell_is_named_where_lower_is_better() -> None:
    errors: Scores = [(1 - (before or 0.0), 1 - (after or 0.0)) for before, after in ONE_FELL]
    turned = dataclasses.replace(about(errors, strata=PARTS), higher_is_better=False)
    assert told(judged(turned), f"{SCREEN} subject 3 (")


def test_five_points_are_a_share_of_the_metrics_range() -> None:
    wide: Scores = [(10 * (before or 0.0), 10 * (after or 0.0)) for before, after in ONE_FELL]
    evidence = dataclasses.replace(about(wide, strata=PARTS), bounds=(0.0, 10.0))
    assert told(judged(evidence, rule(max_drop=2.0)), f"{SCREEN} subject 3 (")


def test_at_most_five_parts_are_named_and_the_others_counted() -> None:
    broken: Scores = [(1.0, 0.0)] * 1000
    [caveat] = told(judged(about(broken, strata=PARTS)), SCREEN)
    assert "subject 0, subject 1, subject 2, subject 3, subject 4 and 5 more (" in caveat


def test_the_screen_names_a_part_that_fell_by_five_points_and_no_more_in_few_of_all_cases() -> None:
    rng, named = np.random.default_rng(3), 0
    for _ in range(100):
        scores: Scores = [(1.0, float(kept)) for kept in rng.random(1000) >= 0.05]
        named += bool(told(judged(about(scores, strata=PARTS)), SCREEN))
    assert named <= 10


def test_missing_scores_name_no_part() -> None:
    missing: Scores = [(1.0, None) if part == "subject 3" else (1.0, 1.0) for part in PARTS]
    assert not told(judged(about(missing, strata=PARTS)), SCREEN)


@pytest.mark.parametrize("strata", [None, ["the only one"] * 1000])
def test_without_several_parts_there_is_no_screen(strata: Names | None) -> None:
    assert not told(judged(about([(1.0, 0.0)] * 1000, strata=strata)), SCREEN)


def test_a_rule_about_one_run_screens_nothing() -> None:
    assert not told(judged(about(ONE_FELL, strata=PARTS), rule(at_least=0.1)), SCREEN)


def test_groups_inside_parts_are_tested_as_groups() -> None:
    verdict = judged(about(HELD, [f"passage {index // 4}" for index in range(1000)], PARTS))
    assert told(verdict, "as good as 250 of equal size; they are tested as groups")
    assert not told(verdict, "the claim is about these")
