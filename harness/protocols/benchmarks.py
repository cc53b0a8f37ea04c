"""What a benchmark implements."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from harness.values import GenerationSettings, Mode, Sample


@dataclass(frozen=True, slots=True)
class BenchmarkContext:
    """What a benchmark may know when it loads its items."""

    seed: int = 0
    pack: Path | None = None
    """An offline pack from ``HARNESS_BENCHMARK_PACK``; an option of the suite goes before it."""


@dataclass(frozen=True, slots=True)
class BenchmarkItems:
    """The items of a benchmark with where they come from."""

    samples: tuple[Sample, ...]
    source: str
    """In words: ``hub cais/mmlu``, ``pack /data/pack``."""
    version: str
    notes: tuple[str, ...] = field(default=())
    """What a reader must know, e.g. that this is a stand-in of the real benchmark."""


@runtime_checkable
class Benchmark(Protocol):
    """A set of public items that shows what a model has forgotten."""

    name: ClassVar[str]
    mode: ClassVar[Mode]
    metrics: ClassVar[tuple[str, ...]]
    """The first is the one that a gate judges unless it names another."""
    requires_packages: ClassVar[tuple[str, ...]]

    def check(self, context: BenchmarkContext) -> None:
        """Raise ``UsageError`` if what is named cannot be read; cheap, called when the plan is made."""
        ...

    def load(self, context: BenchmarkContext) -> BenchmarkItems:
        """The items; raises ``NotMeasured`` with the reason when they cannot be had."""
        ...

    def settings(self) -> GenerationSettings:
        """How its items are answered."""
        ...
