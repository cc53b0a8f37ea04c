"""Trains in a process of its own: whatever happens there, here it is a checkpoint or one line of cause."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from harness.errors import OutOfMemory, TrainingFailed, UsageError
from harness.execution import wire
from harness.execution.devices import gpus, seen_by
from harness.execution.early import PROCESS, Early
from harness.values import Checkpoint, Launch, Progress, TrainJob


def train(
    job: TrainJob,
    *,
    on_progress: Callable[[Progress], None],
    log: Path,
    launch: Launch | None = None,
    early: Early | None = None,
) -> Checkpoint:
    """The checkpoint of ``job``; what the trainer prints goes to ``log``.

    With ``launch``, or where there is more than one GPU, several processes train together. ``early`` is a process that
    was begun before the job was there; it is ended with the training, and where it cannot take the job another one is
    begun. Raises ``TrainingFailed`` with one line of cause when the process raises or is killed, ``OutOfMemory`` when
    memory runs out, for which a system sends ``SIGKILL``, and ``UsageError`` when the trainer says that options or rows
    are wrong. The process never outlives this one.
    """
    job.output.mkdir(parents=True, exist_ok=True)
    job_file = job.output / "job.json"
    job_file.write_text(wire.job_text(job), encoding="utf-8")
    checkpoint: Checkpoint | None = None
    processes = processes_of(job.model.device, launch)
    told: str | None = None
    with _process(job, job_file, log, launch, early) as (process, lines):
        for line in lines:
            kind, value = _message(line)
            if kind == "progress":
                on_progress(Progress(**value))
            elif kind == "checkpoint":
                checkpoint = wire.read_checkpoint(value)
            elif kind == "usage":
                raise UsageError(value)
            elif kind == "memory":
                raise OutOfMemory(f"{value}; see {log}")
            elif kind == "error":
                if processes == 1:
                    raise TrainingFailed(f"{value}; see {log}")
                # of several processes those that are left may say no more than that one is gone
                told = told or value
        status = process.wait()
    if checkpoint is None:
        if _was_killed(status, log):
            raise OutOfMemory(f"{_cause(-signal.SIGKILL)}; see {log}")
        raise TrainingFailed(f"{told or _cause(status)}; see {log}")
    return checkpoint


@contextmanager
def _process(
    job: TrainJob, job_file: Path, log: Path, launch: Launch | None, early: Early | None
) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """The process that trains and the lines that it sends; ended when the block is left, however that happens."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if early and early.takes(job, job_file, log):
        assert early.process.stdout is not None
        try:
            yield early.process, early.process.stdout
        finally:
            early.end()
        return
    if early:
        early.end()
    processes = processes_of(job.model.device, launch)
    sees = seen_by(job.model.device, alone=processes == 1)
    with _fresh(_command(job_file, processes, launch), log, sees) as child:
        yield child


@contextmanager
def _fresh(
    command: Sequence[str], log: Path, sees: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """A new process and the lines that it sends; ended when the block is left, however that happens."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            # never written to: it ends when this process ends, and by that all that it has started know
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            env={**os.environ, **sees},
            encoding="utf-8",
            errors="replace",
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def processes_of(device: str, launch: Launch | None) -> int | None:
    """How many train together; ``None`` where only the launcher's own file says it."""
    if launch:
        return launch.num_processes
    return gpus() if device in {"auto", "cuda"} else 1


def _command(job_file: Path, processes: int | None, launch: Launch | None) -> list[str]:
    module = [PROCESS, str(job_file)]
    if processes == 1 and not (launch and launch.config_file):
        return [sys.executable, "-m", *module]
    options = ["--num_processes", str(processes)] if processes else []
    if launch and launch.config_file:
        options += ["--config_file", str(launch.config_file)]
    else:
        # The name is of its time: it starts processes that train together, on the CPU too. Port 0 is any that is free.
        options += ["--multi_gpu", "--num_machines", "1", "--main_process_port", "0"]
        options += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    return [sys.executable, "-m", "accelerate.commands.launch", *options, "--module", *module]


def _message(line: str) -> tuple[str, Any]:
    """Kind and value of a line; what a launcher prints, or a killed process left half written, is no message."""
    if not (line.startswith('{"') and line.endswith("}\n")):
        return "", None
    message: dict[str, Any] = json.loads(line)
    return next(iter(message.items()))


def _was_killed(status: int, log: Path) -> bool:
    """Whether the process, or one of those that a launcher had started, was killed; the launcher writes that down."""
    if status <= 0:
        return status == -signal.SIGKILL
    written = log.read_text(encoding="utf-8", errors="replace")
    killed = re.findall(rf"exitcode  : -{signal.SIGKILL:d} \(pid: (\d+)\)", written)
    # the launcher itself kills those that another one's failure has left hanging
    by_launcher = re.findall(r"Unable to shutdown process (\d+) ", written)
    return bool(set(killed) - set(by_launcher)) or f"died with {signal.SIGKILL!r}" in written


def _cause(status: int) -> str:
    if status >= 0:
        return f"the training process ended with exit status {status} and without a checkpoint"
    name = signal.Signals(-status).name
    hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"the training process was killed by {name}{hint}"
