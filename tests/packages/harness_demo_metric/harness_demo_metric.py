"""A metric that likes short answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness import PerSample, hookimpl


@dataclass(frozen=True)
class Brevity(PerSample):
    """1 for an answer that is no longer than its longest target, in words; half of that for one twice as long."""

    name = "brevity"

    spare_words: int = 0
    """So many words more than the target cost nothing."""

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        room = max(len(target.split()) for target in targets) + self.spare_words
        return min(1.0, room / len(text.split())) if text.strip() else 0.0


@hookimpl
def harness_register_metrics() -> list[type]:
    return [Brevity]
