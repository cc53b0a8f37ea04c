"""A plugin that misspells its hook."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness import PerSample, hookimpl


@dataclass(frozen=True)
class Shouting(PerSample):
    """The share of capitals."""

    name = "shouting"

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        return sum(char.isupper() for char in text) / max(1, len(text))


@hookimpl
def harness_register_metric() -> list[type]:
    return [Shouting]
