"""A model's shape, from its configuration and the headers of its weights."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from harness import UsageError
from harness.advice.model.shape import Linear, ModelShape, of_config, of_folder

LLAMA_8B = {
    "model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
}  # fmt: skip
MIXTRAL = {
    "model_type": "mixtral", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "num_local_experts": 8,
    "num_experts_per_tok": 2, "sliding_window": None,
}  # fmt: skip
SMALL = {
    "model_type": "llama", "vocab_size": 100, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2,
    "num_attention_heads": 2, "tie_word_embeddings": True, "max_position_embeddings": 64,
}  # fmt: skip

PUBLISHED: list[tuple[str, int, dict[str, Any]]] = [
    ("Llama-3.1-8B", 8_030_261_248, LLAMA_8B),
    ("Mistral-7B-v0.1", 7_241_732_096, {
        "model_type": "mistral", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "sliding_window": 4096,
    }),
    ("Qwen2.5-7B", 7_615_616_512, {
        "model_type": "qwen2", "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944,
        "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "use_sliding_window": False,
        "sliding_window": 131072, "max_window_layers": 28, "tie_word_embeddings": False,
    }),
    ("SmolLM2-135M", 134_515_008, {
        "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536,
        "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": True,
    }),
    ("TinyLlama-1.1B", 1_100_048_384, {
        "model_type": "llama", "vocab_size": 32000, "hidden_size": 2048, "intermediate_size": 5632,
        "num_hidden_layers": 22, "num_attention_heads": 32, "num_key_value_heads": 4,
    }),
    ("Qwen3-0.6B", 596_049_920, {
        "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 1024, "intermediate_size": 3072,
        "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
        "tie_word_embeddings": True,
    }),
    ("Qwen3-30B-A3B", 30_532_122_624, {
        "model_type": "qwen3_moe", "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 6144,
        "moe_intermediate_size": 768, "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4,
        "head_dim": 128, "num_experts": 128, "num_experts_per_tok": 8, "tie_word_embeddings": False,
    }),
    ("Mixtral-8x7B", 46_702_792_704, MIXTRAL),
    ("gemma-2-2b", 2_614_341_888, {
        "model_type": "gemma2", "vocab_size": 256000, "hidden_size": 2304, "intermediate_size": 9216,
        "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
    }),
    ("gemma-3-1b", 999_885_952, {
        "model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 1152, "intermediate_size": 6912,
        "num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
        "sliding_window": 512, "sliding_window_pattern": 6,
    }),
    ("phi-2", 2_779_683_840, {
        "model_type": "phi", "vocab_size": 51200, "hidden_size": 2560, "intermediate_size": 10240,
        "num_hidden_layers": 32, "num_attention_heads": 32,
    }),
    ("Phi-3-mini", 3_821_079_552, {
        "model_type": "phi3", "vocab_size": 32064, "hidden_size": 3072, "intermediate_size": 8192,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
    }),
    ("gpt2", 124_439_808, {
        "model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024,
    }),
    ("pythia-410m", 405_334_016, {
        "model_type": "gpt_neox", "vocab_size": 50304, "hidden_size": 1024, "intermediate_size": 4096,
        "num_hidden_layers": 24, "num_attention_heads": 16,
    }),
    ("falcon-7b", 6_921_720_704, {
        "model_type": "falcon", "vocab_size": 65024, "hidden_size": 4544, "num_hidden_layers": 32,
        "num_attention_heads": 71, "multi_query": True, "parallel_attn": True, "bias": False, "alibi": False,
    }),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters", "config"), PUBLISHED, ids=[each[0] for each in PUBLISHED])
def test_published_models_have_the_parameters_that_they_are_published_with(
    name: str, parameters: int, config: dict[str, Any]
) -> None:
    found = of_config(config, name)
    assert found.parameters == parameters
    assert found.name == name
    assert not found.is_exact, "nothing was counted in weights"


def linear(shape: ModelShape, name: str) -> Linear:
    return next(each for each in shape.linears if each.name == name)


def test_linear_layers_are_named_sized_and_counted() -> None:
    shape = of_config(LLAMA_8B)
    assert {each.name for each in shape.linears} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip
    key = linear(shape, "k_proj")
    assert (key.inputs, key.outputs, key.count) == (4096, 1024, 32)
    assert sum(each.inputs * each.outputs * each.count for each in shape.linears) == 6_979_321_856


def test_of_a_mixture_a_token_goes_through_a_part() -> None:
    shape = of_config(MIXTRAL)
    # Jiang and others 2024, Mixtral of Experts (arXiv:2401.04088), section 1: 13 billion of 47
    assert round(shape.active_parameters / 1e9) == 13
    assert linear(shape, "down_proj").count == 8 * 32
    assert linear(shape, "down_proj").active == 0.25


def test_layers_that_are_said_to_have_no_experts_have_none() -> None:
    config = {**MIXTRAL, "model_type": "qwen3_moe", "moe_intermediate_size": 1024, "num_experts": 16}
    every, second = of_config(config), of_config({**config, "decoder_sparse_step": 2, "mlp_only_layers": [1]})
    assert linear(every, "gate_up_proj").count == 16 * 32
    assert linear(second, "gate_up_proj").count == 16 * 15


def test_the_text_part_of_a_model_with_images_is_read() -> None:
    # gemma-3-4b says but these sizes of its text part
    text = {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34}
    shape = of_config({"model_type": "gemma3", "text_config": {**text, "sliding_window": 1024}})
    assert (shape.layers, shape.heads, shape.kv_heads, shape.head_dim) == (34, 8, 4, 256)
    assert shape.parameters == 3_880_263_168
    assert (shape.sliding_window, shape.sliding_layers) == (1024, 29)


def test_what_a_class_holds_without_being_told_is_known() -> None:
    assert of_config({**LLAMA_8B, "model_type": "gemma", "tie_word_embeddings": None}).is_tied
    assert of_config({**LLAMA_8B, "model_type": "mistral", "num_key_value_heads": None}).kv_heads == 8
    assert of_config({**LLAMA_8B, "model_type": "mistral"}).sliding_window == 4096
    assert of_config({**LLAMA_8B, "model_type": "mistral", "sliding_window": None}).sliding_window is None
    assert of_config({**SMALL, "num_key_value_heads": None}).kv_heads == 2


def test_a_window_that_is_not_used_is_none() -> None:
    config = {**LLAMA_8B, "model_type": "qwen2", "sliding_window": 4096}
    assert of_config({**config, "use_sliding_window": False}).sliding_window is None
    assert of_config({**config, "use_sliding_window": True, "max_window_layers": 20}).sliding_layers == 12


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"hidden_size": None}, "hidden_size is missing"),
        ({"num_hidden_layers": "two"}, "num_hidden_layers is 'two', which is no size"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0"),
        ({"vocab_size": -1}, "vocab_size is '-1', which is no size"),
        ({"vocab_size": True}, "vocab_size is 'True', which is no size"),
        ({"model_type": None}, "how a model of type 'None' is built is not known; fetch its weights as safetensors"),
        (
            {"model_type": "mamba"},
            "how a model of type 'mamba' is built is not known; fetch its weights as safetensors",
        ),
    ],
)
def test_a_configuration_that_cannot_be_read_is_told_in_one_line(change: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        of_config({**SMALL, **change})
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


# headers


def write_model(
    folder: Path, config: dict[str, Any], tensors: dict[str, tuple[int, ...]], name: str = "model.safetensors"
) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    header = json.dumps({
        "__metadata__": {"format": "pt"},
        **{each: {"dtype": "F32", "shape": list(size), "data_offsets": [0, 0]} for each, size in tensors.items()},
    }).encode()  # fmt: skip
    (folder / name).write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    return folder


LAYER = {
    "self_attn.q_proj": (8, 8), "self_attn.k_proj": (8, 8), "self_attn.v_proj": (8, 8), "self_attn.o_proj": (8, 8),
    "mlp.gate_proj": (12, 8), "mlp.up_proj": (12, 8), "mlp.down_proj": (8, 12),
}  # fmt: skip
WEIGHTS: dict[str, tuple[int, ...]] = {
    "model.embed_tokens.weight": (100, 8),
    "model.norm.weight": (8,),
    **{f"model.layers.{n}.{part}.weight": size for n in (0, 1) for part, size in LAYER.items()},
    **{f"model.layers.{n}.{norm}_layernorm.weight": (8,) for n in (0, 1) for norm in ("input", "post_attention")},
}


def test_headers_say_exactly_what_the_configuration_says(tmp_path: Path) -> None:
    found = of_folder(write_model(tmp_path, SMALL, WEIGHTS))
    assert found.is_exact
    assert found.parameters == of_config(SMALL).parameters
    assert found.linears == of_config(SMALL).linears
    assert found.name == tmp_path.name


def test_weights_in_several_files_are_added_up(tmp_path: Path) -> None:
    half = len(WEIGHTS) // 2
    write_model(tmp_path, SMALL, dict(list(WEIGHTS.items())[:half]), "model-00001-of-00002.safetensors")
    write_model(tmp_path, SMALL, dict(list(WEIGHTS.items())[half:]), "model-00002-of-00002.safetensors")
    assert of_folder(tmp_path).parameters == of_config(SMALL).parameters


def test_what_is_no_weight_or_is_there_twice_is_not_counted(tmp_path: Path) -> None:
    more: dict[str, tuple[int, ...]] = {
        "lm_head.weight": (100, 8),
        "model.layers.0.self_attn.rotary_emb.inv_freq": (2,),
        "h.0.attn.bias": (1, 1, 64, 64),
    }
    assert of_folder(write_model(tmp_path, SMALL, {**WEIGHTS, **more})).parameters == of_config(SMALL).parameters


def test_a_model_that_is_not_known_is_read_from_its_headers(tmp_path: Path) -> None:
    found = of_folder(write_model(tmp_path, {**SMALL, "model_type": "newest"}, WEIGHTS), "ours/newest")
    assert found.architecture == "newest"
    assert found.parameters == of_config(SMALL).parameters
    assert {(each.name, each.inputs, each.outputs, each.count) for each in found.linears} == {
        (each.name, each.inputs, each.outputs, each.count) for each in of_config(SMALL).linears
    }
    assert {each.part for each in found.linears} == {"query", "gate", "down"}, "so that memory can be reckoned"


def test_experts_of_a_model_that_is_not_known_are_gone_through_in_part(tmp_path: Path) -> None:
    config = {**SMALL, "model_type": "newest", "num_experts": 4, "num_experts_per_tok": 1}
    experts = {f"model.layers.0.mlp.experts.{n}.w2.weight": (8, 12) for n in range(4)}
    found = of_folder(write_model(tmp_path, config, {**WEIGHTS, **experts}))
    assert (linear(found, "w2").count, linear(found, "w2").active) == (4, 0.25)
    assert found.active_parameters == found.parameters - 3 * 8 * 12


def test_numbers_packed_by_quantisation_are_not_taken_for_weights(tmp_path: Path) -> None:
    packed = {name: (size[0] * size[-1] // 2, 1) for name, size in WEIGHTS.items()}
    quantised = {**SMALL, "quantization_config": {"quant_method": "bitsandbytes"}}
    found = of_folder(write_model(tmp_path, quantised, packed))
    assert found.parameters == of_config(SMALL).parameters
    assert not found.is_exact
    write_model(tmp_path, {**quantised, "model_type": "newest"}, packed)
    with pytest.raises(UsageError, match="in full precision as safetensors"):
        of_folder(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", 5) + b"{]   ",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 14) + b'{"a": {"b":1}}',
        struct.pack("<Q", 38) + b'{"a": {"dtype":"F32", "shape":[-1,2]}}',
        struct.pack("<Q", 100_000) + b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_safetensors_is_one_line_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_text(json.dumps(SMALL))
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(UsageError) as refused:
        of_folder(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'model.safetensors'}: this is no safetensors file: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"), [(None, "there is no configuration"), ("{", "no JSON"), ("[]", "no conf")]
)
def test_a_folder_without_a_configuration_is_told(tmp_path: Path, content: str | None, told: str) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(UsageError) as refused:
        of_folder(tmp_path)
    assert told in str(refused.value)
    assert str(tmp_path / "config.json") in str(refused.value)
