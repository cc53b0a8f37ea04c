"""A team's folder in a test: a suite, its data and a model, driven through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUITE = """\
suite: tiny
seed: 3
model:
  name: model
  dtype: float32
batch_size: 4
data:
  train: train.jsonl
  validation: validation.jsonl
  test: test.jsonl
prompted:
  system: Answer with one word.
  few_shot: 2
trainer:
  name: lora
  r: 4
  learning_rate: 1.0e-2
  max_steps: 4
tasks:
  - name: colours
    data: test
    generation: {max_new_tokens: 4}
    metrics: [exact_match, f1]
gates:
  - {task: colours, metric: f1, max_drop: 0.5}
"""
"""A small suite that uses every part."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left behind."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON has no narrower type
        """The standard output read as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a suite, run by the real command in a process of its own."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def suite(self) -> Path:
        """The suite file."""
        return self.folder / "suite.yaml"

    @property
    def record(self) -> Path:
        """The database."""
        return self.folder / "results" / "harness.db"

    def write_suite(self, text: str = SUITE) -> Path:
        """Write the suite file."""
        self.suite.write_text(text, encoding="utf-8")
        return self.suite

    def write_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> Path:
        """Write a data file, one row a line."""
        path = self.folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    def run(self, *arguments: str, timeout: float = 600) -> Result:
        """Run ``harness`` with these arguments in the folder, without a hub."""
        done = subprocess.run(  # noqa: S603 - our own command
            self.command(*arguments),
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def command(self, *arguments: str) -> list[str]:
        """The command line, for tests that start and kill it themselves."""
        return [sys.executable, "-m", "harness.cli.main", *arguments]

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a command."""
        fixed = {"HF_HUB_OFFLINE": "1", "NO_COLOR": "1", "COLUMNS": "100", "TERM": "dumb"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
        return {**kept, **fixed, **self.environment}


def colour_rows(start: int, count: int, words: str = "paint") -> list[dict[str, Any]]:
    """Chat rows that no other range shares; ``words`` keeps splits apart."""
    colours = ("red", "green", "blue", "black", "white")
    return [
        {
            "messages": [
                {"role": "user", "content": f"{words} item {number} is coloured like number {number % 5}"},
                {"role": "assistant", "content": colours[number % 5]},
            ]
        }
        for number in range(start, start + count)
    ]


def tiny_project(folder: Path) -> Project:
    """A project with data and a suite, and a tiny random model in ``model``."""
    from harness.testing.tiny import tiny_llama

    project = Project(folder)
    project.write_suite()
    project.write_rows("train.jsonl", colour_rows(0, 24, "train"))
    project.write_rows("validation.jsonl", colour_rows(0, 8, "check"))
    project.write_rows("test.jsonl", colour_rows(0, 20, "test"))
    tiny_llama(folder / "model")
    return project
