"""Stopping early: the error of a plan of looks, the items that it saves, and bets on a shuffled whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.comparison.sequential import bet_p_value, levels, schedule
from harness.comparison.statistics import Array, Side
from simulation.flips import BOUNDS, SIDES, Rates, edge, table
from simulation.found import Found

MARGIN = 0.0225


@dataclass(frozen=True, slots=True)
class Watched:
    """What became of many runs that were looked at on schedule."""

    passed: float
    failed: float
    used: float
    """The mean share of the items."""
    would_pass: float
    """The share that the whole run without looks would have passed."""


def watched(total: int, null: float, rates: Rates, runs: int, rng: np.random.Generator, alpha: float = 0.05) -> Watched:
    """Ask items until a look decides, both verdicts open at every look."""
    looks = schedule(total, abs(null))
    losses = gains = np.zeros(runs, dtype=np.int64)
    verdict, used = np.zeros(runs, dtype=np.int64), np.full(runs, total)
    for look, before, level in zip(looks, (0, *looks), levels(looks, alpha), strict=False):
        more = rng.multinomial(look - before, rates.cells, runs)
        losses, gains = losses + more[:, 0], gains + more[:, 1]
        for side in SIDES:
            unsure = np.flatnonzero(verdict == 0)
            decided = unsure[edge(look, null, level, side).rejects(losses[unsure], gains[unsure])]
            verdict[decided], used[decided] = side, look
    whole = edge(total, null, alpha, 1).rejects(losses, gains)
    passed, failed = float((verdict == 1).mean()), float((verdict == -1).mean())
    return Watched(passed, failed, float(used.mean()) / total, float(whole.mean()))


def at_boundary(total: int, null: float, runs: int, rng: np.random.Generator) -> Iterator[Found]:
    """How often each verdict is wrong where the truth is the null itself."""
    for discordance in (abs(null), 0.1, 0.3):
        found = watched(total, null, Rates.of(null, discordance), runs, rng)
        where = f"N {total}, null {null:g}, flips {discordance:g}"
        yield Found(found.passed, f"passed, {where}")
        yield Found(found.failed, f"failed, {where}")


def bets(total: int, discordance: float, runs: int, rng: np.random.Generator, alpha: float = 0.05) -> Iterator[Found]:
    """How often the bet on a shuffled whole is ever won although the whole lies on the other side of the margin."""
    limit = round(MARGIN * total)
    gains = max(round((discordance * total - limit) / 2), 0)
    null = -limit / total
    for side, losses in ((SIDES[0], gains + limit + 1), (SIDES[1], gains + limit)):
        whole = table(losses, gains, total)
        wrong = sum(_lowest_p(rng.permutation(whole), null, side) <= alpha for _ in range(runs))
        verdict = "passed" if side > 0 else "failed"
        yield Found(wrong / runs, f"{verdict}, N {total}, {losses} lost, {gains} gained")


def items_without_flips(total: int, alpha: float = 0.05) -> int:
    """After how many equal items of a whole the bet on the margin is won."""
    zeros = np.zeros(total)
    return next(n for n in range(1, total + 1) if bet_p_value(zeros[:n], total, -MARGIN, 1, BOUNDS) <= alpha)


def _lowest_p(order: Array, null: float, side: Side) -> float:
    """The least p-value on the way: it only falls, until what is left can no longer prove the wrong verdict right."""
    total = len(order)
    left = total - np.arange(1, total + 1)
    ahead = side * (np.cumsum(order) - total * null)
    settled = int(np.argmax(ahead + left < 1e-6))
    return min(bet_p_value(order[:n], total, null, side, BOUNDS) for n in (settled, settled + 1))
