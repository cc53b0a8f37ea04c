"""``harness data split``: a table of the sides, and a second run that moves nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli.split import split
from harness.testing.project import Project


def chat(number: int, answer: str = "yes") -> dict[str, Any]:
    words = " ".join(f"w{number}x{place}" for place in range(12))
    return {"messages": [{"role": "user", "content": words}, {"role": "assistant", "content": answer}]}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return Project(tmp_path).write_rows("all.jsonl", [chat(number, "ab"[number % 2]) for number in range(200)])


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(split, list(map(str, arguments)), standalone_mode=False)


def words(result: Result) -> str:
    return " ".join(result.output.split())


def test_the_screen_tells_sides_labels_and_what_to_know(rows: Path, tmp_path: Path) -> None:
    done = run(rows, "--output", tmp_path / "out", "--stratify", "auto", "--seed", 3)
    assert done.exception is None
    told = words(done)
    assert "200 rows" in told
    assert "seed 3 · together what is alike from 0.8 on · shares by label (auto)" in told
    assert "train 140 70.0 % 70.0 %" in told
    assert "a 70 15 15" in told
    assert "test has 30 rows, fewer than 100" in told


def test_a_second_split_keeps_the_method_and_says_how_many_stayed(rows: Path, tmp_path: Path) -> None:
    run(rows, "--output", tmp_path / "out", "--seed", 3, "--no-near")
    Project(tmp_path).write_rows("all.jsonl", [chat(number) for number in range(210)])
    told = words(run(rows, "--output", tmp_path / "out"))
    assert "seed 3 · together what is the same but for case and spacing" in told
    assert "200 rows stayed where they stood, 10 are new" in told


def test_json_names_every_side_with_its_file(rows: Path, tmp_path: Path) -> None:
    told = json.loads(run(rows, "--output", tmp_path / "out", "--ratios", "0.5,0.25,0.25", "--json").output)
    assert sum(side["rows"] for side in told["sides"].values()) == 200
    assert told["files"]["test"] == str(tmp_path / "out" / "test.jsonl")
    assert (told["seed"], told["near"], told["left_out"]) == (0, 0.8, [])


def test_a_side_without_a_share_has_no_file(rows: Path, tmp_path: Path) -> None:
    run(rows, "--output", tmp_path / "out", "--ratios", "0.9,0,0.1")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["split.json", "test.jsonl", "train.jsonl"]


@pytest.mark.parametrize("ratios", ["0.5,0.5", "0.5,0.5,0.5", "0,0.5,0.5", "-1,1,1", "a,b,c", "nan,nan,nan"])
def test_shares_that_are_none_are_refused(ratios: str, rows: Path, tmp_path: Path) -> None:
    done = run(rows, "--output", tmp_path / "out", "--ratios", ratios)
    assert "share" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_near_and_no_near_exclude_each_other(rows: Path, tmp_path: Path) -> None:
    assert "exclude" in str(run(rows, "--output", tmp_path, "--near", 0.9, "--no-near").exception)
