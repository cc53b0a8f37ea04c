"""Adapters of every kind answer as they do under PEFT alone, and leave the base model as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import (
    IA3Config,
    LoraConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    get_peft_model,
)
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness import GenerationSettings, Model, ModelFailed, ModelRef
from harness.testing.tiny import tiny_adapter, tiny_llama
from harness_backends.transformers_backend import Transformers
from harness_backends.transformers_model import TransformersModel

VIRTUAL = 7
PROMPTS = ["The capital of France", "Two", "A man is sitting on a roof. He", "Question: which of these", "naïve 你好"]
PAIRS = [(prompt, text) for prompt in PROMPTS for text in (" is four", " the third one")]
LEARNT = ("prefix_tuning", "projected", "prompt_tuning", "p_tuning")
KINDS: dict[str, Callable[[], Any]] = {
    "prefix_tuning": lambda: PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=VIRTUAL),
    "projected": lambda: PrefixTuningConfig(
        task_type="CAUSAL_LM", num_virtual_tokens=VIRTUAL, prefix_projection=True, encoder_hidden_size=32
    ),
    "prompt_tuning": lambda: PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=VIRTUAL),
    "p_tuning": lambda: PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=VIRTUAL, encoder_hidden_size=32),
    "lora": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear"),
    "dora": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear", use_dora=True),
    "rslora": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], use_rslora=True),
    "embeddings": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj", "embed_tokens"]),
    "pissa": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], init_lora_weights="pissa"),
    "bias": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], bias="all"),
    "whole_modules": lambda: LoraConfig(
        task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], modules_to_save=["down_proj"]
    ),
    "ia3": lambda: IA3Config(task_type="CAUSAL_LM"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose attention has biases, so that an adapter can bring its own."""
    folder = tiny_llama(tmp_path_factory.mktemp("models") / "tiny")
    config = json.loads((folder / "config.json").read_text()) | {"attention_bias": True}
    (folder / "config.json").write_text(json.dumps(config))
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapters(folder: Path) -> dict[str, Path]:
    return {kind: made(kind, folder, folder.parent / kind) for kind in KINDS}


def made(kind: str, model_folder: Path, folder: Path) -> Path:
    """An adapter of this kind with every weight that it trains moved at random, and those that it brings untrained."""
    torch.manual_seed(sorted(KINDS).index(kind))
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(model_folder), KINDS[kind]())
    for name, weight in adapted.named_parameters():
        if weight.requires_grad or "embed_tokens.base_layer" in name:
            weight.data += torch.randn_like(weight) * 0.3
    adapted.save_pretrained(str(folder))
    return folder


@pytest.fixture
def base(folder: Path) -> Iterator[Model]:
    with Transformers().open(ModelRef(str(folder))) as opened:
        yield opened


def written(model: Model, *, batch_size: int = 4, temperature: float = 0.0) -> list[str]:
    asked = GenerationSettings(max_new_tokens=10, batch_size=batch_size, temperature=temperature)
    return [each.text for each in model.generate(PROMPTS, asked, sample_ids=[str(n) for n in range(len(PROMPTS))])]


def weighed(model: Model, batch_size: int = 4) -> list[float]:
    return [each.value for each in model.log_likelihoods(PAIRS, batch_size=batch_size)]


