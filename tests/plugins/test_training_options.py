"""The options that all methods share: each has a test that its effect shows in what was trained."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from training_kit import BATCH, GENERATION, conversation, job_for, losses, rates, train, write

from harness import ModelRef, TrainJob, UsageError
from harness_trainers.methods import ContinuedPretraining, Full, Lora, Qlora
from harness_trainers.options import Common

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = Lora(r=4, lora_alpha=8, learning_rate=1e-2, per_device_train_batch_size=BATCH, num_train_epochs=1)


@pytest.fixture
def job(tiny_model: Path, tmp_path: Path) -> TrainJob:
    return job_for(QUICK, tiny_model, tmp_path)


def built(options: Common, job: TrainJob) -> Any:  # noqa: ANN401 - a trainer of the library's
    from harness_trainers.sft_loop import build

    return build(options, job)


# packing


def stirred(trainer: Any) -> Any:  # noqa: ANN401 - a trainer of the library's
    """The trainer, its adapter acting: a fresh one adds nothing, and would hide what it does to other rows."""
    import torch

    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.1)
    return trainer


@pytest.mark.parametrize("options", [replace(QUICK, packing=True, max_length=256), ContinuedPretraining(max_length=64)])
def test_a_pack_has_the_loss_of_its_rows_alone(options: Common, tiny_model: Path, tmp_path: Path) -> None:
    import torch

    from harness_trainers.lint import examples

    trainer = stirred(built(options, job_for(options, tiny_model, tmp_path)))
    trainer.model.eval()
    rows = examples(options, job_for(options, tiny_model, tmp_path)).train
    batches = list(trainer.get_train_dataloader())
    assert len(batches[0]["seq_idx"].unique()) > 1, "a batch holds several rows"
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in batches:
            labelled = int((batch["labels"][:, 1:] != -100).sum())
            total += trainer.compute_loss(trainer.model, dict(batch)).item() * labelled
            count += labelled
        alone, tokens = 0.0, 0
        for row in rows:
            ids, labels = torch.tensor([row.ids]), torch.tensor([row.labels])
            labelled = int((labels[:, 1:] != -100).sum())
            alone += trainer.model(input_ids=ids, labels=labels, use_cache=False).loss.item() * labelled
            tokens += labelled
    assert count == tokens
    assert total / count == pytest.approx(alone / tokens, abs=1e-5)


def test_packing_puts_several_rows_into_a_sequence(job: TrainJob) -> None:
    packed = built(replace(QUICK, packing=True, max_length=256), job)
    assert len(packed.train_dataset) < 12
    assert len(packed.eval_dataset) == 4, "the validation loss is that of rows, as without packing"
    checkpoint, _ = train(replace(QUICK, packing=True, max_length=256, num_train_epochs=4), job)
    assert checkpoint.facts["rows"] == len(packed.train_dataset)


# what is learnt


@pytest.fixture
def marking_job(job: TrainJob, tmp_path: Path) -> TrainJob:
    """A job on conversations of two turns, with a model whose chat template marks the assistant's."""
    folder = tmp_path / "marking"
    shutil.copytree(job.model.name, folder)
    (folder / "chat_template.jinja").write_text(GENERATION)
    more = [{"role": "user", "content": "And the next?"}, {"role": "assistant", "content": "None."}]
    for path in (job.train, job.validation):
        assert path
        write(path, [{"messages": conversation(number) + more} for number in range(8)])
    return replace(job, model=ModelRef(str(folder), device="cpu"))


def learnt(options: Common, job: TrainJob) -> str:
    return "".join(token.text for token in options.masks(job, 1)[0] if token.is_learned)


def test_the_loss_is_on_the_last_answer_or_on_all_of_the_assistants(marking_job: TrainJob) -> None:
    assert learnt(QUICK, marking_job) == "None.<|im_end|>\n"
    every = replace(QUICK, assistant_only_loss=True)
    assert learnt(every, marking_job) == '{"order": 4000}<|im_end|>\nNone.<|im_end|>\n'
    checkpoint, reports = train(replace(every, num_train_epochs=4), marking_job)
    curve = losses(reports)
    assert curve[max(curve)] < curve[min(curve)]
    assert checkpoint.facts["rows"] == 8


def test_a_template_that_cannot_mark_the_assistant_is_refused(job: TrainJob) -> None:
    with pytest.raises(UsageError, match="assistant_only_loss needs a chat template that marks the assistant's turns"):
        replace(QUICK, assistant_only_loss=True).train(job, lambda progress: None)


def test_a_template_that_leaves_the_end_of_a_turn_unmarked_is_refused(marking_job: TrainJob) -> None:
    unmarked = GENERATION.replace(
        "+ '<|im_end|>' + '\n' }}{% endgeneration %}", "}}{% endgeneration %}{{ '<|im_end|>' }}"
    )
    (Path(marking_job.model.name) / "chat_template.jinja").write_text(unmarked)
    with pytest.raises(UsageError, match="the token that ends a turn is outside the loss"):
        replace(QUICK, assistant_only_loss=True).train(marking_job, lambda progress: None)


# how it is computed


def test_gradients_are_clipped_to_the_norm_that_is_given(job: TrainJob) -> None:
    import torch
    from transformers import TrainerCallback

    norms: list[float] = []

    class Norms(TrainerCallback):
        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
            gradients = [each.grad for each in kwargs["model"].parameters() if each.grad is not None]
            norms.append(torch.nn.utils.get_total_norm(gradients).item())

    for norm in (0.01, 0.0):
        trainer = built(replace(QUICK, max_grad_norm=norm, max_steps=1), job)
        trainer.add_callback(Norms())
        trainer.train()
    assert norms[0] == pytest.approx(0.01, rel=1e-3)
    assert norms[1] > 0.05


