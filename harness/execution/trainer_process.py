"""The training process: ``python -m harness.execution.trainer_process JOB.json``.

Finds the trainer among the installed plugins, trains, and sends what happens as lines to its standard output: any
number of ``progress``, then one of ``checkpoint``, ``usage``, ``memory`` and ``error``. Of several processes that train
together the first one tells. What the trainer itself prints goes to standard error.
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
from harness.values import Checkpoint, Progress, TrainJob

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")


def main(job_file: Path) -> int:
    """Train and tell; the exit status is 0 after a checkpoint and 1 otherwise."""
    # control-C reaches the whole group of processes; the parent hears it too and ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor = _own_output()
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def send(line: str) -> None:
        rest = line.encode()
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def report(progress: Progress) -> None:
        if _is_first():
            send(wire.progress_line(progress))

    try:
        checkpoint = _train(wire.read_job(job_file.read_text(encoding="utf-8")), report)
    except UsageError as error:
        send(wire.to_line("usage", str(error)))
        return 1
    except Exception as error:  # converted into one line; the whole of it goes to the log
        traceback.print_exc()
        send(_failure(error))
        return 1
    if _is_first():
        send(wire.checkpoint_line(checkpoint))
    return 0


def _own_output() -> int:
    """Standard output under another number; what is printed from here on goes to standard error."""
    descriptor = os.dup(1)
    os.set_inheritable(descriptor, False)
    os.dup2(2, 1)
    return descriptor


def _is_first() -> bool:
    """Whether this is the process that tells, of those that ``accelerate launch`` has started."""
    return int(os.environ.get("RANK", "0")) == 0


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


def _failure(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _OUT_OF_MEMORY):
        what = first or type(error).__name__
        remedy = "a smaller per_device_train_batch_size or max_length needs less"
        return wire.to_line("memory", f"out of memory ({what}): {remedy}")
    if isinstance(error, HarnessError):
        return wire.to_line("error", first)
    return wire.to_line("error", f"{type(error).__name__}: {first}" if first else type(error).__name__)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
