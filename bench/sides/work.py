"""Which items the two programs are asked."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness_backends.encoding import Encoder
from harness_backends.tree import common_length
from harness_forgetting.hellaswag import HellaSwag
from harness_forgetting.mmlu import Mmlu

SIX = (
    "world_religions", "abstract_algebra", "global_facts", "astronomy", "college_computer_science", "security_studies",
)  # fmt: skip
"""Subjects with short and long heads: 257 to 1,182 tokens a question with SmolLM2's tokenizer."""


@dataclass(frozen=True)
class Job:
    """Items of one benchmark, and what is to be shown with them."""

    name: str
    items: int
    subjects: tuple[str, ...] | None = None
    """MMLU's; ``None`` is all of them."""
    few: int = 12
    """Items under ``--quick``."""
    least_share: float | None = None
    """Of the bound on the saving, at least so much must be reached."""
    least_ratio: float = 1.0
    """lm-eval's time over the harness's must be at least this."""


JOBS = (
    Job("mmlu", 600, SIX, least_share=0.78, least_ratio=5.5),
    Job("mmlu, all subjects", 1140, None, few=57),
    Job("hellaswag", 1000, None, least_ratio=1.6),
)


@contextmanager
def benchmark(job: Job, pack: Path, items: int) -> Iterator[Mmlu | HellaSwag]:
    """The benchmark over these items; of chosen subjects a pack of their own is made of links."""
    if job.name == "hellaswag":
        yield HellaSwag(limit=items, pack=str(pack))
        return
    if job.subjects is None:
        yield Mmlu(limit=items, pack=str(pack))
        return
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mmlu").mkdir()
        for subject in job.subjects:
            (Path(folder) / "mmlu" / subject).symlink_to(pack.resolve() / "mmlu" / subject)
        yield Mmlu(limit=items, pack=folder)


def bound(encoder: Encoder, contexts: Sequence[str], choices: Sequence[Sequence[str]]) -> float:
    """Tokens that a program runs which shares nothing but equal rows, over those of a tree that shares everything."""
    pairs = (encoder.pair(context, choice) for context, of in zip(contexts, choices, strict=True) for choice in of)
    rows = sorted({(*pair.context, *pair.continuation)[-(encoder.max_length + 1) :][:-1] for pair in pairs})
    shared = sum(common_length(one, other) for one, other in itertools.pairwise(rows))
    whole = sum(map(len, rows))
    return whole / (whole - shared) if rows else math.nan
