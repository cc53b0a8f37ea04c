"""Advice before a training: what it says of the time against the training itself, and how soon it is there.

Prints one JSON object a line and exits 0 however the figures fall. ``--part`` chooses among

- ``time``: the estimate after a probe beside the training that follows, for adapters and whole models, on rows that are
  alike (the demo's) and on rows of uneven length, validation rows and saved states among it;
- ``command``: the wall time of ``harness advise SUITE --json`` that measures nothing, and whether torch was imported.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import say
from sides import rows_to_train

if TYPE_CHECKING:
    from harness.advice.time.duration import Duration, Probed

WITHIN, MOST_SECONDS = 0.20, 2.0
ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "suites" / "support_tickets.yaml"
DEMO_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
PARTS = ("time", "command")
PLAIN = {"per_device_train_batch_size": 4, "early_stopping_patience": 100}
"""Without an early end, which no estimate can foresee."""


@dataclass(frozen=True)
class Case:
    """A training that is foreseen and then done."""

    called: str
    method: str = "lora"
    rows: str = ""
    """``uneven`` or ``documented`` (``sides/rows_to_train.py``); empty for the demo's suite."""
    count: int = 0
    validation: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    model: str = DEMO_MODEL


CASES = (
    Case("the demo's suite"),
    Case("lora, docstrings of uneven length", "lora", "documented", 96, 16, {"num_train_epochs": 2.0, "r": 8}),
    Case(
        "full, tickets with mail quoted",
        "full",
        "uneven",
        80,
        16,
        {"num_train_epochs": 1.0, "evals_per_epoch": 3, "per_device_train_batch_size": 2},
    ),
)


def main() -> None:
    options = arguments()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        for part in options.part or PARTS:
            {"time": foreseen, "command": waited_for}[part](options, Path(scratch))
    say("bench/advice.py, all of it", round(time.perf_counter() - started), None, "s", None, quick=options.quick)


def foreseen(options: argparse.Namespace, scratch: Path) -> None:
    """Each case's estimate beside the seconds of its training process, and of the whole command."""
    cases = CASES
    if options.quick:
        model = str(small_llama(scratch / "llama"))
        few = {"max_steps": 16, "evals_per_epoch": 1}
        cases = (Case("a random Llama of ten million weights", "lora", "uneven", 160, 16, few, model),)
    for number, case in enumerate(cases):
        if options.case and number not in options.case:
            continue
        suite = DEMO if not case.rows else suite_of(case, scratch / f"case-{number}", options.device)
        probed, expected = probe(suite, scratch / f"results-{number}")
        process, command = trained(suite, scratch / f"results-{number}")
        ratio = expected.seconds / process
        say(
            f"advice: estimate after the probe over the training, {case.called}",
            round(ratio, 3), 1 + WITHIN, "x", None if options.quick else abs(ratio - 1) <= WITHIN,
            estimate_s=round(expected.seconds, 1), training_s=process, command_s=round(command, 1),
            over_command=round(expected.seconds / command, 3), low_s=round(expected.low), high_s=round(expected.high),
            steps=expected.steps, probe=probed.basis, starting_s=round(expected.starting, 1),
            stepping_s=round(expected.stepping, 1), validating_s=round(expected.validating, 1),
            ending_s=round(expected.ending, 1), step_s=round(probed.step_seconds, 3),
            error_s=round(probed.spread, 3), peak_mb=(probed.peak_memory or 0) >> 20,
        )  # fmt: skip


def probe(suite: Path, results: Path) -> tuple[Probed, Duration]:
    """What the probe saw, and what follows for the whole training; as ``harness advise`` does it."""
    from harness.advice.time.duration import of_probe
    from harness.catalog import Catalog
    from harness.cli.progress import QuietObserver
    from harness.experiment import Setting
    from harness.host import Host
    from harness.plan import make
    from harness.suite.load import load
    from harness.survey import ground, probe, subject
    from harness.survey.schedule import schedule

    host = Host.load()
    catalog = Catalog.build(host)
    plan = make(load(suite), catalog)
    assert plan.training is not None
    trainer = plan.training.stages[-1].trainer
    lengths = ground.survey(subject.of_plan(plan, plan.suite.advice), catalog).lengths
    assert lengths is not None
    setting = Setting(results, host, catalog, QuietObserver())
    probed = probe.probe(plan, setting, trainer.ref, lengths=lengths)
    return probed, of_probe(schedule(plan, trainer.instance, lengths), probed)


