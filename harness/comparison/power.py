"""How many items a rule needs, and what a number of items can show; told before or after it was tried.

Nothing here waits for numpy or scipy: ``harness check`` asks it too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

Bounds = tuple[float, float]

MOST = 10_000_000
"""Beyond this many items "more items" is no advice."""

_NORMAL = NormalDist()
_HALVINGS = 50


def items_needed(
    margin: float, discordance: float, drop: float = 0.0, alpha: float = 0.05, power: float = 0.9
) -> int | None:
    """Items with which "drops at most ``margin``" passes with chance ``power``, for right or wrong scores.

    ``discordance`` is the share of items that flip, in either direction; ``drop`` is the true drop. With variances
    from the score test's null and from the truth, K = z_a sqrt(V0) + z_b sqrt(V1), the continuity correction gives
    n = ((K + sqrt(K^2 + 2 (margin - drop))) / (2 (margin - drop)))^2, and never fewer than the ln(alpha) / ln(1 -
    margin) that not one flip would take. Exact power at that n is 90 to 97 % for 90 % asked, margins from 0.5 to 10
    points and discordances from 1 to 30 %. ``None`` if the drop is the margin or more: no number of items would do.
    """
    return items_to_show(-margin, -drop, discordance, alpha, power)


def items_needed_for_gain(
    min_gain: float, discordance: float, gain: float, alpha: float = 0.05, power: float = 0.9
) -> int | None:
    """Items with which "gains at least ``min_gain``" passes with chance ``power`` when the true gain is ``gain``.

    The formula is that of ``items_needed``. ``None`` if the gain is not above what is asked for.
    """
    return items_to_show(min_gain, gain, discordance, alpha, power)


def items_needed_at_spread(
    distance: float, variance: float, room: float, alpha: float = 0.05, power: float = 0.9, flip: float = 1.0
) -> int | None:
    """The same for any scores, from a pilot: the mean lies ``distance`` from the limit, one item has ``variance``.

    ``room`` is how far the mean lies from the bound that an unseen item could have: with equal values a limit at
    ``distance`` holds from ln(alpha) / ln(1 - distance / room) items on. ``flip`` is the size of a whole flip in the
    scores' unit, half of which the continuity correction takes: the width of their scale, 0 where no test corrects.
    Less exact than ``items_needed``: the variance under the null is taken to be the pilot's.
    """
    if distance <= 0 or room <= 0:
        return None
    return _items(distance, variance, variance, distance / room, alpha, power, flip)


def items_to_show(null: float, truth: float, discordance: float, alpha: float = 0.05, power: float = 0.9) -> int | None:
    """Items with which a mean difference of ``truth`` is shown to be above ``null``, for right or wrong scores.

    Both ``items_needed`` and ``items_needed_for_gain`` are this formula; ``None`` if the truth is not above.
    """
    if truth <= null:
        return None
    # The share of losses under the null, as the score test estimates it from the expected counts.
    losses = (discordance - truth) / 2
    half = discordance - null * (2 - truth)
    share = (half + math.sqrt(max(half**2 + 8 * losses * null * (1 - null), 0.0))) / 4
    under_null = max(2 * share + null - null**2, 0.0)
    under_truth = max(discordance - truth**2, 0.0)
    return _items(truth - null, under_null, under_truth, max(-null, 0.0), alpha, power)


def items_needed_for_level(at_least: float, score: float, alpha: float = 0.05, power: float = 0.9) -> int | None:
    """Items with which "scores at least ``at_least``" passes with chance ``power`` when the true score is ``score``.

    Both from 0 to 1. The formula is that of ``items_needed`` with the variances of a share of right answers; scores
    between right and wrong vary less and need fewer. ``None`` if the score is not above what is asked for.
    """
    if score <= at_least:
        return None
    return _items(score - at_least, at_least * (1 - at_least), score * (1 - score), 1 - at_least, alpha, power)


def least_margin(items: int, discordance: float, alpha: float = 0.05, power: float = 0.9) -> float | None:
    """The smallest margin that ``items`` right or wrong scores hold with chance ``power`` when nothing changes.

    In points from 0 to 1, by bisection of ``items_needed``; ``None`` where not even the whole scale can be held.
    """
    return _least(lambda margin: items_needed(margin, discordance, 0.0, alpha, power), 0.0, items)


def least_gain(items: int, min_gain: float, others: float, alpha: float = 0.05, power: float = 0.9) -> float | None:
    """The smallest true gain with which "gains at least ``min_gain``" passes with chance ``power``.

    By bisection of ``items_needed_for_gain``. ``others`` is the share of items that flip beside those that make the
    gain, half of them each way. ``None`` where not even a gain on every item would do.
    """

    def needed(gain: float) -> int | None:
        return items_needed_for_gain(min_gain, min(gain + others, 1.0), gain, alpha, power)

    return _least(needed, min_gain, items)


def least_score(items: int, at_least: float, alpha: float = 0.05, power: float = 0.9) -> float | None:
    """The smallest true score with which "scores at least ``at_least``" passes with chance ``power``.

    By bisection of ``items_needed_for_level``; ``None`` where not even a perfect score would do.
    """
    return _least(lambda score: items_needed_for_level(at_least, score, alpha, power), at_least, items)


def fewest_items(best: float, null: float, bounds: Bounds, alpha: float = 0.05) -> int | None:
    """The number of items below which not even ``best`` on every one of them shows that the mean is above ``null``.

    ``None`` if no number of items does.
    """
    low, high = 0, 1
    while surest_p_value(high, best, null, bounds) > alpha:
        low, high = high, 2 * high
        if high > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if surest_p_value(middle, best, null, bounds) <= alpha else (middle, high)
    return high


def surest_p_value(items: int, best: float, null: float, bounds: Bounds) -> float:
    """What ``statistics.p_value`` says of so many values that are all ``best``, with ``side=+1``.

    In closed form. With u the share of items at the lower bound that would make the null true though none was seen:

        a = best - null,  b = null - low,  u = a / (a + b),  V = a b,  skewness = (a - b) / sqrt(V)
    """
    low = bounds[0]
    above, below = best - null, null - low
    if above <= 0:
        return 1.0
    if below <= 0:
        return 0.0
    jump = best - low  # a flip takes an item from where all are to the unseen one
    variance = above * below
    statistic = (items * above - jump / 2) / math.sqrt(items * variance)
    bend = (above - below) / math.sqrt(variance * items) / 6
    if abs(bend) >= 1e-8:
        statistic = (math.sqrt(max(1 + 4 * bend * (statistic + bend), 0.0)) - 1) / (2 * bend)
    return _NORMAL.cdf(-statistic)


def _least(needed: Callable[[float], int | None], low: float, items: int) -> float | None:
    """The smallest number up to 1 for which so many items are enough, told to be enough."""

    def is_enough(number: float) -> bool:
        count = needed(number)
        return count is not None and count <= items

    high = 1.0
    if not is_enough(high):
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _items(
    distance: float,
    under_null: float,
    under_truth: float,
    unseen: float,
    alpha: float,
    power: float,
    flip: float = 1.0,
) -> int | None:
    """``unseen`` is the share of items at the bound that would make the null true though none was seen."""
    spread = _above(alpha) * math.sqrt(under_null)
    spread += _above(1 - power) * math.sqrt(under_truth)
    root = (spread + math.sqrt(spread**2 + 2 * distance * flip)) / (2 * distance)
    without_flips = math.log(alpha) / math.log1p(-unseen) if 0 < unseen < 1 else 0.0
    items = max(root**2, without_flips)
    return math.ceil(items) if items <= MOST else None


def _above(share: float) -> float:
    """The normal score that a share of draws exceeds."""
    return -_NORMAL.inv_cdf(share)
