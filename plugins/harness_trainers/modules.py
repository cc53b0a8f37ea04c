"""The modules of a model by what they do, found by their names. Torch is imported here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from peft.utils.constants import (
    TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING,
    TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING,
)
from transformers.pytorch_utils import Conv1D

from harness import UsageError

_ATTENTION = ("attn", "attention")


def layers(model: Any) -> list[torch.nn.Module]:  # noqa: ANN401 - a model of transformers'
    """The layers of the model, the first first: the longest list of modules that it has."""
    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    return list(max(lists, key=len, default=()))


def attention(model: Any) -> list[str]:  # noqa: ANN401 - a model of transformers'
    """The ends of the names of the projections in the attention, as ``self_attn.q_proj``; ``UsageError`` if none."""
    parts = [name.split(".") for name in _linear(model)]
    found = {".".join(each[-2:]) for each in parts if len(each) > 1 and any(part in each[-2] for part in _ATTENTION)}
    if not found:
        raise UsageError(
            "target_modules is attention, but no module of this model has that in its name",
            remedy=f"name them: it has {', '.join(_ends(model))}",
        )
    return sorted(found)


def check(trainer: str, model: Any, wanted: Sequence[str]) -> list[str]:  # noqa: ANN401 - a model of transformers'
    """The same names; PEFT is content when one of several is found, but a name that is nowhere is a mistake."""
    for name in wanted:
        if name not in _ends(model) and not any(each.endswith(f".{name}") for each in _linear(model)):
            raise UsageError(
                f"trainer {trainer!r}: target_modules has {name!r}, which cannot be adapted in this model",
                remedy=f"it has {', '.join(_ends(model))}",
            )
    return list(wanted)


def scaled(model: Any) -> tuple[list[str], list[str]]:  # noqa: ANN401 - a model of transformers'
    """The modules whose output IA3 scales, and those of them whose input is; ``UsageError`` if they are not known."""
    kind = model.config.model_type
    if kind in TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING:
        targets = TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING[kind]
        return list(targets), list(TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING[kind])
    targets = ["k_proj", "v_proj", "down_proj"]
    if set(targets) <= set(_ends(model)):
        return targets, ["down_proj"]
    raise UsageError(f"trainer 'ia3': where a model of type {kind!r} is scaled is not known", remedy="use lora")


def _linear(model: Any) -> list[str]:  # noqa: ANN401 - a model of transformers'
    output = model.get_output_embeddings()
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, (torch.nn.Linear, Conv1D)) and module is not output
    ]


def _ends(model: Any) -> list[str]:  # noqa: ANN401 - a model of transformers'
    return sorted({name.rpartition(".")[2] for name in _linear(model)})
