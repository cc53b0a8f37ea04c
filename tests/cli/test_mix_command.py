"""``harness data mix``: what each file gave, and the verdicts that go with their rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli.mix import mix
from harness.data.formats import read
from harness.errors import UsageError
from harness.identity import row_digest
from harness.review.rows import Verdict, Verdicts
from harness.testing.project import Project


def chat(name: str, number: int) -> dict[str, Any]:
    turns = [{"role": "user", "content": f"{name} {number}"}, {"role": "assistant", "content": "yes"}]
    return {"messages": turns}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = Project(tmp_path)
    project.write_rows("task.jsonl", [chat("own", number) for number in range(70)])
    project.write_rows("general.jsonl", [chat("general", number) for number in range(100)])
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    places = [str(folder / name) for name in ("task.jsonl", "general.jsonl")]
    return CliRunner(env={"COLUMNS": "200"}).invoke(
        mix, [*places, "--output", str(folder / "mixed.jsonl"), *arguments], standalone_mode=False
    )


def judge(data: Path, line: int, choice: str) -> Verdict:
    _, rows = read("rows", data)
    verdict = Verdict(line, row_digest(rows[line - 1]), choice, "a note", "ada", "2026-01-01T00:00:00+00:00")
    Verdicts(data).append(verdict)
    return verdict


def test_the_screen_tells_what_each_file_gave(folder: Path) -> None:
    told = " ".join(run(folder, "--ratio", "0.3").output.split())
    assert "100 rows (messages), 30.0 % of them general" in told
    assert "70 70 70.0 %" in told
    assert "100 30 30.0 %" in told
    assert "mixed.jsonl.mix.json" in told


def test_verdicts_go_with_their_rows_and_only_once(folder: Path) -> None:
    own = judge(folder / "task.jsonl", 5, "bad")
    judge(folder / "general.jsonl", 1, "good")
    told = json.loads(run(folder, "--ratio", "0.01", "--seed", "3", "--json").output)
    assert told["verdicts"] == 1, "the draw of one general row took another than the first"
    (carried,) = Verdicts(folder / "mixed.jsonl").read()
    assert (carried.row, carried.choice, carried.rater, carried.note) == (own.row, "bad", "ada", "a note")
    _, rows = read("mixed", folder / "mixed.jsonl")
    assert row_digest(next(row for row in rows if row.line == carried.line)) == own.row
    again = json.loads(run(folder, "--ratio", "0.01", "--seed", "3", "--force", "--json").output)
    assert again["verdicts"] == 0
    assert len(Verdicts(folder / "mixed.jsonl").read()) == 1


def test_nothing_is_overwritten_unasked(folder: Path) -> None:
    (folder / "mixed.jsonl").write_text("mine\n")
    error = run(folder).exception
    assert isinstance(error, UsageError)
    assert "is there already" in str(error)
    assert (folder / "mixed.jsonl").read_text() == "mine\n"
    assert run(folder, "--force").exception is None


def test_a_part_is_never_overwritten_by_its_mixture(folder: Path) -> None:
    before = (folder / "task.jsonl").read_bytes()
    error = run(folder, "--output", str(folder / "task.jsonl"), "--force").exception
    assert isinstance(error, UsageError)
    assert "overwritten" in str(error)
    assert (folder / "task.jsonl").read_bytes() == before


def test_a_file_named_twice_is_refused(folder: Path) -> None:
    assert "named twice" in str(run(folder, str(folder / "task.jsonl")).exception)
