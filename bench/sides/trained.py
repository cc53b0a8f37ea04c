"""What one side made of a training, and how its time, tokens, memory and validation loss are taken alike."""

from __future__ import annotations

import gc
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
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
    warms: bool = False
    """Whether a few steps are trained first and forgotten, in which a GPU's kernels are loaded and compiled."""

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
def watched(warm: int = 0) -> Iterator[Clock]:
    """Times ``transformers.Trainer.train``, in which every side's steps are taken, and counts its tokens of loss.

    The first ``warm`` steps do not count; the rows must be of equal length then.
    """
    from transformers import Trainer

    clock, original = Clock(), Trainer.train

    def train(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        begun = _begun(self, warm)
        try:
            return original(self, *args, **kwargs)
        finally:
            _wait(self.args.device)
            clock.seconds = time.perf_counter() - begun.at
            clock.steps = int(self.state.global_step) - begun.step
            clock.loss_tokens = round(_labels(self.train_dataset) * (float(self.state.epoch or 0.0) - begun.epoch))

    Trainer.train = train  # type: ignore[method-assign]
    try:
        yield clock
    finally:
        Trainer.train = original  # type: ignore[method-assign]


@dataclass
class _Begun:
    """When, and where in the training, the clock began."""

    at: float
    step: int = 0
    epoch: float = 0.0


def _begun(trainer: Any, warm: int) -> _Begun:  # noqa: ANN401
    from transformers import TrainerCallback

    begun = _Begun(time.perf_counter())

    class AfterSteps(TrainerCallback):
        """Begins anew when the first steps are done."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
            if state.global_step == warm:
                _wait(args.device)
                begun.at, begun.step, begun.epoch = time.perf_counter(), state.global_step, float(state.epoch or 0.0)

    if warm:
        trainer.add_callback(AfterSteps())
    return begun


def _wait(device: Any) -> None:  # noqa: ANN401 - a torch.device
    """Until a GPU has done what it was given; a CPU has."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def after_warming(train: Callable[[Work], Trained], work: Work) -> Trained:
    """What ``train`` makes of the work, with its own peak; a few steps before, where the work says so."""
    if work.warms:
        short = {"max_steps": 3}
        train(replace(work, options=work.options | short, output=f"{work.output}-warm", validation=None))
        import torch

        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return train(work)


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
