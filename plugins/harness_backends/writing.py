"""Whole models written to a folder: an adapter merged into its base weights, and quantised copies."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness import ModelRef, UsageError
from harness_backends import adapters
from harness_backends.failures import in_one_line
from harness_backends.folders import companions, quantisation, weight_files
from harness_backends.quiet import without_bars
from harness_backends.weights import device_of, placed, stay

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def merge(ref: ModelRef, folder: Path, adapter: Path, output: Path) -> None:
    """The model of ``folder`` with the adapter's change in its weights, as float32 safetensors in ``output``.

    Needs the memory and the disk of the model in float32: rounded to less, it would no longer be what was measured.
    Raises ``UsageError`` for an adapter or a model that nothing can be merged of or into, and ``ModelFailed`` with one
    line for what the libraries stumble over, a full disk among it.
    """
    import torch

    adapters.check(adapter)
    if quantisation(folder):
        raise UsageError(
            f"{ref.name} is quantised: in rounded weights an adapter's change would be lost",
            remedy="merge into the model that it was made from",
        )
    with without_bars():
        from peft import PeftModel

        config = adapters.read_config(adapter, ref.name)
    if config.is_prompt_learning:
        kind = str(getattr(config.peft_type, "value", config.peft_type)).lower()
        raise UsageError(
            f"{adapter} has learnt a prompt ({kind}), which has no place in the model's weights",
            remedy="ship the adapter beside its base model",
        )
    with in_one_line(f"{adapter} cannot be merged into {ref.name}"):
        with without_bars(), adapters.told_nothing():
            base = _opened(ref, folder, dtype=torch.float32)
            _part_what_is_shared(base, adapter)
            peft: Any = PeftModel.from_pretrained(base, str(adapter), torch_device="cpu")
            whole = peft.merge_and_unload(safe_merge=True)
        _write(whole, folder, output)


def quantize(ref: ModelRef, folder: Path, kind: Literal["nf4", "int8"], output: Path) -> None:
    """A copy of the model of ``folder`` with its linear layers in few bits, in ``output``.

    ``nf4`` is the 4-bit NormalFloat of QLoRA with double quantisation, ``int8`` is LLM.int8; both by bitsandbytes, and
    the output layer and the embeddings stay in the model's ``dtype``. Raises ``UsageError`` where the package is not
    there or the model is quantised already.
    """
    import torch
    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise UsageError(f"{kind} needs bitsandbytes, which is not installed", remedy="pip install bitsandbytes")
    if quantisation(folder):
        raise UsageError(f"{ref.name} is quantised already", remedy="name the model that it was made from")
    dtype = getattr(torch, ref.dtype)
    bits: dict[str, object] = {"load_in_8bit": True}
    if kind == "nf4":
        bits = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
        bits |= {"bnb_4bit_compute_dtype": dtype}
    config = BitsAndBytesConfig(**bits)  # type: ignore[no-untyped-call]  # unannotated upstream
    with in_one_line(f"{ref.name} cannot be quantised"):
        with without_bars():
            module = _opened(ref, folder, dtype=dtype, quantization_config=config, **placed(device_of(ref.device)))
        stay(module)
        _write(module, folder, output)


def _opened(ref: ModelRef, folder: Path, **arguments: object) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    module: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder, use_safetensors=True, trust_remote_code=ref.trust_remote_code, **arguments
    )
    return module  # from_pretrained leaves it in evaluation mode


def _part_what_is_shared(base: PreTrainedModel, adapter: Path) -> None:
    """Give the output layer weights of its own where it shares the embeddings' and the adapter changes one of both.

    Whole layers and single tokens that an adapter brings are parted, or kept alike, by PEFT itself.
    """
    import torch

    model: Any = base  # unannotated upstream
    first, last = model.get_input_embeddings(), model.get_output_embeddings()
    if last is None or last.weight is not first.weight:
        return
    shared = [name for name, module in base.named_modules() if module is first or module is last]
    if any(name.startswith((f"{each}.lora_", f"{each}.ia3_")) for name in adapters.changes(adapter) for each in shared):
        last.weight = torch.nn.Parameter(first.weight.detach().clone())
        base.config.tie_word_embeddings = base.config.get_text_config().tie_word_embeddings = False


def _write(module: PreTrainedModel, origin: Path, output: Path) -> None:
    """The model in ``output``, and beside it what belongs to it: tokenizer, chat template, generation settings."""
    from transformers import GenerationConfig

    files = companions(origin)
    if any(file.name == "generation_config.json" for file in files):
        # the file itself is copied; read and written again, it might be refused for what its author left in it
        module.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]  # unannotated upstream
    workplace = output.with_name(f".{output.name}.unfinished")
    shutil.rmtree(workplace, ignore_errors=True)  # a whole model's disk that a kill has left
    workplace.mkdir(parents=True)
    try:
        whole = workplace / "whole"
        with without_bars():
            module.save_pretrained(whole)
        for file in files:
            there = whole / file.relative_to(origin)
            there.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, there)
        for file in weight_files(whole):
            shutil.copymode(whole / "config.json", file)  # safetensors lets nobody but their owner read them
        whole.rename(output)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
