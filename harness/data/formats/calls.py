"""Calls of tools: their arguments, their ids, and the functions that may be called."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from harness.data.formats.faults import RowError, kind, whole, whole_within
from harness.rows import ToolCall, ToolMessage
from harness.values import Message

Tools = tuple[Mapping[str, Any], ...]


def call(name: object, arguments: object, identity: object = None) -> ToolCall:
    """A call; arguments that are an object become the JSON of it. Without an id until ``settled`` gives it one."""
    if not isinstance(name, str) or not name:
        raise RowError("a tool call names no function")
    if isinstance(arguments, Mapping) or arguments is None:
        arguments = spelled(arguments or {})
    if not isinstance(arguments, str):
        raise RowError(f"the arguments of a tool call are {kind(arguments)}, not an object or the JSON of one")
    if not isinstance(identity, str | None):
        raise RowError(f"the id of a tool call is {kind(identity)}, not text")
    return ToolCall(whole(identity or "", "id"), whole(name, "name"), whole(arguments, "arguments"))


def spelled(arguments: Mapping[str, Any]) -> str:
    """Arguments as JSON, as this module always writes them."""
    return json.dumps(arguments, ensure_ascii=False)


def parsed(arguments: str) -> dict[str, Any]:
    """Arguments as the object that they spell; ``ValueError`` where that would not say exactly the same."""
    try:
        value = json.loads(arguments, parse_float=_exact, parse_constant=_no_number, object_pairs_hook=_no_key_twice)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("no object")
    whole_within(value, "arguments")
    return value


def canonical(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with all arguments spelled alike: white space in JSON says nothing."""
    return tuple(
        replace(each, calls=tuple(replace(one, arguments=_respelled(one.arguments)) for one in each.calls))
        if isinstance(each, ToolMessage)
        else each
        for each in messages
    )


def unnamed(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages without what ``settled`` would say of calls and results."""
    return tuple(
        replace(each, calls=tuple(replace(one, id="") for one in each.calls), answers=None, name=None)
        if isinstance(each, ToolMessage)
        else each
        for each in messages
    )


def settled(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with what is left out of calls and results where it follows from the others.

    A call without an id gets one by its place (``call00001``); a result without one is that of the first call before
    it that has no result yet, and it bears the name of the function that was called.
    """
    if not any(isinstance(each, ToolMessage) for each in messages):
        return tuple(messages)
    found: list[Message] = []
    names: dict[str, str] = {}
    open_calls: list[str] = []
    count = 0
    for message in messages:
        if isinstance(message, ToolMessage) and message.calls:
            calls = tuple(replace(one, id=one.id or _id(count + place)) for place, one in enumerate(message.calls, 1))
            count += len(calls)
            names |= {one.id: one.name for one in calls}
            open_calls += [one.id for one in calls]
            found.append(replace(message, calls=calls))
        elif isinstance(message, ToolMessage):
            answers = message.answers or (open_calls[0] if open_calls else None)
            if answers in open_calls:
                open_calls.remove(answers)
            name = message.name or (names.get(answers) if answers else None)
            found.append(replace(message, answers=answers, name=name))
        else:
            found.append(message)
    return tuple(found)


def read_tools(value: object) -> Tools:
    """The ``tools`` of a row, each as OpenAI has it: ``{"type": "function", "function": {...}}``.

    A list, or the JSON of one; Anthropic's own kind with ``input_schema`` is read by ``from_anthropic``.
    """
    if isinstance(value, str):
        value = json_of(value, "tools") if value.strip() else []
    if value is None:
        return ()
    if not isinstance(value, list):
        raise RowError(f"'tools' is {kind(value)}, not a list of functions")
    whole_within(value, "tools")
    return tuple(_tool(each) for each in value)


def from_anthropic(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """Anthropic's description of a function as OpenAI has it."""
    if tool.get("type") not in (None, "custom"):
        raise RowError("'tools' holds a tool of Anthropic's own servers", "leave it out: only functions are read")
    if "parameters" in tool:
        raise RowError("a tool has 'parameters', where Anthropic has 'input_schema'")
    said = {key: value for key, value in tool.items() if key != "type"}
    return _tool({("parameters" if key == "input_schema" else key): value for key, value in said.items()})


def to_anthropic(tool: Mapping[str, Any]) -> dict[str, Any]:
    """The other way round; ``ValueError`` where it would say something else."""
    function = tool["function"]
    if set(tool) != {"type", "function"} or {"type", "input_schema"} & set(function):
        raise ValueError("tools with keys of their own")
    return {("input_schema" if key == "parameters" else key): value for key, value in function.items()}


def json_of(value: str, column: str) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """The value that a text in a column spells."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise RowError(f"{column!r} is a text that is not valid JSON") from None


def _tool(value: object) -> Mapping[str, Any]:
    if isinstance(value, str):
        value = json_of(value, "tools")
    if isinstance(value, dict) and isinstance(value.get("name"), str) and "function" not in value:
        value = {"type": "function", "function": {key: each for key, each in value.items() if key != "type"}}
    if not isinstance(value, dict) or value.get("type", "function") != "function":
        raise RowError("'tools' holds what is no function", 'write {"type": "function", "function": {"name": ...}}')
    function = value.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise RowError(
            "'tools' holds a function without a name", 'write {"type": "function", "function": {"name": ...}}'
        )
    return {"type": "function", **value}


def _id(place: int) -> str:
    # nine letters and digits, which is what the strictest of chat templates ask for (Mistral's)
    return f"call{place:05}"


def _respelled(arguments: str) -> str:
    try:
        return spelled(parsed(arguments))
    except ValueError:
        return arguments


def _exact(number: str) -> float:
    value = float(number)
    try:
        is_exact = not math.isinf(value) and Decimal(repr(value)) == Decimal(number)
    except ArithmeticError:
        is_exact = False
    if not is_exact:
        raise ValueError("a number with more digits than a computer keeps")
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key that stands there twice")
    return found
