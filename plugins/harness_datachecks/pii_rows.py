"""All texts of a row with the place where each stands, and the row with each of them changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness import Message, Row, ToolMessage

Change = Callable[[str], str]


def texts(row: Row) -> Iterator[tuple[str, str]]:
    """Where, in words, and what: turns, calls of tools, rejected answer, choices, raw text, tools, other columns."""
    yield from _said(row.messages, "turn")
    yield from _said(row.rejected, "rejected turn")
    for number, choice in enumerate(row.choices, start=1):
        yield f"choice {number}", choice
    if row.text is not None:
        yield "text", row.text
    for text in _inside(row.tools):
        yield "tools", text
    for column, value in row.extra.items():
        for text in _inside(value):
            yield f"column {column}", text


def changed(row: Row, change: Change, in_json: Change) -> Row:
    """The row with every text as ``change`` has it; arguments of tools, which are JSON, as ``in_json`` has them."""
    return replace(
        row,
        messages=tuple(_changed(message, change, in_json) for message in row.messages),
        rejected=tuple(_changed(message, change, in_json) for message in row.rejected),
        choices=tuple(map(change, row.choices)),
        text=None if row.text is None else change(row.text),
        tools=tuple(_with(tool, change) for tool in row.tools),
        extra=_with(row.extra, change),
    )


def _said(messages: Sequence[Message], what: str) -> Iterator[tuple[str, str]]:
    for number, message in enumerate(messages, start=1):
        yield f"{what} {number} ({message.role})", message.content
        if isinstance(message, ToolMessage):
            for call in message.calls:
                yield f"{what} {number} (call of a tool)", call.arguments


def _changed(message: Message, change: Change, in_json: Change) -> Message:
    if not isinstance(message, ToolMessage):
        return replace(message, content=change(message.content))
    calls = tuple(replace(call, arguments=in_json(call.arguments)) for call in message.calls)
    return replace(message, content=change(message.content), calls=calls)


def _inside(value: object) -> Iterator[str]:
    """The texts in a value of JSON; names of fields are none."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, Mapping):
            waiting.extend(reversed(list(each.values())))
        elif isinstance(each, list | tuple):
            waiting.extend(reversed(each))


def _with(fields: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The fields, however deep, with every text in them changed; their names stay."""
    whole: list[dict[str, Any]] = [dict(fields)]
    waiting: list[tuple[Any, Any]] = [(whole, 0)]
    while waiting:
        place, key = waiting.pop()
        each = place[key]
        if isinstance(each, str):
            place[key] = change(each)
        elif isinstance(each, Mapping):
            place[key] = dict(each)
            waiting.extend((place[key], name) for name in each)
        elif isinstance(each, list | tuple):
            place[key] = list(each)
            waiting.extend((place[key], index) for index in range(len(each)))
    return whole[0]
