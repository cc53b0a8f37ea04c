"""Whether the gate's statistics keep what they promise: levels, power and items, exact where tables can be counted.

Prints one JSON object a line. Everything goes through the functions that the gate uses, on one core, from one seed.
The name is not ``statistics``: the folder is on the path of every bench here, and would hide Python's own module.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy comes in: the figures are for one core

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from figures import say
from simulation import exact, grouped, judges, sampled, stopping, suites
from simulation.flips import BOUNDS, Rates
from simulation.found import Found, lowest, worst

from harness.comparison.power import items_needed
from harness.comparison.statistics import bound, p_value

MARGIN = 0.0225


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done: the whole, or what fits into a minute."""

    quick: bool
    rng: np.random.Generator

    def runs(self, whole: int) -> int:
        return whole // 10 if self.quick else whole

    def sizes(self, *whole: int) -> tuple[int, ...]:
        """The numbers of items, without the largest ones where time is short."""
        return tuple(each for each in whole if each <= 1000) if self.quick else whole

    def at_most(self, what: str, cells: Iterable[Found], limit: float, runs: int | None = None) -> None:
        """Say the highest share; with ``runs`` it is an estimate, and its limit is for the whole effort."""
        found, limit = worst(cells), limit + self._room(limit, runs)
        _say(what, found, limit, found.share <= limit, runs)

    def at_least(self, what: str, cells: Iterable[Found], limit: float, runs: int | None = None) -> None:
        found, limit = lowest(cells), limit - self._room(limit, runs)
        _say(what, found, limit, found.share >= limit, runs)

    def _room(self, limit: float, runs: int | None) -> float:
        """Three standard errors where fewer runs are made than the limit was set for."""
        return 3 * math.sqrt(limit * (1 - limit) / runs) if self.quick and runs else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less than a minute: fewer runs, smaller benchmarks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=TOPICS, help="one topic")
    options = parser.parse_args()
    for name, topic in TOPICS.items():
        if options.only in (None, name):
            topic(Effort(options.quick, np.random.default_rng([options.seed, *name.encode()])))


def flips(effort: Effort) -> None:
    sizes = effort.sizes(20, 30, 50, 100, 200, 500, 1000, 2000)
    nulls = exact.NULLS[::3] if effort.quick else exact.NULLS
    for alpha in (0.05, 0.025):
        found = _over(sizes, partial(exact.grid, alpha=alpha, nulls=nulls))
        effort.at_most(f"right or wrong: level at {alpha:.1%}", found, alpha)
    steps = 10 if effort.quick else 200
    for alpha in (0.05, 0.025, 0.01):
        found = _over((50, 100, 200), partial(exact.fine, alpha=alpha, steps=steps))
        effort.at_most(f"right or wrong: fine search from n = 50, level at {alpha:.1%}", found, alpha)
    effort.at_most("right or wrong: fine search at n = 30, level at 5.0%", exact.fine(30, 0.05, steps), 0.052)
    for alpha in (0.05, 0.025, 0.01, 0.001):
        found = _over(sizes[::3] if effort.quick else sizes, partial(exact.tiny, alpha=alpha))
        effort.at_most(f"right or wrong: hardly a flip expected, level at {alpha:.1%}", found, alpha)


def zero_flips(_: Effort) -> None:
    for margin, items in ((0.01, 311), (0.0225, 138), (0.05, 61), (0.1, 30)):
        first = exact.first_without_flips(margin)
        say(f"no flips: margin {margin:g} passes from", first, items, "items", first == items)


def power(effort: Effort) -> None:
    for discordance, least in ((0.02, 0.995), (0.1, 0.7)):
        chance = exact.power(1000, MARGIN, discordance)
        effort.at_least(f"power: margin 0.0225, n 1000, flips {discordance:g}", [Found(chance, "")], least)
    needed = items_needed(MARGIN, 0.1)
    say("power: items for margin 0.0225, flips 0.1", needed, 1773, "items", needed == 1773)
    effort.at_least("power: at the items of the plan, every cell", exact.planned(2000 if effort.quick else 20_000), 0.9)


def relative(effort: Effort) -> None:
    runs = effort.runs(20_000)
    found = _over(effort.sizes(50, 200, 1000, 5700), partial(sampled.relative, runs=runs, rng=effort.rng))
    effort.at_most("relative margin 5 %: level", found, 0.055, runs)


