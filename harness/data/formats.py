"""Rows in: JSONL in the shapes that people have, recognised by their columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from harness.errors import UsageError, did_you_mean
from harness.identity import file_sha256, sample_id, with_unique_ids
from harness.values import Dataset, Message, Role, Sample

Format = Literal["messages", "prompt_completion", "alpaca", "multiple_choice", "text"]

COLUMNS: Mapping[Format, tuple[str, ...]] = {
    "messages": ("messages",),
    "multiple_choice": ("prompt", "choices", "answer"),
    "prompt_completion": ("prompt", "completion"),
    "alpaca": ("instruction", "output"),
    "text": ("text",),
}
"""The columns that a format cannot do without."""

KNOWN_FORMATS = "; ".join(", ".join(columns) for columns in COLUMNS.values())


@dataclass(frozen=True, slots=True)
class Row:
    """One row as a conversation that ends with the right answer, a question with choices, or raw text."""

    line: int
    messages: tuple[Message, ...]
    """Ends with the assistant's answer, but in a multiple-choice row, which is only the question; raw text has none."""
    choices: tuple[str, ...] = ()
    answer: int | None = None
    cluster: str | None = None
    tags: tuple[str, ...] = ()
    text: str | None = None
    """Raw text, which asks nothing: it can be trained on, or weighed."""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """All that stands before the answer."""
        return self.messages if self.choices else self.messages[:-1]


def read(name: str, path: Path, *, cluster: str | None = None) -> tuple[Dataset, tuple[Row, ...]]:
    """The rows of a file with its fingerprint; ``UsageError`` names file, line and what would be right."""
    rows: list[Row] = []
    form: Format | None = None
    for line, content in _objects(path):
        form = form or _recognise(content, path, line)
        rows.append(_row(form, content, path, line, cluster))
    if form is None:
        raise UsageError("the file holds no rows", path=path, remedy="one JSON object a line")
    return Dataset(name, path, file_sha256(path), len(rows), form), tuple(rows)


def samples(rows: Sequence[Row]) -> tuple[Sample, ...]:
    """The rows as items to be answered, each known by the digest of its content."""
    return with_unique_ids(_sample(row) for row in rows)


