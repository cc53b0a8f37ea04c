"""A plugin that imports torch at its top."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from harness import PerSample, hookimpl


@dataclass(frozen=True)
class Softness(PerSample):
    """The softness of an answer."""

    name = "softness"

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        return float(torch.sigmoid(torch.tensor(float(len(text)))))


@hookimpl
def harness_register_metrics() -> list[type]:
    return [Softness]
