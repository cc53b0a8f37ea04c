"""All data checks but PII over 100,000 chat rows in two processes: seconds, and memory of all processes together.

Memory is the proportional set size: pages that forked processes share are counted once in all, not once in each. What
the benchmarks are loaded with is held all the while, and counted too; the time that it takes is not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chat_rows
from figures import say

ROWS, FEW = 100_000, 10_000
HELD_OUT = 1_000
MOST_SECONDS, MOST_MEMORY = 90.0, 1.5e9
LEFT_OUT = ("pii",)
PROCESSES = 2
NEARBY = Path(__file__).resolve().parents[1].parent / "shared" / "data"
"""A pack with MMLU and HellaSwag, against which the rows are held where it is there."""
_EVERY = 0.1


def measure(*, quick: bool) -> None:
    """Write the rows, check them in a fresh process, and print the figures."""
    count = FEW if quick else ROWS
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write(folder, count)
        command = [sys.executable, __file__, "--side", str(folder)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    about = {"rows": count, "held_out": 2 * HELD_OUT, "items": found["items"], "processes": PROCESSES}
    about["left_out"] = list(LEFT_OUT)
    seconds, memory = found["read"] + found["checked"], found["memory"]
    say(
        "checks of chat rows: time",
        round(seconds, 1), MOST_SECONDS, "s", seconds <= MOST_SECONDS,
        reading=round(found["read"], 1), **about, of_each=found["seconds"], not_checked=found["not_checked"],
    )  # fmt: skip
    say(
        "checks of chat rows: peak memory of all processes (PSS)",
        round(memory / 1e9, 2), MOST_MEMORY / 1e9, "GB", memory <= MOST_MEMORY,
        once_read=round(found["memory_read"] / 1e9, 2), **about,
    )  # fmt: skip


def write(folder: Path, count: int) -> None:
    """Rows to train on, and rows to judge by that share nothing with them, not even a sentence."""
    own, others, rest = slice(0, 1_000), slice(1_000, 2_000), slice(2_000, None)
    tables = (("train", count, 0, rest), ("validation", HELD_OUT, 1, own), ("test", HELD_OUT, 2, others))
    for name, size, seed, some in tables:
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in chat_rows.rows(size, seed, some))


def run_side(folder: Path) -> None:
    """In the fresh process: read, check, and say what it took."""
    from harness import BenchmarkContext, DataContext
    from harness.catalog import Catalog
    from harness.checking import asked, inputs, run
    from harness.data import formats
    from harness.host import Host

    catalog = Catalog.build(Host.load())
    pack = Path(os.environ.get("HARNESS_BENCHMARK_PACK") or NEARBY)
    refs = inputs.public_benchmarks(catalog) if pack.is_dir() else []
    items, _ = inputs.benchmark_items(refs, catalog, BenchmarkContext(0, pack), are_tried=True)
    with Peak() as peak:
        began = time.perf_counter()
        tables = [formats.table(name, folder / f"{name}.jsonl") for name in ("train", "validation", "test")]
        read = time.perf_counter()
        memory_read = memory_of(os.getpid())
        checks, missing = asked.asked(catalog, (), in_run=False, skip=LEFT_OUT)
        context = DataContext(held_out=frozenset({"validation", "test"}), benchmarks=items)
        checked = run.check(tables, checks, context, without=missing, processes=PROCESSES)
        ended = time.perf_counter()
    seconds = {name: round(taken, 1) for name, taken in checked[0].seconds.items()}
    found: dict[str, Any] = {
        "read": read - began,
        "checked": ended - read,
        "memory": peak.bytes,
        "memory_read": memory_read,
        "items": {name: len(samples) for name, samples in items.items()},
        "seconds": dict(sorted(seconds.items(), key=lambda each: -each[1])),
        "not_checked": {table.name: dict(table.not_checked) for table in checked},
    }
    print(json.dumps(found))


class Peak:
    """The most memory that this process and its children held together, looked at ten times a second."""

    def __init__(self) -> None:
        self.bytes = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(_EVERY):
            self.bytes = max(self.bytes, sum(memory_of(pid) for pid in family(os.getpid())))


def family(pid: int) -> Iterator[int]:
    """The process and its descendants."""
    yield pid
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from family(int(child))


def memory_of(pid: int) -> int:
    """Bytes of proportional set size; none of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{FEW:,} rows")
    parser.add_argument("--side", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(options.side)
    else:
        measure(quick=options.quick)
