"""The base model's weights in memory: once, however many arms are asked."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from figures import say

from harness import GenerationSettings, Message, Model, ModelRef
from harness_backends.transformers_backend import Transformers

DEMO_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
PROMPTS = [(Message("user", f"Name a colour that is not number {number}."),) for number in range(8)]
SETTINGS = GenerationSettings(max_new_tokens=8, batch_size=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEMO_MODEL)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--quick", action="store_true", help="the same work: it is short")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = Transformers().folder(ModelRef(options.model))
    if options.peak is not None:
        print(peak_with(ModelRef(str(folder), device=options.device), options.peak))
        return
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    base, arms = (measured(options, adapters) for adapters in (0, 2))
    copies = 1 + max(0, arms - base) / weights
    say(
        "copies of the base weights with base, prompted and two adapters",
        round(copies, 2), 1.5, "x", copies < 1.5,
        weights_mb=weights >> 20, base_peak_mb=base >> 20, arms_peak_mb=arms >> 20,
    )  # fmt: skip


def measured(options: argparse.Namespace, adapters: int) -> int:
    """Peak resident memory of a fresh process, in bytes."""
    command = [sys.executable, __file__, "--model", options.model, "--device", options.device, "--peak", str(adapters)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def peak_with(ref: ModelRef, adapters: int) -> int:
    from harness.testing.tiny import tiny_adapter

    with tempfile.TemporaryDirectory() as folder, Transformers().open(ref) as base:
        ask(base)
        for number in range(adapters):
            ask(base.with_adapter(tiny_adapter(Path(ref.name), Path(folder) / str(number), seed=number)))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def ask(model: Model) -> None:
    model.generate(PROMPTS, SETTINGS, sample_ids=[str(number) for number in range(len(PROMPTS))])


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
