"""Rows in the shapes that people have become the same samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.data import formats
from harness.errors import UsageError
from harness.values import Message

QUESTION = (Message("user", "What colour is the sky?"),)

SHAPES: dict[str, dict[str, Any]] = {
    "messages": {
        "messages": [
            {"role": "user", "content": "What colour is the sky?"},
            {"role": "assistant", "content": "Blue."},
        ]
    },
    "prompt_completion": {"prompt": "What colour is the sky?", "completion": "Blue."},
    "alpaca": {"instruction": "What colour is the sky?", "output": "Blue."},
}


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("form", SHAPES)
def test_the_columns_tell_the_format_and_all_give_one_sample(form: str, tmp_path: Path) -> None:
    dataset, rows = formats.read("test", write(tmp_path, SHAPES[form]))
    (sample,) = formats.samples(rows)
    assert dataset.format == form
    assert (sample.prompt, sample.targets) == (QUESTION, ("Blue.",))


def test_a_sample_is_known_by_its_content_in_every_format_and_place(tmp_path: Path) -> None:
    ids = {
        formats.samples(formats.read("test", write(tmp_path, *rows))[1])[-1].id
        for rows in ([SHAPES["messages"]], [SHAPES["alpaca"]], [{**SHAPES["messages"], "tags": ["x"]}])
    }
    assert len(ids) == 1


def test_two_equal_rows_are_both_asked(tmp_path: Path) -> None:
    _, rows = formats.read("test", write(tmp_path, SHAPES["messages"], SHAPES["messages"]))
    first, second = formats.samples(rows)
    assert second.id == f"{first.id}-2"


def test_a_multiple_choice_row_keeps_its_choices_and_the_right_one(tmp_path: Path) -> None:
    row = {"prompt": "2 + 2 =", "choices": [" 3", " 4"], "answer": 1}
    (sample,) = formats.samples(formats.read("test", write(tmp_path, row))[1])
    assert (sample.choices, sample.answer, sample.targets) == ((" 3", " 4"), 1, (" 4",))


def test_the_column_of_the_cluster_is_kept(tmp_path: Path) -> None:
    _, rows = formats.read("test", write(tmp_path, {**SHAPES["alpaca"], "passage": 7}), cluster="passage")
    assert formats.samples(rows)[0].cluster == "7"


def test_blank_lines_and_a_byte_order_mark_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(SHAPES["alpaca"]).encode() + b"\r\n\r\n")
    dataset, rows = formats.read("test", path)
    assert (dataset.size, rows[0].line) == (1, 1)


def test_what_is_written_for_a_trainer_reads_back_the_same(tmp_path: Path) -> None:
    _, rows = formats.read("train", write(tmp_path, SHAPES["prompt_completion"]))
    formats.write(rows, tmp_path / "out.jsonl")
    _, again = formats.read("train", tmp_path / "out.jsonl")
    assert again[0].messages == rows[0].messages


@pytest.mark.parametrize("row", [*SHAPES.values(), {"text": "Blue."}])
def test_half_a_character_is_refused_with_its_line_and_a_whole_one_read(row: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    whole, half = (json.dumps(row).replace("Blue.", escape) for escape in (r"Blue \ud83d\udc99", r"Blue \ud83d"))
    path.write_text(f"{whole}\n", encoding="ascii")
    [read] = formats.read("train", path)[1]
    assert (read.text or read.messages[-1].content) == "Blue 💙"
    path.write_text(f"{whole}\n{half}\n", encoding="ascii")
    with pytest.raises(UsageError) as refused:
        formats.read("train", path)
    assert str(refused.value).startswith(f"{path}:2: ")
    assert r"holds half a character (\ud83d)" in str(refused.value)


def test_half_a_character_in_a_choice_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(r'{"prompt": "Which?", "choices": ["a \ud83d", "b"], "answer": 0}', encoding="ascii")
    with pytest.raises(UsageError, match=r"rows.jsonl:1: 'choices\[0\]' holds half a character"):
        formats.read("test", path)
