"""A training by one of the harness's trainers, called in this process; what it estimates is asked first."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import ModelRef, Progress, TrainJob
from harness.catalog import Catalog
from harness.host import Host
from harness.values import Ref
from sides.trained import Trained, Work, outcome, watched


def run(work: Work, *, estimates: bool = False) -> Trained:
    """Train as ``work`` says; with ``estimates`` ask first what it will take."""
    reports: list[Progress] = []
    told: dict[str, Any] = {}
    if estimates:
        # the loop's libraries are in memory when it estimates by itself
        import harness_trainers.sft_loop  # noqa: F401
        from harness_trainers.estimate import estimate

        options: Any = Catalog.build(Host.load()).trainer(Ref(work.method, work.options))
        found = estimate(options, job(work))
        told = asdict(found) | {"total": found.total, "training": found.training}
    with watched() as clock:
        started = time.perf_counter()
        trainer = Catalog.build(Host.load()).trainer(Ref(work.method, work.options))
        trainer.train(job(work), reports.append)
        whole = time.perf_counter() - started
    return outcome(
        clock,
        whole,
        work,
        messages=tuple(each.message for each in reports if each.message),
        estimate=told,
        losses=tuple(each.loss for each in reports if each.loss is not None),
    )


def job(work: Work) -> TrainJob:
    """What the trainer is given; no validation rows, so that nothing but steps is timed."""
    Path(work.output).mkdir(parents=True, exist_ok=True)
    return TrainJob(
        experiment="bench",
        model=ModelRef(work.model, dtype=work.dtype, device=work.device),
        trainer=Ref(work.method, work.options),
        train=Path(work.train),
        validation=None,
        output=Path(work.output),
        seed=work.seed,
    )
