"""MMLU and HellaSwag through the harness and through lm-eval run on its own: same rows, same dtype, same batch size.

Prints one JSON object a line and exits 0 however the figures fall. lm-eval reads the pack here by itself, so that the
harness's reading of it is on trial too.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import say

from harness import BenchmarkContext, BenchmarkItems, Generation, Item, Model, ModelRef, Sample, ScoringContext
from harness_backends.transformers_backend import Transformers
from harness_forgetting import lm_eval_bridge as bridge
from harness_forgetting.hellaswag import HellaSwag
from harness_forgetting.mmlu import Mmlu
from harness_metrics.choice import Acc, AccNorm

LARGEST_DIFFERENCE = 1e-4
LONGEST_LOADING = 10.0
SPLITS = ("test", "dev")
NEARBY = Path(__file__).resolve().parents[1].parent / "shared" / "data"
METRICS = {"acc": Acc(), "acc_norm": AccNorm()}


@dataclass(frozen=True)
class Outcome:
    """What one program made of the items, in their order."""

    contexts: list[str]
    log_likelihoods: list[list[float]]
    scores: dict[str, float]
    seconds: float


def main() -> None:
    options = arguments()
    pack = options.pack or os.environ.get("HARNESS_BENCHMARK_PACK") or NEARBY
    if not Path(pack).is_dir():
        say("scoring against lm-eval", None, None, "", None, why="no benchmark pack; --pack FOLDER names one")
        return
    limit = None if options.limit == 0 else options.limit
    few = {"mmlu": 6, "hellaswag": 12} if options.quick else {"mmlu": limit, "hellaswag": limit}
    benchmarks: list[Mmlu | HellaSwag] = [
        Mmlu(limit=few["mmlu"], pack=str(pack)),
        HellaSwag(limit=few["hellaswag"], pack=str(pack)),
    ]
    loading(Path(pack))
    ref = ModelRef(options.model, dtype=options.dtype, device=options.device)
    folder = Transformers().folder(ref)
    theirs = [run_lm_eval(each, Path(pack), folder, options) for each in benchmarks]
    with Transformers().open(ref) as model:
        ours = [run_harness(each, model, options.batch_size) for each in benchmarks]
    for benchmark, reference, outcome in zip(benchmarks, theirs, ours, strict=True):
        report(benchmark, reference, outcome, options)


def loading(pack: Path) -> None:
    """How long it takes until every subject of MMLU can be asked, lm-eval's import included."""
    started = time.perf_counter()
    items = Mmlu(limit=57, pack=str(pack)).load(BenchmarkContext())
    seconds = time.perf_counter() - started
    ok = seconds <= LONGEST_LOADING
    count = len(items.samples)
    say("mmlu, loading one question of each subject", round(seconds, 2), LONGEST_LOADING, "s", ok, items=count)


def run_harness(benchmark: Mmlu | HellaSwag, model: Model, batch_size: int) -> Outcome:
    started = time.perf_counter()
    loaded: BenchmarkItems = benchmark.load(BenchmarkContext())
    pairs = [(str(sample.prompt), choice) for sample in loaded.samples for choice in sample.choices]
    answers = iter(model.log_likelihoods(pairs, batch_size=batch_size))
    likely = [[next(answers).value for _ in sample.choices] for sample in loaded.samples]
    items = [item(sample, values) for sample, values in zip(loaded.samples, likely, strict=True)]
    scores = {}
    for name in benchmark.metrics:
        metric = METRICS[name]
        scores[name] = metric.aggregate(metric.score(items, ScoringContext()))
    return Outcome([str(s.prompt) for s in loaded.samples], likely, scores, time.perf_counter() - started)


def item(sample: Sample, values: Sequence[float]) -> Item:
    made = (
        Generation(sample.id, index, choice, "choice", 0, 0, 0.0, value)
        for index, (choice, value) in enumerate(zip(sample.choices, values, strict=True))
    )
    return Item(sample, tuple(made))


