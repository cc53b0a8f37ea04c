"""A folder in which a hostile program has written."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from itertools import count
from pathlib import Path

_TRIES = 10


def usage(folder: Path, most: int) -> tuple[int, int]:
    """Bytes on the disk, and files and folders; of the latter more than ``most`` where they cannot all be counted."""
    for _ in range(_TRIES):
        # a folder that is gone when its turn comes has been deleted, or it is renamed all the time so as not to be seen
        with suppress(FileNotFoundError):
            return _counted(folder, most)
    return 0, most + 1


def _counted(folder: Path, most: int) -> tuple[int, int]:
    size = files = 0
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    files += 1
                    if files > most:
                        return size, files
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        size += _size(entry)
        except FileNotFoundError:
            raise
        except OSError:  # nested too deep to be named, or closed to us
            return size, most + 1
    return size, files


def _size(entry: os.DirEntry[str]) -> int:
    with suppress(FileNotFoundError):
        return entry.stat(follow_symlinks=False).st_blocks * 512
    return 0


def remove(folder: Path) -> None:
    """Delete it, however deep it is nested and whatever its folders allow; nobody may be writing there any more.

    Each folder is lifted to the top and emptied there, so that no path grows long and nothing is called in itself.
    """
    names = (folder / f"{secrets.token_hex(8)}-{number}" for number in count())
    waiting = [folder]
    while waiting:
        emptied = waiting.pop()
        with os.scandir(emptied) as entries:
            found = list(entries)
        for entry in found:
            if not entry.is_dir(follow_symlinks=False):
                Path(entry.path).unlink()
                continue
            Path(entry.path).chmod(0o700)  # what cannot be written cannot be moved either
            waiting.append(Path(entry.path).rename(next(names)))
        if emptied != folder:
            emptied.rmdir()
    folder.rmdir()
