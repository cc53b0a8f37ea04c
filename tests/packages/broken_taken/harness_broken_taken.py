"""A plugin whose metric has a taken name."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness import PerSample, hookimpl


@dataclass(frozen=True)
class Lenient(PerSample):
    """1 if the answer starts like a target."""

    name = "exact_match"

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        return float(any(target.startswith(text) for target in targets))


@hookimpl
def harness_register_metrics() -> list[type]:
    return [Lenient]
