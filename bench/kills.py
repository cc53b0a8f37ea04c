"""``kill -9`` at random moments of a run, the same command again, and the final tables beside an undisturbed one's.

Most of a tiny run is waiting for imports, so the moments are drawn phase by phase: while it starts, trains, answers and
judges, each as long after the phase began as chance has it. What is killed after the training begins with a record that
was cut off when the training was done, so that not each of them trains for itself.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from figures import say

from harness.testing.project import Project, tiny_project

PHASES = {
    "starting": "SELECT 1",
    "training": "SELECT count(*) FROM trainings",
    "answering": "SELECT count(*) FROM runs",
    "judging": "SELECT count(*) = 3 FROM runs WHERE status = 'finished'",
}
"""Each phase with what the record says once it has begun."""
TRAINED = "SELECT count(*) FROM trainings WHERE status = 'finished'"
FINISHED = "SELECT count(*) FROM experiments WHERE status = 'finished'"
TABLES = (
    "SELECT arm, task, metric, value, low, high, scored, missing FROM estimates JOIN runs ON runs.key = run"
    " ORDER BY 1, 2, 3",
    "SELECT position, task, metric, outcome, reason, p_passed, p_failed, items FROM rulings"
    " WHERE verdict = (SELECT max(key) FROM verdicts) ORDER BY 1",
    "SELECT experiment, status, sample, attempt, text FROM runs JOIN tasks ON tasks.run = runs.key"
    " JOIN generations ON generations.task = tasks.key ORDER BY arm, name, sample, attempt",
)
"""What must be the same: the estimates, the rulings, and every answer once."""
OF_TEN = ["starting", *["training"] * 2, *["answering"] * 5, *["judging"] * 2]
"""Where of ten kills each goes: most to the answers, which are written in many steps."""
COMMAND = ("run", "suite.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2, help="runs at once, each on one core")
    parser.add_argument("--quick", action="store_true", help="four kills, one in each phase")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    phases = list(PHASES) if options.quick else [OF_TEN[number % 10] for number in range(options.kills)]
    count = len(phases)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        # one thread: how float32 sums are split up among threads is none of a kill's business
        template = Project(tiny_project(made(Path(folder) / "template")).folder, {"OMP_NUM_THREADS": "1"})
        calm = copy(template, Path(folder) / "calm")
        lengths = watched(calm)
        expected = tables(calm)
        trained = cut_off(copy(template, Path(folder) / "trained"), TRAINED)
        begin_with = {"starting": template, "training": template, "answering": trained, "judging": trained}
        draws = [random.Random(f"{options.seed} {number}") for number in range(count)]
        with ThreadPoolExecutor(options.jobs) as pool:
            ends = list(pool.map(lambda at, draw: disturbed(begin_with[at], at, lengths[at], draw), phases, draws))
    equal = sum(end == expected for end in ends)
    say(
        "equal final tables after kill -9", equal, count, f"of {count}", equal == count,
        kills=Counter(phases), minutes=round((time.perf_counter() - began) / 60, 1),
        undisturbed_s={phase: round(seconds, 2) for phase, seconds in lengths.items()},
        unequal=[f"{number} {phases[number]}" for number, end in enumerate(ends) if end != expected],
    )  # fmt: skip


def watched(project: Project) -> dict[str, float]:
    """How long each phase of an undisturbed run takes."""
    process = started(project)
    times = []
    for query in (*PHASES.values(), FINISHED):
        wait_for(query, project, process)
        times.append(time.perf_counter())
    process.wait()
    return {phase: end - begin for phase, begin, end in zip(PHASES, times, times[1:], strict=False)}


def cut_off(project: Project, query: str) -> Project:
    """The project, its run killed as soon as the record says so."""
    process = started(project)
    wait_for(query, project, process)
    process.kill()
    process.wait()
    return project


def disturbed(template: Project, phase: str, length: float, draw: random.Random) -> list[list[tuple]]:
    """The final tables of a run that was killed once; one that finished before its moment came is started anew."""
    while True:
        with tempfile.TemporaryDirectory() as folder:
            project = copy(template, Path(folder) / "project")
            process = started(project)
            wait_for(PHASES[phase], project, process)
            time.sleep(draw.uniform(0, length))
            process.kill()
            process.wait()
            if not asked(project, FINISHED):
                project.run(*COMMAND)
                return tables(project)


def started(project: Project) -> subprocess.Popen[bytes]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(project.command(*COMMAND), cwd=project.folder, env=project.variables, **quiet)


def wait_for(query: str, project: Project, process: subprocess.Popen[bytes]) -> None:
    """Until the record says so, or the run has ended."""
    while query != PHASES["starting"] and process.poll() is None and not asked(project, query):
        time.sleep(0.002)


def asked(project: Project, query: str) -> int:
    try:
        return int(rows(project, query)[0][0])
    except sqlite3.OperationalError:  # there is no record yet, or it is just being made
        return 0


def tables(project: Project) -> list[list[tuple]]:
    return [rows(project, query) for query in TABLES]


def rows(project: Project, query: str) -> list[tuple]:
    with closing(sqlite3.connect(f"file:{project.record}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def copy(template: Project, folder: Path) -> Project:
    shutil.copytree(template.folder, folder)
    return Project(folder, template.environment)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
