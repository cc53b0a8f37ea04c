"""Whole texts are weighed as lm-eval weighs them: each token once, in the same windows, whatever the batch."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from peft import PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness import LogLikelihood, Model, ModelFailed, ModelRef
from harness.testing.tiny import tiny_adapter
from harness_backends import likelihoods, rolling
from harness_backends.rolling import cut
from harness_backends.transformers_backend import Transformers
from harness_backends.transformers_model import TransformersModel

MOST = 64
"""Tokens that the model of these tests looks at together."""
VIRTUAL = 7
BEGIN = "<|im_start|>"
PIECES = ["The capital of France is Paris. ", "naïve café — 你好 🙂 ", "A man is sitting on a roof.\n\n", "\t4711 "]
TEXTS = [
    "",
    *("x", " ", "\n", "é", "~", "P"),
    *("~" * count for count in (2, MOST - 1, MOST, MOST + 1, 2 * MOST - 1, 2 * MOST, 2 * MOST + 1, 5 * MOST + 7)),
    *(" leading", "trailing ", "  both, and a line's end \n", " \n\t ", "two\n\n\nlines"),
    *(
        "你好 世界",
        "القاهرة",
        "🙂🙂🙂",
        "cafe\u0301",
        "\x00\x1b[31m",
        BEGIN,
        f"{BEGIN}user\nHi<|im_end|>\n",
        f" {BEGIN}",
    ),
    *(piece * count for piece in PIECES for count in (1, 7, 40)),
]


@pytest.fixture(scope="module")
def folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that looks at few tokens together."""
    narrow = shutil.copytree(tiny_model, tmp_path_factory.mktemp("models") / "narrow")
    config = json.loads((narrow / "config.json").read_text()) | {"max_position_embeddings": MOST}
    (narrow / "config.json").write_text(json.dumps(config))
    return narrow


@pytest.fixture(scope="module")
def adapter(folder: Path) -> Path:
    return tiny_adapter(folder, folder.parent / "adapter")


@pytest.fixture(scope="module")
def opened(folder: Path) -> Iterator[Model]:
    with Transformers().open(ModelRef(str(folder))) as model:
        yield model


@pytest.fixture
def fresh(folder: Path) -> Iterator[TransformersModel]:
    """A model that a test may spoil."""
    with Transformers().open(ModelRef(str(folder))) as model:
        assert isinstance(model, TransformersModel)
        yield model


def by_lm_eval(folder: Path, texts: list[str], *, batch_size: int = 4, **options: str) -> list[float]:
    """What lm-eval says without its cache of logits.

    With it, 0.4.13 weighs a window at the wrong places that shares its input with a longer one of the same batch, as in
    a text that repeats itself: its likelihoods then depend on the batch size, by 1.5 % in the texts of these tests.
    """
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    reference = HFLM(
        pretrained=str(folder), dtype="float32", device="cpu", batch_size=batch_size, logits_cache=False, **options
    )
    requests = [Instance("loglikelihood_rolling", {}, (text,), number) for number, text in enumerate(texts)]
    return list(reference.loglikelihood_rolling(requests, disable_tqdm=True))


def values(model: Model, texts: list[str], batch_size: int = 4) -> list[float]:
    return [each.value for each in model.rolling_log_likelihoods(texts, batch_size=batch_size)]


@given(st.integers(0, 60), st.integers(1, 20))
@settings(deadline=None)
def test_windows_are_those_of_lm_eval(length: int, most: int) -> None:
    tokens = list(range(100, 100 + length))
    expected = [make_disjoint_window(each) for each in get_rolling_token_windows(tokens, 7, most, 1)]
    found = cut(tokens, 7, most)
    assert [(each.context, each.continuation) for each in found] == expected
    assert [token for each in found for token in each.continuation] == tokens
    assert all(len(each.context) + len(each.continuation) == most + 1 for each in found[1:])


