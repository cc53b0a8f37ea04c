"""What a plugin implements.

A plugin class is a frozen dataclass: its fields are its options, so that name, type, default and help stand in one
place and are checked before anything heavy loads. Heavy imports belong inside the method that needs them.
"""

from __future__ import annotations

from harness.protocols.benchmarks import Benchmark, BenchmarkContext, BenchmarkItems
from harness.protocols.checks import DataCheck
from harness.protocols.judges import Judge, JudgingContext
from harness.protocols.metrics import (
    Metric,
    MetricOverSums,
    MetricWithBreakdown,
    MetricWithCheck,
    MetricWithPreparation,
    ScoringContext,
)
from harness.protocols.models import (
    Backend,
    BackendWithDescription,
    BackendWithTokenizer,
    Model,
    Quantization,
    RemoteModel,
)
from harness.protocols.observers import Observer
from harness.protocols.scales import GRADES, Scale, item_bounds
from harness.protocols.trainers import Report, Trainer, TrainerWithPreparation

__all__ = [
    "GRADES",
    "Backend",
    "BackendWithDescription",
    "BackendWithTokenizer",
    "Benchmark",
    "BenchmarkContext",
    "BenchmarkItems",
    "DataCheck",
    "Judge",
    "JudgingContext",
    "Metric",
    "MetricOverSums",
    "MetricWithBreakdown",
    "MetricWithCheck",
    "MetricWithPreparation",
    "Model",
    "Observer",
    "Quantization",
    "RemoteModel",
    "Report",
    "Scale",
    "ScoringContext",
    "Trainer",
    "TrainerWithPreparation",
    "item_bounds",
]