def bounded(effort: Effort) -> None:
    runs = effort.runs(4000)
    found = _over(effort.sizes(50, 100, 200, 1000), partial(sampled.bounded, runs=runs, rng=effort.rng))
    effort.at_most("bounded scores, seven kinds: level", found, 0.06, runs)


def clustered(effort: Effort) -> None:
    runs, more = effort.runs(4000), effort.runs(40_000)
    shapes = grouped.EQUAL[:1] if effort.quick else grouped.EQUAL
    for family in grouped.FAMILIES:
        found = [cell for sizes in shapes for cell in grouped.clustered(family, sizes, runs, effort.rng)]
        effort.at_most(f"clusters, equal, {family.name}: level", found, 0.065, runs)
        unequal = grouped.clustered(family, grouped.UNEQUAL, more, effort.rng)
        effort.at_most(f"clusters, unequal, {family.name}: level", unequal, 0.065, more)
    strata = [cell for _ in range(4) for a in (0.0, 0.02, 0.1) for cell in grouped.strata(a, 5 * runs, effort.rng)]
    effort.at_most("fixed strata, plain test: level", strata, 0.06, 5 * runs)
    for family in grouped.FAMILIES:
        few = worst(grouped.clustered(family, grouped.SUBJECTS, runs // 2, effort.rng))
        say(f"known limit: 57 clusters, {family.name}", few.percent, None, "%", None, where=few.where, runs=runs // 2)


def looks(effort: Effort) -> None:
    runs = effort.runs(40_000)
    cells = [
        cell
        for total in effort.sizes(200, 1000, 5700, 14_042)
        for null in (-0.05, -MARGIN, -0.01, 0.02)
        for cell in stopping.at_boundary(total, null, runs, effort.rng)
    ]
    for verdict in ("passed", "failed"):
        effort.at_most(f"early stop: wrongly {verdict}", [c for c in cells if c.where.startswith(verdict)], 0.054, runs)
    limits = {1000: (0.29, 0.53, 0.25), 5700: (0.06, 0.12, 0.052), 14_042: (0.03, 0.052, 0.023)}
    for total in effort.sizes(*limits):
        _items_used(total, limits[total], effort)


def _items_used(total: int, limits: tuple[float, float, float], effort: Effort) -> None:
    runs, kinds = effort.runs(20_000), ((0.0, 0.0), (0.0, 0.02), (-0.1, 0.15))
    for (mean, discordance), limit in zip(kinds, limits, strict=True):
        seen = stopping.watched(total, -MARGIN, Rates.of(mean, discordance), runs, effort.rng)
        what = f"N {total}, change {mean:g}, flips {discordance:g}"
        effort.at_most(f"early stop: items used, {what}", [Found(seen.used, f"mean of {runs:,} runs")], limit)
        wrong = seen.passed if mean < 0 else seen.failed
        effort.at_most(f"early stop: wrong verdict, {what}", [Found(wrong, "")], 0.001, runs)
    lost = []
    for discordance in (0.02, 0.05, 0.1):
        seen = stopping.watched(total, -MARGIN, Rates.of(0.0, discordance), runs, effort.rng)
        lost.append(Found(seen.would_pass - seen.passed, f"flips {discordance:g}, whole run {seen.would_pass:.1%}"))
    effort.at_most(f"early stop: power lost, N {total}", lost, 0.03, runs)


def bets(effort: Effort) -> None:
    runs = effort.runs(4000)
    found = [
        cell
        for total in effort.sizes(200, 1000, 5700)
        for discordance in (0.0, 0.1)
        for cell in stopping.bets(total, discordance, runs, effort.rng)
    ]
    effort.at_most("bet on a shuffled whole: wrong verdict", found, 0.05, runs)
    for total, limit in ((1000, 0.21), (5700, 0.045), (14_042, 0.02)):
        used = stopping.items_without_flips(total)
        effort.at_most(
            f"bet on a shuffled whole: items used without flips, N {total}", [Found(used / total, "")], limit
        )


def suite(effort: Effort) -> None:
    runs, good, edge = effort.runs(20_000), suites.ALL_GOOD, suites.AT_MARGIN
    effort.at_least("suite: ships when all is good", [_ships(good, runs, effort)], 0.9, runs)
    one = [_ships((edge, *good[1:]), runs, effort), _ships((*good[:-1], suites.NO_GAIN), runs, effort)]
    effort.at_most("suite: ships with one rule at its margin", one, 0.055, runs)
    wrong = [
        Found(suites.simulated(truth, runs, effort.rng).wrongly_failed, name)
        for name, truth in (
            ("all at their margin", (edge,) * 10 + (suites.NO_GAIN,)),
            ("one drops by 5 points, nine at their margin", (suites.DROP_5,) + (edge,) * 9 + (suites.NO_GAIN,)),
        )
    ]
    effort.at_most("suite: a rule wrongly failed", wrong, 0.055, runs)
    few = 4 if effort.quick else 40
    mixed = (suites.DROP_5, edge, edge, *good[3:-1], suites.NO_GAIN)
    tables = np.concatenate([suites.draw(truth, few // 2, effort.rng) for truth in (mixed, good)])
    differ = suites.disagreements(tables)
    say("suite: rulings that the gate on real pairs sees otherwise", differ, 0, f"of {12 * few}", differ == 0)


def missing(effort: Effort) -> None:
    runs = effort.runs(20_000) // (5 if effort.quick else 1)
    gate, alone = suites.passes_with_missing(0.01, runs, effort.rng)
    found = [Found(gate, f"1 % missing where the candidate would lose; the complete pairs alone: {alone:.1%}")]
    effort.at_most("missing scores: passes at the margin", found, 0.055, runs)


def judged(effort: Effort) -> None:
    runs, people = effort.runs(4000), (*judges.VERDICTS, *judges.HARDLY_ANY)
    for labels, pairs in ((100, judges.PAIRS), (200, judges.PAIRS), (100, 120), (100, 100)):
        found = [
            cell
            for seen in people
            for judge in judges.JUDGES
            for cell in judges.corrected(seen, judge, labels, runs, effort.rng, pairs)
        ]
        effort.at_most(f"judge: people's rate by {labels} labels of {pairs:,} pairs", found, 0.065, runs)
    for labels in (100, 200):
        agreed = [judges.agreement(seen, judge, labels, runs // 4, effort.rng) for seen, judge in _every_judge()]
        effort.at_most(f"judge: lower bound of kappa by {labels} labels", agreed, 0.065, runs // 4)
    for judge in judges.JUDGES:
        alone = judges.raw(judges.EVEN, judge, runs // 4, effort.rng)
        where, saved = alone.where, judges.gained(judges.EVEN, judge, 200, runs // 4, effort.rng)
        say("known limit: the judge's own lower bound", alone.percent, None, "%", None, where=where, runs=runs // 4)
        say("judge: variance saved by its help, 200 labels", round(100 * saved, 1), None, "%", None, where=where)


def _every_judge() -> Iterator[tuple[judges.People, judges.Judge]]:
    return ((seen, judge) for seen in judges.VERDICTS for judge in judges.JUDGES)


def speed(effort: Effort) -> None:
    values = effort.rng.uniform(-1, 1, 14_042)
    for what, call, limit, repeats in (
        ("p-value", lambda: p_value(values, -MARGIN, 1, BOUNDS), 20, 21),
        ("bound", lambda: bound(values, 0.05, 1, BOUNDS), 200, 7),
    ):
        median = 1000 * statistics.median(_wall(call) for _ in range(repeats))
        say(f"speed: {what} of 14,042 distinct scores", round(median, 2), limit, "ms", median <= limit)


TOPICS = {
    "flips": flips,
    "zero_flips": zero_flips,
    "power": power,
    "relative": relative,
    "bounded": bounded,
    "clusters": clustered,
    "looks": looks,
    "bets": bets,
    "suite": suite,
    "missing": missing,
    "judges": judged,
    "speed": speed,
}


def _say(what: str, found: Found, limit: float, ok: bool, runs: int | None) -> None:
    explained = {"where": found.where, "runs": runs}
    told = {name: value for name, value in explained.items() if value}
    say(what, found.percent, round(100 * limit, 3), "%", bool(ok), **told)


def _over(sizes: Iterable[int], cells: Callable[[int], Iterator[Found]]) -> Iterator[Found]:
    return (cell for items in sizes for cell in cells(items))


def _ships(truth: tuple[Rates, ...], runs: int, effort: Effort) -> Found:
    odd = [f"rule {n + 1}" for n, each in enumerate(truth) if each != suites.ALL_GOOD[n]]
    return Found(suites.simulated(truth, runs, effort.rng).ships, ", ".join(odd) or "all good")


def _wall(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
