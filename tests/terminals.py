"""A real terminal in a test: a command in a pseudo-terminal, its screen read back, its keys pressed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE = 60.0
_HOME = "\x1b[1;1H"
_MOVE = re.compile(r"\x1b\[\d+;1H")
_CODE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>()][B0]?")


class Terminal:
    """A command that believes to talk to a person."""

    def __init__(
        self, command: Sequence[str], folder: Path, *, columns: int = 110, lines: int = 32, **variables: str
    ) -> None:
        environment: Mapping[str, str] = {**os.environ, "TERM": "xterm-256color", **variables}
        kept = {name: value for name, value in environment.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
        self.output = b""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            # the size is set by the parent; the command waits for its first line before it looks
            os.execvpe("sh", ["sh", "-c", 'read ready; exec "$@"', "sh", *command], kept)
        self.resize(columns, lines)
        os.write(self.master, b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.master)

    @property
    def text(self) -> str:
        """All that was written so far."""
        return self.output.decode(errors="replace")

    @property
    def screen(self) -> str:
        """The last page that was drawn, without its colours."""
        return _CODE.sub("", _MOVE.sub("\n", self.text.rpartition(_HOME)[2]))

    @property
    def rest(self) -> str:
        """What stands in the terminal after the pages are gone."""
        return _CODE.sub("", self.text.rpartition("\x1b[?1049l")[2])

    @property
    def is_waiting(self) -> bool:
        """Whether a key is waited for: then the terminal is raw."""
        return not termios.tcgetattr(self.master)[3] & termios.ISIG

    def resize(self, columns: int, lines: int) -> None:
        """Another size, as if the window was drawn larger or smaller."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, *expected: str) -> str:
        """The screen, once it holds all of this and a key is waited for."""
        give_up = time.monotonic() + PATIENCE
        while True:
            is_waiting = self.is_waiting
            while self._read():  # who waits has written all that there is
                pass
            if is_waiting and all(each in self.screen for each in expected):
                return self.screen
            assert time.monotonic() < give_up, f"no {expected} in\n{self.screen}"

    def press(self, keys: str, *expected: str) -> str:
        """Press keys; the screen, once it shows what is expected after a new page was drawn."""
        before = self.output.count(_HOME.encode())
        os.write(self.master, keys.encode())
        give_up = time.monotonic() + PATIENCE
        while self.output.count(_HOME.encode()) == before:
            assert time.monotonic() < give_up, f"{keys!r} did nothing on\n{self.screen}"
            self._read()
        return self.until(*expected)

    def type(self, text: str) -> None:
        """Type what no page answers to."""
        os.write(self.master, text.encode())

    def wait_for(self, expected: str) -> None:
        """Until this was written, wherever."""
        give_up = time.monotonic() + PATIENCE
        while expected not in self.text:
            assert time.monotonic() < give_up, f"no {expected!r} in\n{self.text}"
            self._read()

    def end(self) -> int:
        """The exit status, once the command has ended; 128 and the signal where one ended it."""
        give_up = time.monotonic() + PATIENCE
        while True:
            self._read()
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                while self._read():
                    pass
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < give_up, f"does not end\n{self.screen}"

    def _read(self) -> bool:
        ready, _, _ = select.select([self.master], [], [], 0.02)
        try:
            found = os.read(self.master, 1 << 16) if ready else b""
        except OSError:  # the other end is closed
            return False
        self.output += found
        return bool(found)
