"""General examples among a team's own, against forgetting: how many, which of them, and in what order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeVar

from harness.errors import UsageError
from harness.rows import Row

T = TypeVar("T")

Interleave = Literal["shuffled", "even", "concatenated"]


def mixed(own: Sequence[Row], general: Sequence[Row], ratio: float, *, seed: int, path: Path) -> tuple[Row, ...]:
    """All of ``own`` and so many of ``general``, drawn at random, that these are the share ``ratio`` of the whole.

    In a random order, repeatable by the seed. Raises ``UsageError`` where ``general`` holds too few: repeating rows
    would teach them by heart.
    """
    wanted = general_rows(len(own), ratio)
    refuse_too_few(len(own), len(general), ratio, path)
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    rows = [*own, *draw.sample(list(general), wanted)]
    draw.shuffle(rows)
    return tuple(rows)


def general_rows(own: int, ratio: float) -> int:
    """How many general rows beside ``own`` are at most the share ``ratio`` of the whole: 2,142 beside 5,000 at 0.3.

    One at least.
    """
    share = Fraction(str(ratio))  # as it is written: 0.3 is three tenths
    return max(1, int(own * share / (1 - share)))


def refuse_too_few(own: int, general: int, ratio: float, path: Path, *, way_out: str = "") -> None:
    """Raise ``UsageError`` unless there are as many general rows as the ratio wants; it names one that they allow."""
    wanted = general_rows(own, ratio)
    if wanted > general:
        possible = int(1000 * general / (general + own)) / 1000
        raise UsageError(
            f"{general:,} general rows are too few: {ratio:.0%} beside {own:,} of your own is {wanted:,}",
            path=path,
            remedy=f"add rows, or write a ratio of at most {possible:g}{way_out}",
        )


def apportioned(total: int, sizes: Sequence[int]) -> list[int]:
    """``total`` divided in proportion to the sizes, by the largest remainder; of equal ones the earlier gets more."""
    whole = sum(sizes)
    parts = [total * size // whole for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda index: -(total * sizes[index] % whole))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


def drawn(of: Sequence[T], count: int, draw: random.Random) -> list[T]:
    """``count`` of them at random and in their order; where these are too few, all as often as goes, then a draw."""
    times, rest = divmod(count, len(of)) if of else (0, 0)
    return [*list(of) * times, *(of[index] for index in sorted(draw.sample(range(len(of)), rest)))]


def ordered(parts: Sequence[Sequence[T]], how: Interleave, draw: random.Random) -> list[T]:
    """The parts as one: in a random order, each spread evenly over the whole, or one after the other."""
    if how == "even":
        places = (
            ((2 * place + 1) / (2 * len(part)), number)
            for number, part in enumerate(parts)
            for place in range(len(part))
        )
        left = [iter(part) for part in parts]
        return [next(left[number]) for _, number in sorted(places)]
    rows = [row for part in parts for row in part]
    if how == "shuffled":
        draw.shuffle(rows)
    return rows
