"""Items that fall together: sampled clusters with their design, and fixed strata with the plain test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.comparison.clusters import design, effective_clusters
from harness.comparison.statistics import Array, p_value
from simulation.flips import BOUNDS, SIDES, Counts, edge
from simulation.found import Found

MARGIN = 0.0225
NOISE = 0.03

EQUAL: tuple[Counts, ...] = (np.full(200, 5), np.full(2000, 5))
UNEQUAL: Counts = np.round(np.geomspace(3, 25, 300)).astype(np.int64)
"""222 effective clusters."""
SUBJECTS: Counts = np.round(np.geomspace(26.6, 874, 57)).astype(np.int64)
"""57 parts of a benchmark as large and as unequal as MMLU's: 30 effective ones."""


@dataclass(frozen=True, slots=True)
class Family:
    """Clusters of one kind: the chances of a loss and of a gain of each cluster's items."""

    name: str
    draw: Callable[[np.random.Generator, int], tuple[Array, Array]]
    mean: float


def broken(share: float) -> Family:
    """A few clusters lose this share of their items, all have noise."""

    def draw(rng: np.random.Generator, clusters: int) -> tuple[Array, Array]:
        noise = np.full(clusters, NOISE / 2)
        return noise + share * (rng.random(clusters) < MARGIN / share), noise

    return Family(f"broken clusters losing {share:g}", draw, -MARGIN)


def logit_normal(spread: float) -> Family:
    """Every cluster has a loss rate and a gain rate of its own."""
    losses, gains = float(special.logit(0.05)), float(special.logit(0.03))

    def draw(rng: np.random.Generator, clusters: int) -> tuple[Array, Array]:
        loss, gain = special.expit(np.array([[losses], [gains]]) + spread * rng.standard_normal((2, clusters)))
        return loss, np.minimum(gain, 1 - loss)

    points, weights = np.polynomial.hermite_e.hermegauss(61)
    means = [float((weights * special.expit(at + spread * points)).sum() / weights.sum()) for at in (losses, gains)]
    return Family(f"logit-normal {spread:g}", draw, means[1] - means[0])


def torn(share: float) -> Family:
    """Some clusters lose this share of their items and fewer gain it: a family that had no part in any choice."""
    fall, rise = 0.0375 / share, 0.015 / share

    def draw(rng: np.random.Generator, clusters: int) -> tuple[Array, Array]:
        kind, noise = rng.random(clusters), np.full(clusters, NOISE / 2)
        return noise + share * (kind < fall), noise + share * (kind >= 1 - rise)

    return Family(f"torn clusters {share:g}", draw, -MARGIN)


FAMILIES = (logit_normal(0.5), logit_normal(1.0), broken(0.1), broken(0.2), broken(0.45), torn(0.15))


def clustered(family: Family, sizes: Counts, runs: int, rng: np.random.Generator, alpha: float = 0.05) -> list[Found]:
    """How often *passed* and *failed* are wrong just at the family's mean."""
    # Numbers instead of names: they sort faster, and ``design`` asks only which are alike.
    labels: npt.NDArray[Any] = np.repeat(np.arange(len(sizes)), sizes)
    points = np.tile([-1.0, 1.0, 0.0], len(sizes))
    errors = {1: 0, -1: 0}
    for _ in range(runs):
        losses, gains = family.draw(rng, len(sizes))
        counts = rng.multinomial(sizes, np.stack([losses, gains, 1 - losses - gains], axis=1))
        values = np.repeat(points, counts.ravel())
        side = SIDES[0] if values.mean() > family.mean else SIDES[1]
        errors[side] += p_value(values, family.mean, side, BOUNDS, design(values, labels)) <= alpha
    where = f"{family.name}, {len(sizes)} clusters, {effective_clusters(labels):.0f} effective"
    return [Found(errors[1] / runs, f"passed, {where}"), Found(errors[-1] / runs, f"failed, {where}")]


def strata(alike: float, runs: int, rng: np.random.Generator, alpha: float = 0.05) -> Iterator[Found]:
    """The plain test on parts that are always the same, each with its own loss rate; the null is their true mean."""
    losses = _rates(rng, 0.06, alike)
    rates = np.stack([losses, np.full(len(SUBJECTS), 0.03), 0.97 - losses], axis=1)
    null = float((SUBJECTS * (rates[:, 1] - losses)).sum() / SUBJECTS.sum())
    totals = rng.multinomial(SUBJECTS, rates, (runs, len(SUBJECTS))).sum(axis=1)
    for side in SIDES:
        rejects = edge(int(SUBJECTS.sum()), null, alpha, side).rejects(totals[:, 0], totals[:, 1])
        verdict = "passed" if side > 0 else "failed"
        yield Found(float(rejects.mean()), f"{verdict}, {len(SUBJECTS)} strata, correlation {alike:g}")


def _rates(rng: np.random.Generator, mean: float, alike: float) -> Array:
    if alike == 0:
        return np.full(len(SUBJECTS), mean)
    scale = 1 / alike - 1
    return np.minimum(rng.beta(mean * scale, (1 - mean) * scale, len(SUBJECTS)), 0.9)
