"""An adapter that no longer acts when the first requests come never gets the base model's answers for its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import GenerationSettings, Model, ModelFailed, ModelRef
from harness.testing.tiny import tiny_adapter, tiny_llama
from harness_backends.transformers_backend import Transformers
from harness_backends.transformers_model import TransformersModel

Asked = Callable[[Model], object]
PROMPTS = ["The capital of France", "Two and two", "A man is sitting", "Question: which", "Hello"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def base(folder: Path) -> Iterator[TransformersModel]:
    with Transformers().open(ModelRef(str(folder))) as opened:
        assert isinstance(opened, TransformersModel)
        yield opened


def written(model: Model) -> list[str]:
    settings = GenerationSettings(max_new_tokens=6)
    return [each.text for each in model.generate(PROMPTS, settings, sample_ids=[str(n) for n in range(len(PROMPTS))])]


def weighed(model: Model) -> list[float]:
    return [each.value for each in model.log_likelihoods([(prompt, " yes") for prompt in PROMPTS], batch_size=4)]


def _switch_off(model: TransformersModel) -> None:
    """What a library may do to an adapter that was loaded well: nothing of it is left."""
    assert model.weights.base is not None
    for name, weight in model.weights.base.named_parameters():
        if "lora_B" in name:
            weight.data.zero_()


@pytest.mark.parametrize("asked", [written, weighed])
def test_an_adapter_that_acts_no_more_is_told_before_its_first_answer(
    base: TransformersModel, folder: Path, tmp_path: Path, asked: Asked
) -> None:
    adapter = tiny_adapter(folder, tmp_path / "adapter")
    tuned = base.with_adapter(adapter)
    _switch_off(base)
    for _ in range(2):
        with pytest.raises(ModelFailed, match=r"changes nothing: .* train it again") as failure:
            asked(tuned)
        assert str(adapter) in str(failure.value)
    assert asked(base)


@pytest.mark.parametrize("asked", [written, weighed])
def test_an_adapter_that_acts_is_asked_as_ever(
    base: TransformersModel, folder: Path, tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = base.with_adapter(tiny_adapter(folder, tmp_path / "adapter"))
    proved = asked(tuned)
    monkeypatch.setattr("harness_backends.transformers_model.prove", lambda *_: None)
    assert proved == asked(base.with_adapter(tmp_path / "adapter"))
    assert proved != asked(base)


def test_each_adapter_is_proved_once_and_the_base_model_never(
    base: TransformersModel, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(
        "harness_backends.transformers_model.prove", lambda _, adapter, rows: told.append((adapter.name, len([*rows])))
    )
    one, two = (base.with_adapter(tiny_adapter(folder, tmp_path / name, seed=n)) for n, name in enumerate(("a", "b")))
    for model in (base, one, two, one):
        assert written(model)
        assert weighed(model)
    assert told == [("a", len(PROMPTS)), ("b", len(PROMPTS))]
    assert list(one.log_likelihoods([], batch_size=4)) == []
