"""A data file mixed of several, with a record of what each gave."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.data import files, formats, manifest, readable
from harness.data.mix import Interleave, apportioned, drawn, general_rows, ordered, refuse_too_few
from harness.errors import UsageError
from harness.rows import Format, Unreadable

MOST_PASSES = 4
"""Shown more often, the same rows teach little that is new: N. Muennighoff and others, Scaling Data-Constrained
Language Models, 2023, where up to four passes did nearly as well as new data."""

_COMMON: Format = "messages"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Wish:
    """How files shall be mixed."""

    ratio: float
    """The share of general rows in the whole."""
    oversample: bool = False
    """Whether general rows are repeated where they are too few."""
    interleave: Interleave = "shuffled"
    seed: int = 0
    form: Format | None = None
    """What all rows become; ``None``: what they are, or ``messages`` where the files differ."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one file gave."""

    path: Path
    sha256: str
    format: Format
    rows: int
    """Of the file."""
    taken: int
    """Rows of the mixture that come from it, repeated ones counted each time."""
    general: bool


@dataclass(frozen=True, slots=True)
class Mixture:
    """A mixture as it was written."""

    path: Path
    sha256: str
    rows: int
    format: Format
    ratio: float
    """As it was wished."""
    share: float
    """Of general rows, as it came out."""
    oversample: bool
    repeats: int
    """How often the most repeated general row stands in it."""
    interleave: Interleave
    seed: int
    parts: tuple[Part, ...]
    """The task's own first."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    sha256: str
    lines: tuple[int, ...]
    form: Format


def record_of(mixture: Path) -> Path:
    """The file beside a mixture that says what it is made of."""
    return mixture.with_name(f"{mixture.name}.mix.json")


def mix(task: Path, general: Sequence[Path], output: Path, wish: Wish) -> Mixture:
    """Write all rows of ``task`` with general ones, drawn from each file in proportion to its size.

    Beside it stands ``OUTPUT.mix.json`` with the fingerprint of every part. Rows of one format are written as they are;
    where formats differ all become ``messages``. Raises ``UsageError``, and writes nothing, where a row cannot be read
    or would lose something, and where general rows are too few and must not be repeated.
    """
    own, others = _file(task), [_file(path) for path in general]
    available = [len(each.lines) for each in others]
    if not wish.oversample:
        refuse_too_few(len(own.lines), sum(available), wish.ratio, general[0], way_out=", or add --oversample")
    form = wish.form or _common_form([own, *others])
    draw = random.Random(wish.seed)  # noqa: S311 - repeatable, not secret
    counts = apportioned(general_rows(len(own.lines), wish.ratio), available)
    taken = [drawn(each.lines, count, draw) for each, count in zip(others, counts, strict=True)]
    parts = [_contents(own, own.lines, form), *(_contents(*each, form) for each in zip(others, taken, strict=True))]
    rows = ordered(parts, wish.interleave, draw)
    try:
        with files.writing(output) as put:
            for content in rows:
                put(content)
    except ValueError as error:
        raise UsageError(str(error), path=output) from None
    repeats = max((count for lines in taken for count in Counter(lines).values()), default=0)
    made = Mixture(
        output,
        files.fingerprint(output),
        len(rows),
        form,
        wish.ratio,
        sum(counts) / len(rows),
        wish.oversample,
        repeats,
        wish.interleave,
        wish.seed,
        (
            _part(own, len(own.lines), general=False),
            *(_part(*each, general=True) for each in zip(others, counts, strict=True)),
        ),
        _warnings(repeats, form, [own, *others]),
    )
    _record(made)
    return made


def _file(path: Path) -> _File:
    lines: list[int] = []
    form = _COMMON
    for row in readable.rows(path):
        lines.append(row.line)
        form = row.form  # the same in all rows of a file
    return _File(path, files.fingerprint(path), tuple(lines), form)


def _common_form(parts: Sequence[_File]) -> Format:
    forms = {part.form for part in parts}
    return forms.pop() if len(forms) == 1 else _COMMON


def _contents(part: _File, lines: Sequence[int], form: Format) -> list[Mapping[str, Any]]:
    """The rows of these lines as they will be written, a line that is named twice twice."""
    wanted = set(lines)
    found = dict(_as_they_are(part.path, wanted) if part.form == form else _converted(part.path, wanted, form))
    return [found[line] for line in lines]


def _as_they_are(path: Path, wanted: set[int]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, content in files.lines(path):
        if line in wanted and not isinstance(content, Unreadable):
            yield line, content


def _converted(path: Path, wanted: set[int], form: Format) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for row in readable.rows(path):
        if row.line in wanted:
            try:
                yield row.line, formats.to_object(row, form)
            except ValueError as error:
                remedy = f"mix files of one format, or choose with --to one that holds all that {path.name} says"
                raise UsageError(f"cannot become {form}: {error}", path=path, line=row.line, remedy=remedy) from None


def _part(part: _File, taken: int, *, general: bool) -> Part:
    return Part(part.path, part.sha256, part.form, len(part.lines), taken, general)


def _warnings(repeats: int, form: Format, parts: Sequence[_File]) -> tuple[str, ...]:
    found = [f"the rows of {part.path.name} are {part.form} and became {form}" for part in parts if part.form != form]
    if repeats > MOST_PASSES:
        found.append(
            f"general rows stand in it up to {repeats} times; beyond {MOST_PASSES} they teach little but themselves: "
            "add other rows, or take a smaller ratio"
        )
    return tuple(found)


def _record(made: Mixture) -> None:
    parts = [asdict(part) | {"path": str(part.path)} for part in made.parts]
    written = {"file": made.path.name, "sha256": made.sha256, "rows": made.rows, "format": made.format}
    how = {"ratio": made.ratio, "seed": made.seed, "oversample": made.oversample, "repeats": made.repeats}
    order = {"interleave": made.interleave}
    manifest.whole(record_of(made.path), {"version": _VERSION, "mixture": written, **how, **order, "parts": parts})
