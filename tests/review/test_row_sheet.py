"""Rows of training data: which are drawn, how verdicts are kept, and when a row is asked about anew."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.review.rows import RowSheet, Verdicts


def chat(number: int) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": f"question {number}"},
            {"role": "assistant", "content": f"answer {number}"},
        ]
    }


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "train.jsonl", [chat(number) for number in range(30)])


def lines(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Verdicts(data).path.read_text().splitlines()]


def answers(sheet: RowSheet) -> list[str]:
    return [sheet.page(index).answers[0].text for index in range(len(sheet))]


def test_the_draw_does_not_depend_on_where_the_rows_stand(data: Path) -> None:
    first = answers(RowSheet(data, "ada", 8))
    rows = [chat(number) for number in range(30)]
    random.Random(3).shuffle(rows)
    assert answers(RowSheet(write(data, rows), "ada", 8)) == first
    assert first != [f"answer {number}" for number in range(8)]


def test_a_larger_draw_begins_with_the_smaller_and_ends_with_the_file(data: Path) -> None:
    assert answers(RowSheet(data, "ada", 12))[:8] == answers(RowSheet(data, "ada", 8))
    assert len(RowSheet(data, "ada", 500)) == 30


def test_a_page_shows_what_is_asked_and_what_is_learned(tmp_path: Path) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "chat": {"messages": [{"role": "system", "content": "short"}, *chat(1)["messages"]]},
        "text": {"text": "raw words"},
        "choice": {"prompt": "which?", "choices": ["red", "blue"], "answer": 1},
    }
    found = {}
    for name, row in kinds.items():
        page = RowSheet(write(tmp_path / f"{name}.jsonl", [row]), "ada").page(0)
        found[name] = [(pane.title, pane.text) for pane in (*page.context, *page.answers)]
    assert found == {
        "chat": [("system", "short"), ("user", "question 1"), ("answer (line 1)", "answer 1")],
        "text": [("text (line 1)", "raw words")],
        "choice": [("user", "which?"), ("choices (line 1)", "  red\n→ blue")],
    }


def test_a_verdict_is_a_line_with_all_that_is_needed_to_read_it(data: Path) -> None:
    sheet = RowSheet(data, "ada")
    sheet.give(0, "bad", "\ud800 typo é")
    [line] = lines(data)
    assert {"line", "row", "choice", "note", "rater", "time"} == set(line)
    said = json.loads(data.read_text().splitlines()[line["line"] - 1])["messages"][1]["content"]
    assert said == answers(sheet)[0]
    assert (line["choice"], line["note"], line["rater"]) == ("bad", "\ud800 typo é", "ada")


def test_it_goes_on_where_it_was_left_and_the_last_word_counts(data: Path) -> None:
    sheet = RowSheet(data, "ada", 4)
    sheet.give(0, "good", "")
    sheet.give(1, "good", "")
    sheet.give(0, "bad", "no")
    again = RowSheet(data, "ada", 4)
    assert [again.given(index) for index in range(4)] == [("bad", "no"), ("good", ""), None, None]
    assert again.next_open() == 2
    assert len(lines(data)) == 3, "nothing is ever taken out of the file"


def test_each_rater_is_asked(data: Path) -> None:
    RowSheet(data, "ada", 4).give(0, "good", "")
    assert RowSheet(data, "bob", 4).next_open() == 0


def test_a_changed_row_is_asked_about_anew_and_a_moved_one_is_not(data: Path) -> None:
    rows = [chat(number) for number in range(5)]
    sheet = RowSheet(write(data, rows), "ada")
    for index in range(5):
        sheet.give(index, "good", "")
    rows[2]["messages"][1]["content"] = "better"
    changed = RowSheet(write(data, rows[::-1]), "ada")
    assert [said for index, said in enumerate(answers(changed)) if changed.given(index) is None] == ["better"]


def test_of_equal_rows_one_is_asked_about(data: Path) -> None:
    sheet = RowSheet(write(data, [chat(1), chat(1), chat(2)]), "ada")
    assert len({sheet.page(index).key for index in range(3)}) == 3
    twin = next(index for index, said in enumerate(answers(sheet)) if said == "answer 1")
    sheet.give(twin, "good", "")
    assert sum(sheet.given(index) is None for index in range(3)) == 1


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_line_that_was_cut_off_is_passed_over_and_spoils_no_other(data: Path, cut: int) -> None:
    sheet = RowSheet(data, "ada", 4)
    for index in range(3):
        sheet.give(index, "good", "")
    path = sheet.verdicts.path
    path.write_bytes(path.read_bytes()[:-cut])
    again = RowSheet(data, "ada", 4)
    # without its end of line alone, the line still says all
    assert again.next_open() == (3 if cut == 1 else 2)
    again.give(3, "bad", "")
    last = RowSheet(data, "ada", 4)
    assert (last.given(1), last.given(3)) == (("good", ""), ("bad", ""))


@pytest.mark.parametrize("line", ['{"line": 1}', "[]", '"x"', '{"choice": "superb"}', "1"])
def test_a_file_that_holds_no_verdicts_is_refused_with_its_line(data: Path, line: str) -> None:
    RowSheet(data, "ada").give(0, "good", "")
    with Verdicts(data).path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UsageError, match=r"\.spot-check\.jsonl:2: is no verdict of a spot check; move the file"):
        RowSheet(data, "ada")


def test_a_place_that_cannot_be_written_is_told_before_the_first_verdict(data: Path) -> None:
    Verdicts(data).path.mkdir()
    with pytest.raises(UsageError, match=r"spot-check\.jsonl: cannot be written: Is a directory"):
        Verdicts(data).refuse_unwritable()


def test_a_verdict_is_on_the_disk_when_it_is_given(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    sheet = RowSheet(data, "ada")
    sheet.give(0, "good", "")
    assert synced == [sheet.verdicts.path.stat().st_size]


def test_the_data_itself_is_not_touched(data: Path) -> None:
    before = data.read_bytes()
    RowSheet(data, "ada").give(0, "bad", "")
    assert data.read_bytes() == before
