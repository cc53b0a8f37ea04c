"""Rows in the shapes that people have become the same samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.data import formats
from harness.data.formats.recognise import fitting
from harness.errors import UsageError
from harness.rows import Row
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


def told(folder: Path, *rows: dict[str, Any]) -> list[tuple[int, str, str]]:
    """What a lenient reading says of the lines that are no rows."""
    return [(each.line, each.problem, each.remedy) for each in formats.table("train", write(folder, *rows)).unreadable]


COLUMNS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"messages": []}, "messages"),
    ({"messages": [], "tools": [], "id": 1}, "messages"),
    ({"messages": [], "system": "s"}, "anthropic"),
    ({"messages": [], "tools": [{"name": "f", "input_schema": {}}]}, "anthropic"),
    ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "anthropic"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}, "messages"),
    ({"conversations": [], "system": "s", "tools": ""}, "sharegpt"),
    ({"prompt": "a", "completion": "b"}, "prompt_completion"),
    ({"prompt": "a", "completion": "b", "label": "c"}, "prompt_completion"),
    ({"prompt": "a", "completion": "b", "label": True}, "kto"),
    ({"prompt": "a", "completion": "b", "label": "False"}, "kto"),
    ({"prompt": "a", "chosen": "b", "rejected": "c"}, "preference"),
    ({"chosen": [], "rejected": [], "score": 1}, "preference"),
    ({"instruction": "a", "output": "b"}, "alpaca"),
    ({"instruction": "a", "input": "b", "output": "c"}, "alpaca"),
    ({"instruction": "a", "input": "b", "output": "c", "system": "s", "history": []}, "alpaca"),
    ({"input": "a", "output": "b"}, "input_output"),
    ({"text": "a"}, "text"),
    ({"text": "a", "label": 3}, "classification"),
    ({"text": "a", "label": None, "id": 1}, "classification"),
    ({"prompt": "a", "choices": [], "answer": 0}, "multiple_choice"),
)


@pytest.mark.parametrize(("row", "form"), COLUMNS)
def test_the_format_that_explains_more_columns_wins(row: dict[str, Any], form: str) -> None:
    assert fitting(row) == (form,)


@pytest.mark.parametrize(
    ("row", "both"),
    [
        ({"messages": [], "text": "a"}, "both messages (messages) and text (text)"),
        (
            {"prompt": "a", "completion": "b", "chosen": "c", "rejected": "d"},
            "both prompt_completion (prompt, completion)",
        ),
        (
            {"instruction": "a", "input": "b", "output": "c", "text": "d"},
            "both alpaca (instruction, output) and text (text)",
        ),
        ({"conversations": [], "messages": []}, "both messages (messages) and sharegpt (conversations)"),
        (
            {"text": "a", "label": "b", "messages": [], "prompt": "c", "completion": "d"},
            "messages (messages), prompt_completion",
        ),
    ],
)
def test_two_formats_that_fit_are_named_with_the_way_out(row: dict[str, Any], both: str, tmp_path: Path) -> None:
    path = write(tmp_path, row)
    for reading in (formats.read, formats.table):
        with pytest.raises(UsageError) as refused:
            reading("train", path)
        assert str(refused.value).startswith(f"{path}:1: the row fits {both}")
        assert refused.value.remedy == (
            "'harness data convert' reads them with --from FORMAT, and leaves a column out with --drop COLUMN"
        )


def test_the_format_may_be_said_where_the_columns_fit_two(tmp_path: Path) -> None:
    path = write(tmp_path, {**SHAPES["messages"], "text": "a rendering"})
    [row] = formats.stream(path, "messages")
    assert isinstance(row, Row)
    assert (row.form, dict(row.extra)) == ("messages", {"text": "a rendering"})


@pytest.mark.parametrize(
    ("first", "then", "problem"),
    [
        (SHAPES["messages"], SHAPES["alpaca"], "the row has no 'messages'"),
        ({"text": "a"}, {"text": "a", "label": "b"}, "the row is classification, and those before it are text"),
        (
            {"prompt": "a", "completion": "b"},
            {"prompt": "a", "completion": "b", "label": False},
            "the row is kto, and those before it are prompt_completion",
        ),
        ({"input": "a", "output": "b"}, {"instruction": "x", "input": "a", "output": "b"}, "the row is alpaca, and"),
    ],
)
def test_a_format_that_changes_midway_is_told_with_the_line(
    first: dict[str, Any], then: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    [(line, said, _)] = told(tmp_path, first, then, first)
    assert (line, said.startswith(problem)) == (2, True)
    with pytest.raises(UsageError, match=rf"rows\.jsonl:2: {problem}"):
        formats.read("train", tmp_path / "rows.jsonl")


def test_one_row_of_anthropic_among_the_first_tells_of_all(tmp_path: Path) -> None:
    path = write(tmp_path, *[SHAPES["messages"]] * 20, {**SHAPES["messages"], "system": "Be brief."})
    table = formats.table("train", path)
    assert (table.form, len(table.rows), table.rows[-1].messages[0].role) == ("anthropic", 21, "system")


def test_a_system_column_that_comes_late_is_not_taken_for_one_besides(tmp_path: Path) -> None:
    rows = [SHAPES["messages"]] * 300
    [(line, said, _)] = told(tmp_path, *rows, {**SHAPES["messages"], "system": "Be brief."})
    assert (line, said) == (301, "the row is anthropic, and those before it are messages")


def test_a_lenient_reading_goes_past_what_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good = json.dumps(SHAPES["messages"])
    path.write_text(f'{{"massages": []}}\n{good}\n{{"cut\n{{"messages": []}}\n{good}\n')
    table = formats.table("train", path)
    assert [row.line for row in table.rows] == [2, 5]
    assert [each.line for each in table.unreadable] == [1, 3, 4]
    assert table.unreadable[0].problem == (
        "no known format has the columns 'massages' ('massages': did you mean 'messages'?)"
    )


def test_a_file_without_any_row_has_no_format(tmp_path: Path) -> None:
    table = formats.table("train", write(tmp_path, {"x": 1}, {"y": 2}))
    assert (table.form, table.rows, len(table.unreadable)) == (None, (), 2)


def test_equal_faults_are_told_in_equal_words(tmp_path: Path) -> None:
    def ending(count: int) -> dict[str, Any]:
        return {"messages": [*SHAPES["messages"]["messages"] * count, {"role": "user", "content": " "}]}

    first, second = told(tmp_path, ending(1), ending(3))
    assert first[1] == second[1] == "a turn of the user is empty"
    assert (first[2], second[2]) == (
        "fill messages[2], or leave the row out",
        "fill messages[6], or leave the row out",
    )


def test_columns_besides_are_kept_as_they_are_and_known_ones_are_not_among_them(tmp_path: Path) -> None:
    more = {"id": 7, "synthetic": True, "score": None, "nested": {"a": [1]}}
    _, [row] = formats.read("train", write(tmp_path, {**SHAPES["alpaca"], **more, "tags": ["x"], "input": None}))
    assert (row.extra, row.tags, row.is_synthetic) == (more, ("x",), True)


@pytest.mark.parametrize("column", ["id", "\ud83d"])
def test_half_a_character_in_a_column_besides_is_refused(column: str, tmp_path: Path) -> None:
    value = "\ud83d" if column == "id" else "x"
    [(line, said, _)] = told(tmp_path, {**SHAPES["alpaca"], column: {"deep": [value]}})
    assert (line, "half a character" in said) == (1, True), said


def test_rows_with_tools_are_no_questions_yet(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    _, rows = formats.read("test", write(tmp_path, SHAPES["messages"], {**SHAPES["messages"], "tools": tools}))
    with pytest.raises(UsageError, match="line 2: tasks cannot ask rows with tools yet"):
        formats.samples(rows)


def test_answers_that_were_judged_are_no_targets_and_chosen_ones_are(tmp_path: Path) -> None:
    _, rows = formats.read("test", write(tmp_path, {"prompt": "a", "completion": "b", "label": False}))
    with pytest.raises(UsageError, match="line 1: tasks cannot ask kto rows"):
        formats.samples(rows)
    _, rows = formats.read("test", write(tmp_path, {"prompt": "a", "chosen": "b", "rejected": "c"}))
    [sample] = formats.samples(rows)
    assert (sample.prompt, sample.targets) == ((Message("user", "a"),), ("b",))


def test_tools_are_written_for_a_trainer_and_read_back(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    tools = [{"type": "function", "function": {"name": "f"}}]
    _, rows = formats.read("train", write(tmp_path, {"messages": turns, "tools": tools, "id": 1}))
    formats.write(rows, tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {"messages": turns, "tools": tools}
    assert formats.read("train", tmp_path / "out.jsonl")[1][0].messages == rows[0].messages
