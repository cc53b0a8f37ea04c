"""What every supervised method can be told; checked before anything heavy is imported."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from harness import Checkpoint, MaskedToken, Report, TrainJob, TrainsOn

SCHEDULES = ("constant", "constant_with_warmup", "cosine", "linear")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets")
_MOST = 2**31
"""No option counts as much; beyond it the libraries below fail with words of their own."""

Writes = Literal["adapter", "model"]


@dataclass(frozen=True, kw_only=True)
class Common:
    """The options that all methods share; they have TRL's names.

    Without ``assistant_only_loss`` the loss is on the last message of each row, its end token included, and on nothing
    else. With validation rows the checkpoint that comes back is the one with the lowest validation loss; without, it is
    the last one.
    """

    name: ClassVar[str]
    requires_packages: ClassVar[tuple[str, ...]] = PACKAGES
    trains_on: ClassVar[TrainsOn] = "messages"
    learns_a_prompt: ClassVar[bool] = False
    """Whether virtual tokens stand before each row, so that positions are not those of the row alone."""

    learning_rate: float = 2e-4
    lr_scheduler_type: str = "cosine"
    """How the rate goes on after the warm-up: ``cosine`` and ``linear`` fall to 0; ``constant``,
    ``constant_with_warmup``."""
    warmup_ratio: float = 0.03
    """Share of the steps in which the learning rate rises from 0; ``constant`` has no warm-up."""
    weight_decay: float = 0.0
    """AdamW's: by so much, times the learning rate, each trained weight shrinks a step."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm (over all trained weights) when theirs is larger; 0 leaves them alone."""
    num_train_epochs: float = 3.0
    """How often each row is trained on; 0.5 is half of the rows once."""
    max_steps: int = -1
    """Ends the training after so many steps, whatever ``num_train_epochs`` says; -1 for no such end."""
    per_device_train_batch_size: int = 8
    """Rows that go through the model together, on each device."""
    gradient_accumulation_steps: int = 1
    """So many batches make one step of the optimizer: more rows a step with no more memory."""
    max_length: int = 1024
    """Tokens of a row that are used; what stands behind them is cut off. With ``packing``, the length of a pack."""
    packing: bool = False
    """Puts several rows into one sequence of ``max_length`` tokens; none sees another, and positions start anew."""
    assistant_only_loss: bool = False
    """Puts the loss on every turn of the assistant instead of on the last message alone."""
    gradient_checkpointing: bool | None = None
    """Whether activations are computed twice to save memory; unless said, on a GPU yes and on a CPU no."""
    precision: str = "auto"
    """``float32``; ``bfloat16`` or ``float16``, which compute in that type and keep what is trained in float32; or
    ``auto``: on a GPU bfloat16 if it has it, on a CPU the model's own type. Whole weights are trained in float32."""
    neftune_noise_alpha: float | None = None
    """Noise on the embeddings while training, as NEFTune (Jain and others, 2023) has it; 5 to 15 there."""
    evals_per_epoch: int = 2
    """How often an epoch the validation loss is measured and the training's state saved; always at the end too."""
    early_stopping_patience: int = 3
    """Training ends after so many measurements in a row without a better validation loss."""
    early_stopping_threshold: float = 0.0
    """By how much a validation loss must beat the best one to count as better for the patience."""

    def __post_init__(self) -> None:
        for each in fields(self):
            usable(each.name, getattr(self, each.name))
        for option in (
            "per_device_train_batch_size",
            "gradient_accumulation_steps",
            "evals_per_epoch",
            "early_stopping_patience",
        ):
            require(getattr(self, option) >= 1, f"{option} must be at least 1, not {getattr(self, option)}")
        for option in ("learning_rate", "num_train_epochs"):
            require(getattr(self, option) > 0, f"{option} must be more than 0, not {getattr(self, option)}")
        for option in ("weight_decay", "max_grad_norm", "early_stopping_threshold"):
            require(getattr(self, option) >= 0, f"{option} must not be below 0, not {getattr(self, option)}")
        share("warmup_ratio", self.warmup_ratio)
        require(self.max_length >= 2, f"max_length must be at least 2, not {self.max_length}")
        require(
            self.max_steps == -1 or self.max_steps >= 1, f"max_steps must be at least 1, or -1, not {self.max_steps}"
        )
        one_of("lr_scheduler_type", self.lr_scheduler_type, SCHEDULES)
        one_of("precision", self.precision, PRECISIONS)
        noise = self.neftune_noise_alpha
        require(noise is None or noise > 0, f"neftune_noise_alpha must be more than 0, not {noise}")

    @property
    def writes(self) -> Writes:
        """Whether the checkpoint is a PEFT adapter or a whole model."""
        return "adapter"

    @property
    def splits_rows(self) -> bool:
        """Whether a row that is longer than ``max_length`` goes on in the next sequence instead of being cut."""
        return self.packing and self.trains_on == "text"

    def quantization(self, compute_dtype: str) -> Any:  # noqa: ANN401 - a configuration of transformers'
        """How the frozen weights are made smaller when they are opened; ``None`` leaves them as they are."""
        return None

    def adapter(self, model: Any) -> Any:  # noqa: ANN401 - a model of transformers', a configuration of PEFT's
        """PEFT's configuration of the adapter for ``model``; ``None`` trains the model itself."""
        return None

    def freeze(self, model: Any) -> None:  # noqa: ANN401 - a model of transformers'
        """Take from ``model`` what is not to be trained; an adapter needs nothing of the kind."""

    def prepare(self) -> None:
        """Import the loop and all that it imports, which takes seconds."""
        importlib.import_module("harness_trainers.sft_loop")

    def train(self, job: TrainJob, report: Report) -> Checkpoint:
        """The checkpoint in ``job.output``: an adapter as PEFT writes it, or a whole model as transformers does.

        ``job.model.name`` is a local folder. Weights are safetensors. A training that was cut off, however hard, goes
        on from what it last saved in ``job.output/resume``; that folder is removed at the end. Raises ``UsageError``
        for rows or options that do not fit the model, and ``TrainingFailed`` when the loss is no number any more.
        """
        from harness_trainers.sft_loop import run  # torch lives behind this line

        return run(self, job, report)

    def masks(self, job: TrainJob, rows: int) -> Sequence[Sequence[MaskedToken]]:
        """The first ``rows`` rows of ``job.train`` as the model will see them; only the tokenizer is loaded."""
        from harness_trainers.tokens import masks

        return masks(self, job, rows)


def require(holds: bool, otherwise: str) -> None:
    """``ValueError`` with this sentence unless it holds; the catalog names the plugin and its option."""
    if not holds:
        raise ValueError(otherwise)


def usable(option: str, value: object) -> None:
    """A number must be finite and no count beyond all reason; other values are right."""
    if isinstance(value, float):
        require(math.isfinite(value), f"{option} must be a finite number, not {value}")
    elif isinstance(value, int):
        require(abs(value) < _MOST, f"{option} must be below {_MOST}, not {value}")


def one_of(option: str, value: object, known: Sequence[object]) -> None:
    """The value must be among those that are known."""
    require(value in known, f"{option} {value!r} is none of {', '.join(str(each) for each in known)}")


def share(option: str, value: float) -> None:
    """The value must be a share that is not the whole."""
    require(0 <= value < 1, f"{option} must be at least 0 and below 1, not {value}")
