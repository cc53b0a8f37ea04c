"""What one side made of a training, and how its time, tokens, memory and validation loss are taken alike."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sides.outcome import peak_bytes

IGNORED = -100


@dataclass(frozen=True)
class Work:
    """A training that a side is asked for; its own process reads it from a file."""

    model: str
    method: str
    options: dict[str, Any]
    train: str
    output: str
    validation: str | None = None
    """Rows whose loss is taken once the training is over, by the same code for each side."""
    device: str = "cpu"
    dtype: str = "float32"
    seed: int = 7
    precision: str = "default"
    """Of plain TRL: its ``default``, or ``float32``."""
    order: str = "its own"
    """Of plain TRL's batches: ``its own``, or that of the ``harness``, for one epoch."""

    def save(self, path: Path) -> Path:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> Work:
        """Read what ``save`` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Trained:
    """What came of it."""

    seconds: float
    """From the first step to the last; no loading, no tokenising."""
    whole_seconds: float
    """From the side's call to its result; neither imports of the bench nor the validation afterwards."""
    loss_tokens: int
    steps: int
    peak_bytes: int
    reserved_bytes: int
    """On a GPU, what torch took from the device; 0 on a CPU."""
    validation_loss: float | None = None
    estimate: dict[str, Any] = field(default_factory=dict)
    free_bytes: int = 0
    messages: tuple[str, ...] = ()
    losses: tuple[float, ...] = ()

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Trained:
        """Read what ``save`` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass
class Clock:
    """What was seen of a trainer's own loop."""

    seconds: float = 0.0
    loss_tokens: int = 0
    steps: int = 0


@contextmanager
def watched() -> Iterator[Clock]:
    """Times ``transformers.Trainer.train``, in which every side's steps are taken, and counts its tokens of loss."""
    from transformers import Trainer

    clock, original = Clock(), Trainer.train

    def train(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        started = time.perf_counter()
        try:
            return original(self, *args, **kwargs)
        finally:
            clock.seconds = time.perf_counter() - started
            clock.steps = int(self.state.global_step)
            clock.loss_tokens = round(_labels(self.train_dataset) * float(self.state.epoch or 0.0))

    Trainer.train = train  # type: ignore[method-assign]
    try:
        yield clock
    finally:
        Trainer.train = original  # type: ignore[method-assign]


def _labels(dataset: Any) -> int:  # noqa: ANN401
    """Labelled tokens of one round over the rows."""
    if "labels" not in dataset.column_names:
        return 0
    return sum(sum(label != IGNORED for label in row) for row in dataset["labels"])


def peak(device: str) -> int:
    """The largest memory held so far: of a GPU what torch allocated, else of this process, its start left out."""
    status = Path("/proc/self/status")
    if device.startswith("cuda") or not status.is_file():
        return peak_bytes(device)
    # what the system tells a parent of its child counts the parent's own memory at the moment of the start
    line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def reserved(device: str) -> int:
    """What torch holds of a GPU at most."""
    if not device.startswith("cuda"):
        return 0
    import torch

    return int(torch.cuda.max_memory_reserved())


def outcome(clock: Clock, whole_seconds: float, work: Work, **more: Any) -> Trained:  # noqa: ANN401
    """The result, its peak taken now and its validation loss after that."""
    most, held = peak(work.device), reserved(work.device)
    loss = validation_loss(work) if work.validation else None
    return Trained(clock.seconds, whole_seconds, clock.loss_tokens, clock.steps, most, held, loss, **more)


def validation_loss(work: Work) -> float:
    """Mean loss of the answers' tokens in float32, of the adapter or model in ``work.output``."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    is_adapter = (Path(work.output) / "adapter_config.json").is_file()
    folder = work.model if is_adapter else work.output
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(work.device)
    if is_adapter:
        model = PeftModel.from_pretrained(model, work.output)
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(work.model)
    total, count = 0.0, 0
    assert work.validation is not None
    for line in Path(work.validation).read_text(encoding="utf-8").splitlines():
        ids, start = _tokens(tokenizer, json.loads(line)["messages"])
        wanted = torch.tensor(ids[start:], device=work.device)
        with torch.inference_mode():
            # from the end: virtual tokens may stand before the row
            logits = model(torch.tensor([ids], device=work.device)).logits[0, -len(wanted) - 1 : -1].float()
        total += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
        count += len(wanted)
    return total / count if count else math.nan


def _tokens(tokenizer: Any, messages: list[dict[str, str]]) -> tuple[list[int], int]:  # noqa: ANN401
    """All tokens of a row, and where its answer begins."""
    whole = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True)["input_ids"]
    before = tokenizer.apply_chat_template(messages[:-1], tokenize=True, return_dict=True, add_generation_prompt=True)[
        "input_ids"
    ]
    return list(whole), len(before)
