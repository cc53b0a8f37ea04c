"""The demo as a newcomer runs it: how long it takes, what it learns, and whether it passes.

``--quick`` asks few items and still trains whole, so it is not under a minute: there is no shorter honest demo.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

from figures import say

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="at most 20 items of each task and benchmark")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).parent / "harness"), "demo", "--json", "--output", folder]
        command += ["--limit", "20"] if options.quick else []
        command += ["--device", options.device]
        began = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        seconds = time.perf_counter() - began
        say("make demo after set-up", round(seconds), 480, "s", seconds <= 480)
        say("exit status of the demo", done.returncode, 0, "", done.returncode == 0)
        if done.stdout:
            report(json.loads(done.stdout)["comparison"], Path(folder) / "harness.db")
        else:
            print(done.stderr, file=sys.stderr)


def report(comparison: dict, record: Path) -> None:
    with closing(sqlite3.connect(record)) as database:
        (training,) = database.execute("SELECT seconds FROM trainings").fetchone()
    # From the first arm's beginning to the last one's end, the opening of the weights left out: under a second.
    evaluation = span(comparison["runs"])
    say("training", round(training), 240, "s", training <= 240)
    say("all evaluation", round(evaluation), 240, "s", evaluation <= 240)
    for arm, limit in (("base", 0.10), ("tuned", 0.90)):
        run = next(run for run in comparison["runs"] if run["arm"] == arm)
        value = next(e["value"] for e in run["estimates"] if (e["task"], e["metric"]) == ("tickets", "exact_match"))
        say(f"tickets, exact match, {arm}", value, limit, "", value <= limit if arm == "base" else value >= limit)


def span(runs: list[dict]) -> float:
    first = min(datetime.fromisoformat(run["started"]) for run in runs)
    last = max(datetime.fromisoformat(run["finished"]) for run in runs)
    return (last - first).total_seconds()


if __name__ == "__main__":
    main()
