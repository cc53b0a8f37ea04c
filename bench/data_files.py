"""Reading data files: five gigabytes in bounded memory, and broken files that are told in one line.

Run alone: ``python bench/data_files.py [--quick]``. Each reading runs in a process of its own, so that the peak is its.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import say

MOST_MEMORY_MB = 500
GIB, MIB = 1 << 30, 1 << 20
TESTS = Path(__file__).resolve().parents[1] / "tests" / "data"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 MiB in place of 5 GiB")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read is not None:
        print(json.dumps(read(options.read)))
        return
    measure(quick=options.quick)


def measure(*, quick: bool) -> None:
    memory(200 * MIB if quick else 5 * GIB)
    broken()


def memory(size: int) -> None:
    """The peak of a process that reads so many bytes of JSONL."""
    what = f"peak memory while {size / GIB:.1f} GiB of JSONL are read"
    with tempfile.TemporaryDirectory() as folder:
        if shutil.disk_usage(folder).free < 1.2 * size:
            say(what, None, MOST_MEMORY_MB, "MB", None, why="the disk has too little room")
            return
        path = Path(folder) / "rows.jsonl"
        rows = fill(path, size)
        found = json.loads(child(path))
        peak = found["peak_mb"]
        say(
            what, peak, MOST_MEMORY_MB, "MB", peak <= MOST_MEMORY_MB and found["rows"] == rows,
            rows=rows, rows_read=found["rows"], rows_per_s=round(found["rows"] / found["seconds"]),
            mb_per_s=round(size / found["seconds"] / 1e6), start_mb=found["start_mb"],
        )  # fmt: skip


def fill(path: Path, size: int) -> int:
    """Writes chat rows again and again until the file is so large; the number of its rows."""
    from chat_rows import rows

    block = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows(20_000))
    with path.open("wb") as file:
        times = -(-size // len(block))
        for _ in range(times):
            file.write(block)
    return 20_000 * times


def child(path: Path) -> str:
    command = [sys.executable, __file__, "--read", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]


def read(path: Path) -> dict[str, float]:
    from harness.data import files
    from harness.rows import Unreadable

    before, start, count = peak_mb(), time.perf_counter(), 0
    for _, found in files.lines(path):
        count += not isinstance(found, Unreadable)
    return {"rows": count, "seconds": time.perf_counter() - start, "start_mb": before, "peak_mb": peak_mb()}


def peak_mb() -> float:
    """Of this process alone; ``getrusage`` would count the one from which it was forked too."""
    status = Path("/proc/self/status")
    if status.is_file():
        return round(int(re.findall(r"VmHWM:\s*(\d+)", status.read_text())[0]) / 1024, 1)
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB, 1)


def broken() -> None:
    """The share of broken files that end as an error of one line or as rows told with their line; nothing else."""
    sys.path.insert(0, str(TESTS))
    try:
        from broken import BROKEN
    except ImportError as error:
        say("broken files told in one line", None, 1.0, "share", None, why=f"no list of them: {error}")
        return
    bad = [name for name, make in BROKEN.items() if not ends_well(make)]
    share = 1 - len(bad) / len(BROKEN)
    say("broken files told in one line", share, 1.0, "share", not bad, files=len(BROKEN), bad=bad)


def ends_well(make: object) -> bool:
    from harness.data import formats
    from harness.errors import UsageError

    assert callable(make)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = make(folder)
        before = sorted(folder.rglob("*"))
        try:
            told = [each.problem for each in formats.table("broken", path).unreadable]
        except UsageError as error:
            told = [str(error)]
        except Exception as error:
            print(f"{path.name}: {type(error).__name__}: {error}", file=sys.stderr)
            return False
        return bool(told) and all(len(each.splitlines()) == 1 for each in told) and sorted(folder.rglob("*")) == before


if __name__ == "__main__":
    main()
