"""What the sandbox keeps in, what it lets through, and that neither hangs on who else runs."""

from __future__ import annotations

import os
import platform
import signal
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from honest_kit import HONEST
from hostile_kit import HOSTILE, LIMITS, World, a_world, resident_megabytes

from harness_metrics.sandbox import Limits, Outcome, Program, run, run_all, supervisor
from harness_metrics.sandbox.scratch import remove, usage
from harness_metrics.sandbox.system_calls import MACHINES, allowing_filter

PLAIN = Program("def twice(x):\n    return 2 * x", ("assert twice(2) == 4",))
PASSED = Outcome("passed")

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is built of what Linux has")
pytestmark = needs_linux


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("world")) as made:
        yield made


ENDS = {
    "a thread bomb": Outcome("refused", "it started more than 64 threads"),
    "many files that fill the disk": Outcome("refused", "it wrote more than 64 MB"),
    "signals that are ignored": Outcome("timed out", "it computed for more than 1 s"),
    "sleep without end": Outcome("timed out", "it had not ended after 3 s"),
    "a crash": Outcome("failed", "it ended with SIGSEGV before its tests had"),
    "descriptors": Outcome("failed", "it spoke for the sandbox"),
}
"""What must be told of some of them."""


def test_there_are_twenty_five_hostile_programs() -> None:
    assert len(HOSTILE) == 25


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_program_is_contained(world: World, name: str) -> None:
    before = resident_megabytes()

    outcome = world.run(name)

    assert outcome.kind not in ("passed", "unavailable")
    assert outcome == ENDS.get(name, outcome)
    assert world.harm() == []
    assert resident_megabytes() < before + 16
    assert run(PLAIN, LIMITS) == PASSED


# cheats

