"""General examples among a team's own, against forgetting."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from harness.data.formats import Row
from harness.errors import UsageError


def mixed(own: Sequence[Row], general: Sequence[Row], ratio: float, *, seed: int, path: Path) -> tuple[Row, ...]:
    """All of ``own`` and so many of ``general``, drawn at random, that these are the share ``ratio`` of the whole.

    In a random order, repeatable by the seed. Raises ``UsageError`` where ``general`` holds too few: repeating rows
    would teach them by heart.
    """
    wanted = max(1, round(len(own) * ratio / (1 - ratio)))
    if wanted > len(general):
        possible = len(general) / (len(general) + len(own))
        raise UsageError(
            f"{len(general):,} general rows are too few: {ratio:.0%} beside {len(own):,} of your own is {wanted:,}",
            path=path,
            remedy=f"add rows, or write a ratio of at most {int(possible * 1000) / 1000:g}",
        )
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    rows = [*own, *draw.sample(list(general), wanted)]
    draw.shuffle(rows)
    return tuple(rows)
