"""Memory: the base model's weights are held once however many arms are asked, and what is told of it before a training.

Prints one JSON object a line and exits 0 however the figures fall. The second part trains with ``harness train``, a few
steps on docstrings of Python's own library, and holds two estimates against the peak in the record: the trainers' own,
which plays a step through, and that of ``harness advise``, which reckons it from the model's configuration.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from figures import say
from sides.rows_to_train import TICKETS, documented
from sides.trained import peak

from harness import GenerationSettings, Message, Model, ModelRef
from harness.advice.memory import memory
from harness.advice.model.shape import of_folder
from harness.store.reader import Reader
from harness_backends.transformers_backend import Transformers

Device = Literal["cpu", "cuda"]
DEMO_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
PROMPTS = [(Message("user", f"Name a colour that is not number {number}."),) for number in range(8)]
SETTINGS = GenerationSettings(max_new_tokens=8, batch_size=8)
WITHIN = {"cpu": 0.25, "cuda": 0.15}
STEPS = 3
TOLD = re.compile(r"^memory: about ([\d.]+) GB for \S+ with [\d,]+ rows? of ([\d,]+) tokens")


@dataclass(frozen=True)
class Asked:
    """A training whose peak is held against what was told of it."""

    model: str
    """``demo``, or the size of a random Llama."""
    method: memory.Method
    batch: int
    length: int
    """Tokens of the longest rows, about; others have two thirds of it."""
    checkpointing: bool = False
    dtype: str = "float32"

    @property
    def called(self) -> str:
        """How its figure is named."""
        twice = ", checkpointing" if self.checkpointing else ""
        return f"{self.method} on {self.model}, {self.batch} rows of {self.length}{twice}, {self.dtype}"


ON_A_CPU = (
    Asked("demo", "full", 2, 256),
    Asked("demo", "lora", 4, 256),
    Asked("demo", "lora", 8, 128, checkpointing=True),
    Asked("demo", "lora", 1, 1024),
    Asked("demo", "qlora", 4, 256),
    Asked("demo", "ia3", 4, 128),
    Asked("demo", "prefix_tuning", 4, 128),
    Asked("demo", "prompt_tuning", 2, 256),
    Asked("25M", "full", 8, 512),
    Asked("25M", "lora", 8, 256),
    Asked("25M", "lora", 8, 1024, checkpointing=True),
    Asked("25M", "lora", 4, 256, dtype="bfloat16"),
)
FEW = (Asked("10M", "full", 4, 128), Asked("10M", "lora", 8, 256, checkpointing=True))
ON_A_GPU = (
    Asked("135M", "full", 16, 512, checkpointing=True, dtype="bfloat16"),
    Asked("135M", "lora", 32, 1024, dtype="bfloat16"),
    Asked("135M", "prompt_tuning", 32, 512, checkpointing=True, dtype="bfloat16"),
    Asked("1B", "full", 8, 512, checkpointing=True, dtype="bfloat16"),
    Asked("1B", "lora", 8, 1024, dtype="bfloat16"),
    Asked("1B", "lora", 16, 1024, checkpointing=True, dtype="bfloat16"),
    Asked("1B", "qlora", 16, 1024, checkpointing=True, dtype="bfloat16"),
    Asked("1B", "ia3", 16, 512, checkpointing=True, dtype="bfloat16"),
    Asked("1B", "prefix_tuning", 8, 512, dtype="bfloat16"),
    Asked("3B", "qlora", 8, 1024, checkpointing=True, dtype="bfloat16"),
)
FEW_ON_A_GPU = ON_A_GPU[:2]


def main() -> None:
    options = arguments()
    folder = Transformers().folder(ModelRef(options.model))
    if options.peak is not None:
        print(peak_with(ModelRef(str(folder), device=options.device), options.peak))
        return
    if options.part in (None, "copies"):
        copies(options, folder)
    if options.part in (None, "estimates"):
        with tempfile.TemporaryDirectory() as scratch:
            estimates(options, {"demo": folder}, Path(scratch))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEMO_MODEL)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda; the trainings of auto are on the CPU")
    parser.add_argument("--part", choices=["copies", "estimates"], help="default both")
    parser.add_argument("--quick", action="store_true", help="two small trainings")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


# copies of the weights


def copies(options: argparse.Namespace, folder: Path) -> None:
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    base, arms = (measured(options, adapters) for adapters in (0, 2))
    share = 1 + max(0, arms - base) / weights
    say(
        "copies of the base weights with base, prompted and two adapters",
        round(share, 2), 1.5, "x", share < 1.5,
        weights_mb=weights >> 20, base_peak_mb=base >> 20, arms_peak_mb=arms >> 20,
    )  # fmt: skip


def measured(options: argparse.Namespace, adapters: int) -> int:
    """Peak of a fresh process, in bytes: of its own memory, or of what torch allocated on the GPU."""
    command = [sys.executable, __file__, "--model", options.model, "--device", options.device, "--peak", str(adapters)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def peak_with(ref: ModelRef, adapters: int) -> int:
    import torch

    from harness.testing.tiny import tiny_adapter

    with tempfile.TemporaryDirectory() as folder, Transformers().open(ref) as base:
        ask(base)
        for number in range(adapters):
            ask(base.with_adapter(tiny_adapter(Path(ref.name), Path(folder) / str(number), seed=number)))
    return peak("cpu" if ref.device == "cpu" or not torch.cuda.is_available() else "cuda")


def ask(model: Model) -> None:
    model.generate(PROMPTS, SETTINGS, sample_ids=[str(number) for number in range(len(PROMPTS))])


# estimates of trainings


def estimates(options: argparse.Namespace, models: dict[str, Path], scratch: Path) -> None:
    """A line for each training, and one for the largest error of both estimates."""
    device: Device = "cuda" if options.device == "cuda" else "cpu"
    few, all_of_them = (FEW_ON_A_GPU, ON_A_GPU) if device == "cuda" else (FEW, ON_A_CPU)
    found = [held_against(asked, device, models, scratch) for asked in (few if options.quick else all_of_them)]
    errors = {asked: error for each in found for asked, error in each.items()}
    worst = max(errors, key=errors.__getitem__, default=None)
    say(
        "memory: largest error of an estimate against a recorded peak",
        None if worst is None else round(errors[worst], 3), WITHIN[device], "share",
        None if worst is None else errors[worst] <= WITHIN[device],
        of=worst, trainings=sum(map(bool, found)), failed=sum(not each for each in found), device=device,
    )  # fmt: skip


def held_against(asked: Asked, device: Device, models: dict[str, Path], scratch: Path) -> dict[str, float]:
    """The errors of both estimates, by name; empty where the training failed."""
    model = model_of(asked, models, scratch)
    limit, what = WITHIN[device], f"memory: estimate over recorded peak, {asked.called}"
    folder = Path(tempfile.mkdtemp(dir=scratch))
    done = train(asked, model, device, folder)
    if done.returncode:
        say(what, None, 1 + limit, "x", None, why=done.stderr.strip()[-300:])
        return {}
    told, length, peak = recorded(folder / "results" / "harness.db")
    reckoned = memory.footprint(
        of_folder(model),
        memory.Training(
            method=asked.method, batch=asked.batch, length=length, checkpointing=asked.checkpointing,
            dtype=asked.dtype, device=device,
        ),
    )  # fmt: skip
    # what torch allocates on a GPU leaves the driver's context out
    advised = reckoned.total - (memory.overhead(device) if device == "cuda" else 0)
    ratios = {"trainer": told / peak, "advice": advised / peak}
    errors = {name: abs(ratio - 1) for name, ratio in ratios.items()}
    say(
        what, round(ratios["trainer"], 3), 1 + limit, "x", max(errors.values()) <= limit,
        advice=round(ratios["advice"], 3), peak_mb=peak >> 20, trainer_mb=told >> 20, advice_mb=advised >> 20,
        tokens_per_row=length,
    )  # fmt: skip
    return {f"{name}: {asked.called}": error for name, error in errors.items()}


def model_of(asked: Asked, models: dict[str, Path], scratch: Path) -> Path:
    """Its folder; a random Llama is made once, in a process of its own."""
    key = asked.model if asked.model == "demo" else f"{asked.model}-{asked.dtype}"
    if key not in models:
        models[key] = scratch / key
        make = "import sys; from pathlib import Path; from sides.sized_llama import sized_llama; "
        call = "sized_llama(Path(sys.argv[1]), *sys.argv[2:])"
        subprocess.run(
            [sys.executable, "-c", make + call, str(models[key]), asked.model, asked.dtype],
            check=True, cwd=Path(__file__).parent, stdout=sys.stderr,
        )  # fmt: skip
    return models[key]


def train(asked: Asked, model: Path, device: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """``harness train`` on a suite that asks for this."""
    suite: dict[str, Any] = {
        "suite": "memory",
        "seed": 7,
        "model": {"name": str(model), "dtype": asked.dtype, "device": device},
        "data": {
            "train": str(rows(folder / "train.jsonl", model, asked)),
            "test": str(TICKETS / "support_tickets.test.jsonl"),
        },
        "trainer": {
            "name": asked.method,
            "per_device_train_batch_size": asked.batch,
            "max_length": 2 * asked.length,
            "max_steps": STEPS,
            **({} if asked.method == "prefix_tuning" else {"gradient_checkpointing": asked.checkpointing}),
        },
        "tasks": [{"name": "tickets", "data": "test", "metrics": ["exact_match"]}],
    }
    # JSON is YAML
    (folder / "suite.yaml").write_text(json.dumps(suite), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "harness.cli.main", "train", "suite.yaml", "--output", "results", "--json"],
        cwd=folder, check=False, capture_output=True, text=True,
    )  # fmt: skip


def rows(into: Path, model: Path, asked: Asked) -> Path:
    """As many rows as the steps take: docstrings one behind the other, cut to the length."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(model)
    said = (json.loads(line)["messages"] for line in documented(into, 1 << 30).read_text("utf-8").splitlines())
    stream = itertools.cycle([(user["content"], tokenizer(answer["content"])["input_ids"]) for user, answer in said])
    made = []
    for number in range(asked.batch * STEPS):
        most = asked.length if number < asked.batch else asked.length * 2 // 3
        question, answer = next(stream)
        frame = [{"role": "user", "content": question}, {"role": "assistant", "content": ""}]
        left = most - len(tokenizer.apply_chat_template(frame, return_dict=True)["input_ids"])
        tokens = [*answer, *further(stream, left - len(answer))][: max(8, left)]
        frame[1]["content"] = tokenizer.decode(tokens)
        made.append(json.dumps({"messages": frame}) + "\n")
    into.write_text("".join(made), encoding="utf-8")
    return into


def further(stream: Iterator[tuple[str, list[int]]], count: int) -> list[int]:
    """At least so many tokens of what comes next."""
    found: list[int] = []
    while len(found) < count:
        found += next(stream)[1]
    return found


def recorded(record: Path) -> tuple[int, int, int]:
    """What the training told that it would take, in bytes, tokens of its longest row, and the peak that it had."""
    with Reader(record) as reader:
        progress = reader.progress("memory-1")
    told = next(found for each in progress if each.message and (found := TOLD.match(each.message)))
    peak = max(each.memory_bytes or 0 for each in progress)
    return round(float(told[1]) * 1e9), int(told[2].replace(",", "")), peak


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
