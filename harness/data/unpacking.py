"""Files opened for reading: unpacked where they are compressed, refused by name where they hold no text."""

from __future__ import annotations

import contextlib
import importlib
import io
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, cast

from harness.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Packing = Literal["gzip", "bzip2", "xz", "zstd"]

SUFFIXES: dict[str, Packing] = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
PARQUET = b"PAR1"
CHECK = "check its name and who may read it"
_HEAD = 4096
_BUFFER = 1 << 20
_MAGIC: tuple[tuple[bytes, Packing], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_SAVE_AS = "write its rows as .jsonl, .csv or .parquet"
_NOT_ROWS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip archive", "unpack it and name a file in it"),
    (b"PK\x05\x06", "an empty zip archive", _SAVE_AS),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and name a file in it"),
    (b"Rar!", "a rar archive", "unpack it and name a file in it"),
    (b"SQLite format 3\0", "an SQLite database", _SAVE_AS),
    (b"\xd0\xcf\x11\xe0", "an old Office file", _SAVE_AS),
    (b"%PDF", "a PDF document", _SAVE_AS),
    (b"\x89HDF", "an HDF5 file", _SAVE_AS),
    (b"\x93NUMPY", "a NumPy array", _SAVE_AS),
    (b"ARROW1", "an Arrow file", _SAVE_AS),
    (b"ORC", "an ORC file", _SAVE_AS),
    (b"Obj\x01", "an Avro file", _SAVE_AS),
    (b"\x80\x02", "a pickle, which could run code and is never opened", _SAVE_AS),
    (b"\x80\x03", "a pickle, which could run code and is never opened", _SAVE_AS),
    (b"\x80\x04", "a pickle, which could run code and is never opened", _SAVE_AS),
    (b"\x80\x05", "a pickle, which could run code and is never opened", _SAVE_AS),
    (b"version https://git-lfs", "a Git LFS pointer, not the data", "fetch the data with: git lfs pull"),
    (b"<!DOCTYPE html", "an HTML page, perhaps of a download that failed", "fetch the file again"),
    (b"<html", "an HTML page, perhaps of a download that failed", "fetch the file again"),
)
_WIDE: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_CONTROLS = bytes({*range(9), *range(14, 32)} - {27})


class DamagedError(Exception):
    """A compressed stream broke off or does not unpack."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked; reading raises ``DamagedError`` where a compressed stream breaks off.

    ``UsageError`` where there is nothing to read: no file, no permission, a folder, a pipe, a device.
    """
    _refuse_what_is_no_file(path)
    try:
        file = path.open("rb", buffering=_BUFFER)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=path, remedy=CHECK) from None
    with file:
        packing = _packing(file.read(8))
        file.seek(0)
        yield file if packing is None else cast(BinaryIO, io.BufferedReader(_Unpacked(file, packing), _BUFFER))


def head(path: Path) -> tuple[bytes, Packing | None]:
    """The first bytes of a file, unpacked, and how it is packed; ``UsageError`` where they can be no rows."""
    with opened(path) as file:
        try:
            first = file.read(_HEAD)
        except DamagedError as error:
            raise UsageError(str(error), path=path, line=1, remedy="fetch or pack the file again") from None
    with path.open("rb") as file:
        packing = _packing(file.read(8))
    _refuse_what_holds_no_rows(path, first, packing)
    return first, packing


