"""What every method promises, on a tiny random Llama: it learns, what comes back is what was measured, and it acts."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
from training_kit import (
    BATCH,
    job_for,
    losses,
    measured,
    reopened,
    train,
    trained_names,
    validation_loss,
    write,
    write_texts,
)

from harness import Checkpoint, ModelRef, Progress, TrainJob, UsageError
from harness_trainers.methods import ContinuedPretraining, Full, Ia3, Lora, PrefixTuning, PromptTuning, Qlora
from harness_trainers.options import Common

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT: dict[str, Any] = {"per_device_train_batch_size": BATCH, "num_train_epochs": 5, "max_length": 256}
METHODS: dict[str, Common] = {
    "full": Full(learning_rate=2e-3, **SHORT),
    "lora": Lora(r=4, lora_alpha=8, learning_rate=2e-2, **SHORT),
    "qlora": Qlora(r=4, lora_alpha=8, learning_rate=2e-2, **SHORT),
    "prefix_tuning": PrefixTuning(num_virtual_tokens=4, learning_rate=5e-2, **SHORT),
    "prefix_projection": PrefixTuning(num_virtual_tokens=4, prefix_projection=True, **SHORT),
    "prompt_tuning": PromptTuning(num_virtual_tokens=4, learning_rate=0.2, **SHORT),
    "ia3": Ia3(learning_rate=5e-2, **SHORT),
    "continued_pretraining": ContinuedPretraining(learning_rate=2e-3, **SHORT),
    "continued_pretraining_lora": ContinuedPretraining(method="lora", r=4, learning_rate=2e-2, **SHORT),
}


@dataclass(frozen=True)
class Done:
    options: Common
    job: TrainJob
    checkpoint: Checkpoint
    reports: list[Progress]


@pytest.fixture(scope="module", params=METHODS)
def done(request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    options = METHODS[request.param]
    job = job_for(options, tiny_model, tmp_path_factory.mktemp(request.param))
    return Done(options, job, *train(options, job))


@pytest.fixture
def plain(tiny_model: Path, tmp_path: Path) -> TrainJob:
    return job_for(Lora(), tiny_model, tmp_path)


def test_the_loss_falls_in_training_and_in_validation(done: Done) -> None:
    curve, validation = losses(done.reports), measured(done.reports)
    assert curve[max(curve)] < curve[min(curve)]
    assert validation[max(validation)] < validation[min(validation)]


def test_the_checkpoint_holds_safetensors_and_nothing_that_runs_code(done: Done) -> None:
    files = {each.name for each in done.job.output.rglob("*") if each.is_file()}
    assert any(name.endswith(".safetensors") for name in files)
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    if done.checkpoint.kind == "model":
        assert {"config.json", "generation_config.json", "tokenizer.json", "model.safetensors"} <= files
    else:
        assert files == {"adapter_model.safetensors", "adapter_config.json", "README.md"}


def test_the_reopened_checkpoint_is_the_one_that_was_measured(done: Done) -> None:
    model = reopened(done.checkpoint, done.options, done.job)
    assert validation_loss(model, done.options, done.job) == pytest.approx(done.checkpoint.validation_loss, rel=1e-4)
    assert done.checkpoint.validation_loss == min(measured(done.reports).values())


def test_the_reopened_checkpoint_speaks_otherwise_than_the_base(done: Done) -> None:
    import torch

    from harness_trainers.opening import open_model

    ids = torch.arange(5, 25).reshape(1, -1)
    base = open_model(done.options, done.job.model).eval()
    with torch.no_grad():
        before = base(input_ids=ids).logits
        after = reopened(done.checkpoint, done.options, done.job)(input_ids=ids).logits
    assert (after[:, -1] - before[:, -1]).abs().max() > 1e-2


def test_the_record_says_what_was_trained(done: Done) -> None:
    names = trained_names(done.options, done.job)
    marks = {"Lora": "lora_", "Qlora": "lora_", "Ia3": "ia3_", "PrefixTuning": "prompt_", "PromptTuning": "prompt_"}
    mark = marks.get(type(done.options).__name__, "lora_" if done.checkpoint.kind == "adapter" else "")
    assert names
    assert all(mark in name for name in names)
    assert done.checkpoint.facts["trained_parameters"] > 0


def test_reports_tell_speed_and_memory(done: Done) -> None:
    told = [each for each in done.reports if each.loss is not None]
    assert all(each.tokens_per_second and each.tokens_per_second > 0 for each in told)
    assert all(each.memory_bytes and each.memory_bytes > 50e6 for each in done.reports)


def test_the_loss_that_is_trained_on_is_the_models_own(done: Done) -> None:
    """On a CPU it is computed in a leaner way where that is known to be right."""
    import torch

    from harness_trainers.opening import trained
    from harness_trainers.sft_loop import build

    trainer: Any = build(done.options, done.job)
    batch = next(iter(trainer.get_train_dataloader()))
    known = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids", "labels") if name in batch}
    weights = [weight for _, weight in trained(trainer.model)]
    trainer.model.eval()
    own = trainer.model(**known, use_cache=False).loss
    ours = trainer.compute_loss(trainer.model, dict(batch))
    assert ours.item() == pytest.approx(own.item(), abs=1e-5)
    for one, other in zip(torch.autograd.grad(ours, weights), torch.autograd.grad(own, weights), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


# full


def changed(model: Path, checkpoint: Checkpoint) -> set[str]:
    from safetensors.torch import load_file

    before, after = (load_file(folder / "model.safetensors") for folder in (model, checkpoint.path))
    assert before.keys() == after.keys()
    return {name for name in before if not before[name].equal(after[name])}


def test_frozen_layers_and_embeddings_stay_as_they_are(plain: TrainJob, tiny_model: Path) -> None:
    options = Full(learning_rate=1e-2, max_steps=1, freeze_layers=1, freeze_embeddings=True, warmup_ratio=0.0)
    names = trained_names(options, plain)
    assert names
    assert not [name for name in names if "layers.0." in name or "embed_tokens" in name]
    moved = changed(tiny_model, train(options, plain)[0])
    assert moved == {name for name in names if name != "lm_head.weight"}
    everything = changed(tiny_model, train(replace(options, freeze_layers=0, freeze_embeddings=False), plain)[0])
    assert any("layers.0." in name for name in everything)
    assert "model.embed_tokens.weight" in everything


def test_more_frozen_layers_than_there_are_is_refused(plain: TrainJob) -> None:
    with pytest.raises(UsageError, match="freeze_layers is 3, but the model has 2 layers"):
        trained_names(Full(freeze_layers=3), plain)


def test_a_whole_model_keeps_its_configuration(plain: TrainJob, tiny_model: Path) -> None:
    train(Full(max_steps=1), plain)
    before, after = (json.loads((folder / "config.json").read_text()) for folder in (tiny_model, plain.output))
    same = ("use_cache", "eos_token_id", "pad_token_id", "vocab_size", "tie_word_embeddings")
    assert {name: before.get(name) for name in same} == {name: after.get(name) for name in same}


# lora


def with_biases(model: Path, folder: Path) -> Path:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    config = AutoConfig.from_pretrained(model)
    config.attention_bias = True
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


def test_bias_says_which_biases_are_trained(plain: TrainJob, tiny_model: Path, tmp_path: Path) -> None:
    job = replace(plain, model=ModelRef(str(with_biases(tiny_model, tmp_path / "biased")), device="cpu"))
    two = ("q_proj", "v_proj")
    found = {
        bias: {
            re.sub(r".*self_attn\.|\.base_layer", "", name)
            for name in trained_names(Lora(bias=bias, target_modules=two), job)
            if name.endswith("bias")
        }
        for bias in ("none", "lora_only", "all")
    }
    assert found["none"] == set()
    assert found["lora_only"] == {"q_proj.bias", "v_proj.bias"}
    assert found["all"] == {"q_proj.bias", "k_proj.bias", "v_proj.bias", "o_proj.bias"}
    checkpoint, _ = train(Lora(bias="lora_only", target_modules=two, max_steps=1), job)
    from safetensors.torch import load_file

    assert any(name.endswith("bias") for name in load_file(checkpoint.path / "adapter_model.safetensors"))


def layer(options: Common, job: TrainJob) -> Any:  # noqa: ANN401 - a module of PEFT's
    from harness_trainers.sft_loop import build

    model: Any = build(options, job).model
    return model.base_model.model.model.layers[0].self_attn.q_proj


def test_dora_trains_a_magnitude_for_each_adapted_module(plain: TrainJob) -> None:
    names = trained_names(Lora(use_dora=True), plain)
    assert sum("lora_magnitude_vector" in name for name in names) == 2 * 7
    assert not [name for name in trained_names(Lora(), plain) if "magnitude" in name]


def test_rslora_scales_by_the_root_of_the_rank(plain: TrainJob) -> None:
    assert layer(Lora(r=16, lora_alpha=8), plain).scaling["default"] == pytest.approx(8 / 16)
    assert layer(Lora(r=16, lora_alpha=8, use_rslora=True), plain).scaling["default"] == pytest.approx(8 / 4)


def test_each_way_to_begin_leaves_the_model_as_it_is_and_differs_from_the_others(plain: TrainJob) -> None:
    import torch

    starts = {start: (layer(Lora(init_lora_weights=start), plain), start) for start in (True, "gaussian", "orthogonal")}
    down = [found.lora_A["default"].weight for found, _ in starts.values()]
    for found, _ in starts.values():
        product = found.lora_B["default"].weight @ found.lora_A["default"].weight
        torch.testing.assert_close(product, torch.zeros_like(product), rtol=0, atol=1e-5)
    assert not any(torch.equal(one, other) for at, one in enumerate(down) for other in down[at + 1 :])


def test_attention_stands_for_the_projections_of_this_models_attention(plain: TrainJob) -> None:
    names = trained_names(Lora(target_modules="attention"), plain)
    assert {name.split(".")[-4] for name in names} == {"q_proj", "k_proj", "v_proj", "o_proj"}


def test_a_model_without_any_attention_by_name_is_refused() -> None:
    import torch

    from harness_trainers.modules import attention

    class Strange(torch.nn.Sequential):
        def get_output_embeddings(self) -> None:
            return None

    with pytest.raises(UsageError, match="no module of this model has that in its name; name them: it has 0, 1"):
        attention(Strange(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)))


# qlora


def test_qlora_holds_the_weights_in_four_bits_as_its_options_say(plain: TrainJob) -> None:
    import torch

    base = layer(Qlora(), plain).base_layer
    assert (base.weight.quant_type, base.weight.dtype, base.compute_dtype) == ("nf4", torch.uint8, torch.float32)
    assert base.weight.quant_state.nested
    other = layer(Qlora(bnb_4bit_use_double_quant=False, bnb_4bit_compute_dtype="bfloat16"), plain).base_layer
    assert not other.weight.quant_state.nested
    assert other.compute_dtype == torch.bfloat16


def test_the_adapter_of_a_model_in_four_bits_is_held_in_float32(plain: TrainJob) -> None:
    import torch

    from harness_trainers.opening import trained
    from harness_trainers.sft_loop import build

    assert {weight.dtype for _, weight in trained(build(Qlora(), plain).model)} == {torch.float32}


# prompts


def test_virtual_tokens_are_as_many_as_the_option_says(plain: TrainJob) -> None:
    from safetensors.torch import load_file

    for options in (PromptTuning(num_virtual_tokens=6, max_steps=1), PrefixTuning(num_virtual_tokens=6, max_steps=1)):
        checkpoint, _ = train(options, plain)
        assert load_file(checkpoint.path / "adapter_model.safetensors")["prompt_embeddings"].shape[0] == 6


def test_a_prefix_projection_is_trained_and_leaves_the_prefix_alone_in_the_file(plain: TrainJob) -> None:
    from safetensors.torch import load_file

    options = PrefixTuning(prefix_projection=True, max_steps=1)
    assert any("transform" in name for name in trained_names(options, plain))
    assert not any("transform" in name for name in trained_names(PrefixTuning(), plain))
    assert list(load_file(train(options, plain)[0].path / "adapter_model.safetensors")) == ["prompt_embeddings"]


def test_a_prompt_may_begin_as_a_text(plain: TrainJob, tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    from harness_trainers.sft_loop import build

    text = "The capital of France is Paris"
    options = PromptTuning(prompt_tuning_init="text", prompt_tuning_init_text=text, num_virtual_tokens=3)
    model: Any = build(options, plain).model
    tokens = AutoTokenizer.from_pretrained(tiny_model)(text)["input_ids"][:3]
    learnt = model.prompt_encoder["default"].embedding.weight
    assert learnt.equal(model.get_base_model().get_input_embeddings().weight[tokens])
    other: Any = build(PromptTuning(num_virtual_tokens=3), plain).model
    assert not learnt.equal(other.prompt_encoder["default"].embedding.weight)


# ia3


def test_ia3_trains_one_factor_for_each_output_or_input(plain: TrainJob) -> None:
    from harness_trainers.opening import trained
    from harness_trainers.sft_loop import build

    shapes = {name.split(".")[-3]: tuple(weight.shape) for name, weight in trained(build(Ia3(), plain).model)}
    assert shapes == {"k_proj": (32, 1), "v_proj": (32, 1), "down_proj": (1, 128)}


def test_a_model_that_ia3_does_not_know_is_refused(tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM

    from harness_trainers.modules import scaled

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    model.config.model_type = "unheard_of"
    assert scaled(model) == (["k_proj", "v_proj", "down_proj"], ["down_proj"]), "the names are those of a Llama"
    del model.model.layers
    with pytest.raises(UsageError, match="where a model of type 'unheard_of' is scaled is not known; use lora"):
        scaled(model)


# continued pretraining


def test_raw_text_is_learnt_whole_with_its_end(tiny_model: Path, tmp_path: Path) -> None:
    from harness_trainers.lint import examples

    options = ContinuedPretraining()
    found = examples(options, job_for(options, tiny_model, tmp_path))
    for tokens in found.train:
        assert tokens.labels == tokens.ids
        assert tokens.ids[-1] == found.reader.tokenizer.eos_token_id


def test_text_that_is_too_long_goes_on_in_another_pack(tiny_model: Path, tmp_path: Path) -> None:
    from harness_trainers.sft_loop import build

    options = ContinuedPretraining(max_length=32)
    job = job_for(options, tiny_model, tmp_path)
    write(job.train, [{"text": "The capital of France is Paris. " * 10}, {"text": "A lamp."}])
    trainer: Any = build(options, job)
    rows = trainer.train_dataset
    assert max(len(row) for row in rows["input_ids"]) <= 32
    text = "".join(trainer.processing_class.decode(row) for row in rows["input_ids"])
    assert text.count("France") == 10
    assert text.count("lamp") == 1


def test_texts_are_packed_unless_said_otherwise(tiny_model: Path, tmp_path: Path) -> None:
    from harness_trainers.sft_loop import build

    job = job_for(ContinuedPretraining(), tiny_model, tmp_path)
    packed, apart = (build(ContinuedPretraining(packing=packing), job) for packing in (True, False))
    assert len(packed.train_dataset) < len(apart.train_dataset) == 12


def test_the_method_of_continued_pretraining_sets_its_learning_rate_and_what_is_trained() -> None:
    assert (ContinuedPretraining().learning_rate, ContinuedPretraining().writes) == (5e-5, "model")
    lora = ContinuedPretraining(method="lora")
    assert (lora.learning_rate, lora.writes) == (1e-4, "adapter")
    assert ContinuedPretraining(method="lora", learning_rate=3e-4).learning_rate == 3e-4


def test_a_text_row_without_text_is_refused_with_its_line(tiny_model: Path, tmp_path: Path) -> None:
    job = job_for(ContinuedPretraining(), tiny_model, tmp_path)
    with write_texts(job.train, 2).open("a") as rows:
        rows.write('{"text": ""}\n')
    with pytest.raises(UsageError, match=r"train\.jsonl:3: the row has no text"):
        ContinuedPretraining().train(job, lambda progress: None)


# options that make no sense


@pytest.mark.parametrize(
    ("method", "options", "complaint"),
    [
        (Full, {"freeze_layers": -1}, "freeze_layers must not be below 0"),
        (Lora, {"bias": "some"}, "bias 'some' is none of none, all, lora_only"),
        (Lora, {"init_lora_weights": False}, "init_lora_weights False is none of"),
        (Lora, {"init_lora_weights": "orthogonal", "r": 3}, "needs an even r, not 3"),
        (Qlora, {"bnb_4bit_compute_dtype": "int8"}, "bnb_4bit_compute_dtype 'int8' is none of"),
        (PromptTuning, {"num_virtual_tokens": 0}, "num_virtual_tokens must be at least 1"),
        (PromptTuning, {"prompt_tuning_init": "text"}, "prompt_tuning_init_text go together"),
        (PromptTuning, {"prompt_tuning_init_text": "Hello"}, "prompt_tuning_init_text go together"),
        (PromptTuning, {"packing": True}, "packing does not go with prompt_tuning"),
        (PrefixTuning, {"packing": True}, "packing does not go with prefix_tuning"),
        (PrefixTuning, {"gradient_checkpointing": True}, "gradient_checkpointing does not go with prefix_tuning"),
        (ContinuedPretraining, {"method": "qlora"}, "method 'qlora' is none of full, lora"),
        (ContinuedPretraining, {"r": 4}, "r is an option of method: lora, and the method is full"),
        (ContinuedPretraining, {"assistant_only_loss": True}, "assistant_only_loss is for conversations"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_a_sentence(
    method: type[Common], options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        method(**options)


def test_every_option_of_every_method_is_used_by_a_test() -> None:
    tests = [Path(__file__).parent / "test_lora.py", *Path(__file__).parent.glob("test_training_*.py")]
    text = "".join(each.read_text() for each in tests)
    options = {option.name for method in METHODS.values() for option in fields(method)}
    assert not [name for name in options if not re.search(rf"\b{name}\b", text)]


def test_weights_in_four_bits_compute_alike_before_and_after_they_were_evaluated(tiny_model: Path) -> None:
    import torch

    from harness_trainers.opening import open_model

    options = Qlora()
    model = open_model(options, ModelRef(str(tiny_model), device="cpu"))
    ids = torch.arange(5, 25).reshape(1, -1)
    with torch.no_grad():
        before = model.train()(input_ids=ids).logits
        model.eval()(input_ids=ids)
        after = model.train()(input_ids=ids).logits
    assert torch.equal(before, after)
