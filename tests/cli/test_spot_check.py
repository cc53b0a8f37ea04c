"""A person looks through training rows in a real terminal, and the share of good rows is told with its interval."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from terminals import Terminal

from harness.comparison.statistics import interval
from harness.review.rows import RowSheet
from harness.testing.project import Project


def chat(number: int) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": f"question {number}"},
            {"role": "assistant", "content": f"answer {number}"},
        ]
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Project(tmp_path).write_rows("train.jsonl", [chat(number) for number in range(30)])
    return tmp_path


def spot_check(folder: Path, *arguments: str, rater: str = "ada", columns: int = 80) -> Terminal:
    command = [sys.executable, "-m", "harness.cli.main", "data", "spot-check", "train.jsonl", "--rater", rater]
    return Terminal([*command, *arguments], folder, columns=columns, lines=20)


def words(text: str) -> str:
    return " ".join(text.split())


def verdicts(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "train.jsonl.spot-check.jsonl").read_text().splitlines()]


def test_a_whole_spot_check_ends_with_the_share_of_good_rows_and_its_interval(folder: Path) -> None:
    with spot_check(folder, "--items", "4") as terminal:
        terminal.until("train.jsonl: is this row good to learn from?", "ada · 1 of 4", "question", "answer (line")
        terminal.press("g", "2 of 4")
        terminal.press("b", "3 of 4")
        terminal.press("g", "4 of 4")
        terminal.press("s", "been through all 4")
        terminal.type("q")
        assert terminal.end() == 0
        told = words(terminal.rest)
    assert [each["choice"] for each in verdicts(folder)] == ["good", "bad", "good", "skip"]
    low, high = (f"{100 * end:.1f}" for end in interval([1, 0, 1], (0, 1)))
    assert f"ada 2 of 3 rows are good: 66.7 % (95 % interval {low}\N{EN DASH}{high} %)" in told
    assert "3 given · 1 skipped · 0 open" in told
    assert "drawn 4 of 30 rows" in told


def test_arrows_choose_nothing_here(folder: Path) -> None:
    with spot_check(folder, "--items", "4") as terminal:
        terminal.until("1 of 4")
        terminal.press("\x1b[D", "that key means nothing here", "1 of 4")
        terminal.press("r", "that key means nothing here")


def test_a_spot_check_that_was_killed_goes_on(folder: Path) -> None:
    with spot_check(folder, "--items", "4") as terminal:
        terminal.until("1 of 4")
        terminal.press("b", "2 of 4")
        terminal.type("n")
        terminal.wait_for("note: ")
        terminal.press("too short\r", "note: too short")
        terminal.press("g", "3 of 4")
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.end()
    assert [(each["choice"], each["note"]) for each in verdicts(folder)] == [("bad", ""), ("good", "too short")]
    with spot_check(folder, "--items", "4") as terminal:
        terminal.until("3 of 4")


def test_who_has_looked_at_every_row_knows_the_share(folder: Path) -> None:
    Project(folder).write_rows("train.jsonl", [chat(number) for number in range(2)])
    with spot_check(folder) as terminal:
        terminal.until("1 of 2")
        terminal.press("g", "2 of 2")
        terminal.press("b", "been through all 2")
        terminal.type("q")
        assert terminal.end() == 0
        assert "ada 1 of 2 rows are good: 50.0 %, and these are all rows" in words(terminal.rest)


def test_a_changed_row_is_asked_about_anew(folder: Path) -> None:
    sheet = RowSheet(folder / "train.jsonl", "ada")
    for index in range(30):
        sheet.give(index, "good", "")
    rows = [chat(number) for number in range(30)]
    rows[7]["messages"][1]["content"] = "a better answer"
    Project(folder).write_rows("train.jsonl", rows)
    with spot_check(folder) as terminal:
        terminal.until("a better answer", "answer (line 8)")
        terminal.press("g", "been through all 30")


def test_json_tells_every_raters_share_and_their_agreement(folder: Path) -> None:
    for name, choices in {"ada": ("good", "bad", "good"), "bob": ("good", "bad", "skip")}.items():
        sheet = RowSheet(folder / "train.jsonl", name, 5)
        for index, choice in enumerate(choices):
            sheet.give(index, choice, "")
    result = Project(folder).run("data", "spot-check", "train.jsonl", "--items", "5", "--json")
    assert result.exit_code == 0, result.err
    told = result.json
    assert [(each["work"]["rater"], each["good"]) for each in told["raters"]] == [("ada", 2), ("bob", 1)]
    assert told["raters"][1]["work"] == {"rater": "bob", "given": 2, "skipped": 1, "open": 2}
    assert told["raters"][0]["share"] == pytest.approx(2 / 3)
    assert (told["rows"], told["items"], told["agreement"]) == (30, 5, 1.0)


def test_before_the_first_verdict_there_is_no_share(folder: Path) -> None:
    with spot_check(folder) as terminal:
        terminal.until("1 of 30")
        terminal.type("q")
        assert terminal.end() == 0
    told = Project(folder).run("data", "spot-check", "train.jsonl", "--json").json
    assert told["raters"] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("train.jsonl",), "this is no terminal that shows pages and reads keys; --web asks in the browser"),
        (("gone.jsonl", "--json"), "'gone.jsonl' does not exist"),
        (("train.jsonl", "--port", "9"), "--port is where --web serves its page; add --web"),
        (("bad.jsonl", "--json"), "bad.jsonl:1: no known format has the columns 'x'"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_and_writes_nothing(
    folder: Path, arguments: tuple[str, ...], expected: str
) -> None:
    project = Project(folder)
    project.write_rows("bad.jsonl", [{"x": 1}])
    result = project.run("data", "spot-check", *arguments)
    assert result.exit_code == 2
    assert expected in words(result.err)
    assert "Traceback" not in result.err
    assert not list(folder.glob("*.spot-check.jsonl"))


def test_a_tool_call_and_a_rejected_answer_are_shown_too(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    turns = [{"role": "user", "content": "Rain in Oslo?"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    calls = tmp_path / "calls.jsonl"
    calls.write_text(json.dumps({"messages": turns}) + "\n")
    assert 'weather({"city": "Oslo"})' in RowSheet(calls, "ann").page(0).answers[0].text
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text(json.dumps({"prompt": "Rain?", "chosen": "Yes, a little.", "rejected": "Maybe."}) + "\n")
    assert [pane.text for pane in RowSheet(pairs, "ann").page(0).answers] == ["Yes, a little.", "Maybe."]
