"""Trainers: supervised fine-tuning of a LoRA adapter. Torch lives in the loop files, behind ``train``."""

from __future__ import annotations

from harness import Trainer, hookimpl
from harness_trainers.sft import Lora


@hookimpl
def harness_register_trainers() -> tuple[type[Trainer], ...]:
    """The trainers of this package."""
    return (Lora,)
