"""The record at a size that nobody should have to wait for: written, compared, reported and looked at.

Every sample is answered and scored by two runs through the ``Writer``, chunk by chunk as an evaluation does it; what
reads the record are the real commands. Each part is a process of its own, so that its peak memory is known.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from figures import say

from harness import Generation, GenerationSettings, Message, Sample, Score
from harness.comparison.compare import estimate
from harness.execution import environment
from harness.execution.arms import now
from harness.execution.evaluate import BATCHES_A_CHUNK
from harness.store.database import RECORD
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.suite.load import load
from harness.values import ModelFacts, Provenance, Ref, Run, Suite, Task

SUITE = """\
suite: large
model: {name: model}
data: {test: test.jsonl}
tasks:
  - {name: tickets, data: test, metrics: [exact_match, f1]}
gates:
  - {task: tickets, metric: exact_match, min_gain: 0.01}
  - {task: tickets, metric: f1, max_drop: 0.02}
"""
TASK = Task("tickets", "generate", (Ref("exact_match"), Ref("f1")), GenerationSettings())
RIGHT = {"base": 60, "tuned": 80}
"""Of 97 samples each arm has so many right; which ones differs from arm to arm, so that many flip."""
MISSING = 997
"""One score in so many is missing."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one process took."""

    seconds: float
    cpu: float
    """Seconds that the processor worked for it: what is left of them on a machine that others use too."""
    peak_mb: int
    status: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--quick", action="store_true", help="a tenth of the samples, held to the same limits")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(options.write, options.samples)
        return
    samples = 20_000 if options.quick else options.samples
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), samples)


def measure(folder: Path, samples: int) -> None:
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    gate = ["gate", "large-1/base", "large-1/tuned", "--suite", "suite.yaml"]
    whole = {
        "record": spent([sys.executable, __file__, "--write", str(folder), "--samples", str(samples)], folder),
        "compare": harness(folder, "compare", "large-1/base", "large-1/tuned"),
        "gate, screen and Markdown": harness(folder, *gate),
    }
    size = round((folder / "results" / RECORD).stat().st_size / 2**20)
    facts = {"samples": samples, "runs": len(RIGHT), "metrics": len(TASK.metrics), "record_mb": size}
    seconds = sum(each.seconds for each in whole.values())
    parts = {what: round(each.seconds, 2) for what, each in whole.items()}
    cpu = round(sum(each.cpu for each in whole.values()), 1)
    say("recorded, compared and reported", round(seconds, 1), 60, "s", seconds <= 60, parts=parts, cpu=cpu, **facts)
    peaks = {what: each.peak_mb for what, each in whole.items()}
    peak = max(peaks.values())
    say("peak memory of each of them", peak, 1536, "MB", peak <= 1536, parts=peaks, **facts)
    for arguments in (["runs"], ["show", "large-1/tuned"], ["show", "large-1/tuned", "--samples"]):
        looked("harness " + " ".join(arguments), harness(folder, *arguments), 1.0)
    looked("harness gate --json", harness(folder, *gate, "--json"), None)
    looked("harness show large-1/tuned --broken", harness(folder, "show", "large-1/tuned", "--broken"), None)


def looked(what: str, found: Spent, limit: float | None) -> None:
    ok = None if limit is None else found.seconds <= limit and found.status == 0
    say(what, round(found.seconds, 2), limit, "s", ok, cpu=round(found.cpu, 2), peak_mb=found.peak_mb)


def harness(folder: Path, *arguments: str) -> Spent:
    return spent([str(Path(sys.executable).parent / "harness"), *arguments], folder)


def spent(command: Sequence[str], folder: Path) -> Spent:
    variables = {**os.environ, "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    with (folder / "out.txt").open("w") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)  # not wait(): it does not tell what this one process used
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 3, 4}:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return Spent(seconds, cpu, usage.ru_maxrss >> (20 if sys.platform == "darwin" else 10), process.returncode)


def write(folder: Path, count: int) -> None:
    suite = load(folder / "suite.yaml")
    samples = [sample(number) for number in range(count)]
    path = folder / "results" / RECORD
    with Writer(path) as writer, Reader(path) as reader:
        experiment = writer.new_experiment(suite, "bench")
        for arm in RIGHT:
            run = header(suite, experiment, arm)
            writer.start_run(run)
            writer.start_task(run.id, TASK, samples, "made up", conditions=arm.encode())
            size = BATCHES_A_CHUNK * suite.batch_size
            for start in range(0, count, size):
                chunk = samples[start : start + size]
                writer.add_batch(run.id, TASK.name, *answered(arm, start, chunk))
            for metric in TASK.metrics:
                scores = reader.scores(run.id, TASK.name, metric.name)
                found = estimate(TASK.name, metric.name, scores, (0.0, 1.0), mean, {each.id: None for each in samples})
                writer.add_estimates(run.id, [found])
            writer.finish_run(run.id, "finished", now())
        writer.finish_experiment(experiment, "finished", now())


def header(suite: Suite, experiment: str, arm: str) -> Run:
    digest = "0" * 64
    model = ModelFacts("model", "model", digest, digest, digest, digest, "float32", "cpu", 134_515_008, "plain")
    return Run(
        id=f"{experiment}/{arm}",
        experiment=experiment,
        suite=suite.name,
        suite_digest=suite.digest,
        arm=arm,
        seed=suite.seed,
        status="running",
        started=now(),
        finished=None,
        environment=environment.describe(suite.path.parent),
        origins={},
        model=model,
    )


def sample(number: int) -> Sample:
    prompt = (Message("user", long(f"Ticket {number}: my order has not arrived, please send it again; ", 300)),)
    target = long(f'{{"order": {number}, "product": "lamp", "priority": "high"}} ', 100)
    return Sample(hashlib.sha256(target.encode()).hexdigest()[:16], prompt, (target,))


Answered = tuple[list[Generation], dict[str, list[Score]], list[Provenance]]


def answered(arm: str, start: int, chunk: Sequence[Sample]) -> Answered:
    generations, exact, overlap, provenance = [], [], [], []
    for number, each in enumerate(chunk, start):
        right = number * (7 if arm == "base" else 11) % 97 < RIGHT[arm]
        text = each.targets[0] if right else long(f'{{"order": null, "product": "{number % 89}"}} ', 100)
        generations.append(Generation(each.id, 0, text, "stop", 80, 30, 0.01))
        exact.append(Score(each.id, float(right)))
        overlap.append(score(each.id, number, 1.0 if right else number % 89 / 89))
        provenance.append(Provenance(hashlib.sha256(f"{arm} {each.id}".encode()).digest()[:16]))
    return generations, {"exact_match": exact, "f1": overlap}, provenance


def score(name: str, number: int, value: float) -> Score:
    return Score(name, None, "the metric raised ValueError") if number % MISSING == 0 else Score(name, value)


def long(text: str, length: int) -> str:
    return (text * (length // len(text) + 1))[:length]


def mean(scores: Sequence[Score]) -> float:
    return sum(each.value or 0.0 for each in scores) / len(scores)


if __name__ == "__main__":
    main()
