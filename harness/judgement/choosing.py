"""A candidate that is the best of several, and the items that choosing may look at."""

from __future__ import annotations

from dataclasses import dataclass

from harness.identity import digest
from harness.values import Pair


@dataclass(frozen=True, slots=True)
class BestOf:
    """A candidate that is the best of several, and what keeps its verdict honest."""

    task: str
    among: int
    on_fresh_items: bool
    """Whether the choice was made on one half of the items and the verdict rests on the other; else each gate is held
    to a part of its level, whatever its task: two tasks may ask the same items."""


def serves_choosing(pair: Pair) -> bool:
    """The half of the items that choosing may look at: by digest, so that it is always the same, groups undivided."""
    name = ["sample", pair.sample_id] if pair.cluster is None else ["cluster", pair.cluster]
    return int(digest(["choosing", *name])[:8], 16) % 2 == 0
