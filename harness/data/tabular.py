"""Rows of tables: CSV and TSV line by line, Parquet batch by batch."""

from __future__ import annotations

import contextlib
import csv
import datetime
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from harness.data.parsing import LONGEST_ROW, TOO_LONG
from harness.data.unpacking import DamagedError, arrow, first_line
from harness.errors import UsageError
from harness.rows import Unreadable

Found = tuple[int, dict[str, Any] | Unreadable]
_BATCH = 256
_UNCLOSED = "a quote is opened and not closed"


def delimited(file: BinaryIO, path: Path, delimiter: str) -> Iterator[Found]:
    """The rows of a CSV or TSV, each with the line at which it begins; a row of other length than the header's is none.

    All values are texts. A quote that is never closed swallows what follows it, so it is a fault of the file.
    """
    source = _Lines(file)
    table = csv.reader(source, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        source.begin()
        try:
            with _long_fields():
                cells = next(table)
        except StopIteration:
            return
        except DamagedError as error:
            raise UsageError(str(error), path=path, line=source.last + 1, remedy="fetch or pack it again") from None
        except csv.Error as error:
            if source.is_over or source.held > LONGEST_ROW:
                raise UsageError(_UNCLOSED, path=path, line=source.first, remedy='write it twice ("")') from None
            source.faults.append(f"not valid CSV: {error}")
            cells = []
        faults = source.faults
        if header is None and (cells or faults):
            header = _header(cells, faults, path, source.first, delimiter)
        elif header is not None and faults:
            yield source.first, Unreadable(source.first, faults[0], "save the file as CSV in UTF-8")
        elif header is not None and cells:
            yield source.first, _record(header, cells, source.first)


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """The parser's own limit, 128 KiB, is shorter than a document; it is the process's, and others rely on it."""
    before = csv.field_size_limit(LONGEST_ROW)
    try:
        yield
    finally:
        csv.field_size_limit(before)


class _Lines(Iterator[str]):
    """The lines as the parser wants them, with what was wrong with those of one row."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.last = self.first = self.held = 0
        self.is_over = False
        self.faults: list[str] = []

    def begin(self) -> None:
        self.first, self.held, self.faults = self.last + 1, 0, []

    def __next__(self) -> str:
        raw = self._file.readline(LONGEST_ROW + 1)
        if not raw:
            self.is_over = True
            raise StopIteration
        self.last += 1
        if len(raw) > LONGEST_ROW:
            raw = self._passed_over(raw)
        self.held += len(raw)
        if self.held > LONGEST_ROW:  # lines without end in one row: as good as never closed, and not to be held
            raise csv.Error(TOO_LONG)
        if b"\0" in raw:
            self.faults.append("holds a NUL byte, which no text does")
        try:
            return raw.decode("utf-8-sig" if self.last == 1 else "utf-8")
        except UnicodeDecodeError as error:
            self.faults.append(f"not UTF-8 text (byte {error.start} of the line)")
            return raw.decode("utf-8", errors="replace")

    def _passed_over(self, raw: bytes) -> bytes:
        """In place of a line that is too long, one that leaves quotes as open or closed as it did."""
        self.faults.append(TOO_LONG)
        quotes = raw.count(b'"')
        while raw and not raw.endswith(b"\n"):
            raw = self._file.readline(LONGEST_ROW)
            quotes += raw.count(b'"')
        return b'"\n' if quotes % 2 else b"\n"


def _header(cells: Sequence[str], faults: Sequence[str], path: Path, line: int, delimiter: str) -> list[str]:
    other = next((sign for sign in ",;\t|" if len(cells) == 1 and sign != delimiter and sign in cells[0]), None)
    twice = [name for name, count in Counter(cells).items() if count > 1]
    problem, remedy = "", "name each column once, in the first line"
    if faults:
        problem, remedy = f"the header is {faults[0]}", "save the file as CSV in UTF-8"
    elif cells[0].lstrip().startswith(("{", "[")):
        problem, remedy = "holds JSON, not a table", "name it .jsonl"
    elif other:
        problem = f"the columns are separated by {other!r}, not by {delimiter!r}"
        remedy = "name it .tsv" if other == "\t" else f"separate them by {delimiter!r}"
    elif twice:
        problem = f"two columns are named {twice[0][:60]!a}"
    if problem:
        raise UsageError(problem, path=path, line=line, remedy=remedy)
    return list(cells)


def _record(header: Sequence[str], cells: Sequence[str], line: int) -> dict[str, Any] | Unreadable:
    if len(cells) == len(header):
        return dict(zip(header, cells, strict=True))
    return Unreadable(
        line, f"has {len(cells)} fields, the header {len(header)}", "put fields that hold a separator into quotes"
    )


def parquet(path: Path) -> Iterator[Found]:
    """The rows of a Parquet file by their number, batch by batch.

    A null is a value that is missing: the row has no such key, at any depth. So is a NaN, as pandas writes it.
    """
    arrow("a Parquet file", path)
    reader = arrow("a Parquet file", path, "pyarrow.parquet")
    number = 0
    try:
        with reader.ParquetFile(path) as file:
            names = _stored_names(file.schema_arrow.metadata or {})
            for batch in file.iter_batches(batch_size=_BATCH):
                yield from plain_rows(batch, number, names)
                number += batch.num_rows
    except (OSError, ValueError, NotImplementedError) as error:  # Arrow's own errors are kinds of these
        raise UsageError(
            f"a damaged Parquet file ({first_line(error)})",
            path=path,
            line=number + 1,
            remedy="fetch or write it again",
        ) from None


def plain_rows(batch: Any, before: int, names: Sequence[str] = ()) -> Iterator[Found]:  # noqa: ANN401 - Arrow's
    """The rows of an Arrow batch or table as plain values; ``before`` is the number of the row before it.

    ``names`` are those of the classes that the column ``label`` counts.
    """
    try:
        rows: Iterable[dict[str, Any] | None] = batch.to_pylist()
    except UnicodeDecodeError:
        rows = (_readable(batch.slice(index, 1)) for index in range(batch.num_rows))
    for number, row in enumerate(rows, start=before + 1):
        yield (
            number,
            Unreadable(number, "not UTF-8 text", "write it again as UTF-8")
            if row is None
            else plain_row(row, number, names),
        )


def plain_row(row: Mapping[str, Any], number: int, names: Sequence[str] = ()) -> dict[str, Any] | Unreadable:
    """One row of a table with values that JSON knows, the number of a class replaced by its name."""
    try:
        plain: dict[str, Any] = _plain(row, "the row")
    except ValueError as error:
        return Unreadable(number, str(error), "leave the column out or write it as text")
    label = plain.get("label")
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(names):
        plain["label"] = names[label]
    return plain


def _readable(row: Any) -> dict[str, Any] | None:  # noqa: ANN401 - Arrow's
    try:
        only: dict[str, Any] = row.to_pylist()[0]
    except UnicodeDecodeError:
        return None
    return only


def _plain(value: Any, place: str) -> Any:  # noqa: ANN401 - JSON has no narrower type
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise ValueError(f"{place} holds a number without end")
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        inner = ((str(key), _plain(each, repr(key))) for key, each in value.items())
        return {key: each for key, each in inner if each is not None}
    if isinstance(value, list | tuple):
        return [_plain(each, place) for each in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise ValueError(f"{place} holds {type(value).__name__}, which is neither text nor number")


def _stored_names(metadata: Mapping[bytes, bytes]) -> list[str]:
    """The names of the classes in ``label`` that the library ``datasets`` notes in its files."""
    try:
        return list(json.loads(metadata[b"huggingface"])["info"]["features"]["label"]["names"])
    except (KeyError, ValueError, TypeError):
        return []