@pytest.mark.parametrize("batch_size", [1, 4, 16])
def test_texts_are_as_likely_as_lm_eval_says(opened: Model, folder: Path, batch_size: int) -> None:
    assert len(TEXTS) == 40
    expected = by_lm_eval(folder, TEXTS, batch_size=batch_size)
    assert values(opened, TEXTS, batch_size) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_every_token_is_counted_once_and_a_text_without_tokens_has_none(opened: Model, folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = opened.rolling_log_likelihoods(TEXTS, batch_size=4)
    assert [each.continuation_tokens for each in found] == [len(tokenizer.encode(text)) for text in TEXTS]
    assert found[0] == LogLikelihood(0.0, True, 0, 0)
    assert {each.context_tokens for each in found[1:]} == {1}
    assert list(opened.rolling_log_likelihoods(["", ""], batch_size=4)) == [found[0], found[0]]
    assert list(opened.rolling_log_likelihoods([], batch_size=4)) == []


def test_a_text_is_as_likely_among_others_as_alone(opened: Model) -> None:
    alone = [values(opened, [text])[0] for text in TEXTS]
    assert values(opened, TEXTS[::-1], 16)[::-1] == pytest.approx(alone, rel=1e-5, abs=1e-5)
    assert values(opened, [TEXTS[-1]] * 3) == pytest.approx(alone[-1:] * 3, rel=1e-5)


def test_a_text_is_greedy_if_every_window_is(folder: Path, tmp_path: Path) -> None:
    module = AutoModelForCausalLM.from_pretrained(folder)
    for name, weight in module.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weight.data.zero_()  # what it read last is all that is left, and like nothing so much as itself
    echo = shutil.copytree(folder, tmp_path / "echo")
    module.save_pretrained(echo)
    texts = [BEGIN * 3 * MOST, BEGIN * 3 * MOST + "~", "~" * 3 * MOST, BEGIN * MOST + "~" * 2 * MOST, BEGIN]
    with Transformers().open(ModelRef(str(echo))) as model:
        found = model.rolling_log_likelihoods(texts, batch_size=2)
    assert [each.is_greedy for each in found] == [True, False, False, False, True]


@pytest.mark.parametrize("numbers", [1, 3_000])
def test_logits_are_read_in_pieces_where_one_window_has_too_many(
    opened: Model, monkeypatch: pytest.MonkeyPatch, numbers: int
) -> None:
    before = opened.rolling_log_likelihoods(TEXTS, batch_size=4)
    pairs = [(text, " and so on") for text in TEXTS]
    paired = opened.log_likelihoods(pairs, batch_size=4)
    monkeypatch.setattr(likelihoods, "_NUMBERS", numbers)
    assert list(opened.rolling_log_likelihoods(TEXTS, batch_size=4)) == list(before)
    assert list(opened.log_likelihoods(pairs, batch_size=4)) == list(paired)


def passes(model: TransformersModel) -> list[tuple[int, int]]:
    """Filled with the shape of every pass from now on."""
    seen: list[tuple[int, int]] = []

    def count(module: object, arguments: object, inputs: dict[str, torch.Tensor]) -> None:
        rows, width = inputs["input_ids"].shape
        seen.append((rows, width))

    assert model.weights.base is not None
    model.weights.base.register_forward_pre_hook(count, with_kwargs=True)
    return seen


def test_no_more_windows_go_through_together_than_their_logits_have_room(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["".join(random.Random(0).choices("~^|#@", k=4 * 2048))]
    with Transformers().open(ModelRef(str(tiny_model))) as model:
        assert isinstance(model, TransformersModel)
        seen = passes(model)
        expected = values(model, texts, 4)
        assert seen == [(4, 2048)]
        seen.clear()
        assert model.weights.base is not None
        monkeypatch.setattr(rolling, "_LOGITS", 2 * 2048 * model.weights.base.config.vocab_size)
        assert values(model, texts, 4) == pytest.approx(expected, rel=1e-5)
        assert seen == [(2, 2048), (2, 2048)]
        seen.clear()
        monkeypatch.setattr(rolling, "_LOGITS", 1)
        assert values(model, texts, 4) == pytest.approx(expected, rel=1e-5)
        assert seen == [(1, 2048)] * 4


def test_when_memory_runs_out_half_as_much_goes_through_together(fresh: TransformersModel) -> None:
    expected, refused = values(fresh, TEXTS, 1), []

    def limited(module: object, arguments: object, inputs: dict[str, torch.Tensor]) -> None:
        if inputs["input_ids"].numel() > 5 * MOST:
            refused.append(inputs["input_ids"].shape)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    assert fresh.weights.base is not None
    fresh.weights.base.register_forward_pre_hook(limited, with_kwargs=True)
    assert values(fresh, TEXTS, 64) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert refused


def test_an_adapter_is_on_in_its_view_only(opened: Model, folder: Path, adapter: Path) -> None:
    base = values(opened, TEXTS)
    tuned = values(opened.with_adapter(adapter), TEXTS)
    assert tuned == pytest.approx(by_lm_eval(folder, TEXTS, peft=str(adapter)), rel=1e-5, abs=1e-5)
    assert tuned[1:] != pytest.approx(base[1:], abs=1e-2)
    assert values(opened, TEXTS) == base


def test_an_adapter_that_acts_no_more_is_told_before_its_first_answer(fresh: TransformersModel, adapter: Path) -> None:
    tuned = fresh.with_adapter(adapter)
    assert fresh.weights.base is not None
    for name, weight in fresh.weights.base.named_parameters():
        if "lora_B" in name:
            weight.data.zero_()
    assert values(tuned, ["", ""]) == [0.0, 0.0], "of which no token is asked"
    for _ in range(2):
        with pytest.raises(ModelFailed, match=r"changes nothing: .* train it again"):
            tuned.rolling_log_likelihoods(["", *TEXTS], batch_size=4)
    assert values(fresh, TEXTS)


@pytest.mark.parametrize("kind", [PrefixTuningConfig, PromptTuningConfig])
def test_a_learnt_prompt_takes_its_room_from_every_window(
    fresh: TransformersModel, folder: Path, tmp_path: Path, kind: type
) -> None:
    torch.manual_seed(0)
    config = kind(task_type="CAUSAL_LM", num_virtual_tokens=VIRTUAL)
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config)
    for weight in adapted.parameters():
        weight.data += torch.randn_like(weight) * 0.3 if weight.requires_grad else 0
    adapted.save_pretrained(str(tmp_path / "learnt"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    reference = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), str(tmp_path / "learnt"))

    def weigh(text: str) -> float:
        windows = get_rolling_token_windows(tokenizer.encode(text), tokenizer.bos_token_id, MOST - VIRTUAL, 1)
        total = 0.0
        for context, continuation in map(make_disjoint_window, windows):
            ids = torch.tensor([[*context, *continuation[:-1]]])
            logits = reference(input_ids=ids, use_cache=False).logits[0, -len(continuation) :].log_softmax(-1)
            total += float(logits[range(len(continuation)), continuation].sum())
        return total

    with torch.inference_mode():
        expected = [weigh(text) for text in TEXTS]
    for batch_size in (1, 8):
        found = values(fresh.with_adapter(tmp_path / "learnt"), TEXTS, batch_size)
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_a_tokenizer_s_own_first_token_is_weighed_as_lm_eval_does_it(folder: Path, tmp_path: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    beginning = shutil.copytree(folder, tmp_path / "beginning")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, tokenizer.bos_token_id)]
    )
    tokenizer.save_pretrained(beginning)
    with Transformers().open(ModelRef(str(beginning))) as model:
        found = model.rolling_log_likelihoods(TEXTS, batch_size=4)
    assert [each.value for each in found] == pytest.approx(by_lm_eval(beginning, TEXTS), rel=1e-5, abs=1e-5)
    counts = dict(zip(TEXTS, (each.continuation_tokens for each in found), strict=True))
    assert (counts[""], counts["x"], counts[BEGIN]) == (1, 2, 1), "a text that brings the token gets no second one"