def stem(path: Path) -> tuple[str, Packing | None]:
    """The last suffix in lower case but for that of a compression, and the compression that the name tells."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packing = SUFFIXES.get(suffixes[-1]) if suffixes else None
    rest = suffixes[:-1] if packing else suffixes
    return (rest[-1] if rest else ""), packing


def _packing(first: bytes) -> Packing | None:
    return next((packing for magic, packing in _MAGIC if first.startswith(magic)), None)


def _refuse_what_is_no_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UsageError("no such data file", path=path, remedy="paths are relative to the suite file") from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=path, remedy=CHECK) from None
    except ValueError:  # a NUL in the name
        raise UsageError(f"no file can be named {str(path)!r}", remedy="check the name") from None
    if stat.S_ISDIR(mode):
        raise UsageError("a folder, not a data file", path=path, remedy="name a .jsonl file")
    if not stat.S_ISREG(mode):  # reading a pipe may wait for ever, and a device may never end
        raise UsageError("a pipe or device, not a data file", path=path, remedy="write the rows to a file and name it")


def _refuse_what_holds_no_rows(path: Path, first: bytes, packing: Packing | None) -> None:
    name = stem(path)[0]
    if name in {".pkl", ".pickle"}:
        raise UsageError("a pickle, which could run code and is never opened", path=path, remedy=_SAVE_AS)
    if packing and _packing(first):
        raise UsageError(f"packed twice ({packing}, then {_packing(first)})", path=path, remedy="unpack it once")
    if packing and first.startswith(PARQUET):
        raise UsageError("a Parquet file that is packed once more", path=path, remedy="unpack it")
    if first.startswith(b"PK\x03\x04") and (name == ".xlsx" or b"[Content_Types].xml" in first):
        raise UsageError("an Excel workbook", path=path, remedy="save the sheet as CSV")
    for magic, what, remedy in _NOT_ROWS:
        if first.startswith(magic):
            raise UsageError(what, path=path, remedy=remedy)
    if first[257:262] == b"ustar":
        raise UsageError("a tar archive", path=path, remedy="unpack it and name a file in it")
    if wide := _wide(first):
        raise UsageError(
            f"{wide} text, not UTF-8", path=path, remedy=f"convert it: iconv -f {wide} -t UTF-8 {path.name}"
        )
    begins_as_json = first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    controls = len(first) - len(first.translate(None, _CONTROLS))
    if not begins_as_json and b"\0" in first and controls > len(first) / 20:
        if first.startswith(PARQUET):
            return
        raise UsageError("a binary file of an unknown kind", path=path, remedy=_SAVE_AS)


def _wide(first: bytes) -> str | None:
    """Whether each character takes two or four bytes; told by the mark at the start, else by the zeros between."""
    marked = next((name for mark, name in _WIDE if first.startswith(mark)), None)
    if marked or len(first) < 4:
        return marked
    start = first[:4]
    if start[0] and start[1:4] == b"\0\0\0":
        return "UTF-32LE"
    if start[0] and start[2] and start[1] == start[3] == 0:
        return "UTF-16LE"
    return "UTF-16BE" if start[1] and start[3] and start[0] == start[2] == 0 else None


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class _Unpacked(io.RawIOBase):
    """A compressed stream whose faults, which each library names otherwise, are all ``DamagedError``."""

    def __init__(self, file: BinaryIO, packing: Packing) -> None:
        self._packing = packing
        self._stream = _unpacker(file, packing)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        import lzma

        into = memoryview(buffer)
        try:
            block = self._stream.read1(len(into))  # read() would lose what came before the break
        # each library has its own error: zlib's, lzma's, ArrowInvalid (a ValueError), EOFError; the rest are OSErrors
        except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise DamagedError(f"the {self._packing} stream is damaged or cut off ({first_line(error)})") from None
        into[: len(block)] = block
        return len(block)


def _unpacker(file: BinaryIO, packing: Packing) -> _Stream:
    if packing == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=file, mode="rb")
    if packing == "bzip2":
        import bz2

        return bz2.BZ2File(file)
    if packing == "xz":
        import lzma

        return lzma.LZMAFile(file)
    return _zstd(file)


def _zstd(file: BinaryIO) -> _Stream:
    """Through Arrow, which tells a stream that was cut off from one that ended; zstandard's reader does not."""
    pyarrow = arrow("a zstd file", Path(file.name))
    return cast(_Stream, pyarrow.CompressedInputStream(pyarrow.PythonFile(file, mode="r"), "zstd"))


def arrow(what: str, path: Path, module: str = "pyarrow") -> ModuleType:
    """The package ``pyarrow``; ``UsageError`` that says what it is needed for where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UsageError(
            f"{what} needs the package pyarrow", path=path, remedy="pip install 'finetune-harness[data]'"
        ) from None


def first_line(error: BaseException) -> str:
    """What another's exception says, on one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