def by_peft(folder: Path, adapter: Path) -> tuple[list[str], list[float]]:
    """What PEFT and Transformers alone make of it, one text at a time."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), str(adapter))
    texts = []
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt")
        output = model.generate(**ids, max_new_tokens=10, do_sample=False)
        texts.append(tokenizer.decode(output[0, ids.input_ids.shape[1] :], skip_special_tokens=True))
    values = []
    for context, continuation in PAIRS:
        before, whole = (tokenizer.encode(text) for text in (context, context + continuation))
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([whole])).logits[0, -len(whole) :].log_softmax(-1)
        places = range(len(before), len(whole))
        values.append(sum(float(logits[place - 1, whole[place]]) for place in places))
    return texts, values


def test_an_adapter_of_embeddings_brings_those_of_another_base(folder: Path, adapters: dict[str, Path]) -> None:
    brought = load_file(adapters["embeddings"] / "adapter_model.safetensors")
    base = load_file(folder / "model.safetensors")["model.embed_tokens.weight"]
    assert not brought["base_model.model.model.embed_tokens.base_layer.weight"].equal(base)


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_of_any_kind_answers_as_under_peft(
    kind: str, base: Model, folder: Path, adapters: dict[str, Path]
) -> None:
    plain, unlikely = written(base), weighed(base)
    texts, values = by_peft(folder, adapters[kind])
    tuned = base.with_adapter(adapters[kind])
    assert written(tuned) == texts
    assert weighed(tuned) == pytest.approx(values, abs=1e-4)
    assert weighed(tuned, batch_size=1) == pytest.approx(values, abs=1e-4)
    assert texts != plain
    assert written(base) == plain
    assert weighed(base) == unlikely, "to the bit"


def test_adapters_of_all_kinds_take_turns_on_one_set_of_weights(
    base: Model, folder: Path, adapters: dict[str, Path]
) -> None:
    plain, alone = weighed(base), {}
    for kind, adapter in adapters.items():
        with Transformers().open(ModelRef(str(folder))) as fresh:
            alone[kind] = weighed(fresh.with_adapter(adapter))
    views = {kind: base.with_adapter(adapter) for kind, adapter in adapters.items()}
    for _ in range(2):
        for kind, view in views.items():
            assert weighed(view) == pytest.approx(alone[kind], abs=1e-5), kind
            assert weighed(base) == plain, f"after {kind}, to the bit"


@pytest.mark.parametrize("kind", LEARNT)
def test_prompts_of_unlike_length_go_through_peft_without_padding(
    kind: str, base: Model, adapters: dict[str, Path]
) -> None:
    tuned = base.with_adapter(adapters[kind])
    assert written(tuned, batch_size=4) == written(tuned, batch_size=1)
    drawn = written(tuned, temperature=0.8)
    assert drawn == written(tuned, batch_size=2, temperature=0.8) != written(tuned)


@pytest.mark.parametrize("kind", LEARNT)
def test_what_is_written_is_what_each_full_pass_expects(
    kind: str, base: Model, folder: Path, adapters: dict[str, Path]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), str(adapters[kind]))
    expected = []
    for prompt in PROMPTS:
        ids = tokenizer.encode(prompt)
        start = len(ids)
        with torch.inference_mode():
            for _ in range(10):
                ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
                if ids[-1] == tokenizer.eos_token_id:
                    break
        expected.append(tokenizer.decode(ids[start:], skip_special_tokens=True))
    assert written(base.with_adapter(adapters[kind])) == expected


@pytest.mark.parametrize("kind", LEARNT)
def test_made_up_tokens_take_room_from_a_text_that_is_too_long(
    kind: str, base: Model, adapters: dict[str, Path]
) -> None:
    settings = GenerationSettings(max_new_tokens=8)
    for view, taken in ((base, 0), (base.with_adapter(adapters[kind]), VIRTUAL)):
        [answer] = view.generate(["word " * 3000], settings, sample_ids=["a"])
        assert answer.prompt_tokens == 2048 - 8 - taken
    [likelihood] = base.with_adapter(adapters[kind]).log_likelihoods([("word " * 3000, "end")], batch_size=1)
    assert likelihood.value < 0


@pytest.mark.parametrize("kind", LEARNT)
def test_the_record_tells_the_path_of_the_base_model(kind: str, base: Model, adapters: dict[str, Path]) -> None:
    assert base.with_adapter(adapters[kind]).facts == base.facts


@pytest.mark.parametrize("kind", ["lora", "ia3"])
def test_an_untrained_adapter_changes_nothing_and_is_refused(
    kind: str, base: Model, folder: Path, tmp_path: Path
) -> None:
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), KINDS[kind]())
    adapted.save_pretrained(str(tmp_path / kind))
    before = weighed(base)
    with pytest.raises(ModelFailed, match="changes nothing"):
        base.with_adapter(tmp_path / kind)
    assert weighed(base) == before


def test_a_learnt_prompt_that_no_longer_acts_is_told_before_its_first_answer(
    base: Model, adapters: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(base, TransformersModel)
    tuned = base.with_adapter(adapters["prompt_tuning"])
    monkeypatch.setattr(base.weights._adapters, "on", lambda _: base.weights.base)
    with pytest.raises(ModelFailed, match=r"changes nothing: .* train it again"):
        written(tuned)


def test_a_prompt_learnt_for_another_model_is_told_apart(
    base: Model, adapters: dict[str, Path], tmp_path: Path
) -> None:
    before = weighed(base)
    for kind, change in (("prefix_tuning", {"num_layers": 3}), ("prompt_tuning", {"token_dim": 32})):
        foreign = shutil.copytree(adapters[kind], tmp_path / kind)
        config = json.loads((foreign / "adapter_config.json").read_text()) | change
        (foreign / "adapter_config.json").write_text(json.dumps(config))
        with pytest.raises(ModelFailed, match="another base model") as failure:
            base.with_adapter(foreign)
        assert "\n" not in str(failure.value)
    assert weighed(base) == before


def test_a_kind_of_prompt_that_cannot_be_asked_is_named(base: Model, adapters: dict[str, Path], tmp_path: Path) -> None:
    foreign = shutil.copytree(adapters["prompt_tuning"], tmp_path / "multitask")
    config = json.loads((foreign / "adapter_config.json").read_text())
    config |= {"peft_type": "MULTITASK_PROMPT_TUNING"}
    (foreign / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFailed, match="of the kind MULTITASK_PROMPT_TUNING"):
        base.with_adapter(foreign)


def test_a_learnt_prompt_and_a_lora_are_held_at_once(base: Model, folder: Path, adapters: dict[str, Path]) -> None:
    first, second = base.with_adapter(adapters["prefix_tuning"]), base.with_adapter(adapters["lora"])
    third = base.with_adapter(tiny_adapter(folder, folder.parent / "another"))
    expected = [weighed(view) for view in (first, second, third)]
    assert [weighed(view) for view in (third, first, second)] == [expected[2], expected[0], expected[1]]
