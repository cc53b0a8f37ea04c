"""Data that has changed is known again, and which rows changed is told."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.differences import differences
from harness.data.fingerprint import Lengths, changes, fingerprint, lock_path, read_lock, refuse_changed, write_lock
from harness.data.formats import read
from harness.errors import UsageError


def chat(number: int, answer: str = "yes", **more: object) -> dict[str, Any]:
    turns = [{"role": "user", "content": f"question {number}"}, {"role": "assistant", "content": answer}]
    return {"messages": turns, **more}


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


ROWS = [chat(number) for number in range(300)]


def changed(tmp_path: Path, new: Sequence[dict[str, Any]], old: Sequence[dict[str, Any]] = ROWS) -> str:
    before = fingerprint(write(tmp_path / "old.jsonl", old))
    return changes(before, fingerprint(write(tmp_path / "new.jsonl", new)))


def test_a_fingerprint_counts_rows_and_characters(tmp_path: Path) -> None:
    rows = [{"prompt": "x" * length, "completion": "yes"} for length in range(1, 101)]
    found = fingerprint(write(tmp_path / "rows.jsonl", rows), count=lambda prompt: 7)
    assert (found.rows, found.format, len(set(found.digests))) == (100, "prompt_completion", 100)
    assert found.characters == Lengths(4, 53, 98, 103)
    assert found.tokens == Lengths(7, 7, 7, 7)
    assert fingerprint(tmp_path / "rows.jsonl").tokens is None


def test_changed_added_removed_and_moved_rows_are_named(tmp_path: Path) -> None:
    new = list(ROWS)
    new[2], new[16] = chat(2, "no"), chat(16, "no")
    assert changed(tmp_path, new) == "rows 3 and 17 changed"
    assert changed(tmp_path, [*ROWS, *(chat(n) for n in range(900, 905))]) == (
        "5 rows were added at the end (rows 301-305)"
    )
    assert changed(tmp_path, [*ROWS[:10], chat(900), *ROWS[10:]]) == "1 row was added (row 11)"
    assert changed(tmp_path, [*ROWS[:10], *ROWS[12:]]) == "2 rows were removed (rows 11-12 of before)"
    assert changed(tmp_path, [*ROWS[1:], ROWS[0]]) == "1 row was moved (now row 300)"
    assert changed(tmp_path, [chat(n, "no") for n in range(300)]) == "all 300 rows changed"
    assert changed(tmp_path, ROWS) == ""


def test_an_insertion_in_the_middle_hides_no_change_after_it(tmp_path: Path) -> None:
    new = [*ROWS[:5], chat(900), *ROWS[5:100], chat(100, "no"), *ROWS[101:200], *ROWS[201:]]
    assert changed(tmp_path, new) == ("row 102 changed; 1 row was added (row 6); 1 row was removed (row 201 of before)")


def test_equal_rows_are_counted_one_by_one(tmp_path: Path) -> None:
    old = [chat(1), chat(1), chat(1), chat(2)]
    assert changed(tmp_path, [chat(1), chat(1), chat(2)], old) == "1 row was removed (row 3 of before)"


def test_what_only_some_formats_hold_counts_too(tmp_path: Path) -> None:
    pair = {"prompt": "q", "chosen": "good", "rejected": "bad"}
    assert changed(tmp_path, [pair | {"rejected": "worse"}], [pair]) == "all 1 rows changed"
    assert changed(tmp_path, [chat(1, id=2)], [chat(1, id=1)]) == "all 1 rows changed"
    liked = {"prompt": "q", "completion": "a", "label": True}
    assert changed(tmp_path, [liked | {"label": False}], [liked]) == "all 1 rows changed"


def test_a_file_that_is_only_written_otherwise_is_told_as_such(tmp_path: Path) -> None:
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    write(old, ROWS)
    new.write_text(old.read_text().replace(": ", ":"))
    assert changes(fingerprint(old), fingerprint(new)) == "every row says the same, but the file is written otherwise"


WORDS = st.lists(st.sampled_from("abcdefgh"), max_size=12)


@given(old=WORDS, new=WORDS)
def test_differences_rebuild_the_new_list_from_the_old_one(old: list[str], new: list[str]) -> None:
    found = differences(old, new)
    came = {*found.changed, *found.added}
    assert len(old) - len(found.removed) - len(found.changed) == len(new) - len(came)
    stays = [each for place, each in enumerate(new) if place not in {*came, *found.moved}]
    left = iter(old)
    assert all(each in left for each in stays), "what stays is in the order of before"
    assert (not found.words()) == (old == new)


def test_a_hundred_thousand_shuffled_rows_are_told_apart_in_seconds() -> None:
    old = [f"{number:016x}" for number in range(100_000)]
    new = list(old)
    random.Random(0).shuffle(new)
    start = time.perf_counter()
    found = differences(old, new)
    assert time.perf_counter() - start < 10
    assert found.changed == found.added == found.removed == ()
    assert len(found.moved) > 90_000


def test_a_lock_gives_back_what_was_kept(tmp_path: Path) -> None:
    found = fingerprint(write(tmp_path / "rows.jsonl", ROWS), count=lambda prompt: 3)
    lock = lock_path(tmp_path / "suite.yaml")
    assert lock.name == "suite.data.lock.json"
    write_lock(lock, {"train": found, "version": found})
    assert read_lock(lock) == {"train": found, "version": found}
    assert lock.stat().st_size < 2 * 20 * len(ROWS)
    assert read_lock(tmp_path / "none.json") is None


@pytest.mark.parametrize("damage", ["{", "[]", '{"version": 9}', '{"version": 1, "data.x": {}}', "[" * 100_000])
def test_a_damaged_lock_is_one_line(damage: str, tmp_path: Path) -> None:
    lock = tmp_path / "suite.data.lock.json"
    lock.write_text(damage)
    with pytest.raises(UsageError, match="no lock of data"):
        read_lock(lock)


def test_changed_data_is_refused_at_its_first_changed_line(tmp_path: Path) -> None:
    path, lock = write(tmp_path / "train.jsonl", ROWS), tmp_path / "suite.data.lock.json"
    dataset, _ = read("train", path)
    refuse_changed(lock, [dataset])
    write_lock(lock, {"train": fingerprint(path)})
    refuse_changed(lock, [dataset])
    new = list(ROWS)
    new[2], new[16] = chat(2, "no"), chat(16, "no")
    path.write_text("\n" + write(path, new).read_text())
    dataset, _ = read("train", path)
    with pytest.raises(UsageError, match=r"train.jsonl:4: train is not what .* says: rows 3 and 17 changed; .*--lock"):
        refuse_changed(lock, [dataset])


def test_data_that_the_lock_does_not_know_is_refused(tmp_path: Path) -> None:
    path, lock = write(tmp_path / "train.jsonl", ROWS), tmp_path / "suite.data.lock.json"
    dataset, _ = read("validation", path)
    write_lock(lock, {"train": fingerprint(path)})
    with pytest.raises(UsageError, match=r"validation is not in suite.data.lock.json"):
        refuse_changed(lock, [dataset])
