"""Work done in processes of their own, forked so that what they work on need not be sent to them."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar, cast

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Died:
    """A process that gave no result."""

    why: str


def can_fork() -> bool:
    """Whether processes can be forked here without harm; the libraries of macOS bear none."""
    return sys.platform != "darwin" and "fork" in multiprocessing.get_all_start_methods()


def each_apart(
    work: Callable[[Job], Result], jobs: Sequence[Job], *, processes: int
) -> Iterator[tuple[Job, Result | Died]]:
    """Each job with what ``work`` makes of it, begun in the order given and told as they end.

    A job has a process to itself, so that its memory is free at its end, and one that dies takes no other with it. What
    it prints goes nowhere: it would stand between the lines of its parent.
    """
    fork = multiprocessing.get_context("fork")
    waiting, running = deque(jobs), dict[Connection, tuple[Job, BaseProcess]]()
    gc.freeze()  # a collection in a child would write to every page that it shares with us, and so copy it
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                job = waiting.popleft()
                reader, writer = fork.Pipe(duplex=False)
                process = fork.Process(target=_work, args=(work, job, writer))
                try:
                    process.start()
                except OSError as error:
                    reader.close()
                    yield job, Died(f"no process could be started: {error.strerror}")
                    continue
                finally:
                    writer.close()
                running[reader] = (job, process)
            for ended in wait(list(running)):
                assert isinstance(ended, Connection)
                job, begun = running.pop(ended)
                yield job, cast("Result | Died", _result(ended, begun))
    finally:
        for left, (_, begun) in running.items():
            begun.kill()
            begun.join()
            left.close()
        gc.unfreeze()


def _work(work: Callable[[Job], Result], job: Job, writer: Connection) -> None:
    # Ours anew: a lock on the parent's that another of its threads held when we were forked would never be free.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        sys.stdout = sys.stderr = nowhere
        for descriptor in (1, 2):
            os.dup2(nowhere.fileno(), descriptor)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is told once, by the parent
        try:
            writer.send(work(job))
        except Exception as error:  # what cannot be sent
            writer.send(Died(f"what it gave cannot be passed on: {type(error).__name__}: {error}"))
        os._exit(0)


def _result(reader: Connection, process: BaseProcess) -> object:
    result: object
    try:
        result = reader.recv()
    except EOFError:
        process.join()
        return Died(_death(process.exitcode))
    except Exception as error:  # what cannot be read back
        result = Died(f"what it gave cannot be passed on: {type(error).__name__}: {error}")
    finally:
        reader.close()
    process.join()
    return result


def _death(status: int | None) -> str:
    if status == -signal.SIGKILL:
        return "its process was killed, as happens where memory runs out"
    if status is not None and status < 0:
        return f"its process died: {signal.Signals(-status).name}"
    return f"its process ended without a result (status {status})"
