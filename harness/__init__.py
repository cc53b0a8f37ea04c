"""The face of the harness: what a plugin imports. Nothing heavy stands behind it."""

from harness.authoring import MeanOfScores, PerSample
from harness.errors import HarnessError, ModelFailed, NotMeasured, TrainingFailed, UsageError, did_you_mean
from harness.hookspecs import hookimpl
from harness.hub import cache_folder, hub_answers
from harness.identity import digest, file_sha256, sample_id, with_unique_ids
from harness.protocols import (
    Backend,
    Benchmark,
    BenchmarkContext,
    BenchmarkItems,
    Metric,
    Model,
    Report,
    ScoringContext,
    Trainer,
)
from harness.values import (
    Checkpoint,
    Generation,
    GenerationSettings,
    Item,
    Kept,
    LogLikelihood,
    MaskedToken,
    Message,
    Mode,
    ModelFacts,
    ModelRef,
    Progress,
    Prompt,
    Sample,
    Score,
    TrainJob,
    TrainsOn,
)

__version__ = "0.1.0"

__all__ = [
    "Backend",
    "Benchmark",
    "BenchmarkContext",
    "BenchmarkItems",
    "Checkpoint",
    "Generation",
    "GenerationSettings",
    "HarnessError",
    "Item",
    "Kept",
    "LogLikelihood",
    "MaskedToken",
    "MeanOfScores",
    "Message",
    "Metric",
    "Mode",
    "Model",
    "ModelFacts",
    "ModelFailed",
    "ModelRef",
    "NotMeasured",
    "PerSample",
    "Progress",
    "Prompt",
    "Report",
    "Sample",
    "Score",
    "ScoringContext",
    "TrainJob",
    "Trainer",
    "TrainingFailed",
    "TrainsOn",
    "UsageError",
    "__version__",
    "cache_folder",
    "did_you_mean",
    "digest",
    "file_sha256",
    "hookimpl",
    "hub_answers",
    "sample_id",
    "with_unique_ids",
]
