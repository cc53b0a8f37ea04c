"""What the backend writes: a merged model that answers as the adapter does, and quantised copies that open again."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from peft import IA3Config, LoraConfig, PrefixTuningConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness import GenerationSettings, Message, Model, ModelFailed, ModelRef, UsageError
from harness.testing.tiny import tiny_adapter, tiny_llama
from harness_backends.transformers_backend import Transformers

PROMPTS = [(Message("user", text),) for text in ("The capital of France", "Two and two", "A man is sitting")]
PAIRS = [(prompt, text) for prompt in PROMPTS for text in ("Paris", " is the third one")]
KINDS: dict[str, Callable[[], Any]] = {
    "lora": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear"),
    "dora": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear", use_dora=True),
    "rslora": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], use_rslora=True),
    "whole_modules": lambda: LoraConfig(
        task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], modules_to_save=["down_proj"]
    ),
    # the tiny model's output layer shares the weights of its embeddings
    "tied_output": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj", "lm_head"]),
    "tied_embeddings": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj", "embed_tokens"]),
    "tied_output_whole": lambda: LoraConfig(
        task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], modules_to_save=["lm_head"]
    ),
    "single_tokens": lambda: LoraConfig(
        task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], trainable_token_indices={"embed_tokens": [5, 6, 40]}
    ),
    "biases": lambda: LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], bias="all"),
    "ia3": lambda: IA3Config(task_type="CAUSAL_LM"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_llama(tmp_path_factory.mktemp("models") / "tiny")
    # what a model's author may leave there, and what Transformers would refuse to write again
    (folder / "generation_config.json").write_text(json.dumps({"temperature": 0.2, "do_sample": False}))
    return folder


def trained(model_folder: Path, config: object, folder: Path) -> Path:
    torch.manual_seed(11)
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(model_folder), config)  # type: ignore[arg-type]
    for weight in adapted.parameters():
        if weight.requires_grad:
            weight.data += torch.randn_like(weight) * 0.2
    adapted.save_pretrained(str(folder))
    return folder


def answers(model: Model) -> tuple[list[str], list[float]]:
    settings = GenerationSettings(max_new_tokens=12)
    texts = [each.text for each in model.generate(PROMPTS, settings, sample_ids=["a", "b", "c"])]
    return texts, [each.value for each in model.log_likelihoods(PAIRS, batch_size=4)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_merged_model_answers_as_its_adapter(kind: str, folder: Path, tmp_path: Path) -> None:
    adapter = trained(folder, KINDS[kind](), tmp_path / "adapter")
    Transformers().merge(ModelRef(str(folder)), adapter, tmp_path / "merged")
    with Transformers().open(ModelRef(str(folder))) as opened:
        base, tuned = answers(opened), answers(opened.with_adapter(adapter))
    with Transformers().open(ModelRef(str(tmp_path / "merged"))) as opened:
        texts, values = answers(opened)
    assert texts == tuned[0] != base[0]
    assert values == pytest.approx(tuned[1], abs=1e-4)


def test_a_merged_folder_holds_all_that_belongs_to_a_model(folder: Path, tmp_path: Path) -> None:
    Transformers().merge(ModelRef(str(folder), dtype="bfloat16"), tiny_adapter(folder, tmp_path / "a"), tmp_path / "m")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        assert (tmp_path / "m" / name).read_bytes() == (folder / name).read_bytes(), name
    weights = load_file(tmp_path / "m" / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert not any("lora" in name for name in weights)
    assert not list((tmp_path / "m").glob("adapter*"))
    assert len({path.stat().st_mode for path in (tmp_path / "m").iterdir()}) == 1, "who may read one may read all"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_every_chat_template_comes_along(folder: Path, tmp_path: Path) -> None:
    model = shutil.copytree(folder, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = {"default": tokenizer.chat_template, "tool_use": "tools: " + tokenizer.chat_template}
    tokenizer.save_pretrained(model)
    Transformers().merge(ModelRef(str(model)), tiny_adapter(model, tmp_path / "adapter"), tmp_path / "merged")
    with (
        Transformers().open(ModelRef(str(model))) as one,
        Transformers().open(ModelRef(str(tmp_path / "merged"))) as two,
    ):
        assert one.facts.template_sha256 == two.facts.template_sha256
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template == tokenizer.chat_template


def test_a_learnt_prompt_cannot_be_merged(folder: Path, tmp_path: Path) -> None:
    config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    adapter = trained(folder, config, tmp_path / "adapter")
    with pytest.raises(UsageError, match=r"has learnt a prompt \(prefix_tuning\).*ship the adapter beside"):
        Transformers().merge(ModelRef(str(folder)), adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_what_cannot_be_merged_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    adapter = tiny_adapter(folder, tmp_path / "adapter")
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelFailed, match="cannot be merged") as failure:
        Transformers().merge(ModelRef(str(broken)), adapter, tmp_path / "merged")
    assert "\n" not in str(failure.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["adapter", "broken"]


def test_what_a_kill_has_left_goes_with_the_next_merge(folder: Path, tmp_path: Path) -> None:
    adapter = tiny_adapter(folder, tmp_path / "adapter")
    program = f"""