def trained(suite: Path, results: Path) -> tuple[float, float]:
    """Seconds of the training process by the record, and of ``harness train`` by the clock."""
    command = [sys.executable, "-m", "harness.cli.main", "train", str(suite), "--output", str(results), "--json"]
    began = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"harness train: {done.stderr.strip()[-500:]}")
    with closing(sqlite3.connect(results / "harness.db")) as record:
        ((first, last),) = record.execute("SELECT started, finished FROM trainings").fetchall()
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds(), seconds


def suite_of(case: Case, folder: Path, device: str) -> Path:
    """A suite that asks for the case's training."""
    folder.mkdir()
    if case.rows == "uneven":
        train = rows_to_train.uneven("train", folder / "train.jsonl", case.count)
        validation = rows_to_train.uneven("validation", folder / "validation.jsonl", case.validation)
    else:
        train = rows_to_train.documented(folder / "train.jsonl", case.count)
        validation = rows_to_train.documented(folder / "validation.jsonl", case.validation, validation=True)
    test = rows_to_train.TICKETS / "support_tickets.test.jsonl"
    asked = {
        "suite": "bench",
        "seed": 7,
        "model": {"name": case.model, "dtype": "float32", "device": device},
        "data": {"train": str(train), "validation": str(validation), "test": str(test)},
        "trainer": {"name": case.method, **PLAIN, **case.options},
        "tasks": [{"name": "tickets", "data": "test", "metrics": ["exact_match"]}],
    }
    # JSON is YAML
    (folder / "suite.yaml").write_text(json.dumps(asked), encoding="utf-8")
    return folder / "suite.yaml"


def small_llama(folder: Path) -> Path:
    """A random one, made in a process of its own, so that torch is not in this one."""
    program = "import sys; from pathlib import Path; from sides.sized_llama import sized_llama\n"
    program += "sized_llama(Path(sys.argv[1]), '10M', 'float32')"
    subprocess.run([sys.executable, "-c", program, str(folder)], cwd=Path(__file__).parent, check=True)
    return folder


def waited_for(options: argparse.Namespace, scratch: Path) -> None:
    """``harness advise SUITE --json`` in fresh processes, and what one of them has imported."""
    arguments = ["advise", str(DEMO), "--json", "--no-measure", "--output", str(scratch / "advised")]
    command = [str(Path(sys.executable).parent / "harness"), *arguments]
    seconds = []
    for _ in range(2 if options.quick else 6):
        began = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        seconds.append(time.perf_counter() - began)
        if done.returncode:
            say(
                "harness advise --json, nothing measured", None, MOST_SECONDS, "s", None, why=done.stderr.strip()[-300:]
            )
            return
    # the first one finds the files not read yet
    median = statistics.median(seconds[1:])
    say(
        "harness advise --json, nothing measured", round(median, 3), MOST_SECONDS, "s", median <= MOST_SECONDS,
        first=round(seconds[0], 3), least=round(min(seconds), 3), most=round(max(seconds), 3),
        characters=len(done.stdout),
    )  # fmt: skip
    loaded = heavy_modules(arguments)
    say("heavy modules imported by it", len(loaded), 0, "modules", not loaded, modules=loaded)


def heavy_modules(arguments: list[str]) -> list[str]:
    program = (
        "import sys\nfrom harness.cli.main import cli\n"
        f"cli.main({arguments!r}, standalone_mode=False)\n"
        "print('|'.join(name for name in ('torch', 'transformers') if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return [name for name in done.stderr.splitlines()[-1].split("|") if name]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="default all")
    parser.add_argument("--case", action="append", type=int, help="only this training, counted from 0")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--quick", action="store_true", help="one small training, no verdict on its time")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
