"""Data files in another format, or in a file of another kind: all that they hold, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.data import files, formats
from harness.errors import UsageError
from harness.rows import Format, Row, Unreadable

_NAMED = 3
"""So many lines are named of those that cannot be converted for the same reason."""
_TOLD = 5
"""So many unreadable lines are told, each with its problem."""
_REASONS = 100
"""So many reasons are kept apart: hostile rows could each have one of their own."""
_HOLDS = "%s "
"""Stands for ``holds`` or ``hold``, by the number of lines."""
_EVERY = 1000
"""Rows between two words on how far the work is."""
_OWN: Collection[Format] = ("preference", "kto", "multiple_choice", "text")
"""Formats whose rows no other can hold."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written."""

    source: Path
    target: Path
    rows: int
    source_form: Format
    target_form: Format


def convert(
    source: Path,
    target: Path,
    *,
    to: Format | None = None,
    form: Format | None = None,
    drop: Collection[str] = (),
    force: bool = False,
    told: Callable[[int], None] | None = None,
) -> Converted:
    """Write the rows of ``source`` to ``target`` in the format ``to`` (``messages``), in bounded memory.

    The rows are read in ``form``, else in the format that their columns tell; the columns ``drop`` are left out. The
    name of ``target`` tells the kind of file; ``told`` hears now and then how many rows are done. Where rows cannot be
    read, or hold what the format or the file cannot, nothing is written and ``UsageError`` names them. Rows that are in
    the format already are written as they stand.
    """
    _refuse_target(source, target, force=force)
    wanted: Format = to or "messages"
    as_turns = wanted == "prompt_completion" and _needs_turns(source, form, drop)
    refused, rows, found = _Refused(), 0, wanted
    with files.writing(target) as put:
        for content, row in formats.pairs(source, form, without=drop):
            if isinstance(row, Unreadable):
                refused.unreadable(row)
                continue
            rows, found = rows + 1, row.form
            try:
                given = content if row.form == wanted else formats.to_object(row, wanted, as_turns=as_turns)
            except ValueError as error:
                refused.add(row.line, f"{_HOLDS}{error}")
                continue
            _put(put, given, row, refused, target)
            if told and rows % _EVERY == 0:
                told(rows)
        refused.raise_any(source, found)
    return Converted(source, target, rows, found, wanted)


def _put(
    put: Callable[[Mapping[str, Any]], None], given: Mapping[str, Any], row: Row, refused: _Refused, target: Path
) -> None:
    """Write a row, as long as there is something to be written at the end."""
    if refused:
        return
    try:
        put(given)
    except ValueError as error:
        refused.add(row.line, f"cannot stand in {target.name}: {error}")


@dataclass(slots=True)
class _Refused:
    """What cannot be converted: the first lines, and how many there are."""

    first: list[Unreadable] = field(default_factory=list)
    count: int = 0
    lines: dict[str, list[int]] = field(default_factory=dict)
    """The first lines by the reason."""
    counts: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.count or self.lines)

    def unreadable(self, row: Unreadable) -> None:
        """A line that is no row."""
        self.count += 1
        self.first += [row] if self.count <= _TOLD else []

    def add(self, line: int, reason: str) -> None:
        """A row that would lose something; a reason that begins with ``_HOLDS`` is what it holds."""
        if reason not in self.lines and len(self.lines) == _REASONS:
            reason = "cannot be converted for other reasons"
        first = self.lines.setdefault(reason, [])
        first += [line] if len(first) < _NAMED else []
        self.counts[reason] = self.counts.get(reason, 0) + 1

    def raise_any(self, source: Path, form: Format) -> None:
        """Raise ``UsageError`` if there was any."""
        if self.count == 1:
            [only] = self.first
            raise UsageError(only.problem, path=source, line=only.line, remedy=only.remedy)
        if self.count:
            told = [f"line {each.line} ({each.problem})" for each in self.first]
            more = f" and {self.count - len(told):,} more" if self.count > len(told) else ""
            remedy = "'harness data check' shows them all"
            raise UsageError(f"{self.count:,} rows cannot be read: {', '.join(told)}{more}", path=source, remedy=remedy)
        if self.lines:
            told = [_sentence(self.lines[reason], self.counts[reason], reason) for reason in self.lines][:_TOLD]
            remedy = f"'--to {form}' keeps all" if form in _OWN else "choose another format (--to), or leave them out"
            raise UsageError("; ".join(told), path=source, remedy=remedy)


def _sentence(first: list[int], count: int, reason: str) -> str:
    """``lines 3, 7, 9 and 12 more hold tool calls, which alpaca cannot hold``."""
    verb = "holds" if count == 1 else "hold"
    reason = f"{verb} {reason.removeprefix(_HOLDS)}" if reason.startswith(_HOLDS) else reason
    named = [str(line) for line in first] + ([f"{count - len(first):,} more"] if count > len(first) else [])
    places = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]
    return f"{'line' if count == 1 else 'lines'} {places} {reason}"


def _needs_turns(source: Path, form: Format | None, drop: Collection[str]) -> bool:
    """Whether one row at least cannot be written as two texts: then all are lists of turns, of one type in the file."""
    rows = (row for _, row in formats.pairs(source, form, without=drop) if isinstance(row, Row))
    return any(row.form != "prompt_completion" and not formats.is_plain(row) for row in rows)


def _refuse_target(source: Path, target: Path, *, force: bool) -> None:
    files.kind(source)  # a source that is none, as one of a name that is too long, is told first
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError("a file cannot be converted into itself", path=target, remedy="name another one")
    if source.is_dir() and target.resolve().is_relative_to(source.resolve()):
        raise UsageError("stands in the folder that is to be converted", path=target, remedy="name another place")
    if target.exists() and not force:
        raise UsageError("is there already", path=target, remedy="--force replaces it")
