"""A plugin whose metric loses a score."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness import Item, PerSample, Score, ScoringContext, hookimpl


@dataclass(frozen=True)
class Forgetful(PerSample):
    """1 if the answer is a target; the last item is forgotten, which is the fault."""

    name = "forgetful"

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        return [Score(item.sample.id, float(item.text in item.sample.targets)) for item in items[:-1]]


@hookimpl
def harness_register_metrics() -> list[type]:
    return [Forgetful]
