"""Folders in which a model is made: whole under their name or not there, and made by one process at a time.

A folder says of itself what it was made of and what its files hold, so that a command that was cut off finds out what
it has done already, and takes nothing for its own work that is not.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.errors import HarnessError, UsageError
from harness.identity import RECEIPT, digest, file_sha256

CARD = "README.md"
"""Where hubs look for a model's card; people write to it, so that it proves nothing."""

_LOCK = ".lock"
_ELSEWHERE = "name another folder"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is to be; nobody else makes one there meanwhile."""

    folder: Path
    workplace: Path
    """Beside the folder and empty at first; what is left there at the end is thrown away."""

    def refuse_other(self, made_of: Mapping[str, str | None]) -> None:
        """Raise ``UsageError`` if something is there that was not made of the very same; a quick look."""
        if _is_empty(self.folder):
            return
        there = self._receipt().get("made_of")
        if there is None:
            raise UsageError("is there already and not empty", path=self.folder, remedy=_ELSEWHERE)
        if there != dict(made_of):
            named = f"the model of {there.get('run')}" if there.get("run") != made_of.get("run") else "another model"
            raise UsageError(f"is there already and holds {named}", path=self.folder, remedy=_ELSEWHERE)

    def made_before(self, made_of: Mapping[str, str | None]) -> Mapping[str, Any] | None:
        """What was found when the folder was made of the very same; ``None`` where nothing is there.

        Raises ``UsageError`` where something else is there, or its files are no longer as they were left.
        """
        self.refuse_other(made_of)
        if _is_empty(self.folder):
            return None
        receipt = self._receipt()
        if changed := _changed(receipt["files"], _files(self.folder)):
            problem = f"{changed} is not as it was when this model was made"
            raise UsageError(problem, path=self.folder, remedy=f"{_ELSEWHERE}, or remove this one")
        found: Mapping[str, Any] = receipt["found"]
        return found

    def keep(
        self, whole: Path, made_of: Mapping[str, str | None], found: Mapping[str, object], card: str | None = None
    ) -> None:
        """Put what was made in the workplace into its place, on the disk to the last byte before it has its name."""
        with _writing(self.folder):
            receipt = {"made_of": dict(made_of), "found": dict(found), "files": _files(whole)}
            if card is not None:
                (whole / CARD).write_text(card, encoding="utf-8")
            (whole / RECEIPT).write_text(json.dumps(receipt, indent=2) + "\n", encoding="utf-8")
            for path in (*whole.rglob("*"), whole):
                _on_the_disk(path)
            whole.rename(self.folder)

    def describe(self, card: str) -> None:
        """The card put into the folder, whole or not at all; one that is there already stays."""
        if not (self.folder / CARD).exists():
            with _writing(self.folder):
                (self.workplace / CARD).write_text(card, encoding="utf-8")
                (self.workplace / CARD).rename(self.folder / CARD)

    @property
    def content(self) -> str:
        """A digest of what the folder's files held when it was made."""
        return digest(self._receipt()["files"])

    def _receipt(self) -> Mapping[str, Any]:
        """What the folder says of itself; empty where it says nothing that could be understood."""
        try:
            receipt = json.loads((self.folder / RECEIPT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        parts = ("made_of", "found", "files")
        understood = isinstance(receipt, dict) and all(isinstance(receipt.get(part), dict) for part in parts)
        return receipt if understood else {}


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[Place]:
    """The place of a model for the time of the work; what a kill has left beside it goes first.

    Raises ``UsageError`` where it cannot be written or another process is at work on it. The system takes the claim
    back however the process ends.
    """
    if not folder.name:
        raise UsageError("is no folder that a model could be put into", path=folder, remedy=_ELSEWHERE)
    beside = folder.with_name(f"{folder.name}.unfinished")
    with _locked(beside, folder):
        with _writing(folder):
            _empty(beside)
        try:
            yield Place(folder, beside)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@contextlib.contextmanager
def _locked(beside: Path, folder: Path) -> Iterator[None]:
    while True:
        with _opened(beside, folder) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                problem = "another merge is at work on it"
                raise UsageError(problem, path=folder, remedy=f"wait for its end, or {_ELSEWHERE}") from None
            if _is_still_there(file, beside / _LOCK):
                yield
                return


def _opened(beside: Path, folder: Path) -> IO[str]:
    """The file that is locked; made again where whoever held it takes it away just now."""
    try:
        beside.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            return (beside / _LOCK).open("w")
        beside.mkdir(parents=True, exist_ok=True)
        return (beside / _LOCK).open("w")
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", path=folder, remedy=_ELSEWHERE) from None


def _is_still_there(file: IO[str], path: Path) -> bool:
    """Whether an opened file is the one of this name, and not one that was removed after it was opened."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HarnessError(f"{folder} cannot be written: {error.strerror or error}") from error


def _empty(beside: Path) -> None:
    for path in beside.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()


def _is_empty(folder: Path) -> bool:
    """Whether nothing is there, or a folder without anything in it; a file is not."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def _files(folder: Path) -> dict[str, str]:
    """Name -> digest of what makes the model; hidden files are what systems and version control leave."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    ours = {name: path for name, path in files.items() if name not in (RECEIPT, CARD) and not name.startswith(".")}
    return {name: file_sha256(path) for name, path in ours.items()}


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """The first file that was changed, taken away or added."""
    return next((name for name in sorted({*before, *now}) if before.get(name) != now.get(name)), None)


def _on_the_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
