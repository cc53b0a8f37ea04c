"""Reads an offline benchmark pack: ``<dataset>/[<config>/]<split>.jsonl`` in the columns of the public data sets.

A pack that was named is used or refused, never passed over: a benchmark that quietly took its items from elsewhere
would be another benchmark.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from harness import UsageError

Row = Mapping[str, object]
Column = Callable[[object], str | None]
"""What a column's value should have been, or ``None`` where it is right."""

_LAYOUT = "a pack is laid out <dataset>/[<config>/]<split>.jsonl"


def chosen(option: str | None, from_environment: Path | None) -> Path | None:
    """The pack to read, the suite's own before ``HARNESS_BENCHMARK_PACK``; raises ``UsageError`` if it is no folder."""
    folder = from_environment if option is None else Path(option).expanduser()
    if folder is not None and not folder.is_dir():
        raise UsageError("the benchmark pack is no folder", path=folder, remedy="name a folder, or leave 'pack' out")
    return folder


def dataset_folder(pack: Path, dataset: str) -> Path:
    """Where the pack keeps this data set; raises ``UsageError`` if it has none."""
    folder = pack / dataset
    if folder.is_dir():
        return folder
    holds = ", ".join(sorted(each.name for each in pack.iterdir() if each.is_dir())) or "no data set"
    raise UsageError(f"the benchmark pack has no {dataset!r} (it holds {holds})", path=pack, remedy=_LAYOUT)


def read(path: Path, columns: Mapping[str, Column]) -> list[Row]:
    """The rows of one split with these columns alone, in file order; ``UsageError`` names the file and line."""
    if not path.is_file():
        raise UsageError("the benchmark pack lacks this file", path=path, remedy=_LAYOUT)
    rows = []
    with path.open(encoding="utf-8", errors="strict") as file:
        try:
            for number, line in enumerate(file, 1):
                if line.strip():
                    rows.append(_row(line, path, number, columns))
        except UnicodeDecodeError as error:
            raise UsageError(f"not UTF-8 ({error.reason})", path=path, remedy="save the file as UTF-8") from None
    if not rows:
        raise UsageError("no rows", path=path, remedy="one JSON object a line")
    return rows


def text(value: object) -> str | None:
    """A column of text."""
    return None if isinstance(value, str) else "text"


def four_texts(value: object) -> str | None:
    """A column of four texts, none empty."""
    right = isinstance(value, list) and len(value) == 4 and all(isinstance(each, str) and each for each in value)
    return None if right else "a list of 4 texts"


def index_of_four(value: object) -> str | None:
    """A column with the index of one of four, as a number."""
    return None if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 4 else "a number from 0 to 3"


def label_of_four(value: object) -> str | None:
    """A column with the index of one of four, as text."""
    return None if value in {"0", "1", "2", "3"} else 'one of "0", "1", "2", "3"'


def _row(line: str, path: Path, number: int, columns: Mapping[str, Column]) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UsageError(f"invalid JSON: {error.msg} at column {error.colno}", path=path, line=number) from None
    if not isinstance(row, dict):
        raise UsageError("not a JSON object", path=path, line=number, remedy="one JSON object a line")
    for column, complaint in columns.items():
        if column not in row:
            raise UsageError(f"no {column!r}", path=path, line=number, remedy=f"a row has {', '.join(columns)}")
        if (wanted := complaint(row[column])) is not None:
            raise UsageError(f"{column!r} is not {wanted}", path=path, line=number)
    return {column: row[column] for column in columns}
