"""How far raters agree beyond chance: Cohen's kappa with a bound that is sure, Krippendorff's alpha for many raters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import krippendorff
import numpy as np

from harness.comparison.statistics import Array, bound
from harness.values import Preference

Level = Literal["nominal", "ordinal", "interval"]
"""What two different values say: that they differ, which is more, or by how much."""

_ROUNDING = 1e-9
"""A difference of two grades that is no preference."""


def preference(difference: float) -> Preference:
    """The class of a candidate's difference to the baseline: by its sign."""
    if abs(difference) <= _ROUNDING:
        return "tie"
    return "candidate" if difference > 0 else "baseline"


def kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Cohen's kappa of two raters' classes of the same samples (Cohen 1960): 1 is agreement, 0 is what chance gives.

    ``None`` without samples, and where both chose one and the same class throughout: then chance agrees as well.
    """
    differ, by_chance = _disagreement(first, second)
    return 1 - float(differ.mean()) / by_chance if by_chance > 0 else None


def kappa_lower(first: Sequence[str], second: Sequence[str], alpha: float = 0.05) -> float | None:
    """What kappa surely reaches, at level 1 - ``alpha``; ``None`` where there is no kappa.

    The rate of disagreement has its upper bound by the test of the gates (``statistics.bound``), while the rate that
    chance would give stays as observed. Between 0.4 and 0.95 it is too high in at most 5.1 % of our simulations at
    5 %, from 50 labels on; bounds by the jackknife were in up to 40 %.
    """
    differ, by_chance = _disagreement(first, second)
    return 1 - bound(differ, alpha, -1, (0.0, 1.0)) / by_chance if by_chance > 0 else None


def krippendorff_alpha(ratings: Sequence[Sequence[float | None]], level: Level = "nominal") -> float | None:
    """How far any number of raters agree: a row each, with a value or ``None`` for every sample (Krippendorff 1970).

    Only samples that two raters rated tell anything. ``None`` without such samples, and where all their values are
    alike. Raises ``ValueError`` for rows of different lengths.
    """
    if len({len(row) for row in ratings}) > 1:
        raise ValueError("every rater has a value, or None, for every sample")
    if len(ratings) < 2:
        return None
    rows = [[math.nan if value is None else float(value) for value in row] for row in ratings]
    table: Array = np.array(rows, dtype=np.float64)
    known = ~np.isnan(table)
    paired = known.sum(axis=0) >= 2
    if len(np.unique(table[:, paired][known[:, paired]])) < 2:
        return None
    return float(krippendorff.alpha(table[:, paired], level_of_measurement=level))


def _disagreement(first: Sequence[str], second: Sequence[str]) -> tuple[Array, float]:
    """Where the two differ, as ones, and the share of differences if each drew its classes blindly."""
    differ = np.array([one != other for one, other in zip(first, second, strict=True)], dtype=np.float64)
    if not len(differ):
        return differ, 0.0
    counts, others = Counter(first), Counter(second)
    together = sum(count * others[name] for name, count in counts.items())
    return differ, (len(first) * len(second) - together) / len(first) ** 2
