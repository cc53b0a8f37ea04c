"""Training by the harness: its speed beside plain TRL, its overhead, its estimates of memory, and every method.

Prints one JSON object a line and exits 0 however the figures fall. Each side runs in a process of its own, one after
the other, so that its time and its peak of memory are its own. ``--part`` chooses among

- ``speed``: tokens of loss per second beside TRL's ``SFTTrainer``, on rows of uneven length, sides in turn;
- ``overhead``: the wall time of ``harness train`` beside the same trainer called by a script;
- ``memory``: estimates against measured peaks; on a GPU three methods and three sizes, and QLoRA's peak beside LoRA's;
- ``methods``: on a CPU every method on a tiny model, on a GPU every method's tokens per second and peak;
- ``predicted``, only if asked for: what the estimates of ``memory`` on a GPU are, on any machine; nothing is measured.

On a GPU each part that trains many models does so in one process, and writes no states: those of a full training of 3B
are 34 GB a save. The reckoning, not measured, on an H100 with 16 cores: ``speed`` 100 s, ``overhead`` 140 s, ``memory``
190 s, of which 40 s make the models, and ``methods`` 100 s.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from figures import say
from sides import rows_to_train
from sides.trained import Trained, Work, after_warming

from harness.machine import lean_heap

LEAST_RATIO, LOSS_WITHIN = 1.3, 0.01
MOST_OVERHEAD = 0.03
WITHIN = {"cpu": 0.25, "cuda": 0.15}
MOST_OF_LORA = 0.5
DEMO_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
RECIPE: dict[str, Any] = {
    "r": 8,
    "lora_alpha": 16,
    "learning_rate": 1e-3,
    "num_train_epochs": 1.0,
    "per_device_train_batch_size": 8,
}
AS_TRL: dict[str, Any] = {"lr_scheduler_type": "linear", "warmup_ratio": 0.0}
"""TRL's default schedule, so that both sides are taught alike."""
PARTS = ("speed", "overhead", "memory", "methods")
RATES = {
    "full": 1e-3, "lora": 1e-2, "qlora": 1e-2, "prefix_tuning": 1e-1, "prompt_tuning": 1e-1, "ia3": 1e-1,
    "continued_pretraining": 1e-3, "auto": 1e-2,
}  # fmt: skip
"""For the tiny model, which has random weights and little time."""


@dataclass(frozen=True)
class Step:
    """A configuration whose memory is estimated and measured."""

    size: str
    method: str
    batch: int
    words: int
    """A word is three digits: about four tokens of the small tokenizer."""
    checkpointing: bool
    accumulation: int = 1

    @property
    def called(self) -> str:
        """How its figure is named."""
        told = ", checkpointing" if self.checkpointing else ""
        more = f", accumulating {self.accumulation}" if self.accumulation > 1 else ""
        return f"{self.method} {self.size}, batch {self.batch} x {self.words} words{told}{more}"


ON_A_CPU = (
    Step("10M", "full", 4, 32, False),
    Step("10M", "lora", 8, 128, False),
    Step("25M", "full", 8, 64, False),
    Step("25M", "full", 8, 64, True),
    Step("25M", "lora", 8, 128, False),
    Step("25M", "lora", 8, 128, True),
    Step("60M", "full", 4, 64, False, 2),
    Step("60M", "full", 2, 32, True),
    Step("60M", "lora", 8, 64, False),
    Step("60M", "qlora", 4, 64, False),
)
ON_A_GPU = tuple(
    Step(size, method, 2, 128, True) for size in ("135M", "1B", "3B") for method in ("full", "lora", "qlora")
)


def main() -> None:
    options = arguments()
    if options.side:
        run_side(options)
        return
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(options, Path(scratch))
        for part in options.part or PARTS:
            PARTS_BY_NAME[part](bench)
    limit = 540 if options.device == "cuda" else None
    seconds = time.perf_counter() - started
    say("bench/training.py, all of it", round(seconds), limit, "s", limit and seconds < limit, quick=options.quick)


