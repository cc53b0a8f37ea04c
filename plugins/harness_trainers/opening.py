"""The model of a training, opened in the types that its method and device want."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from harness import ModelRef, UsageError, compute_alike
from harness_trainers.options import Common


@dataclass(frozen=True, slots=True)
class Precision:
    """In which types a training computes."""

    weights: str
    """Of the weights as they are opened."""
    autocast: str
    """The type in which matrices are multiplied if not in that of the weights, else ``no``."""

    @property
    def computes(self) -> str:
        """The type in which matrices are multiplied."""
        return self.weights if self.autocast == "no" else self.autocast


def on_cpu(model: ModelRef) -> bool:
    """Whether the model is trained without a GPU."""
    return model.device == "cpu" or not torch.cuda.is_available()


def precision(options: Common, model: ModelRef) -> Precision:
    """What ``options.precision`` means here; ``UsageError`` for a type that the device does not compute in.

    Weights that are trained are held in float32, or small updates would be lost in rounding; those that are frozen are
    held in the smaller type.
    """
    wanted = options.precision
    if wanted == "auto":
        if on_cpu(model):
            return Precision("float32" if options.writes == "model" else model.dtype, "no")
        wanted = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if wanted == "float16" and on_cpu(model):
        raise UsageError("precision float16 needs a GPU", remedy="set precision: bfloat16, or leave it out")
    if wanted == "float32":
        return Precision("float32", "no")
    return Precision("float32" if options.writes == "model" else wanted, wanted)


def open_model(options: Common, reference: ModelRef) -> Any:  # noqa: ANN401 - a model of transformers'
    """The model with its frozen parts frozen; its adapter is put on by the trainer."""
    chosen = precision(options, reference)
    quantization = options.quantization(chosen.computes)
    place = {} if quantization is None else {"device_map": {"": _device(reference)}}
    model = AutoModelForCausalLM.from_pretrained(
        reference.name,
        dtype=getattr(torch, chosen.weights),
        trust_remote_code=reference.trust_remote_code,
        quantization_config=quantization,
        **place,
    )
    compute_alike(model.modules())
    options.freeze(model)
    if not any(weight.requires_grad for weight in model.parameters()) and options.writes == "model":
        raise UsageError(f"trainer {options.name!r}: everything is frozen, so there is nothing to train")
    return model


def widen(options: Common, model: Any) -> None:  # noqa: ANN401 - a model of transformers' or PEFT's
    """Hold what an adapter trains in float32; TRL makes that of a quantised model bfloat16, and loses updates."""
    if options.writes == "adapter":
        for _, weight in trained(model):
            weight.data = weight.data.float()


def trained(model: Any) -> Iterator[tuple[str, torch.nn.Parameter]]:  # noqa: ANN401 - a model of whatever class
    """The parameters that are trained, with their names."""
    return ((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)


def _device(model: ModelRef) -> str | int:
    return "cpu" if on_cpu(model) else int(os.environ.get("LOCAL_RANK", "0"))
