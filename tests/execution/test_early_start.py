"""What a training's process promises that begins before its job is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness import Progress, TrainingFailed, TrainJob
from harness.errors import OutOfMemory
from harness.execution import stages
from harness.execution.early import Early
from harness.execution.train import train
from harness.machine import lean_heap
from harness.plan import PlannedTraining
from harness.testing.project import SUITE, Project
from harness.values import Launch, ModelRef, Ref, SuiteTraining

TRAINER = '''
import os, time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from harness import Checkpoint, Progress, hookimpl


@dataclass(frozen=True)
class Ready:
    """Prepares, and writes down which process does what."""

    name: ClassVar[str] = "ready"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    trains_on: ClassVar[str] = "messages"
    preparing: str = "well"
    max_length: int = 512

    def prepare(self):
        print("preparing", flush=True)
        note("prepared")
        if self.preparing == "hangs":
            time.sleep(600)
        if self.preparing == "raises":
            raise ImportError("a library is not there")

    def masks(self, job, rows):
        return []

    def train(self, job, report):
        print("training", flush=True)
        note("trained")
        report(Progress(1, 1, 1.0, message=os.environ.get("GLIBC_TUNABLES", "")))
        if self.preparing == "is killed when it trains":
            os.kill(os.getpid(), 9)
        return Checkpoint(job.output, "adapter", 1, "ab" * 32, None, None, 1.0)


def note(what):
    with Path(os.environ["NOTES"], what).open("a") as file:
        file.write(f"{os.getpid()}\\n")


@hookimpl
def harness_register_trainers():
    return [Ready]
'''


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which trainers write down their processes; the plugin with the trainer is installed."""
    site, notes = tmp_path / "site", tmp_path / "notes"
    about = site / "ready_trainers-1.0.dist-info"
    for folder in (about, notes):
        folder.mkdir(parents=True)
    (site / "ready_trainers.py").write_text(TRAINER)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ready-trainers\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[harness]\ntrainers = ready_trainers\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("NOTES", str(notes))
    return notes


@pytest.fixture
def begin(notes: Path) -> Iterator[Callable[[str], Early]]:
    """Begins a process that prepares in one of the ways of the trainer; none is left at the end."""
    begun: list[Early] = []

    def begin(preparing: str = "well", device: str = "cpu") -> Early:
        begun.append(Early.begin(Ref("ready", {"preparing": preparing}), device))
        return begun[-1]

    yield begin
    for each in begun:
        each.end()


@pytest.fixture
def job(tmp_path: Path) -> TrainJob:
    model = ModelRef("model", device="cpu")
    return TrainJob("e-1", model, ready("well"), tmp_path / "train.jsonl", None, tmp_path / "out", seed=1)


def ready(preparing: str) -> Ref:
    return Ref("ready", {"preparing": preparing})


def processes(notes: Path, what: str) -> list[int]:
    """Which processes have done this, in order."""
    file = notes / what
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def waited_for(notes: Path, what: str) -> int:
    """The process that does this first, once it has begun to."""
    for _ in range(600):
        if found := processes(notes, what):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"nothing was {what}")


def gone(pid: int) -> bool:
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def unheard(progress: Progress) -> None:
    """Nobody listens."""


def test_it_prepares_before_the_job_is_there_and_then_trains_it(
    begin: Callable[..., Early], job: TrainJob, notes: Path, tmp_path: Path
) -> None:
    early = begin()
    assert waited_for(notes, "prepared") == early.process.pid
    assert not processes(notes, "trained")
    reports: list[Progress] = []
    checkpoint = train(job, on_progress=reports.append, log=tmp_path / "training.log", early=early)
    assert checkpoint.step == 1
    assert processes(notes, "trained") == [early.process.pid]
    assert len(reports) == 1
    assert early.process.poll() == 0


