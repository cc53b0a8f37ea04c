"""Runs programs in the sandbox and watches them from outside."""

from __future__ import annotations

import ast
import os
import platform
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from harness_metrics.sandbox.scratch import remove, usage
from harness_metrics.sandbox.system_calls import MACHINES, allowing_filter
from harness_metrics.sandbox.walls import Limits, environment, reachable, resource_limits

Kind = Literal["passed", "failed", "refused", "memory", "timed out", "unavailable"]
"""``refused`` where a wall stopped it; ``unavailable`` where there is no sandbox, and nothing of it was run."""

_FAILURES: Mapping[str, Kind] = {"failed": "failed", "refused": "refused", "memory": "memory"}
"""What the child may say of a program that has not passed."""

_CHILD = Path(__file__).with_name("child.py")
_INTERPRETER_FLAGS = ("-s", "-S", "-P", "-B", "-X", "utf8")
_LOOK_EVERY = 0.02
_MOST_HEARD = 8192
_PATIENCE = 1.0
"""Seconds that a program has to end once it has closed its line."""


@dataclass(frozen=True, slots=True)
class Program:
    """Code that nobody has read, with the tests that judge it."""

    code: str
    tests: tuple[str, ...]
    """Programs that find what the code has defined; each must run to its end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a program."""

    kind: Kind
    reason: str = ""


_PLAIN = Program("import decimal, json", ("assert json.loads('1') == decimal.Decimal(1)",))
"""What must pass wherever there is a sandbox; its imports are read in both of the ways that the library has."""


def run_all(programs: Sequence[Program], limits: Limits) -> list[Outcome]:
    """What became of each, in order; as many run at once as the machine has processors.

    Where the sandbox cannot be built none is run, and every outcome is ``unavailable`` with the reason.
    """
    if not programs:
        return []
    probe = run(_PLAIN, limits)
    if probe.kind != "passed":
        reason = probe.reason if probe.kind == "unavailable" else f"a plain program does not pass: {probe.reason}"
        return [Outcome("unavailable", reason)] * len(programs)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda program: run(program, limits), programs))


def run(program: Program, limits: Limits) -> Outcome:
    """What became of the program; when this returns, nothing of it is left, neither a process nor a file.

    It passes only if its tests ran to their end, which it shows by a word that it is told after that.
    """
    if reason := _why_no_sandbox():
        return Outcome("unavailable", reason)
    try:
        with _scratch() as scratch, _Supervised(scratch, limits) as child:
            child.judge(program)
    except _EndedError as ended:
        return ended.outcome
    return Outcome("passed")


def _why_no_sandbox() -> str | None:
    if sys.platform != "linux":
        return f"there is no sandbox on {sys.platform}: run the harness on Linux, or there in a container"
    if platform.machine() not in MACHINES:
        return f"there is no sandbox on {platform.machine()}, only on {' and '.join(MACHINES)}"
    return None


