"""General examples among a team's own rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.data.formats import Row
from harness.data.mix import mixed
from harness.errors import UsageError
from harness.values import Message


def rows(name: str, count: int) -> list[Row]:
    return [Row(n, (Message("user", f"{name} {n}"), Message("assistant", "yes"))) for n in range(count)]


OWN, GENERAL, PATH = rows("own", 70), rows("general", 100), Path("general.jsonl")


@pytest.mark.parametrize(("ratio", "general"), [(0.3, 30), (0.5, 70), (0.1, 8), (0.001, 1)])
def test_the_ratio_is_the_share_of_the_whole(ratio: float, general: int) -> None:
    found = mixed(OWN, GENERAL, ratio, seed=1, path=PATH)
    assert sum(row in GENERAL for row in found) == general
    assert all(row in found for row in OWN)
    assert len(found) == len(OWN) + general == len({row.messages for row in found})


def test_the_order_is_random_and_repeatable() -> None:
    first, again, other = (mixed(OWN, GENERAL, 0.3, seed=seed, path=PATH) for seed in (1, 1, 2))
    assert first == again != other
    assert {row in GENERAL for row in first[:20]} == {True, False}


def test_too_few_general_rows_are_refused_with_the_ratio_that_they_allow() -> None:
    with pytest.raises(UsageError, match=r"general.jsonl: 10 general rows are too few: 30% .* is 30; .*at most 0.125"):
        mixed(OWN, GENERAL[:10], 0.3, seed=1, path=PATH)
    assert len(mixed(OWN, GENERAL[:10], 0.125, seed=1, path=PATH)) == 80
