"""Llamas of a wanted size with random weights, for machines that have no hub; a small tokenizer of our own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.testing.tiny import tiny_llama


@dataclass(frozen=True)
class Size:
    """The shape of a Llama; the vocabulary is SmolLM2's in size."""

    hidden: int
    between: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int = 49_152


SIZES = {
    "10M": Size(256, 704, 8, 4, 2, 8_192),
    "25M": Size(384, 1_024, 12, 6, 3, 8_192),
    "60M": Size(512, 1_408, 12, 8, 4, 49_152),
    # the shapes of SmolLM2-135M, Llama 3.2 1B and Llama 3.2 3B
    "135M": Size(576, 1_536, 30, 9, 3),
    "1B": Size(2_048, 8_192, 16, 32, 8),
    "3B": Size(3_072, 8_192, 28, 24, 8),
}


def sized_llama(folder: Path, size: str, dtype: str = "float32") -> Path:
    """``folder`` filled with the model, its embeddings tied; what it says is noise."""
    import torch
    from transformers import LlamaForCausalLM

    if (folder / "model.safetensors").is_file() or (folder / "model.safetensors.index.json").is_file():
        return folder
    config = described(folder, size, dtype)
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def described(folder: Path, size: str, dtype: str = "float32") -> Any:  # noqa: ANN401 - a configuration of transformers'
    """The model's configuration, which with its tokenizer is put into ``folder``; it has no weights yet."""
    from transformers import AutoTokenizer, LlamaConfig

    shape = SIZES[size]
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama(folder.with_name(f"{folder.name}-tokenizer")))
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.between,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        max_position_embeddings=8192,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
        dtype=dtype,
    )
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return config