@dataclass(frozen=True)
class Bench:
    """What every part is given."""

    options: argparse.Namespace
    scratch: Path

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""
        return str(self.options.device)

    def demo_model(self) -> Path:
        """SmolLM2 as a folder that both sides can open; a random Llama of its size where it cannot be had."""
        from harness import ModelFailed, ModelRef
        from harness_backends.transformers_backend import Transformers

        try:
            return Transformers().folder(ModelRef(self.options.model))
        except ModelFailed:
            return self.llama("135M")

    def llama(self, size: str, dtype: str = "float32") -> Path:
        """A random Llama, made once, in a process of its own."""
        folder = self.scratch / f"llama-{size}-{dtype}"
        if not folder.is_dir():
            self.call("llama", "--into", str(folder), "--size", size, "--dtype", dtype)
        return folder

    def call(self, side: str, *more: str, environment: dict[str, str] | None = None) -> float:
        """Run a side; the seconds of its whole process."""
        started = time.perf_counter()
        command = [sys.executable, __file__, "--side", side, "--device", self.device, *more]
        subprocess.run(command, check=True, stdout=sys.stderr, env={**os.environ, **(environment or {})})
        return time.perf_counter() - started

    def train(self, side: str, work: Work, **environment: str) -> tuple[Trained, float]:
        """What a side made of the work, and the seconds of its whole process."""
        into = self.scratch / "trained.json"
        asked = str(work.save(self.scratch / "work.json"))
        seconds = self.call(side, "--work", asked, "--into", str(into), environment=environment)
        return Trained.read(into), seconds

    def train_in_turn(self, works: Sequence[Work]) -> list[Trained | str]:
        """The steps of each in one process on the GPU; why, for one that broke, and for those behind if all broke."""
        asked, into = self.scratch / "works.json", self.scratch / "in-turn.json"
        asked.write_text(json.dumps([asdict(each) for each in works]), encoding="utf-8")
        into.unlink(missing_ok=True)
        try:
            self.call("in turn", "--work", str(asked), "--into", str(into))
        except subprocess.CalledProcessError as error:
            if not into.is_file():
                return [f"the side ended with status {error.returncode}"] * len(works)
        found = json.loads(into.read_text(encoding="utf-8"))
        return [each if isinstance(each, str) else Trained(**each) for each in found]

    def fresh(self, name: str) -> str:
        """A folder that is not there yet."""
        return str(self.scratch / f"{name}-{time.monotonic_ns()}")


def speed(bench: Bench) -> None:
    """Tokens of loss per second beside plain TRL, and the validation loss that both come to.

    On a CPU TRL is told to compute in float32: its default, bfloat16 autocast, takes many minutes a step where the
    processor has no instructions for it.
    """
    on_cuda, quick = bench.device == "cuda", bench.options.quick
    count = bench.options.rows or (16 if quick else 512 if on_cuda else 128)
    work = Work(
        str(bench.demo_model()),
        "lora",
        RECIPE,
        str(rows_to_train.documented(bench.scratch / "train.jsonl", count)),
        "",
        str(rows_to_train.documented(bench.scratch / "validation.jsonl", 8 if quick else 96, validation=True)),
        bench.device,
        warms=on_cuda,
    )
    plain = work if on_cuda else replace(work, precision="float32")
    ours: list[Trained] = []
    theirs: list[Trained] = []
    for _ in range(bench.options.rounds or 1):
        ours.append(bench.train("harness", replace(work, options=RECIPE | AS_TRL, output=bench.fresh("harness")))[0])
        theirs.append(bench.train("plain", replace(plain, output=bench.fresh("plain")))[0])
    rate, of_trl = (statistics.median(each.loss_tokens / each.seconds for each in runs) for runs in (ours, theirs))
    say(
        "training: times the tokens of loss per second of TRL's defaults",
        round(rate / of_trl, 2), LEAST_RATIO, "x", None if quick else rate / of_trl >= LEAST_RATIO,
        harness_tokens_per_s=round(rate, 1), trl_tokens_per_s=round(of_trl, 1), rows=count, rounds=len(ours),
        steps=[ours[0].steps, theirs[0].steps], loss_tokens=[ours[0].loss_tokens, theirs[0].loss_tokens],
        harness_peak_mb=ours[0].peak_bytes >> 20, trl_peak_mb=theirs[0].peak_bytes >> 20,
        model=Path(work.model).name, device=bench.device, trl_precision=plain.precision,
    )  # fmt: skip
    # one epoch from the same start depends on which rows come last; the same batches tell the arithmetic from that
    alike, _ = bench.train("plain", replace(plain, order="harness", output=bench.fresh("plain"), warms=False))
    loss, of_trl, in_order = (float(side.validation_loss or math.nan) for side in (ours[0], theirs[0], alike))
    apart = abs(loss / in_order - 1)
    say(
        "training: final validation loss apart from that of TRL with the same batches",
        round(apart, 6), LOSS_WITHIN, "share", None if quick else apart <= LOSS_WITHIN,
        harness=loss, trl_same_batches=in_order, trl_random_batches=of_trl,
        apart_from_random_batches=round(abs(loss / of_trl - 1), 4),
    )  # fmt: skip


