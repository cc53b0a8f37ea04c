"""The values that are advised: within the field's bands, each with its source, and such as the trainers take."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import pytest

from harness.advice.devices import Device
from harness.advice.memory.memory import METHODS, Method, Training, footprint
from harness.advice.model.shape import ModelShape, of_config
from harness.advice.training.hyperparameters import (
    Choice,
    Lengths,
    Means,
    TrainingAdvice,
    choose,
    epochs,
    quantile,
    rank,
)
from harness.advice.training.settled import cut, max_length
from harness.advice.training.sizes import advised_rate
from harness.advice.training.sources import OURS
from harness.catalog import Catalog
from harness.host import Host
from harness.values import Complexity, Ref

GB = 10**9
SIZES = {"135M": (576, 30), "1B": (2048, 22), "7B": (4096, 32), "70B": (8192, 80)}
ROWS = (50, 99, 100, 199, 200, 640, 999, 1_000, 4_999, 5_000, 9_999, 10_000, 50_000, 200_000)


def model(size: str, window: int = 4096) -> ModelShape:
    hidden, layers = SIZES[size]
    config = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": int(2.75 * hidden),
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 64,
        "num_key_value_heads": hidden // 64,
        "vocab_size": 32_000,
        "tie_word_embeddings": True,
        "max_position_embeddings": window,
    }
    return of_config(config, size)


SHAPES = {size: model(size) for size in SIZES}
LENGTHS = Lengths(counted=500, median=200, p95=400, p99=480, longest=500, total=110_000, answers=40_000)


def means(
    size: str = "7B",
    rows: int = 2_000,
    free: float = 80,
    kind: str = "cuda",
    lengths: Lengths | None = LENGTHS,
    complexity: Complexity | None = None,
) -> Means:
    device = Device(name="the one", kind=kind, memory=int(free * GB), bandwidth=1e12, flops=1e14)
    return Means(shape=SHAPES[size], rows=rows, lengths=lengths, device=device, dtype="bfloat16", complexity=complexity)


def choice(advice: TrainingAdvice, name: str) -> Choice:
    (found,) = [each for each in advice.choices if each.name == name]
    return found


def number(advice: TrainingAdvice, name: str) -> float:
    value = advice.options[name]
    assert isinstance(value, int | float)
    return value


def in_one_step(advice: TrainingAdvice) -> int:
    return int(number(advice, "per_device_train_batch_size") * number(advice, "gradient_accumulation_steps"))


# every value


@pytest.mark.parametrize("method", METHODS)
def test_every_value_has_a_reason_and_a_source_or_is_said_to_be_our_choice(method: Method) -> None:
    for each in (each for rows in ROWS for each in choose(means(rows=rows), method).choices):
        assert each.reason
        assert each.claims, each.name
        assert all(claim.value and claim.source for claim in each.claims)
        if len({claim.source for claim in each.claims}) == 1 and not each.claims[0].source.startswith(OURS):
            assert any(character.isdigit() for character in each.claims[0].source), "a lone source has its year"


@pytest.mark.parametrize("method", METHODS)
def test_every_value_lies_in_its_own_range(method: Method) -> None:
    for rows in ROWS:
        for each in choose(means(rows=rows), method).choices:
            if each.low is not None and each.high is not None and isinstance(each.value, int | float):
                # fewer than a hundred rows do not allow steps of 16
                low = min(each.low, 1) if each.name == "gradient_accumulation_steps" and rows < 100 else each.low
                assert low <= each.value <= each.high, (rows, each)


def test_the_same_means_give_the_same_advice() -> None:
    given = means()
    before = pickle.dumps(given)
    assert choose(given) == choose(given)
    assert pickle.dumps(given) == before


def test_no_option_is_named_twice() -> None:
    for method in METHODS:
        names = [each.name for each in choose(means(), method).choices]
        assert len(names) == len(set(names))


# the trainers take them


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.build(Host.load())


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", [None, *METHODS])
def test_each_trainer_takes_the_options_as_they_are(
    catalog: Catalog, kind: str, size: str, method: Method | None
) -> None:
    for rows in ROWS:
        for lengths in (None, LENGTHS):
            advice = choose(means(size, rows, 24, kind, lengths), method)
            made = catalog.make("trainer", Ref(advice.method, advice.options)).instance
            for name, value in advice.options.items():
                assert getattr(made, name) == value, name


# rounds


@pytest.mark.parametrize(
    ("rows", "low", "high"),
    [
        (1, 5, 10),
        (999, 5, 10),
        (1_000, 3, 5),
        (4_999, 3, 5),
        (5_000, 2, 3),
        (9_999, 2, 3),
        (10_000, 1, 2),
        (10**6, 1, 2),
    ],
)
def test_rounds_lie_in_the_band_for_so_many_rows(rows: int, low: float, high: float) -> None:
    advised, least, most = epochs(rows)
    assert (least, most) == (low, high)
    assert low <= advised <= high
    assert number(choose(means(rows=rows)), "num_train_epochs") == advised


def test_more_rows_never_get_more_rounds() -> None:
    found = [epochs(rows)[0] for rows in ROWS]
    assert found == sorted(found, reverse=True)


# the adapter


@pytest.mark.parametrize(
    ("complexity", "rows", "r"),
    [("simple", 200_000, 8), ("default", 50, 16), ("complex", 500, 32), ("complex", 10_000, 64), (None, 500, 8)],
)
def test_the_rank_is_8_for_a_simple_job_16_for_most_and_32_to_64_for_a_complex_one(
    complexity: Complexity | None, rows: int, r: int
) -> None:
    assert rank(rows, complexity) == r
    advice = choose(means(rows=rows, complexity=complexity), "lora")
    assert advice.options["r"] == r
    assert advice.options["lora_alpha"] == 2 * r


def test_where_nobody_says_how_hard_the_job_is_more_rows_get_a_higher_rank() -> None:
    assert [rank(rows) for rows in (999, 1_000, 9_999, 10_000, 99_999, 100_000)] == [8, 16, 16, 32, 32, 64]


def test_all_linear_layers_are_adapted_and_the_scale_stays_the_same_at_every_rank() -> None:
    for rows in ROWS:
        options = choose(means(rows=rows), "lora").options
        assert options["target_modules"] == "all-linear"
        assert options["use_rslora"] is False


def test_rows_that_come_round_often_are_guarded_by_dropout() -> None:
    assert number(choose(means(rows=500), "lora"), "lora_dropout") == 0.05
    assert number(choose(means(rows=20_000), "lora"), "lora_dropout") == 0


# rates


@pytest.mark.parametrize(("hidden", "rate"), [(4096, 2e-4), (5120, 2e-4), (6656, 1e-4), (8192, 1e-4)])
def test_the_rate_of_lora_is_that_of_the_qlora_paper_at_7_13_33_and_65_billion_weights(
    hidden: int, rate: float
) -> None:
    assert advised_rate("lora", hidden)[0] == advised_rate("qlora", hidden)[0] == rate


@pytest.mark.parametrize("hidden", [2048, 3072, 4096, 5120, 6656, 8192, 16_384])
def test_from_a_billion_weights_on_rates_lie_in_the_bands_of_the_guides(hidden: int) -> None:
    assert 1e-4 <= advised_rate("lora", hidden)[0] <= 5e-4
    assert 1e-5 <= advised_rate("full", hidden)[0] <= 5e-5


def test_at_7_billion_weights_the_ranges_are_those_of_the_guides() -> None:
    assert advised_rate("lora", 4096) == (2e-4, 1e-4, 5e-4)
    assert advised_rate("full", 4096) == (2e-5, 1e-5, 5e-5)


def test_a_smaller_model_gets_a_higher_rate_and_the_demo_its_own() -> None:
    rates = [advised_rate("lora", hidden)[0] for hidden in (8192, 4096, 2048, 896, 576, 64)]
    assert rates == sorted(rates)
    assert advised_rate("lora", 576) == (2e-3, 1e-3, 5e-3)
    assert advised_rate("lora", 64)[0] == 4e-3, "no higher than anybody has tried here"


def test_full_fine_tuning_gets_a_tenth_of_the_rate_of_lora() -> None:
    for hidden in (576, 2048, 4096, 8192):
        assert advised_rate("full", hidden)[0] == pytest.approx(advised_rate("lora", hidden)[0] / 10)


def test_the_disagreement_over_the_rate_is_told_with_the_choice_and_the_reason() -> None:
    told = choice(choose(means(), "lora"), "learning_rate")
    assert "1e-5 in one guide, 2e-4 in another" in told.disagreement
    assert "(4096 / hidden size)^1.17" in told.disagreement
    assert {"1e-4 to 5e-4", "2e-4 to begin with"} <= {claim.value for claim in told.claims}


def test_gradients_are_bounded_as_the_qlora_paper_has_it_only_in_four_bits() -> None:
    assert number(choose(means(), "qlora"), "max_grad_norm") == 0.3
    assert number(choose(means(), "lora"), "max_grad_norm") == 1.0


def test_fewer_steps_get_a_longer_warm_up_of_3_to_10_percent() -> None:
    shares = [number(choose(means(rows=rows), "lora"), "warmup_ratio") for rows in (100, 2_000, 200_000)]
    assert shares == [0.1, 0.05, 0.03]


# steps and batches


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("kind", "free"), [("cpu", 20), ("cuda", 16), ("cuda", 80)])
def test_a_step_has_16_to_64_rows_wherever_there_are_a_hundred(
    method: Method, size: str, kind: str, free: float
) -> None:
    for rows in ROWS:
        step = in_one_step(choose(means(size, rows, free, kind), method))
        assert 16 <= step <= 64 if rows >= 100 else step == 8, rows


def test_a_step_never_has_more_rows_than_there_are() -> None:
    assert [in_one_step(choose(means(rows=rows))) for rows in (1, 3, 7, 8)] == [1, 2, 4, 8]


def test_few_rows_get_smaller_steps_so_that_there_are_enough() -> None:
    assert [in_one_step(choose(means(rows=rows), "lora")) for rows in (99, 100, 4_999, 5_000)] == [8, 16, 16, 32]
    assert in_one_step(choose(means(rows=20_000), "full")) == 64


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["cpu", "cuda"])
@pytest.mark.parametrize("free", [4, 12, 24, 80, 180])
def test_the_batch_fits_the_memory_or_the_advice_says_that_nothing_does(
    method: Method, size: str, kind: str, free: float
) -> None:
    given = means(size, free=free, kind=kind)
    advice = choose(given, method)
    takes = footprint(given.shape, as_advised(given, advice)).total
    says_so = any("GB are free on the one" in each for each in advice.cautions)
    assert says_so == (takes > 0.9 * given.device.memory)
    assert not says_so or advice.options["per_device_train_batch_size"] == 1


def as_advised(given: Means, advice: TrainingAdvice) -> Training:
    """The training that the advice describes, made of its options alone."""
    lengths = given.lengths or LENGTHS
    longest = min(int(number(advice, "max_length")), lengths.longest)
    return Training(
        method=advice.method,  # type: ignore[arg-type]
        batch=int(number(advice, "per_device_train_batch_size")),
        length=longest,
        labelled=min(longest, math.ceil(2 * longest * lengths.answers / lengths.total)),
        r=int(number(advice, "r")) if "r" in advice.options else 16,
        checkpointing=bool(advice.options["gradient_checkpointing"]),
        dtype=given.dtype,
        accumulates=number(advice, "gradient_accumulation_steps") > 1,
        device="cpu" if given.device.kind == "cpu" else "cuda",
    )


def test_activations_are_computed_twice_only_where_that_makes_room() -> None:
    long = replace(LENGTHS, p95=3_000, p99=4_000, longest=4_000)
    assert choose(means("7B", free=80)).options["gradient_checkpointing"] is False
    assert choose(means("7B", free=22, lengths=long), "lora").options["gradient_checkpointing"] is True
    assert choose(means("7B", free=22, lengths=long), "prefix_tuning").options["gradient_checkpointing"] is False


def test_a_cpu_gets_no_larger_batch_than_8() -> None:
    assert choose(means("135M", kind="cpu", free=200)).options["per_device_train_batch_size"] == 8


# lengths


def test_the_length_holds_the_longest_row_rounded_up_to_64() -> None:
    advice = choose(means())
    assert advice.options["max_length"] == 512
    assert "none is cut" in choice(advice, "max_length").reason
    assert not any("longer than" in each for each in advice.cautions)


def test_rows_far_longer_than_the_rest_are_cut_and_how_many_is_said() -> None:
    advice = choose(means(rows=2_000, lengths=replace(LENGTHS, longest=2_000)))
    assert advice.options["max_length"] == 512
    assert "at most 20 of 2,000 are cut" in choice(advice, "max_length").reason
    assert any("Up to 20 rows are longer than 512 tokens" in each for each in advice.cautions)


def test_no_row_is_longer_than_the_window_and_virtual_tokens_take_their_places_of_it() -> None:
    given = replace(means(lengths=replace(LENGTHS, p95=300, p99=480)), shape=model("7B", window=400))
    assert max_length(given, "lora") == 400
    assert max_length(given, "prompt_tuning") == 380
    assert cut(given.lengths, 400) == 0.05
    assert any("Up to 100 rows" in each for each in choose(given).cautions)


@pytest.mark.parametrize(("length", "share"), [(500, 0), (499, 0.01), (479, 0.05), (399, 0.5), (199, 1)])
def test_the_share_that_is_cut_is_never_told_too_low(length: int, share: float) -> None:
    assert cut(LENGTHS, length) == share


def test_without_counted_rows_the_trainers_default_stands() -> None:
    advice = choose(means(lengths=None))
    assert advice.options["max_length"] == 1024
    assert "not counted" in choice(advice, "max_length").reason


@pytest.mark.parametrize(
    ("sizes", "share", "expected"),
    [
        ([], 0.5, 0),
        ([7], 0.99, 7),
        ([3, 1, 2], 0.5, 2),
        (list(range(1, 21)), 0.95, 19),
        (list(range(1, 101)), 0.99, 99),
        ([1, 2], 0, 1),
        ([1, 2], 1, 2),
    ],
)
def test_a_quantile_is_a_size_that_so_many_do_not_exceed(sizes: list[int], share: float, expected: int) -> None:
    assert quantile(sizes, share) == expected


# measurements


def test_the_validation_loss_is_measured_about_ten_times_and_never_more_often_than_there_are_steps() -> None:
    for rows in ROWS:
        advice = choose(means(rows=rows))
        often, rounds = number(advice, "evals_per_epoch"), number(advice, "num_train_epochs")
        assert often <= math.ceil(rows / in_one_step(advice))
        assert often == 1 or 8 <= often * rounds <= 12, rows


# cautions


def told(advice: TrainingAdvice, words: str) -> bool:
    return any(words in each for each in advice.cautions)


def test_a_drop_beyond_5_percent_is_named_as_overtraining_with_its_remedies() -> None:
    assert told(choose(means()), "A drop beyond 5 % on a general benchmark means overtraining")
    assert told(choose(means()), "general_data")
    assert told(choose(means("135M", rows=20_000)), "or lora, which forgets less")
    assert told(choose(replace(means(), keeps_general=False)), "asks no general benchmark")


@pytest.mark.parametrize(
    ("rows", "words"), [(99, "too few to tune on"), (100, "look at each row"), (999, "look at each row"), (1_000, None)]
)
def test_below_100_rows_prompts_come_first_and_below_1000_care_is_asked_for(rows: int, words: str | None) -> None:
    advice = choose(means(rows=rows))
    for each in ("too few to tune on", "look at each row"):
        assert told(advice, each) == (each == words)


def test_few_steps_are_said_to_be_few() -> None:
    assert told(choose(means(rows=100)), "steps are few")
    assert not told(choose(means(rows=2_000)), "steps are few")


def test_a_chat_template_is_always_to_be_kept() -> None:
    assert told(choose(means()), "chat template")


def test_memory_that_is_nearly_full_is_said_to_be_tight() -> None:
    assert any(told(choose(means(free=free), "lora"), "tight") for free in (17, 18, 19, 20, 22))
    assert not told(choose(means(free=180)), "tight")


def test_where_nothing_fits_the_smallest_gpu_that_has_room_is_named() -> None:
    (said,) = [each for each in choose(means("70B", free=24), "lora").cautions if "GB are free" in each]
    assert "the smallest GPU that has room is" in said


def test_a_model_opened_in_float32_is_told_what_bfloat16_would_spare() -> None:
    advice = choose(replace(means("7B", free=24), dtype="float32"))
    assert advice.method == "qlora"
    assert told(advice, "with model.dtype: bfloat16 lora fits")
    assert not told(choose(means("7B", free=24)), "float32")
