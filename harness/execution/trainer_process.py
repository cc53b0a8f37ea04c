"""The training process: ``python -m harness.execution.trainer_process JOB.json DESCRIPTOR``.

Finds the trainer among the installed plugins, trains, and sends what happens as lines to the descriptor: any number
of ``progress``, then one of ``checkpoint``, ``usage`` and ``error``.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from pathlib import Path

from harness.catalog import Catalog
from harness.errors import HarnessError, UsageError
from harness.execution import wire
from harness.host import Host
from harness.protocols import Report
from harness.values import Checkpoint, TrainJob

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")


def main(job_file: Path, descriptor: int) -> int:
    """Train and tell; the exit status is 0 after a checkpoint and 1 otherwise."""
    # control-C reaches the whole group of processes; the parent hears it too and ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(descriptor, False)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def send(line: str) -> None:
        rest = line.encode()
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    try:
        checkpoint = _train(wire.read_job(job_file.read_text(encoding="utf-8")), lambda p: send(wire.progress_line(p)))
    except UsageError as error:
        send(wire.to_line("usage", str(error)))
        return 1
    except Exception as error:  # converted into one line; the whole of it goes to the log
        traceback.print_exc()
        send(wire.to_line("error", _cause(error)))
        return 1
    send(wire.checkpoint_line(checkpoint))
    return 0


def _train(job: TrainJob, report: Report) -> Checkpoint:
    trainer = Catalog.build(Host.load()).trainer(job.trainer)
    checkpoint = trainer.train(job, report)
    if not isinstance(checkpoint, Checkpoint):
        raise TypeError(f"trainer {job.trainer.name!r} returned {type(checkpoint).__name__}, not a Checkpoint")
    return checkpoint


def _end_with_parent() -> None:
    """Wait until standard input ends, which is when the parent is gone, and end at once."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _cause(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _OUT_OF_MEMORY):
        what = first or type(error).__name__
        return f"out of memory ({what}): a smaller per_device_train_batch_size or max_length needs less"
    if isinstance(error, HarnessError):
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
