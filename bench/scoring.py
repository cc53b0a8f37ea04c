"""MMLU and HellaSwag through the harness and through lm-eval's ``hf``: same rows, dtype, batch size and machine.

Prints one JSON object a line and exits 0 however the figures fall. Each program runs in a process of its own, one after
the other, so that both peaks of memory are its own.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from figures import say
from sides import work
from sides.outcome import Outcome

from harness import ModelRef
from harness_backends.encoding import Encoder, longest_input
from harness_backends.transformers_backend import Transformers

LARGEST_DIFFERENCE = {"float32": 1e-4, "bfloat16": None, "float16": None}
MOST_MEMORY = 1.25
NEARBY = Path(__file__).resolve().parents[1].parent / "shared" / "data"
ON_A_GPU = {"mmlu": 4.0, "hellaswag": 1.5}


def main() -> None:
    options = arguments()
    if options.side:
        run_side(options)
        return
    if not options.pack.is_dir():
        say("scoring against lm-eval", None, None, "", None, why="no benchmark pack; --pack FOLDER names one")
        return
    with tempfile.TemporaryDirectory() as made:
        options.model = str(model_folder(options, Path(made)))
        for job in work.JOBS:
            if not options.job or job.name in options.job:
                measure(job, options, Path(made))


def measure(job: work.Job, options: argparse.Namespace, scratch: Path) -> None:
    """Both programs on one job, and what their answers and times say."""
    kept = (options.reference or scratch) / f"{job.name.replace(', ', '-').replace(' ', '-')}.json"
    is_kept = kept.is_file()
    if not is_kept:
        start_side("lm-eval", job, options, kept)
    ours = scratch / "harness.json"
    start_side("harness", job, options, ours)
    report(job, Outcome.read(kept), Outcome.read(ours), options, is_kept=is_kept)


def start_side(side: str, job: work.Job, options: argparse.Namespace, into: Path) -> None:
    """One program in a fresh process."""
    into.parent.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, __file__, "--side", side, "--job", job.name, "--into", str(into), "--pack", str(options.pack),
        "--model", options.model, "--dtype", options.dtype, "--device", options.device,
        "--batch-size", str(options.batch_size), *(["--quick"] if options.quick else []),
        *(["--limit", str(options.limit)] if options.limit else []),
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=sys.stderr)


def run_side(options: argparse.Namespace) -> None:
    """In the fresh process: one program on one job."""
    from sides import by_harness, by_lm_eval

    run = {"lm-eval": by_lm_eval.run, "harness": by_harness.run}[options.side]
    job = next(each for each in work.JOBS if each.name == options.job[0])
    with work.benchmark(job, options.pack, asked(job, options)) as benchmark:
        run(benchmark, options).save(options.into)


def asked(job: work.Job, options: argparse.Namespace) -> int:
    """How many items."""
    most = job.few if options.quick else job.items
    return min(options.limit or most, most)


def report(job: work.Job, theirs: Outcome, ours: Outcome, options: argparse.Namespace, *, is_kept: bool) -> None:
    """The figures of one job."""
    same_rows = (theirs.contexts, theirs.choices) == (ours.contexts, ours.choices)
    apart = [
        (abs(one - other), one)
        for row, own in zip(theirs.log_likelihoods, ours.log_likelihoods, strict=False)
        for one, other in zip(row, own, strict=False)
    ]
    largest, there = max(apart, default=(None, 0.0))
    limit = LARGEST_DIFFERENCE[options.dtype]
    ratio, bound = theirs.seconds / ours.seconds, token_bound(options, ours)
    memory = ours.peak_bytes / theirs.peak_bytes
    other, close = choices(theirs, ours, limit or 0.0)
    shared = {
        "items": len(ours.contexts),
        "contexts_equal": same_rows,
        "lm_eval_s": round(theirs.seconds, 2),
        "harness_s": round(ours.seconds, 2),
        "bound": round(bound, 2),
        "max_abs_diff": largest,
        "accuracy_equal": theirs.scores == ours.scores,
        "lm_eval_peak_mb": theirs.peak_bytes >> 20,
        "harness_peak_mb": ours.peak_bytes >> 20,
        "path_taken": ours.path_taken,
        "dtype": options.dtype,
        "device": options.device,
        "batch_size": options.batch_size,
    }
    name = job.name
    equal = (same_rows and (largest or 0.0) <= limit) if limit else None
    rounding = {
        "log_likelihoods": len(apart),
        "over_the_limit": sum(each > (limit or math.inf) for each, _ in apart),
        "log_likelihood_there": there,
        "float32_spacing_there": float(np.spacing(np.float32(abs(there)))),
    }
    say(f"{name}: largest difference of a log-likelihood", largest, limit, "nats", equal, **rounding, **shared)
    scores = {"lm_eval": theirs.scores, "harness": ours.scores, "best_two_closer_than_the_limit": close}
    say(f"{name}: other choices than lm-eval's", len(other), 0, "items", not other if limit else None, **scores)
    if is_kept:
        say(f"{name}: times faster than lm-eval", round(ratio, 2), None, "x", None, why="lm-eval's time is a kept one")
        return
    on_cuda = ON_A_GPU.get(name, 1.0) if options.device.startswith("cuda") else None
    least = on_cuda or (job.least_ratio if not options.quick else 1.0)
    say(f"{name}: times faster than lm-eval", round(ratio, 2), least, "x", ratio >= least, **shared)
    share, least_share = ratio / bound, None if on_cuda or options.quick else job.least_share
    is_enough = None if least_share is None else share >= least_share
    say(f"{name}: share of the token bound", round(share, 3), least_share, "share", is_enough)
    say(f"{name}: peak memory against lm-eval's", round(memory, 3), MOST_MEMORY, "x", memory <= MOST_MEMORY, **shared)


def choices(theirs: Outcome, ours: Outcome, limit: float) -> tuple[list[int], list[int]]:
    """Items whose likeliest choice is another one, apart from those whose best two lie closer than the limit."""
    other, close = [], []
    for index, (row, own) in enumerate(zip(theirs.log_likelihoods, ours.log_likelihoods, strict=False)):
        best, second = sorted(row, reverse=True)[:2]
        if best - second < limit:
            close.append(index)
        elif row.index(best) != own.index(max(own)):
            other.append(index)
    return other, close


def token_bound(options: argparse.Namespace, outcome: Outcome) -> float:
    """How many times fewer tokens a whole tree of the items has."""
    from transformers import AutoConfig, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    encoder = Encoder(tokenizer, longest_input(AutoConfig.from_pretrained(options.model), tokenizer))
    return work.bound(encoder, outcome.contexts, outcome.choices)


def model_folder(options: argparse.Namespace, scratch: Path) -> Path:
    """The model as a folder that both programs can open."""
    if options.model == "random-1b":
        from sides.random_llama import one_billion

        return one_billion(scratch / "random-1b", options.dtype)
    return Transformers().folder(ModelRef(options.model))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    pack = Path(os.environ.get("HARNESS_BENCHMARK_PACK") or NEARBY)
    parser.add_argument("--pack", type=Path, default=pack, help="offline benchmark pack")
    parser.add_argument("--limit", type=int, help="at most so many items of each job")
    parser.add_argument("--job", action="append", choices=[job.name for job in work.JOBS], help="default all")
    parser.add_argument("--model", default="HuggingFaceTB/SmolLM2-135M-Instruct", help="or random-1b")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--reference", type=Path, help="folder that keeps lm-eval's answers from run to run")
    parser.add_argument("--quick", action="store_true", help="a handful of items, under a minute or two")
    parser.add_argument("--side", choices=["lm-eval", "harness"], help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
