"""Small values for the tests of the record, and the way to fill one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness.store import Writer
from harness.values import (
    Environment,
    Estimate,
    Generation,
    Message,
    ModelFacts,
    ModelRef,
    Origin,
    Ref,
    Run,
    Sample,
    Score,
    Suite,
    Task,
)

METRICS = ("exact_match", "f1")
TASK = Task("tickets", "generate", tuple(Ref(name) for name in METRICS))
ENVIRONMENT = Environment("3.11.7", "linux", "x86_64", 2, "cpu", {"torch": "2.13.0"}, "abc123")
FACTS = ModelFacts("org/model", "/models/m", "w" * 64, None, "t" * 64, "c" * 64, "float32", "cpu", 135_000_000, "plain")
ORIGIN = Origin("finetune-harness", "0.1.0", "metrics")


def suite(name: str = "support-tickets", text: str = "suite: support-tickets\n") -> Suite:
    return Suite(name, Path("suites/s.yaml"), text, "digest", 7, ModelRef("m"), {}, None, None, (), (), ())


def run(experiment: str, arm: str = "base", **changes: object) -> Run:
    fields = {
        "id": f"{experiment}/{arm}",
        "experiment": experiment,
        "suite": experiment.rpartition("-")[0],
        "suite_digest": "digest",
        "arm": arm,
        "seed": 7,
        "status": "running",
        "started": "2026-01-01T00:00:00+00:00",
        "finished": None,
        "environment": ENVIRONMENT,
        "origins": {"metric:exact_match": ORIGIN},
    }
    return Run(**{**fields, **changes})  # type: ignore[arg-type]


def sample(number: int, **changes: object) -> Sample:
    fields = {"id": f"s{number:05d}", "prompt": (Message("user", f"question {number}"),), "targets": ("yes",)}
    return Sample(**{**fields, **changes})  # type: ignore[arg-type]


def generation(sample_id: str, attempt: int = 0, text: str = "an answer") -> Generation:
    return Generation(sample_id, attempt, text, "stop", 12, 3, 0.25)


def batch(samples: list[Sample], value: float = 1.0) -> tuple[list[Generation], dict[str, list[Score]]]:
    answers = [generation(each.id) for each in samples]
    return answers, {metric: [Score(each.id, value) for each in samples] for metric in METRICS}


def estimate(metric: str = "exact_match", value: float | None = 0.5) -> Estimate:
    return Estimate("tickets", metric, value, 0.4, 0.6, 10, 0)


def started(writer: Writer, samples: list[Sample], arm: str = "base", name: str = "support-tickets") -> Run:
    """A run of a new experiment with the task begun."""
    header = run(writer.new_experiment(suite(name), "key"), arm)
    writer.start_run(header)
    writer.start_task(header.id, TASK, samples, "test.jsonl")
    return header


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own that runs ``code`` with this module at hand."""
    here = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    command = [sys.executable, "-c", here + code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