def overhead(bench: Bench) -> None:
    """``harness train`` beside a script that calls the same trainer with the same options; whole processes in turn.

    The first of a pair is the second of the next one, so that a machine that grows slower or faster favours neither
    side; the figure is the median of the pairs. Beside it stands what both sides take of the processor, which tells
    more than the clock where others work on the machine.
    """
    on_cuda, quick = bench.device == "cuda", bench.options.quick
    count = bench.options.rows or (8 if quick else 512 if on_cuda else 64)
    model = bench.llama("10M") if quick else bench.demo_model()
    rows = rows_to_train.uneven("train", bench.scratch / "overhead.jsonl", count)
    work = Work(str(model), "lora", RECIPE | AS_TRL, str(rows), "", None, bench.device)
    inside: list[float] = []

    def command() -> float:
        seconds, checkpoint = by_command(bench, work)
        inside.append(float(checkpoint["seconds"]))
        return seconds

    def script() -> float:
        return bench.train("harness", replace(work, output=bench.fresh("alone")))[1]

    sides = {"harness_train": command, "script": script}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    computed: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(bench.options.rounds or (1 if quick else 2 if on_cuda else 4)):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
            seconds[name].append(sides[name]())
            computed[name].append(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before)
    shares = [whole / alone - 1 for whole, alone in zip(*seconds.values(), strict=True)]
    share = statistics.median(shares)
    say(
        "training: overhead of harness train around the same trainer called by a script",
        round(share, 4), MOST_OVERHEAD, "share", None if quick else share <= MOST_OVERHEAD,
        shares=[round(each, 4) for each in shares],
        **{f"{name}_s": [round(each, 2) for each in found] for name, found in seconds.items()},
        **{f"{name}_processor_s": [round(each, 1) for each in found] for name, found in computed.items()},
        trainer_s=[round(each, 2) for each in inside], rows=count, device=bench.device,
    )  # fmt: skip


def by_command(bench: Bench, work: Work) -> tuple[float, dict[str, Any]]:
    """Wall time and checkpoint of ``harness train`` on a suite that asks for this work."""
    folder = Path(bench.fresh("suite"))
    folder.mkdir()
    suite = {
        "suite": "bench",
        "seed": work.seed,
        "model": {"name": work.model, "dtype": work.dtype, "device": work.device},
        "data": {"train": work.train, "test": str(rows_to_train.TICKETS / "support_tickets.test.jsonl")},
        "trainer": {"name": work.method, **work.options},
        "tasks": [{"name": "tickets", "data": "test", "metrics": ["exact_match"]}],
    }
    # JSON is YAML
    (folder / "suite.yaml").write_text(json.dumps(suite), encoding="utf-8")
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli.main", "train", "suite.yaml", "--output", "results", "--json"],
        cwd=folder, check=False, capture_output=True, text=True,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"harness train: {done.stderr.strip()[-500:]}")
    checkpoint: dict[str, Any] = json.loads(done.stdout)
    return seconds, checkpoint


def memory(bench: Bench) -> None:
    """Each configuration's estimate beside the peak of a process that trains it; QLoRA beside LoRA."""
    if bench.device == "cuda":
        memory_of_a_gpu(bench)
        return
    for step in ON_A_CPU:
        if not bench.options.quick or step.size == "10M":
            work = work_of(bench, step, bench.llama(step.size))
            try:
                # as `harness train` starts its own process
                held_against_peak(bench, step, bench.train("estimated", work, **lean_heap())[0])
            except subprocess.CalledProcessError as error:
                held_against_peak(bench, step, f"the side ended with status {error.returncode}")


