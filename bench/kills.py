"""``kill -9`` at random moments of a run, the same command again, and the final table beside an undisturbed one's."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from figures import say

from harness.testing.project import Project, tiny_project

TABLE = (
    "SELECT runs.arm, estimates.task, estimates.metric, estimates.value, estimates.low, estimates.high, "
    "estimates.scored, estimates.missing FROM estimates JOIN runs ON runs.key = estimates.run ORDER BY 1, 2, 3"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="two kills")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kills = 2 if options.quick else options.kills
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        template = tiny_project(made(Path(folder) / "template"))
        calm = copy(template, Path(folder) / "calm")
        began = time.perf_counter()
        calm.run("run", "suite.yaml")
        whole = time.perf_counter() - began
        expected = rows(calm, TABLE)
        equal = sum(
            disturbed(copy(template, Path(folder) / str(n)), draw.uniform(0, whole)) == expected for n in range(kills)
        )
    say("equal final tables after kill -9", equal, kills, f"of {kills}", equal == kills, undisturbed_s=round(whole, 1))


def disturbed(project: Project, after: float) -> list[tuple]:
    process = subprocess.Popen(
        project.command("run", "suite.yaml"), cwd=project.folder, env=project.variables, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        project.run("run", "suite.yaml")
    repeated = rows(
        project, "SELECT count(*) - count(DISTINCT task || ' ' || sample || ' ' || attempt) FROM generations"
    )
    assert repeated == [(0,)], "an answer was recorded twice"
    return rows(project, TABLE)


def rows(project: Project, query: str) -> list[tuple]:
    with closing(sqlite3.connect(project.record)) as database:
        return database.execute(query).fetchall()


def copy(template: Project, folder: Path) -> Project:
    shutil.copytree(template.folder, folder)
    return Project(folder)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
