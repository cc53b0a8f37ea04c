"""Files converted: all that they hold comes back, or nothing is written and the rows are named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from harness.data import formats
from harness.data.convert import Converted, convert
from harness.errors import UsageError
from harness.rows import Format, Row

Object = dict[str, Any]

CALLS = [
    {"from": "human", "value": "Where is 4711?"},
    {"from": "function_call", "value": '{"name": "find", "arguments": {"number": 4711}}'},
    {"from": "observation", "value": "on its way"},
    {"from": "gpt", "value": "It is on its way."},
]
FILES: dict[Format, list[Object]] = {
    "alpaca": [
        {"instruction": "Sum up.", "input": f"Text {n}", "output": "Short.", "id": n} if n % 2 else
        {"instruction": f"Say {n}.", "input": "", "output": "No.", "system": "Be brief.", "id": n}
        for n in range(5)
    ],
    "sharegpt": [
        {"conversations": CALLS, "tools": '[{"type": "function", "function": {"name": "find"}}]', "tags": ["a"]},
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b", "weight": 0}]},
    ],
    "classification": [{"text": f"t{n}", "label": n, "synthetic": True} for n in range(4)],
    "prompt_completion": [{"prompt": f"p{n}", "completion": "c", "source": None} for n in range(3)],
    "input_output": [{"input": "a", "output": "b"}],
    "anthropic": [
        {"system": "s", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    ],
    "preference": [{"prompt": "a", "chosen": "b", "rejected": "c"}],
    "kto": [{"prompt": "a", "completion": "b", "label": False}],
    "multiple_choice": [{"prompt": "a", "choices": ["b", "c"], "answer": 1}],
    "text": [{"text": "a"}, {"text": "b\n\nc", "url": "x"}],
}  # fmt: skip


def write(path: Path, rows: list[Object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def objects(path: Path) -> list[Object]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def refusal(source: Path, target: Path, **how: Any) -> str:  # noqa: ANN401 - of convert
    """The words of a conversion that is refused; nothing is written then, not even beside the target."""
    before = {path: path.read_bytes() for path in target.parent.iterdir() if path.is_file()}
    with pytest.raises(UsageError) as refused:
        convert(source, target, **how)
    assert {path: path.read_bytes() for path in target.parent.iterdir() if path.is_file()} == before
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    "form", ["alpaca", "sharegpt", "classification", "prompt_completion", "input_output", "anthropic"]
)
def test_a_file_comes_back_from_messages_as_it_was(form: Format, tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", FILES[form])
    there = convert(source, tmp_path / "b.jsonl")
    back = convert(tmp_path / "b.jsonl", tmp_path / "c.jsonl", to=form)
    assert (there.source_form, there.target_form, there.rows) == (form, "messages", len(FILES[form]))
    assert (back.source_form, back.target_form) == ("messages", form)
    assert objects(tmp_path / "c.jsonl") == FILES[form]
    assert list(formats.stream(tmp_path / "c.jsonl")) == list(formats.stream(source))


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("kind", ["b.json", "b.jsonl.gz", "b.parquet"])
def test_only_the_kind_of_file_changes_where_the_format_stays(form: Format, kind: str, tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", FILES[form])
    convert(source, tmp_path / kind, to=form)
    convert(tmp_path / kind, tmp_path / "c.jsonl", to=form, form=form)
    assert [without_nulls(row) for row in objects(tmp_path / "c.jsonl")] == [without_nulls(row) for row in FILES[form]]


def without_nulls(value: object) -> object:
    """The value with nothing in place of null, which a table cannot tell from a missing one."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def test_texts_go_into_a_table_of_texts_and_back(tmp_path: Path) -> None:
    rows = [{"text": f'line\n{n}, "said"', "label": "pos"} for n in range(3)]
    convert(write(tmp_path / "a.jsonl", rows), tmp_path / "b.csv", to="classification")
    convert(tmp_path / "b.csv", tmp_path / "c.jsonl", to="classification")
    assert objects(tmp_path / "c.jsonl") == rows


def test_what_is_in_the_format_already_is_written_as_it_stands(tmp_path: Path) -> None:
    row = {
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "s"}]},
            {"role": "user", "content": "a", "name": "Ada"},
            {"role": "assistant", "content": "b", "weight": 0, "refusal": None},
        ],
        "id": 1.50,
    }
    convert(write(tmp_path / "a.jsonl", [row]), tmp_path / "b.json")
    assert json.loads((tmp_path / "b.json").read_text()) == [row]


def test_prompts_are_all_texts_or_all_turns_in_one_file(tmp_path: Path) -> None:
    one = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    more = {"messages": [{"role": "system", "content": "s"}, *one["messages"]]}
    convert(write(tmp_path / "a.jsonl", [one, one]), tmp_path / "texts.jsonl", to="prompt_completion")
    assert objects(tmp_path / "texts.jsonl") == [{"prompt": "a", "completion": "b"}] * 2
    convert(write(tmp_path / "b.jsonl", [one, more]), tmp_path / "turns.jsonl", to="prompt_completion")
    assert [type(row["prompt"]) for row in objects(tmp_path / "turns.jsonl")] == [list, list]
    convert(tmp_path / "turns.jsonl", tmp_path / "back.jsonl")
    assert objects(tmp_path / "back.jsonl") == [one, more]


