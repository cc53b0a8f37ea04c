"""Both arms asked side by side until the gates of a task are certain."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from harness.comparison import sequential
from harness.execution.evaluate import BATCHES_A_CHUNK, Evaluation
from harness.plan import Plan, PlannedTask
from harness.values import GateRule, Sample, Stopping

_TYPICAL_SCORE = 0.5
"""What a share of the baseline's score is reckoned from before that is known; it moves the first look, no level."""
_TYPICAL_MARGIN = 0.05


def prepare(planned: PlannedTask, plan: Plan) -> PlannedTask:
    """The task with its items in a random order and its looks fixed, if it may stop early and two arms are asked it.

    The order is drawn with the suite's seed and recorded before the first item is asked: an early verdict on items in
    their own order, subject by subject, would be one on the first subjects.
    """
    if planned.stop_for is None or len(plan.arms_of_benchmarks) < 2:
        return planned
    samples = list(planned.samples)
    random.Random(plan.suite.seed).shuffle(samples)  # noqa: S311 - repeatable, not secret
    margin = min(_margin(rule) for rule in plan.gates if rule.task == planned.name)
    if planned.stop_for == "population":
        looks = sequential.schedule(len(samples), margin)
    else:
        looks = tuple(_every(BATCHES_A_CHUNK * planned.task.generation.batch_size, len(samples)))
    task = replace(planned.task, stopping=Stopping(planned.stop_for, len(samples), looks))
    return replace(planned, task=task, samples=tuple(samples))


def ask_until(planned: PlannedTask, askings: Sequence[Evaluation], is_decided: Callable[[], bool]) -> int:
    """Ask all arms up to each look in turn, until the gates are decided; how many items that took."""
    stopping = planned.task.stopping
    assert stopping is not None
    for asking in askings:
        asking.begin(planned)
    asked = 0
    for look in stopping.looks:
        for asking in askings:
            asking.ask(planned, _together(planned.samples[asked:look]))
        asked = look
        # After an interruption: what is recorded beyond this look was asked because this look decided nothing.
        if look == stopping.total or (not _is_beyond(planned, askings, look) and is_decided()):
            break
    return asked


def _is_beyond(planned: PlannedTask, askings: Sequence[Evaluation], look: int) -> bool:
    return any(asking.has_answered(planned, sample) for asking in askings for sample in planned.samples[look:])


def _together(samples: Sequence[Sample]) -> list[Sample]:
    """Items of one part side by side, for they share the beginning of their prompts; within a look order is free."""
    return sorted(samples, key=lambda sample: sample.stratum or "")


def _margin(rule: GateRule) -> float:
    if rule.max_drop is not None:
        return rule.max_drop * (_TYPICAL_SCORE if rule.relative else 1.0)
    return rule.min_gain or _TYPICAL_MARGIN


def _every(step: int, total: int) -> Iterator[int]:
    yield from range(step, total, step)
    yield total
