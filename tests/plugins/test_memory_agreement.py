"""That what is reckoned of a model without torch is what torch has: parameters, memory of a step, keys and values."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache, PreTrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from harness import ModelRef, TrainJob
from harness.advice.memory.memory import Method, Training, footprint, kv_cache, overhead
from harness.advice.model.shape import of_config
from harness.values import Ref
from harness_trainers import footprint as measured
from harness_trainers import opening, rehearsal
from harness_trainers.methods import Full, Ia3, Lora, PrefixTuning, PromptTuning, Qlora
from harness_trainers.options import Common

ON_GPU = "cuda" if torch.cuda.is_available() else "cpu"
TRAINERS: dict[str, type[Common]] = {
    "full": Full, "lora": Lora, "qlora": Qlora, "ia3": Ia3, "prefix_tuning": PrefixTuning,
    "prompt_tuning": PromptTuning,
}  # fmt: skip

BASE: dict[str, Any] = {
    "vocab_size": 1000, "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 3, "num_attention_heads": 8,
    "num_key_value_heads": 4,
}  # fmt: skip
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
NO_GROUPS = {key: value for key, value in BASE.items() if key != "num_key_value_heads"}
SMALL: dict[str, dict[str, Any]] = {
    **{kind: {**BASE, "model_type": kind} for kind in (
        "llama", "mistral", "qwen2", "gemma2", "phi", "phi3", "olmo", "olmo2", "granite", "smollm3",
        "stablelm", "starcoder2",
    )},
    "llama with biases": {**BASE, "model_type": "llama", "attention_bias": True, "mlp_bias": True},
    "llama, tied": {**BASE, "model_type": "llama", "tie_word_embeddings": True},
    "qwen3": {**BASE, "model_type": "qwen3", "head_dim": 32},
    "gemma": {**BASE, "model_type": "gemma", "head_dim": 32},
    "gemma3": {**BASE, "model_type": "gemma3_text", "head_dim": 32, "num_hidden_layers": 6, "sliding_window": 16},
    "gpt_neox": {**NO_GROUPS, "model_type": "gpt_neox"},
    "gpt2": {"model_type": "gpt2", "vocab_size": 1000, "n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 512},
    "falcon": {**NO_GROUPS, "model_type": "falcon"},
    "falcon, sequential": {
        **NO_GROUPS, "model_type": "falcon", "multi_query": False, "parallel_attn": False, "bias": True, "alibi": True,
    },
    "falcon, new": {**NO_GROUPS, "model_type": "falcon", "new_decoder_architecture": True, "num_kv_heads": 4},
    "mixtral": {**BASE, "model_type": "mixtral", "num_local_experts": 4},
    "qwen2_moe": {
        **BASE, **EXPERTS, "model_type": "qwen2_moe", "shared_expert_intermediate_size": 48, "mlp_only_layers": [0],
    },
    "qwen3_moe": {**BASE, **EXPERTS, "model_type": "qwen3_moe", "decoder_sparse_step": 2},
}  # fmt: skip
REAL: dict[str, dict[str, Any]] = {
    # the ratios of a real model, which is SmolLM2-135M with fewer layers
    "smol": {
        "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536,
        "num_hidden_layers": 8, "num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": True,
    },
}  # fmt: skip


def config_of(said: dict[str, Any]) -> PreTrainedConfig:
    config: Any = AutoConfig.for_model(**said)
    config.pad_token_id = None
    return config


def on_meta(said: dict[str, Any]) -> PreTrainedModel:
    auto: Any = AutoModelForCausalLM
    with torch.device("meta"):
        return auto.from_config(config_of(said))


# parameters


@pytest.mark.parametrize("said", [*SMALL.values(), *REAL.values()], ids=[*SMALL, *REAL])
def test_parameters_and_linear_layers_are_those_of_the_model_itself(said: dict[str, Any]) -> None:
    model, shape = on_meta(said), of_config(said)
    assert shape.parameters == sum(each.numel() for each in model.parameters())
    head = model.get_output_embeddings()
    found = [each for each in model.modules() if isinstance(each, torch.nn.Linear | Conv1D) and each is not head]
    reckoned = [each for each in shape.linears if not each.is_expert]
    assert sum(each.count for each in reckoned) == len(found)
    assert sum(each.inputs * each.outputs * each.count for each in reckoned) == sum(
        each.weight.numel() for each in found
    )


# the memory of a step


@pytest.fixture
def like_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rehearsal as on a GPU, on tensors that say they are on a CPU, for torch without CUDA cannot make others.

    What differs is the loss, which is TRL's in tiles. Norms of a Llama's kind are cast by their own code and are alike.
    """
    if ON_GPU == "cpu":
        monkeypatch.setattr(rehearsal, "_plain_loss", rehearsal._tiled_loss)


class Rehearsed(NamedTuple):
    """Bytes of a step by what holds them."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    heap: int


def rehearse(training: Training, options: Common) -> Rehearsed:
    """What ``footprint.measure`` does, with a GPU's types of numbers where ``training`` says so."""
    on_gpu, full = training.device == "cuda", training.method == "full"
    narrow = on_gpu and training.dtype != "float32"
    chosen = opening.Precision("float32" if full else training.dtype, training.dtype if narrow else "no")
    setup = rehearsal.Setup(
        ON_GPU if on_gpu else "cpu",
        getattr(torch, chosen.autocast) if narrow else None,
        bool(training.checkpointing),
        training.accumulates,
        is_lean=not on_gpu and not options.learns_a_prompt,
    )
    job = TrainJob("e", ModelRef("none", device="cpu"), Ref("lora"), Path("none"), None, Path("none"), 3)
    shape = rehearsal.Shape(training.batch, training.length, training.labelled or training.length)
    model, peak = rehearsal.rehearse(lambda: measured._model(options, job, chosen), shape, setup)
    trained = [each for each in model.parameters() if each.requires_grad]
    moments = 2 * sum(each.numel() * each.element_size() for each in trained)
    return Rehearsed(
        measured._weights(model, double=True), peak.gradients, moments, peak.activations, 0 if on_gpu else peak.heap
    )


