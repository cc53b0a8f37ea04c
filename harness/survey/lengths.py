"""How long rows are, in the model's own tokens, counted in a draw of them."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence

from harness.advice.training.hyperparameters import Lengths, quantile
from harness.rows import Row
from harness.values import Message, Prompt

Count = Callable[[Prompt], int]

MOST = 400
"""Rows that are counted: the 95th percentile of so many is as good as known, and it takes a fraction of a second."""
_LONGEST = 16
"""And those with the most characters besides, for the longest is no matter of a draw."""


def lengths(rows: Sequence[Row], count: Count, *, seed: int) -> Lengths | None:
    """Of conversations or raw texts; ``None`` where there are none."""
    if not rows:
        return None
    drawn = rows if len(rows) <= MOST else random.Random(seed).sample(list(rows), MOST)  # noqa: S311 - no secret
    counted = [(row, count(_whole(row))) for row in drawn]
    sizes = sorted(size for _, size in counted)
    longest = max(count(_whole(row)) for row in heapq.nlargest(_LONGEST, rows, key=_characters))
    # tokens go with characters, so the draw's rows need not be as long as the others
    share = sum(map(_characters, rows)) / max(1, sum(map(_characters, drawn)))
    answers = sum(max(0, size - count(row.prompt)) for row, size in counted if row.text is None)
    return Lengths(
        counted=len(drawn),
        median=quantile(sizes, 0.5),
        p95=quantile(sizes, 0.95),
        p99=quantile(sizes, 0.99),
        longest=max(longest, sizes[-1]),
        total=round(share * sum(sizes)),
        answers=round(share * answers),
    )


def mean(prompts: Sequence[Prompt], count: Count, *, seed: int) -> float | None:
    """The mean length of prompts in tokens; ``None`` where there are none."""
    if not prompts:
        return None
    drawn = prompts if len(prompts) <= MOST else random.Random(seed).sample(list(prompts), MOST)  # noqa: S311
    return sum(map(count, drawn)) / len(drawn)


def tokens(rows: Sequence[Row], count: Count, *, seed: int) -> int | None:
    """Of all rows together, reckoned from a draw of them."""
    each = mean([_whole(row) for row in rows], count, seed=seed)
    return None if each is None else round(each * len(rows))


def _whole(row: Row) -> Prompt:
    return row.text if row.text is not None else tuple(Message(turn.role, turn.content) for turn in row.messages)


def _characters(row: Row) -> int:
    return len(row.text or "") + sum(len(turn.content) for turn in row.messages)
