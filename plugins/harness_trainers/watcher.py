"""What a training is watched for: its progress, its best adapter, and when it gets no better."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from transformers import TrainerCallback

from harness import Progress, Report, TrainingFailed


class Watcher(TrainerCallback):
    """Tells the progress, keeps the adapter of the lowest validation loss and ends a training without gain."""

    def __init__(self, report: Report, *, patience: int, threshold: float) -> None:
        self._report, self._patience, self._threshold = report, patience, threshold
        self._started = time.monotonic()
        self._best: dict[str, torch.Tensor] = {}
        self._reference = math.inf
        self._without_gain = 0
        self.best_loss: float | None = None
        self.best_step: int | None = None
        self.stopped = "all steps done"

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's
        """Report the loss; one that is no number ends the training."""
        logs = kwargs["logs"]
        if "loss" in logs:
            loss = _finite(logs["loss"], state.global_step)
            self._report(self._progress(state, loss=loss, learning_rate=logs.get("learning_rate")))

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's
        """Report the validation loss, keep the adapter if it is the best so far, stop if none was for long."""
        loss = _finite(kwargs["metrics"]["eval_loss"], state.global_step)
        self._report(self._progress(state, validation_loss=loss))
        if self.best_loss is None or loss < self.best_loss:
            self.best_loss, self.best_step = loss, state.global_step
            self._best = {name: weight.detach().clone() for name, weight in trained(kwargs["model"])}
        gained = loss < self._reference - self._threshold
        self._reference = loss if gained else self._reference
        self._without_gain = 0 if gained else self._without_gain + 1
        if self._without_gain >= self._patience and state.global_step < state.max_steps:
            self.stopped = f"early: {self._without_gain} measurements without a better validation loss"
            control.should_training_stop = True

    def restore_best(self, model: torch.nn.Module) -> None:
        """Put the best adapter back; without validation there is none, and the last one stays."""
        with torch.no_grad():
            for name, weight in trained(model):
                if name in self._best:
                    weight.copy_(self._best[name])

    def _progress(
        self,
        state: Any,  # noqa: ANN401 - the library's
        *,
        loss: float | None = None,
        validation_loss: float | None = None,
        learning_rate: float | None = None,
    ) -> Progress:
        return Progress(
            step=state.global_step,
            total_steps=state.max_steps,
            epoch=float(state.epoch or 0.0),
            loss=loss,
            validation_loss=validation_loss,
            learning_rate=learning_rate,
            seconds=time.monotonic() - self._started,
        )


def trained(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """The parameters that are trained, with their names."""
    return ((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)


def _finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise TrainingFailed(f"the loss became {loss} at step {step}; a lower learning_rate may help")
    return float(loss)
