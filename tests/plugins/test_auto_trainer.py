"""What ``auto`` chooses by memory and rows, and that it trains what it chose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness import MethodMeans, ModelRef, Progress, Trainer, TrainJob
from harness.advice.training.methods import FULL_UP_TO_PARAMETERS
from harness.catalog import Catalog
from harness.host import Host
from harness.testing.tiny import tiny_llama
from harness.values import Ref
from harness_trainers.auto import Auto, Decided, choose
from harness_trainers.methods import Full, Lora, Qlora

GB = 10**9
NEEDS = {"full": 16 * GB, "lora": 6 * GB, "qlora": 2 * GB}


def means(rows: int = 20_000, free: int = 24 * GB, parameters: int = GB, needs: dict[str, int] = NEEDS) -> MethodMeans:
    return MethodMeans(rows, parameters, free, needs)


# the rule


@pytest.mark.parametrize(
    ("given", "method"),
    [
        (means(), "full"),
        (means(rows=9_999), "lora"),
        (means(rows=10_000), "full"),
        (means(parameters=FULL_UP_TO_PARAMETERS + 1), "lora"),
        (means(free=20 * GB), "full"),
        (means(free=19 * GB), "lora"),
        (means(free=7 * GB), "lora"),
        (means(free=6 * GB), "qlora"),
        (means(free=1 * GB), "qlora"),
        (means(free=1 * GB, needs={"full": 16 * GB, "lora": 6 * GB}), "lora"),
        (means(needs={}), "lora"),
    ],
)
def test_the_method_follows_from_rows_size_and_memory(given: MethodMeans, method: str) -> None:
    assert choose(given).method == method


@pytest.mark.parametrize(
    ("rows", "r", "epochs"),
    [
        (1, 8, 8),
        (200, 8, 5),
        (999, 8, 5),
        (1_000, 16, 3),
        (10_000, 32, 2),
        (99_999, 32, 2),
        (100_000, 64, 1),
        (10**7, 64, 1),
    ],
)
def test_more_rows_get_a_higher_rank_and_fewer_epochs(rows: int, r: int, epochs: float) -> None:
    found = choose(means(rows=rows))
    assert (found.r, found.num_train_epochs) == (r, epochs)


def test_the_reasons_name_rows_and_numbers() -> None:
    assert choose(means(rows=320)).reasons == (
        "320 rows are few for full fine-tuning",
        "about 6.0 GB of 24 GB free",
        "full would take 16 GB",
    )
    assert choose(means(rows=320, free=5 * GB)).reasons[0] == "lora would take 6.0 GB"
    assert "bitsandbytes" in choose(means(rows=320, free=5 * GB, needs={"lora": 6 * GB})).reasons[1]


def test_the_chosen_method_has_the_options_that_were_said_and_else_its_own() -> None:
    auto = Auto(max_length=512, per_device_train_batch_size=2, warmup_ratio=0.1)
    full, lora, qlora = (auto.method(Decided(name, 16, 3.0, None, ())) for name in ("full", "lora", "qlora"))
    assert full == Full(max_length=512, per_device_train_batch_size=2, warmup_ratio=0.1, num_train_epochs=3.0)
    assert lora == Lora(
        max_length=512, per_device_train_batch_size=2, warmup_ratio=0.1, num_train_epochs=3.0, r=16, lora_alpha=32
    )
    assert isinstance(qlora, Qlora)
    said = Auto(learning_rate=1e-3, num_train_epochs=7, r=4).method(Decided("lora", 16, 3.0, 5e-4, ()))
    assert said == Lora(learning_rate=1e-3, num_train_epochs=7, r=4, lora_alpha=8)


def test_a_small_model_learns_at_a_higher_rate_and_all_weights_at_a_tenth_of_it() -> None:
    small, large = choose(means(rows=320), hidden=576), choose(means(rows=320), hidden=4096)
    assert (small.learning_rate, large.learning_rate) == (2e-3, 2e-4)
    assert choose(means(), hidden=4096).learning_rate == 2e-5
    assert Auto().method(large).learning_rate == 2e-4
    assert Auto(learning_rate=1e-5).method(large).learning_rate == 1e-5


@pytest.mark.parametrize(
    ("option", "value"), [("r", -1), ("learning_rate", -1.0), ("num_train_epochs", -1.0), ("max_length", 1)]
)
def test_a_value_that_makes_no_sense_is_refused_in_a_sentence(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=option):
        Auto(**{option: value})  # type: ignore[arg-type]


# the trainer


@pytest.fixture
def job(tmp_path: Path) -> TrainJob:
    rows = tmp_path / "train.jsonl"
    turns = [
        [{"role": "user", "content": f"Order {4000 + n}?"}, {"role": "assistant", "content": "late"}] for n in range(8)
    ]
    rows.write_text("".join(json.dumps({"messages": each}) + "\n" for each in turns))
    model = tiny_llama(tmp_path / "tiny")
    return TrainJob("e-1", ModelRef(str(model), device="cpu"), Ref("auto"), rows, None, tmp_path / "out", 3)


def test_a_suite_can_ask_for_it_by_its_name() -> None:
    made = Catalog.build(Host.load()).trainer(Ref("auto", {"r": 4, "max_length": 512}))
    assert made == Auto(r=4, max_length=512)
    assert isinstance(made, Trainer)


def test_it_trains_what_it_chose_and_says_so_first(job: TrainJob) -> None:
    reports: list[Progress] = []
    checkpoint = Auto(max_steps=2, per_device_train_batch_size=4).train(job, reports.append)
    assert checkpoint.facts["method"] == "lora"
    assert checkpoint.kind == "adapter"
    assert json.loads((checkpoint.path / "adapter_config.json").read_text())["r"] == 8
    first = reports[0].message
    assert first is not None
    assert first.startswith("lora: 8 rows are few for full fine-tuning; about ")
    assert "full would take" in first


def test_a_model_that_cannot_be_built_without_numbers_is_trained_as_lora(
    job: TrainJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wants_numbers(*of_it: object) -> None:
        raise RuntimeError("this model wants numbers")

    monkeypatch.setattr("harness_trainers.footprint._of_config", wants_numbers)
    reports: list[Progress] = []
    checkpoint = Auto(max_steps=1, per_device_train_batch_size=4).train(job, reports.append)
    assert (checkpoint.facts["method"], checkpoint.step) == ("lora", 1)
    assert [each.message for each in reports if each.message] == [
        "lora: what this model takes of the memory cannot be estimated",
        "memory: no estimate for this model (RuntimeError: this model wants numbers)",
    ]


def test_another_seed_changes_nothing_of_the_choice(job: TrainJob) -> None:
    said = []
    for seed in (3, 4):
        reports: list[Progress] = []
        out = replace(job, seed=seed, output=job.output / str(seed))
        Auto(max_steps=1).train(out, reports.append)
        said.append((reports[0].message or "").partition(";")[0])
    assert said[0] == said[1]


def test_masks_are_shown_as_any_method_would(job: TrainJob) -> None:
    (row,) = Auto().masks(job, 1)
    assert any(token.is_learned for token in row)
    assert not row[0].is_learned
