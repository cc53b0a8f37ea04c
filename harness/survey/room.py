"""What trainings of the model take of the memory, method by method, beside the one that is advised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.advice import devices
from harness.advice.memory import memory
from harness.advice.memory.memory import METHODS, MemoryRow, Training
from harness.advice.training.hyperparameters import TrainingAdvice
from harness.survey.ground import Ground
from harness.survey.subject import Subject

BATCHES = (1, 4, 16)
"""Rows at a time for which memory is told, besides those that are advised."""
_WHOLE = ("full", "lora", "qlora")
"""Methods that are told in every batch and length; the others take about as much as lora, and are told once."""
_LONGER = 4
"""And a length so many times that of the rows, for those who expect longer ones."""
_COMMON_LENGTH = 1024
"""Tokens of a row where nobody has shown one."""


def table(subject: Subject, ground: Ground, training: TrainingAdvice | None) -> tuple[MemoryRow, ...]:
    """A line for each method, batch and length; none where the model's shape is not known."""
    if ground.shape is None or subject.model is None:
        return ()
    return memory.table(
        ground.shape,
        list(_trainings(subject, ground, training)),
        here=ground.device,
        others=devices.known(),
    )


def largest(subject: Subject, ground: Ground, training: TrainingAdvice | None) -> tuple[tuple[str, int, int], ...]:
    """Method, length and the most rows at a time for which the device has room."""
    if ground.shape is None or subject.model is None:
        return ()
    shape, free = ground.shape, ground.device.memory
    single = {(each.method, each.length): each for each in _trainings(subject, ground, training)}
    return tuple(
        (method, length, memory.largest_batch(shape, replace(each, batch=1), free))
        for (method, length), each in single.items()
    )


def evaluation(subject: Subject, ground: Ground) -> int | None:
    """What asking the suite's tasks takes at its largest moment."""
    if ground.shape is None or subject.model is None or not subject.plan or not ground.long_prompt:
        return None
    answers = [task.task.generation.max_new_tokens for task in subject.plan.tasks]
    return memory.evaluation(
        ground.shape,
        batch=subject.plan.suite.batch_size,
        length=round(ground.long_prompt) + max(answers, default=0),
        dtype=subject.model.dtype,
        device="cuda" if ground.device.kind == "cuda" else "cpu",
    )


def _trainings(subject: Subject, ground: Ground, training: TrainingAdvice | None) -> Iterator[Training]:
    options = training.options if training else {}
    length = _number(options, "max_length", _COMMON_LENGTH)
    longer = min(_LONGER * length, (ground.shape.window if ground.shape else None) or _LONGER * length)
    advised = _number(options, "per_device_train_batch_size", 1)
    like = Training(
        method="lora",
        batch=advised,
        length=length,
        r=_number(options, "r", 16),
        dtype=subject.model.dtype if subject.model else "float32",
        device="cuda" if ground.device.kind == "cuda" else "cpu",
        checkpointing=_said(options, "gradient_checkpointing"),
        accumulates=_number(options, "gradient_accumulation_steps", 1) > 1,
    )
    for method in METHODS:
        if method not in _WHOLE and (training is None or method != training.method):
            yield replace(like, method=method, checkpointing=None)
            continue
        own = like if training and method == training.method else replace(like, checkpointing=None)
        for each in dict.fromkeys((length, longer)):
            for batch in sorted({*BATCHES, advised}):
                yield replace(own, method=method, batch=batch, length=each)


def _number(options: dict[str, object], name: str, otherwise: int) -> int:
    value = options.get(name)
    return value if isinstance(value, int) else otherwise


def _said(options: dict[str, object], name: str) -> bool | None:
    value = options.get(name)
    return value if isinstance(value, bool) else None
