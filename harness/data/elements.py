"""One JSON document cut into its rows, in bounded memory: an array, an object around one, or objects in a row."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from harness.data.parsing import LONGEST_ROW

_BLOCK = 1 << 18
_BOM = b"\xef\xbb\xbf"
# a text up to its end or the end of the block; what stands in a text is no structure
_MARK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?P<end>"?)|[\[\]{},]', re.DOTALL)
_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+(?P<end>"?)', re.DOTALL)
_KEY = re.compile(rb'"([a-z]+)"\s*:\s*\Z')
_LISTS = {
    "data",
    "rows",
    "train",
    "validation",
    "test",
    "examples",
    "samples",
    "items",
    "records",
    "instances",
    "entries",
}


class DocumentError(Exception):
    """The document is faulty outside of its rows, or breaks off in the middle of one."""


def elements(file: BinaryIO) -> Iterator[bytes | None]:
    """The bytes of each row, ``None`` for one that is longer than ``LONGEST_ROW``; what they say is not looked at.

    The rows are those of the array that the document is, or of the list that stands under a usual name (``data``,
    ``rows``, ``examples``, ...) in the object that it is. Any other object is a row itself, and so is each after it.
    """
    blocks = iter(lambda: file.read(_BLOCK), b"")
    first = next(blocks, b"").removeprefix(_BOM)
    wanted = _BLOCK
    while (place := _place_of_rows(first)) is None:
        more = b"".join(itertools.islice(blocks, wanted // _BLOCK))
        wanted *= 4
        if not more or len(first) > LONGEST_ROW:
            place = _NOWHERE
            break
        first += more
    yield from _cut(itertools.chain([first], blocks), place)


_NOWHERE = -1


def _place_of_rows(first: bytes) -> int | None:
    """Where the list of the rows opens; ``_NOWHERE`` for objects that are rows, ``None`` if that stands further on."""
    depth = 0
    for position, mark in _Marks().of(first):
        if mark in b"[{":
            depth += 1
            if mark == b"[" and (depth == 1 or (depth == 2 and _is_named(first[max(0, position - 80) : position]))):
                return position
        elif mark in b"]}":
            depth -= 1
            if depth <= 0:
                return _NOWHERE
    return None


def _is_named(before: bytes) -> bool:
    key = _KEY.search(before)
    return key is not None and key[1].decode() in _LISTS


@dataclass
class _Held:
    """Bytes that are put together, up to a limit."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def take(self, part: bytes) -> None:
        self.size += len(part)
        if self.size <= LONGEST_ROW:
            self.parts.append(part)
        else:
            self.parts.clear()

    def out(self) -> bytes | None:
        whole = b"".join(self.parts) if self.size <= LONGEST_ROW else None
        self.parts.clear()
        self.size = 0
        return whole


def _cut(blocks: Iterable[bytes], opens_at: int) -> Iterator[bytes | None]:
    row, around, marks = _Held(), _Held(), _Marks()
    begun, depth, inside, count = 0, 0, 0, 0
    for block in blocks:
        start = 0
        for position, mark in marks.of(block):
            if mark in b"[{":
                depth += 1
                if begun + position == opens_at:
                    around.take(block[start : position + 1])
                    start, inside = position + 1, depth
            elif mark == b",":
                if inside and depth == inside:
                    row.take(block[start:position])
                    yield row.out()
                    start, count = position + 1, count + 1
            else:
                depth = max(0, depth - 1)
                if inside and depth < inside:
                    row.take(block[start:position])
                    last = row.out()
                    if count or last is None or last.strip():
                        yield last
                    start, inside = position, 0
                elif opens_at == _NOWHERE and not depth:
                    row.take(block[start : position + 1])
                    yield row.out()
                    start, count = position + 1, count + 1
        (row if inside or opens_at == _NOWHERE else around).take(block[start:])
        begun += len(block)
    rest = row.out()
    if inside or rest is None or rest.strip():
        raise DocumentError("the JSON ends in the middle of a row" if inside or depth else "not valid JSON")
    _check_around(around.out())


def _check_around(text: bytes | None) -> None:
    """What stands around the rows must be JSON too, and hold no second list of rows."""
    if text is None:
        raise DocumentError("what stands around the rows is too long")
    if not text.strip():
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"not valid JSON around the rows: {str(error).splitlines()[0]}") from None
    lists = [key for key in value if key in _LISTS and isinstance(value[key], list)] if isinstance(value, dict) else []
    if len(lists) > 1:
        raise DocumentError(f"more than one list of rows: {', '.join(map(repr, lists))}")


class _Marks:
    """Finds brackets and commas outside of texts, block by block."""

    def __init__(self) -> None:
        self._in_text = self._escaped = False

    def of(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        start = 0
        if self._in_text:
            rest = _REST.match(block, 1 if self._escaped else 0)
            start = self._after(rest, block) if rest else 0
        while not self._in_text and (mark := _MARK.search(block, start)):
            start = mark.end()
            if mark["end"] is None:
                yield mark.start(), mark[0]
            else:
                self._after(mark, block)

    def _after(self, text: re.Match[bytes], block: bytes) -> int:
        """Notes whether the text goes on in the next block; a backslash at the end escapes what begins that one."""
        self._in_text = not text["end"]
        self._escaped = self._in_text and text.end() < len(block)
        return text.end()
