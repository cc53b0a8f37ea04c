"""How the layers of the decoder families are built: which linear layers, norms and biases they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Norm = Literal["rms", "layer", "bare"]
"""With a weight; with a weight and a bias; with nothing to train."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A layer of an architecture, as transformers 5 builds it; a bias is a fact, or a key of the configuration."""

    query: tuple[str, ...] = ("q_proj", "k_proj", "v_proj")
    """Names of the projections before the attention; one name where they are one matrix."""
    out: str = "o_proj"
    gates: tuple[str, ...] = ("gate_proj", "up_proj")
    """Names of the projections into the feed-forward part: the gate first, or both in one matrix, or one alone."""
    down: str = "down_proj"
    is_gated: bool = True
    qkv_bias: str | bool = False
    out_bias: str | bool = False
    mlp_bias: str | bool = False
    head_bias: bool = False
    norm: Norm = "rms"
    norms: int = 2
    """Of the hidden size, in each layer."""
    query_norm: Literal["", "head", "whole"] = ""
    """Whether queries and keys are normed: one head at a time, or all heads together."""
    learns_positions: bool = False
    attention: Literal["", "copied", "falcon", "eager"] = ""
    """How it keeps more than others: a copy of its output, or all scores."""
    activation: Literal["", "new_gelu"] = ""
    """``new_gelu`` is computed in Python, step by step, and each step keeps something."""
    experts: str = ""
    """Key of how many experts a layer has."""
    expert_size: str = "moe_intermediate_size"
    adapts_experts: bool = True
    """Whether PEFT 0.21 reaches its experts."""
    shared_size: str = ""
    """Key of the size of the expert that every token goes through."""
    scaled: tuple[str, ...] = ("k_proj", "v_proj", "down_proj")
    """What IA3 scales: as PEFT 0.21 has it, or by the names of a Llama. The last is scaled before it, not behind."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """What holds where the configuration does not say, as in transformers' own class of it."""


_QUERY_VALUE_DOWN = ("q_proj", "v_proj", "down_proj")
_GEMMA = {"head_dim": 256, "tie_word_embeddings": True, "vocab_size": 256000}
_LLAMA = Family(qkv_bias="attention_bias", out_bias="attention_bias", mlp_bias="mlp_bias")

FAMILIES: Mapping[str, Family] = {
    "llama": _LLAMA,
    "granite": _LLAMA,
    "smollm3": Family(
        qkv_bias="attention_bias",
        out_bias="attention_bias",
        mlp_bias="mlp_bias",
        defaults={"num_key_value_heads": 4, "tie_word_embeddings": True},
    ),
    "mistral": Family(defaults={"num_key_value_heads": 8, "sliding_window": 4096}),
    "qwen2": Family(qkv_bias=True, scaled=_QUERY_VALUE_DOWN),
    "qwen3": Family(
        qkv_bias="attention_bias",
        out_bias="attention_bias",
        query_norm="head",
        scaled=_QUERY_VALUE_DOWN,
        defaults={"head_dim": 128},
    ),
    "qwen2_moe": Family(
        qkv_bias="qkv_bias",
        experts="num_experts",
        adapts_experts=False,
        shared_size="shared_expert_intermediate_size",
        defaults={
            "qkv_bias": True,
            "num_experts": 60,
            "num_experts_per_tok": 4,
            "moe_intermediate_size": 1408,
            "shared_expert_intermediate_size": 5632,
        },
    ),
    "qwen3_moe": Family(
        qkv_bias="attention_bias",
        out_bias="attention_bias",
        query_norm="head",
        experts="num_experts",
        defaults={
            "num_key_value_heads": 4,
            "num_experts": 128,
            "num_experts_per_tok": 8,
            "moe_intermediate_size": 768,
        },
    ),
    "mixtral": Family(
        experts="num_local_experts",
        expert_size="intermediate_size",
        scaled=("k_proj", "v_proj"),
        defaults={"num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2},
    ),
    "gemma": Family(qkv_bias="attention_bias", out_bias="attention_bias", scaled=_QUERY_VALUE_DOWN, defaults=_GEMMA),
    "gemma2": Family(
        qkv_bias="attention_bias",
        out_bias="attention_bias",
        norms=4,
        attention="eager",
        scaled=_QUERY_VALUE_DOWN,
        defaults={
            **_GEMMA,
            "num_key_value_heads": 4,
            "sliding_window": 4096,
            "sliding_window_pattern": 2,
            "final_logit_softcapping": 30.0,
        },
    ),
    "gemma3_text": Family(
        qkv_bias="attention_bias",
        out_bias="attention_bias",
        norms=4,
        query_norm="head",
        scaled=_QUERY_VALUE_DOWN,
        defaults={
            **_GEMMA,
            "vocab_size": 262208,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "max_position_embeddings": 131072,
            "sliding_window": 4096,
            "sliding_window_pattern": 6,
        },
    ),
    "phi": Family(
        out="dense",
        gates=("fc1",),
        down="fc2",
        is_gated=False,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        head_bias=True,
        norm="layer",
        norms=1,
        attention="copied",
        activation="new_gelu",
        scaled=("q_proj", "v_proj", "fc2"),
    ),
    "phi3": Family(query=("qkv_proj",), gates=("gate_up_proj",), attention="copied", scaled=()),
    "gpt2": Family(
        query=("c_attn",),
        out="c_proj",
        gates=("c_fc",),
        down="c_proj",
        is_gated=False,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        norm="layer",
        learns_positions=True,
        attention="copied",
        activation="new_gelu",
        scaled=("c_attn", "mlp.c_proj"),
        defaults={
            "tie_word_embeddings": True,
            "vocab_size": 50257,
            "n_positions": 1024,
            "resid_pdrop": 0.1,
            "attn_pdrop": 0.1,
        },
    ),
    "gpt_neox": Family(
        query=("query_key_value",),
        out="dense",
        gates=("dense_h_to_4h",),
        down="dense_4h_to_h",
        is_gated=False,
        qkv_bias="attention_bias",
        out_bias="attention_bias",
        mlp_bias=True,
        norm="layer",
        attention="copied",
        scaled=("query_key_value", "dense_4h_to_h"),
        defaults={"attention_bias": True},
    ),
    "falcon": Family(
        query=("query_key_value",),
        out="dense",
        gates=("dense_h_to_4h",),
        down="dense_4h_to_h",
        is_gated=False,
        qkv_bias="bias",
        out_bias="bias",
        mlp_bias="bias",
        norm="layer",
        attention="falcon",
        scaled=("query_key_value", "dense_4h_to_h"),
        defaults={"tie_word_embeddings": True, "max_position_embeddings": 2048},
    ),
    "olmo": Family(qkv_bias="attention_bias", out_bias="attention_bias", norm="bare"),
    "olmo2": Family(qkv_bias="attention_bias", out_bias="attention_bias", query_norm="whole"),
    "starcoder2": Family(
        gates=("c_fc",),
        down="c_proj",
        is_gated=False,
        qkv_bias="use_bias",
        out_bias="use_bias",
        mlp_bias="use_bias",
        norm="layer",
        scaled=(),
        defaults={"use_bias": True, "num_key_value_heads": 2, "tie_word_embeddings": True},
    ),
    "stablelm": Family(qkv_bias="use_qkv_bias", norm="layer"),
}
"""By ``model_type``."""

ALIASES: Mapping[str, str] = {"gemma3": "gemma3_text", "RefinedWeb": "falcon", "RefinedWebModel": "falcon"}
"""Other words of a configuration for the same layers."""
