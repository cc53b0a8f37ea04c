"""Trainers: the methods of supervised fine-tuning. Torch lives in the loop and what it imports, behind ``train``."""

from __future__ import annotations

from harness import Trainer, hookimpl
from harness_trainers.auto import Auto
from harness_trainers.methods import ContinuedPretraining, Full, Ia3, Lora, PrefixTuning, PromptTuning, Qlora


@hookimpl
def harness_register_trainers() -> tuple[type[Trainer], ...]:
    """The trainers of this package."""
    return (Full, Lora, Qlora, PrefixTuning, PromptTuning, Ia3, ContinuedPretraining, Auto)