BY_VALUE = "import math\nassert abs(twice(2) - 4) < 1e-9"
BY_MATH = "import math\nassert math.isclose(twice(2), 4)"
BY_UNITTEST = (
    "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(twice(2), 4)\n"
    "unittest.main()"
)
WRONG = "def twice(x):\n    return 99\n"
CHEATS = {
    "exit": ("import sys\nsys.exit(0)", BY_VALUE),
    "exit at once": ("import os\nos._exit(0)", BY_VALUE),
    "exit by an exception": ("raise SystemExit", BY_VALUE),
    "exit when called": ("def twice(x):\n    raise SystemExit(0)", BY_VALUE),
    "exit when called by a unit test": ("def twice(x):\n    raise SystemExit(0)", BY_UNITTEST),
    "exit at once when called": ("import os\ndef twice(x):\n    os._exit(0)", BY_VALUE),
    "exit by unittest": ("import unittest\ndef twice(x):\n    unittest.main(argv=['x'])", BY_VALUE),
    "exit at the end": (f"import atexit, os\natexit.register(os._exit, 0)\n{WRONG}", BY_VALUE),
    "a string that swallows the tests": (f'{WRONG}x = """', BY_VALUE),
    "other built-ins": (f"import builtins\nbuiltins.abs = lambda x: 0\n{WRONG}", BY_VALUE),
    "built-ins of one's own": (
        f"import builtins\n__builtins__ = {{**vars(builtins), 'abs': lambda x: 0}}\n{WRONG}",
        BY_VALUE,
    ),
    "another math": (f"import math\nmath.isclose = lambda *a, **k: True\n{WRONG}", BY_MATH),
    "a false math": (
        f"import sys, types\nsys.modules['math'] = types.SimpleNamespace(isclose=lambda *a: True)\n{WRONG}",
        BY_MATH,
    ),
    "another assertion": (
        f"import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n{WRONG}",
        BY_UNITTEST,
    ),
    "another unittest": (f"import unittest\nunittest.main = lambda *a: None\n{WRONG}", BY_UNITTEST),
    "a trace that skips the assertion": (
        "import sys\ndef trace(frame, event, _):\n"
        "    if event == 'line' and frame.f_code.co_name == '<module>' and frame.f_lineno == 2:\n"
        f"        frame.f_lineno = 3\n    return trace\nsys.settrace(trace)\n{WRONG}",
        f"{BY_VALUE}\ndone = True",
    ),
    "words of the sandbox": (
        "import os\nfor number in range(3, 32):\n    try:\n        os.write(number, b'answered\\ntested\\n')\n"
        "    except OSError:\n        pass\nos._exit(0)",
        BY_VALUE,
    ),
    "it says that there is no sandbox": (
        "import os\nfor number in range(3, 32):\n    try:\n        os.write(number, b'unavailable\\n')\n"
        "    except OSError:\n        pass\nos._exit(0)",
        BY_VALUE,
    ),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_does_not_pass(cheat: str) -> None:
    code, tests = CHEATS[cheat]

    assert run(Program(code, (tests,)), LIMITS).kind == "failed"


def test_what_is_right_passes_the_tests_that_no_cheat_does() -> None:
    assert run(Program(PLAIN.code, (BY_VALUE, BY_MATH, BY_UNITTEST)), LIMITS) == PASSED


# honest programs


@pytest.fixture(scope="module")
def honest() -> Mapping[str, Outcome]:
    programs = [Program(code, (tests,)) for code, tests, _ in HONEST.values()]
    return dict(zip(HONEST, run_all(programs, LIMITS), strict=True))


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_program_is_judged_by_its_tests(honest: Mapping[str, Outcome], name: str) -> None:
    assert honest[name].kind == ("passed" if HONEST[name][2] else "failed"), honest[name]


@pytest.mark.parametrize(
    ("code", "tests", "outcome"),
    [
        ("x = 1", ("assert x == 2",), Outcome("failed", "AssertionError, at line 1 of the tests")),
        ("x = 1", ("", "\nassert x == 2, 'one'"), Outcome("failed", "AssertionError: one, at line 2 of the tests 2")),
        ("x = (", ("",), Outcome("failed", "SyntaxError: '(' was never closed (<answer>, line 1)")),
        ("", ("y",), Outcome("failed", "NameError: name 'y' is not defined, at line 1 of the tests")),
        ("\nraise KeyError('k')", ("",), Outcome("failed", "KeyError: 'k', at line 2 of the answer")),
        (
            "def f():\n    1 / 0",
            ("f()",),
            Outcome("failed", "ZeroDivisionError: division by zero, at line 1 of the tests"),
        ),
        ("[0] * 10**10", ("",), Outcome("memory", "MemoryError, at line 1 of the answer")),
        ("\ud800", ("",), None),
        ("x = '\\0'\n\0", ("",), None),
        ("(" * 10_000, ("",), None),
        ("-" * 100_000 + "1", ("",), None),
        (
            "class E(Exception):\n    def __str__(self):\n        raise E\nraise E",
            ("",),
            Outcome("failed", "E, at line 4 of the answer"),
        ),
        ("raise ValueError('a\\nb' * 10**6)", ("",), None),
    ],
)
def test_what_failed_is_told(code: str, tests: tuple[str, ...], outcome: Outcome | None) -> None:
    got = run(Program(code, tests), LIMITS)

    assert got == outcome if outcome else (got.kind in ("failed", "memory") and len(got.reason) < 400)


# the same each time


def test_an_outcome_does_not_hang_on_the_neighbours() -> None:
    busy, crash = (Program(f"import os\n{HOSTILE[name]}", ("",)) for name in ("output without end", "a crash"))
    alone = {program: run(program, LIMITS) for program in (PLAIN, busy, crash)}
    together = [busy, PLAIN, crash, PLAIN, crash, PLAIN]

    assert run_all(together, LIMITS) == [alone[program] for program in together]


def test_a_program_that_leans_on_chance_ends_each_time_alike() -> None:
    order = Program(
        "",
        ("assert ''.join({'a', 'b', 'c', 'd', 'e', 'f', 'g'}) == 'x', ''.join({'a', 'b', 'c', 'd', 'e', 'f', 'g'})",),
    )

    assert len({run(order, LIMITS) for _ in range(5)}) == 1


# where there is no sandbox


def test_on_another_system_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    assert run(PLAIN, LIMITS) == Outcome(
        "unavailable", "there is no sandbox on darwin: run the harness on Linux, or there in a container"
    )


@pytest.mark.parametrize(
    ("wall", "broken", "what"),
    [
        ("allowing_filter", lambda machine, pid: struct.pack("<HBBI", 6, 0, 0, 0x7FFF0000), "another process"),
        ("reachable", lambda scratch: {"/": 4 | 8, "/dev/null": 2}, "reading outside its folder"),
        ("reachable", lambda scratch: {str(scratch.parent): 2 | 256, "/dev/null": 2}, "writing outside its folder"),
    ],
)
def test_a_wall_that_does_not_hold_is_noticed_before_the_code_is_sent(
    monkeypatch: pytest.MonkeyPatch, wall: str, broken: object, what: str, tmp_path: Path
) -> None:
    monkeypatch.setattr(supervisor, wall, broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    (outcome,) = run_all([PLAIN], LIMITS)

    assert outcome == Outcome(
        "unavailable",
        f"the sandbox cannot be built: the walls do not hold: {what} is not refused;"
        " it needs Linux 5.13 or newer with Landlock and seccomp",
    )


WITHOUT_LANDLOCK = """
import ctypes, struct
CREATE_RULESET, ENOSYS = 444, 38
lines = [(0x20, 0, 0, 0), (0x15, 0, 1, CREATE_RULESET), (6, 0, 0, 0x50000 | ENOSYS), (6, 0, 0, 0x7FFF0000)]
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_char_p)]
rules = Filter(len(lines), b"".join(struct.pack("<HBBI", *line) for line in lines))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(rules), 0, 0) == 0
"""
"""A kernel that has no Landlock, as far as this process can see."""


def harness(program: str, **variables: str) -> subprocess.Popen[str]:
    """Another harness, in a process of its own."""
    head = "from harness_metrics.sandbox import *\nLIMITS = Limits(processor_seconds=1, wall_seconds=60)\n"
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": paths, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_machine_without_landlock_runs_nothing_and_says_so() -> None:
    asked = harness(WITHOUT_LANDLOCK + "print(run_all([Program('', ('',))], LIMITS))")

    told, _ = asked.communicate(timeout=30)

    assert "unavailable" in told
    assert "this process cannot refuse files (Landlock): Function not implemented" in told
    assert "Linux 5.13" in told


def test_a_program_that_cannot_start_is_no_failure_of_the_answer() -> None:
    (outcome,) = run_all([PLAIN], Limits(memory_mb=4))

    assert outcome.kind == "unavailable"
    assert run_all([], LIMITS) == []


def test_without_room_for_its_folder_nothing_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not there"))

    assert run(PLAIN, LIMITS).reason.startswith("there is no folder for programs: [Errno 2]")


def test_without_its_interpreter_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/not/there")

    assert run(PLAIN, LIMITS).reason.startswith("no program can be started: [Errno 2]")


def test_a_program_ends_with_the_harness(tmp_path: Path) -> None:
    killed = harness("run(Program('import time; time.sleep(60)', ('',)), LIMITS)", TMPDIR=str(tmp_path))
    wait_until(lambda: working_in(tmp_path) != [])

    killed.send_signal(signal.SIGKILL)
    killed.communicate()

    wait_until(lambda: working_in(tmp_path) == [])


def working_in(folder: Path) -> list[str]:
    """The processes whose working folder lies there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found += [process.name] if str(folder) in str((process / "cwd").readlink()) else []
        except OSError:
            continue
    return found


def wait_until(condition: object, seconds: float = 20) -> None:
    """Fail if it does not come true."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# its parts


def test_a_file_that_is_only_read_cannot_be_emptied() -> None:
    opened = "import os\nopen('x', 'w').write('kept')\nos.open('x', os.O_RDONLY | os.O_TRUNC)"

    assert run(Program(opened, ("",)), LIMITS).kind == "refused"
    assert (
        run(Program("open('x', 'w').write('a')\nopen('x', 'w')", ("assert open('x').read() == ''",)), LIMITS) == PASSED
    )


@pytest.mark.skipif(platform.machine() != "x86_64", reason="in the machine's own code")
def test_there_is_no_way_past_the_filter_in_the_numbers_of_another_machine() -> None:
    call = """
import ctypes, mmap
def call(code):
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()
"""
    fork_of_i386 = "call(bytes.fromhex('b802000000cd80c3'))"
    getpid_of_x32 = "assert call(bytes.fromhex('b8270000400f05c3')) == -38  # no such call"

    assert run(Program(call, (fork_of_i386,)), LIMITS).reason == "it ended with SIGSYS before its tests had"
    assert run(Program(call, (getpid_of_x32,)), LIMITS) == PASSED


def test_each_machine_has_a_filter_of_its_own() -> None:
    one, other = (allowing_filter(machine, pid=7) for machine in MACHINES)

    assert one != other
    assert len(one) % 8 == len(other) % 8 == 0
    assert allowing_filter("x86_64", pid=7) != allowing_filter("x86_64", pid=8)


def test_a_folder_is_removed_however_deep_and_closed(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    (tmp_path / "outside").write_text("kept")
    (folder / "link").symlink_to(tmp_path)
    here = os.open(folder, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d" * 200, dir_fd=here)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.mkdir("closed", 0, dir_fd=here)
    os.close(here)

    assert usage(folder, most=1000)[1] > 1000, "a path that is too long to be looked into counts as too many"
    remove(folder)

    assert [path.name for path in tmp_path.iterdir()] == ["outside"]


def test_usage_counts_what_is_on_the_disk_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "full").write_bytes(bytes(100_000))
    (tmp_path / "a" / "root").symlink_to("/")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)

    size, files = usage(tmp_path, most=10)

    assert 100_000 <= size < 120_000
    assert files == 4
    assert usage(tmp_path, most=3)[1] == 4
