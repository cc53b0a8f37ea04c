"""Formats whose columns are texts: Alpaca's, ``input`` and ``output``, classified texts, raw text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.data.formats.faults import LossError, RowError, kind, text, whole
from harness.data.formats.shape import Object, Parts, Shape
from harness.rows import Row
from harness.values import Message

BETWEEN = "\n\n"
"""Stands between Alpaca's instruction and its input."""
INPUT_AT = "alpaca_input_at"
"""The column by which the way back finds the character of the question at which an input begins."""


def _from_alpaca(row: Object) -> Parts:
    asked, given = text(row["instruction"], "instruction"), row.get("input")
    if not isinstance(given, str | None):
        raise RowError(f"'input' is {kind(given)}, not text")
    made: dict[str, Any] = {}
    if given and given.strip():
        if row.get(INPUT_AT) is not None:
            raise RowError(f"the row has both 'input' and {INPUT_AT!r}", "name the latter otherwise")
        made = {INPUT_AT: len(asked) + len(BETWEEN)}
        asked = f"{asked}{BETWEEN}{whole(given, 'input')}"
    system = [Message("system", text(row["system"], "system"))] if row.get("system") not in (None, "") else []
    turns = [*_history(row.get("history")), Message("user", asked), Message("assistant", text(row["output"], "output"))]
    return {"messages": (*system, *turns), "extra": made}


def _history(value: object) -> list[Message]:
    """Earlier turns as LLaMA-Factory has them: a list of pairs of question and answer."""
    pairs = value or []
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise RowError("'history' is not a list of pairs [question, answer]")
    return [
        message
        for asked, answered in pairs
        for message in (Message("user", text(asked, "history")), Message("assistant", text(answered, "history")))
    ]


def _to_alpaca(row: Row) -> dict[str, Any]:
    start = 1 if row.messages[0].role == "system" else 0
    turns = row.messages[start:]
    if [each.role for each in turns] != ["user", "assistant"] * (len(turns) // 2):
        raise LossError("turns that do not alternate between user and assistant, which alpaca cannot hold")
    *before, asked, answered = [each.content for each in turns]
    instruction, given = asked, ""
    if is_taken_apart(row):
        at = row.extra[INPUT_AT]
        instruction, given = asked[: at - len(BETWEEN)], asked[at:]
    system = {"system": row.messages[0].content} if start else {}
    history = {"history": [list(pair) for pair in zip(before[::2], before[1::2], strict=True)]} if before else {}
    return {"instruction": instruction, "input": given, "output": answered, **system, **history}


def is_taken_apart(row: Row) -> bool:
    """Whether the row knows where its instruction ends, and still does: it may have been changed since it was read."""
    start = row.extra.get(INPUT_AT)
    if type(start) is not int or start <= len(BETWEEN) or len(row.messages) < 2:
        return False
    asked, end = row.messages[-2].content, start - len(BETWEEN)
    return asked[end:start] == BETWEEN and bool(asked[:end].strip() and asked[start:].strip())


def _from_input_output(row: Object) -> Parts:
    return {"messages": _one_turn(text(row["input"], "input"), text(row["output"], "output"))}


def _to_input_output(row: Row) -> dict[str, Any]:
    asked, answered = two_texts(row.messages, "input_output")
    return {"input": asked, "output": answered}


def _from_classification(row: Object) -> Parts:
    label = row["label"]
    if not isinstance(label, str | int):
        raise RowError(f"'label' is {kind(label)}, not a word, a whole number, true or false")
    said = text(label, "label") if isinstance(label, str) else spelled(label)
    return {"messages": _one_turn(text(row["text"], "text"), said), "label": label}


def _to_classification(row: Row) -> dict[str, Any]:
    asked, answered = two_texts(row.messages, "classification")
    label = row.label if row.form == "classification" else row.extra.get("label")
    if label is None:
        return {"text": asked, "label": answered}
    if spelled(label) != answered or (row.form != "classification" and isinstance(label, str)):
        raise LossError("a 'label' that is not the answer, which classification cannot hold")
    return {"text": asked, "label": label}


def spelled(label: object) -> str:
    """A label as the assistant says it."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def two_texts(messages: Sequence[Message], form: str) -> tuple[str, str]:
    """What is asked and what is answered, where that is all; ``LossError`` otherwise."""
    if [each.role for each in messages] != ["user", "assistant"]:
        raise LossError(f"turns that are no question and its answer, which {form} cannot hold")
    return messages[0].content, messages[1].content


def _one_turn(asked: str, answered: str) -> tuple[Message, ...]:
    return Message("user", asked), Message("assistant", answered)


def _from_text(row: Object) -> Parts:
    return {"messages": (), "text": text(row["text"], "text")}


def _to_text(row: Row) -> dict[str, Any]:
    return {"text": row.text}


ALPACA = Shape(
    "alpaca",
    ("instruction", "output"),
    ("input", "system", "history"),
    frozenset(("conversation", "system", "turns")),
    _from_alpaca,
    _to_alpaca,
)
INPUT_OUTPUT = Shape(
    "input_output", ("input", "output"), (), frozenset(("conversation",)), _from_input_output, _to_input_output
)
CLASSIFICATION = Shape(
    "classification", ("text", "label"), (), frozenset(("conversation",)), _from_classification, _to_classification
)
TEXT = Shape("text", ("text",), (), frozenset(("text",)), _from_text, _to_text, must_have="text")
