"""Conversations as lists of turns: OpenAI's ``messages``, Anthropic's, ShareGPT's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.data.formats import calls, turns
from harness.data.formats.faults import LossError, RowError, kind, text, whole
from harness.data.formats.shape import CHAT, Object, Parts, Shape
from harness.data.formats.turns import Turns
from harness.rows import Row, ToolCall, ToolMessage
from harness.values import Message, Role


def ended(found: Turns, column: str) -> tuple[Message, ...]:
    """The messages of a whole conversation; ``RowError`` where there is nothing to learn from it."""
    messages = calls.settled(found.messages)
    if len(messages) < 2 or messages[-1].role != "assistant":
        raise RowError(f"{column!r} does not end with the assistant's answer", "add it as the last message")
    if not any(message.role == "user" for message in messages):
        raise RowError(f"{column!r} has no turn of the user")
    return messages


def _from_messages(row: Object) -> Parts:
    found = turns.read(row["messages"], "messages")
    tools = calls.read_tools(row.get("tools"))
    return {"messages": ended(found, "messages"), "tools": tools, "aside": found.aside}


def _to_messages(row: Row) -> dict[str, Any]:
    return {"messages": turns.write(row.messages, row.aside), **tools_column(row)}


def tools_column(row: Row) -> dict[str, Any]:
    """The column of the tools, where there are any."""
    return {"tools": [dict(tool) for tool in row.tools]} if row.tools else {}


MESSAGES = Shape("messages", ("messages",), ("tools",), CHAT, _from_messages, _to_messages)


_ANTHROPIC_KEYS = {"role", "type", "tool_use_id", "content"}
"""Of turns, and of the blocks that results of tools are."""


def _is_anthropic(row: Object) -> bool:
    if row.get("system") is not None:
        return True
    tools, messages = row.get("tools"), row["messages"]
    if isinstance(tools, list) and any(isinstance(tool, dict) and "input_schema" in tool for tool in tools):
        return True
    if not isinstance(messages, list):
        return False
    return any(block.get("type") in ("tool_use", "tool_result") for each in messages for block in _blocks(each))


def _blocks(turn: object) -> list[dict[str, Any]]:
    content = turn.get("content") if isinstance(turn, dict) else None
    return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []


def _from_anthropic(row: Object) -> Parts:
    found = Turns()
    if row.get("system") not in (None, ""):
        system = turns.content(row["system"], "system")
        if not system.strip():
            raise turns.empty("system", "'system'")
        found.add(Message("system", system))
    if not isinstance(row["messages"], list):
        raise RowError("'messages' is not a list of messages {role, content}")
    for index, each in enumerate(row["messages"]):
        _add_anthropic(found, each, f"messages[{index}]")
    tools = row.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise RowError(f"'tools' is {kind(tools)}, not a list of functions")
    as_openai = calls.read_tools([calls.from_anthropic(tool) for tool in tools])
    return {"messages": ended(found, "messages"), "tools": as_openai, "aside": found.aside}


def _add_anthropic(found: Turns, turn: object, place: str) -> None:
    if not isinstance(turn, dict) or not {"role", "content"} <= set(turn):
        raise RowError("'messages' holds what is no message {role, content}", f"look at {place}")
    role = turn["role"]
    if role not in ("user", "assistant"):
        remedy = "in Anthropic's format turns are of user and assistant, and the system text is a column"
        raise RowError(f"{place} has the role {str(role)[:40]!r}", remedy)
    aside = {key: each for key, each in turn.items() if key not in ("role", "content") and each is not None}
    before = len(found.messages)
    if isinstance(turn["content"], list):
        _add_blocks(found, role, turn["content"], aside, place)
    else:
        said = turns.content(turn["content"], "messages")
        if not said.strip():
            raise turns.empty(role, f"{place}.content")
        found.add(Message(role, said), aside)
    if aside and not (len(found.messages) == before + 1 and found.messages[-1].role == role):
        raise RowError("a turn with results of tools holds a key that is not known", f"look at {place}")


def _add_blocks(found: Turns, role: Role, blocks: Sequence[object], aside: Mapping[str, Any], place: str) -> None:
    texts: list[str] = []
    made: list[ToolCall] = []
    for block in blocks:
        type_ = block.get("type") if isinstance(block, dict) else None
        if isinstance(block, dict) and type_ == "tool_use" and role == "assistant":
            made.append(_tool_use(block))
        elif isinstance(block, dict) and type_ == "tool_result" and role == "user":
            if texts:
                raise RowError("text stands before the result of a tool", "put the tool_result blocks first")
            _add_result(found, block)
        elif made:
            raise RowError("a turn goes on after a tool call", "put the tool_use blocks last")
        else:
            texts.append(turns.part(block, "messages"))
    said = "\n".join(texts)
    if made:
        found.add(ToolMessage(role, said, tuple(made)), aside)
    elif said.strip():
        found.add(Message(role, said), aside)
    elif texts or not blocks:
        raise turns.empty(role, f"{place}.content")


def _tool_use(block: Mapping[str, Any]) -> ToolCall:
    turns.nothing_else(block, {"type", "id", "name", "input"}, "a tool_use block")
    if not isinstance(block.get("input"), dict | None):
        raise RowError(f"the input of a tool_use block is {kind(block['input'])}, not an object")
    return calls.call(block.get("name"), block.get("input"), block.get("id"))


def _add_result(found: Turns, block: Mapping[str, Any]) -> None:
    identity = block.get("tool_use_id")
    if not isinstance(identity, str | None):
        raise RowError(f"'tool_use_id' is {kind(identity)}, not text")
    known = ("type", "tool_use_id", "content")
    # that nothing went wrong is what a result says anyway
    aside = {key: each for key, each in block.items() if key not in known and (key, each) != ("is_error", False)}
    said = turns.content(block.get("content"), "messages")
    found.add(ToolMessage("tool", said, (), whole(identity, "tool_use_id") if identity else None), aside)


def _to_anthropic(row: Row) -> dict[str, Any]:
    system = [index for index, each in enumerate(row.messages) if each.role == "system"]
    if system not in ([], [0]):
        raise LossError("a system text that is not the beginning, which anthropic cannot hold")
    if system:
        turns.beside(row.aside, 0, known=None, form="anthropic")
    start = {"system": row.messages[0].content} if system else {}
    try:
        tools = {"tools": [calls.to_anthropic(tool) for tool in row.tools]} if row.tools else {}
        return {**start, "messages": list(_anthropic_turns(row, first=len(system))), **tools}
    except LossError:
        raise
    except ValueError as error:
        raise LossError(f"{_said(error)}, which anthropic cannot hold") from None


def _said(error: ValueError) -> str:
    """What stands in the way, short of what the row says itself."""
    return str(error) if str(error).startswith("tools") else "tool calls with arguments that are no plain JSON object"


def _anthropic_turns(row: Row, first: int) -> Iterator[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for index, message in enumerate(row.messages[first:], start=first):
        aside = turns.beside(row.aside, index, known=_ANTHROPIC_KEYS, form="anthropic")
        if message.role == "tool":
            results.append(_result_block(message, aside))
            continue
        if results and (message.role != "user" or aside):
            yield {"role": "user", "content": results}
            results = []
        made = message.calls if isinstance(message, ToolMessage) else ()
        blocks = [{"type": "text", "text": message.content}] if message.content or not made else []
        uses = [
            {"type": "tool_use", "id": each.id, "name": each.name, "input": calls.parsed(each.arguments)}
            for each in made
        ]
        content = [*results, *blocks, *uses] if results or uses else message.content
        results = []
        yield {"role": message.role, "content": content, **aside}
    if results:
        yield {"role": "user", "content": results}


def _result_block(message: Message, aside: Mapping[str, Any]) -> dict[str, Any]:
    answers = message.answers if isinstance(message, ToolMessage) else None
    if answers is None:
        raise LossError("results of tools that nobody called, which anthropic cannot hold")
    return {"type": "tool_result", "tool_use_id": answers, "content": message.content, **aside}


ANTHROPIC = Shape(
    "anthropic", ("messages",), ("system", "tools"), CHAT, _from_anthropic, _to_anthropic, marks=_is_anthropic
)


_SHAREGPT: Mapping[str, Role] = {
    "human": "user",
    "gpt": "assistant",
    "system": "system",
    "observation": "tool",
    "tool": "tool",
    "function_call": "assistant",
    "user": "user",
    "assistant": "assistant",
    "chatgpt": "assistant",
}
"""Who is meant; the first word for a role is the one that is written."""

_WRITTEN: Mapping[Role, str] = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}


def _from_sharegpt(row: Object) -> Parts:
    found = Turns()
    value = row["conversations"]
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = calls.json_of(value, "conversations")
    if not isinstance(value, list) or not value:
        raise RowError("'conversations' is not a list of turns {from, value}")
    if row.get("system") not in (None, ""):
        found.add(Message("system", text(row["system"], "system")))
    for index, each in enumerate(value):
        _add_sharegpt(found, each, index)
    if sum(message.role == "system" for message in found.messages) > 1 and row.get("system"):
        raise RowError("a system text stands both in 'system' and among the turns", "leave one of them out")
    tools = calls.read_tools(row.get("tools"))
    return {"messages": ended(found, "conversations"), "tools": tools, "aside": found.aside}


def _add_sharegpt(found: Turns, turn: object, index: int) -> None:
    if not isinstance(turn, dict) or not {"from", "value"} <= set(turn):
        is_message = isinstance(turn, dict) and "role" in turn
        remedy = "these are 'messages': name the column so" if is_message else f"look at conversations[{index}]"
        raise RowError("'conversations' holds what is no turn {from, value}", remedy)
    who, said = turn["from"], turn["value"]
    role = _SHAREGPT.get(who) if isinstance(who, str) else None
    if role is None:
        remedy = f"known are {', '.join(_SHAREGPT)}"
        raise RowError(f"a turn is from {str(who)[:40]!r}", remedy)
    aside = {key: each for key, each in turn.items() if key not in ("from", "value")}
    if not isinstance(said, str):
        raise RowError(f"the value of a turn is {kind(said)}, not text")
    whole(said, "conversations")
    if who == "function_call":
        found.add(ToolMessage(role, "", _sharegpt_calls(said)), aside)
    elif role == "tool":
        found.add(ToolMessage(role, said), aside)
    elif not said.strip():
        raise turns.empty(role, f"conversations[{index}].value")
    else:
        found.add(Message(role, said), aside)


def _sharegpt_calls(value: str) -> tuple[ToolCall, ...]:
    """One call ``{"name": ..., "arguments": {...}}``, or a list of them."""
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = None
    several = parsed if isinstance(parsed, list) else [parsed]
    if not several or not all(isinstance(each, dict) and "name" in each for each in several):
        remedy = 'write {"name": "...", "arguments": {...}}, or a list of these'
        raise RowError("the value of a function_call is no JSON of a call", remedy)
    for each in several:
        turns.nothing_else(each, {"name", "arguments"}, "a function_call")
    return tuple(calls.call(each["name"], each.get("arguments")) for each in several)


def _to_sharegpt(row: Row) -> dict[str, Any]:
    conversations = []
    for index, message in enumerate(row.messages):
        aside = turns.beside(row.aside, index, known={"from", "value"}, form="sharegpt")
        conversations.append({**_sharegpt_turn(message), **aside})
    tools = {"tools": json.dumps(list(row.tools), ensure_ascii=False)} if row.tools else {}
    return {"conversations": conversations, **tools}


def _sharegpt_turn(message: Message) -> dict[str, Any]:
    if not isinstance(message, ToolMessage) or not message.calls:
        return {"from": _WRITTEN[message.role], "value": message.content}
    if message.content:
        raise LossError("text beside a tool call, which sharegpt cannot hold")
    try:
        found = [{"name": each.name, "arguments": calls.parsed(each.arguments)} for each in message.calls]
    except ValueError:
        raise LossError("tool calls with arguments that are no plain JSON object, which sharegpt cannot hold") from None
    return {"from": "function_call", "value": json.dumps(found if len(found) > 1 else found[0], ensure_ascii=False)}


SHAREGPT = Shape("sharegpt", ("conversations",), ("system", "tools"), CHAT, _from_sharegpt, _to_sharegpt)
