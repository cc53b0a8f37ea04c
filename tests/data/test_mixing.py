"""General examples among a team's own rows."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.data.mix import Interleave, apportioned, drawn, general_rows, mixed, ordered
from harness.data.mixture import Mixture, Wish, mix, record_of
from harness.errors import UsageError
from harness.identity import file_sha256
from harness.rows import Row
from harness.values import Message


def rows(name: str, count: int) -> list[Row]:
    return [Row(n, (Message("user", f"{name} {n}"), Message("assistant", "yes"))) for n in range(count)]


OWN, GENERAL, PATH = rows("own", 70), rows("general", 100), Path("general.jsonl")


@pytest.mark.parametrize(("ratio", "general"), [(0.3, 30), (0.5, 70), (0.1, 7), (0.001, 1)])
def test_the_ratio_is_the_share_of_the_whole(ratio: float, general: int) -> None:
    found = mixed(OWN, GENERAL, ratio, seed=1, path=PATH)
    assert sum(row in GENERAL for row in found) == general
    assert all(row in found for row in OWN)
    assert len(found) == len(OWN) + general == len({row.messages for row in found})


def test_five_thousand_rows_with_thirty_percent_take_2142() -> None:
    assert general_rows(5_000, 0.3) == 2_142


@pytest.mark.parametrize(("ratio", "own", "general"), [(0.1, 9, 1), (0.2, 4, 1), (0.3, 7, 3), (0.7, 3, 7), (0.6, 2, 3)])
def test_a_ratio_counts_as_it_is_written(ratio: float, own: int, general: int) -> None:
    """In binary 0.1 is a little more than a tenth, and rounding down would lose a row."""
    assert [general_rows(own * times, ratio) for times in (1, 10, 1_000)] == [general, 10 * general, 1_000 * general]


def test_the_order_is_random_and_repeatable() -> None:
    first, again, other = (mixed(OWN, GENERAL, 0.3, seed=seed, path=PATH) for seed in (1, 1, 2))
    assert first == again != other
    assert {row in GENERAL for row in first[:20]} == {True, False}


def test_too_few_general_rows_are_refused_with_the_ratio_that_they_allow() -> None:
    with pytest.raises(UsageError, match=r"general.jsonl: 10 general rows are too few: 30% .* is 30; .*at most 0.125"):
        mixed(OWN, GENERAL[:10], 0.3, seed=1, path=PATH)
    assert len(mixed(OWN, GENERAL[:10], 0.125, seed=1, path=PATH)) == 80


def test_several_sources_give_in_proportion_and_together_exactly_as_many() -> None:
    assert apportioned(2_142, [3_000, 1_000, 284]) == [1_500, 500, 142]
    assert apportioned(10, [1, 1, 1]) == [4, 3, 3]


def test_too_few_are_repeated_as_evenly_as_goes() -> None:
    found = Counter(drawn(range(10), 34, random.Random(0)))
    assert set(found) == set(range(10))
    assert sorted(found.values()) == [3] * 6 + [4] * 4
    once = drawn(range(100), 30, random.Random(0))
    assert len(set(once)) == 30
    assert once == sorted(once)


def test_an_even_order_has_the_share_in_every_stretch() -> None:
    own, general = [("own", n) for n in range(700)], [("general", n) for n in range(300)]
    found = ordered([own, general], "even", random.Random(0))
    for start in range(0, 1_000, 50):
        assert 14 <= sum(kind == "general" for kind, _ in found[start : start + 50]) <= 16
    assert [each for each in found if each[0] == "own"] == own
    assert ordered([own, general], "concatenated", random.Random(0)) == own + general
    shuffled = ordered([own, general], "shuffled", random.Random(0))
    assert sorted(shuffled) == sorted(own + general) != shuffled != sorted(own + general)


def chat(name: str, number: int, **more: object) -> dict[str, Any]:
    turns = [{"role": "user", "content": f"{name} {number}"}, {"role": "assistant", "content": "yes"}]
    return {"messages": turns, **more}


def write(path: Path, contents: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in contents), encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def task(tmp_path: Path) -> Path:
    return write(tmp_path / "task.jsonl", [chat("own", number, id=number) for number in range(70)])


@pytest.fixture
def general(tmp_path: Path) -> Path:
    return write(tmp_path / "general.jsonl", [chat("general", number, source="web") for number in range(100)])


def mix_to(
    tmp_path: Path, task: Path, *general: Path, wish: Wish | None = None
) -> tuple[Mixture, list[dict[str, Any]]]:
    made = mix(task, general, tmp_path / "mixed.jsonl", wish or Wish(0.3))
    return made, read(made.path)


def test_a_mixture_holds_all_own_rows_and_its_general_ones_as_they_were(
    tmp_path: Path, task: Path, general: Path
) -> None:
    made, written = mix_to(tmp_path, task, general)
    assert [row for row in read(task) if row not in written] == []
    others = [row for row in written if row not in read(task)]
    assert len(others) == 30 == len({json.dumps(row) for row in others})
    assert all(row in read(general) for row in others)
    assert (made.rows, made.share, made.repeats, made.warnings) == (100, 0.3, 1, ())


def test_the_fingerprint_of_every_part_is_kept_beside_it(tmp_path: Path, task: Path, general: Path) -> None:
    made, _ = mix_to(tmp_path, task, general, wish=Wish(0.3, seed=5))
    kept = json.loads(record_of(made.path).read_text())
    assert record_of(made.path).name == "mixed.jsonl.mix.json"
    assert kept["mixture"] == {
        "file": "mixed.jsonl",
        "sha256": file_sha256(made.path),
        "rows": 100,
        "format": "messages",
    }
    assert (kept["ratio"], kept["seed"], kept["interleave"]) == (0.3, 5, "shuffled")
    parts = [(each["path"], each["sha256"], each["rows"], each["taken"], each["general"]) for each in kept["parts"]]
    assert parts == [
        (str(task), file_sha256(task), 70, 70, False),
        (str(general), file_sha256(general), 100, 30, True),
    ]


@pytest.mark.parametrize("interleave", ["shuffled", "even", "concatenated"])
def test_the_same_seed_gives_the_same_bytes_and_another_another_draw(
    interleave: Interleave, tmp_path: Path, task: Path, general: Path
) -> None:
    wish = Wish(0.3, interleave=interleave, seed=1)
    first, again, other = (
        mix_to(tmp_path, task, general, wish=each)[0].sha256 for each in (wish, wish, replace(wish, seed=2))
    )
    assert first == again != other


def test_too_few_general_rows_need_leave_to_be_repeated(tmp_path: Path, task: Path, general: Path) -> None:
    few = write(tmp_path / "few.jsonl", read(general)[:5])
    with pytest.raises(UsageError, match=r"few.jsonl: 5 general rows are too few: .* 30; .*0.066, or add --oversample"):
        mix_to(tmp_path, task, few)
    assert not (tmp_path / "mixed.jsonl").exists()
    made, written = mix_to(tmp_path, task, few, wish=Wish(0.3, oversample=True))
    counts = Counter(json.dumps(row) for row in written if row["messages"][0]["content"].startswith("general"))
    assert sorted(counts.values()) == [6] * 5
    assert made.repeats == 6
    assert any("up to 6 times" in warning for warning in made.warnings)


def test_files_of_different_formats_become_messages(tmp_path: Path, task: Path) -> None:
    alpaca = write(tmp_path / "alpaca.jsonl", [{"instruction": f"do {n}", "output": "done"} for n in range(50)])
    made, written = mix_to(tmp_path, task, alpaca)
    assert made.format == "messages"
    assert all(row["messages"][-1]["role"] == "assistant" for row in written)
    assert any(row["messages"][0]["content"].startswith("do ") for row in written)
    assert any("alpaca.jsonl are alpaca and became messages" in warning for warning in made.warnings)


def test_what_a_conversion_would_lose_is_refused_by_its_line(tmp_path: Path, task: Path) -> None:
    pairs = write(
        tmp_path / "pairs.jsonl", [{"prompt": f"q {n}", "chosen": "good", "rejected": "bad"} for n in range(50)]
    )
    with pytest.raises(UsageError, match=r"pairs.jsonl:\d+: cannot become messages: .*one format"):
        mix_to(tmp_path, task, pairs)
    assert not (tmp_path / "mixed.jsonl").exists()


def test_rows_that_cannot_be_read_are_named_and_nothing_is_written(tmp_path: Path, task: Path, general: Path) -> None:
    general.write_text(general.read_text() + "{\n")
    with pytest.raises(UsageError, match=r"general.jsonl:101: "):
        mix_to(tmp_path, task, general)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["general.jsonl", "task.jsonl"]
