"""An object of a file as a row, and a row as an object of any format that can hold it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from harness.data.formats import asked, calls, flat, recognise
from harness.data.formats.faults import LossError, RowError, whole, whole_within
from harness.data.formats.recognise import SHAPES
from harness.data.formats.shape import Content, Object, Shape
from harness.rows import Format, Row, ToolMessage

is_plain = asked.is_plain

_WORDS: dict[Content, str] = {
    "conversation": "conversations",
    "text": "raw text",
    "choices": "choices",
    "pair": "a better and a worse answer",
    "liking": "whether the answer was liked",
    "tools": "tool calls",
    "system": "system texts",
    "turns": "several turns",
}
_MISSING: dict[Content, str] = {
    "text": "conversations, which text cannot hold",
    "choices": "no choices, which multiple_choice needs",
    "pair": "no worse answer, which preference needs",
    "liking": "no word on whether the answer was liked, which kto needs",
}
_COMPARED = {
    "messages": "turns of a kind",
    "rejected": "a worse answer of a kind",
    "completion": "answers of several messages",
    "choices": "choices of a kind",
    "answer": "an answer of a kind",
    "text": "a text of a kind",
    "label": "a label that is not the answer",
    "tools": "tools with keys of their own",
    "aside": "keys of single turns",
    "tags": "tags of a kind",
}
"""What a row says, whatever format it is in, and what to call what comes back otherwise."""


def row_of(form: Format, content: Object, line: int, cluster: str | None = None) -> Row:
    """The row that an object of a format is, ``cluster`` the column of its group; ``RowError`` where it is none."""
    shape = SHAPES[form]
    parts = shape.read(content)
    extra = {key: value for key, value in content.items() if key not in shape.columns}
    if extra:
        whole_within(extra, next(iter(extra)) if len(extra) == 1 else "a column besides")
    if cluster is not None and cluster not in content:
        raise RowError(f"the row has no {cluster!r}, which the task names as its cluster")
    group = None if cluster is None or content[cluster] is None else str(content[cluster])
    parts["extra"] = {**extra, **parts.get("extra", {})}
    return Row(line, cluster=group, tags=_tags(content.get("tags")), form=form, **parts)


def to_object(row: Row, form: Format, *, as_turns: bool = False) -> dict[str, Any]:
    """The row as an object of a format, from which the same row can be had again.

    ``as_turns`` writes prompts and answers as lists of turns even where texts would do. Raises ``ValueError`` that says
    what the format cannot hold: ``tool calls, which alpaca cannot hold``. White space in the JSON of a tool call's
    arguments is all that may come back otherwise.
    """
    found = _written(row, form, as_turns=as_turns)
    other = recognise.other_than(form, found)
    if other is not None:
        raise LossError(f"columns that would be read as {other}, which {form} cannot hold")
    # A format holds a row if the same row comes back from it: nothing else is a proof.
    again = _read_again(found, form, form, row.line)
    if form != row.form:
        again = _read_again(_written(again, row.form), row.form, form, row.line)
    changed = _changed(row, again)
    if changed:
        raise LossError(f"{changed}, which {form} cannot hold")
    return found


def _written(row: Row, form: Format, *, as_turns: bool = False) -> dict[str, Any]:
    shape = SHAPES[form]
    _refuse_content(row, shape)
    body = shape.write(replace(row, form=form, is_plain=False) if as_turns else row)
    extra = _extra(row, form)
    for column in extra:
        if column in shape.columns:
            raise LossError(f"a further column {str(column)[:40]!r}, which {form} cannot hold")
    return {**body, **extra, **({"tags": list(row.tags)} if row.tags else {})}


def _read_again(found: Object, form: Format, target: Format, line: int) -> Row:
    try:
        return row_of(form, found, line)
    except RowError as error:
        raise LossError(f"a row of which {error.problem}, which {target} cannot hold") from None


def _changed(row: Row, again: Row) -> str | None:
    """What of a row has come back otherwise, in words."""
    for name, words in _COMPARED.items():
        was, now = getattr(row, name), getattr(again, name)
        if was == now:
            continue
        if name in ("messages", "rejected"):
            was, now = calls.canonical(was), calls.canonical(now)
            if was == now:
                continue
            if calls.unnamed(was) == calls.unnamed(now):
                return "ids or names of tool calls"
        return words
    columns = (*row.extra, *again.extra)
    return next((f"a further column {str(key)[:40]!r}" for key in columns if _differs(row, again, key)), None)


def _differs(row: Row, again: Row, key: str) -> bool:
    if key not in row.extra or key not in again.extra:
        return True
    was, now = row.extra[key], again.extra[key]
    # what is no number equals nothing, not even itself
    return was is not now and was != now


def _extra(row: Row, form: Format) -> dict[str, Any]:
    """The columns besides; those that only help a format to write itself again are taken away or put there."""
    extra = dict(row.extra)
    if form == "alpaca" and flat.is_taken_apart(row):
        del extra[flat.INPUT_AT]
    if row.form == "classification" != form and not isinstance(row.label, str):
        if "label" in extra:
            raise LossError(f"a further column 'label', which {form} cannot hold")
        extra["label"] = row.label
    if form == "classification" != row.form:
        extra.pop("label", None)
    return extra


def _refuse_content(row: Row, shape: Shape) -> None:
    held = list(_contents(row))
    if shape.must_have is not None and shape.must_have not in held:
        raise LossError(_MISSING[shape.must_have])
    for each in held:
        if each not in shape.holds:
            what = f"{_key_aside(row)!r} in a turn" if each == "asides" else _WORDS[each]
            raise LossError(f"{what}, which {shape.name} cannot hold")


def _contents(row: Row) -> Iterator[Content]:
    """What the row holds, the gravest first."""
    if row.text is not None:
        yield "text"
        return
    if row.choices:
        yield "choices"
    if row.rejected:
        yield "pair"
    if row.form == "kto":
        yield "liking"
    if not row.choices:
        yield "conversation"
    if row.tools or any(isinstance(each, ToolMessage) for each in (*row.messages, *row.rejected)):
        yield "tools"
    if any(each.role == "system" for each in row.messages):
        yield "system"
    if sum(each.role == "user" for each in row.messages) > 1:
        yield "turns"
    if row.aside:
        yield "asides"


def _key_aside(row: Row) -> str:
    return next(str(key)[:40] for each in row.aside.values() for key in each)


def _tags(value: object) -> tuple[str, ...]:
    if value is None or value == "":  # as a table has it where there is nothing
        return ()
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise RowError("'tags' is not a list of words")
    return tuple(whole(tag, "tags") for tag in value)
