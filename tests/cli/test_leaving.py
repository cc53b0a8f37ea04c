"""Exit status 0 says that every gate passed: nothing that leaves the process early, or cannot be told, may give it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.testing.project import Project

PLUGIN = '''
import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from harness import PerSample, hookimpl
from harness.values import Generation, ModelFacts


class Parrot:
    """Says yes to everything."""

    facts = ModelFacts("parrot", "", "e" * 64, None, "t" * 64, "c" * 64, "float32", "cpu", 1, "plain")

    def rendered(self, prompt):
        return str(prompt)

    def generate(self, prompts, settings, *, sample_ids):
        return [Generation(each, 0, "yes", "stop", 1, 1, 0.0) for each in sample_ids]

    def with_adapter(self, adapter):
        return self


@dataclass(frozen=True)
class ParrotBackend:
    """Needs no weights."""

    name = "parrot"
    requires_packages = ()

    def check(self, model):
        pass

    def folder(self, model):
        return Path()

    @contextlib.contextmanager
    def open(self, model):
        yield Parrot()

    def merge(self, model, adapter, output):
        raise NotImplementedError

    def quantize(self, model, kind, output):
        raise NotImplementedError


@dataclass(frozen=True)
class LeavingBackend(ParrotBackend):
    """Ends the process in the place of opening a model."""

    name = "gone"

    def open(self, model):
        sys.exit(0)


@dataclass(frozen=True)
class Leaver(PerSample):
    """Ends the process in the place of scoring."""

    name = "leaver"

    def score_one(self, text, targets):
        sys.exit(0)


@hookimpl
def harness_register_backends():
    return [ParrotBackend, LeavingBackend]


@hookimpl
def harness_register_metrics():
    return [Leaver]
'''
SUITE = """\
suite: left
model: {{name: x, backend: {backend}}}
data: {{test: test.jsonl}}
prompted: {{system: Answer.}}
tasks: [{{name: colours, metrics: [{metric}]}}]
gates: [{{task: colours, max_drop: 0.9}}]
"""


@pytest.fixture
def folder(project: Project) -> Project:
    """The tiny project with a backend that needs no model and a metric that leaves."""
    about = project.folder / "site" / "parrot-1.0.dist-info"
    about.mkdir(parents=True)
    (about.parent / "parrot.py").write_text(PLUGIN, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[harness]\nparrot = parrot\n")
    return replace(project, environment={"PYTHONPATH": str(about.parent)})


def write(project: Project, *, backend: str = "parrot", metric: str = "exact_match") -> None:
    project.write_suite(SUITE.format(backend=backend, metric=metric))


def test_a_metric_that_leaves_the_process_has_missing_scores_and_passes_no_gate(folder: Project) -> None:
    write(folder, metric="leaver")
    result = folder.run("run", "suite.yaml", "--json")
    assert result.exit_code == 4, result.err
    assert result.json["verdict"]["outcome"] == "inconclusive"
    assert "the metric raised SystemExit: 0" in folder.run("show", "left-1/base", "--samples").out


def test_a_backend_that_leaves_the_process_is_no_pass(folder: Project) -> None:
    write(folder, backend="gone")
    result = folder.run("run", "suite.yaml", "--json")
    assert result.exit_code == 1
    assert "left with sys.exit(0) before the command was done" in result.err
    assert "Traceback" not in result.err


def told_to(place: str, project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    with Path(place).open("w") as out:
        return subprocess.run(
            project.command(*arguments),
            cwd=project.folder,
            env=project.variables,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_verdict_that_cannot_be_written_for_want_of_room_is_one_line_and_no_pass(
    as_json: tuple[str, ...], folder: Project
) -> None:
    write(folder)
    assert folder.run("run", "suite.yaml").exit_code == 0
    again = told_to("/dev/full", folder, "gate", "left-1/base", "left-1/prompted", "--suite", "suite.yaml", *as_json)
    assert again.returncode == 1
    [line] = again.stderr.splitlines()
    assert "No space left on device" in line
    assert folder.run("gate", "left-1/base", "left-1/prompted", "--suite", "suite.yaml").exit_code == 0


def test_a_reader_that_has_left_is_told_nothing_and_blames_no_plugin(folder: Project) -> None:
    write(folder)
    assert folder.run("run", "suite.yaml").exit_code == 0
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        done = subprocess.run(
            folder.command("show", "left-1/prompted", "--samples"),
            cwd=folder.folder,
            env=folder.variables,
            stdout=nobody,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_no_run_is_judged_against_itself_whatever_the_gates_call_it(folder: Project) -> None:
    write(folder)
    text = folder.suite.read_text(encoding="utf-8")
    assert folder.run("run", "suite.yaml").exit_code == 0
    itself = folder.run("gate", "left-1/base", "left-1/base", "--suite", "suite.yaml")
    assert (itself.exit_code, itself.out) == (2, "")
    assert "left-1/base cannot be judged against itself" in itself.err
    twice = folder.run(
        "gate", "left-1/base", "left-1/prompted", "left-1/prompted", "--suite", "suite.yaml", "--json"
    ).json
    assert [run["id"] for run in twice["comparison"]["runs"]] == ["left-1/base", "left-1/prompted"]
    assert not any("best of" in line for line in twice["verdict"]["caveats"])
    folder.suite.write_text(text.replace("max_drop: 0.9", "max_drop: 0.9, against: prompted"), encoding="utf-8")
    named = folder.run("gate", "left-1/base", "left-1/prompted", "--suite", "suite.yaml", "--json")
    assert named.exit_code == 4
    assert "there is no run of the arm 'prompted'" in named.json["verdict"]["rulings"][0]["reason"]
