"""The libraries' own bars, kept off the screen: the harness shows its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_bars() -> Iterator[None]:
    """Loading shows no progress bars of its own: the screen belongs to the harness."""
    from transformers.utils import logging

    bars: Any = logging  # unannotated upstream
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
