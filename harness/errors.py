"""The tree of errors that a user may see; each is one line that names the place and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class HarnessError(Exception):
    """Something broke that is ours or the machine's: exit status 1."""


class UsageError(HarnessError):
    """The suite, data, flags or packages are wrong: exit status 2, nothing written.

    ``str()`` is ``FILE:LINE: what is wrong; what would be right`` as far as the place is known.
    """

    def __init__(self, problem: str, *, path: Path | None = None, line: int | None = None, remedy: str = "") -> None:
        self.problem, self.path, self.line, self.remedy = problem, path, line, remedy
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(place + problem + (f"; {remedy}" if remedy else ""))

    def at(self, path: Path, line: int | None) -> UsageError:
        """The same error with its place, for code that learns the place later."""
        return UsageError(self.problem, path=path, line=line, remedy=self.remedy)


class NotMeasured(HarnessError):  # noqa: N818 - a state of the world, told as such in the report
    """A benchmark cannot be had here; the run goes on and reports why."""


class TrainingFailed(HarnessError):  # noqa: N818
    """The training process ended without a checkpoint; the record holds its last lines."""


class OutOfMemory(TrainingFailed):
    """The training took more memory than there is."""


class ModelFailed(HarnessError):  # noqa: N818
    """A model cannot be opened or does not do what was asked of it."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` for the nearest known word, else the list of known words."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return "known are " + ", ".join(names) if names else "none is known"
