"""What a data file held: known again later, and where it has changed, row by row."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.data import files, manifest, readable
from harness.data.differences import differences
from harness.errors import UsageError
from harness.identity import digest, row_digest
from harness.rows import Row
from harness.values import Dataset, Prompt

Count = Callable[[Prompt], int]
"""How many tokens a conversation or a text is."""

_VERSION = 1
_DIGITS = 16
_REMEDY = "if the change is meant, run 'harness data fingerprint SUITE --lock' again"


@dataclass(frozen=True, slots=True)
class Lengths:
    """The lengths of rows: the shortest, the median, the 95th percentile (nearest rank), the longest."""

    least: int
    median: int
    p95: int
    most: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A data file as it is, or as it was when it was locked."""

    sha256: str
    """Of the file's content."""
    rows: int
    format: str
    digests: tuple[str, ...] = field(repr=False)
    """Of each row, in order."""
    characters: Lengths
    """Of all turns of a row together."""
    tokens: Lengths | None = None
    """``None`` where no tokenizer counted."""
    lines: tuple[int, ...] = field(default=(), repr=False, compare=False)
    """Where each row stands; not kept in a lock."""


def fingerprint(path: Path, count: Count | None = None) -> Fingerprint:
    """Of a data file; ``UsageError`` where a row cannot be read."""
    digests: list[str] = []
    lines: list[int] = []
    characters: list[int] = []
    tokens: list[int] = []
    form = ""
    for row in readable.rows(path):
        form = form or row.form
        digests.append(_digest(row))
        lines.append(row.line)
        characters.append(_characters(row))
        if count:
            tokens.append(count(row.messages if row.text is None else row.text))
    counted = _lengths(tokens) if count else None
    return Fingerprint(
        files.fingerprint(path), len(digests), form, tuple(digests), _lengths(characters), counted, tuple(lines)
    )


def changes(old: Fingerprint, new: Fingerprint) -> str:
    """What became of the rows, in words: ``rows 3 and 17 changed; 5 rows were added (rows 301-305)``.

    Nothing where both are the same to the byte. Rows are counted from 1, those that were removed as they stood before.
    """
    if old.sha256 == new.sha256:
        return ""
    return differences(old.digests, new.digests).words() or "every row says the same, but the file is written otherwise"


def lock_path(suite: Path) -> Path:
    """Where the fingerprints of a suite's data are kept."""
    return suite.with_name(f"{suite.stem}.data.lock.json")


def write_lock(path: Path, prints: Mapping[str, Fingerprint]) -> None:
    """Keep fingerprints by the names that the suite gives its data; there whole or not at all."""
    manifest.whole(path, {"version": _VERSION, **{f"data.{name}": _content(each) for name, each in prints.items()}})


def read_lock(path: Path) -> dict[str, Fingerprint] | None:
    """What ``write_lock`` has kept; ``None`` where there is no such file, ``UsageError`` where it is none of its."""
    damaged = UsageError("is no lock of data that this version can read", path=path, remedy=_REMEDY)
    content = manifest.kept(path, damaged)
    if content is None:
        return None
    try:
        if content.pop("version") != _VERSION:
            raise damaged
        return {name.removeprefix("data."): _fingerprint(each) for name, each in content.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise damaged from None


def refuse_changed(lock: Path, datasets: Iterable[Dataset]) -> None:
    """Raise ``UsageError`` if data is not what the lock says, naming the rows; nothing to do where there is no lock.

    Only a file whose content has changed is read.
    """
    locked = read_lock(lock)
    if locked is None:
        return
    for dataset in datasets:
        if dataset.name not in locked:
            raise UsageError(f"{dataset.name} is not in {lock.name}", path=dataset.path, remedy=_REMEDY)
        old = locked[dataset.name]
        if old.sha256 != dataset.sha256:
            new = fingerprint(dataset.path)
            found = differences(old.digests, new.digests)
            place = found.first()
            words = changes(old, new) or "it changed while it was read"
            line = None if place is None or place >= len(new.lines) else new.lines[place]
            raise UsageError(
                f"{dataset.name} is not what {lock.name} says: {words}", path=dataset.path, line=line, remedy=_REMEDY
            )


def _digest(row: Row) -> str:
    """That of what the row says; where it has columns and keys that no format speaks of, with these."""
    aside = [row.extra, row.tags, {str(index): keys for index, keys in row.aside.items()}]
    if not any(aside):
        return row_digest(row)
    return digest([row_digest(row), json.dumps(aside, default=str, sort_keys=True)])[:_DIGITS]


def _characters(row: Row) -> int:
    return sum(len(message.content) for message in row.messages) + sum(map(len, row.choices)) + len(row.text or "")


def _lengths(counts: Sequence[int]) -> Lengths:
    ranked = sorted(counts)
    return Lengths(ranked[0], _rank(ranked, 50), _rank(ranked, 95), ranked[-1])


def _rank(ranked: Sequence[int], percent: int) -> int:
    """The nearest rank: the least value that so many percent do not go beyond."""
    return ranked[-(-percent * len(ranked) // 100) - 1]


def _content(each: Fingerprint) -> dict[str, Any]:
    """As JSON; the digests in one text, 11 letters a row."""
    packed = base64.b64encode(bytes.fromhex("".join(each.digests))).decode()
    tokens = asdict(each.tokens) if each.tokens else None
    return {
        "sha256": each.sha256,
        "rows": each.rows,
        "format": each.format,
        "characters": asdict(each.characters),
        "tokens": tokens,
        "digests": packed,
    }


def _fingerprint(content: Mapping[str, Any]) -> Fingerprint:
    digits = base64.b64decode(content["digests"], validate=True).hex()
    digests = tuple(digits[start : start + _DIGITS] for start in range(0, len(digits), _DIGITS))
    if len(digests) != content["rows"] or not isinstance(content["sha256"], str):
        raise ValueError
    tokens = Lengths(**content["tokens"]) if content["tokens"] else None
    return Fingerprint(
        content["sha256"], len(digests), str(content["format"]), digests, Lengths(**content["characters"]), tokens
    )
