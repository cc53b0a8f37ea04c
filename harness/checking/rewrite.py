"""A cleaned file beside the one that it was made of, with a file that tells what was removed and changed."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.checking.clean import Cleaned, Removed, Replaced
from harness.data import files, formats, unpacking
from harness.errors import HarnessError, UsageError
from harness.rows import Row, Table, Unreadable

_BYTES = 1 << 20
"""Of an unreadable line that are told; the whole line stands in the file that was cleaned."""

_ENDINGS = {
    "jsonl": (".jsonl", ".ndjson"),
    "json": (".json",),
    "csv": (".csv",),
    "tsv": (".tsv",),
    "parquet": (".parquet",),
}
"""What the name of each kind of file ends with; what is no single file can become any of them."""


def removed_path(output: Path) -> Path:
    """Where it is told what was removed and changed: ``train.jsonl.removed.jsonl`` beside ``train.jsonl``."""
    return output.with_name(f"{output.name}.removed.jsonl")


def refuse_harm(source: Path, others: Sequence[Path], output: Path, *, force: bool) -> None:
    """Raise ``UsageError`` where writing would change a file that is read, or one that is there without ``force``."""
    for target in (output, removed_path(output)):
        for read in (source, *others):
            if _is_same(target, read):
                raise UsageError(f"{target} is read, and would be written over", remedy="name another --output")
        if target.exists() and not force:
            raise UsageError(f"{target} is there already", remedy="name another --output, or write over it by --force")
    if not output.parent.is_dir():
        raise UsageError(f"there is no folder {str(output.parent)!r}", remedy="make it first")
    endings = _ENDINGS.get(files.kind(source))
    if endings and unpacking.stem(output)[0] not in endings:
        remedy = "'harness data convert' makes another kind of file"
        raise UsageError(f"{output} should end with {' or '.join(endings)}, as {source} is such a file", remedy=remedy)


def write(table: Table, cleaned: Cleaned, output: Path) -> None:
    """The file again without its removed rows and with its new ones; all other rows are written as they were read.

    Both files are there whole, or neither. Raises ``HarnessError`` where a new row does not fit the file's format.
    """
    told = removed_path(output)
    with files.writing(output) as put, files.writing(told) as tell:
        for content, record in rewritten(table, cleaned):
            if content is not None:
                put(content)
            for each in record:
                tell(each)


def rewritten(table: Table, cleaned: Cleaned) -> Iterator[tuple[Mapping[str, Any] | None, list[dict[str, Any]]]]:
    """Each row as it will be written, ``None`` for one that is left out, with what there is to tell of it."""
    removed = {each.line: each for each in cleaned.removed}
    replaced = {line: list(of) for line, of in itertools.groupby(cleaned.replaced, key=lambda each: each.line)}
    before = {row.line: row for row in table.rows}
    after = {row.line: row for row in cleaned.rows}
    unread = _raw(table.path, {each.line for each in cleaned.removed if each.original is None})
    kept = 0
    for line, content in files.lines(table.path):
        if line in removed:
            original = _original(removed[line], before.get(line), content)
            yield None, [_told_of_removed(removed[line]) | (unread.get(line, {}) if original is None else original)]
        elif line in replaced and not isinstance(content, Unreadable):
            new = _as_object(after[line], replaced[line][0])
            yield new, [_told_of_replaced(each, list(_changed(content, new))) for each in replaced[line]]
        elif isinstance(content, Unreadable) or line not in before:
            raise _changed_meanwhile(table.path)
        else:
            yield content, []
        kept += line not in removed
    if kept != len(after):
        raise _changed_meanwhile(table.path)


def _changed_meanwhile(path: Path) -> HarnessError:
    return HarnessError(f"{path} has changed while it was being cleaned, and nothing was written; clean it again")


def _original(removed: Removed, before: Row | None, content: dict[str, Any] | Unreadable) -> dict[str, Any] | None:
    """The row as it stood in the file; one that was changed before as it was then, without what was taken out of it."""
    if isinstance(content, Unreadable):
        return None
    if removed.original is None or removed.original is before:
        return {"original": content}
    try:
        return {"original": formats.to_object(removed.original, removed.original.form)}
    except ValueError:
        return {}


def _told_of_removed(removed: Removed) -> dict[str, Any]:
    return {
        "line": removed.line,
        "did": "removed",
        "check": removed.check,
        "kind": removed.kind,
        "why": removed.why,
    }


def _told_of_replaced(replaced: Replaced, where: Sequence[str]) -> dict[str, Any]:
    return {
        "line": replaced.line,
        "did": "replaced",
        "check": replaced.check,
        "kind": replaced.kind,
        "why": replaced.why,
        "where": list(where),
    }


def _as_object(row: Row, by: Replaced) -> dict[str, Any]:
    try:
        return formats.to_object(row, row.form)
    except ValueError as error:
        problem = f"data check {by.check!r} has a row for line {row.line} that {row.form} cannot hold: {error}"
        raise HarnessError(f"{problem}; leave it out with --skip {by.check}") from None


def _changed(before: object, after: object, place: str = "") -> Iterator[str]:
    """The places at which two JSON values differ, as ``messages[1].content``."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in {**before, **after}:
            yield from _changed(before.get(key), after.get(key), f"{place}.{key}" if place else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _changed(one, other, f"{place}[{index}]")
    elif before != after:
        yield place


def _raw(path: Path, wanted: set[int]) -> dict[int, dict[str, str]]:
    """What stands in lines of a JSONL file, as text where it is text; nothing of any other kind of file."""
    if not wanted or files.kind(path) != "jsonl":
        return {}
    found: dict[int, dict[str, str]] = {}
    with unpacking.opened(path) as file:
        number = 0
        # in pieces: a line may be as long as the file
        while (piece := file.readline(_BYTES)) and len(found) < len(wanted):
            if number + 1 in wanted and number + 1 not in found:
                found[number + 1] = _as_text(piece)
            number += piece.endswith(b"\n")
    return found


def _as_text(line: bytes) -> dict[str, str]:
    try:
        return {"original": line.rstrip(b"\r\n").decode()}
    except UnicodeDecodeError:
        return {"original_base64": base64.b64encode(line).decode()}


def _is_same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.absolute() == other.absolute()
