"""Which method is advised, why not the others, and that ``trainer: auto`` takes the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.advice.devices import Device
from harness.advice.memory.memory import METHODS
from harness.advice.model.shape import ModelShape, of_config
from harness.advice.training.hyperparameters import Lengths, Means, Rejected, choose
from harness.advice.training.methods import (
    ADAPTER_ROOM,
    FULL_FROM_ROWS,
    FULL_UP_TO_PARAMETERS,
    ROOM,
    MethodMeans,
    gigabytes,
    method_for,
)
from harness.advice.training.settled import needs
from harness_trainers import auto

GB = 10**9
NEEDS = {"full": 16 * GB, "lora": 6 * GB, "qlora": 2 * GB}
LENGTHS = Lengths(counted=500, median=200, p95=400, p99=480, longest=500, total=110_000, answers=40_000)


def model(hidden: int, layers: int, *, tied: bool = True) -> ModelShape:
    heads = hidden // 64
    config = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": int(2.75 * hidden),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "vocab_size": 32_000,
        "tie_word_embeddings": tied,
        "max_position_embeddings": 4096,
    }
    return of_config(config, f"{hidden} x {layers}")


SMALL, BILLION, SEVEN, SEVENTY = model(576, 30), model(2048, 22), model(4096, 32), model(8192, 80)


def device(gigabytes_free: float, kind: str = "cuda") -> Device:
    return Device(name="the one", kind=kind, memory=int(gigabytes_free * GB), bandwidth=1e12, flops=1e14)


def means(
    shape: ModelShape = SEVEN,
    rows: int = 2_000,
    free: float = 80,
    kind: str = "cuda",
    lengths: Lengths | None = LENGTHS,
    dtype: str = "bfloat16",
) -> Means:
    return Means(shape=shape, rows=rows, lengths=lengths, device=device(free, kind), dtype=dtype)


def why(rejected: tuple[Rejected, ...], method: str) -> str:
    (found,) = [each.why for each in rejected if each.method == method]
    return found


# the rule that auto shares


@pytest.mark.parametrize(
    ("rows", "parameters", "free", "method"),
    [
        (FULL_FROM_ROWS, FULL_UP_TO_PARAMETERS, 20, "full"),
        (FULL_FROM_ROWS - 1, FULL_UP_TO_PARAMETERS, 20, "lora"),
        (FULL_FROM_ROWS, FULL_UP_TO_PARAMETERS + 1, 20, "lora"),
        (FULL_FROM_ROWS, FULL_UP_TO_PARAMETERS, 19.9, "lora"),
        (2_000, 7 * GB, 6 / ADAPTER_ROOM + 0.01, "lora"),
        (2_000, 7 * GB, 6 / ADAPTER_ROOM - 0.01, "qlora"),
        (2_000, 7 * GB, 1, "qlora"),
    ],
)
def test_full_for_many_rows_and_a_small_model_lora_else_and_qlora_where_it_has_no_room(
    rows: int, parameters: int, free: float, method: str
) -> None:
    assert method_for(MethodMeans(rows, parameters, int(free * GB), NEEDS)).method == method


def test_without_bitsandbytes_lora_is_taken_even_where_it_has_no_room_and_the_reason_says_so() -> None:
    found = method_for(MethodMeans(2_000, 7 * GB, GB, {"full": 16 * GB, "lora": 6 * GB}))
    assert found.method == "lora"
    assert any("bitsandbytes" in each for each in found.reasons)


def test_all_weights_leave_more_of_the_memory_free_than_an_adapter() -> None:
    assert ROOM < ADAPTER_ROOM < 1


@pytest.mark.parametrize(("size", "told"), [(9.96e9, "10"), (23.4e9, "23"), (1.94e9, "1.9"), (2e7, "0.02")])
def test_bytes_are_told_in_gigabytes(size: float, told: str) -> None:
    assert gigabytes(size) == told


# the same as trainer: auto


@pytest.mark.parametrize("shape", [SMALL, BILLION, SEVEN, SEVENTY], ids=lambda each: each.name)
@pytest.mark.parametrize("free", [4, 16, 24, 80, 180])
@pytest.mark.parametrize("has_four_bits", [True, False])
def test_advice_and_auto_take_the_same_method_rank_rounds_and_rate(
    shape: ModelShape, free: float, has_four_bits: bool
) -> None:
    for rows in (50, 99, 100, 640, 999, 1_000, 5_000, 9_999, 10_000, 50_000, 99_999, 100_000, 200_000):
        given = replace(means(shape, rows, free), is_installed={"qlora": has_four_bits})
        advised, taken = choose(given), auto.choose(needs(given), hidden=shape.hidden)
        trainer = auto.Auto().method(taken)
        assert advised.method == taken.method == trainer.name
        for option in ("num_train_epochs", "learning_rate", *(() if taken.method == "full" else ("r", "lora_alpha"))):
            assert getattr(trainer, option) == advised.options[option], (rows, option)


# what stands behind it


def test_a_model_of_seven_billion_weights_has_room_as_lora_on_24_gb_and_as_qlora_on_12() -> None:
    assert choose(means(SEVEN, free=24)).method == "lora"
    assert choose(means(SEVEN, free=12)).method == "qlora"


def test_a_small_model_with_many_rows_is_trained_whole() -> None:
    assert choose(means(SMALL, rows=20_000)).method == "full"
    assert choose(means(SMALL, rows=20_000, free=2)).method == "lora"
    assert choose(means(SEVEN, rows=20_000)).method == "lora"


def test_every_method_that_was_not_taken_has_its_reason_and_its_bytes() -> None:
    for given in (means(), means(free=12), means(SMALL, rows=20_000), means(rows=50), means(SEVENTY, free=8)):
        advice = choose(given)
        assert {each.method for each in advice.rejected} == {*METHODS, "dpo"} - {advice.method}
        for each in advice.rejected:
            assert ("GB of" in each.why) == (each.method != "dpo"), each


def test_a_method_that_has_no_room_is_said_to_have_none() -> None:
    advice = choose(means(SEVEN, free=12))
    assert "no room" in why(advice.rejected, "lora")
    assert "few for full" in why(advice.rejected, "full")
    assert "not needed" in why(choose(means(free=80)).rejected, "qlora")


def test_four_bits_that_are_not_installed_are_said_to_be_missing() -> None:
    advice = choose(replace(means(SEVEN, free=12), is_installed={"qlora": False}))
    assert advice.method == "lora"
    assert "bitsandbytes" in why(advice.rejected, "qlora")
    assert any("no room" not in each and "GB are free" in each and "qlora may fit" in each for each in advice.cautions)


def test_learnt_prompts_are_turned_down_with_the_reason_for_this_model_and_these_rows() -> None:
    assert "10 billion" in why(choose(means(SMALL)).rejected, "prompt_tuning")
    assert "10 billion" not in why(choose(means(SEVENTY, free=180)).rejected, "prompt_tuning")
    assert "trial" in why(choose(means(rows=50)).rejected, "ia3")
    assert "these are more" in why(choose(means(rows=500)).rejected, "ia3")
    assert "words in the prompt" in why(choose(means(rows=50)).rejected, "prefix_tuning")


def test_preference_pairs_come_after_supervised_training_and_never_as_the_method() -> None:
    advice = choose(replace(means(), preference_pairs=500))
    assert advice.method == "lora"
    assert "500 pairs" in why(advice.rejected, "dpo")
    (told,) = [each for each in advice.cautions if "DPOTrainer" in each]
    assert "500 preference pairs" in told
    assert "refuses such rows" in told
    assert not any("DPO" in each for each in choose(means()).cautions)


def test_a_method_that_is_settled_gets_its_own_options_and_the_advice_says_what_it_would_have_taken() -> None:
    advice = choose(means(), "full")
    assert advice.method == "full"
    assert advice.options["learning_rate"] == 2e-5
    assert "r" not in advice.options
    assert advice.reasons[:2] == ("full was asked for", "else lora")
    assert "another method was asked for" in why(advice.rejected, "lora")
