"""A Llama of about a billion parameters with random weights, for a machine that has no hub."""

from __future__ import annotations

from pathlib import Path

from harness import ModelRef
from harness_backends.transformers_backend import Transformers

TOKENIZER_OF = "HuggingFaceTB/SmolLM2-135M-Instruct"


def one_billion(folder: Path, dtype: str) -> Path:
    """``folder`` filled with the model: 16 layers of width 2,048, key heads shared by four, SmolLM2's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(Transformers().folder(ModelRef(TOKENIZER_OF)))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=8192,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(config).to(getattr(torch, dtype))
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder
