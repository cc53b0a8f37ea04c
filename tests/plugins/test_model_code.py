"""A model whose configuration names code of another repository: the record tells by what code it was computed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness import GenerationSettings, ModelFacts, ModelFailed, ModelRef
from harness.testing.tiny import tiny_adapter, tiny_llama
from harness_backends.transformers_backend import Transformers

CODE = """
from transformers import LlamaForCausalLM

from .scaling import SCALE


class Scaled(LlamaForCausalLM):
    def forward(self, *arguments, **named):
        result = super().forward(*arguments, **named)
        result.logits = result.logits * SCALE
        return result
"""
TOKENIZER = """
from transformers import PreTrainedTokenizerFast


class Shouting(PreTrainedTokenizerFast):
    pass
"""


def with_code(folder: Path, repository: str, name: str = "modeling_scaled") -> Path:
    """A tiny model that is to be computed by ``Scaled`` of a repository."""
    config = json.loads((tiny_llama(folder) / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": f"{repository}{name}.Scaled"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def repository(folder: Path, scale: float) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "modeling_scaled.py").write_text(CODE)
    (folder / "scaling.py").write_text(f"SCALE = {scale}\n")
    return folder


def opened(folder: Path, *, trusted: bool = True) -> tuple[ModelFacts, float]:
    with Transformers().open(ModelRef(str(folder), device="cpu", trust_remote_code=trusted)) as model:
        return model.facts, model.log_likelihoods([("The capital of France", " is Paris")], batch_size=1)[0].value


def test_other_code_in_another_folder_is_another_configuration(tmp_path: Path) -> None:
    code = repository(tmp_path / "code", 1.0)
    model = with_code(tmp_path / "model", f"{code}--")
    first, value = opened(model)
    assert opened(model) == (first, value)
    repository(code, 0.5)
    second, changed = opened(model)
    assert changed != value, "the other code computes"
    assert second.config_sha256 != first.config_sha256
    assert second.weights_sha256 == first.weights_sha256


def test_other_code_at_a_hub_is_another_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    there = tmp_path / "hub" / "models--somebody--code"
    (there / "refs").mkdir(parents=True)
    model = with_code(tmp_path / "model", "somebody/code--")
    found = []
    for commit, scale in (("1" * 40, 1.0), ("2" * 40, 0.5), ("1" * 40, 1.0)):
        repository(there / "snapshots" / commit, scale)
        (there / "refs" / "main").write_text(commit)
        found.append(opened(model))
    assert found[0] == found[2]
    assert found[0][1] != found[1][1]
    assert found[0][0].config_sha256 != found[1][0].config_sha256


def test_code_that_is_not_trusted_is_neither_run_nor_counted(tmp_path: Path) -> None:
    code = repository(tmp_path / "code", 0.5)
    plain, value = opened(tiny_llama(tmp_path / "plain"), trusted=False)
    named, same = opened(with_code(tmp_path / "model", f"{code}--"), trusted=False)
    assert same == value
    repository(code, 0.25)
    assert opened(tmp_path / "model", trusted=False)[0] == named
    assert plain.config_sha256 != named.config_sha256, "the configuration itself names the code"


def test_code_in_the_models_own_folder_counts_once_and_as_before(tmp_path: Path) -> None:
    model = repository(with_code(tmp_path / "model", ""), 0.5)
    trusted, value = opened(model)
    untrusted, plain = opened(model, trusted=False)
    assert value != plain
    assert trusted.config_sha256 == untrusted.config_sha256


def test_other_code_for_the_tokens_is_another_tokenizer(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "shouting.py").write_text(TOKENIZER)
    model = tiny_llama(tmp_path / "model")
    config = json.loads((model / "tokenizer_config.json").read_text())
    config["auto_map"] = {"AutoTokenizer": [None, f"{code}--shouting.Shouting"]}
    (model / "tokenizer_config.json").write_text(json.dumps(config))
    first, _ = opened(model)
    (code / "shouting.py").write_text(TOKENIZER + "\n# another line\n")
    second, _ = opened(model)
    assert second.tokenizer_sha256 != first.tokenizer_sha256
    assert second.config_sha256 == first.config_sha256


def test_code_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelFailed, match="cannot be opened") as failure:
        opened(with_code(tmp_path / "model", "nobody/no-such-code--"))
    assert "\n" not in str(failure.value)


def test_a_merged_model_brings_the_code_along(tmp_path: Path) -> None:
    code = repository(tmp_path / "code", 0.5)
    model = with_code(tmp_path / "model", f"{code}--")
    adapter = tiny_adapter(model, tmp_path / "adapter")
    ref = ModelRef(str(model), device="cpu", trust_remote_code=True)
    Transformers().merge(ref, adapter, tmp_path / "merged")
    settings = GenerationSettings(max_new_tokens=8)
    pairs = [("The capital of France", " is Paris")]
    with Transformers().open(ref) as whole:
        tuned = whole.with_adapter(adapter)
        text = tuned.generate(["The capital"], settings, sample_ids=["a"])[0].text
        value = tuned.log_likelihoods(pairs, batch_size=1)[0].value
    shutil.rmtree(code)
    with Transformers().open(ModelRef(str(tmp_path / "merged"), device="cpu", trust_remote_code=True)) as merged:
        assert merged.generate(["The capital"], settings, sample_ids=["a"])[0].text == text
        assert merged.log_likelihoods(pairs, batch_size=1)[0].value == pytest.approx(value, abs=1e-4)
