"""Lists of turns ``{role, content}`` as OpenAI and Hugging Face write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.data.formats import calls
from harness.data.formats.faults import LossError, RowError, kind, whole, whole_within
from harness.errors import did_you_mean
from harness.rows import ToolCall, ToolMessage
from harness.values import Message, Role

Aside = Mapping[int, Mapping[str, Any]]
"""Keys of single turns that no format speaks of, by the turn's index."""

ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
"""What the roles mean; two are newer and older words for others."""

_PLAIN = {"role", "content"}
_OF_CALLS = {"tool_calls", "function_call"}
_OF_RESULTS = {"tool_call_id", "name"}


@dataclass(slots=True)
class Turns:
    """Messages as they are being gathered."""

    messages: list[Message] = field(default_factory=list)
    aside: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def add(self, message: Message, aside: Mapping[str, Any] | None = None) -> None:
        """One more turn; nulls aside are nothing."""
        kept = {key: value for key, value in (aside or {}).items() if value is not None}
        if kept:
            whole_within(kept, "messages")
            self.aside[len(self.messages)] = kept
        self.messages.append(message)


def read(value: object, column: str) -> Turns:
    """The turns of a column; ``RowError`` for a turn that says nothing, or that holds what is no text."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = calls.json_of(value, column)  # a table has no lists, so people write them as JSON
    if not isinstance(value, list) or not value:
        raise RowError(f"{column!r} is not a list of messages {{role, content}}")
    turns = Turns()
    for index, each in enumerate(value):
        if not isinstance(each, dict) or "role" not in each or not ("content" in each or _OF_CALLS & set(each)):
            raise RowError(f"{column!r} holds what is no message {{role, content}}", f"look at {column}[{index}]")
        _add(turns, each, column, index)
    return turns


def _add(turns: Turns, each: Mapping[str, Any], column: str, index: int) -> None:
    role = ROLES.get(each["role"]) if isinstance(each["role"], str) else None
    if role is None:
        hint = did_you_mean(str(each["role"])[:40], ROLES)
        raise RowError(f"{column}[{index}] has the role {str(each['role'])[:40]!r}", hint)
    said = content(each.get("content"), column)
    aside = _aside(each, role) if len(each) > 2 else None
    made = _calls(each) if role == "assistant" else ()
    if role == "tool":
        turns.add(ToolMessage(role, said, (), _word(each, "tool_call_id"), _word(each, "name")), aside)
        return
    if not made and not said.strip():
        raise empty(role, f"{column}[{index}]")
    turns.add(ToolMessage(role, said, made) if made else Message(role, said), aside)


def _aside(turn: Mapping[str, Any], role: Role) -> Mapping[str, Any]:
    known = _OF_CALLS if role == "assistant" else _OF_RESULTS if role == "tool" else set()
    # where rows have become a table, every turn has every key
    idle = {key for key in _OF_CALLS | _OF_RESULTS if not turn.get(key)}
    return {key: value for key, value in turn.items() if key not in _PLAIN | known | idle}


def empty(role: Role, place: str) -> RowError:
    """A turn that says nothing."""
    return RowError(f"a turn of the {role} is empty", f"fill {place}, or leave the row out")


def content(value: object, column: str) -> str:
    """The text of a turn: a text, or a list of parts of text, which become lines; nothing where it is null."""
    if isinstance(value, str):
        return whole(value, column)
    if value is None:
        return ""
    if not isinstance(value, list):
        raise RowError(f"the content of a turn is {kind(value)}, not text")
    return "\n".join(part(each, column) for each in value)


def part(value: object, column: str) -> str:
    """The text of one part of a content."""
    said = {key: each for key, each in value.items() if each is not None} if isinstance(value, dict) else {}
    if said.get("type") != "text" or not isinstance(said.get("text"), str):
        what = str(said.get("type", "a part without a type"))[:40] if said else kind(value)
        raise RowError(f"the content of a turn holds more than text ({what})", "leave the row out: only text is read")
    nothing_else(said, {"type", "text"}, "the content of a turn")
    return whole(said["text"], column)


def nothing_else(value: Mapping[str, Any], known: set[str], what: str) -> None:
    """``RowError`` for a key that would be lost."""
    # lists that are empty say nothing
    for key, each in value.items():
        if key not in known and each not in (None, [], {}):
            raise RowError(f"{what} holds {str(key)[:40]!r}, which is not known", "leave it out")


def write(messages: Sequence[Message], aside: Aside, first: int = 0) -> list[dict[str, Any]]:
    """The messages as OpenAI writes them; ``first`` is the index by which the first of them is known in ``aside``."""
    known = _PLAIN | _OF_CALLS | _OF_RESULTS
    return [
        # only results of tools have a name that rows know of
        {**_object(each), **beside(aside, index, known=known if each.role == "tool" else known - {"name"}, form="chat")}
        for index, each in enumerate(messages, start=first)
    ]


def beside(aside: Aside, index: int, *, known: set[str] | None, form: str) -> Mapping[str, Any]:
    """What a turn holds besides; ``LossError`` where the format knows such a key, or with ``None`` any, as its own."""
    found = aside.get(index, {})
    for key in found:
        if known is None or key in known:
            raise LossError(f"{key!r} in a turn, which {form} cannot hold")
    return found


def _object(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {"role": message.role, "content": message.content}
    if isinstance(message, ToolMessage):
        if message.calls:
            found["content"] = message.content or None
            found["tool_calls"] = [
                {"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
                for each in message.calls
            ]
        if message.answers is not None:
            found["tool_call_id"] = message.answers
        if message.name is not None:
            found["name"] = message.name
    return found


def _calls(turn: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Of a turn of the assistant; ``function_call`` is how OpenAI wrote a single one before there were several."""
    value = turn.get("tool_calls") or []
    if not isinstance(value, list):
        raise RowError(f"'tool_calls' is {kind(value)}, not a list")
    older = [{"function": turn["function_call"]}] if turn.get("function_call") else []
    return tuple(_call(each) for each in (*value, *older))


def _call(value: object) -> ToolCall:
    if not isinstance(value, dict) or value.get("type") not in (None, "function"):
        raise RowError("'tool_calls' holds what is no call of a function")
    function = value.get("function") if "function" in value else value
    if not isinstance(function, dict):
        raise RowError("'tool_calls' holds what is no call of a function")
    # the index tells the place in the list, which the list itself tells
    nothing_else(value, {"id", "type", "function", "index", "name", "arguments"}, "a tool call")
    nothing_else(function, {"id", "type", "index", "name", "arguments"}, "a tool call")
    return calls.call(function.get("name"), function.get("arguments"), value.get("id"))


def _word(turn: Mapping[str, Any], key: str) -> str | None:
    value = turn.get(key)
    if not isinstance(value, str | None):
        raise RowError(f"{key!r} of a turn is {kind(value)}, not text")
    return whole(value, key) if value else None
