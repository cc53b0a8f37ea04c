"""Putting a PEFT adapter onto weights that are in memory already."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from harness import ModelFailed

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

_WEIGHTS = "adapter_model.safetensors"


def load(base: PreTrainedModel, peft: PeftModel | None, folder: Path, name: str) -> PeftModel:
    """The model with the adapter of ``folder`` added as ``name``; ``peft`` is what an earlier adapter made of ``base``.

    Raises ``ModelFailed`` if ``folder`` is no adapter or was made for a model of another shape; ``base`` is then as it
    was.
    """
    _check(folder)
    with warnings.catch_warnings():
        # what one library has to tell the other about its next version is nothing that a user could act on
        warnings.simplefilter("ignore", FutureWarning)
        return _load(base, peft, folder, name)


def _load(base: PreTrainedModel, peft: PeftModel | None, folder: Path, name: str) -> PeftModel:
    from peft import PeftConfig, PeftModel

    try:
        config = PeftConfig.from_pretrained(str(folder))
        if config.is_prompt_learning:
            raise ModelFailed(
                f"the adapter {folder} is of the kind {config.peft_type}, which adds made-up tokens to each prompt; "
                "this backend takes adapters of weights, as LoRA"
            )
        config.inference_mode = True
        added = peft or PeftModel(base, config, name)
        if peft is not None:
            peft.add_adapter(name, config)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelFailed(_misfit(base, folder, str(error))) from error
    try:
        result = added.load_adapter(str(folder), name, torch_device=str(base.device))
        absent = [*result.missing_keys, *result.unexpected_keys]
        if absent:
            raise RuntimeError(f"{len(absent)} of its weights have no counterpart, the first is {absent[0]}")
    except (RuntimeError, ValueError, KeyError) as error:
        remove(added, name)
        raise ModelFailed(_misfit(base, folder, str(error))) from error
    return added


def remove(peft: PeftModel, name: str) -> PeftModel | None:
    """The model without this adapter; ``None`` when it was the only one, the base model being as it was before."""
    if len(peft.peft_config) > 1:
        peft.delete_adapter(name)
        return peft
    peft.unload()
    return None


def _check(folder: Path) -> None:
    if not (folder / "adapter_config.json").is_file():
        if (folder / "config.json").is_file():
            raise ModelFailed(f"{folder} holds a whole model, not an adapter; name it as the model instead")
        raise ModelFailed(f"{folder} is not an adapter folder: it has no adapter_config.json")
    if not (folder / _WEIGHTS).is_file():
        raise ModelFailed(f"{folder} has no {_WEIGHTS}; adapters are read from safetensors only, never from pickle")


def _misfit(base: PreTrainedModel, folder: Path, reason: str) -> str:
    lines = [line.strip() for line in reason.splitlines() if line.strip()] or ["no reason given"]
    # the first line of torch only says that something went wrong, the second says what
    why = lines[1] if len(lines) > 1 and lines[0].startswith("Error(s) in loading") else lines[0]
    return f"the adapter {folder} was made for another base model than {base.config.name_or_path}: {why}"
