"""The program that stands between the harness and code that nobody has read; it runs alone, never imported.

It builds the walls around itself, proves that they stand, and only then is sent the code. The tests come when the code
has run, and the word that says they ran to their end comes after that: while the code could look for them they are not
in this process. Code that speaks these lines itself can still claim to have passed; that is the price of running code
and tests in one interpreter, as the tests must call the code.
"""

from __future__ import annotations

import builtins
import ctypes
import os
import resource
import sys
from types import CodeType, ModuleType, TracebackType

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing and collections.abc would double the time that a program takes to start
    from collections.abc import Callable, Sequence

_LONGEST_REASON = 300


def main() -> None:
    """Speak with the harness over the two descriptors that the arguments name."""
    line = Line(int(sys.argv[1]), int(sys.argv[2]))
    try:
        build_walls(line)
        prove_walls()
    except (OSError, ValueError, AttributeError) as error:
        line.tell("unavailable", getattr(error, "strerror", None) or str(error))
        return
    line.tell("ready")
    code, *imports = line.hear_texts()
    trial = Trial(imports)
    line.reply("answered", trial.run_answer(code))
    line.reply("tested", trial.run_tests(line.hear_texts()))
    line.tell(*line.hear_texts())
    os._exit(0)  # neither threads nor what was registered for the end has a word any more


class Line:
    """Messages from the harness, each a number of texts or bytes, and lines to it."""

    def __init__(self, hears: int, tells: int) -> None:
        self._hears, self._tells = hears, tells

    def hear(self) -> list[bytes]:
        """The next message."""
        return [self._read(self._number()) for _ in range(self._number())]

    def hear_texts(self) -> list[str]:
        """The next message, of texts; half characters are kept."""
        return [part.decode("utf-8", "surrogatepass") for part in self.hear()]

    def reply(self, word: str, failure: Failure | None) -> None:
        """The word, or what failed, and then the end."""
        if failure is None:
            self.tell(word)
        else:
            self.tell(*failure)
            os._exit(1)

    def tell(self, *words: str) -> None:
        """One line."""
        text = " ".join(words).replace("\n", " ").replace("\r", " ")
        os.write(self._tells, text.encode("utf-8", "backslashreplace")[:4000] + b"\n")

    def _number(self) -> int:
        return int.from_bytes(self._read(4), "little")

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            part = os.read(self._hears, min(size, 1 << 16))
            if not part:
                os._exit(1)  # the harness is gone
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


# the walls

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER = 2
_SIGKILL = 9
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_LANDLOCK_VERSION, _PATH_BENEATH = 1, 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights on files a version of Landlock knows; 16 from the fifth on."""
_CAPABILITY_VERSION = 0x20080522


def build_walls(line: Line) -> None:
    """Limits, files and system calls as the harness says them; ``OSError`` says which cannot be had."""
    (parent,), limits, rules, (allowed,) = (line.hear() for _ in range(4))
    die_with(int(parent))
    for limit in limits:
        name, value = limit.decode().split()
        set_limit(getattr(resource, name), int(value))
    drop_capabilities()
    refuse_files(rules)
    null = os.open(os.devnull, os.O_WRONLY)
    filter_calls(allowed)
    os.dup2(null, 2)  # until now an error of the interpreter went to the harness
    os.close(null)


def die_with(parent: int) -> None:
    """End with the harness, and be no process that others of this user can look into or that leaves its memory."""
    _control("end with the harness", _PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    _control("keep the memory to itself", _PR_SET_DUMPABLE, 0)
    _control("gain no rights", _PR_SET_NO_NEW_PRIVS, 1)


def set_limit(which: int, value: int) -> None:
    """Soft and hard alike, so that it cannot be raised again."""
    _, hard = resource.getrlimit(which)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def drop_capabilities() -> None:
    """Root is a user like others: it has what it owns and no more."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _check("drop capabilities", _LIBC.capset(header, (ctypes.c_uint32 * 6)()))


def refuse_files(rules: Sequence[bytes]) -> None:
    """Every path that no rule names; a rule is the rights and the path."""
    version = _LIBC.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    _check("refuse files (Landlock)", version)
    rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    attributes = ctypes.c_uint64(rights)
    ruleset = _LIBC.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(8), 0)
    _check("refuse files (Landlock)", ruleset)
    for rule in rules:
        allowed, path = rule.split(b" ", 1)
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        beneath = (int(allowed) & rights).to_bytes(8, "little") + place.to_bytes(4, "little")
        _check("refuse files (Landlock)", _LIBC.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, beneath, 0))
        os.close(place)
    _check("refuse files (Landlock)", _LIBC.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def filter_calls(allowed: bytes) -> None:
    """Leave the system calls that the filter allows, in this thread and in all that it starts."""
    program = _Filter(len(allowed) // 8, allowed)
    _control("filter system calls (seccomp)", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))


def prove_walls() -> None:
    """``OSError`` names the wall that lets through what it must not."""
    attempts: dict[str, Callable[[], object]] = {
        "reading outside its folder": lambda: os.scandir(".."),
        "writing outside its folder": lambda: os.open(f"../outside-{os.getpid()}", os.O_WRONLY | os.O_CREAT),
        "another process": fork_and_end,
        "signals to others": lambda: os.kill(os.getppid(), 0),
        "sockets": lambda: _check("", _LIBC.socket(1, 1, 0)),
        "raising a limit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
    }
    for what, attempt in attempts.items():
        try:
            attempt()
        except (PermissionError, ValueError):
            continue
        raise OSError(f"the walls do not hold: {what} is not refused")


def fork_and_end() -> None:
    """Start a process that ends at once."""
    if os.fork() == 0:
        os._exit(0)


def _control(what: str, *arguments: int) -> None:
    _check(what, _LIBC.prctl(*(ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:5])))


