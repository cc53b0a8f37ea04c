"""Jobs and rows for the tests of the trainers, and what they look at afterwards."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness import Checkpoint, ModelRef, Progress, TrainJob
from harness.values import Ref
from harness_trainers.options import Common

BATCH = 4
GENERATION = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' + '\n' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' + '\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""The tiny model's chat template with the assistant's turns marked."""


def conversation(number: int, answer: str = '{{"order": {number}}}') -> list[dict[str, str]]:
    late = " and is late" * (number % 5)
    return [
        {"role": "system", "content": "You turn a ticket into JSON."},
        {"role": "user", "content": f"Order {4000 + 7 * number}: the lamp has not arrived{late}."},
        {"role": "assistant", "content": answer.format(number=4000 + 7 * number)},
    ]


def write(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_chats(path: Path, count: int, first: int = 0, answer: str = '{{"order": {number}}}') -> Path:
    return write(path, [{"messages": conversation(n, answer)} for n in range(first, first + count)])


def write_texts(path: Path, count: int, first: int = 0) -> Path:
    texts = [f"Order {4000 + 7 * n} is a lamp.{' It is late.' * (n % 7)}" for n in range(first, first + count)]
    return write(path, [{"text": text} for text in texts])


def job_for(options: Common, model: Path, folder: Path, rows: int = 12, **changes: Any) -> TrainJob:  # noqa: ANN401 - fields of the job
    """A job on rows of the kind that ``options`` trains on; four more rows validate."""
    rows_of = write_texts if options.trains_on == "text" else write_chats
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {
        "experiment": "e-1",
        "model": ModelRef(str(model), device="cpu"),
        "trainer": Ref(options.name),
        "train": rows_of(folder / "train.jsonl", rows),
        "validation": rows_of(folder / "validation.jsonl", 4, first=100),
        "output": folder / "out",
        "seed": 3,
    }
    return TrainJob(**facts | changes)


def train(
    options: Common, job: TrainJob, also: Callable[[Progress], None] = lambda progress: None
) -> tuple[Checkpoint, list[Progress]]:
    """The checkpoint, and the reports that are no mere messages."""
    reports: list[Progress] = []

    def report(progress: Progress) -> None:
        reports.append(progress)
        also(progress)

    checkpoint = options.train(job, report)
    return checkpoint, [each for each in reports if each.message is None]


def losses(reports: Sequence[Progress]) -> dict[int, float]:
    return {each.step: each.loss for each in reports if each.loss is not None}


def measured(reports: Sequence[Progress]) -> dict[int, float]:
    return {each.step: each.validation_loss for each in reports if each.validation_loss is not None}


def rates(reports: Sequence[Progress]) -> list[float]:
    return [each.learning_rate for each in reports if each.learning_rate is not None]


def trained_names(options: Common, job: TrainJob) -> list[str]:
    """What would be trained, by name."""
    from harness_trainers.opening import trained
    from harness_trainers.sft_loop import build

    return [name for name, _ in trained(build(options, job).model)]


def reopened(checkpoint: Checkpoint, options: Common, job: TrainJob) -> Any:  # noqa: ANN401 - a model of whatever class
    """The model of a checkpoint as anyone opens it: the adapter on the base as the method holds it, or the model."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from harness_trainers.opening import open_model

    if checkpoint.kind == "model":
        return AutoModelForCausalLM.from_pretrained(str(checkpoint.path), dtype=torch.float32).eval()
    return PeftModel.from_pretrained(open_model(options, job.model), str(checkpoint.path)).eval()


def validation_loss(model: Any, options: Common, job: TrainJob) -> float:  # noqa: ANN401 - of whatever class
    """Of the job's validation rows, by the model's own loss."""
    import torch

    from harness_trainers.sft_loop import build

    trainer: Any = build(options, job)
    known = ("input_ids", "attention_mask", "position_ids", "labels")
    batches = [{name: batch[name] for name in known if name in batch} for batch in trainer.get_eval_dataloader()]
    with torch.no_grad():
        return statistics.mean(model(**batch, use_cache=False).loss.item() for batch in batches)
