"""Errors of the test on scores of any kind, by simulation just at the null."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from harness.comparison.statistics import Array, Bounds, p_value
from simulation.found import Found
from simulation.scores import GENERATORS

SHARE = 0.05
"""The relative margin: the candidate may lose a twentieth of the baseline's score."""

_RIGHT = (1 - SHARE, 1.0)
_RELATIVE = (-_RIGHT[0], 1.0)


def errors(samples: Iterable[tuple[Array, int]], null: float, bounds: Bounds, alpha: float) -> tuple[float, float]:
    """How often the null is left for *passed* and for *failed*; each sample comes with the number of times it came.

    A mean on the one side of the null is never evidence for the other, so each sample is tested on its own side only.
    """
    passed = failed = runs = 0
    for values, times in samples:
        runs += times
        if values.mean() > null:
            passed += times * (p_value(values, null, 1, bounds) <= alpha)
        else:
            failed += times * (p_value(values, null, -1, bounds) <= alpha)
    return passed / runs, failed / runs


def relative(items: int, runs: int, rng: np.random.Generator, alpha: float = 0.05) -> Iterator[Found]:
    """Right or wrong scores, the candidate just at 95 % of the baseline's score."""
    for base in (0.25, 0.6, 0.95):
        least = SHARE * base
        most = min(0.15, least + 1.6 * (1 - base))  # no more gains than there are wrong answers
        for discordance in (least, (least + most) / 2, most):
            losses, gains = (discordance + SHARE * base) / 2, (discordance - SHARE * base) / 2
            rates = [losses, 1 - base - gains, base - losses, gains]
            points = np.array([-_RIGHT[0], 0.0, SHARE, 1.0])
            counts, times = np.unique(rng.multinomial(items, rates, runs), axis=0, return_counts=True)
            samples = ((np.repeat(points, row), int(often)) for row, often in zip(counts, times, strict=True))
            where = f"base {base:g}, flips {discordance:.4g}, n {items}"
            yield from _both(errors(samples, 0.0, _RELATIVE, alpha), where)


def bounded(items: int, runs: int, rng: np.random.Generator, alpha: float = 0.05) -> Iterator[Found]:
    """Every generator of bounded scores, the null being its true mean."""
    for margin in (0.02, 0.05):
        for name, generate in GENERATORS.items():
            everyone = generate(rng, margin)
            draws = everyone[rng.integers(len(everyone), size=(runs, items))]
            found = errors(((row, 1) for row in draws), float(everyone.mean()), (-1.0, 1.0), alpha)
            yield from _both(found, f"{name}, margin {margin:g}, n {items}")


def _both(found: tuple[float, float], where: str) -> Iterator[Found]:
    for share, verdict in zip(found, ("passed", "failed"), strict=True):
        yield Found(share, f"{verdict}, {where}")
