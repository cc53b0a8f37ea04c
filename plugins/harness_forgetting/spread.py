"""A limit on the whole, spread evenly over its parts."""

from __future__ import annotations

from collections.abc import Sequence


def shares(sizes: Sequence[int], limit: int | None) -> list[int]:
    """How many items each part gives, dealt out one by one in turn until ``limit`` items are there.

    ``None`` takes everything. ``k * len(sizes)`` takes the first ``k`` of each part, as lm-eval's ``--limit k`` does,
    where every part has as many.
    """
    wanted = sum(sizes) if limit is None else min(limit, sum(sizes))
    taken = [0] * len(sizes)
    while sum(taken) < wanted:
        for part, size in enumerate(sizes):
            if taken[part] < size and sum(taken) < wanted:
                taken[part] += 1
    return taken


def check_limit(limit: int | None) -> None:
    """Raise ``ValueError`` unless at least one item is asked for."""
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; write 1 or more, or leave it out for everything")
