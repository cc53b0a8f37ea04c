"""What is said of the machine at hand: held to what the system itself says, and to tools that fail."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import machine
from harness.machine import Gpu, free_memory, gpus, kept_by_heap, lean_heap, own_memory

GIB = 1 << 30
THREE = """\
0, GPU-1111aaaa-0000, 81559, 80994, NVIDIA H100 80GB HBM3
1, GPU-1111bbbb-0000, 24564, 1024, NVIDIA GeForce RTX 4090
2, GPU-2222cccc-0000, 15360, 15101, Tesla T4
"""
H100 = Gpu("NVIDIA H100 80GB HBM3", 81559 << 20, 80994 << 20)
RTX = Gpu("NVIDIA GeForce RTX 4090", 24564 << 20, 1024 << 20)
T4 = Gpu("Tesla T4", 15360 << 20, 15101 << 20)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that programs are looked for in."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def nvidia_smi(tools: Path, body: str) -> None:
    program = tools / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def tells(tools: Path, lines: str) -> None:
    nvidia_smi(tools, f"/bin/cat <<'END'\n{lines}END")


# memory


def test_free_memory_is_no_more_than_the_machine_has() -> None:
    facts = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    assert 0 < free_memory() <= int(facts["MemTotal"].split()[0]) * 1024


def test_a_process_holds_what_it_has_written_to() -> None:
    before = own_memory()
    held = bytearray(b"x" * (64 << 20))
    assert own_memory() - before == pytest.approx(len(held), rel=0.1)


def group(folder: Path, limit: str, used: int, cache: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {cache}\n")


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    own = tmp_path / "own"
    own.write_text("0::/jobs/one\n")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_OWN_GROUPS", own)
    return tmp_path / "cgroup"


def test_a_container_leaves_what_its_limit_leaves_and_the_cache_that_it_can_give_back(groups: Path) -> None:
    group(groups, "1000000", 700_000, 200_000)
    assert free_memory() == 500_000


def test_a_container_without_a_limit_leaves_the_machine(groups: Path) -> None:
    group(groups, "max", 700_000, 0)
    assert free_memory() > 1_000_000


def test_the_tightest_group_around_this_process_counts(groups: Path) -> None:
    group(groups, "3000000", 0, 0)
    group(groups / "jobs", "2000000", 500_000, 0)
    group(groups / "jobs" / "one", "max", 400_000, 0)
    group(groups / "jobs" / "two", "1000", 0, 0)
    assert free_memory() == 1_500_000


def test_a_limit_of_the_first_version_counts_and_its_word_for_none_does_not(groups: Path, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("4:cpu,memory:/jobs\n0::/\n")
    for folder, limit in ((groups / "memory", 9223372036854771712), (groups / "memory" / "jobs", 900_000)):
        folder.mkdir(parents=True)
        (folder / "memory.limit_in_bytes").write_text(f"{limit}\n")
        (folder / "memory.usage_in_bytes").write_text("100000\n")
        (folder / "memory.stat").write_text("total_inactive_file 50000\n")
    assert free_memory() == 850_000


def test_a_group_that_holds_more_than_its_limit_leaves_nothing(groups: Path) -> None:
    group(groups, "1000", 5000, 0)
    assert free_memory() == 0


# the heap


def test_a_lean_heap_adds_to_what_is_set_and_changes_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert lean_heap() == {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"}
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.mxfast=64:glibc.rtld.nns=3")
    assert lean_heap() == {"GLIBC_TUNABLES": "glibc.malloc.mxfast=64:glibc.rtld.nns=3:glibc.malloc.tcache_count=0"}


_LAYERS = """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.mallopt(-3, 1 << 30)  # all of it from the heap
place = ctypes.c_void_p()
for _ in range(30):
    passing = []
    for size in (6_000_000, 2_250_000, 6_000_000, 6_000_000):
        libc.posix_memalign(ctypes.byref(place), 64, size)
        ctypes.memset(place.value, 1, size)
        passing += [place.value, libc.malloc(40)]
    libc.posix_memalign(ctypes.byref(place), 64, 2_250_000)  # is kept
    ctypes.memset(place.value, 1, 2_250_000)
    for each in passing:
        libc.free(each)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024)
"""
"""Takes and frees as the layers of a model do: each keeps one block, and small ones lie between the large."""


def peak_of_layers(environment: dict[str, str]) -> int:
    command = [sys.executable, "-c", _LAYERS]
    return int(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
def test_a_process_with_a_lean_heap_uses_the_holes_that_freed_blocks_leave() -> None:
    plain = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    joins_by_itself = tuple(int(each) for each in platform.libc_ver()[1].split(".")) >= (2, 38)
    assert peak_of_layers({**plain, **lean_heap()}) < (1.05 if joins_by_itself else 0.85) * peak_of_layers(plain)


def test_what_the_heap_keeps_is_a_share_of_what_was_freed() -> None:
    assert kept_by_heap(0) == 0
    assert 0 < kept_by_heap(GIB) < GIB // 5


# GPUs


def test_without_the_tool_there_are_no_gpus(tools: Path) -> None:
    assert gpus() == ()


def test_all_gpus_are_there_when_none_is_chosen(tools: Path) -> None:
    tells(tools, THREE)
    assert gpus() == (H100, RTX, T4)


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("1", (RTX,)),
        ("2,0", (T4, H100)),
        (" 0 , 1 ", (H100, RTX)),
        ("GPU-1111bbbb-0000", (RTX,)),
        ("GPU-2222", (T4,)),
        ("GPU-1111", ()),  # of two
        ("", ()),
        ("-1", ()),
        ("0,7,1", (H100,)),  # what stands behind a wrong name is not seen by CUDA either
        ("MIG-5f1b", ()),
    ],
)
def test_only_chosen_gpus_are_there_by_number_or_by_uuid(
    tools: Path, monkeypatch: pytest.MonkeyPatch, visible: str, found: tuple[Gpu, ...]
) -> None:
    tells(tools, THREE)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == found


@pytest.mark.parametrize(
    "body",
    [
        "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9",
        "echo 'No devices were found'",
        "printf '\\377\\376, broken\\n'",
        "echo '0, GPU-1, [N/A], [N/A], NVIDIA GB10'",
        "echo '0, GPU-1, 100'",
        ":",
    ],
    ids=["no driver", "no device", "no text", "no memory of its own", "too few fields", "nothing"],
)
def test_a_tool_that_fails_finds_no_gpu(tools: Path, body: str) -> None:
    nvidia_smi(tools, body)
    assert gpus() == ()


def test_a_tool_that_does_not_answer_is_not_waited_for(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_ANSWERS_WITHIN", 0.2)
    nvidia_smi(tools, "exec /bin/sleep 60")
    began = time.monotonic()
    assert gpus() == ()
    assert time.monotonic() - began < 30


def test_asking_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import harness.machine, sys; print('psutil' in sys.modules, 'torch' in sys.modules)"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["False", "False"]


def test_the_peak_of_a_process_is_its_own_and_not_that_of_the_one_that_started_it() -> None:
    program = """
import subprocess, sys
held = bytearray(b"x" * (400 << 20))
told = subprocess.run([sys.executable, "-c", "from harness.machine import own_peak_memory as p; print(p())"],
                      check=True, capture_output=True, text=True)
from harness.machine import own_peak_memory
print(told.stdout.strip(), own_peak_memory())
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    child, parent = map(int, done.stdout.split())
    assert child < 200 << 20
    assert parent > 400 << 20
