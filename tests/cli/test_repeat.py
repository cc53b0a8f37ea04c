"""``harness run --repeat``: only what came to its end can be repeated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.cli import repeat
from harness.store import Reader, Writer
from harness.suite.load import load
from harness.testing.project import Project
from harness.values import Environment, Ref, Run, RunStatus, TrainJob

FINISHED = "2026-03-14T09:31:40+00:00"


def trained(project: Project, status: RunStatus) -> Run:
    """The base of an experiment that trained and came so far."""
    suite = load(project.suite)
    with Writer(project.record) as writer:
        experiment = writer.new_experiment(suite, "key")
        run = Run(
            id=f"{experiment}/base",
            experiment=experiment,
            suite=suite.name,
            suite_digest=suite.digest,
            arm="base",
            seed=suite.seed,
            status="running",
            started="2026-03-14T09:26:53+00:00",
            finished=None,
            environment=Environment("3.11.7", "linux", "x86_64", 2, "cpu", {}, None),
            origins={},
        )
        writer.start_run(run)
        folder = project.record.parent / experiment / "training"
        job = TrainJob(experiment, suite.model, Ref("lora"), suite.data["train"], None, folder / "checkpoint", 3)
        writer.start_training(job)
        if status != "running":
            writer.finish_experiment(experiment, status, FINISHED)
    return run


@pytest.mark.parametrize("status", ["running", "failed"])
def test_an_experiment_that_was_cut_off_is_not_repeated_and_nothing_is_begun(
    status: RunStatus, project: Project
) -> None:
    run = trained(project, status)
    result = project.run("run", "--repeat", run.id)
    assert (result.exit_code, result.err.count("\n")) == (2, 1), result.err
    assert "suite.yaml: tiny-1 was cut off, and its suite would go on with it instead of repeating it" in result.err
    with Reader(project.record) as reader:
        assert [each.id for each in reader.runs()] == [run.id]
    assert [folder.name for folder in project.record.parent.iterdir() if folder.is_dir()] == []


def test_one_that_came_to_its_end_has_its_suite_read_for_the_repetition(project: Project) -> None:
    run = trained(project, "finished")
    experiment, suite = repeat.suite_of(run.id, project.record.parent)
    assert (experiment, suite.digest) == ("tiny-1", run.suite_digest)


def test_the_experiment_itself_can_be_named(project: Project) -> None:
    run = trained(project, "finished")
    with Writer(project.record) as writer:
        writer.start_run(replace(run, id="tiny-1/tuned", arm="tuned"))
    assert repeat.suite_of("tiny-1", project.record.parent) == repeat.suite_of(run.id, project.record.parent)
