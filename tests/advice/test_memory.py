"""What training and evaluating take of the memory; its agreement with the trainers' rehearsal is tested beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness import UsageError
from harness.advice.devices import Device, known
from harness.advice.memory.memory import (
    METHODS,
    Method,
    Training,
    evaluation,
    footprint,
    kv_cache,
    largest_batch,
    table,
)
from harness.advice.model.shape import ModelShape, of_config

SEVEN: dict[str, Any] = {
    "model_type": "mistral", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "sliding_window": None,
    "max_position_embeddings": 32768,
}  # fmt: skip
GB = 10**9


@pytest.fixture(scope="module")
def seven() -> ModelShape:
    """Mistral-7B."""
    return of_config(SEVEN)


def a_step(method: Method, **changes: object) -> Training:
    return Training(method=method, **{"batch": 1, "length": 1024, "dtype": "bfloat16", **changes})


# the rules of thumb


def test_full_training_takes_sixteen_bytes_a_parameter(seven: ModelShape) -> None:
    # weights, gradients and two moments of AdamW in float32, which keeps small updates: four bytes each
    found = footprint(seven, a_step("full"))
    assert found.weights + found.gradients + found.optimizer == 16 * seven.parameters
    assert 112 * GB < found.total < 120 * GB


def test_lora_takes_its_weights_and_about_two_gigabytes(seven: ModelShape) -> None:
    found = footprint(seven, a_step("lora"))
    assert found.weights == 2 * seven.parameters
    assert 1 * GB < found.total - found.weights < 3 * GB


def test_qlora_takes_half_a_byte_a_parameter_and_five_and_a_half_to_eight_gigabytes_in_all(seven: ModelShape) -> None:
    found = footprint(seven, a_step("qlora"))
    assert 0.5 < found.weights / seven.parameters < 0.6, "the embeddings and the head are not in four bits"
    assert 5.5 * GB < found.total < 8 * GB


def test_methods_that_train_little_take_less_than_lora(seven: ModelShape) -> None:
    small: tuple[Method, ...] = ("ia3", "prompt_tuning")
    lora = footprint(seven, a_step("lora"))
    for method in small:
        found = footprint(seven, a_step(method))
        assert found.adapter < lora.adapter / 50
        assert found.total < lora.total


# each option shows


def test_the_parts_add_up(seven: ModelShape) -> None:
    found = footprint(seven, a_step("lora"))
    parts = (found.weights, found.adapter, found.gradients, found.optimizer, found.activations, found.overhead)
    assert found.total == sum(parts)
    assert min(parts) > 0


def test_an_adapter_has_two_matrices_of_its_rank_beside_each_layer(seven: ModelShape) -> None:
    # q, k, v and o: 4096 in, and 4096 or 1024 out; gate, up and down: 4096 and 14336
    each_layer = 2 * (4096 + 4096) + 2 * (4096 + 1024) + 3 * (4096 + 14336)
    assert footprint(seven, a_step("lora", r=8)).adapter == 4 * 8 * 32 * each_layer
    attention = footprint(seven, a_step("lora", r=8, target_modules="attention"))
    assert attention.adapter == 4 * 8 * 32 * (2 * (4096 + 4096) + 2 * (4096 + 1024))
    named = footprint(seven, a_step("lora", r=8, target_modules=("q_proj", "self_attn.v_proj")))
    assert named.adapter == 4 * 8 * 32 * (4096 + 4096 + 4096 + 1024)


def test_what_is_adapted_keeps_its_input(seven: ModelShape) -> None:
    wanted: list[str | tuple[str, ...]] = [("q_proj", "v_proj"), "attention", "all-linear"]
    kept = [footprint(seven, a_step("lora", checkpointing=False, target_modules=each)).activations for each in wanted]
    assert kept == sorted(set(kept))


def test_modules_that_the_model_does_not_have_are_refused_with_those_that_it_has(seven: ModelShape) -> None:
    with pytest.raises(UsageError, match=r"'c_attn'.*it has down_proj, gate_proj, k_proj"):
        footprint(seven, a_step("lora", target_modules=("c_attn",)))


def test_one_name_of_two_layers_is_told_apart_by_what_stands_before_it() -> None:
    gpt2 = of_config({"model_type": "gpt2", "n_embd": 64, "n_layer": 1, "n_head": 4, "vocab_size": 100})
    both, inner = (
        footprint(gpt2, a_step("lora", r=1, target_modules=(name,))).adapter for name in ("c_proj", "mlp.c_proj")
    )
    assert (both, inner) == (4 * (64 + 64 + 256 + 64), 4 * (256 + 64))


def test_virtual_tokens_are_numbers_to_train(seven: ModelShape) -> None:
    assert footprint(seven, a_step("prompt_tuning", virtual_tokens=30)).adapter == 4 * 30 * 4096
    assert footprint(seven, a_step("prefix_tuning", virtual_tokens=30)).adapter == 4 * 30 * 32 * 2 * 1024


def test_labels_cost_logits_on_a_cpu() -> None:
    wordy = of_config({**SEVEN, "vocab_size": 150_000})
    few, many, every = (
        footprint(wordy, a_step("lora", dtype="float32", device="cpu", checkpointing=True, labelled=count)).activations
        for count in (8, 1000, None)
    )
    assert few < many < every
    assert every - many == 24 * 3 * 4 * 150_000, "three float32 numbers for each of the vocabulary"


def test_computing_twice_saves_most_of_the_activations(seven: ModelShape) -> None:
    once, twice = (footprint(seven, a_step("lora", checkpointing=each)).activations for each in (False, True))
    assert twice < once / 5
    assert footprint(seven, a_step("lora")).activations == twice, "as the trainers do on a GPU"
    on_cpu = {"device": "cpu", "dtype": "float32"}
    assert footprint(seven, a_step("lora", **on_cpu)) == replace(
        footprint(seven, a_step("lora", checkpointing=False, **on_cpu)), training=a_step("lora", **on_cpu)
    )


def test_a_prefix_cannot_be_computed_twice(seven: ModelShape) -> None:
    asked = a_step("prefix_tuning", checkpointing=True)
    assert footprint(seven, asked).activations == footprint(seven, replace(asked, checkpointing=False)).activations


def test_gradients_that_wait_for_more_batches_are_held_all_the_while(seven: ModelShape) -> None:
    once, often = (footprint(seven, a_step("full", accumulates=each)) for each in (False, True))
    assert often.activations > once.activations
    assert often.gradients == once.gradients


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_narrow_weights_are_trained_in_float32_and_stay_narrow_where_they_are_frozen(
    seven: ModelShape, device: str
) -> None:
    assert footprint(seven, a_step("full", device=device)).gradients == 4 * seven.parameters
    assert footprint(seven, a_step("lora", device=device)).weights == 2 * seven.parameters


def test_a_gpu_has_a_context_and_a_cpu_a_process_with_its_heap(seven: ModelShape) -> None:
    on_gpu, on_cpu = (footprint(seven, a_step("lora", device=device)) for device in ("cuda", "cpu"))
    assert 0.3 * GB <= on_gpu.overhead <= 0.6 * GB
    assert on_cpu.overhead > on_gpu.overhead


# the largest batch


@pytest.mark.parametrize("method", METHODS)
def test_the_largest_batch_fits_and_one_row_more_does_not(seven: ModelShape, method: Method) -> None:
    free = footprint(seven, a_step(method, batch=7)).total + 1000
    most = largest_batch(seven, a_step(method), free)
    sizes = [footprint(seven, a_step(method, batch=rows)).total for rows in (most, most + 1)]
    assert most >= 7
    assert sizes[0] <= free < sizes[1]


def test_where_not_even_one_row_fits_the_largest_batch_is_none(seven: ModelShape) -> None:
    assert largest_batch(seven, a_step("full"), 40 * GB) == 0
    assert largest_batch(seven, a_step("lora"), -1) == 0


# evaluating


def test_keys_and_values_are_those_of_the_heads_that_have_their_own(seven: ModelShape) -> None:
    assert kv_cache(seven, batch=4, length=1000, dtype="bfloat16") == 2 * 32 * 4 * 1000 * 8 * 128 * 2
    wide = of_config({**SEVEN, "num_key_value_heads": 32})
    assert kv_cache(wide, batch=4, length=1000, dtype="bfloat16") == 4 * kv_cache(
        seven, batch=4, length=1000, dtype="bfloat16"
    )


def test_a_window_ends_what_is_kept() -> None:
    windowed = of_config({**SEVEN, "sliding_window": 4096})
    short, long = (kv_cache(windowed, batch=1, length=size, dtype="float16") for size in (4096, 32768))
    assert short == long == 2 * 32 * 4095 * 8 * 128 * 2


def test_evaluating_takes_the_weights_what_is_kept_and_more_with_each_row(seven: ModelShape) -> None:
    one, eight = (evaluation(seven, batch=rows, length=2048, dtype="bfloat16", device="cuda") for rows in (1, 8))
    weights, kept = 2 * seven.parameters, kv_cache(seven, batch=1, length=2048, dtype="bfloat16")
    assert one > weights + kept
    assert eight - one > 7 * kept
    assert one < footprint(seven, a_step("lora", length=2048)).total


# the table


def test_a_row_names_the_gpus_that_have_room_the_smallest_first(seven: ModelShape) -> None:
    (row,) = table(seven, [a_step("qlora")], here=None, others=known())
    assert row.fits[0] == "NVIDIA Tesla T4 16GB"
    assert len(row.fits) == len(known())
    assert row.fits_here is None
    (full,) = table(seven, [a_step("full")], here=None, others=known())
    assert full.fits == ("NVIDIA H200 141GB", "NVIDIA B200 180GB", "AMD Instinct MI300X 192GB")


def test_a_twentieth_of_a_device_stays_free(seven: ModelShape) -> None:
    training = a_step("lora")
    need = footprint(seven, training).total
    fits = [
        table(
            seven,
            [training],
            here=Device(name="ours", kind="cuda", memory=round(need * share), bandwidth=1, flops=1),
            others=(),
        )[0].fits_here
        for share in (1.0, 1.04, 1.06)
    ]
    assert fits == [False, False, True]


def test_a_method_that_a_model_cannot_have_has_no_row() -> None:
    phi3 = of_config({**SEVEN, "model_type": "phi3"})
    rows = table(phi3, [a_step(method) for method in METHODS], here=None, others=known())
    assert [each.footprint.training.method for each in rows] == [each for each in METHODS if each != "ia3"]
    with pytest.raises(UsageError, match="use lora"):
        footprint(phi3, a_step("ia3"))
