"""What a program in the sandbox may reach and use up: all that is not named here is refused."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a program may use up."""

    processor_seconds: int = 5
    wall_seconds: float = 17.0
    """So much longer that a machine with other work does not decide; it ends a program that waits."""
    memory_mb: int = 512
    """Of address space, of which the interpreter takes some 15."""
    threads: int = 64
    scratch_mb: int = 64
    """On the disk, in its own folder."""
    files: int = 1000
    """Files and folders in it."""


def resource_limits(limits: Limits) -> Mapping[str, int]:
    """The limits that the kernel holds a process to, by their names in ``resource``."""
    return {
        "RLIMIT_CPU": limits.processor_seconds,
        "RLIMIT_AS": limits.memory_mb * _MEGABYTE,
        "RLIMIT_STACK": 8 * _MEGABYTE,
        "RLIMIT_FSIZE": min(16, limits.scratch_mb) * _MEGABYTE,
        "RLIMIT_NOFILE": 32,  # times the size of a file: what files without a name can hold unseen
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_CORE": 0,
    }


_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _MAKE_FIFO = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 10
_MAKE_SYM, _REFER, _TRUNCATE = 1 << 12, 1 << 13, 1 << 14
_LOOK = _READ_FILE | _READ_DIR
_OWN = (
    _LOOK | _WRITE_FILE | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE
    | _MAKE_DIR | _MAKE_REG | _MAKE_FIFO | _MAKE_SYM | _REFER
)  # fmt: skip
"""The rights of Landlock, by their bits (landlock(7)); to run a file is not among them."""


def reachable(scratch: Path) -> Mapping[str, int]:
    """Every path that may be reached, with Landlock's rights there; what does not exist is to be passed over.

    Read are the standard library and the shared libraries that it stands on, and written is ``scratch``.
    """
    interpreter = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), f"{sys.base_prefix}/lib"}
    system = {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo"}
    return {
        **dict.fromkeys(sorted(interpreter | system), _LOOK),
        **dict.fromkeys(("/etc/ld.so.cache", "/dev/urandom"), _READ_FILE),
        "/dev/null": _READ_FILE | _WRITE_FILE | _TRUNCATE,
        str(scratch): _OWN,
    }


def environment(scratch: Path) -> Mapping[str, str]:
    """All environment variables that a program has: none of the caller's, and none that differs in effect."""
    return {
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",  # a program that leans on the order of a set ends each time alike
        "MALLOC_ARENA_MAX": "1",  # else each thread would reserve 64 MB of address space
    }
