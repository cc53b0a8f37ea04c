"""How many items would tell: the documented numbers, and power as promised."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.comparison.power import items_needed, items_needed_at_spread, items_needed_for_gain
from harness.comparison.statistics import p_value


@pytest.mark.parametrize(
    ("margin", "discordance", "drop", "items"),
    [
        (0.0225, 0.10, 0.0, 1773),
        (0.05, 0.02, 0.0, 153),
        (0.005, 0.01, 0.0, 4006),
        (0.10, 0.30, 0.0, 273),
        (0.0225, 0.10, 0.005, 2899),
        (0.0225, 0.10, 0.01, 5619),
    ],
)
def test_the_items_needed_are_the_documented_ones(margin: float, discordance: float, drop: float, items: int) -> None:
    assert items_needed(margin, discordance, drop) == items


def power(losses: float, gains: float, items: int, null: float) -> float:
    """Exact chance to pass, over every table."""
    counts = np.array([(a, b) for a in range(items + 1) for b in range(items + 1 - a)])
    cells = np.column_stack([counts, items - counts.sum(1)])
    chance = stats.multinomial.pmf(cells, items, [losses, gains, 1 - losses - gains])
    likely = chance > 1e-9
    return sum(
        float(each)
        for (lost, won), each in zip(counts[likely], chance[likely], strict=True)
        if (won - lost) / items > null
        and p_value(np.repeat([-1.0, 1.0, 0.0], [lost, won, items - lost - won]), null, 1, (-1.0, 1.0)) <= 0.05
    )


def test_that_many_items_pass_nine_times_in_ten() -> None:
    items = items_needed(0.10, 0.10)
    assert items is not None
    assert 0.90 <= power(0.05, 0.05, items, -0.10) <= 0.98


def test_a_gain_is_planned_by_the_same_formula() -> None:
    items = items_needed_for_gain(0.05, discordance=0.25, gain=0.20)
    assert items is not None
    assert 0.88 <= power(0.025, 0.225, items, 0.05) <= 0.98


def test_no_number_of_items_shows_what_is_not_so() -> None:
    assert items_needed(0.05, 0.1, drop=0.05) is None
    assert items_needed_for_gain(0.1, 0.2, gain=0.05) is None
    assert items_needed_at_spread(0.0, 0.1, 1.0) is None
    assert items_needed_at_spread(1e-6, 0.25, 1.0) is None


def test_equal_scores_still_need_the_items_that_no_flip_needs() -> None:
    assert items_needed_at_spread(0.1, 0.0, room=1.0) == 29
    assert items_needed(0.01, 0.0) == 361


def test_the_spread_of_whole_flips_gives_nearly_the_same_plan() -> None:
    from_flips, from_spread = items_needed(0.05, 0.10), items_needed_at_spread(0.05, 0.10, room=1.0)
    assert from_flips is not None
    assert from_spread == pytest.approx(from_flips, rel=0.12)