def test_what_it_printed_before_the_job_was_there_stands_first_in_the_log(
    begin: Callable[..., Early], job: TrainJob, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "training.log"
    log.write_text("of an earlier start\n")
    train(job, on_progress=unheard, log=log, early=begin())
    said = [line for line in log.read_text().splitlines() if line in {"of an earlier start", "preparing", "training"}]
    assert said[0] == "preparing"
    assert said[-1] == "training"
    assert "preparing" not in "".join(capfd.readouterr())


def test_it_sees_of_the_machine_what_one_sees_that_begins_with_its_job(
    begin: Callable[..., Early], job: TrainJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    seen: list[Progress] = []
    for early in (begin(), None):
        train(job, on_progress=seen.append, log=tmp_path / "training.log", early=early)
    assert [each.message for each in seen] == [lean_heap()["GLIBC_TUNABLES"]] * 2


def test_a_trainer_is_prepared_without_an_early_start_too(job: TrainJob, notes: Path, tmp_path: Path) -> None:
    train(job, on_progress=unheard, log=tmp_path / "training.log")
    assert processes(notes, "prepared") == processes(notes, "trained")


@pytest.mark.parametrize("preparing", ["well", "hangs"])
def test_it_is_ended_without_a_job_and_leaves_nothing(
    begin: Callable[..., Early], notes: Path, tmp_path: Path, preparing: str
) -> None:
    there = set(tmp_path.rglob("*"))
    early = begin(preparing)
    waited_for(notes, "prepared")
    early.end()
    assert early.process.poll() == -signal.SIGKILL
    assert set(tmp_path.rglob("*")) - there == {notes / "prepared"}
    early.end()


def test_one_that_was_killed_is_replaced(
    begin: Callable[..., Early], job: TrainJob, notes: Path, tmp_path: Path
) -> None:
    early = begin()
    early.process.kill()
    early.process.wait()
    assert train(job, on_progress=unheard, log=tmp_path / "training.log", early=early).step == 1
    assert early.process.pid not in processes(notes, "trained")


@pytest.mark.parametrize("change", [{"trainer": ready("is another")}, {"model": ModelRef("model", device="auto")}])
def test_one_that_was_begun_for_another_training_is_ended_and_replaced(
    begin: Callable[..., Early], job: TrainJob, notes: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    early = begin()
    train(replace(job, **change), on_progress=unheard, log=tmp_path / "training.log", early=early)  # type: ignore[arg-type]
    assert early.process.poll() == -signal.SIGKILL
    assert early.process.pid not in processes(notes, "trained")
    assert len(processes(notes, "trained")) == 1


def test_a_preparation_that_fails_is_a_training_that_fails(
    begin: Callable[..., Early], job: TrainJob, tmp_path: Path
) -> None:
    log = tmp_path / "training.log"
    for early in (begin("raises"), None):
        with pytest.raises(TrainingFailed, match="ImportError: a library is not there; see "):
            train(replace(job, trainer=ready("raises")), on_progress=unheard, log=log, early=early)
        assert "Traceback" in log.read_text()


def test_one_that_is_killed_at_its_training_has_run_out_of_memory(
    begin: Callable[..., Early], job: TrainJob, tmp_path: Path
) -> None:
    killed = replace(job, trainer=ready("is killed when it trains"))
    early = begin("is killed when it trains")
    with pytest.raises(OutOfMemory, match="killed by SIGKILL"):
        train(killed, on_progress=unheard, log=tmp_path / "training.log", early=early)


@pytest.mark.parametrize("preparing", ["well", "hangs"])
def test_it_does_not_outlive_a_harness_that_is_killed(notes: Path, preparing: str) -> None:
    code = (
        "import sys, time; from harness.execution.early import Early; from harness.values import Ref;"
        "Early.begin(Ref('ready', {'preparing': sys.argv[1]}), 'cpu'); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, preparing])
    pid = waited_for(notes, "prepared")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone(pid)


def test_none_is_begun_where_nothing_is_trained_or_several_train_together() -> None:
    with stages.begun(None, "cpu") as early:
        assert early is None
    together = PlannedTraining((), SuiteTraining((), launch=Launch(num_processes=2)))
    with stages.begun(together, "cpu") as early:
        assert early is None


def suite(max_length: int, preparing: str) -> str:
    before, after = SUITE[: SUITE.index("trainer:")], SUITE[SUITE.index("tasks:") :]
    trainer = f"trainer: {{name: ready, max_length: {max_length}, preparing: {preparing}}}\n"
    return f"{before}{trainer}{after}".replace("  dtype: float32\n", "  dtype: float32\n  device: cpu\n")


def test_train_begins_the_process_that_trains_before_it_has_checked_the_data(project: Project, notes: Path) -> None:
    project.write_suite(suite(512, "well"))
    done = project.run("train", "suite.yaml")
    assert done.exit_code == 0, done.err
    [pid] = processes(notes, "trained")
    assert set(processes(notes, "prepared")) == {pid}
    log = project.folder / "results" / "tiny-1" / "training" / "training.log"
    assert log.read_text().count("preparing") == 2


def test_data_that_are_refused_end_the_process_and_leave_nothing(project: Project, notes: Path) -> None:
    project.write_suite(suite(4, "hangs"))
    done = project.run("train", "suite.yaml")
    assert done.exit_code == 2
    assert "longer than max_length" in done.err
    assert not (project.folder / "results").exists()
    assert not processes(notes, "trained")
    [pid] = processes(notes, "prepared")
    assert gone(pid)