class _EndedError(Exception):
    """The program has ended, or must."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.outcome = Outcome(kind, reason)


class _Supervised:
    """A program's process, from its start to its end."""

    def __init__(self, scratch: Path, limits: Limits) -> None:
        self._scratch, self._limits = scratch, limits
        self._heard = b""
        self._ready = False

    def __enter__(self) -> _Supervised:
        self._started = time.monotonic()
        hears, self._tells = os.pipe()
        self._hears, tells = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and the program beside this file
                [sys.executable, *_INTERPRETER_FLAGS, str(_CHILD), str(hears), str(tells)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(hears, tells),
                cwd=self._scratch,
                env=environment(self._scratch),
                start_new_session=True,
            )
        except OSError as error:
            self._close()
            raise _EndedError("unavailable", f"no program can be started: {error}") from error
        finally:
            os.close(hears)
            os.close(tells)
        os.set_blocking(self._tells, False)
        return self

    def __exit__(self, *raised: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
        self._close()

    def judge(self, program: Program) -> None:
        """Return if it has passed, else raise ``_EndedError``."""
        word = secrets.token_hex()
        self._exchange(self._walls(), b"ready")
        self._ready = True
        self._exchange(_message(program.code, *_imports(program.tests)), b"answered")
        self._exchange(_message(*program.tests), b"tested")
        self._exchange(_message(word), word.encode())

    def _walls(self) -> bytes:
        limits = [f"{name} {value}" for name, value in resource_limits(self._limits).items()]
        rules = [f"{rights} {path}" for path, rights in reachable(self._scratch).items()]
        allowed = allowing_filter(platform.machine(), self._process.pid)
        return b"".join((_message(str(os.getpid())), _message(*limits), _message(*rules), _message(allowed)))

    def _exchange(self, message: bytes, expected: bytes) -> None:
        """Tell it something and hear the one answer that is right."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._hears, selectors.EVENT_READ)
            selector.register(self._tells, selectors.EVENT_WRITE)
            while b"\n" not in self._heard:
                self._look()
                for key, _ in selector.select(_LOOK_EVERY):
                    if key.fd == self._hears:
                        self._hear()
                        continue
                    message = message[self._tell(message) :]
                    if not message:
                        selector.unregister(self._tells)
        line, _, self._heard = self._heard.partition(b"\n")
        if message or line != expected or self._heard:
            self._give_up(line.decode("utf-8", "backslashreplace"))

    def _tell(self, message: bytes) -> int:
        try:
            return os.write(self._tells, message[: 1 << 16])
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            self._bury()

    def _hear(self) -> None:
        part = os.read(self._hears, _MOST_HEARD)
        if not part:
            self._bury()
        self._heard += part
        if len(self._heard) > _MOST_HEARD:
            raise _EndedError("refused", "it told the sandbox more than there is to tell")

    def _look(self) -> None:
        """Raise if it has used up more than it may, of what the kernel does not count."""
        if time.monotonic() - self._started > self._limits.wall_seconds:
            raise _EndedError("timed out", f"it had not ended after {self._limits.wall_seconds:g} s")
        if self._threads() > self._limits.threads:
            raise _EndedError("refused", f"it started more than {self._limits.threads} threads")
        used, files = usage(self._scratch, self._limits.files)
        if files > self._limits.files:
            raise _EndedError("refused", f"it made more than {self._limits.files} files, or hid them")
        if used > self._limits.scratch_mb << 20:
            raise _EndedError("refused", f"it wrote more than {self._limits.scratch_mb} MB")

    def _threads(self) -> int:
        with suppress(OSError, ValueError), Path(f"/proc/{self._process.pid}/status").open("rb") as status:
            return next((int(line.split()[1]) for line in status if line.startswith(b"Threads:")), 0)
        return 0

    def _give_up(self, line: str) -> NoReturn:
        """Something else was said than what would go on."""
        kind, _, reason = line.partition(" ")
        if kind == "unavailable" and not self._ready:
            needed = "it needs Linux 5.13 or newer with Landlock and seccomp"
            raise _EndedError("unavailable", f"the sandbox cannot be built: {reason}; {needed}")
        if kind in _FAILURES:
            raise _EndedError(_FAILURES[kind], reason)
        raise _EndedError("failed", "it spoke for the sandbox")

    def _bury(self) -> NoReturn:
        """Its line is closed: say what it died of."""
        deadline = time.monotonic() + _PATIENCE
        pid = 0
        while not pid:
            if time.monotonic() > deadline:
                raise _EndedError("refused", "it closed its line to the sandbox")
            time.sleep(_LOOK_EVERY / 10)
            pid, status, used = os.wait4(self._process.pid, os.WNOHANG)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        raise self._died(self._process.returncode, used.ru_utime + used.ru_stime)

    def _died(self, code: int, used: float) -> _EndedError:
        if not self._ready:
            assert self._process.stderr is not None
            told = self._process.stderr.read(4096).decode("utf-8", "replace").strip().splitlines()
            return _EndedError("unavailable", f"the sandbox's Python ended with {_exit(code)}: {(told or [''])[-1]}")
        if code == -signal.SIGKILL and used > self._limits.processor_seconds - 0.1:
            return _EndedError("timed out", f"it computed for more than {self._limits.processor_seconds} s")
        return _EndedError("failed", f"it ended with {_exit(code)} before its tests had")

    def _close(self) -> None:
        os.close(self._hears)
        os.close(self._tells)


def _exit(code: int) -> str:
    if code >= 0:
        return f"status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


@contextmanager
def _scratch() -> Iterator[Path]:
    try:
        folder = Path(tempfile.mkdtemp(prefix="harness-code-")).resolve()
    except OSError as error:
        raise _EndedError("unavailable", f"there is no folder for programs: {error}") from error
    try:
        yield folder
    finally:
        remove(folder)


def _message(*parts: str | bytes) -> bytes:
    encoded = [part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass") for part in parts]
    return _number(len(encoded)) + b"".join(_number(len(part)) + part for part in encoded)


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _imports(tests: Sequence[str]) -> list[str]:
    """The modules that the tests name; none of a program that cannot be read."""
    try:
        nodes = [node for test in tests for node in ast.walk(ast.parse(test))]
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return []
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return [*plain, *(node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module)]
