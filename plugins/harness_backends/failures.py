"""What the libraries raise, in one line that a user can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness import ModelFailed


@contextmanager
def in_one_line(what: str) -> Iterator[None]:
    """What is raised inside for a broken model, a full disk or too little memory is ``ModelFailed`` with one line."""
    from safetensors import SafetensorError

    expected = (OSError, ValueError, KeyError, RuntimeError, ImportError, MemoryError, SafetensorError)
    try:
        yield
    except Exception as error:
        # the tokenizers package raises Exception itself for a file that it cannot read; a class of its own is a fault
        if type(error) is not Exception and not isinstance(error, expected):
            raise
        raise ModelFailed(f"{what}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The error's first line, or its name where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
