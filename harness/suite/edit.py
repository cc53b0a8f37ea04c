"""A section of a suite file written anew; all else stays as it is, to the byte."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.suite.load import load, parse

_BEFORE = "tasks"
"""A section that is new stands before this one, where the suites of the documentation have it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a section."""

    name: str
    value: object
    comment: str = ""


def edited(
    path: Path, key: str, entries: Sequence[Entry], *, text: str | None = None, dropped: Collection[str] = ()
) -> str:
    """The suite's text with ``key:`` holding ``entries``; of its other keys those in ``dropped`` go, the rest stay.

    ``text`` stands for the file's content where it was edited before. Raises ``UsageError`` with the lines to write by
    hand where the file is written in a way that this cannot edit.
    """
    text = path.read_text(encoding="utf-8") if text is None else text
    before, _ = parse(text, path)
    found = before.get(key)
    kept: dict[str, object] = found if isinstance(found, dict) else {}
    named = {entry.name for entry in entries} | set(dropped)
    whole = [*entries, *(Entry(name, value) for name, value in kept.items() if name not in named)]
    section = _section(key, whole)
    changed = _with_section(text, key, section, path)
    expected = {**before, key: {entry.name: _plain(entry.value) for entry in whole}}
    if _content(changed, path) != expected:
        raise UsageError(
            f"{key!r} cannot be edited where it stands", path=path, remedy=f"write it yourself:\n{section}"
        )
    load(path, text=changed)
    return changed


def save(path: Path, text: str) -> None:
    """Put the text into the file: whole or not at all, with the file's own rights."""
    try:
        handle, name = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            if path.exists():
                shutil.copymode(path, name)
            Path(name).replace(path.resolve())
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", path=path) from None


def _section(key: str, entries: Sequence[Entry]) -> str:
    lines = [f"  {entry.name}: {_scalar(entry.value)}" for entry in entries]
    width = max((len(line) for line, entry in zip(lines, entries, strict=True) if entry.comment), default=0)
    told = [
        f"{line:<{width}}  # {' '.join(entry.comment.split())}" if entry.comment else line
        for line, entry in zip(lines, entries, strict=True)
    ]
    return "\n".join([f"{key}:", *told]) + "\n"


def _scalar(value: object) -> str:
    """The value as YAML on one line."""
    dumped = yaml.safe_dump(_plain(value), default_flow_style=True, width=float("inf"), allow_unicode=True)
    return dumped.removesuffix("...\n").strip()


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Tuples as the lists that YAML reads them as."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _with_section(text: str, key: str, section: str, path: Path) -> str:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    places = {name: place for (name, *rest), place in parse(text, path)[1].items() if not rest}
    if key not in places:
        start = end = places.get(_BEFORE, len(lines) + 1) - 1
        while start == end > 0 and lines[end - 1].startswith("#"):  # a comment belongs to what stands below it
            start = end = end - 1
    else:
        start = places[key] - 1
        end = min((place - 1 for place in places.values() if place > places[key]), default=len(lines))
        while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
            end -= 1
    return "".join([*lines[:start], section, *lines[end:]])


def _content(text: str, path: Path) -> object:
    try:
        return parse(text, path)[0]
    except UsageError:
        return None
