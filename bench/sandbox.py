"""The sandbox that code by a model runs in: hostile programs that it contains, and what a program costs.

The hostile programs are those of the tests; each is contained if it did not do what it is there for and if nothing
outside has changed: no file, no process left, no connection, no descriptor, not our own memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from figures import say

from harness_metrics.sandbox import Limits, Program, run, run_all

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "plugins"))

MOST_MEMORY_MB = 16
MOST_MILLISECONDS = 100
CODE = "from collections import Counter\ndef most(text):\n    return Counter(text).most_common(1)[0][0]"
TEST = "assert most('abcb') == 'b'"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="40 honest programs instead of 400")
    count = 40 if parser.parse_args().quick else 400
    if sys.platform == "linux":
        contain()
    time_honest(count)


def contain() -> None:
    """Every hostile program once."""
    from hostile_kit import HOSTILE, a_world, resident_megabytes

    began, before = time.perf_counter(), resident_megabytes()
    with tempfile.TemporaryDirectory() as folder, a_world(Path(folder)) as world:
        found: Mapping[str, list[str]] = {name: _harm(world.run(name).kind, world.harm()) for name in HOSTILE}
    contained = sum(not harm for harm in found.values())
    say(
        "hostile programs contained", contained, len(HOSTILE), f"of {len(HOSTILE)}", contained == len(HOSTILE),
        harm={name: harm for name, harm in found.items() if harm},
        seconds=round(time.perf_counter() - began, 1), user="root" if os.geteuid() == 0 else "plain",
    )  # fmt: skip
    grown = resident_megabytes() - before
    say("memory that they cost the harness", round(grown, 1), MOST_MEMORY_MB, "MB", grown <= MOST_MEMORY_MB)


def _harm(kind: str, changed: list[str]) -> list[str]:
    return [
        *changed,
        *(["it did what it must not"] if kind == "passed" else []),
        *(["not run"] if kind == "unavailable" else []),
    ]


def time_honest(count: int) -> None:
    """A small program alone, and many side by side."""
    limits = Limits()
    alone = []
    for _ in range(20):
        began = time.perf_counter()
        alone_ended = run(Program(CODE, (TEST,)), limits)
        alone.append(1000 * (time.perf_counter() - began))
    began = time.perf_counter()
    outcomes = run_all([Program(CODE, (TEST,))] * count, limits)
    each = 1000 * (time.perf_counter() - began) / count
    passed = sum(outcome.kind == "passed" for outcome in outcomes)
    median = statistics.median(alone)
    say(
        "a small program in the sandbox", round(median, 1), MOST_MILLISECONDS, "ms",
        None if alone_ended.kind == "unavailable" else median <= MOST_MILLISECONDS,
        side_by_side_ms=round(each, 1), processors=os.cpu_count(), passed=f"{passed} of {count}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
