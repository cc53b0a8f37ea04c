"""What the demo's tickets promise."""

from __future__ import annotations

import json
import runpy
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "suites" / "data"
SPLITS = {"train": 600, "validation": 100, "test": 200}


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / "make_support_tickets.py"), run_name="make_support_tickets")


def rows(split: str) -> list[tuple[str, str]]:
    lines = (FOLDER / f"support_tickets.{split}.jsonl").read_text(encoding="utf-8").splitlines()
    conversations = [json.loads(line)["messages"] for line in lines]
    assert all([turn["role"] for turn in each] == ["system", "user", "assistant"] for each in conversations)
    return [(user["content"], assistant["content"]) for _, user, assistant in conversations]


def phrases(wording: Any) -> set[str]:  # noqa: ANN401 - the script's own class
    pools = [value for value in vars(wording).values() if isinstance(value, tuple)]
    pools += [pool for value in vars(wording).values() if isinstance(value, dict) for pool in value.values()]
    return {phrase for pool in pools for phrase in pool} - {""}


def test_the_script_makes_the_files_that_lie_beside_it(script: dict[str, Any], tmp_path: Path) -> None:
    script["main"](tmp_path)
    for split in SPLITS:
        name = f"support_tickets.{split}.jsonl"
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("split", SPLITS)
def test_there_are_enough_rows_and_none_twice(split: str) -> None:
    texts = [text for text, _ in rows(split)]
    assert len(texts) == len(set(texts)) >= SPLITS[split]


def test_no_two_splits_share_a_row_or_a_way_to_say_a_thing(script: dict[str, Any]) -> None:
    for one, other in combinations(SPLITS, 2):
        assert not {text for text, _ in rows(one)} & {text for text, _ in rows(other)}
        assert not phrases(script["WORDINGS"][one]) & phrases(script["WORDINGS"][other])


@pytest.mark.parametrize("split", SPLITS)
def test_an_answer_is_compact_json_with_the_same_fields_everywhere(split: str, script: dict[str, Any]) -> None:
    for text, answer in rows(split):
        filed = json.loads(answer)
        assert list(filed) == ["product", "issue", "priority", "order"]
        assert answer == json.dumps(filed, separators=(",", ":"))
        assert filed["product"] is None or filed["product"] in script["PRODUCTS"]
        assert filed["order"] is None or str(filed["order"]) in text
        assert "json" not in text.lower()


@pytest.mark.parametrize("split", SPLITS)
def test_fields_are_missing_and_numbers_and_products_mislead_now_and_then(split: str, script: dict[str, Any]) -> None:
    found = [(text, json.loads(answer)) for text, answer in rows(split)]
    for field in ("product", "order"):
        assert 0.05 < sum(filed[field] is None for _, filed in found) / len(found) < 0.5
    names = {name: product for product, known in script["PRODUCTS"].items() for name in known}
    others = [text for text, filed in found if any(n in text and p != filed["product"] for n, p in names.items())]
    numbers = [
        text for text, filed in found if any(c.isdigit() for c in text.replace(str(filed["order"]), "")) and text
    ]
    assert len(others) > len(found) / 20
    assert len(numbers) > len(found) / 20
