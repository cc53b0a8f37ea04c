"""Which experiment a command works on: a new one, or one that was cut off and that nobody else is working on."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UsageError
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import Suite


@contextlib.contextmanager
def claim(results: Path, suite: Suite, key: str, writer: Writer, reader: Reader) -> Iterator[tuple[str, bool]]:
    """The experiment's id, and whether it goes on from an earlier start.

    The claim is a file lock, which the system takes back however the process ends. So two runs at once get an
    experiment each, and a killed one can be taken up at once.
    """
    for experiment in reader.unfinished(key):
        with _lock(results / experiment) as held:
            # asked again: who held it may have finished it since
            if held and experiment in reader.unfinished(key):
                yield experiment, True
                return
    while True:
        experiment = writer.new_experiment(suite, key)
        with _lock(results / experiment) as held:
            if held:  # else another process has taken it for one that was cut off
                yield experiment, False
                return


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise UsageError(
            f"cannot write: {error.strerror}", path=folder, remedy="name another folder with --output"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
