"""A second experiment on the same base: how long its base arm takes when the record has every answer.

The model is a tiny one with random weights: after loading, what is measured is looking up, scoring and recording, which
no model takes part in.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from figures import say

from harness import Model, ModelRef, experiment, plan
from harness.catalog import Catalog
from harness.cli.progress import QuietObserver
from harness.experiment import Setting
from harness.host import Host
from harness.suite.load import load
from harness.testing.tiny import tiny_llama
from harness_backends.transformers_backend import Transformers

NEARBY = Path(__file__).resolve().parents[1].parent / "shared" / "data"
TICKETS = Path(__file__).resolve().parents[1] / "suites" / "data" / "support_tickets.test.jsonl"
LONGEST = 2.0
SUITE = """\
suite: again
model: {{name: {model}}}
data: {{test: {tickets}}}
tasks: [{{name: tickets, generation: {{max_new_tokens: 8}}, metrics: [exact_match, f1]}}]
benchmarks: {benchmarks}
gates: [{{task: tickets, metric: f1, at_least: 0.0}}]
"""


@dataclass(frozen=True)
class Watched(Transformers):
    """The backend, with the moment at which the model was open and what it was asked from then on."""

    opened: ClassVar[list[float]] = []
    passes: ClassVar[list[int]] = []

    @contextmanager
    def open(self, model: ModelRef) -> Iterator[Model]:
        """The model as ever."""
        with super().open(model) as opened:
            opened.weights.base.register_forward_pre_hook(lambda *_: self.passes.append(1))
            self.opened.append(time.perf_counter())
            yield opened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=Path(os.environ.get("HARNESS_BENCHMARK_PACK") or NEARBY))
    parser.add_argument("--quick", action="store_true", help="a tenth of the items")
    options = parser.parse_args()
    mmlu, hellaswag = (114, 100) if options.quick else (1140, 1000)
    packed = f"[{{name: mmlu, limit: {mmlu}}}, {{name: hellaswag, limit: {hellaswag}}}, {{name: canary}}]"
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        tiny_llama(folder / "model")
        suite = folder / "suite.yaml"
        benchmarks = packed if options.pack.is_dir() else "[{name: canary}]"
        suite.write_text(SUITE.format(model=folder / "model", tickets=TICKETS, benchmarks=benchmarks))
        first, asked = evaluated(suite, folder, options.pack)
        second, again = evaluated(suite, folder, options.pack)
    ok = second <= LONGEST and not again
    say(
        "base arm of a second experiment, after loading", round(second, 2), LONGEST, "s", ok,
        first_s=round(first, 2), passes_first=asked, passes_second=again, tickets=200, mmlu=mmlu, hellaswag=hellaswag,
    )  # fmt: skip


def evaluated(suite: Path, folder: Path, pack: Path) -> tuple[float, int]:
    """Seconds from the open model to the finished run, and the forward passes in them."""
    os.environ["HARNESS_BENCHMARK_PACK"] = str(pack)
    host = Host.load()
    catalog = Catalog.build(host)
    made = plan.make(load(suite), catalog)
    made = replace(made, backend=replace(made.backend, instance=Watched()))
    Watched.passes.clear()
    base = next(arm for arm in made.arms if arm.name == "base")
    experiment.evaluate(made, Setting(folder / "results", host, catalog, QuietObserver()), [base])
    return time.perf_counter() - Watched.opened[-1], len(Watched.passes)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