def _check(what: str, result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"this process cannot {what}: {os.strerror(number)}")


# the code and its tests

Failure = tuple[str, str]
"""What kind, and the reason."""
Names = dict[str, object]


class Trial:
    """A module in which the answer's code runs and then the tests, which find what the answer left there.

    What the answer changes in the built-ins, or in modules that the tests import, does not last until the tests.
    """

    def __init__(self, imports: Sequence[str]) -> None:
        sys.argv[:] = ["program"]
        self._module = ModuleType("answer")
        vars(self._module)["__builtins__"] = builtins
        sys.modules["answer"] = sys.modules["__main__"] = self._module
        tested_with = [module for module in map(_imported, imports) if module is not None]
        self._modules = sys.modules
        self._kept = [(name, module, self._names(module)) for name, module in sys.modules.items()]
        found = (value for module in tested_with for value in vars(module).values())
        self._classes = [(each, dict(vars(each))) for each in found if isinstance(each, type)]

    @staticmethod
    def _names(module: object) -> Names:
        return dict(vars(module)) if isinstance(module, ModuleType) else {}  # typing passes classes off as modules

    def run_answer(self, code: str) -> Failure | None:
        """As a module is imported: what stands below ``if __name__ == "__main__"`` does not run."""
        try:
            _execute(_compiled(code, "answer"), self._module)
        except BaseException as error:
            return _failure(error, "answer")
        return None

    def run_tests(self, tests: Sequence[str]) -> Failure | None:
        """One after the other, as programs that are run; each may end by its own ``unittest.main()``."""
        self._restore()
        self._module.__name__ = "__main__"
        for number, test in enumerate(tests, start=1):
            failure = self._run_test(test, "tests" if len(tests) == 1 else f"tests {number}")
            if failure:
                return failure
        return None

    def _run_test(self, test: str, name: str) -> Failure | None:
        try:
            _execute(_compiled(test, name), self._module)
        except SystemExit as error:
            if not _is_exit_of_unittest(error, name):
                return _failure(error, name)
            return ("failed", "a unit test failed") if error.code else None
        except BaseException as error:
            return _failure(error, name)
        return None

    def _restore(self) -> None:
        for name, module, names in self._kept:  # no built-in function is called before the built-ins are whole again
            self._modules[name] = module
            if names:
                module.__dict__.update(names)
        sys.settrace(None)
        sys.setprofile(None)
        for changed, attributes in self._classes:
            for name, value in attributes.items():
                if vars(changed).get(name) is not value:
                    type.__setattr__(changed, name, value)


def _imported(name: str) -> ModuleType | None:
    try:
        __import__(name)
    except Exception:  # the tests will say it themselves
        return None
    return sys.modules.get(name)


def _compiled(code: str, name: str) -> CodeType:
    return compile(code, f"<{name}>", "exec", dont_inherit=True)


def _execute(code: CodeType, module: ModuleType) -> None:
    exec(code, vars(module))  # noqa: S102 - what the sandbox is for


def _is_exit_of_unittest(error: SystemExit, tests: str) -> bool:
    """Whether the tests themselves called ``unittest.main()``, which exits; an exit that the answer calls is no end."""
    program = getattr(sys.modules.get("unittest.main"), "TestProgram", None)
    codes = [each.tb_frame.f_code for each in _frames(error.__traceback__)][-3:]
    if program is None or len(codes) < 3:
        return False
    from_tests = (codes[0].co_filename, codes[0].co_name) == (f"<{tests}>", "<module>")
    return from_tests and codes[1:] == [program.__init__.__code__, program.runTests.__code__]


def _frames(traceback: TracebackType | None) -> list[TracebackType]:
    frames = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    return frames


def _failure(error: BaseException, place: str) -> Failure:
    kind = "memory" if isinstance(error, MemoryError) else "refused" if isinstance(error, PermissionError) else "failed"
    try:
        reason = f"{type(error).__name__}: {error}"[:_LONGEST_REASON].removesuffix(": ")
    except BaseException:  # its own __str__
        reason = type(error).__name__[:_LONGEST_REASON]
    steps = [(each.tb_frame.f_code.co_filename, each.tb_lineno) for each in _frames(error.__traceback__)]
    lines = [line for file, line in steps if file == f"<{place}>"]
    return kind, f"{reason}, at line {lines[-1]} of the {place}" if lines else reason


if __name__ == "__main__":
    main()