import os, shutil
from pathlib import Path
from harness import ModelRef
from harness_backends.transformers_backend import Transformers
shutil.copyfile = lambda *_: os.kill(os.getpid(), 9)
Transformers().merge(ModelRef({str(folder)!r}), Path({str(adapter)!r}), Path({str(tmp_path / "merged")!r}))
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == -signal.SIGKILL
    left = {each.name for each in tmp_path.iterdir()} - {"adapter"}
    assert left
    assert "merged" not in left
    Transformers().merge(ModelRef(str(folder)), adapter, tmp_path / "merged")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["adapter", "merged"]


def test_a_full_disk_leaves_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = tiny_adapter(folder, tmp_path / "adapter")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(ModelFailed, match="No space left on device"):
        Transformers().merge(ModelRef(str(folder)), adapter, tmp_path / "merged")
    assert [each.name for each in tmp_path.iterdir()] == ["adapter"]


@pytest.mark.parametrize(("kind", "name"), [("nf4", "load_in_4bit"), ("int8", "load_in_8bit")])
def test_a_quantised_copy_opens_and_answers_nearly_the_same(
    kind: Literal["nf4", "int8"], name: str, folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / kind
    Transformers().quantize(ModelRef(str(folder)), kind, copy)
    assert json.loads((copy / "config.json").read_text())["quantization_config"][name] is True
    assert {torch.uint8, torch.int8} & {weight.dtype for weight in load_file(copy / "model.safetensors").values()}
    with Transformers().open(ModelRef(str(folder))) as opened:
        parameters, (_, whole) = opened.facts.parameters, answers(opened)
    with Transformers().open(ModelRef(str(copy))) as opened:
        texts, rounded = answers(opened)
        assert opened.facts.parameters == parameters
        assert opened.facts.dtype == f"float32, weights in {kind} by bitsandbytes {version('bitsandbytes')}"
        assert answers(opened) == (texts, rounded)
    assert rounded != whole
    assert rounded == pytest.approx(whole, rel=0.5)
    assert all(texts)


def test_a_quantised_model_opens_in_half_precision_and_takes_an_adapter(folder: Path, tmp_path: Path) -> None:
    Transformers().quantize(ModelRef(str(folder), dtype="bfloat16"), "nf4", tmp_path / "nf4")
    with Transformers().open(ModelRef(str(tmp_path / "nf4"), dtype="bfloat16")) as opened:
        base = answers(opened)
        assert answers(opened.with_adapter(tiny_adapter(folder, tmp_path / "adapter"))) != base
        assert answers(opened) == base


def test_a_quantised_model_is_neither_merged_into_nor_quantised_again(folder: Path, tmp_path: Path) -> None:
    Transformers().quantize(ModelRef(str(folder)), "nf4", tmp_path / "nf4")
    copy = ModelRef(str(tmp_path / "nf4"))
    with pytest.raises(UsageError, match=r"is quantised: .* merge into the model that it was made from"):
        Transformers().merge(copy, tiny_adapter(folder, tmp_path / "adapter"), tmp_path / "merged")
    with pytest.raises(UsageError, match="is quantised already"):
        Transformers().quantize(copy, "int8", tmp_path / "int8")


def test_a_whole_checkpoint_opens_as_a_model(folder: Path, tmp_path: Path) -> None:
    module = AutoModelForCausalLM.from_pretrained(folder)
    module.model.layers[0].mlp.down_proj.weight.data *= 1.5
    whole = shutil.copytree(folder, tmp_path / "whole", ignore=shutil.ignore_patterns("*.safetensors"))
    module.generation_config.temperature = None
    module.save_pretrained(whole)
    with Transformers().open(ModelRef(str(folder))) as one, Transformers().open(ModelRef(str(whole))) as other:
        assert answers(one) != answers(other)
