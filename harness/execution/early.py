"""A training's process that begins before its job is there: it imports for seconds while the data are checked."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.execution import wire
from harness.execution.devices import seen_by
from harness.values import Ref, TrainJob

PROCESS = "harness.execution.trainer_process"
"""The module that a training's process runs."""


@dataclass(frozen=True, slots=True)
class Early:
    """A process that has been told its trainer, has it prepare, and waits for a job; it trains alone."""

    process: subprocess.Popen[str]
    trainer: Ref
    device: str

    @classmethod
    def begin(cls, trainer: Ref, device: str) -> Early:
        """Begin now; the caller ends it, whether it was given a job or not. On the disk there is nothing of it."""
        with tempfile.TemporaryFile() as printed:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", PROCESS],
                # it ends when this process ends, and by that the other one knows
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # put into the log once there is one
                stderr=printed,
                env={**os.environ, **seen_by(device)},
                encoding="utf-8",
                errors="replace",
            )
        early = cls(process, trainer, device)
        early._say(wire.trainer_line(trainer))
        return early

    def takes(self, job: TrainJob, job_file: Path, log: Path) -> bool:
        """Give it the job, what it prints going to ``log``; ``False`` where it is not of this job, or is gone."""
        is_of_it = (self.trainer, self.device) == (job.trainer, job.model.device)
        if not is_of_it or self.process.poll() is not None:
            return False
        log.write_bytes(b"")  # an earlier start's is gone, even if the process dies now
        return self._say(wire.job_line(job_file, log))

    def end(self) -> None:
        """At once, whatever it does; what has ended stays so."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # what it was not there any more to be told
                pipe.close()

    def _say(self, line: str) -> bool:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        return True