def write(rows: Sequence[Row], path: Path) -> None:
    """The rows as ``{"messages": [...]}`` or ``{"text": ...}``, one a line: the two forms that trainers read."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            turns = [{"role": message.role, "content": message.content} for message in row.messages]
            content = {"messages": turns} if row.text is None else {"text": row.text}
            file.write(json.dumps(content, ensure_ascii=False) + "\n")


def _sample(row: Row) -> Sample:
    if row.text is not None:
        return Sample(sample_id(row.text, ()), row.text, (), (), None, None, row.cluster, row.tags)
    targets = (row.choices[row.answer],) if row.answer is not None else (row.messages[-1].content,)
    identity = sample_id(row.prompt, targets, row.choices)
    return Sample(identity, row.prompt, targets, row.choices, row.answer, None, row.cluster, row.tags)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if raw.strip():
                    yield number, _object(raw, path, number)
    except FileNotFoundError:
        raise UsageError("no such data file", path=path, remedy="paths are relative to the suite file") from None
    except IsADirectoryError:
        raise UsageError("a folder, not a data file", path=path, remedy="name a .jsonl file") from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=path) from None


def _object(raw: bytes, path: Path, line: int) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 text (byte {error.start} of the line)", path=path, line=line) from None
    except json.JSONDecodeError as error:
        raise UsageError(
            f"not valid JSON: {error.msg} (column {error.colno})", path=path, line=line, remedy="one JSON object a line"
        ) from None
    if not isinstance(value, dict):
        raise UsageError(
            f"holds {type(value).__name__}, not an object", path=path, line=line, remedy="one JSON object a line"
        )
    return value


def _recognise(row: Mapping[str, Any], path: Path, line: int) -> Format:
    for form, columns in COLUMNS.items():
        if all(column in row for column in columns):
            return form
    known = {column for columns in COLUMNS.values() for column in columns}
    near = [
        f"{column!r}: {did_you_mean(column, known)}" for column in row if "did you mean" in did_you_mean(column, known)
    ]
    hint = f" ({near[0]})" if near else ""
    raise UsageError(
        f"no known format has the columns {', '.join(map(repr, row)) or 'of an empty row'}{hint}",
        path=path,
        line=line,
        remedy=f"known are: {KNOWN_FORMATS}",
    )


def _row(form: Format, row: Mapping[str, Any], path: Path, line: int, cluster: str | None) -> Row:
    for column in COLUMNS[form]:
        if column not in row:
            raise UsageError(
                f"the row has no {column!r}", path=path, line=line, remedy=f"like the rows before it ({form})"
            )
    if cluster is not None and cluster not in row:
        raise UsageError(f"the row has no {cluster!r}, which the task names as its cluster", path=path, line=line)
    text = None
    try:
        if form == "text":
            text = _text(row["text"], "text")
        messages, choices, answer = ((), (), None) if text is not None else _READERS[form](row)
    except ValueError as error:
        raise UsageError(str(error), path=path, line=line) from None
    tags = row.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise UsageError("'tags' is not a list of words", path=path, line=line)
    return Row(line, messages, choices, answer, _cluster(row, cluster), tuple(tags), text)


def _cluster(row: Mapping[str, Any], column: str | None) -> str | None:
    """The row's group; a null one belongs to no other row's."""
    return None if column is None or row[column] is None else str(row[column])


_Parts = tuple[tuple[Message, ...], tuple[str, ...], int | None]


def _from_messages(row: Mapping[str, Any]) -> _Parts:
    messages = _messages(row["messages"], "messages")
    if len(messages) < 2 or messages[-1].role != "assistant":
        raise ValueError("'messages' does not end with the assistant's answer; add it as the last message")
    if not any(message.role == "user" for message in messages):
        raise ValueError("'messages' has no turn of the user")
    return messages, (), None


def _from_prompt_completion(row: Mapping[str, Any]) -> _Parts:
    prompt, completion = row["prompt"], row["completion"]
    before = _messages(prompt, "prompt") if isinstance(prompt, list) else (Message("user", _text(prompt, "prompt")),)
    after = (
        _messages(completion, "completion")
        if isinstance(completion, list)
        else (Message("assistant", _text(completion, "completion")),)
    )
    if len(after) != 1 or after[0].role != "assistant":
        raise ValueError("'completion' is not one message of the assistant")
    return (*before, *after), (), None


def _from_alpaca(row: Mapping[str, Any]) -> _Parts:
    asked = _text(row["instruction"], "instruction")
    given = row.get("input") or ""
    question = f"{asked}\n\n{_text(given, 'input')}" if given else asked
    return (Message("user", question), Message("assistant", _text(row["output"], "output"))), (), None


def _from_multiple_choice(row: Mapping[str, Any]) -> _Parts:
    prompt, choices, answer = row["prompt"], row["choices"], row["answer"]
    if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(each, str) for each in choices):
        raise ValueError("'choices' is not a list of at least two texts")
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(choices):
        raise ValueError(f"'answer' is not the index of a choice (0 to {len(choices) - 1}): {answer!r}")
    before = _messages(prompt, "prompt") if isinstance(prompt, list) else (Message("user", _text(prompt, "prompt")),)
    return before, tuple(_whole(each, f"choices[{index}]") for index, each in enumerate(choices)), answer


_READERS: Mapping[str, Callable[[Mapping[str, Any]], _Parts]] = {
    "messages": _from_messages,
    "prompt_completion": _from_prompt_completion,
    "alpaca": _from_alpaca,
    "multiple_choice": _from_multiple_choice,
}


def _messages(value: object, column: str) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{column!r} is not a list of messages {{role, content}}")
    return tuple(_message(each, f"{column}[{index}]") for index, each in enumerate(value))


def _message(value: object, where: str) -> Message:
    if not isinstance(value, dict) or not {"role", "content"} <= set(value):
        raise ValueError(f"{where} is not a message {{role, content}}")
    if value["role"] not in get_args(Role):
        raise ValueError(f"{where} has the role {value['role']!r}; {did_you_mean(str(value['role']), get_args(Role))}")
    return Message(cast(Role, value["role"]), _text(value["content"], f"{where}.content"))


def _text(value: object, column: str) -> str:
    if not isinstance(value, str) or not value.strip():
        what = "is empty" if isinstance(value, str) else f"is {type(value).__name__}, not text"
        raise ValueError(f"{column!r} {what}")
    return _whole(value, column)


def _whole(value: str, column: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(value[error.start]):04x}"
        raise ValueError(f"{column!r} holds half a character ({half}); write it whole or leave it out") from None
    return value