def memory_of_a_gpu(bench: Bench) -> None:
    """The configurations of each size in a process of their own, and what QLoRA takes of LoRA's peak."""
    peaks: dict[tuple[str, str], int] = {}
    for size in ("135M",) if bench.options.quick else ("135M", "1B", "3B"):
        steps = [each for each in ON_A_GPU if each.size == size]
        works = [work_of(bench, each, bench.llama(size, "bfloat16")) for each in steps]
        for step, found in zip(steps, bench.train_in_turn(works), strict=True):
            held_against_peak(bench, step, found)
            if not isinstance(found, str):
                peaks[step.size, step.method] = found.peak_bytes
    what = "training: QLoRA's peak against LoRA's, 3B"
    if {("3B", "lora"), ("3B", "qlora")} <= set(peaks):
        share = peaks["3B", "qlora"] / peaks["3B", "lora"]
        say(what, round(share, 3), MOST_OF_LORA, "x", share <= MOST_OF_LORA)
    else:
        say(what, None, MOST_OF_LORA, "x", None, why="3B was not run")


def work_of(bench: Bench, step: Step, model: Path) -> Work:
    """The training of a configuration: rows of equal length for as many steps as it takes, and no more."""
    on_cuda, steps = bench.device == "cuda", 3
    rows = step.batch * step.accumulation * steps
    return Work(
        str(model),
        step.method,
        {
            "per_device_train_batch_size": step.batch,
            "gradient_accumulation_steps": step.accumulation,
            "gradient_checkpointing": step.checkpointing,
            "max_steps": 6 if on_cuda else steps,
        },
        str(rows_to_train.of_words(bench.scratch / f"words-{rows}-{step.words}.jsonl", rows, step.words)),
        bench.fresh("memory"),
        None,
        bench.device,
        "bfloat16" if on_cuda else "float32",
    )


def held_against_peak(bench: Bench, step: Step, found: Trained | str) -> None:
    """The figure of one configuration."""
    limit = WITHIN[bench.device]
    what = f"memory: estimate over peak, {step.called}"
    if isinstance(found, str):
        say(what, None, 1 + limit, "x", None, why=found)
        return
    # on a GPU torch counts what it allocates, cuBLAS's workspaces too; on a CPU the whole process is seen
    told = found.estimate["total"]
    ratio = told / found.peak_bytes
    say(
        what, round(ratio, 3), 1 + limit, "x", abs(ratio - 1) <= limit,
        estimate_mb=told >> 20, peak_mb=found.peak_bytes >> 20, reserved_mb=found.reserved_bytes >> 20,
        parts_mb=parts_mb(found.estimate), tokens_per_row=found.estimate["length"], steps=found.steps,
        loss_tokens_per_s=round(found.loss_tokens / found.seconds, 1),
    )  # fmt: skip


def parts_mb(estimate: Mapping[str, Any]) -> dict[str, int]:
    """What an estimate is made of, in mebibytes; what is less than one is left out."""
    whole = ("total", "batch", "length")
    found = {name: size >> 20 for name, size in estimate.items() if isinstance(size, int) and name not in whole}
    return {name: size for name, size in found.items() if size}


def predicted(bench: Bench) -> None:
    """The estimates of ``memory`` on a GPU: its models, rows and methods on an H100 that need not be here."""
    from sides.by_trainer import job
    from sides.sized_llama import described

    from harness.catalog import Catalog
    from harness.host import Host
    from harness.values import Ref
    from harness_trainers import footprint
    from harness_trainers.estimate import estimate

    catalog = Catalog.build(Host.load())
    totals: dict[tuple[str, str], int] = {}
    on_a_gpu = replace(bench, options=argparse.Namespace(**{**vars(bench.options), "device": "cuda"}))
    for step in ON_A_GPU:
        if bench.options.quick and step.size != "135M":
            continue
        folder = bench.scratch / f"described-{step.size}"
        described(folder, step.size, "bfloat16")
        work = work_of(on_a_gpu, step, folder)
        options: Any = catalog.trainer(Ref(work.method, work.options))
        asked = job(work)
        found = estimate(options, asked, place=footprint.elsewhere(options, asked))
        totals[step.size, step.method] = found.total
        say(
            f"memory: predicted for a GPU, not measured, {step.called}", found.total >> 20, None, "MB", None,
            parts_mb=parts_mb(asdict(found)), tokens_per_row=found.length,
        )  # fmt: skip
    if not bench.options.quick:
        share = totals["3B", "qlora"] / totals["3B", "lora"]
        say("training: QLoRA's peak against LoRA's, 3B, predicted, not measured", round(share, 3), None, "x", None)