def test_rows_that_the_format_cannot_hold_are_named(tmp_path: Path) -> None:
    plain = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    calling = objects_of_calls(tmp_path)
    source = write(tmp_path / "a.jsonl", [plain, *[calling] * 2, plain, *[calling] * 14])
    message = refusal(source, tmp_path / "b.jsonl", to="alpaca")
    assert message == (
        f"{source}: lines 2, 3, 5 and 13 more hold tool calls, which alpaca cannot hold; "
        "choose another format (--to), or leave them out"
    )


def objects_of_calls(folder: Path) -> Object:
    convert(write(folder / "s.jsonl", [{"conversations": CALLS}]), folder / "m.jsonl")
    return objects(folder / "m.jsonl")[0]


@pytest.mark.parametrize(
    ("form", "to", "words"),
    [
        (
            "kto",
            "messages",
            "line 1 holds whether the answer was liked, which messages cannot hold; '--to kto' keeps all",
        ),
        (
            "preference",
            "messages",
            "a better and a worse answer, which messages cannot hold; '--to preference' keeps all",
        ),
        ("text", "messages", "lines 1 and 2 hold raw text, which messages cannot hold; '--to text' keeps all"),
        ("multiple_choice", "prompt_completion", "choices, which prompt_completion cannot hold"),
        ("classification", "kto", "no word on whether the answer was liked, which kto needs"),
        ("anthropic", "input_output", "line 1 holds system texts, which input_output cannot hold"),
        ("classification", "text", "conversations, which text cannot hold"),
    ],
)
def test_each_loss_has_its_words(form: Format, to: Format, words: str, tmp_path: Path) -> None:
    assert words in refusal(write(tmp_path / "a.jsonl", FILES[form]), tmp_path / "b.jsonl", to=to)


def test_rows_that_cannot_be_read_are_told_up_to_five(tmp_path: Path) -> None:
    good = {"text": "a"}
    source = write(tmp_path / "a.jsonl", [good, *[{"text": ""}] * 7, {"txt": "b"}])
    message = refusal(source, tmp_path / "b.jsonl", to="text")
    assert "8 rows cannot be read: line 2 ('text' is empty), line 3 ('text' is empty)" in message
    assert "line 6 ('text' is empty) and 3 more" in message
    source = write(tmp_path / "c.jsonl", [good, {"txt": "b"}])
    assert f"{source}:2: the row has no 'text'" in refusal(source, tmp_path / "b.jsonl", to="text")


def test_what_the_kind_of_file_cannot_hold_is_told_with_the_lines(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", FILES["input_output"])
    message = refusal(source, tmp_path / "b.csv")
    assert "line 1 cannot stand in b.csv: 'messages' is no text but list" in message


def test_two_formats_that_fit_are_asked_about_or_a_column_is_left_out(tmp_path: Path) -> None:
    rows = [{"instruction": "a", "input": "b", "output": "c", "text": "rendered"}]
    source = write(tmp_path / "a.jsonl", rows)
    assert "the row fits both alpaca" in refusal(source, tmp_path / "b.jsonl")
    assert convert(source, tmp_path / "b.jsonl", form="alpaca", to="sharegpt").source_form == "alpaca"
    convert(source, tmp_path / "c.jsonl", drop=("text",))
    convert(tmp_path / "c.jsonl", tmp_path / "d.jsonl", to="alpaca")
    assert objects(tmp_path / "d.jsonl") == [{"instruction": "a", "input": "b", "output": "c"}]


def test_nothing_is_replaced_unasked_and_nothing_is_read_while_it_is_written(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", FILES["input_output"])
    target = write(tmp_path / "b.jsonl", [{"text": "mine"}])
    assert "is there already; --force replaces it" in refusal(source, target)
    assert "cannot be converted into itself" in refusal(source, source, force=True)
    (tmp_path / "link.jsonl").symlink_to(source)
    assert "cannot be converted into itself" in refusal(source, tmp_path / "link.jsonl", force=True)
    assert "stands in the folder that is to be converted" in refusal(tmp_path, tmp_path / "new.jsonl")
    assert convert(source, target, force=True) == Converted(source, target, 1, "input_output", "messages")
    assert objects(target)[0]["messages"][1]["content"] == "b"


def test_a_conversion_that_is_refused_leaves_the_old_file(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", FILES["kto"])
    target = write(tmp_path / "b.jsonl", [{"text": "mine"}])
    refusal(source, target, force=True)
    assert objects(target) == [{"text": "mine"}]


def test_it_is_told_how_far_the_work_is(tmp_path: Path) -> None:
    heard: list[int] = []
    convert(write(tmp_path / "a.jsonl", FILES["input_output"] * 2500), tmp_path / "b.jsonl", told=heard.append)
    assert heard == [1000, 2000]


def test_rows_are_streamed(tmp_path: Path) -> None:
    import tracemalloc

    source = tmp_path / "a.jsonl.gz"
    with gzip.open(source, "wt", compresslevel=1) as file:
        for number in range(3000):
            file.write(json.dumps({"input": f"{number} " + "a" * 10_000, "output": "b"}) + "\n")
    tracemalloc.start()
    convert(source, tmp_path / "b.jsonl", to="prompt_completion")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 2**20  # of 30 MB
    assert sum(isinstance(row, Row) for row in formats.stream(tmp_path / "b.jsonl")) == 3000
