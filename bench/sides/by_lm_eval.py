"""A benchmark's items asked by lm-eval, which reads the pack here by itself: our reading of it is on trial too."""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness_forgetting import lm_eval_bridge as bridge
from harness_forgetting.hellaswag import HellaSwag
from harness_forgetting.mmlu import Mmlu
from sides.outcome import Outcome, peak_bytes

SPLITS = ("test", "dev")


def run(benchmark: Mmlu | HellaSwag, options: argparse.Namespace) -> Outcome:
    """Load the model, then the items, ask, score; ``options.model`` is a folder."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    device = options.device if options.device != "auto" else best_device()
    model = HFLM(pretrained=options.model, dtype=options.dtype, device=device, batch_size=options.batch_size)
    started = time.perf_counter()
    manager = TaskManager(include_path=str(bridge.tasks_folder() / benchmark.name), include_defaults=False)
    members, wanted = rows(benchmark)
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
        [[argument[1] for argument in sample["arguments"]] for sample in samples],
        [[float(answer[0]) for answer in sample["filtered_resps"]] for sample in samples],
        {name: sum(sample[name] for sample in samples) / len(samples) for name in benchmark.metrics},
        seconds,
        peak_bytes(device),
    )


def rows(benchmark: Mmlu | HellaSwag) -> tuple[list[dict[str, object]], dict[str, list[int]]]:
    """Definitions that read the pack's files, and which of their rows to ask: as many a subject, the first of each."""
    pack = Path(str(benchmark.pack))
    if isinstance(benchmark, HellaSwag):
        validation = {"validation": read(pack / "hellaswag" / "validation.jsonl")}
        count = min(benchmark.limit or len(validation["validation"]), len(validation["validation"]))
        given_rows = given(validation)
        definition = {"task": "hellaswag", "num_fewshot": 0, "training_split": None, "custom_dataset": given_rows}
        return [definition], {"hellaswag": list(range(count))}
    names = sorted(each.name for each in (pack / "mmlu").iterdir())
    splits = {name: {split: read(pack / "mmlu" / name / f"{split}.jsonl") for split in SPLITS} for name in names}
    wanted: dict[str, list[int]] = {name: [] for name in names}
    rounds = max(len(each["test"]) for each in splits.values())
    dealt = [(name, turn) for turn in range(rounds) for name in names if turn < len(splits[name]["test"])]
    for name, turn in dealt[: benchmark.limit]:
        wanted[name].append(turn)
    asked = [name for name in names if wanted[name]]
    definitions = [{"task": f"mmlu_{name}", "num_fewshot": 5, "custom_dataset": given(splits[name])} for name in asked]
    return definitions, {f"mmlu_{name}": wanted[name] for name in asked}


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def given(splits: Mapping[str, list[dict[str, Any]]]) -> Callable[..., Mapping[str, object]]:
    """What lm-eval calls instead of loading a data set."""
    import datasets

    return lambda **_: {split: datasets.Dataset.from_list(each) for split, each in splits.items()}


def best_device() -> str:
    """What ``auto`` means."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
