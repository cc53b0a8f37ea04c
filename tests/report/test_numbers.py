from __future__ import annotations

import pytest

from harness.report import numbers
from harness.values import Delta, Estimate


def test_a_value_stands_with_its_interval() -> None:
    assert numbers.estimate(Estimate("t", "m", 0.93, 0.887, 0.958, 200, 0)) == "0.930 (0.887\N{EN DASH}0.958)"


def test_a_missing_value_is_a_dash_with_the_count() -> None:
    assert numbers.estimate(Estimate("t", "m", None, None, None, 0, 3)) == "\N{EN DASH} 3 missing"
    assert numbers.estimate(None) == "\N{EN DASH}"


def test_nan_is_missing() -> None:
    assert numbers.score(float("nan")) == numbers.change(float("nan")) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8454, "+0.845"), (-0.0031, "-0.003"), (0.0, "0.000"), (-0.0001, "0.000"), (None, "\N{EN DASH}")],
)
def test_a_change_has_its_sign(value: float | None, text: str) -> None:
    assert numbers.change(value) == text


def test_a_change_stands_with_its_interval() -> None:
    delta = Delta("t", "m", "base", 0.1, 0.2, 0.1, -0.05, 0.25, 20, 3, 1, 2)
    assert numbers.difference(delta) == "+0.100 (-0.050 to +0.250) 2 missing"


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.9999, "> 99 %"), (0.93, "93 %"), (0.0001, "< 1 %"), (0.0, "0 %"), (None, "\N{EN DASH}")],
)
def test_a_share_is_all_or_nothing_only_when_it_is(share: float | None, text: str) -> None:
    assert numbers.percent(share) == text


@pytest.mark.parametrize(("seconds", "text"), [(41.2, "41 s"), (372, "6 min 12 s"), (7500, "2 h 5 min")])
def test_a_duration_is_told_in_two_units_at_most(seconds: float, text: str) -> None:
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(134_515_008, "134.5 M"), (7_241_732_096, "7.2 B"), (999, "999")])
def test_parameters_are_rounded(count: int, text: str) -> None:
    assert numbers.amount(count) == text
