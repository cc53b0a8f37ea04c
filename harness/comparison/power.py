"""How many items a rule needs, told before or after it was tried."""

from __future__ import annotations

import math

from scipy import stats

MOST = 10_000_000
"""Beyond this many items "more items" is no advice."""


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
    distance: float, variance: float, room: float, alpha: float = 0.05, power: float = 0.9
) -> int | None:
    """The same for any scores, from a pilot: the mean lies ``distance`` from the limit, one item has ``variance``.

    ``room`` is how far the mean lies from the bound that an unseen item could have: with equal values a limit at
    ``distance`` holds from ln(alpha) / ln(1 - distance / room) items on. Less exact than ``items_needed``: the variance
    under the null is taken to be the pilot's.
    """
    if distance <= 0:
        return None
    return _items(distance, variance, variance, distance / room, alpha, power)


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


def _items(
    distance: float, under_null: float, under_truth: float, unseen: float, alpha: float, power: float
) -> int | None:
    """``unseen`` is the share of items at the bound that would make the null true though none was seen."""
    spread = float(stats.norm.isf(alpha)) * math.sqrt(under_null)
    spread += float(stats.norm.isf(1 - power)) * math.sqrt(under_truth)
    root = (spread + math.sqrt(spread**2 + 2 * distance)) / (2 * distance)
    without_flips = math.log(alpha) / math.log1p(-unseen) if 0 < unseen < 1 else 0.0
    items = max(root**2, without_flips)
    return math.ceil(items) if items <= MOST else None