def run_lm_eval(benchmark: Mmlu | HellaSwag, pack: Path, folder: Path, options: argparse.Namespace) -> Outcome:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    device = options.device if options.device != "auto" else best_device()
    model = HFLM(pretrained=str(folder), dtype=options.dtype, device=device, batch_size=options.batch_size)
    started = time.perf_counter()
    manager = TaskManager(include_path=str(bridge.tasks_folder() / benchmark.name), include_defaults=False)
    members, wanted = lm_eval_rows(benchmark, pack)
    tasks = manager.load({"group": "bench", "task": members})["tasks"]
    found: dict[str, Any] = simple_evaluate(
        model=model,
        tasks=[tasks[name] for name in wanted],
        samples=wanted,
        task_manager=manager,
        bootstrap_iters=0,
    )
    seconds = time.perf_counter() - started
    samples = [sample for name in wanted for sample in sorted(found["samples"][name], key=lambda each: each["doc_id"])]
    return Outcome(
        [sample["arguments"][0][0] for sample in samples],
        [[float(answer[0]) for answer in sample["filtered_resps"]] for sample in samples],
        {name: sum(sample[name] for sample in samples) / len(samples) for name in benchmark.metrics},
        seconds,
    )


def lm_eval_rows(benchmark: Mmlu | HellaSwag, pack: Path) -> tuple[list[dict[str, object]], dict[str, list[int]]]:
    """Definitions that read the pack's files, and which of their rows to ask: as many a subject, the first of each."""
    if isinstance(benchmark, HellaSwag):
        rows = {"validation": read(pack / "hellaswag" / "validation.jsonl")}
        count = min(benchmark.limit or len(rows["validation"]), len(rows["validation"]))
        definition = {"task": "hellaswag", "num_fewshot": 0, "training_split": None, "custom_dataset": given(rows)}
        return [definition], {"hellaswag": list(range(count))}
    names = sorted(each.name for each in (pack / "mmlu").iterdir())
    splits = {name: {split: read(pack / "mmlu" / name / f"{split}.jsonl") for split in SPLITS} for name in names}
    wanted: dict[str, list[int]] = {name: [] for name in names}
    rounds = max(len(rows["test"]) for rows in splits.values())
    dealt = [(name, turn) for turn in range(rounds) for name in names if turn < len(splits[name]["test"])]
    for name, turn in dealt[: benchmark.limit]:
        wanted[name].append(turn)
    asked = [name for name in names if wanted[name]]
    definitions = [{"task": f"mmlu_{name}", "num_fewshot": 5, "custom_dataset": given(splits[name])} for name in asked]
    return definitions, {f"mmlu_{name}": wanted[name] for name in asked}


def read(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def given(rows: Mapping[str, list[dict[str, Any]]]) -> Callable[..., Mapping[str, object]]:
    import datasets

    return lambda **_: {split: datasets.Dataset.from_list(each) for split, each in rows.items()}


def best_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def report(benchmark: Mmlu | HellaSwag, reference: Outcome, outcome: Outcome, options: argparse.Namespace) -> None:
    same_rows = reference.contexts == outcome.contexts
    differences = [
        abs(theirs - ours)
        for row, other in zip(reference.log_likelihoods, outcome.log_likelihoods, strict=False)
        for theirs, ours in zip(row, other, strict=False)
    ]
    largest = max(differences, default=None)
    equal = reference.scores == outcome.scores
    shared = {
        "items": len(outcome.contexts),
        "contexts_equal": same_rows,
        "lm_eval_s": round(reference.seconds, 2),
        "harness_s": round(outcome.seconds, 2),
        "max_abs_diff": largest,
        "accuracy_equal": equal,
        "dtype": options.dtype,
        "batch_size": options.batch_size,
    }
    close = same_rows and largest is not None and largest <= LARGEST_DIFFERENCE
    name = benchmark.name
    say(f"{name}, largest difference of a log-likelihood", largest, LARGEST_DIFFERENCE, "nats", close, **shared)
    for metric, theirs in reference.scores.items():
        apart = abs(theirs - outcome.scores[metric])
        both = {"lm_eval": theirs, "harness": outcome.scores[metric]}
        say(f"{name}, difference of {metric}", apart, 0.0, "share", apart == 0 and same_rows, **both, **shared)
    ratio = outcome.seconds / reference.seconds
    say(f"{name}, time against lm-eval", round(ratio, 3), 1.0, "ratio", ratio <= 1.0, **shared)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", help="offline benchmark pack; default HARNESS_BENCHMARK_PACK or ../shared/data")
    parser.add_argument("--limit", type=int, default=200, help="items of each benchmark; 0 for all")
    parser.add_argument("--model", default="HuggingFaceTB/SmolLM2-135M-Instruct")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="a handful of items, under a minute")
    return parser.parse_args()


if __name__ == "__main__":
    main()
