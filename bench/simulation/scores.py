"""Bounded scores of seven kinds: a whole population of differences each, so that its true mean is known exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from harness.comparison.statistics import Array

PEOPLE = 400_000


def smooth(rng: np.random.Generator, margin: float) -> Array:
    """As ROUGE of long answers: every score moves a little."""
    base = rng.beta(4, 6, PEOPLE)
    return _moved(base, base + rng.normal(-margin, 0.1, PEOPLE))


def mostly_identical(rng: np.random.Generator, margin: float) -> Array:
    """Four of five outputs are the same, the rest moves more."""
    base, moves = rng.beta(4, 6, PEOPLE), rng.random(PEOPLE) < 0.2
    return _moved(base, base + moves * rng.normal(-5 * margin, 0.15, PEOPLE))


def f1_like(rng: np.random.Generator, margin: float) -> Array:
    """Heaps at 0 and 1 with scores between, some of them drawn afresh and some lost."""
    base, fresh = _heaped(rng), _heaped(rng)
    redrawn, lost = rng.random(PEOPLE) < 0.15, rng.random(PEOPLE) < margin / float(base.mean())
    return _moved(base, np.where(redrawn, fresh, base) * ~lost)


def grades(rng: np.random.Generator, margin: float) -> Array:
    """Five grades; one of ten answers moves by one grade or two."""
    base = rng.choice(np.linspace(0, 1, 5), PEOPLE, p=[0.05, 0.15, 0.3, 0.3, 0.2])
    steps = rng.choice([0.25, 0.5], PEOPLE, p=[0.8, 0.2])
    # A step down is 0.3 in the mean, and nothing is taken from the lowest grade.
    down, up = rng.random(PEOPLE) < 0.05 + margin / 0.28, rng.random(PEOPLE) < 0.05
    return _moved(base, base - steps * down + steps * up)


def garbage(rng: np.random.Generator, margin: float) -> Array:
    """As BERTScore: scores close together, and now and then an answer that is none."""
    base, broken = rng.normal(0.88, 0.03, PEOPLE), rng.random(PEOPLE) < margin / 0.58
    return _moved(base, np.where(broken, rng.normal(0.3, 0.05, PEOPLE), base + rng.normal(0, 0.01, PEOPLE)))


def rarely_empty(rng: np.random.Generator, margin: float) -> Array:
    """A few answers are empty, the others move a little."""
    base = rng.beta(8, 4, PEOPLE)
    return _moved(base, _emptied(rng, base, margin) * np.exp(rng.normal(0, 0.02, PEOPLE)))


def rarely_empty_else_equal(rng: np.random.Generator, margin: float) -> Array:
    """A few answers are empty, the others are the same."""
    base = rng.beta(8, 4, PEOPLE)
    return _moved(base, _emptied(rng, base, margin))


GENERATORS: Mapping[str, Callable[[np.random.Generator, float], Array]] = {
    "smooth": smooth,
    "80 % identical": mostly_identical,
    "F1-like": f1_like,
    "grades": grades,
    "garbage": garbage,
    "rarely empty, noise": rarely_empty,
    "rarely empty": rarely_empty_else_equal,
}


def _heaped(rng: np.random.Generator) -> Array:
    kind = rng.random(PEOPLE)
    return np.where(kind < 0.2, 0.0, np.where(kind < 0.6, 1.0, rng.beta(2, 2, PEOPLE)))


def _emptied(rng: np.random.Generator, base: Array, margin: float) -> Array:
    emptied: Array = base * (rng.random(PEOPLE) >= margin / base.mean())
    return emptied


def _moved(base: Array, tuned: Array) -> Array:
    moved: Array = np.clip(tuned, 0, 1) - np.clip(base, 0, 1)
    return moved
