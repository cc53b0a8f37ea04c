"""Trainings in the record: told from start to end, gone on with, and chosen among."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import suite

from harness.errors import HarnessError
from harness.identity import file_sha256
from harness.store import Reader, Writer
from harness.values import Checkpoint, JudgedCheckpoint, Kept, ModelRef, Progress, Ref, TrainJob


@pytest.fixture
def job(path: Path, writer: Writer) -> TrainJob:
    experiment = writer.new_experiment(suite(), "key")
    rows = path.parent / "t.jsonl"
    rows.write_text("{}\n")
    return TrainJob(experiment, ModelRef("m"), Ref("lora", {"r": 8}), rows, None, path.parent / "out", 7)


def checkpoint(path: Path, *kept: int) -> Checkpoint:
    folder = path.parent / "x"
    steps = tuple(Kept(step, folder / f"checkpoint-{step}", step / 10) for step in kept)
    return Checkpoint(folder / "adapter", "adapter", 9, "c" * 64, 0.1, None, 60.0, {"n": 1}, steps)


def test_a_training_is_told_from_start_to_end(path: Path, writer: Writer, job: TrainJob) -> None:
    with Reader(path) as reader:
        assert reader.trainings(job.experiment) == []
        writer.start_training(job)
        [running] = reader.trainings(job.experiment)
        assert (running.status, running.attempt, running.checkpoint) == ("running", 1, None)
        assert (running.trainer, running.model, running.seed) == (job.trainer, job.model, 7)
        assert running.data == {"train": file_sha256(job.train)}
        writer.finish_training(job.experiment, None, "out of memory")
        assert reader.trainings(job.experiment) == [replace(running, status="failed", error="out of memory")]
        writer.start_training(job)
        assert reader.trainings(job.experiment) == [replace(running, attempt=2)]
        made = checkpoint(path, 3, 6)
        writer.finish_training(job.experiment, made, None)
        assert reader.trainings(job.experiment) == [replace(running, attempt=2, status="finished", checkpoint=made)]


def test_every_report_comes_back_as_it_was(path: Path, writer: Writer, job: TrainJob) -> None:
    first = Progress(1, 9, 0.1, 2.0, None, 1e-3, 2.5, None, 120.5, 1 << 31)
    diverged = Progress(2, 9, 0.5, math.nan, None, 1e-3, 2.5, "diverged")
    writer.start_training(job)
    writer.add_progress(job.experiment, first)
    writer.add_progress(job.experiment, diverged)
    with Reader(path) as reader:
        assert reader.progress(job.experiment)[0] == first
        assert str(reader.progress(job.experiment)[1]) == str(diverged)
        assert reader.progress("none-1") == []


def test_a_training_that_was_gone_on_with_is_one_curve(path: Path, writer: Writer, job: TrainJob) -> None:
    writer.start_training(job)
    for step in (1, 2, 3):
        writer.add_progress(job.experiment, Progress(step, 9, 0.1, loss=float(step)))
    writer.start_training(job)
    writer.add_progress(job.experiment, Progress(0, 9, 0.0, message="going on from step 2"))
    with Reader(path) as reader:
        assert [each.loss for each in reader.progress(job.experiment)] == [1.0, 2.0, 3.0, None]
        writer.add_progress(job.experiment, Progress(3, 9, 0.1, loss=30.0))
        told = [(each.step, each.loss) for each in reader.progress(job.experiment)]
    assert told == [(1, 1.0), (2, 2.0), (0, None), (3, 30.0)]


def test_stages_are_told_apart(path: Path, writer: Writer, job: TrainJob) -> None:
    writer.start_training(job, 0)
    writer.add_progress(job.experiment, Progress(1, 9, 0.1, loss=1.0), 0)
    writer.finish_training(job.experiment, checkpoint(path), None, 0)
    writer.start_training(replace(job, trainer=Ref("full")), 1)
    writer.add_progress(job.experiment, Progress(1, 9, 0.1, loss=2.0), 1)
    with Reader(path) as reader:
        assert [(each.stage, each.trainer.name, each.status) for each in reader.trainings(job.experiment)] == [
            (0, "lora", "finished"),
            (1, "full", "running"),
        ]
        assert [reader.progress(job.experiment, stage)[0].loss for stage in (0, 1)] == [1.0, 2.0]


def test_a_choice_takes_the_place_of_the_last_checkpoint(path: Path, writer: Writer, job: TrainJob) -> None:
    writer.start_training(job)
    last = checkpoint(path, 3, 9)
    writer.finish_training(job.experiment, last, None)
    chosen = replace(last, path=last.kept[0].path, step=3, sha256="d" * 64)
    judged = (
        JudgedCheckpoint(3, "e-1/tuned@3", 0.9, {"mmlu acc": 0.01}, is_within=True, is_chosen=True),
        JudgedCheckpoint(9, "e-1/tuned@9", None, {"mmlu acc": math.inf}, is_within=False),
    )
    writer.choose_checkpoint(job.experiment, judged, "the best \ud800", chosen)
    with Reader(path) as reader:
        [told] = reader.trainings(job.experiment)
    assert (told.checkpoint, told.judged, told.rule) == (chosen, judged, "the best \ud800")


def test_a_checkpoint_moves_with_its_record(path: Path, writer: Writer, job: TrainJob, tmp_path: Path) -> None:
    writer.start_training(job)
    writer.finish_training(job.experiment, checkpoint(path, 3), None)
    writer.close()
    path.parent.rename(tmp_path / "moved")
    with Reader(tmp_path / "moved" / "harness.db") as reader:
        moved = reader.trainings(job.experiment)[0].checkpoint
    assert moved is not None
    assert moved.path == tmp_path / "moved" / "x" / "adapter"
    assert moved.kept[0].path == tmp_path / "moved" / "x" / "checkpoint-3"


def test_what_was_never_started_cannot_go_on(writer: Writer, job: TrainJob) -> None:
    with pytest.raises(HarnessError, match="must be started first"):
        writer.add_progress(job.experiment, Progress(1, 9, 0.1))
    with pytest.raises(HarnessError, match="must be started first"):
        writer.finish_training(job.experiment, None, "x", 1)
