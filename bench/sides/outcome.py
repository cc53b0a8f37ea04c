"""What one program made of one benchmark's items: written by its process, read by the bench."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """Answers in the items' order, and what they cost."""

    contexts: list[str]
    choices: list[list[str]]
    log_likelihoods: list[list[float]]
    scores: dict[str, float]
    seconds: float
    """From the items at hand to the scores; neither loading of weights nor imports."""
    peak_bytes: int
    """Of the process; on a GPU of its memory."""
    path_taken: str = ""

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Outcome:
        """Read what ``save`` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def peak_bytes(device: str) -> int:
    """The largest memory that this process has held so far."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
