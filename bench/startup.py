"""How long a person waits for ``harness --help`` and ``harness check``, as whole processes."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from figures import say

SUITE = Path(__file__).resolve().parents[1] / "suites" / "support_tickets.yaml"
HEAVY = ("torch", "transformers", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    runs = 3 if parser.parse_args().quick else 9
    harness = [str(Path(sys.executable).parent / "harness")]
    for what, arguments, limit in (
        ("harness --help", ["--help"], 0.3),
        ("harness check SUITE", ["check", str(SUITE)], 1.0),
    ):
        seconds = [wall([*harness, *arguments]) for _ in range(runs + 1)][1:]
        median = statistics.median(seconds)
        say(
            what,
            round(median, 3),
            limit,
            "s",
            median <= limit,
            least=round(min(seconds), 3),
            most=round(max(seconds), 3),
        )
    loaded = heavy_modules()
    say("heavy modules imported by --help", len(loaded), 0, "modules", not loaded, modules=loaded)


def wall(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def heavy_modules() -> list[str]:
    program = (
        "import sys\nfrom harness.cli.main import cli\n"
        "cli.main(['--help'], standalone_mode=False)\n"
        f"print('|'.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    return [name for name in out.splitlines()[-1].split("|") if name]


if __name__ == "__main__":
    main()
