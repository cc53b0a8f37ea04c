"""The training process: ``python -m harness.execution.trainer_process [JOB.json]``.

Finds the trainer among the installed plugins, trains, and sends what happens as lines to its standard output: any
number of ``progress``, then one of ``checkpoint``, ``usage``, ``memory`` and ``error``. Of several processes that train
together the first one tells. What the trainer itself prints goes to standard error.

Without a file it begins before its job is there: its standard input tells first the trainer, which imports what it will
need, and some time later the job (``early``).
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from queue import SimpleQueue

from harness.catalog import Catalog
from harness.errors import HarnessError, UsageError
from harness.execution import wire
from harness.host import Host
from harness.protocols import Report, Trainer, TrainerWithPreparation
from harness.values import Checkpoint, Progress

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")


def main(job_file: Path | None) -> int:
    """Train and tell; the exit status is 0 after a checkpoint and 1 otherwise."""
    # control-C reaches the whole group of processes; the parent hears it too and ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor = _own_output()
    said = SimpleQueue[str]()
    threading.Thread(target=_listen, args=[said], daemon=True).start()

    def send(line: str) -> None:
        rest = line.encode()
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def report(progress: Progress) -> None:
        if _is_first():
            send(wire.progress_line(progress))

    try:
        catalog = Catalog.build(Host.load())
        checkpoint = _train(catalog, job_file or _awaited(catalog, said), report)
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


def _awaited(catalog: Catalog, said: SimpleQueue[str]) -> Path:
    """The file of the job, which comes while the trainer prepares for it or later."""
    ref = wire.read_trainer(said.get())
    try:
        _prepare(catalog.trainer(ref))
    except Exception:  # it is raised again with the job there, and then told
        traceback.print_exc()
    job_file, log = wire.read_job_line(said.get())
    _print_to(log)
    return job_file


def _prepare(trainer: Trainer) -> None:
    if not isinstance(trainer, TrainerWithPreparation):
        return
    # a module leaves next to no garbage, and to look for it again and again takes a fifth of the time
    gc.disable()
    try:
        trainer.prepare()
    finally:
        gc.enable()


def _print_to(log: Path) -> None:
    """What was printed goes to the log, and what is printed from here on."""
    sys.stdout.flush()
    sys.stderr.flush()
    before = os.pread(2, os.fstat(2).st_size, 0)
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, before)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    os.close(file)


def _own_output() -> int:
    """Standard output under another number; what is printed from here on goes to standard error."""
    descriptor = os.dup(1)
    os.set_inheritable(descriptor, False)
    os.dup2(2, 1)
    return descriptor


def _is_first() -> bool:
    """Whether this is the process that tells, of those that ``accelerate launch`` has started."""
    return int(os.environ.get("RANK", "0")) == 0


def _train(catalog: Catalog, job_file: Path, report: Report) -> Checkpoint:
    job = wire.read_job(job_file.read_text(encoding="utf-8"))
    trainer = catalog.trainer(job.trainer)
    _prepare(trainer)
    checkpoint = trainer.train(job, report)
    if not isinstance(checkpoint, Checkpoint):
        raise TypeError(f"trainer {job.trainer.name!r} returned {type(checkpoint).__name__}, not a Checkpoint")
    return checkpoint


def _listen(said: SimpleQueue[str]) -> None:
    """Pass on each line of standard input until it ends, which is when the parent is gone, and then end at once."""
    rest = b""
    while some := os.read(0, 1 << 16):
        *lines, rest = (rest + some).split(b"\n")
        for line in lines:
            said.put(line.decode())
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
    ended = main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    gc.freeze()  # the interpreter would go through all that torch has made once more, for a second
    sys.exit(ended)
