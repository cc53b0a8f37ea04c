"""What the lora trainer promises, on a tiny random Llama; every option has a test that shows its effect."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import Checkpoint, ModelRef, Progress, TrainingFailed, TrainJob, UsageError
from harness.execution.train import train as train_in_a_child
from harness.values import Ref
from harness_trainers.methods import Lora
from harness_trainers.options import SCHEDULES

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS, VALIDATION_ROWS = 12, 4
BATCH = 4
QUICK = Lora(r=4, lora_alpha=8, learning_rate=1e-2, per_device_train_batch_size=BATCH, num_train_epochs=1)

Trained = tuple[Checkpoint, list[Progress]]
TrainWith = Callable[..., Trained]


def write_rows(path: Path, count: int, first: int = 0, answer: str = '{{"order": {number}}}') -> Path:
    rows = [
        [
            {"role": "system", "content": "You turn a ticket into JSON."},
            {"role": "user", "content": f"Order {4000 + 7 * n}: the lamp has not arrived{' and is late' * (n % 5)}."},
            {"role": "assistant", "content": answer.format(number=4000 + 7 * n)},
        ]
        for n in range(first, first + count)
    ]
    path.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
    return path


@pytest.fixture
def job(tiny_model: Path, tmp_path: Path) -> TrainJob:
    return TrainJob(
        experiment="e-1",
        model=ModelRef(str(tiny_model), device="cpu"),
        trainer=Ref("lora"),
        train=write_rows(tmp_path / "train.jsonl", ROWS),
        validation=write_rows(tmp_path / "validation.jsonl", VALIDATION_ROWS, first=100),
        output=tmp_path / "out",
        seed=3,
    )


@pytest.fixture
def train_with(job: TrainJob) -> TrainWith:
    def train(**options: Any) -> Trained:  # noqa: ANN401 - options of the trainer
        reports: list[Progress] = []
        checkpoint = replace(QUICK, **options).train(job, reports.append)
        return checkpoint, [each for each in reports if each.message is None]

    return train


def config(checkpoint: Checkpoint) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((checkpoint.path / "adapter_config.json").read_text())
    return found


def rates(reports: list[Progress]) -> list[float]:
    return [each.learning_rate for each in reports if each.learning_rate is not None]


def measured(reports: list[Progress]) -> list[float]:
    return [each.validation_loss for each in reports if each.validation_loss is not None]


# what is learnt


def test_the_loss_is_on_the_answer_and_its_end_token_and_on_nothing_else(job: TrainJob) -> None:
    from harness_trainers.sft_loop import build
    from harness_trainers.tokens import IGNORED

    trainer: Any = build(QUICK, job)
    tokenizer = trainer.processing_class
    for number, row in enumerate(trainer.train_dataset):
        learnt = tokenizer.decode([token for token in row["labels"] if token != IGNORED])
        assert learnt == f'{{"order": {4000 + 7 * number}}}<|im_end|>\n'
        assert tokenizer.eos_token_id in row["labels"]


def test_the_lean_loss_and_its_gradients_are_the_models_own(job: TrainJob) -> None:
    import torch

    from harness_trainers.batches import completion_loss
    from harness_trainers.sft_loop import build

    trainer: Any = build(QUICK, job)
    batch = next(iter(trainer.get_train_dataloader()))
    assert (batch["input_ids"][:, :8] == batch["input_ids"][:1, :8]).all(), "the rows share their beginning"
    assert (batch["attention_mask"] == 0).any(), "and differ in length"
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.1)

    def gradients(loss: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.autograd.grad(loss, [p for p in trainer.model.parameters() if p.requires_grad]))

    plain, lean = trainer.model(**batch).loss, completion_loss(trainer.model, batch)
    assert lean.item() == pytest.approx(plain.item(), abs=1e-5)
    for ours, theirs in zip(gradients(lean), gradients(plain), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert completion_loss(trainer.model, batch, 7).item() == pytest.approx(
        plain.item() * (batch["labels"] >= 0).sum().item() / 7, rel=1e-5
    )


def test_training_learns(train_with: TrainWith) -> None:
    checkpoint, _ = train_with(num_train_epochs=6, learning_rate=2e-2)
    assert checkpoint.validation_loss is not None
    assert checkpoint.validation_loss < measured(train_with(max_steps=1)[1])[0] / 2


def test_the_best_adapter_comes_back_and_not_the_last(job: TrainJob, train_with: TrainWith) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from harness_trainers.sft_loop import build

    assert job.validation is not None
    # the more the training rows are learnt, the less likely are answers of another kind
    write_rows(job.validation, VALIDATION_ROWS, answer="I do not know.")
    checkpoint, reports = train_with(
        num_train_epochs=4, learning_rate=5e-2, evals_per_epoch=3, early_stopping_patience=100
    )
    losses = measured(reports)
    assert checkpoint.validation_loss == min(losses) < losses[-1]
    assert checkpoint.step < checkpoint.facts["steps"]
    base = AutoModelForCausalLM.from_pretrained(job.model.name, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(base, str(checkpoint.path)).eval()
    trainer: Any = build(QUICK, job)
    (batch,) = trainer.get_eval_dataloader()
    with torch.no_grad():
        assert adapted(**batch).loss.item() == pytest.approx(checkpoint.validation_loss, rel=1e-4)


# what comes back


def test_the_same_seed_gives_the_same_adapter_and_another_seed_another(job: TrainJob) -> None:
    digests = [
        QUICK.train(replace(job, seed=seed, output=job.output / str(at)), lambda progress: None).sha256
        for at, seed in enumerate((3, 3, 4))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_reports_tell_loss_rate_and_step_of_all_steps(train_with: TrainWith) -> None:
    checkpoint, reports = train_with(evals_per_epoch=1)
    assert [(each.step, each.total_steps) for each in reports] == [(1, 3), (2, 3), (3, 3), (3, 3)]
    assert [each.loss is None for each in reports] == [False, False, False, True]
    assert reports[-1].validation_loss == checkpoint.validation_loss
    assert checkpoint.facts["stopped"] == "all steps done"
    assert checkpoint.facts["rows"] == ROWS


def test_without_validation_rows_the_last_adapter_comes_back(job: TrainJob) -> None:
    reports: list[Progress] = []
    checkpoint = QUICK.train(replace(job, validation=None), reports.append)
    assert checkpoint.validation_loss is None
    assert checkpoint.step == 3
    assert not measured(reports)


def test_nothing_is_written_outside_the_jobs_folder(
    job: TrainJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(home))
    for name in ("HF_HOME", "HF_DATASETS_CACHE"):
        monkeypatch.delenv(name, raising=False)
    options = {"max_steps": 1, "per_device_train_batch_size": BATCH}
    checkpoint = train_in_a_child(
        replace(job, trainer=Ref("lora", options)), on_progress=lambda progress: None, log=tmp_path / "training.log"
    )
    assert checkpoint.path == job.output
    assert {each.name for each in job.output.iterdir()} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "job.json",
    }
    assert [str(each) for each in home.rglob("*") if each.is_file()] == []


# the options


def test_r_is_the_rank_of_what_is_trained(train_with: TrainWith) -> None:
    four, eight = (train_with(r=r, max_steps=1)[0] for r in (4, 8))
    assert config(eight)["r"] == 8
    assert eight.facts["trained_parameters"] == 2 * four.facts["trained_parameters"]


@pytest.mark.parametrize(
    "option", [{"lora_alpha": 64}, {"lora_dropout": 0.5}, {"weight_decay": 0.9}, {"learning_rate": 5e-2}]
)
def test_an_option_of_the_training_gives_another_adapter(train_with: TrainWith, option: dict[str, float]) -> None:
    (plain, before), (changed, after) = train_with(), train_with(**option)
    assert plain.sha256 != changed.sha256
    assert before[-1].validation_loss != after[-1].validation_loss


def test_alpha_and_dropout_are_in_the_adapters_own_description(train_with: TrainWith) -> None:
    described = config(train_with(lora_alpha=64, lora_dropout=0.5, max_steps=1)[0])
    assert (described["lora_alpha"], described["lora_dropout"]) == (64, 0.5)


def test_target_modules_are_all_linear_ones_or_those_that_are_named(train_with: TrainWith) -> None:
    everything = config(train_with(max_steps=1)[0])["target_modules"]
    linear = {"down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"}
    assert {name.rpartition(".")[2] for name in everything} == linear
    two = config(train_with(target_modules=("v_proj", "q_proj"), max_steps=1)[0])["target_modules"]
    assert two == ["q_proj", "v_proj"]


@pytest.mark.parametrize("module", ["q_prj", "lm_head"])
def test_a_module_that_cannot_be_adapted_is_refused_with_those_that_can(train_with: TrainWith, module: str) -> None:
    with pytest.raises(UsageError, match=rf"'{module}'.*it has down_proj, .*q_proj"):
        train_with(target_modules=("q_proj", module))


def test_schedules_run_as_their_names_say(train_with: TrainWith) -> None:
    seen = {
        name: rates(train_with(lr_scheduler_type=name, warmup_ratio=0.0, num_train_epochs=2)[1]) for name in SCHEDULES
    }
    assert set(seen["constant"]) == set(seen["constant_with_warmup"]) == {1e-2}
    steps = [before - after for before, after in zip(seen["linear"], seen["linear"][1:], strict=False)]
    assert steps == pytest.approx([1e-2 / 6] * 5)
    assert seen["cosine"][0] == 1e-2
    assert seen["cosine"] == sorted(seen["cosine"], reverse=True) != seen["linear"]


def test_warmup_raises_the_rate_from_nothing(train_with: TrainWith) -> None:
    found = rates(train_with(lr_scheduler_type="constant_with_warmup", warmup_ratio=0.5, num_train_epochs=2)[1])
    assert found == pytest.approx([0, 1e-2 / 3, 2e-2 / 3, 1e-2, 1e-2, 1e-2])


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, 3),
        ({"num_train_epochs": 2}, 6),
        ({"max_steps": 2}, 2),
        ({"per_device_train_batch_size": 2}, 6),
        ({"gradient_accumulation_steps": 3}, 1),
    ],
)
def test_epochs_steps_and_batch_sizes_set_how_long_it_takes(
    train_with: TrainWith, options: dict[str, int], steps: int
) -> None:
    checkpoint, reports = train_with(**options)
    assert checkpoint.facts["steps"] == steps
    assert reports[-1].total_steps == steps


@pytest.mark.parametrize(("per_epoch", "times"), [(1, 1), (2, 2), (3, 3)])
def test_evals_per_epoch_sets_how_often_validation_is_measured(
    train_with: TrainWith, per_epoch: int, times: int
) -> None:
    assert len(measured(train_with(evals_per_epoch=per_epoch)[1])) == times


def test_patience_ends_a_training_that_gets_no_better(train_with: TrainWith) -> None:
    # no gain is ever larger than this threshold, save the first, over nothing
    options = {"early_stopping_threshold": 1e9, "evals_per_epoch": 3, "num_train_epochs": 3}
    for patience in (1, 2):
        checkpoint, reports = train_with(early_stopping_patience=patience, **options)
        assert len(measured(reports)) == patience + 1
        assert checkpoint.facts["stopped"].startswith("early: ")


def test_a_threshold_of_nothing_lets_a_training_that_gains_go_on(train_with: TrainWith) -> None:
    checkpoint, _ = train_with(early_stopping_patience=1, early_stopping_threshold=0.0, learning_rate=1e-3)
    assert checkpoint.facts["stopped"] == "all steps done"


def test_a_max_length_that_leaves_no_answer_is_refused(train_with: TrainWith) -> None:
    with pytest.raises(UsageError, match="no row has any of its answer within max_length 9"):
        train_with(max_length=9)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("r", 0),
        ("lora_alpha", 0),
        ("lora_dropout", 1.0),
        ("target_modules", "q_proj"),
        ("target_modules", ()),
        ("init_lora_weights", "pissa"),
        ("learning_rate", 0.0),
        ("lr_scheduler_type", "cosin"),
        ("warmup_ratio", 1.5),
        ("weight_decay", -0.1),
        ("num_train_epochs", 0),
        ("max_steps", 0),
        ("per_device_train_batch_size", 0),
        ("gradient_accumulation_steps", 0),
        ("max_length", 1),
        ("evals_per_epoch", 0),
        ("early_stopping_patience", 0),
        ("early_stopping_threshold", -1.0),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_a_sentence(option: str, value: object) -> None:
    with pytest.raises(ValueError, match=option):
        Lora(**{option: value})  # type: ignore[arg-type]


# faults


def test_a_loss_that_is_no_number_ends_the_training(train_with: TrainWith) -> None:
    with pytest.raises(TrainingFailed, match=r"the loss became (nan|inf) at step \d+; a lower learning_rate may help"):
        train_with(learning_rate=1e30, num_train_epochs=3, warmup_ratio=0.0)


def test_a_row_without_an_answer_is_refused_with_its_line(job: TrainJob) -> None:
    with job.train.open("a") as rows:
        rows.write('{"messages": [{"role": "user", "content": "Hello?"}]}\n')
    with pytest.raises(UsageError, match=rf"train\.jsonl:{ROWS + 1}: the row does not end with an answer"):
        QUICK.train(job, lambda progress: None)


# batches


def test_batches_hold_every_row_once_and_rows_of_like_length() -> None:
    from harness_trainers.batches import LengthGrouped

    lengths = [(37 * n) % 101 for n in range(203)]
    order = list(LengthGrouped(lengths, 8, seed=1))
    assert sorted(order) == list(range(203))
    batches = [[lengths[i] for i in order[at : at + 8]] for at in range(0, 200, 8)]
    assert statistics.mean(max(batch) - min(batch) for batch in batches) < 15
    firsts = [batch[0] for batch in batches]
    assert firsts != sorted(firsts)
    assert firsts != sorted(firsts, reverse=True)


def test_batches_differ_by_seed_and_by_epoch() -> None:
    from harness_trainers.batches import LengthGrouped

    one = LengthGrouped([5] * 20, 4, seed=1)
    first = list(one)
    assert first == list(one) == list(LengthGrouped([5] * 20, 4, seed=1))
    one.set_epoch(1)
    second = list(one)
    assert first != second
    one.set_epoch(0)
    assert first == list(one)
    assert first != list(LengthGrouped([5] * 20, 4, seed=2))
