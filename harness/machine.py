"""The machine at hand: its memory, what a container leaves of it, and its GPUs; no driver is loaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")
_LIMITS = (
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Of control groups of version 2 and 1: the folder for memory, its limit, what is used, and what of that is cache."""
_UNLIMITED = 1 << 60
"""Version 1 writes a number near 2**63 where there is no limit."""
_ANSWERS_WITHIN = 5.0
"""Seconds for NVIDIA's tool; without persistence mode it wakes the driver first."""
_MEBIBYTE = 1 << 20
MAPPED_FROM = 32 * _MEBIBYTE
"""Bytes from which glibc maps a block by itself and gives it back when it is freed; smaller ones come from its heap."""
_KEPT = 0.08
"""Share of what was freed that the heap cannot use again, under ``lean_heap``: see ``kept_by_heap``."""
_LEAN = {"glibc.malloc.tcache_count": "0", "glibc.malloc.mxfast": "0"}


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as its driver names it."""

    name: str
    total: int
    """Bytes."""
    free: int


def free_memory() -> int:
    """Bytes that processes can still take: of the machine, or of what its container leaves."""
    import psutil

    return min([int(psutil.virtual_memory().available), *_left_in_containers()])


def own_memory() -> int:
    """Bytes of the machine's memory that this process holds now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def own_peak_memory() -> int:
    """The most bytes of the machine's memory that this process has held, whoever started it.

    What ``getrusage`` tells begins, on Linux, with the peak of the process that started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        import resource

        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest if sys.platform == "darwin" else largest << 10


def lean_heap() -> dict[str, str]:
    """Variables for the environment of a process, with which glibc's heap holds less; what is set already stays.

    Torch asks for blocks at multiples of 64 bytes. glibc cuts each out of a larger one and keeps the slivers beside it
    for small requests, so that the hole which a freed block leaves is too small for the next one of its size
    (sourceware.org, bugs 14581 and 30723; since the latter, in 2023, it joins them by itself). Without its caches for
    slivers they grow together with the hole again. Other C libraries do not read the variable.
    """
    set_already = [each for each in os.environ.get("GLIBC_TUNABLES", "").split(":") if each]
    named = {each.partition("=")[0] for each in set_already}
    ours = [f"{name}={value}" for name, value in _LEAN.items() if name not in named]
    return {"GLIBC_TUNABLES": ":".join([*set_already, *ours])}


def kept_by_heap(freed: float) -> int:
    """Bytes that stay with a process though they were freed, of ``freed`` bytes in blocks below ``MAPPED_FROM``.

    Holes between blocks that live on fit no later request. The share is one that was measured: from 0 to 0.18, and 0.08
    in the middle, over 14 trainings of SmolLM2-135M and a Llama of 25 million weights with glibc 2.36, torch 2.13.
    """
    return round(_KEPT * freed)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpu_of(device: str) -> Gpu | None:
    """The GPU that a model with this ``device`` is put on; ``None`` where it is put on none."""
    kind, _, number = device.partition(":")
    found = gpus() if kind in {"auto", "cuda"} else ()
    place = int(number or 0)
    return found[place] if place < len(found) else None


def gpus() -> tuple[Gpu, ...]:
    """The NVIDIA GPUs that ``CUDA_VISIBLE_DEVICES`` leaves; none where there is no driver, or it does not answer.

    They come in the order of that variable. Part of a GPU (MIG) is none of them.
    """
    found = dict(_nvidia_smi())
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return tuple(found.values())
    return tuple(_chosen(found, visible))


def _chosen(found: dict[tuple[str, str], Gpu], visible: str) -> Iterator[Gpu]:
    """Those named by number or by the beginning of their UUID; as in CUDA, the first wrong name ends the list."""
    for name in (each.strip() for each in visible.split(",")):
        named = [gpu for (number, uuid), gpu in found.items() if name == number or (name and uuid.startswith(name))]
        if len(named) != 1:
            return
        yield named[0]


def _nvidia_smi() -> Iterator[tuple[tuple[str, str], Gpu]]:
    """Number and UUID of each GPU, with what it is; none where the tool is missing, fails or takes too long."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return
    command = [program, "--query-gpu=index,uuid,memory.total,memory.free,name", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_ANSWERS_WITHIN)  # noqa: S603 - fixed words
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return
    for line in told.stdout.splitlines():
        number, uuid, total, free, name = (each.strip() for each in (line.split(",", 4) + [""] * 5)[:5])
        # one that shares the machine's memory says [N/A]
        if name and total.isdigit() and free.isdigit():
            yield (number, uuid), Gpu(name, int(total) * _MEBIBYTE, int(free) * _MEBIBYTE)


def _left_in_containers() -> Iterator[int]:
    """What the limits of this process's control groups leave, caches that can be given back counted as free."""
    for folder, most, used, cache in _LIMITS:
        for group in _groups(_CGROUP / folder, folder):
            try:
                limit = int((group / most).read_text())
                held = int((group / used).read_text())
                facts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            except (OSError, ValueError):
                continue  # no such group, or the word "max" in the place of a limit
            if limit < _UNLIMITED:
                yield max(0, limit - held + int(facts.get(cache, 0)))


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The outermost group that is seen, which in a container is its own, and those within it down to this process's."""
    yield root
    try:
        lines = [line.split(":", 2) for line in _OWN_GROUPS.read_text().splitlines()]
    except OSError:
        return
    path = root
    for part in next((Path(where).parts[1:] for _, names, where in lines if controller in names.split(",")), ()):
        path = path / part
        yield path
