"""The system calls that a program in the sandbox may make, as a filter for seccomp.

All that is not named is refused: no process but this one, no socket but a pair with itself, no signal but to itself, no
change of another file's mode, owner or times, no memory outside its address space. Source: seccomp(2), and the kernel's
``include/uapi/linux/filter.h``.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MACHINES = ("x86_64", "aarch64")
"""The machines whose numbers stand here; another one has no sandbox."""

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_Numbers = tuple[int | None, int | None]

_FREE: Mapping[str, _Numbers] = {
    # files, of which Landlock decides
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67),
    "pwrite64": (18, 68), "lseek": (8, 62), "sendfile": (40, 71), "copy_file_range": (326, 285), "close": (3, 57),
    "close_range": (436, 436), "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24), "pipe": (22, None),
    "pipe2": (293, 59), "stat": (4, None), "lstat": (6, None), "fstat": (5, 80), "newfstatat": (262, 79),
    "statx": (332, 291), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439),
    "readlink": (89, None), "readlinkat": (267, 78), "getdents64": (217, 61), "getcwd": (79, 17), "chdir": (80, 49),
    "fchdir": (81, 50), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "unlink": (87, None),
    "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "link": (86, None),
    "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "ftruncate": (77, 46), "fallocate": (285, 47),
    "fsync": (74, 82), "fdatasync": (75, 83), "flock": (73, 32), "fadvise64": (221, 223), "umask": (95, 166),
    "statfs": (137, 43), "fstatfs": (138, 44),
    # waiting
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "epoll_create": (213, None),
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22),
    "eventfd": (284, None), "eventfd2": (290, 19), "nanosleep": (35, 101), "clock_nanosleep": (230, 115),
    "pause": (34, None), "alarm": (37, None), "getitimer": (36, 102), "setitimer": (38, 103), "wait4": (61, 260),
    "waitid": (247, 95),
    # memory, which the address space bounds
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216), "brk": (12, 214),
    "madvise": (28, 233), "msync": (26, 227),
    # this process, its threads and its signals
    "futex": (202, 98), "set_robust_list": (273, 99), "set_tid_address": (218, 96), "rseq": (334, 293),
    "sched_yield": (24, 124), "exit": (60, 93), "exit_group": (231, 94), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigsuspend": (130, 133), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "sigaltstack": (131, 132), "restart_syscall": (219, 128), "setrlimit": (160, 164),
    # questions
    "getpid": (39, 172), "getppid": (110, 173), "gettid": (186, 178), "getpgrp": (111, None), "getpgid": (121, 155),
    "getsid": (124, 156), "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177),
    "getresuid": (118, 148), "getresgid": (120, 150), "getgroups": (115, 158), "sched_getaffinity": (204, 123),
    "getrlimit": (97, 163), "getrusage": (98, 165), "times": (100, 153), "sysinfo": (99, 179), "uname": (63, 160),
    "getcpu": (309, 168), "getrandom": (318, 278), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "gettimeofday": (96, 169), "time": (201, None),
    # a pair of sockets with itself, which asyncio wakes itself by
    "recvfrom": (45, 207), "shutdown": (48, 210), "getsockname": (51, 204), "getpeername": (52, 205),
    "getsockopt": (55, 209),
}  # fmt: skip
"""Each system call that is allowed whatever its arguments, with its number on x86_64 and on aarch64."""

_ABSENT: Mapping[str, tuple[int, int]] = {"clone3": (435, 435), "openat2": (437, 437)}
"""Their arguments stand in memory, where no filter can read them: told to be unknown, and the C library falls back."""
_FIRST_UNKNOWN = 451
"""From this number on the kernel knows calls that this table does not: they are told to be unknown, too."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One argument, with the bits that count and the values that they may have."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    upper: bool = False
    """The upper 32 bits of the argument rather than the lower."""


