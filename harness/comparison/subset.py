"""Whether some of the items can be a random draw of all, as far as a judge's own values of them show it."""

from __future__ import annotations

import numpy as np

from harness.comparison.statistics import Values

_DRAWS = 20_000
_SEED = 20_260_314
_STEP = 100
"""Values are rounded to so many parts of 1, so that few are distinct; the test is sound for any function of an item."""


def chance_of_draw(chosen: Values, others: Values) -> float:
    """How often the mean of a random draw of so many items is as far from that of all as the mean of ``chosen`` is.

    A permutation test, two-sided: ``chosen`` and ``others`` are put together, and as many as were chosen are drawn
    again 20,000 times (the counts of a draw by value are multivariate hypergeometric). Without replacement and by the
    items themselves it needs no assumption on how the values are distributed. It is at least 1 in 20,001, and 1 where
    nothing was chosen or nothing was left.
    """
    first, second = (
        np.rint(_STEP * np.asarray(values, dtype=np.float64)).astype(np.int64) for values in (chosen, others)
    )
    if not len(first) or not len(second):
        return 1.0
    values, counts = np.unique(np.concatenate([first, second]), return_counts=True)
    expected = len(first) * float(np.concatenate([first, second]).mean())
    random = np.random.default_rng(_SEED)
    drawn = random.multivariate_hypergeometric(counts, len(first), size=_DRAWS, method="marginals") @ values
    as_far = np.abs(drawn - expected) >= abs(float(first.sum()) - expected) - 1e-9 * _STEP * len(first)
    return float((1 + as_far.sum()) / (1 + _DRAWS))
