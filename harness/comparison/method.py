"""Which test a question is put to; chosen once, so that p-values and bounds always agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.comparison.clusters import Design, design
from harness.comparison.sequential import bet_bound, bet_p_value
from harness.comparison.statistics import Array, Bounds, Side, bound, p_value, t_bound, t_p_value


@dataclass(frozen=True, slots=True)
class Method:
    """The test of a mean of values that lie in ``bounds``; Student's paired t, not certified, where there are none."""

    bounds: Bounds | None
    clusters: npt.NDArray[np.str_] | None = None
    """One name a value where items come in samples of groups, as questions on one passage."""
    whole: int | None = None
    """The number of items of the shuffled whole that the claim is about; ``None`` where it is about new items."""

    def p_value(self, values: Array, null: float, side: Side) -> float:
        """Small is evidence that the mean lies above (``side=+1``) or below (``-1``) ``null``."""
        if self.bounds is None:
            return t_p_value(values, null, side)
        if self.whole is not None:
            return bet_p_value(values, self.whole, null, side, self.bounds)
        return p_value(values, null, side, self.bounds, self._design(values))

    def bound(self, values: Array, alpha: float, side: Side) -> float:
        """The lower (``side=+1``) or upper bound of the mean at level 1 - alpha."""
        if self.bounds is None:
            return t_bound(values, alpha, side)
        if self.whole is not None:
            return bet_bound(values, self.whole, alpha, side, self.bounds)
        return bound(values, alpha, side, self.bounds, self._design(values))

    def _design(self, values: Array) -> Design | None:
        return None if self.clusters is None else design(values, self.clusters)
