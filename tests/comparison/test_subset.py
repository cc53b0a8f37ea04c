from __future__ import annotations

import numpy as np
import pytest

from harness.comparison.subset import chance_of_draw


@pytest.mark.parametrize(("ties", "labels"), [(0.2, 100), (0.9, 40), (0.95, 12)])
def test_random_draws_look_rare_as_seldom_as_they_are(ties: float, labels: int) -> None:
    """Of 200 draws about 10 are among the rarest 5 %; more than 22 would be too many (chance 1 in 5,000)."""
    random = np.random.default_rng(3)
    found = 0
    for _ in range(200):
        values = random.choice([-1.0, 0.0, 1.0], size=400, p=[0.3 * (1 - ties), ties, 0.7 * (1 - ties)])
        found += chance_of_draw(values[:labels], values[labels:]) <= 0.05
    assert found <= 22


def test_the_easy_half_is_no_random_draw() -> None:
    assert chance_of_draw([1.0] * 60, [0.0] * 60 + [1.0] * 60) < 0.001
    assert chance_of_draw([-1.0] * 60, [0.0] * 60 + [1.0] * 60) < 0.001


def test_the_chance_is_that_of_fishers_exact_test() -> None:
    from scipy import stats

    exact = stats.fisher_exact([[9, 3], [20, 30]]).pvalue
    found = chance_of_draw([1.0] * 9 + [0.0] * 3, [1.0] * 20 + [0.0] * 30)
    assert found == pytest.approx(exact, abs=0.005)


def test_nothing_chosen_nothing_left_and_all_alike_tell_nothing() -> None:
    assert chance_of_draw([], [1.0]) == chance_of_draw([1.0], []) == chance_of_draw([0.5] * 3, [0.5] * 9) == 1.0