def test_activations_are_computed_twice_where_it_is_asked_for_and_change_nothing(job: TrainJob) -> None:
    seen = {}
    for twice in (None, True):
        trainer = built(replace(QUICK, gradient_checkpointing=twice), job)
        trainer.train()
        layers = trainer.model.base_model.model.model.layers
        seen[twice] = any(layer.gradient_checkpointing for layer in layers), trainer.state.log_history[0]["loss"]
    assert (seen[None][0], seen[True][0]) == (False, True)
    assert seen[True][1] == pytest.approx(seen[None][1], rel=1e-5)


@pytest.mark.parametrize(
    ("options", "dtype", "frozen", "trained", "autocast"),
    [
        (Lora(), "float32", "float32", "float32", False),
        (Lora(), "bfloat16", "bfloat16", "float32", False),
        (Lora(precision="float32"), "bfloat16", "float32", "float32", False),
        (Lora(precision="bfloat16"), "float32", "bfloat16", "float32", True),
        (Full(), "bfloat16", None, "float32", False),
        (Full(precision="bfloat16"), "float32", None, "float32", True),
        (Full(precision="float32"), "bfloat16", None, "float32", False),
    ],
)
def test_precision_sets_the_types_of_weights_and_of_what_is_computed(
    job: TrainJob, options: Common, dtype: str, frozen: str | None, trained: str, autocast: bool
) -> None:
    trainer = built(options, replace(job, model=replace(job.model, dtype=dtype)))
    found = {
        is_trained: {str(each.dtype) for each in trainer.model.parameters() if each.requires_grad is is_trained}
        for is_trained in (True, False)
    }
    assert found[True] == {f"torch.{trained}"}
    assert found[False] == ({f"torch.{frozen}"} if frozen else set())
    assert trainer.args.bf16 is autocast


def test_qlora_computes_in_the_type_of_the_precision(job: TrainJob) -> None:
    trainer = built(Qlora(precision="bfloat16"), job)
    assert (
        str(trainer.model.base_model.model.model.layers[0].self_attn.q_proj.base_layer.compute_dtype)
        == "torch.bfloat16"
    )


def test_a_training_in_bfloat16_learns(job: TrainJob) -> None:
    _, reports = train(replace(QUICK, precision="bfloat16", num_train_epochs=4), job)
    curve = losses(reports)
    assert curve[max(curve)] < curve[min(curve)]


def test_float16_without_a_gpu_is_refused(job: TrainJob) -> None:
    with pytest.raises(UsageError, match="precision float16 needs a GPU"):
        built(Lora(precision="float16"), job)


def test_noise_is_on_the_embeddings_while_training_and_not_while_measuring(job: TrainJob) -> None:
    seen = {}
    for noise in (None, 5.0):
        trainer = built(replace(QUICK, neftune_noise_alpha=noise, lr_scheduler_type="constant", max_steps=1), job)
        before = trainer.evaluate()["eval_loss"]
        trainer.train()
        seen[noise] = before, trainer.state.log_history
    losses_of = {noise: next(each["loss"] for each in log if "loss" in each) for noise, (_, log) in seen.items()}
    assert losses_of[5.0] != losses_of[None]
    assert seen[5.0][0] == seen[None][0]


def test_rows_with_noise_share_nothing(job: TrainJob) -> None:
    """The noise of a shared beginning would be the same in all rows."""
    import torch

    trainer = built(replace(QUICK, neftune_noise_alpha=5.0), job)
    batch = next(iter(trainer.get_train_dataloader()))
    lengths: list[int] = []
    embeddings = trainer.model.get_base_model().get_input_embeddings()
    embeddings.register_forward_hook(lambda module, inputs, output: lengths.append(len(inputs[0])))
    trainer.model.train()
    with torch.no_grad():
        trainer.compute_loss(trainer.model, batch)
    assert lengths == [BATCH]


@pytest.mark.parametrize(
    ("option", "value"),
    [("max_grad_norm", -1.0), ("precision", "int8"), ("neftune_noise_alpha", 0.0)],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(option: str, value: object) -> None:
    with pytest.raises(ValueError, match=option):
        Lora(**{option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize(
    "option",
    [
        "learning_rate",
        "weight_decay",
        "max_grad_norm",
        "num_train_epochs",
        "neftune_noise_alpha",
        "early_stopping_threshold",
    ],
)
def test_a_number_without_end_is_refused_before_anything_loads(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{option} must be a finite number"):
        Lora(**{option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "option",
    [
        "max_steps",
        "max_length",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "evals_per_epoch",
        "r",
        "lora_alpha",
    ],
)
def test_a_count_that_no_library_below_can_hold_is_refused_before_anything_loads(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} must be below 2147483648, not 10000000000"):
        Lora(**{option: 10**10})  # type: ignore[arg-type]


def test_a_training_of_one_step_learns(job: TrainJob) -> None:
    _, reports = train(replace(QUICK, max_steps=1), job)
    assert rates(reports) == [pytest.approx(QUICK.learning_rate)]


@pytest.mark.parametrize("changes", [{}, {"packing": True, "max_length": 2048}], ids=["batches", "packs"])
def test_a_batch_that_is_never_filled_is_not_asked_for_in_memory(job: TrainJob, changes: dict[str, Any]) -> None:
    said: list[str] = []
    options = replace(QUICK, per_device_train_batch_size=10_000, max_steps=1, **changes)
    options.train(job, lambda progress: said.append(progress.message or ""))
    [memory] = [each for each in said if each.startswith("memory: ")]
    rows = 12 if not changes else 1
    assert f"with {rows} row" in memory
