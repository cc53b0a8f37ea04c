"""Whether the batch size changes an answer: choices on MMLU and HellaSwag, texts on the support tickets.

In float32 nothing may change; in bfloat16 near ties fall one way or the other, and the share of items is told.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from figures import say

from harness import BenchmarkContext, GenerationSettings, Model, ModelRef
from harness.data import formats
from harness_backends.transformers_backend import Transformers
from harness_forgetting.hellaswag import HellaSwag
from harness_forgetting.mmlu import Mmlu

NEARBY = Path(__file__).resolve().parents[1].parent / "shared" / "data"
TICKETS = Path(__file__).resolve().parents[1] / "suites" / "data" / "support_tickets.test.jsonl"
BATCH_SIZES = (1, 4, 16)
ALL = ("tickets", "mmlu", "hellaswag")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=Path(os.environ.get("HARNESS_BENCHMARK_PACK") or NEARBY))
    parser.add_argument("--model", default="HuggingFaceTB/SmolLM2-135M-Instruct")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", action="append", help="default float32 and bfloat16")
    parser.add_argument("--items", type=int, default=114, help="of each benchmark, and at most so many tickets")
    parser.add_argument("--only", action="append", choices=ALL, help="default all three")
    parser.add_argument("--quick", action="store_true", help="six items of each")
    options = parser.parse_args()
    count = 6 if options.quick else options.items
    for dtype in options.dtype or ("float32", "bfloat16"):
        with Transformers().open(ModelRef(options.model, dtype=dtype, device=options.device)) as model:
            for name, answers in asked(model, count, options.pack, options.only or ALL).items():
                changed = sum(len(set(each)) > 1 for each in zip(*answers, strict=True))
                share, limit = changed / len(answers[0]), 0.0 if dtype == "float32" else None
                ok = None if limit is None else share <= limit
                say(f"{name} in {dtype}: answers that change with the batch size", round(share, 4), limit, "share", ok,
                    items=len(answers[0]), batch_sizes=BATCH_SIZES)  # fmt: skip


def asked(model: Model, count: int, pack: Path, wanted: Sequence[str]) -> dict[str, list[list[str]]]:
    """Name -> for each batch size every item's answer."""
    found = {"tickets": [texts(model, count, size) for size in BATCH_SIZES]} if "tickets" in wanted else {}
    for benchmark in (Mmlu(limit=count, pack=str(pack)), HellaSwag(limit=count, pack=str(pack))):
        if benchmark.name in wanted and pack.is_dir():
            found[benchmark.name] = [choices(model, benchmark, size) for size in BATCH_SIZES]
    return found


def texts(model: Model, count: int, size: int) -> list[str]:
    _, rows = formats.read("test", TICKETS)
    prompts = [sample.prompt for sample in formats.samples(rows)[:count]]
    settings = GenerationSettings(max_new_tokens=36, batch_size=size)
    ids = [str(number) for number in range(len(prompts))]
    return [answer.text for answer in model.generate(prompts, settings, sample_ids=ids)]


def choices(model: Model, benchmark: Mmlu | HellaSwag, size: int) -> list[str]:
    samples = benchmark.load(BenchmarkContext()).samples
    pairs = [(sample.prompt, choice) for sample in samples for choice in sample.choices]
    answers = iter(model.log_likelihoods(pairs, batch_size=size))
    return [best([next(answers).value for _ in sample.choices], sample.choices) for sample in samples]


def best(values: Sequence[float], of: Sequence[str]) -> str:
    return of[values.index(max(values))]


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
