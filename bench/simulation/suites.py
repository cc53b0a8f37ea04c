"""Whole suites through the gate: ten rules against forgetting and one that asks for a gain; and missing scores."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.comparison.gate import Evidence, decide
from harness.comparison.statistics import Side, holm, p_value
from harness.values import GateRule, Pair
from simulation.flips import BOUNDS, Counts, Rates, table

ITEMS = 2000
MARGIN = 0.0225
ALPHA = 0.05
FORGETTING = 10

GOOD, AT_MARGIN, DROP_5 = Rates.of(0.0, 0.06), Rates.of(-MARGIN, 0.06), Rates.of(-0.05, 0.06)
GAIN, NO_GAIN = Rates.of(0.04, 0.1), Rates.of(0.0, 0.1)
ALL_GOOD = (GOOD,) * FORGETTING + (GAIN,)

RULES = tuple(
    GateRule(f"task {n}", "acc", max_drop=MARGIN, alpha=ALPHA) if n < FORGETTING
    else GateRule(f"task {n}", "acc", min_gain=0.0, alpha=ALPHA)
    for n in range(FORGETTING + 1)
)  # fmt: skip

_LOST, _GAINED, _KEPT, _UNANSWERED, _UNASKED = (
    tuple(Pair(f"{kind} {n}", *scores) for n in range(ITEMS))
    for kind, scores in (
        ("lost", (1.0, 0.0)),
        ("gained", (0.0, 1.0)),
        ("kept", (1.0, 1.0)),
        ("unanswered", (1.0, None)),
        ("unasked", (None, 0.0)),
    )
)


@dataclass(frozen=True, slots=True)
class Shipped:
    """What became of many suites."""

    ships: float
    wrongly_failed: float
    """Suites where a rule that is truly met was called failed."""


def simulated(truth: Sequence[Rates], runs: int, rng: np.random.Generator) -> Shipped:
    """Suites by the p-values of their tables: what the gate does, without its words."""
    tables = draw(truth, runs, rng)
    passed, failed = ruled(tables)
    met = [each.gains - each.losses >= _null(rule) - 1e-12 for rule, each in zip(RULES, truth, strict=True)]
    return Shipped(float(passed.all(axis=1).mean()), float((failed & np.array(met)).any(axis=1).mean()))


def draw(truth: Sequence[Rates], runs: int, rng: np.random.Generator) -> Counts:
    """Losses and gains of each rule of each suite: (runs, rules, 2)."""
    return np.stack([rng.multinomial(ITEMS, each.cells, runs)[:, :2] for each in truth], axis=1)


def ruled(tables: Counts) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which rules of which suites passed, and which failed."""
    p_passed, p_failed = (
        np.stack([_p_values(tables[:, n], _null(rule), side) for n, rule in enumerate(RULES)], axis=1)
        for side in _SIDES
    )
    passed = p_passed <= ALPHA
    fallen = np.array([holm(row, ALPHA) for row in p_failed.tolist()])
    return passed, fallen & ~passed


def by_gate(tables: Counts) -> tuple[str, list[str]]:
    """The verdict on one suite and its rulings' outcomes, by the gate itself on real pairs."""
    evidence = {rule.task: _evidence(rule, *flips) for rule, flips in zip(RULES, tables.tolist(), strict=True)}
    verdict = decide(RULES, lambda rule: evidence[rule.task])
    return verdict.outcome, [ruling.outcome for ruling in verdict.rulings]


def disagreements(tables: Counts) -> int:
    """How many rulings and verdicts of the gate differ from those told by p-values alone."""
    passed, failed = ruled(tables)
    return sum(_differs(*each) for each in zip(tables, passed, failed, strict=True))


def passes_with_missing(share: float, runs: int, rng: np.random.Generator) -> tuple[float, float]:
    """How often a candidate just at the margin passes if scores are missing where it would have lost.

    By the gate, which takes them at their worst, and by a test of the complete pairs alone.
    """
    tables, times = np.unique(rng.multinomial(ITEMS, AT_MARGIN.cells, runs)[:, :2], axis=0, return_counts=True)
    missing = [min(round(share * ITEMS), losses) for losses in tables[:, 0].tolist()]
    gate = [_passes(*flips, gone) for flips, gone in zip(tables.tolist(), missing, strict=True)]
    alone = [
        p_value(table(losses - gone, gains, ITEMS - gone), -MARGIN, 1, BOUNDS) <= ALPHA
        for (losses, gains), gone in zip(tables.tolist(), missing, strict=True)
    ]
    return float((times * np.array(gate)).sum() / runs), float((times * np.array(alone)).sum() / runs)


_SIDES: tuple[Side, Side] = (1, -1)


def _differs(tables: Counts, passed: npt.NDArray[np.bool_], failed: npt.NDArray[np.bool_]) -> int:
    verdict, outcomes = by_gate(tables)
    names = np.where(passed, "passed", np.where(failed, "failed", "inconclusive")).tolist()
    whole = "failed" if failed.any() else "passed" if passed.all() else "inconclusive"
    return sum(a != b for a, b in itertools.zip_longest([verdict, *outcomes], [whole, *names]))


def _p_values(flips: Counts, null: float, side: Side) -> npt.NDArray[np.float64]:
    distinct, where = np.unique(flips, axis=0, return_inverse=True)
    return np.array([_p_value(*each, null, side) for each in distinct.tolist()])[where]


@functools.cache
def _p_value(losses: int, gains: int, null: float, side: Side) -> float:
    return p_value(table(losses, gains, ITEMS), null, side, BOUNDS)


def _null(rule: GateRule) -> float:
    return rule.min_gain if rule.min_gain is not None else -(rule.max_drop or 0.0)


def _passes(losses: int, gains: int, missing: int) -> bool:
    rule = RULES[0]
    return decide([rule], lambda _: _evidence(rule, losses, gains, missing)).outcome == "passed"


def _evidence(rule: GateRule, losses: int, gains: int, missing: int = 0) -> Evidence:
    """Pairs with these flips; of the losses so many miss a score, by turns the candidate's and the baseline's."""
    unanswered = (missing + 1) // 2
    pairs = _UNANSWERED[:unanswered] + _UNASKED[: missing - unanswered] + _LOST[: losses - missing] + _GAINED[:gains]
    return Evidence(
        rule.task, "acc", rule.against, pairs + _KEPT[: ITEMS - len(pairs)], higher_is_better=True, bounds=(0.0, 1.0)
    )
