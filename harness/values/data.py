"""What a row of data is, and of which file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

TrainsOn = Literal["messages", "text"]
"""What a row of training data is: a conversation, or raw text."""

Severity = Literal["error", "warning", "info"]
"""Of what a data check found: ``error`` stops a release, ``warning`` should be looked at, ``info`` only tells."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data file as it was when the plan was made."""

    name: str
    path: Path
    sha256: str
    size: int
    """Rows."""
    format: str
