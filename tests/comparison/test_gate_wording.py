"""Reasons and caveats: one sentence in the user's words, with the numbers that decided."""

from __future__ import annotations

import dataclasses

import pytest

from harness.comparison.gate import Evidence, decide
from harness.values import GateRule, Pair, Verdict


def judged(demand: GateRule, *counts: int, metric: str = "acc", higher_is_better: bool = True) -> Verdict:
    """``counts``: kept, broken, fixed, wrong, candidate missing."""
    kinds: tuple[tuple[float, float | None], ...] = ((1, 1), (1, 0), (0, 1), (0, 0), (1, None))
    both = [kind for kind, count in zip(kinds, counts, strict=False) for _ in range(count)]
    if not higher_is_better:
        both = [(1 - baseline, None if candidate is None else 1 - candidate) for baseline, candidate in both]
    found = tuple(Pair(f"s{index}", *each) for index, each in enumerate(both))
    evidence = Evidence(demand.task, metric, demand.against, found, higher_is_better, (0.0, 1.0))
    return decide([demand], lambda _: evidence)


def gain(least: float) -> GateRule:
    return GateRule("tickets", "exact_match", min_gain=least, against="prompted")


def drop(most: float, *, relative: bool = False) -> GateRule:
    return GateRule("mmlu", "acc", max_drop=most, relative=relative)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (
            judged(gain(0.1), 10, 0, 180, 10, metric="exact_match"),
            "exact_match rose by 0.90 (0.86 to 0.93) against prompted, and 0.10 was asked for",
        ),
        (
            judged(gain(0.1), 10, 0, 1, 189, metric="exact_match"),
            "exact_match rose by only 0.01 (-0.01 to 0.02) against prompted, and 0.10 was asked for",
        ),
        (
            judged(drop(0.1), 90, 12, 10, 88),
            "acc fell by 0.01 (-0.03 to 0.05) against base, and at most 0.10 may be lost",
        ),
        (
            judged(drop(0.05), 90, 12, 10, 88),
            "the drop is between -0.032 and 0.053; the limit 0.05 lies inside: about 649 items would tell, "
            "200 were asked",
        ),
        (
            judged(drop(0.1, relative=True), 900, 50, 40, 1000),
            "acc fell by 1.1 % (-0.7 % to 2.7 %) of base's score, and at most 10 % may be lost",
        ),
        (
            judged(drop(0.05), 200),
            "no score changed in 200 items, so a drop is at most 0.016, and at most 0.05 may be lost",
        ),
        (
            judged(drop(0.5), 48),
            "no score changed in 48 items, so a drop is at most 0.063, and at most 0.50 may be lost",
        ),
        (
            judged(drop(0.5), 1),
            "no score changed in 1 item, and yet the drop is between -0.98 and 0.98; the limit 0.50 lies inside: about "
            "5 items would tell, 1 was asked",
        ),
        (
            judged(drop(0.1), 190, 2, 10, 188, 4),
            "acc rose by 0.02 (-0.01 to 0.04) against base, and at most 0.10 may be lost; "
            "4 of 394 scores are missing, taken at their worst",
        ),
        (
            judged(drop(0.1), 180, 2, 10, 8, metric="error", higher_is_better=False),
            "error improved by 0.04 (0.01 to 0.08) against base, and at most 0.10 may be lost",
        ),
        (
            judged(GateRule("t", "error", at_most=0.1), 190, 2, 5, 8, metric="error", higher_is_better=False),
            "error is 0.05 (0.03 to 0.08), and at most 0.10 was asked for",
        ),
        (
            judged(GateRule("t", "acc", at_least=0.9), 180, 10, 0, 10),
            "acc is between 0.86 and 0.93; the 0.90 asked for lies inside: 200 items were asked, and the truth may lie "
            "too near for any number of items",
        ),
    ],
)
def test_a_reason_is_one_sentence_with_the_numbers_that_decided(verdict: Verdict, reason: str) -> None:
    assert verdict.rulings[0].reason == reason


def test_an_end_never_looks_as_if_it_were_the_limit() -> None:
    reason = judged(drop(0.0225), 137).rulings[0].reason
    assert "the drop is between -0.02252 and 0.02252; the limit 0.0225 lies inside" in reason


def test_a_wide_margin_is_owned_up_to_with_the_items_that_five_points_need() -> None:
    assert judged(drop(0.1), 90, 12, 10, 88).caveats[1:] == (
        "mmlu acc: a limit of 0.10 is wide; 200 items cannot honestly hold 5 points, about 425 would at the observed "
        "flip rate of 11 %",
    )
    assert "2,000 items could hold 5 points" in judged(drop(0.1), 1000, 100, 100, 800).caveats[1]
    assert "of base's score" in judged(drop(0.1, relative=True), 90, 12, 10, 88).caveats[1]
    assert len(judged(drop(0.05), 90, 12, 10, 88).caveats) == 1


def test_the_first_caveat_says_which_error_is_controlled_and_which_is_not() -> None:
    line = judged(drop(0.05), 200).caveats[0]
    assert line.startswith("held at 5 %: the chance to pass although a critical gate is truly missed")
    assert "Holm" in line
    assert "not held:" in line
    assert "\n" not in line


def test_the_verdict_names_the_rules_that_decided_it() -> None:
    assert judged(drop(0.05), 200).reason == "every critical gate passed and no supporting gate failed"
    assert judged(drop(0.05), 50, 150).reason == "1 of 1 gates failed: mmlu acc drops at most 0.05 against base"
    assert judged(drop(0.05), 5).reason == "1 of 1 gates could not be decided: mmlu acc drops at most 0.05 against base"
    assert decide([], lambda _: pytest.fail("nothing to look up")).reason == "no gate was asked for"


@pytest.mark.parametrize(
    ("group", "caveat"),
    [
        (
            "cluster",
            "mmlu acc: its items come in groups, as good as 4 of equal size: not certified below 200, since a few "
            "broken groups may not have been drawn",
        ),
        ("stratum", "mmlu acc: the claim is about these 4 parts in this mix, not about new ones"),
    ],
)
def test_items_in_groups_get_a_word_on_what_the_claim_covers(group: str, caveat: str) -> None:
    plain = [Pair(f"s{index}", 1.0, 1.0) for index in range(200)]
    grouped = tuple(_in_group(pair, group, f"g{index % 4}") for index, pair in enumerate(plain))
    evidence = Evidence("mmlu", "acc", "base", grouped, higher_is_better=True, bounds=(0.0, 1.0))
    assert decide([drop(0.05)], lambda _: evidence).caveats[1:] == (caveat,)


def _in_group(pair: Pair, group: str, name: str) -> Pair:
    return dataclasses.replace(pair, cluster=name) if group == "cluster" else dataclasses.replace(pair, stratum=name)


def test_one_rule_is_not_called_rules() -> None:
    assert "(Holm, 1 rule);" in judged(drop(0.05), 200).caveats[0]
