"""What a training is watched for: its progress, and when it gets no better."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import torch
from transformers import TrainerCallback

from harness import Progress, Report, TrainingFailed, own_peak_memory


class Watcher(TrainerCallback):
    """Tells the progress, has the state saved where a checkpoint is kept, and ends a training without gain."""

    def __init__(self, report: Report, *, keep: Collection[int], patience: int, threshold: float) -> None:
        self._report, self._keep = report, keep
        self._patience, self._threshold = patience, threshold
        self._started = self._marked = time.monotonic()
        self._tokens = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's
        """Count tokens from here on."""
        self._mark(state)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's
        """Measure and save what is to be kept, and report the loss wherever the state is saved."""
        if state.global_step in self._keep:
            control.should_evaluate = control.should_evaluate or args.eval_strategy != "no"
            control.should_save = True
        # a mean over steps on both sides of a saved state would be another one when the training is gone on with
        control.should_log = control.should_log or control.should_save

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's
        """Report the loss; one that is no number ends the training."""
        logs = kwargs["logs"]
        if "loss" not in logs:
            return
        loss, rate = _finite(logs["loss"], state.global_step), logs.get("learning_rate")
        now = self._now(args, state)
        self._report(replace(now, loss=loss, learning_rate=rate, tokens_per_second=self._speed(state)))
        self._mark(state)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's
        """Report the validation loss; stop if none was better for long."""
        loss = _finite(kwargs["metrics"]["eval_loss"], state.global_step)
        self._report(replace(self._now(args, state), validation_loss=loss))
        # what is measured only because a checkpoint is kept must not change how long the training goes on
        regular = [each["eval_loss"] for each in measured(state.log_history) if each["step"] % state.eval_steps == 0]
        if without_gain(regular, self._threshold) >= self._patience and state.global_step < state.max_steps:
            control.should_training_stop = True
        self._mark(state)

    def _now(self, args: Any, state: Any) -> Progress:  # noqa: ANN401 - the library's
        return Progress(
            step=state.global_step,
            total_steps=state.max_steps,
            epoch=float(state.epoch or 0.0),
            seconds=time.monotonic() - self._started,
            memory_bytes=_peak_memory(args.device),
        )

    def _mark(self, state: Any) -> None:  # noqa: ANN401 - the library's
        self._marked, self._tokens = time.monotonic(), state.num_input_tokens_seen

    def _speed(self, state: Any) -> float | None:  # noqa: ANN401 - the library's
        tokens, seconds = state.num_input_tokens_seen - self._tokens, time.monotonic() - self._marked
        return tokens / seconds if tokens and seconds else None


def measured(log_history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The measurements of the validation loss: ``step`` and ``eval_loss`` of each."""
    return [each for each in log_history if "eval_loss" in each]


def without_gain(losses: Sequence[float], threshold: float) -> int:
    """How many of the last losses beat none before them by more than ``threshold``."""
    reference, count = math.inf, 0
    for loss in losses:
        gained = loss < reference - threshold
        reference, count = (loss, 0) if gained else (reference, count + 1)
    return count


def mean_loss(log_history: Sequence[dict[str, Any]]) -> float | None:
    """The training loss over all steps, of an interrupted training too; ``None`` if there was none."""
    total, before = 0.0, 0
    for each in log_history:
        if "loss" in each:
            total, before = total + each["loss"] * (each["step"] - before), each["step"]
    return total / before if before else None


def _finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise TrainingFailed(f"the loss became {loss} at step {step}; a lower learning_rate may help")
    return float(loss)


def _peak_memory(device: torch.device) -> int:
    """The most bytes that were taken so far: of the GPU, or of the machine's memory by this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return own_peak_memory()
