"""Steps as the trainers count them, rates within what devices can, and intervals that say what they rest on."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.advice.devices import Device
from harness.advice.memory.memory import Method
from harness.advice.model.shape import Linear, ModelShape
from harness.advice.time import operations
from harness.advice.time.duration import Probed, Rate, Schedule, of_probe, of_rate, roofline

# a thousand million weights without the embedding, which is tied: all are multiplied with
SHAPE = ModelShape(
    name="model",
    architecture="llama",
    parameters=1_000_000_000,
    active_parameters=1_000_000_000,
    layers=20,
    hidden=2000,
    intermediate=8000,
    heads=20,
    kv_heads=20,
    head_dim=100,
    vocabulary=50_000,
    is_tied=True,
    window=4096,
    linears=(Linear(name="q_proj", inputs=2000, outputs=2000, count=20),),
    is_exact=True,
)
GPU = Device(name="GPU", kind="cuda", memory=80 << 30, bandwidth=2e12, flops=1e15)
CPU = Device(name="processor", kind="cpu", memory=16 << 30, bandwidth=20e9, flops=160e9)
RATE = Rate(tokens_per_second=1000, low=500, high=2000, known_by="record", basis="a recorded run")
SCHEDULE = Schedule(rows=100, tokens=20_000, epochs=3, rows_a_step=16)
PROBED = Probed(
    steps=20,
    starting=10.0,
    step_seconds=2.0,
    validation_seconds=5.0,
    ending=4.0,
    spread=0.05,
    tokens_per_second=1600.0,
    peak_memory=None,
    basis="20 steps on this machine",
)


@pytest.mark.parametrize(
    ("schedule", "steps", "rows_seen"),
    [
        # 100 / 16 = 6.25, so 7 steps an epoch; 21 in three
        (SCHEDULE, 21, 300),
        # 7 x 0.5 = 3.5, so 4 steps of 16 rows
        (replace(SCHEDULE, epochs=0.5), 4, 64),
        # 7 x 1.5 = 10.5, so 11: an epoch and 4 steps of 16
        (replace(SCHEDULE, epochs=1.5), 11, 164),
        (replace(SCHEDULE, max_steps=5), 5, 80),
        # 10 steps are an epoch of 100 rows and 3 steps of 16
        (replace(SCHEDULE, max_steps=10), 10, 148),
        # more than the epochs would have been
        (replace(SCHEDULE, max_steps=30), 30, 432),
        (Schedule(rows=5, tokens=50, epochs=2, rows_a_step=8), 2, 10),
        (Schedule(rows=64, tokens=640, epochs=1, rows_a_step=8), 8, 64),
    ],
)
def test_steps_and_rows_are_those_that_a_person_counts(schedule: Schedule, steps: int, rows_seen: int) -> None:
    assert (schedule.steps, schedule.rows_seen) == (steps, rows_seen)
    assert schedule.tokens_seen == rows_seen * schedule.tokens // schedule.rows


def test_steps_are_those_of_the_hugging_face_trainer(tmp_path: Path) -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    grid = [
        (rows, batch, accumulation, epochs, end)
        for rows in (1, 7, 16, 33, 100)
        for batch, accumulation in ((1, 1), (4, 1), (4, 3), (8, 2))
        for epochs, end in ((1.0, -1), (0.3, -1), (2.5, -1), (3.0, -1), (3.0, 4))
    ]
    for rows, batch, accumulation, epochs, end in grid:
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path),
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulation,
            num_train_epochs=epochs,
            max_steps=end,
            use_cpu=True,
            report_to="none",
        )
        data = [{"x": torch.zeros(1)}] * rows
        trainer = transformers.Trainer(model=torch.nn.Linear(1, 1), args=arguments, train_dataset=data)
        counted = trainer.set_initial_training_values(arguments, trainer.get_train_dataloader())[-1]
        planned = Schedule(rows=rows, tokens=rows, epochs=epochs, rows_a_step=batch * accumulation, max_steps=end)
        assert planned.steps == counted, (rows, batch, accumulation, epochs, end)


@pytest.mark.parametrize("options", [{}, {"max_steps": 5}, {"num_train_epochs": 1.5}], ids=str)
def test_steps_and_tokens_are_those_of_a_real_training(tmp_path: Path, options: dict[str, Any]) -> None:
    pytest.importorskip("peft")
    from harness import ModelRef, TrainJob
    from harness.testing.tiny import tiny_llama
    from harness.values import Ref
    from harness_trainers.methods import Lora

    trainer = Lora(
        per_device_train_batch_size=2, gradient_accumulation_steps=2, r=2, **{"num_train_epochs": 2.0} | options
    )
    data = tmp_path / "train.jsonl"
    # rows of one length, so that it does not matter which of them the last, broken epoch takes
    turns = [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "On its way."}]
    data.write_text((json.dumps({"messages": turns}) + "\n") * 10)
    job = TrainJob(
        experiment="e",
        model=ModelRef(str(tiny_llama(tmp_path / "model")), device="cpu"),
        trainer=Ref("lora"),
        train=data,
        validation=None,
        output=tmp_path / "out",
        seed=1,
    )
    facts = trainer.train(job, lambda progress: None).facts
    masks = trainer.masks(job, 10)
    planned = Schedule(
        rows=10,
        tokens=sum(len(row) for row in masks),
        epochs=trainer.num_train_epochs,
        rows_a_step=4,
        max_steps=trainer.max_steps,
    )
    assert (planned.steps, planned.tokens_seen) == (facts["steps"], facts["tokens_seen"])


@pytest.mark.parametrize(
    ("method", "options", "operations_a_token"),
    [
        # 2 forward, 2 for the gradient of the input, 2 for that of the weight
        ("full", {}, 6e9),
        ("full", {"checkpointing": True}, 8e9),
        ("prompt_tuning", {}, 4e9),
        ("prompt_tuning", {"checkpointing": True}, 6e9),
        # an adapter of rank 16 on 20 layers of 2,000 x 2,000: 20 x 16 x 4,000 = 1.28 million weights x 6
        ("lora", {}, 4e9 + 7.68e6),
        ("qlora", {"r": 32}, 4e9 + 15.36e6),
        # attention over 1,000 tokens: 4 x 20 x 2,000 x 1,000 = 0.16e9 forward and twice that backward
        ("full", {"length": 1000}, 6.48e9),
        ("full", {"length": 1000, "checkpointing": True}, 8.64e9),
    ],
)
def test_a_token_takes_the_operations_that_the_method_needs(
    method: Method, options: dict[str, Any], operations_a_token: float
) -> None:
    usual: dict[str, Any] = {"dtype": "bfloat16", "checkpointing": False}
    found = operations.training(SHAPE, method, **usual | options)
    assert found.operations == pytest.approx(operations_a_token)


def test_an_embedding_that_is_only_looked_up_is_not_multiplied_with() -> None:
    # 50,000 x 2,000 = 0.1e9 of the weights
    assert operations.multiplied(replace(SHAPE, is_tied=False)) == 0.9e9


def test_a_mixture_of_experts_takes_what_a_token_goes_through() -> None:
    experts = replace(SHAPE, active_parameters=200_000_000)
    assert operations.training(experts, "full", dtype="bfloat16", checkpointing=False).operations == 1.2e9
    assert operations.weights(experts, "bfloat16") == 2e9


def test_a_large_batch_is_bound_by_operations() -> None:
    rate = roofline(SHAPE, "full", GPU, dtype="bfloat16", checkpointing=False, tokens_a_pass=1e6)
    # 15, 30 and 50 % of 1e15 operations a second at 6e9 a token
    assert (rate.low, rate.tokens_per_second, rate.high) == pytest.approx((25_000, 50_000, 1e15 * 0.5 / 6e9))
    assert rate.known_by == "roofline"
    assert "6G operations a token at 15% to 50% of 1P a second on GPU" in rate.basis
    assert "bound by its operations" in rate.basis


def test_a_small_batch_is_bound_by_bytes_or_launches() -> None:
    slow_memory = replace(GPU, bandwidth=20e9)
    # 1e9 weights x 2 bytes, forward and backward, at 70 % of 20 GB a second: 0.2857 s for 10 tokens
    read = roofline(SHAPE, "lora", slow_memory, dtype="bfloat16", checkpointing=False, tokens_a_pass=10)
    assert read.tokens_per_second == pytest.approx(10 / (4e9 / 14e9))
    assert "bound by its memory's bandwidth" in read.basis
    # 20 layers x 200 launches x 7 microseconds = 0.028 s for 10 tokens
    launched = roofline(SHAPE, "lora", GPU, dtype="bfloat16", checkpointing=False, tokens_a_pass=10)
    assert launched.tokens_per_second == pytest.approx(10 / 0.028)
    assert "bound by the launching of kernels" in launched.basis


@pytest.mark.parametrize(
    ("faster", "slower"),
    [
        ({"method": "lora"}, {"method": "full"}),
        ({"method": "lora"}, {"method": "qlora"}),
        ({"checkpointing": False}, {"checkpointing": True}),
        ({"length": 100}, {"length": 4000}),
        ({"device": GPU}, {"device": CPU}),
        ({"dtype": "bfloat16"}, {"dtype": "float32"}),
    ],
    ids=str,
)
def test_what_needs_more_work_is_slower(faster: dict[str, Any], slower: dict[str, Any]) -> None:
    usual = {"method": "lora", "device": GPU, "dtype": "bfloat16", "checkpointing": False, "tokens_a_pass": 1e5}
    # bytes count where few tokens share them
    usual |= {"tokens_a_pass": 1.0, "device": replace(GPU, bandwidth=1e10)} if "dtype" in faster else {}

    def rate(options: dict[str, Any]) -> float:
        chosen = usual | options
        return roofline(SHAPE, chosen.pop("method"), chosen.pop("device"), **chosen).tokens_per_second

    assert rate(faster) > rate(slower)


def test_a_processor_is_said_to_be_guessed() -> None:
    rate = roofline(SHAPE, "lora", CPU, dtype="float32", checkpointing=False)
    assert rate.low < rate.tokens_per_second < rate.high
    assert "a guess from its cores and clock" in rate.basis


def test_the_range_for_a_processor_holds_what_was_measured_on_one() -> None:
    # SmolLM2-135M, 134.5 million weights tied, one core of 80e9 operations: 46 to 62 tokens a second with LoRA and 48
    # to 68 with all weights trained
    model = replace(SHAPE, parameters=134_515_008, active_parameters=134_515_008, linears=())
    core = replace(CPU, flops=80e9)
    for method, slowest, fastest in (("lora", 45.8, 61.6), ("full", 47.7, 68.0)):
        rate = roofline(model, method, core, dtype="float32", checkpointing=False)
        assert rate.low < slowest < fastest < rate.high


def test_a_duration_at_a_rate_is_tokens_over_tokens_a_second() -> None:
    found = of_rate(replace(SCHEDULE, validation_tokens=4000, validations=6), RATE)
    # 3 x 20,000 / 1,000 = 60 s and 6 x 4,000 / 2,000 = 12 s; half and twice as fast
    assert (found.stepping, found.validating, found.seconds) == (60.0, 12.0, 72.0)
    assert (found.low, found.high) == (36.0, 144.0)
    assert (found.steps, found.tokens, found.rate) == (21, 60_000, RATE)


def test_starting_counts_half_to_double() -> None:
    found = of_rate(SCHEDULE, replace(RATE, starting=20.0))
    assert (found.starting, found.seconds) == (20.0, 80.0)
    assert (found.low, found.high) == (40.0, 160.0)


def test_validation_has_a_rate_of_its_own_where_it_is_known() -> None:
    scheduled = replace(SCHEDULE, validation_tokens=4000, validations=6)
    assert of_rate(scheduled, replace(RATE, validated_per_second=4000.0)).validating == 6.0


def test_a_duration_by_a_probe_is_its_parts() -> None:
    found = of_probe(replace(SCHEDULE, validations=6), PROBED)
    # 300 rows are 18.75 steps of 16 x 2 s = 37.5, 6 x 5 = 30, and 10 + 4 around them
    assert (found.stepping, found.validating, found.starting, found.ending) == (37.5, 30.0, 10.0, 4.0)
    assert found.seconds == 81.5
    # two standard errors are 0.1 s a step, 1.875 in all, and a tenth of drift; starting and ending by a half
    assert found.low == pytest.approx(7 + (37.5 - 1.875 + 30) * 0.9)
    # at the most each of the 21 steps takes as long as a whole one
    assert found.high == pytest.approx(21 + (42 + 1.875 + 30) * 1.1)
    assert found.rate.known_by == "probe"
    assert found.rate.basis == PROBED.basis


def test_a_probe_that_wavers_gives_a_wider_interval() -> None:
    steady, wavering = (of_probe(SCHEDULE, replace(PROBED, spread=spread)) for spread in (0.0, 0.5))
    assert wavering.low < steady.low < steady.seconds < steady.high < wavering.high
    assert wavering.rate.low < steady.rate.low < PROBED.tokens_per_second < steady.rate.high < wavering.rate.high


def test_an_interval_never_begins_below_nothing() -> None:
    found = of_probe(SCHEDULE, replace(PROBED, spread=100.0))
    assert found.low > 0
    assert math.isfinite(found.rate.high)
