"""From one ``.gguf`` file to a model folder."""

from __future__ import annotations

from pathlib import Path

from harness import ModelFailed
from harness_backends.quiet import without_bars


def convert(gguf: Path, folder: Path) -> None:
    """Fill ``folder`` with the model of a ``.gguf`` file, its weights as float32 safetensors, with its tokenizer.

    Quantised weights are taken for what they stand for: no precision comes back that the file does not hold.
    Needs about four bytes a parameter of memory and disk. Raises ``ModelFailed`` for a file that cannot be read.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        with without_bars():
            model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    except Exception as error:  # a file from anywhere: whatever its reader stumbles over, it cannot be converted
        raise ModelFailed(f"{gguf.name} cannot be converted: {_first_line(error)}") from error
    # the weights are dequantised by now; what still calls them quantised would keep them from being saved
    model.config.__dict__.pop("quantization_config", None)
    for name, whole in (("hf_quantizer", None), ("is_quantized", False), ("quantization_method", None)):
        setattr(model, name, whole)
    with without_bars():
        model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
