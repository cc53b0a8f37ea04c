"""Each item's share in a value that is reckoned from sums over all items, as corpus BLEU or macro F1.

Such a value is no mean of scores, and yet it varies with the items drawn. The jackknife turns it into one: with each
item left out in turn, what the value loses is that item's share. Sources: Quenouille 1956, Tukey 1958; Miller 1974.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from harness.comparison.statistics import Array

Whole = Callable[[Sequence[float]], float]
"""The value from the sums of the items' parts."""


def shares(parts: Sequence[Sequence[float]], whole: Whole) -> Array:
    """One number an item: their mean is the value of the whole, their spread that of the value with other items.

    ``parts`` has a row an item, all of one length. Equal rows are reckoned once. Raises ``ValueError`` where the value
    is no number, with all items or with one left out.
    """
    table = np.asarray(parts, dtype=np.float64)
    sums, items = table.sum(axis=0), len(table)
    value = _number(whole, sums)
    if items == 1:
        return np.array([value])
    rows, places = np.unique(table, axis=0, return_inverse=True)
    without = np.array([_number(whole, sums - row) for row in rows])[places.reshape(-1)]
    shared: Array = value + (items - 1) * (without.mean() - without)
    return shared


def _number(whole: Whole, sums: Array) -> float:
    value = float(whole(sums.tolist()))
    if not np.isfinite(value):
        raise ValueError(f"the metric reckons {value} from its sums")
    return value
