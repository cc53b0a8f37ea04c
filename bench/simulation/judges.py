"""Judges of known faults held to people: how often a bound of people's rate, or of the agreement, is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness.comparison.agreement import kappa_lower
from harness.comparison.calibration import BOUNDS, Corrected
from harness.comparison.statistics import Array, Side, bound
from simulation.found import Found

PAIRS = 1000
"""Pairs that the judge is shown."""
TILT = 0.1
"""The share of pairs on which a tilted judge says *candidate* whatever it has seen."""
ALPHA = 0.05

_CLASSES = np.array([-1.0, 0.0, 1.0])
_NAMES = np.array(["baseline", "tie", "candidate"])
_SIDES: tuple[Side, Side] = (1, -1)


@dataclass(frozen=True, slots=True)
class People:
    """How often people find the baseline's answer better, neither, and the candidate's."""

    name: str
    rates: tuple[float, float, float]

    @property
    def mean(self) -> float:
        return self.rates[2] - self.rates[0]


EVEN = People("even", (0.35, 0.3, 0.35))
VERDICTS = (EVEN, People("candidate better", (0.2, 0.2, 0.6)), People("mostly ties", (0.06, 0.9, 0.04)))
HARDLY_ANY = tuple(People(f"{100 * lost:g} % lost, no other", (lost, 1 - lost, 0.0)) for lost in (0.03, 0.05, 0.1))
"""Where few labels are apt to show none of what is lost."""


@dataclass(frozen=True)
class Judge:
    """One that sees what people see on a share of the pairs and guesses on the others, and may be tilted."""

    name: str
    sees: float
    tilt: float = 0.0

    @cached_property
    def says(self) -> Array:
        """The chances of its three words, a row for each of people's."""
        seen = self.sees * np.eye(3) + (1 - self.sees) / 3
        return (1 - self.tilt) * seen + self.tilt * np.array([0.0, 0.0, 1.0])


JUDGES = tuple(
    Judge(name + (", tilted" if tilt else ""), sees, tilt)
    for name, sees in (("poor", 0.2), ("fair", 0.5), ("good", 0.8), ("near perfect", 0.98))
    for tilt in (0.0, TILT)
)


def corrected(
    people: People, judge: Judge, labels: int, runs: int, rng: np.random.Generator, pairs: int = PAIRS
) -> Iterator[Found]:
    """How often each bound of people's corrected rate is on the wrong side of their true one."""
    wrong = dict.fromkeys(_SIDES, 0)
    for _ in range(runs):
        theirs, its = _drawn(people, judge, pairs, rng)
        found = Corrected.of(theirs[:labels], its[:labels], its)
        for side in _SIDES:
            # The bound is beyond the truth exactly where the test of the truth rejects, and that takes no search.
            wrong[side] += found.p_value(people.mean, side) <= ALPHA
    where = f"{judge.name}, {people.name}, {labels} labels of {pairs}"
    yield from (Found(wrong[side] / runs, f"{'low' if side > 0 else 'high'}, {where}") for side in _SIDES)


def raw(people: People, judge: Judge, runs: int, rng: np.random.Generator) -> Found:
    """How often the lower bound of the judge's own rate is above people's true one."""
    bounds = (bound(_drawn(people, judge, PAIRS, rng)[1], ALPHA, 1, BOUNDS) for _ in range(runs))
    return Found(sum(low > people.mean for low in bounds) / runs, f"{judge.name}, {people.name}")


def gained(people: People, judge: Judge, labels: int, runs: int, rng: np.random.Generator) -> float:
    """The share of the labels' variance that the judge's help takes away."""
    drawn = [_drawn(people, judge, PAIRS, rng) for _ in range(runs)]
    helped = [Corrected.of(theirs[:labels], its[:labels], its).estimate for theirs, its in drawn]
    return float(1 - np.var(helped) / np.var([theirs[:labels].mean() for theirs, _ in drawn]))


def agreement(people: People, judge: Judge, labels: int, runs: int, rng: np.random.Generator) -> Found:
    """How often the lower bound of kappa is above the true one."""
    truth, wrong = true_kappa(people, judge), 0
    for _ in range(runs):
        theirs, its = _drawn(people, judge, labels, rng)
        low = kappa_lower(_named(theirs), _named(its), ALPHA)
        wrong += low is not None and low > truth
    return Found(wrong / runs, f"kappa {truth:.2f}, {judge.name}, {people.name}, {labels} labels")


def true_kappa(people: People, judge: Judge) -> float:
    """Cohen's, of all pairs that there could be."""
    together = np.array(people.rates)[:, None] * judge.says
    by_chance = float((together.sum(axis=1) * together.sum(axis=0)).sum())
    return (float(np.trace(together)) - by_chance) / (1 - by_chance)


def _drawn(people: People, judge: Judge, pairs: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """People's and the judge's preferences on so many pairs."""
    theirs = rng.choice(3, pairs, p=people.rates)
    its = (rng.random(pairs)[:, None] > judge.says[theirs].cumsum(axis=1)).sum(axis=1).clip(max=2)
    return _CLASSES[theirs], _CLASSES[its]


def _named(preferences: Array) -> list[str]:
    named: npt.NDArray[np.str_] = _NAMES[preferences.astype(int) + 1]
    return list(named)
