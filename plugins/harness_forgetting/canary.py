"""Canary: plain questions of general knowledge, asked before and after a training.

A model that has lost these has lost more than a benchmark's few points; forty of them take seconds. They were chosen so
that a small instruct model knows most and not all, and are too few to measure small changes: the score says nothing of
how good a model is and is only to be compared with that of the same model before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from harness import (
    BenchmarkContext,
    BenchmarkItems,
    GenerationSettings,
    Message,
    Mode,
    Sample,
    digest,
    sample_id,
    with_unique_ids,
)
from harness_forgetting.spread import check_limit, shares

_FILE = Path(__file__).with_name("canary.jsonl")
_SHORT_ANSWER = 24


@dataclass(frozen=True)
class Canary:
    """Share of plain questions that the model answers right; each kind of question is a stratum."""

    name: ClassVar[str] = "canary"
    mode: ClassVar[Mode] = "generate"
    metrics: ClassVar[tuple[str, ...]] = ("contains",)
    requires_packages: ClassVar[tuple[str, ...]] = ()

    limit: int | None = None
    """Questions in all, dealt out evenly over the kinds."""

    def __post_init__(self) -> None:
        check_limit(self.limit)

    def settings(self) -> GenerationSettings:
        """Greedy, and room for a short sentence."""
        return GenerationSettings(max_new_tokens=_SHORT_ANSWER)

    def check(self, context: BenchmarkContext) -> None:
        """Nothing is named that could be wrong."""

    def load(self, context: BenchmarkContext) -> BenchmarkItems:
        """The questions, which come with this plugin."""
        kinds: dict[str, list[Sample]] = {}
        for row in _rows():
            kinds.setdefault(row["category"], []).append(_sample(row["category"], row["question"], row["accepted"]))
        parts = zip(kinds.values(), shares([len(kind) for kind in kinds.values()], self.limit), strict=True)
        asked = with_unique_ids(sample for kind, share in parts for sample in kind[:share])
        return BenchmarkItems(asked, "harness_forgetting/canary.jsonl", digest(_rows())[:12])


@cache
def _rows() -> tuple[Mapping[str, Any], ...]:
    return tuple(json.loads(line) for line in _FILE.read_text(encoding="utf-8").splitlines())


def _sample(category: str, question: str, accepted: Sequence[str]) -> Sample:
    prompt, targets = (Message("user", question),), tuple(accepted)
    return Sample(sample_id(prompt, targets), prompt, targets, stratum=category)
