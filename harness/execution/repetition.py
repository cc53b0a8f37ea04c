"""Whether a training that was repeated went the same way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.values import Progress


@dataclass(frozen=True, slots=True)
class Repetition:
    """Two loss curves of one training, laid upon one another."""

    points: int
    """Losses that were compared, of training and of validation."""
    first: tuple[int, float | None, float | None] | None
    """The first step at which they differ, with the loss before and now; ``None`` where they never do."""
    largest: float
    """The largest difference of two losses at one step."""

    @property
    def is_the_same(self) -> bool:
        """Whether there is a curve and every loss came back to the last bit."""
        return self.points > 0 and self.first is None

    @property
    def sentence(self) -> str:
        """What a person should know."""
        if not self.points:
            return "no losses are recorded, so nothing can be compared"
        if self.first is None:
            return f"the same to the last bit, {self.points} losses"
        step, before, now = self.first
        return f"differs from step {step} on: {_told(before)} then, {_told(now)} now; by {self.largest:.2g} at most"


def compare(before: Sequence[Progress], now: Sequence[Progress]) -> Repetition:
    """The losses of both, step by step; a step that only one of them has is a difference."""
    first, second = dict(_losses(before)), dict(_losses(now))
    differing = [key for key in sorted(first.keys() | second.keys()) if first.get(key) != second.get(key)]
    largest = max((abs(first[key] - second[key]) for key in differing if key in first and key in second), default=0.0)
    found = None if not differing else (differing[0][0], first.get(differing[0]), second.get(differing[0]))
    return Repetition(len(first), found, largest)


def _losses(curve: Sequence[Progress]) -> Iterator[tuple[tuple[int, str], float]]:
    for each in curve:
        if each.loss is not None:
            yield (each.step, "training"), each.loss
        if each.validation_loss is not None:
            yield (each.step, "validation"), each.validation_loss


def _told(loss: float | None) -> str:
    return "no loss" if loss is None else f"{loss:.6g}"
