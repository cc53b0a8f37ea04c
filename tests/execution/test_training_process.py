"""What training in a process of its own promises, with trainers that behave and trainers that do not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness import Progress, TrainingFailed, TrainJob, UsageError
from harness.errors import OutOfMemory
from harness.execution import wire
from harness.execution.devices import one_gpu
from harness.execution.train import _was_killed, train
from harness.machine import lean_heap
from harness.values import Checkpoint, Kept, Launch, ModelRef, Ref

TRAINERS = '''
import json, os, signal, time
from dataclasses import dataclass
from pathlib import Path
from harness import Checkpoint, Progress, UsageError, hookimpl


@dataclass(frozen=True)
class Fake:
    """Does what it is told."""

    name = "fake"
    requires_packages = ()
    trains_on = "messages"
    behaviour: str = "good"

    def masks(self, job, rows):
        return []

    def train(self, job, report):
        print("the trainer speaks", flush=True)
        if self.behaviour == "shows what it sees":
            shown = {name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "ACCELERATE_MIXED_PRECISION",
                                                               "GLIBC_TUNABLES")}
            report(Progress(0, 1, 0.0, message=json.dumps(shown)))
        if self.behaviour in ("together", "one is killed", "one raises"):
            import torch.distributed
            torch.distributed.init_process_group("gloo")
            together = torch.ones(1)
            torch.distributed.all_reduce(together)
            report(Progress(1, 1, 1.0, message=f"{int(together)} processes"))
            if torch.distributed.get_rank() == 1:
                if self.behaviour == "one is killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                if self.behaviour == "one raises":
                    raise RuntimeError("the optimiser fell over\\nand more")
                Path(job.output, "pid").write_text(str(os.getpid()))
            torch.distributed.barrier()
            return Checkpoint(job.output, "adapter", 1, "ab" * 32, None, None, 1.0)
        report(Progress(1, 2, 0.5, loss=1.25, learning_rate=0.1, seconds=0.5))
        if self.behaviour == "raises":
            raise RuntimeError("the optimiser fell over\\nand more")
        if self.behaviour == "refuses":
            raise UsageError("rank 7 does not fit", remedy="use 8")
        if self.behaviour == "out of memory":
            raise MemoryError
        if self.behaviour == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.behaviour == "leaves":
            os._exit(5)
        if self.behaviour == "nothing":
            return None
        if self.behaviour == "hangs":
            Path(job.output, "pid").write_text(str(os.getpid()))
            time.sleep(600)
        report(Progress(2, 2, 1.0, validation_loss=0.75))
        return Checkpoint(job.output, "adapter", 2, "ab" * 32, 1.25, 0.75, 1.0, {"stopped": "all steps done"})


@hookimpl
def harness_register_trainers():
    return [Fake]
'''


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainJob:
    site = tmp_path / "site"
    about = site / "fake_trainers-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "fake_trainers.py").write_text(TRAINERS)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-trainers\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[harness]\ntrainers = fake_trainers\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    return TrainJob(
        experiment="e-1",
        model=ModelRef("model"),
        trainer=Ref("fake", {"behaviour": "good"}),
        train=tmp_path / "train.jsonl",
        validation=None,
        output=tmp_path / "out",
        seed=1,
    )


def behaving(job: TrainJob, behaviour: str) -> TrainJob:
    return replace(job, trainer=Ref("fake", {"behaviour": behaviour}))


def failure(
    job: TrainJob,
    behaviour: str,
    log: Path,
    kind: type[TrainingFailed] = TrainingFailed,
    launch: Launch | None = None,
) -> str:
    with pytest.raises(kind) as caught:
        train(behaving(job, behaviour), on_progress=lambda progress: None, log=log, launch=launch)
    assert caught.type is kind
    message = str(caught.value)
    assert "\n" not in message
    assert str(log) in message
    return message


def gone(pid: int) -> bool:
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_good_training_gives_its_reports_in_order_and_its_checkpoint(job: TrainJob, tmp_path: Path) -> None:
    reports: list[Progress] = []
    checkpoint = train(job, on_progress=reports.append, log=tmp_path / "training.log")
    assert reports == [
        Progress(1, 2, 0.5, loss=1.25, learning_rate=0.1, seconds=0.5),
        Progress(2, 2, 1.0, validation_loss=0.75),
    ]
    assert checkpoint == Checkpoint(job.output, "adapter", 2, "ab" * 32, 1.25, 0.75, 1.0, {"stopped": "all steps done"})


def test_what_the_trainer_prints_goes_to_the_log_alone(
    job: TrainJob, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train(job, on_progress=lambda progress: None, log=tmp_path / "training.log")
    assert "the trainer speaks" in (tmp_path / "training.log").read_text()
    assert "the trainer speaks" not in "".join(capfd.readouterr())


def test_a_trainer_that_raises_is_one_line_and_the_whole_of_it_is_in_the_log(job: TrainJob, tmp_path: Path) -> None:
    log = tmp_path / "training.log"
    assert failure(job, "raises", log).startswith("RuntimeError: the optimiser fell over; see ")
    assert "Traceback" in log.read_text()


def test_a_killed_trainer_is_named_with_its_signal_which_may_mean_too_little_memory(
    job: TrainJob, tmp_path: Path
) -> None:
    assert "killed by SIGKILL" in failure(job, "killed", tmp_path / "training.log", OutOfMemory)


def test_a_trainer_without_memory_says_what_needs_less(job: TrainJob, tmp_path: Path) -> None:
    message = failure(job, "out of memory", tmp_path / "training.log", OutOfMemory)
    assert message.startswith("out of memory")
    assert "per_device_train_batch_size" in message


def test_a_trainer_that_leaves_without_a_checkpoint_has_failed(job: TrainJob, tmp_path: Path) -> None:
    assert "exit status 5" in failure(job, "leaves", tmp_path / "training.log")
    assert "returned NoneType, not a Checkpoint" in failure(job, "nothing", tmp_path / "training.log")


def test_a_trainer_that_refuses_its_options_is_a_users_error(job: TrainJob, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rank 7 does not fit; use 8"):
        train(behaving(job, "refuses"), on_progress=lambda progress: None, log=tmp_path / "training.log")


def test_several_processes_train_together_and_one_of_them_tells(job: TrainJob, tmp_path: Path) -> None:
    reports: list[Progress] = []
    log = tmp_path / "training.log"
    launch = Launch(num_processes=2)
    checkpoint = train(behaving(job, "together"), on_progress=reports.append, log=log, launch=launch)
    assert [each.message for each in reports] == ["2 processes"]
    assert checkpoint.step == 1
    assert gone(int((job.output / "pid").read_text()))
    assert log.read_text().count("the trainer speaks") == 2


@pytest.mark.parametrize(
    ("behaviour", "kind", "said"),
    [
        ("one is killed", OutOfMemory, "the training process was killed by SIGKILL"),
        ("one raises", TrainingFailed, "RuntimeError: the optimiser fell over; see "),
    ],
)
def test_what_befell_one_of_several_processes_is_told_and_not_how_the_others_missed_it(
    job: TrainJob, tmp_path: Path, behaviour: str, kind: type[TrainingFailed], said: str
) -> None:
    launch = Launch(num_processes=2)
    assert failure(job, behaviour, tmp_path / "training.log", kind, launch).startswith(said)


def test_a_process_that_the_launcher_kills_itself_has_not_run_out_of_memory(tmp_path: Path) -> None:
    log = tmp_path / "training.log"
    ended = "  exitcode  : 1 (pid: 41)\n  exitcode  : -9 (pid: 42) (SIGKILL)\n"
    log.write_text(ended)
    assert _was_killed(1, log)
    hung = "Unable to shutdown process 42 via Signals.SIGTERM, forcefully exiting via Signals.SIGKILL\n"
    log.write_text(hung + ended)
    assert not _was_killed(1, log)


def test_a_launcher_of_a_single_process_says_in_its_own_words_that_it_was_killed(tmp_path: Path) -> None:
    log = tmp_path / "training.log"
    for number, is_one_of_memory in ((signal.SIGKILL, True), (signal.SIGTERM, False)):
        log.write_text(f"{subprocess.CalledProcessError(-number, ['python', '-m', 'trainer'])}\n")
        assert _was_killed(1, log) == is_one_of_memory


def shown(job: TrainJob, device: str, log: Path, launch: Launch | None = None) -> dict[str, str | None]:
    """What a training on this device sees of the environment."""
    told: list[Progress] = []
    there = replace(behaving(job, "shows what it sees"), model=ModelRef("model", device=device))
    train(there, on_progress=told.append, log=log, launch=launch)
    assert told[0].message is not None
    seen: dict[str, str | None] = json.loads(told[0].message)
    return seen


def test_a_training_on_a_cpu_has_a_heap_that_keeps_little_and_one_on_a_gpu_the_usual(
    job: TrainJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert shown(job, "cpu", tmp_path / "log")["GLIBC_TUNABLES"] == lean_heap()["GLIBC_TUNABLES"]
    assert shown(job, "cuda", tmp_path / "log")["GLIBC_TUNABLES"] is None


def is_visible(monkeypatch: pytest.MonkeyPatch, gpus: str | None) -> None:
    if gpus is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)


@pytest.mark.parametrize(
    ("device", "gpus", "one"),
    [
        ("cuda:1", None, "1"),
        ("cuda:1", "5,3", "3"),
        ("cuda", "GPU-7d1f,GPU-03ab", "GPU-7d1f"),
        ("auto", None, "0"),
        ("auto", "", ""),
        ("cpu", "5,3", "5,3"),
        ("cpu", None, None),
        ("cuda:2", "5,3", "5,3"),
    ],
)
def test_a_process_that_trains_alone_is_to_see_the_one_gpu_of_its_suite(
    monkeypatch: pytest.MonkeyPatch, device: str, gpus: str | None, one: str | None
) -> None:
    is_visible(monkeypatch, gpus)
    assert {**os.environ, **one_gpu(device)}.get("CUDA_VISIBLE_DEVICES") == one


def test_a_process_that_trains_alone_sees_that_gpu(
    job: TrainJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_visible(monkeypatch, "5,3")
    assert shown(job, "cuda:1", tmp_path / "training.log")["CUDA_VISIBLE_DEVICES"] == "3"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5,3"


def test_the_file_of_a_launch_holds_for_a_single_process_too(
    job: TrainJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_visible(monkeypatch, "5,3")
    config = tmp_path / "launch.yaml"
    config.write_text(
        "compute_environment: LOCAL_MACHINE\ndistributed_type: 'NO'\nmixed_precision: bf16\nnum_processes: 1\n"
    )
    seen = shown(job, "cuda:1", tmp_path / "training.log", Launch(1, config))
    assert seen["ACCELERATE_MIXED_PRECISION"] == "bf16"
    assert seen["CUDA_VISIBLE_DEVICES"] == "3"


def test_an_interrupt_here_ends_the_process_there(job: TrainJob, tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        while not (job.output / "pid").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(behaving(job, "hangs"), on_progress=interrupt, log=tmp_path / "training.log")
    assert gone(int((job.output / "pid").read_text()))


def test_the_process_does_not_outlive_a_harness_that_is_killed(job: TrainJob, tmp_path: Path) -> None:
    job_file = tmp_path / "parent.json"
    job_file.write_text(wire.job_text(behaving(job, "hangs")))
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from harness.execution import train, wire;"
            "train.train(wire.read_job(Path(sys.argv[1]).read_text()), on_progress=print, log=Path(sys.argv[2]))",
            str(job_file),
            str(tmp_path / "training.log"),
        ],
        stdout=subprocess.DEVNULL,
    )
    pid_file = job.output / "pid"
    while not (pid_file.exists() and pid_file.read_text()):
        assert parent.poll() is None
        time.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone(int(pid_file.read_text()))


def test_a_job_and_a_checkpoint_survive_the_wire(job: TrainJob, tmp_path: Path) -> None:
    job = replace(job, keep=(0.25, 1.0))
    assert wire.read_job(wire.job_text(job)) == job
    kept = (Kept(1, tmp_path / "checkpoint-1", 0.5), Kept(3, tmp_path / "checkpoint-3"))
    checkpoint = Checkpoint(tmp_path, "adapter", 3, "00", None, None, 2.5, {"rows": 4}, kept)
    assert wire.read_checkpoint(json.loads(wire.checkpoint_line(checkpoint))["checkpoint"]) == checkpoint
