"""Trainings by the harness's trainers, called in this process; what they estimate is asked first."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import ModelRef, Progress, TrainJob
from harness.catalog import Catalog
from harness.host import Host
from harness.values import Ref
from sides.trained import Trained, Work, outcome, watched

WARM = 3
"""Steps."""


def run(work: Work, *, estimates: bool = False) -> Trained:
    """Train as ``work`` says; with ``estimates`` ask first what it will take."""
    reports: list[Progress] = []
    told: dict[str, Any] = {}
    if estimates:
        told = estimated(Catalog.build(Host.load()).trainer(Ref(work.method, work.options)), work)
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


def in_turn(works: Sequence[Work]) -> list[Trained | str]:
    """The steps of one training after the other on a GPU, each with its own peak; why, for one that broke.

    Nothing is written: the states of a model of three billion weights are tens of gigabytes. One process for all of
    them saves its start, and ``torch`` counts each training's memory from what is left of those before.
    """
    catalog = Catalog.build(Host.load())
    return [_steps_or_why(catalog, each) for each in works]


def _steps_or_why(catalog: Catalog, work: Work) -> Trained | str:
    import torch

    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    try:
        return steps(catalog.trainer(Ref(work.method, work.options)), work)
    except Exception as error:  # one that breaks, or does not fit, is a figure too
        return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


def steps(options: Any, work: Work) -> Trained:  # noqa: ANN401 - a trainer's options
    """Estimate, then take the steps; the first few are not timed, in which kernels are loaded and compiled."""
    from harness_trainers import sft_loop

    told = estimated(options, work)
    started = time.perf_counter()
    with watched(warm=WARM) as clock:
        trainer = sft_loop.build(options, job(work))
        trainer.args.save_strategy = "no"
        trainer.train()
    return outcome(clock, time.perf_counter() - started, work, estimate=told)


def estimated(options: Any, work: Work) -> dict[str, Any]:  # noqa: ANN401 - a trainer's options
    """What the trainer says that it will take, by parts, with their sum."""
    # the loop's libraries are in memory when it estimates by itself
    import harness_trainers.sft_loop  # noqa: F401
    from harness_trainers.estimate import estimate

    found = estimate(options, job(work))
    return asdict(found) | {"total": found.total}


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