_CLONE_THREAD = 0x10000
_O_TRUNC = 0x200
_UNIX, _STREAM = 1, 1
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1032)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, three kinds of lock, F_DUPFD_CLOEXEC, F_GETPIPE_SZ: not F_SETOWN, by
which the kernel sends signals to others."""
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""
_OPENING = (0, 1, 2, _O_TRUNC | 1, _O_TRUNC | 2)
"""What is cut to nothing must be opened for writing: before its third version Landlock looks at the writing only."""


def _asked(pid: int) -> Mapping[str, tuple[_Numbers, Sequence[_Asked]]]:
    itself = [_Asked(0, (pid,))]
    return {
        "open": ((2, None), [_Asked(1, _OPENING, mask=_O_TRUNC | 3)]),
        "openat": ((257, 56), [_Asked(2, _OPENING, mask=_O_TRUNC | 3)]),
        "fcntl": ((72, 25), [_Asked(1, _FCNTL)]),
        "ioctl": ((16, 29), [_Asked(1, _IOCTL)]),
        "clone": ((56, 220), [_Asked(0, (_CLONE_THREAD,), mask=_CLONE_THREAD)]),
        "kill": ((62, 129), itself),
        "tgkill": ((234, 131), itself),
        "prlimit64": ((302, 261), [_Asked(0, (0,))]),
        # a datagram could be sent to any address, a stream only to its other end
        "socketpair": ((53, 199), [_Asked(0, (_UNIX,)), _Asked(1, (_STREAM,), mask=0xF)]),
        "sendto": ((44, 206), [_Asked(4, (0,)), _Asked(4, (0,), upper=True)]),
    }


def allowing_filter(machine: str, pid: int) -> bytes:
    """The filter for the process ``pid``, as an array of ``struct sock_filter``.

    What it refuses fails with ``EPERM``, a call of another architecture ends the process. ``KeyError`` for a machine
    that is none of ``MACHINES``.
    """
    column = dict(zip(MACHINES, (0, 1), strict=True))[machine]
    code = [_load(_ARCHITECTURE), _equal(_AUDIT_ARCH[machine], 1, 0), _answer(_KILL), _load(_NUMBER)]
    code += [_at_least(_FIRST_UNKNOWN, 0, 1), _answer(_ERRNO | errno.ENOSYS)]
    for both in _ABSENT.values():
        code += [_equal(both[column], 0, 1), _answer(_ERRNO | errno.ENOSYS)]
    for numbers in _FREE.values():
        number = numbers[column]
        code += [] if number is None else [_equal(number, 0, 1), _answer(_ALLOW)]
    for numbers, conditions in _asked(pid).values():
        number = numbers[column]
        body = [each for condition in conditions for each in _refusing_unless(condition)] + [_answer(_ALLOW)]
        code += [] if number is None else [_equal(number, 0, len(body)), *body]
    return b"".join([*code, _answer(_ERRNO | errno.EPERM)])


_LOAD, _AND, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Where ``struct seccomp_data`` has them; an argument is 64 bits, the lower ones first on both machines."""


def _refusing_unless(asked: _Asked) -> Iterator[bytes]:
    yield _load(_ARGUMENTS + 8 * asked.argument + (4 if asked.upper else 0))
    yield _instruction(_AND, 0, 0, asked.mask)
    for after, value in enumerate(reversed(asked.values)):
        yield _equal(value, len(asked.values) - after, 0)
    yield _answer(_ERRNO | errno.EPERM)


def _load(offset: int) -> bytes:
    return _instruction(_LOAD, 0, 0, offset)


def _equal(value: int, then: int, otherwise: int) -> bytes:
    return _instruction(_JUMP_EQUAL, then, otherwise, value)


def _at_least(value: int, then: int, otherwise: int) -> bytes:
    return _instruction(_JUMP_AT_LEAST, then, otherwise, value)


def _answer(action: int) -> bytes:
    return _instruction(_RETURN, 0, 0, action)


def _instruction(code: int, then: int, otherwise: int, value: int) -> bytes:
    return struct.pack("<HBBI", code, then, otherwise, value)
