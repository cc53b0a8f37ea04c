"""The commands that ``eval`` and ``train`` propose at their end find the record that they have just written."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.testing.project import SUITE, Project, Result

INSTANT = '''
from dataclasses import dataclass
from harness import Checkpoint, hookimpl


@dataclass(frozen=True)
class Instant:
    """Trains nothing and is done."""

    name = "instant"
    requires_packages = ()
    trains_on = "messages"

    def masks(self, job, rows):
        return []

    def train(self, job, report):
        return Checkpoint(job.output, "adapter", 1, "ab" * 32, None, None, 1.0)


@hookimpl
def harness_register_trainers():
    return [Instant]
'''


def proposed(result: Result) -> str:
    assert result.exit_code == 0, result.err
    [command] = re.findall(r"^next: harness (.*)$", result.out, re.MULTILINE)
    return str(command)


def test_what_is_proposed_after_an_evaluation_elsewhere_names_the_place(project: Project) -> None:
    command = proposed(project.run("eval", "--suite", "suite.yaml", "--limit", "2", "--output", "elsewhere"))
    assert command == "compare BASELINE tiny-1/base --output elsewhere"
    compared = project.run(*command.replace("BASELINE", "tiny-1/base").split())
    assert compared.exit_code == 0, compared.err


def test_what_is_proposed_after_a_training_elsewhere_names_the_place(project: Project) -> None:
    site = project.folder / "site"
    about = site / "instant-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "instant.py").write_text(INSTANT)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: instant\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[harness]\ntrainers = instant\n")
    trainer = SUITE[SUITE.index("trainer:") : SUITE.index("tasks:")]
    project.write_suite(SUITE.replace(trainer, "trainer: instant\n"))
    project = replace(project, environment={"PYTHONPATH": str(site)})
    command = proposed(project.run("train", "suite.yaml", "--output", "elsewhere"))
    assert re.fullmatch(r"eval --suite suite.yaml --adapter \S*elsewhere/tiny-1/\S+ --output elsewhere", command)
