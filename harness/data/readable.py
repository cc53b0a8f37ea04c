"""Rows of a file of which none may get lost: all of them can be read, or none is given to the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.data import formats
from harness.errors import UsageError
from harness.rows import Row, Unreadable

_NAMED = 5


def rows(path: Path) -> Iterator[Row]:
    """The rows of a file one by one, in bounded memory.

    Where lines cannot be read it goes on to the end and raises ``UsageError`` with their count, the first of them by
    number; so nothing may be written before the last row has come.
    """
    return (row for _, row in pairs(path))


def pairs(path: Path) -> Iterator[tuple[dict[str, Any], Row]]:
    """The same rows, each with the object that it was read from."""
    first: list[Unreadable] = []
    unreadable = readable = 0
    for content, row in formats.pairs(path):
        if isinstance(row, Row):
            readable += 1
            yield content, row
        else:
            unreadable += 1
            first += [row] if len(first) < _NAMED else []
    if first:
        raise _error(path, first, unreadable)
    if not readable:
        raise UsageError("the file holds no rows", path=path)


def _error(path: Path, first: list[Unreadable], count: int) -> UsageError:
    line, problem, remedy = first[0].line, first[0].problem, first[0].remedy
    if count > 1:
        more = f" and {count - len(first):,} more" if count > len(first) else ""
        problem = (
            f"{count:,} rows cannot be read (lines {', '.join(str(each.line) for each in first)}{more}): {problem}"
        )
    return UsageError(problem, path=path, line=line, remedy=remedy or "'harness data check' names all of them")
