"""Trains in a process of its own: whatever happens there, here it is a checkpoint or one line of cause."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from harness.errors import TrainingFailed, UsageError
from harness.execution import wire
from harness.values import Checkpoint, Progress, TrainJob


def train(job: TrainJob, *, on_progress: Callable[[Progress], None], log: Path) -> Checkpoint:
    """The checkpoint of ``job``; what the trainer prints goes to ``log``.

    Raises ``TrainingFailed`` with one line of cause when the process raises, is killed or runs out of memory, and
    ``UsageError`` when the trainer says that options or rows are wrong. The process never outlives this one.
    """
    job.output.mkdir(parents=True, exist_ok=True)
    job_file = job.output / "job.json"
    job_file.write_text(wire.job_text(job), encoding="utf-8")
    checkpoint: Checkpoint | None = None
    with _child(job_file, log) as (process, lines):
        for line in lines:
            kind, value = _message(line)
            if kind == "progress":
                on_progress(Progress(**value))
            elif kind == "checkpoint":
                checkpoint = wire.read_checkpoint(value)
            elif kind == "usage":
                raise UsageError(value)
            elif kind == "error":
                raise TrainingFailed(f"{value}; see {log}")
        status = process.wait()
    if checkpoint is None:
        raise TrainingFailed(f"{_cause(status)}; see {log}")
    return checkpoint


@contextmanager
def _child(job_file: Path, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], IO[str]]]:
    """The process and the lines that it sends; ended when the block is left, however that happens."""
    log.parent.mkdir(parents=True, exist_ok=True)
    receiver, sender = os.pipe()
    with open(receiver, encoding="utf-8", errors="replace") as lines, log.open("wb") as output:  # noqa: PTH123 - a descriptor
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "harness.execution.trainer_process", str(job_file), str(sender)],
                # never written to: it ends when this process ends, and by that the child knows
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(sender,),
            )
        finally:
            os.close(sender)
        try:
            yield process, lines
        finally:
            process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()


def _message(line: str) -> tuple[str, Any]:
    """Kind and value of a line; a line that a killed process left half written is no message."""
    if not line.endswith("\n"):
        return "", None
    message: dict[str, Any] = json.loads(line)
    return next(iter(message.items()))


def _cause(status: int) -> str:
    if status >= 0:
        return f"the training process ended with exit status {status} and without a checkpoint"
    name = signal.Signals(-status).name
    hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"the training process was killed by {name}{hint}"
