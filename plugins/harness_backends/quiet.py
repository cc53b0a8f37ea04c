"""The libraries' own bars and remarks, kept off the screen: the harness shows its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_bars() -> Iterator[None]:
    """Loading shows no progress bars of its own: the screen belongs to the harness.

    Nor does bitsandbytes, from then on, advise at its import and at each pass to install what would compute otherwise.
    """
    from transformers.utils import logging as library

    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    bars: Any = library  # unannotated upstream
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
