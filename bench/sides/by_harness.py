"""A benchmark's items asked by the harness."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from harness import BenchmarkContext, Generation, Item, ModelRef, Sample, ScoringContext
from harness_backends.transformers_backend import Transformers
from harness_forgetting.hellaswag import HellaSwag
from harness_forgetting.mmlu import Mmlu
from harness_metrics.choice import Acc, AccNorm
from sides.outcome import Outcome, peak_bytes

METRICS = {"acc": Acc(), "acc_norm": AccNorm()}


def run(benchmark: Mmlu | HellaSwag, options: argparse.Namespace) -> Outcome:
    """Load the items, open the model, ask, score."""
    import lm_eval.tasks  # noqa: F401 - imports are not what is measured

    with Transformers().open(ModelRef(options.model, dtype=options.dtype, device=options.device)) as model:
        started = time.perf_counter()
        loaded = benchmark.load(BenchmarkContext())
        pairs = [(str(sample.prompt), choice) for sample in loaded.samples for choice in sample.choices]
        answers = iter(model.log_likelihoods(pairs, batch_size=options.batch_size))
        likely = [[next(answers).value for _ in sample.choices] for sample in loaded.samples]
        items = [item(sample, values) for sample, values in zip(loaded.samples, likely, strict=True)]
        scores = {
            name: METRICS[name].aggregate(METRICS[name].score(items, ScoringContext())) for name in benchmark.metrics
        }
        return Outcome(
            [str(sample.prompt) for sample in loaded.samples],
            [list(sample.choices) for sample in loaded.samples],
            likely,
            scores,
            time.perf_counter() - started,
            peak_bytes(model.facts.device),
            model.facts.path_taken,
        )


def item(sample: Sample, values: Sequence[float]) -> Item:
    """The sample with the weights of its choices, as a metric sees it."""
    made = (
        Generation(sample.id, index, choice, "choice", 0, 0, 0.0, value)
        for index, (choice, value) in enumerate(zip(sample.choices, values, strict=True))
    )
    return Item(sample, tuple(made))
