"""Agreement beyond chance: against hand reckoning, statsmodels, and the worked examples of the method's author."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import optimize, stats

from harness.comparison.agreement import kappa, kappa_lower, krippendorff_alpha, preference

NAMES = ("baseline", "tie", "candidate")


def crossed(table: Sequence[Sequence[int]]) -> tuple[list[str], list[str]]:
    """Two raters' classes from how often each pair of classes came."""
    pairs = [
        (NAMES[row], NAMES[column])
        for row, counts in enumerate(table)
        for column, n in enumerate(counts)
        for _ in range(n)
    ]
    return [first for first, _ in pairs], [second for _, second in pairs]


def random_tables() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.multinomial(int(rng.integers(30, 400)), rng.dirichlet(np.ones(9))).reshape(3, 3) for _ in range(40)]


def test_kappa_is_what_the_textbook_reckons() -> None:
    # 35 of 50 agree; chance alone: 0.5 * 0.6 + 0.5 * 0.4 = 0.5
    assert kappa(*crossed([[20, 5], [10, 15]])) == pytest.approx((0.7 - 0.5) / (1 - 0.5), abs=1e-15)
    assert kappa(*crossed([[25, 0], [0, 25]])) == 1.0
    assert kappa(*crossed([[0, 25], [25, 0]])) == -1.0


@pytest.mark.parametrize("table", random_tables(), ids=lambda table: "-".join(map(str, table.ravel())))
def test_kappa_is_that_of_statsmodels(table: np.ndarray) -> None:
    raters = pytest.importorskip("statsmodels.stats.inter_rater")
    assert kappa(*crossed(table.tolist())) == pytest.approx(raters.cohens_kappa(table).kappa, abs=1e-12)


@pytest.mark.parametrize("raters", [([], []), (["tie"] * 100, ["tie"] * 100)])
def test_where_chance_agrees_throughout_there_is_no_kappa_and_no_bound(raters: tuple[list[str], list[str]]) -> None:
    assert kappa(*raters) is None
    assert kappa_lower(*raters) is None


def by_formula(differ: int, items: int, by_chance: float, alpha: float) -> float:
    """The bound from the score test of one share in closed form, corrected for skewness and continuity."""

    def p_value(share: float) -> float:
        deviation = math.sqrt(share * (1 - share))
        statistic = (items * share - differ - 0.5) / (deviation * math.sqrt(items))
        bend = -(1 - 2 * share) / deviation / math.sqrt(items) / 6
        if abs(bend) > 1e-8:
            statistic = (math.sqrt(max(1 + 4 * bend * (statistic + bend), 0)) - 1) / (2 * bend)
        return float(stats.norm.sf(statistic))

    most = optimize.brentq(lambda share: p_value(share) - alpha, differ / items + 1e-12, 1 - 1e-12, xtol=1e-14)
    return 1 - most / by_chance


@pytest.mark.parametrize("alpha", [0.05, 0.025, 0.01])
@pytest.mark.parametrize("table", [*random_tables()[:8], np.diag([40, 30, 30]), np.diag([60, 1, 60])])
def test_the_lower_bound_of_kappa_is_the_score_bound_of_the_disagreement(table: np.ndarray, alpha: float) -> None:
    items = int(table.sum())
    by_chance = 1 - float(table.sum(axis=0) @ table.sum(axis=1)) / items**2
    expected = by_formula(items - int(np.trace(table)), items, by_chance, alpha)
    assert kappa_lower(*crossed(table.tolist()), alpha) == pytest.approx(expected, abs=1e-8)


def test_perfect_agreement_on_few_labels_is_not_surely_perfect() -> None:
    low = kappa_lower(*crossed(np.diag([20, 20, 20]).tolist()))
    assert low is not None
    assert 0.8 < low < 0.95


def test_raters_of_unlike_many_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        kappa(["tie"], ["tie", "tie"])


def test_rounding_is_no_preference() -> None:
    assert preference(0.8 - 0.7 - (0.3 - 0.2)) == "tie"
    assert [preference(each) for each in (-0.25, 0.0, 0.01)] == ["baseline", "tie", "candidate"]


# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): two observers, and four with missing values.
TWO = ([0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0])
FOUR = (
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
)


def test_alpha_of_two_raters_is_what_a_hand_reckons() -> None:
    # 4 of 10 differ; 14 zeros and 6 ones: alpha = 1 - 19 * 4 / (14 * 6)
    assert krippendorff_alpha(TWO) == pytest.approx(1 - 19 * 4 / (14 * 6), abs=1e-12)
    # two of each value: of six values' partners four are half a point away; by chance 8 + 8 of 30 are, and 8 are 1 away
    three = ([0.0, 0.5, 1.0], [0.5, 0.0, 1.0])
    seen, by_chance = 4 * 0.25 / 6, (16 * 0.25 + 8 * 1) / 30
    assert krippendorff_alpha(three, "interval") == pytest.approx(1 - seen / by_chance, abs=1e-12)


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_four_raters_is_the_published_one(level: str, published: float) -> None:
    assert krippendorff_alpha(FOUR, level) == pytest.approx(published, abs=5e-4)  # type: ignore[arg-type]  # see above


def test_what_one_rater_alone_rated_changes_nothing() -> None:
    more = [[*row, 9.0 if number == 0 else None] for number, row in enumerate(FOUR)]
    assert krippendorff_alpha(more, "interval") == krippendorff_alpha(FOUR, "interval")


@pytest.mark.parametrize(
    "ratings",
    [
        [],
        [[]],
        [[1.0, 0.0]],
        [[1.0, None], [None, 0.0]],
        [[1.0, 1.0], [1.0, 1.0]],
        [[1.0, 0.0], [1.0, None]],
        [[None, None], [None, None]],
    ],
    ids=["no rater", "no sample", "one rater", "nothing shared", "all alike", "what is shared is alike", "nothing"],
)
def test_where_nothing_can_be_told_alpha_is_none(ratings: list[list[float | None]]) -> None:
    assert krippendorff_alpha(ratings) is None


def test_a_rater_with_too_few_values_is_refused() -> None:
    with pytest.raises(ValueError, match="for every sample"):
        krippendorff_alpha([[1.0, 0.0], [1.0]])
