"""What a metric implements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from harness.values import Breakdown, GenerationSettings, Item, Mode, Sample, Score


@dataclass(frozen=True, slots=True)
class ScoringContext:
    """What a metric may know besides its items."""

    task: str = ""
    seed: int = 0


@runtime_checkable
class Metric(Protocol):
    """Scores items one by one and sums the scores up."""

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]
    bounds: ClassVar[tuple[float, float] | None]
    modes: ClassVar[tuple[Mode, ...]]
    requires_packages: ClassVar[tuple[str, ...]]

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        """One score an item, in the same order; a score must not depend on the other items of the call."""
        ...

    def aggregate(self, scores: Sequence[Score]) -> float:
        """The value of the whole; called with the scores that have a value, at least one."""
        ...


@runtime_checkable
class MetricOverSums(Metric, Protocol):
    """A metric whose value is reckoned from sums over all its items, rather than the mean of its scores."""

    def parts(self, score: Score) -> Sequence[float]:
        """What the item adds to the sums: equally many numbers for every item, and pure."""
        ...

    def whole(self, sums: Sequence[float]) -> float:
        """The value of the whole; quick and pure, and a number for the sums of any items, of none as well."""
        ...


@runtime_checkable
class MetricWithBreakdown(Metric, Protocol):
    """A metric that tells more than its value, which ``harness show`` shows as a table."""

    def breakdown(self, scores: Sequence[Score]) -> Breakdown:
        """Of all scores of a task in one run, those that are missing too."""
        ...


@runtime_checkable
class MetricWithCheck(Metric, Protocol):
    """A metric that cannot score everything that its mode has."""

    def check(self, samples: Sequence[Sample], settings: GenerationSettings) -> None:
        """Raise ``UsageError`` if these cannot be scored; cheap, called when the plan is made."""
        ...


@runtime_checkable
class MetricWithPreparation(Metric, Protocol):
    """A metric that needs something that may have to be fetched first, as an encoder."""

    def prepare(self) -> None:
        """Have it at hand; called once before anything is asked, so that it cannot be missing after hours of asking.

        Raises ``ModelFailed`` with the ways out.
        """
        ...
