"""Data files of every kind: bytes in, objects out, in bounded memory; written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

from harness.data.elements import DocumentError, elements
from harness.data.folders import files_of, is_saved, is_split, saved_rows
from harness.data.hub_rows import hub_rows, is_hub
from harness.data.parsing import A_ROW, LONGEST_ROW, parsed
from harness.data.tabular import Found, delimited, parquet
from harness.data.unpacking import CHECK, PARQUET, DamagedError, head, opened, stem
from harness.data.writing import writing
from harness.errors import UsageError
from harness.identity import file_sha256
from harness.rows import Unreadable

__all__ = ["LONGEST_ROW", "Kind", "fingerprint", "is_hub", "kind", "lines", "writing"]

Kind = Literal["jsonl", "json", "csv", "tsv", "parquet", "folder", "hub"]
"""What holds the rows: lines, one JSON document, a table, a folder of files, a data set of the Hugging Face Hub."""

_KINDS: dict[str, Kind] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
_AGAIN = "fetch or pack the file again"


def lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | Unreadable]]:
    """The rows of a file, a folder or a data set ``hf://OWNER/NAME[@REVISION][:CONFIG][/SPLIT]``, one by one.

    The number is the line at which the row begins (JSONL, CSV, TSV), else the row's number from 1; never twice the
    same. A fault of one row is an ``Unreadable``; a fault of the file a ``UsageError``, perhaps after rows that came
    before it. Values are as JSON has them; those of CSV and TSV are all texts. No row longer than ``LONGEST_ROW`` is
    held.
    """
    is_empty = True
    try:
        for found in _rows(path):
            is_empty = False
            yield found
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror or error}", path=path, remedy=CHECK) from None
    if is_empty:
        raise UsageError("the file holds no rows", path=path, remedy="one JSON object a line")


def kind(path: Path) -> Kind:
    """What a file is: by its first bytes where they tell, else by its name, else by how it begins.

    ``UsageError`` for what cannot be read or holds no rows: archives, workbooks, databases, pickles, UTF-16.
    """
    if is_hub(path):
        return "hub"
    with contextlib.suppress(OSError, ValueError):  # of a name that no file can have, which head tells
        if path.is_dir() or is_split(path):
            return "folder"
    first, packing = head(path)
    if first.startswith(PARQUET) and packing is None:
        return "parquet"
    name = stem(path)[0]
    begins = first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if name == ".parquet" and first:
        raise UsageError("not a Parquet file: it does not begin like one", path=path, remedy="fetch or write it again")
    if name in _KINDS:
        return _KINDS[name]
    if first and name != ".json" and begins not in (b"{", b"["):
        raise UsageError(
            "what kind of file it is cannot be told",
            path=path,
            remedy="let its name end with .jsonl, .json, .csv, .tsv or .parquet",
        )
    return "json" if begins == b"[" or (begins == b"{" and not _is_lines(path)) else "jsonl"


def fingerprint(path: Path) -> str:
    """SHA-256 (hex) of what a file holds; of a folder by the names and contents of the files in it."""
    if is_hub(path):
        raise UsageError("a data set of the Hub can change", path=path, remedy="write its rows to a file first")
    try:
        if path.is_file():
            return file_sha256(path)
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else files_of(path)
        named = [f"{file_sha256(file)}  {file.relative_to(path.parent).as_posix()}\n" for file in files]
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror or error}", path=path, remedy=CHECK) from None
    return hashlib.sha256("".join(named).encode(errors="surrogateescape")).hexdigest()


def _rows(path: Path) -> Iterator[Found]:
    form = kind(path)
    if form == "hub":
        yield from hub_rows(path)
    elif form == "folder":
        yield from saved_rows(path) if is_saved(path) else _rows_of_files(files_of(path))
    elif form == "parquet":
        yield from parquet(path)
    else:
        with opened(path) as file:
            yield from _text_rows(file, path, form)


def _rows_of_files(files: tuple[Path, ...]) -> Iterator[Found]:
    """The rows of one file after the other; the numbers go on, and a fault names the file in which it stands."""
    before = number = 0
    for file in files:
        for line, found in _rows(file):
            number = before + line
            if isinstance(found, Unreadable) and len(files) > 1:
                found = Unreadable(number, f"{file.name}:{line}: {found.problem}", found.remedy)
            yield number, found
        before = number


def _text_rows(file: BinaryIO, path: Path, form: Kind) -> Iterator[Found]:
    if form == "jsonl":
        return _json_lines(file, path)
    if form == "json":
        return _document(file, path)
    return delimited(file, path, "\t" if form == "tsv" else ",")


def _json_lines(file: BinaryIO, path: Path) -> Iterator[Found]:
    number = 0
    try:
        while raw := file.readline(LONGEST_ROW + 1):
            number += 1
            if len(raw) > LONGEST_ROW:
                _pass_over(file, raw)
                yield number, parsed(None, number)
            elif raw.strip():
                yield number, parsed(raw, number)
    except DamagedError as error:
        raise UsageError(str(error), path=path, line=number + 1, remedy=_AGAIN) from None


def _pass_over(file: BinaryIO, raw: bytes) -> None:
    """To the end of the line that begins with ``raw``."""
    while raw and not raw.endswith(b"\n"):
        raw = file.readline(LONGEST_ROW)


def _document(file: BinaryIO, path: Path) -> Iterator[Found]:
    number = 0
    try:
        for number, raw in enumerate(elements(file), start=1):
            yield number, parsed(raw, number, A_ROW)
    except DamagedError as error:
        raise UsageError(str(error), path=path, line=number + 1, remedy=_AGAIN) from None
    except DocumentError as error:
        remedy = "one array of JSON objects, or one JSON object a line"
        raise UsageError(str(error), path=path, line=number + 1, remedy=remedy) from None


def _is_lines(path: Path) -> bool:
    """Whether a text that begins with an object goes on with another on the next line."""
    with opened(path) as file:
        try:
            first = _next_line(file)
            second = _next_line(file)
        except DamagedError:
            return True
    # a line of one document begins with { only after a bracket, a comma or a colon
    return bool(second) and (first.endswith(b"}") or (second.startswith(b"{") and first[-1:] not in b"[,:{"))


def _next_line(file: BinaryIO) -> bytes:
    """The next line that is not blank; of a very long one the start."""
    while raw := file.readline(LONGEST_ROW):
        if raw.strip():
            return raw.strip()
    return b""
