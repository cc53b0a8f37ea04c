"""Rows for training, read from a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from harness import TrainsOn, UsageError


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation or a text, and the line that it stands in."""

    line: int
    messages: tuple[dict[str, Any], ...] = ()
    """As chat templates take them: the arguments of tool calls are objects."""
    text: str = ""
    tools: tuple[dict[str, Any], ...] = ()
    """The functions that the assistant may call, as JSON schemas."""


def read(path: Path, trains_on: TrainsOn, first: int | None = None) -> list[Row]:
    """All rows, or the first few; ``UsageError`` names the line of one that there is nothing to learn from."""
    with path.open(encoding="utf-8") as lines:
        found = list(islice(_rows(path, lines, trains_on), first))
    if not found:
        raise UsageError("no rows to train on", path=path)
    return found


def _rows(path: Path, lines: Iterator[str], trains_on: TrainsOn) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        value = json.loads(line)
        if trains_on == "text":
            if not value.get("text"):
                raise UsageError("the row has no text", path=path, line=number, remedy='write {"text": "..."}')
            yield Row(number, text=value["text"])
            continue
        messages = value["messages"]
        if len(messages) < 2 or messages[-1]["role"] != "assistant":
            raise UsageError(
                "the row does not end with an answer to something",
                path=path,
                line=number,
                remedy="end it with a message of the assistant",
            )
        try:
            yield Row(number, tuple(map(_message, messages)), tools=tuple(value.get("tools") or ()))
        except ValueError as error:
            remedy = "write them as the JSON of an object, or leave the row out"
            raise UsageError(str(error), path=path, line=number, remedy=remedy) from None


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """The message with what OpenAI writes as null or as JSON in the form that Hugging Face has agreed on."""
    found = {**message, "content": message.get("content") or ""}
    if message.get("tool_calls"):
        found["tool_calls"] = [_call(call) for call in message["tool_calls"]]
    return found


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = function["arguments"]
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            arguments = None
    if not isinstance(arguments, dict):
        raise ValueError("the arguments of a tool call are no JSON object")
    return {**call, "type": "function", "function": {**function, "arguments": arguments}}
