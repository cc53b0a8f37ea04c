"""Rows in and out: objects in the shapes that people have, recognised by their columns, become rows and back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from harness.data import files
from harness.data.formats import recognise, turns
from harness.data.formats.asked import is_plain
from harness.data.formats.faults import RowError
from harness.data.formats.objects import row_of, to_object
from harness.data.formats.recognise import COLUMNS, KNOWN_FORMATS, SHAPES
from harness.data.formats.shape import Object
from harness.errors import UsageError
from harness.identity import sample_id, with_unique_ids
from harness.rows import Format, Row, Table, ToolMessage, Unreadable
from harness.values import Dataset, Sample

__all__ = [
    "COLUMNS",
    "KNOWN_FORMATS",
    "SHAPES",
    "is_plain",
    "pairs",
    "read",
    "samples",
    "stream",
    "table",
    "to_object",
    "write",
]

Numbered = tuple[int, dict[str, Any] | Unreadable]
"""A line with what stands in it."""

_LOOKED_AT = 100
"""So many rows at the beginning tell the format of all."""
_MOST_CHARACTERS = 10_000_000
"""Of them together, about; so that rows of many megabytes are not held at once."""
_NAMED = 12
"""So many columns are named to a person."""


def read(name: str, path: Path, *, cluster: str | None = None) -> tuple[Dataset, tuple[Row, ...]]:
    """The rows of a file with its fingerprint; ``UsageError`` names file, line and what would be right."""
    rows: list[Row] = []
    for _, found in pairs(path, cluster=cluster):
        if isinstance(found, Unreadable):
            raise UsageError(found.problem, path=path, line=found.line, remedy=found.remedy)
        rows.append(found)
    return Dataset(name, path, files.fingerprint(path), len(rows), rows[0].form), tuple(rows)


def table(name: str, path: Path, *, cluster: str | None = None) -> Table:
    """The rows of a file, and the lines that are none; ``UsageError`` where the file as a whole cannot be read."""
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    for _, found in pairs(path, cluster=cluster):
        if isinstance(found, Unreadable):
            unreadable.append(found)
        else:
            rows.append(found)
    return Table(name, path, rows[0].form if rows else None, tuple(rows), tuple(unreadable))


def stream(path: Path, form: Format | None = None) -> Iterator[Row | Unreadable]:
    """The rows of a file one by one, in bounded memory; of the format that the first of them are in, or of ``form``."""
    return (found for _, found in pairs(path, form))


def pairs(
    path: Path, form: Format | None = None, *, cluster: str | None = None, without: Collection[str] = ()
) -> Iterator[tuple[dict[str, Any], Row | Unreadable]]:
    """Each object of a file and the row that it is, as ``stream`` gives it; an empty one beside an unreadable line.

    Of objects the columns ``without`` are left out. ``UsageError`` where several formats fit.
    """
    is_given, first = form is not None, 0
    lines = _without(files.lines(path), without)
    waiting: list[Numbered] = []
    if form is None:
        waiting = _beginning(lines)
        form, first = _recognised(waiting, path)
    for line, each in chain(_emptied(waiting), lines):
        if isinstance(each, Unreadable):
            yield {}, each
            continue
        if form is None:
            form, first = _recognised([(line, each)], path)
        try:
            yield each, _row(form, each, line, cluster, first=first, is_given=is_given)
        except RowError as error:
            yield {}, Unreadable(line, error.problem, error.remedy)


def _row(form: Format | None, each: Object, line: int, cluster: str | None, *, first: int, is_given: bool) -> Row:
    if form is None or (line < first and not recognise.fitting(each)):
        columns = ", ".join(repr(str(column)[:40]) for column in islice(each, _NAMED)) or "of an empty row"
        more = ", ..." if len(each) > _NAMED else ""
        problem = f"no known format has the columns {columns}{more}{recognise.near_misses(each)}"
        raise RowError(problem, f"known are: {KNOWN_FORMATS}")
    for column in COLUMNS[form]:
        if column not in each:
            remedy = f"{form} needs it" if is_given else f"like the rows before it ({form})"
            raise RowError(f"the row has no {column!r}", remedy)
    other = None if is_given else recognise.other_than(form, each)
    if other is not None:
        raise RowError(f"the row is {other}, and those before it are {form}", "keep formats in files of their own")
    return row_of(form, each, line, cluster)


def _beginning(lines: Iterator[Numbered]) -> list[Numbered]:
    """The first of the rows, and no more than is needed to tell the format."""
    found: list[Numbered] = []
    size = 0
    for line, each in lines:
        found.append((line, each))
        size += len(str(each))
        if len(found) == _LOOKED_AT or size > _MOST_CHARACTERS:
            break
    return found


def _recognised(rows: Sequence[Numbered], path: Path) -> tuple[Format | None, int]:
    """The format of the first row that has one, and its line.

    Turns of Anthropic's often look like those of OpenAI: if one of the rows is marked as Anthropic's, all are.
    """
    form, first = None, 0
    for line, each in rows:
        forms = () if isinstance(each, Unreadable) else recognise.fitting(each)
        if form is None and len(forms) > 1:
            remedy = "'harness data convert' reads them with --from FORMAT, and leaves a column out with --drop COLUMN"
            raise UsageError(recognise.several(forms), path=path, line=line, remedy=remedy)
        if form is None and forms:
            form, first = forms[0], line
        if form == "messages" and forms == ("anthropic",):
            return "anthropic", first
    return form, first


def _emptied(waiting: list[Numbered]) -> Iterator[Numbered]:
    """The rows, each let go once it is taken."""
    waiting.reverse()
    while waiting:
        yield waiting.pop()


def _without(lines: Iterator[Numbered], columns: Collection[str]) -> Iterator[Numbered]:
    if not columns:
        return lines
    return (
        (line, {key: value for key, value in each.items() if key not in columns} if isinstance(each, dict) else each)
        for line, each in lines
    )


def samples(rows: Sequence[Row]) -> tuple[Sample, ...]:
    """The rows as items to be answered, each known by the digest of its content.

    ``UsageError`` for rows that no task can ask: those with tools, and answers that were judged good or bad.
    """
    return with_unique_ids(_sample(row) for row in rows)


def _sample(row: Row) -> Sample:
    if row.text is not None:
        return Sample(sample_id(row.text, ()), row.text, (), (), None, None, row.cluster, row.tags)
    _refuse_to_ask(row)
    targets = (row.choices[row.answer],) if row.answer is not None else (row.messages[-1].content,)
    identity = sample_id(row.prompt, targets, row.choices)
    return Sample(identity, row.prompt, targets, row.choices, row.answer, None, row.cluster, row.tags)


def _refuse_to_ask(row: Row) -> None:
    if row.tools or any(isinstance(message, ToolMessage) for message in row.messages):
        problem = f"line {row.line}: tasks cannot ask rows with tools yet"
        raise UsageError(problem, line=row.line, remedy="leave such rows out of the task's data")
    if row.form == "kto":
        problem = f"line {row.line}: tasks cannot ask kto rows, whose answers may be bad ones"
        raise UsageError(problem, line=row.line, remedy="give the task rows with right answers")


def write(rows: Sequence[Row], path: Path) -> None:
    """The rows as trainers read them, one a line: ``{"messages": [...]}``, with ``tools`` if any, or ``{"text": ...}``.

    ``UsageError`` for pairs and judged answers: written so, a bad answer would be learnt like a good one.
    """
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(_learnt(row), ensure_ascii=False) + "\n")


def _learnt(row: Row) -> dict[str, Any]:
    if row.text is not None:
        return {"text": row.text}
    if row.rejected or row.form == "kto":
        problem = f"line {row.line}: a {row.form} row holds answers that are not to be learnt"
        raise UsageError(problem, line=row.line, remedy="give the trainer conversations with good answers only")
    tools = {"tools": list(row.tools)} if row.tools else {}
    return {"messages": turns.write(row.messages, row.aside), **tools}
