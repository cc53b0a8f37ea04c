"""Which texts of a row are written for a model to say."""

from __future__ import annotations

from harness import Message, Row, ToolMessage


def is_taught(row: Row) -> bool:
    """Whether its answer is one that a model shall give: no class, no choice, no raw text, none that was disliked."""
    return not is_class(row) and not row.choices and row.text is None and row.label is not False


def is_class(row: Row) -> bool:
    """Whether its answer is the class of a classified text."""
    return row.label is not None and not isinstance(row.label, bool)


def has_calls(message: Message) -> bool:
    """Whether the turn calls a tool, so that it needs no text."""
    return isinstance(message, ToolMessage) and bool(message.calls)


def last_answer(row: Row) -> str | None:
    """The text that a row ends with, as it is written; ``None`` where it teaches none, or calls a tool instead."""
    if not is_taught(row) or not row.messages:
        return None
    last = row.messages[-1]
    return None if last.role != "assistant" or has_calls(last) else last.content
