"""Rows out: into a file of the kind that its name tells, there whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from harness.data.parsing import LONGEST_ROW, TOO_LONG
from harness.data.tabular import delimited, plain_row
from harness.data.unpacking import SUFFIXES, Packing, arrow, first_line, stem
from harness.errors import HarnessError, UsageError
from harness.rows import Unreadable

Put = Callable[[Mapping[str, Any]], None]
"""Writes one row; ``ValueError`` says what the kind of file cannot hold."""

_BATCH_ROWS, _BATCH_BYTES = 1000, 32 * 2**20


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Put]:
    """Write rows one by one: ``.jsonl``, ``.ndjson``, ``.json`` (an array), ``.csv``, ``.tsv``, ``.parquet``.

    All but Parquet may be compressed: ``.gz``, ``.bz2``, ``.xz``, ``.zst``. The file is there whole once the block has
    ended, and as it was before if the block raises; a process that is killed leaves at most ``.NAME.<hex>.unfinished``
    beside it. What is yielded raises ``ValueError`` for a row that such a file would not give back as it is: a
    CSV or TSV holds texts only, the same columns in every row. Parquet has one type a column and no null apart from a
    value that is missing; which row breaks that is known only later, and told by its number in a ``UsageError``.

    ``UsageError`` for a name that tells no kind, ``HarnessError`` where the file cannot be written.
    """
    name, packing = stem(path)
    make = _SINKS.get(name)
    if make is None or (packing and name == ".parquet"):
        problem = "Parquet is compressed inside" if make else "its name does not tell what kind of file to write"
        remedy = f"let it end with {', '.join(_SINKS)}; all but .parquet also with {', '.join(SUFFIXES)}"
        raise UsageError(problem, path=path, remedy=remedy)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.unfinished")
    with _told(path):
        if path.is_dir():
            raise UsageError("a folder, not a file to write", path=path, remedy="name a file in it")
        file = beside.open("xb")
    onto = _Onto(file)
    target = cast(BinaryIO, onto)
    try:
        target = _packed(target, packing, path)
        with _told(path):
            sink = make(target, path)

        def put(row: Mapping[str, Any]) -> None:
            with _told(path):
                sink.put(row)

        yield put
        with _told(path):
            sink.finish()
            target.close()
            file.flush()
            os.fsync(file.fileno())
            file.close()
            beside.replace(path)
    finally:
        onto.is_given_up = True
        for each in (target, file):
            with contextlib.suppress(OSError, ValueError):  # to close writes what is left: the disk may still be full
                each.close()
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the machine refuses, as an error of one line."""
    try:
        yield
    except FileNotFoundError:
        raise UsageError("no such folder to write into", path=path, remedy=f"make {path.parent}") from None
    except OSError as error:
        raise HarnessError(f"{path}: cannot be written: {error.strerror or error}") from error


class _Sink(Protocol):
    def put(self, row: Mapping[str, Any], /) -> None: ...

    def finish(self) -> None: ...


def _packed(file: BinaryIO, packing: Packing | None, path: Path) -> BinaryIO:
    if packing is None:
        return file
    if packing == "gzip":
        import gzip

        # no name and no time in it: the same rows give the same bytes
        return cast(BinaryIO, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0))
    if packing == "bzip2":
        import bz2

        return cast(BinaryIO, bz2.BZ2File(file, "wb"))
    if packing == "xz":
        import lzma

        return cast(BinaryIO, lzma.LZMAFile(file, "wb"))
    pyarrow = arrow("a zstd file", path)
    return cast(BinaryIO, pyarrow.CompressedOutputStream(pyarrow.PythonFile(file, mode="w"), "zstd"))