def agree(said: dict[str, Any], training: Training, monkeypatch: pytest.MonkeyPatch, within: float = 0.15) -> None:
    monkeypatch.setattr(measured, "AutoConfig", Given(said))
    options: dict[str, Any] = {"r": training.r} if training.method in ("lora", "qlora") else {}
    if "r" in options and training.target_modules != "all-linear":
        options["target_modules"] = training.target_modules
    real = rehearse(training, TRAINERS[training.method](**options))
    ours = footprint(of_config(said), training)
    assert ours.weights + ours.adapter == pytest.approx(real.weights, rel=0.01)
    assert ours.gradients == pytest.approx(real.gradients, rel=0.001)
    assert ours.optimizer == pytest.approx(real.optimizer, rel=0.001)
    assert ours.activations == pytest.approx(real.activations, rel=within)
    # what a heap keeps cannot be reckoned as closely
    near = 0.05 if training.device == "cuda" else 0.25
    assert ours.total - overhead(training.device) == pytest.approx(sum(real), rel=near)


class Given:
    """Gives this configuration in the place of one in a folder."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._said = said

    def from_pretrained(self, name: str, **options: object) -> PreTrainedConfig:
        return config_of(self._said)


METHODS: tuple[Method, ...] = ("full", "lora", "qlora", "ia3", "prefix_tuning", "prompt_tuning")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_step_on_a_cpu_takes_what_the_rehearsal_of_it_takes(
    method: Method, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(method=method, batch=4, length=256, labelled=64, dtype=dtype, device="cpu", checkpointing=False)
    agree(REAL["smol"], training, monkeypatch)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.usefixtures("like_a_gpu")
def test_a_step_on_a_gpu_takes_what_the_rehearsal_of_it_takes(
    method: Method, checkpointing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = checkpointing and method != "prefix_tuning"
    training = Training(method=method, batch=4, length=512, labelled=256, dtype="bfloat16", checkpointing=twice)
    agree(REAL["smol"], training, monkeypatch)


@pytest.mark.parametrize(
    ("batch", "length", "labelled"), [(1, 1024, 1024), (16, 64, 8)], ids=["one long row", "many short rows"]
)
@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.usefixtures("like_a_gpu")
def test_batch_and_length_count_as_in_the_rehearsal(
    method: Method, batch: int, length: int, labelled: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for device, dtype in (("cpu", "float32"), ("cuda", "bfloat16")):
        training = Training(
            method=method, batch=batch, length=length, labelled=labelled, dtype=dtype, checkpointing=device == "cuda",
            device="cuda" if device == "cuda" else "cpu",
        )  # fmt: skip
        agree(REAL["smol"], training, monkeypatch)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_gradients_that_wait_count_as_in_the_rehearsal(
    method: Method, checkpointing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(
        method=method, batch=4, length=256, labelled=64, device="cpu", checkpointing=checkpointing, accumulates=True
    )
    agree(REAL["smol"], training, monkeypatch)


@pytest.mark.parametrize("targets", ["attention", ("q_proj", "v_proj"), ("down_proj",)])
def test_adapters_of_some_layers_count_as_in_the_rehearsal(
    targets: str | tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(
        method="lora", batch=4, length=256, labelled=64, r=8, target_modules=targets, device="cpu", checkpointing=False
    )
    agree(REAL["smol"], training, monkeypatch)


FAMILIES = [
    "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi", "phi3", "olmo", "olmo2", "granite", "gpt_neox",
    "gpt2", "falcon, new", "stablelm", "starcoder2",
]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", ["full", "lora"])
def test_each_family_keeps_what_its_own_code_keeps(
    method: Method, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(method=method, batch=4, length=128, labelled=32, r=4, device="cpu", checkpointing=False)
    agree(SMALL[family], training, monkeypatch)


@pytest.mark.parametrize("family", ["mixtral", "qwen2_moe", "qwen3_moe"])
@pytest.mark.usefixtures("like_a_gpu")
def test_adapters_of_experts_count_as_in_the_rehearsal(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(method="lora", batch=4, length=128, labelled=32, r=4, dtype="bfloat16", checkpointing=False)
    agree(SMALL[family], training, monkeypatch)


# keys and values


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma3", "gpt2", "falcon", "falcon, new", "mistral"])
@pytest.mark.parametrize("length", [8, 40])
def test_keys_and_values_take_what_a_cache_holds(family: str, length: int) -> None:
    said = {**SMALL[family], **({"sliding_window": 16} if family == "mistral" else {})}
    auto: Any = AutoModelForCausalLM
    with torch.random.fork_rng(devices=[]):
        model = auto.from_config(config_of(said))
    cache = DynamicCache(config=model.config)
    with torch.no_grad():
        model(torch.ones((2, length), dtype=torch.long), past_key_values=cache, use_cache=True)
    held = sum(each.keys.nbytes + each.values.nbytes for each in cache.layers)
    assert kv_cache(of_config(said), batch=2, length=length, dtype="float32") == held