def methods(bench: Bench) -> None:
    """On a CPU whether each learns and acts; on a GPU how fast each is and what it takes."""
    if bench.device == "cuda":
        table(bench)
        return
    into = bench.scratch / "methods.json"
    work = Work(
        str(bench.scratch / "tiny"),
        "",
        {"num_train_epochs": 2.0 if bench.options.quick else 6.0, "per_device_train_batch_size": 4},
        str(rows_to_train.uneven("train", bench.scratch / "few.jsonl", 16)),
        str(bench.scratch / "methods"),
    )
    bench.call("methods", "--work", str(work.save(bench.scratch / "work.json")), "--into", str(into))
    for each in json.loads(into.read_text(encoding="utf-8")):
        name, error = each.pop("method"), each.pop("error", None)
        what = f"method {name}: loss after training over before, opened again"
        if error:
            say(what, None, 1.0, "x", False, why=error)
        else:
            say(what, round(each["after"] / each["before"], 3), 1.0, "x", each["falls"] and each["acts"], **each)


def table(bench: Bench) -> None:
    """Tokens per second and peak of every method on a Llama of a billion parameters (135M under ``--quick``).

    ``auto``, which is one of the others, is left out.
    """
    from sides.every_method import as_text, names

    from harness.catalog import Catalog
    from harness.host import Host

    catalog = Catalog.build(Host.load())
    size = "135M" if bench.options.quick else "1B"
    folder, rows = bench.llama(size, "bfloat16"), rows_to_train.of_words(bench.scratch / "table.jsonl", 160, 64)
    texts = as_text(rows)
    steps = {"per_device_train_batch_size": 8, "max_steps": 15, "max_length": 512}
    chosen = [name for name in names(catalog) if name != "auto"]
    works = [
        Work(
            str(folder), name, steps,
            str(texts if catalog.find("trainer", name).plugin_class.trains_on == "text" else rows),  # type: ignore[attr-defined]
            bench.fresh(name), None, "cuda", "bfloat16",
        )
        for name in chosen
    ]  # fmt: skip
    for name, found in zip(chosen, bench.train_in_turn(works), strict=True):
        what = f"training: {name} on {size}, tokens of loss per second"
        if isinstance(found, str):
            say(what, None, None, "tokens/s", None, why=found)
            continue
        say(
            what, round(found.loss_tokens / found.seconds, 1), None, "tokens/s", None,
            peak_mb=found.peak_bytes >> 20, reserved_mb=found.reserved_bytes >> 20, steps=found.steps,
            estimate_mb=found.estimate["total"] >> 20,
        )  # fmt: skip


PARTS_BY_NAME = {
    "speed": speed, "overhead": overhead, "memory": memory, "methods": methods, "predicted": predicted,
}  # fmt: skip


def run_side(options: argparse.Namespace) -> None:
    """In the fresh process."""
    if options.side == "llama":
        from sides.sized_llama import sized_llama

        sized_llama(options.into, options.size, options.dtype)
        return
    if options.side == "in turn":
        from sides import by_trainer

        works = [Work(**each) for each in json.loads(options.work.read_text(encoding="utf-8"))]
        done = [each if isinstance(each, str) else asdict(each) for each in by_trainer.in_turn(works)]
        options.into.write_text(json.dumps(done), encoding="utf-8")
        return
    work = Work.read(options.work)
    if options.side == "methods":
        from sides import every_method

        from harness.testing.tiny import tiny_llama

        tiny_llama(Path(work.model))
        options.into.write_text(json.dumps(every_method.run(work, RATES)), encoding="utf-8")
        return
    from sides import by_trainer, plain_sft

    train = plain_sft.run if options.side == "plain" else partial(by_trainer.run, estimates=options.side == "estimated")
    after_warming(train, work).save(options.into)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS_BY_NAME, help=f"default {', '.join(PARTS)}")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--model", default=DEMO_MODEL)
    parser.add_argument("--rows", type=int, help="rows to train on in speed and overhead")
    parser.add_argument("--rounds", type=int, help="how often each side runs in speed and overhead")
    parser.add_argument("--quick", action="store_true", help="a handful of rows and configurations, no verdict on time")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--size", help=argparse.SUPPRESS)
    parser.add_argument("--dtype", default="float32", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
