"""Supervised fine-tuning: the options, checked before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness import Checkpoint, Report, TrainJob

SCHEDULES = ("constant", "constant_with_warmup", "cosine", "linear")


@dataclass(frozen=True)
class Lora:
    """Trains a LoRA adapter on the answers of chat rows; the options have PEFT's and TRL's names.

    The loss is on the last message of each row, its end token included, and on nothing else. With validation rows the
    adapter that comes back is the one with the lowest validation loss; without, it is the last one.
    """

    name: ClassVar[str] = "lora"
    requires_packages: ClassVar[tuple[str, ...]] = ("torch", "transformers", "peft", "trl", "accelerate", "datasets")

    r: int = 16
    """Rank of the two matrices that are trained beside each adapted one."""
    lora_alpha: int = 32
    """The adapter's output is scaled by ``lora_alpha / r``."""
    lora_dropout: float = 0.0
    target_modules: str | tuple[str, ...] = "all-linear"
    """``all-linear``, or the ends of the names of the modules to adapt: ``[q_proj, v_proj]``."""
    learning_rate: float = 2e-4
    lr_scheduler_type: str = "cosine"
    warmup_ratio: float = 0.03
    """Share of the steps in which the learning rate rises from 0; ``constant`` has no warm-up."""
    weight_decay: float = 0.0
    num_train_epochs: float = 3.0
    max_steps: int = -1
    """Ends the training after so many steps, whatever ``num_train_epochs`` says; -1 for no such end."""
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    max_length: int = 1024
    """Tokens of a row that are used; what stands behind them is cut off."""
    evals_per_epoch: int = 2
    """How often an epoch the validation loss is measured; always at the end too."""
    early_stopping_patience: int = 3
    """Training ends after so many measurements in a row without a better validation loss."""
    early_stopping_threshold: float = 0.0
    """By how much a validation loss must beat the best one to count as better for the patience."""

    def __post_init__(self) -> None:
        for option in (
            "r",
            "per_device_train_batch_size",
            "gradient_accumulation_steps",
            "evals_per_epoch",
            "early_stopping_patience",
        ):
            _require(getattr(self, option) >= 1, f"{option} must be at least 1, not {getattr(self, option)}")
        for option in ("lora_alpha", "learning_rate", "num_train_epochs"):
            _require(getattr(self, option) > 0, f"{option} must be more than 0, not {getattr(self, option)}")
        for option in ("weight_decay", "early_stopping_threshold"):
            _require(getattr(self, option) >= 0, f"{option} must not be below 0, not {getattr(self, option)}")
        for option in ("lora_dropout", "warmup_ratio"):
            value = getattr(self, option)
            _require(0 <= value < 1, f"{option} must be at least 0 and below 1, not {value}")
        _require(self.max_length >= 2, f"max_length must be at least 2, not {self.max_length}")
        _require(
            self.max_steps == -1 or self.max_steps >= 1, f"max_steps must be at least 1, or -1, not {self.max_steps}"
        )
        known = ", ".join(SCHEDULES)
        _require(
            self.lr_scheduler_type in SCHEDULES,
            f"lr_scheduler_type {self.lr_scheduler_type!r} is none of {known}",
        )
        named = bool(self.target_modules) and not isinstance(self.target_modules, str)
        _require(
            self.target_modules == "all-linear" or named, "target_modules must be all-linear or a list of module names"
        )

    def train(self, job: TrainJob, report: Report) -> Checkpoint:
        """The adapter in ``job.output`` as PEFT writes it: ``adapter_model.safetensors`` and ``adapter_config.json``.

        ``job.model.name`` is a local folder. Raises ``UsageError`` for rows or options that do not fit the model.
        """
        from harness_trainers.sft_loop import run  # torch lives behind this line

        return run(self, job, report)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
