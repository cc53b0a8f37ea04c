"""The support tickets answered by the harness and by Transformers' ``generate``: same prompts, dtype and batch size.

``generate`` gets batches in the given order, padded on the left, as everyone would write it. Prints one JSON object a
line and exits 0 however the figures fall. Each side runs in a process of its own, one after the other, so that both
peaks of memory are its own; a third gives the prompts to ``generate`` one at a time and says what is right.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from figures import say
from sides.outcome import peak_bytes

from harness import GenerationSettings, ModelRef, Prompt
from harness.catalog import Catalog
from harness.execution.evaluate import BATCHES_A_CHUNK
from harness.execution.prompting import assemble
from harness.host import Host
from harness.plan import make
from harness.suite.load import load
from harness_backends.transformers_backend import Transformers
from harness_backends.transformers_model import TransformersModel

SUITE = Path(__file__).resolve().parents[1] / "suites" / "support_tickets.yaml"
LEAST_RATIO = {"prompted": 1.5, "base": None}


@dataclass(frozen=True)
class Outcome:
    """What one side made of the prompts."""

    texts: list[str]
    tokens: int
    seconds: float
    peak_bytes: int


def main() -> None:
    options = arguments()
    if options.side:
        outcome = run_side(options)
        options.into.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        return
    options.model = str(Transformers().folder(ModelRef(options.model)))
    for arm in [options.arm] if options.arm else LEAST_RATIO:
        measure(arm, options)


def measure(arm: str, options: argparse.Namespace) -> None:
    """All sides on one arm's prompts, and what their answers and times say."""
    ours, theirs, right = (start_side(side, arm, options) for side in ("harness", "generate", "one at a time"))
    ratio = (ours.tokens / ours.seconds) / (theirs.tokens / theirs.seconds)
    shared = {
        "items": len(right.texts),
        "harness_tokens_per_s": round(ours.tokens / ours.seconds, 1),
        "generate_tokens_per_s": round(theirs.tokens / theirs.seconds, 1),
        "one_at_a_time_tokens_per_s": round(right.tokens / right.seconds, 1),
        "harness_peak_mb": ours.peak_bytes >> 20,
        "generate_peak_mb": theirs.peak_bytes >> 20,
        "dtype": options.dtype,
        "device": options.device,
        "batch_size": options.batch_size,
    }
    least = LEAST_RATIO[arm]
    say(
        f"{arm} tickets: times the tokens per second of generate",
        round(ratio, 2), least, "x", None if least is None else ratio >= least, **shared,
    )  # fmt: skip
    equal, of_generate = same(ours, right), same(theirs, right)
    # coarser numbers tie: which of two tokens is taken may hang on the order of a sum
    is_right = equal == 1 if options.dtype == "float32" else None
    say(
        f"{arm} tickets: texts equal to those of generate one at a time",
        equal, 1.0, "share", is_right, generate_in_batches=of_generate,
    )  # fmt: skip


def same(one: Outcome, other: Outcome) -> float:
    """The share of texts that are equal."""
    return sum(left == right for left, right in zip(one.texts, other.texts, strict=True)) / len(other.texts)


def start_side(side: str, arm: str, options: argparse.Namespace) -> Outcome:
    """One side in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "outcome.json"
        command = [
            sys.executable, __file__, "--side", side, "--arm", arm, "--into", str(into), "--model", options.model,
            "--dtype", options.dtype, "--device", options.device, "--batch-size", str(options.batch_size),
            "--limit", str(options.limit), *(["--quick"] if options.quick else []),
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=sys.stderr)
        return Outcome(**json.loads(into.read_text(encoding="utf-8")))


def run_side(options: argparse.Namespace) -> Outcome:
    """In the fresh process: one side on one arm."""
    prompts, settings = asked(options)
    ref = ModelRef(options.model, dtype=options.dtype, device=options.device)
    with Transformers().open(ref) as model:
        assert isinstance(model, TransformersModel)
        write = by_harness if options.side == "harness" else by_generate
        write(model, prompts[:1], replace(settings, max_new_tokens=2))  # what only the first call pays is left out
        started = time.perf_counter()
        texts, tokens = write(model, prompts, settings)
        return Outcome(texts, tokens, time.perf_counter() - started, peak_bytes(model.facts.device))


def asked(options: argparse.Namespace) -> tuple[list[Prompt], GenerationSettings]:
    """The arm's prompts as an evaluation puts them, and how they are answered."""
    suite = load(SUITE)
    suite = replace(suite, tasks=tuple(replace(task, limit=None) for task in suite.tasks), benchmarks=(), gates=())
    plan = make(suite, Catalog.build(Host.load()), limit=24 if options.quick else options.limit)
    arm = next(arm for arm in plan.arms if arm.name == options.arm)
    task = plan.tasks[0]
    batch_size = 1 if options.side == "one at a time" else options.batch_size
    prompts = [assemble(arm.prompting, sample.prompt) for sample in task.samples]
    return prompts, replace(task.task.generation, batch_size=batch_size)


def by_harness(
    model: TransformersModel, prompts: Sequence[Prompt], settings: GenerationSettings
) -> tuple[list[str], int]:
    """In chunks, as an evaluation asks."""
    answers = [
        answer
        for chunk in slices(prompts, BATCHES_A_CHUNK * settings.batch_size)
        for answer in model.generate(chunk, settings, sample_ids=[str(number) for number in range(len(chunk))])
    ]
    return [answer.text for answer in answers], sum(answer.output_tokens for answer in answers)


def by_generate(
    model: TransformersModel, prompts: Sequence[Prompt], settings: GenerationSettings
) -> tuple[list[str], int]:
    """In batches of the given order; tokens after the end of an answer are not counted."""
    import torch

    module, encoder, ends = model.weights.module(None), model.weights.encoder, model.weights.ends
    tokenizer = encoder.tokenizer
    tokenizer.padding_side, tokenizer.pad_token_id = "left", module.generation_config.pad_token_id
    texts, tokens = [], 0
    for batch in slices(prompts, settings.batch_size):
        rows = [encoder.prompt(prompt, room=encoder.max_length) for prompt in batch]
        given = tokenizer.pad({"input_ids": rows}, return_tensors="pt").to(module.device)
        with torch.inference_mode():
            output = module.generate(**given, max_new_tokens=settings.max_new_tokens, do_sample=False)
        for row in output[:, given["input_ids"].shape[1] :].tolist():
            end = next((place + 1 for place, token in enumerate(row) if token in ends), len(row))
            texts.append(tokenizer.decode(row[:end], skip_special_tokens=True, clean_up_tokenization_spaces=False))
            tokens += end
    return texts, tokens


def slices(prompts: Sequence[Prompt], size: int) -> Iterator[Sequence[Prompt]]:
    """At most ``size`` prompts at a time, in order."""
    for start in range(0, len(prompts), size):
        yield prompts[start : start + size]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=200, help="tickets")
    parser.add_argument("--model", default="HuggingFaceTB/SmolLM2-135M-Instruct")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--quick", action="store_true", help="24 tickets, a few minutes")
    parser.add_argument("--arm", choices=list(LEAST_RATIO), help="default both, one after the other")
    parser.add_argument("--side", choices=["harness", "generate", "one at a time"], help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