class _Onto(io.RawIOBase):
    """The file as its packer sees it: stays open when that closes it, and swallows what comes once it is given up."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.is_given_up = False

    def writable(self) -> bool:
        return True

    def write(self, block: Any, /) -> int:  # noqa: ANN401 - any buffer
        return memoryview(block).nbytes if self.is_given_up else self._file.write(block)


def _json(row: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(dict(row), ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise ValueError(
            f"holds half a character ({half}), which no file can; write it whole or leave it out"
        ) from None
    except RecursionError:
        raise ValueError("is nested too deep to be written") from None
    except TypeError as error:
        raise ValueError(f"holds what JSON cannot: {first_line(error)}") from None
    if len(text) >= LONGEST_ROW:
        raise ValueError(f"is {TOO_LONG}; split it or leave it out")
    return text


class _JsonLines:
    def __init__(self, target: BinaryIO, path: Path) -> None:
        self._target = target

    def put(self, row: Mapping[str, Any]) -> None:
        self._target.write(_json(row) + b"\n")

    def finish(self) -> None:
        """Nothing is left to write."""


class _JsonArray:
    def __init__(self, target: BinaryIO, path: Path) -> None:
        self._target = target
        self._before = b"[\n"

    def put(self, row: Mapping[str, Any]) -> None:
        self._target.write(self._before + _json(row))
        self._before = b",\n"

    def finish(self) -> None:
        self._target.write(b"[]\n" if self._before == b"[\n" else b"\n]\n")


class _Delimited:
    def __init__(self, target: BinaryIO, path: Path, delimiter: str = ",") -> None:
        self._target, self._path, self._delimiter = target, path, delimiter
        self._header: tuple[str, ...] | None = None

    def put(self, row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            if not isinstance(value, str):
                kind = "empty" if value is None else f"no text but {type(value).__name__}"
                raise ValueError(f"{name!r} is {kind}, and a table of texts would give back another; write .jsonl")
        header = self._header or tuple(row)
        if row.keys() != set(header):
            raise ValueError(f"has other columns than the first row ({', '.join(map(ascii, header))}); write .jsonl")
        first, record = self._line(header), self._line([row[name] for name in header])
        if not self._gives_back(first + record, row):
            raise ValueError("holds what a table of texts would not give back, such as a NUL byte; write .jsonl")
        self._target.write(first + record if self._header is None else record)
        self._header = header

    def finish(self) -> None:
        """Nothing is left to write."""

    def _line(self, cells: Any) -> bytes:  # noqa: ANN401 - texts
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter).writerow(cells)
        try:
            return text.getvalue().encode()
        except UnicodeEncodeError:
            raise ValueError("holds half a character, which no file can; write it whole or leave it out") from None

    def _gives_back(self, written: bytes, row: Mapping[str, Any]) -> bool:
        try:
            return [found for _, found in delimited(io.BytesIO(written), self._path, self._delimiter)] == [dict(row)]
        except UsageError:
            return False


class _Tabs(_Delimited):
    def __init__(self, target: BinaryIO, path: Path) -> None:
        super().__init__(target, path, "\t")


class _Parquet:
    """Two passes: the type of each column is known only after the last row, so the rows wait in a nameless file."""

    def __init__(self, target: BinaryIO, path: Path) -> None:
        self._pyarrow = arrow("a Parquet file", path)
        self._parquet = arrow("a Parquet file", path, "pyarrow.parquet")
        self._target, self._path = target, path
        self._waiting = cast(BinaryIO, tempfile.TemporaryFile(dir=path.parent))  # noqa: SIM115 - closed in finish
        self._schema = self._pyarrow.schema([])
        self._batch: list[dict[str, Any]] = []
        self._bytes = self._count = 0

    def put(self, row: Mapping[str, Any]) -> None:
        text = _json(row)
        self._waiting.write(text + b"\n")
        self._bytes += len(text)
        self._batch.append(dict(row))
        if len(self._batch) >= _BATCH_ROWS or self._bytes >= _BATCH_BYTES:
            self._take_types()

    def finish(self) -> None:
        self._take_types()
        if self._count and not self._schema.names:
            raise UsageError("rows without columns, which a Parquet file cannot hold", path=self._path)
        self._count = 0
        kind = self._pyarrow.struct(self._schema)
        try:
            with self._waiting, self._parquet.ParquetWriter(self._target, self._schema) as writer:
                for batch in self._batches():
                    array = self._array(batch, kind)
                    writer.write_batch(self._pyarrow.RecordBatch.from_struct_array(array))
                    self._count += len(batch)
        except NotImplementedError:
            problem = "holds an object without keys, which a Parquet file cannot"
            raise UsageError(problem, path=self._path, remedy="write .jsonl") from None

    def _take_types(self) -> None:
        inferred = self._array(self._batch, None).type
        schema = self._pyarrow.schema(list(inferred) if self._batch else [])
        try:
            self._schema = self._pyarrow.unify_schemas([self._schema, schema], promote_options="permissive")
        except (ValueError, TypeError) as error:
            raise self._refusal(self._count + 1, self._count + len(self._batch), first_line(error)) from None
        self._count += len(self._batch)
        self._batch, self._bytes = [], 0

    def _batches(self) -> Iterator[list[dict[str, Any]]]:
        self._waiting.seek(0)
        batch: list[dict[str, Any]] = []
        size = 0
        for raw in self._waiting:
            batch.append(json.loads(raw))
            size += len(raw)
            if len(batch) >= _BATCH_ROWS or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _array(self, rows: list[dict[str, Any]], kind: object) -> Any:  # noqa: ANN401 - Arrow's
        """The rows as a column of structs that gives them back; else ``UsageError`` with the first that it does not."""
        array, problem = self._tried(rows, kind)
        if problem is None:
            return array
        good, bad = 0, len(rows)  # so many rows go together, so many do not
        while bad - good > 1:
            middle = (good + bad) // 2
            if (found := self._tried(rows[:middle], kind)[1]) is None:
                good = middle
            else:
                bad, problem = middle, found
        raise self._refusal(self._count + bad, self._count + bad, problem)

    def _tried(self, rows: list[dict[str, Any]], kind: object) -> tuple[Any, str | None]:
        try:
            array = self._pyarrow.array(rows, type=kind)
            same = all(_same(each, row) for each, row in zip(array.to_pylist(), rows, strict=True))
        except (ValueError, TypeError, OverflowError) as error:
            return None, first_line(error)
        return array, None if same else "a value would come back as another"

    def _refusal(self, first: int, last: int, problem: str) -> UsageError:
        rows = f"row {first}" if first == last else f"rows {first} to {last}"
        return UsageError(
            f"{rows}: a Parquet file cannot hold this together with the rows before ({problem})",
            path=self._path,
            remedy="give each column one type or write .jsonl",
        )


def _same(given_back: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether the file says the same, a null and a missing value taken for one; 1 and 1.0 are two."""
    one, other = plain_row(given_back, 0), plain_row(row, 0)
    if isinstance(one, Unreadable) or isinstance(other, Unreadable):
        return False
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


_SINKS: dict[str, Callable[[BinaryIO, Path], _Sink]] = {
    ".jsonl": _JsonLines,
    ".ndjson": _JsonLines,
    ".json": _JsonArray,
    ".csv": _Delimited,
    ".tsv": _Tabs,
    ".parquet": _Parquet,
}
