"""What a training is said to take of the memory before it begins, on small random Llamas."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import ModelRef, Progress, TrainJob, UsageError
from harness.machine import MAPPED_FROM, kept_by_heap, lean_heap
from harness.testing.tiny import tiny_llama
from harness.values import Ref
from harness_trainers.estimate import MemoryEstimate, available, check_fits, estimate, gigabytes, largest_batch
from harness_trainers.methods import ContinuedPretraining, Full, Ia3, Lora, PrefixTuning, PromptTuning, Qlora
from harness_trainers.options import Common

FULL, LORA = Full(per_device_train_batch_size=2), Lora(per_device_train_batch_size=2, r=4)
TOO_LARGE = Full(per_device_train_batch_size=1 << 20, max_length=2048, gradient_accumulation_steps=2)
JobOf = Callable[[Path], TrainJob]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


def write_rows(path: Path, words: int, count: int = 8) -> Path:
    answer = " ".join(["late"] * words)
    rows = [
        [{"role": "user", "content": f"Order {4000 + n}?"}, {"role": "assistant", "content": answer}]
        for n in range(count)
    ]
    path.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
    return path


@pytest.fixture
def job(model: Path, tmp_path: Path) -> TrainJob:
    rows = write_rows(tmp_path / "train.jsonl", 20)
    return TrainJob("e-1", ModelRef(str(model), device="cpu"), Ref("lora"), rows, None, tmp_path / "out", 3)


def bytes_of(folder: Path) -> int:
    """Of the weights as they lie on the disk, in float32."""
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "pt") as weights:
        return sum(4 * weights.get_tensor(name).numel() for name in weights.keys())  # noqa: SIM118 - no mapping


# what is counted


def test_all_weights_have_a_gradient_and_two_moments(job: TrainJob, model: Path) -> None:
    found = estimate(FULL, job)
    assert found.gradients == bytes_of(model)
    assert found.optimizer == 2 * found.gradients
    assert found.gradients <= found.weights < found.gradients + 10_000, "and there are a few buffers"


def test_of_an_adapter_only_what_is_trained_has_them(job: TrainJob, model: Path) -> None:
    found = estimate(LORA, job)
    trained = LORA.train(replace(job, trainer=Ref("lora")), lambda progress: None).facts["trained_parameters"]
    assert found.gradients == 4 * trained
    assert found.optimizer == 8 * trained
    assert bytes_of(model) + 4 * trained <= found.weights < bytes_of(model) + 4 * trained + 10_000


def test_frozen_layers_and_embeddings_have_none(job: TrainJob) -> None:
    all_of_it = estimate(FULL, job).gradients
    frozen = estimate(replace(FULL, freeze_layers=1), job).gradients
    most = estimate(replace(FULL, freeze_layers=1, freeze_embeddings=True), job).gradients
    assert all_of_it > frozen > most > 0


@pytest.mark.skipif(not importlib.util.find_spec("bitsandbytes"), reason="needs bitsandbytes")
def test_four_bits_take_about_an_eighth_of_what_is_quantised(job: TrainJob) -> None:
    lora = estimate(LORA, job)
    double, single = (
        estimate(Qlora(per_device_train_batch_size=2, r=4, bnb_4bit_use_double_quant=each), job)
        for each in (True, False)
    )
    modules, quantised = 14, 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)
    scales = quantised // 64
    assert lora.weights - single.weights == 4 * quantised - quantised // 2 - 4 * scales - modules * 16 * 4
    # a byte a scale and a table of 256 numbers; each module has fewer scales than share one of their own
    assert double.weights - single.weights == scales - 4 * scales + modules * (4 + 256 * 4)
    assert double.gradients == lora.gradients


def test_frozen_weights_in_half_the_width_take_half_and_trained_ones_stay_whole(job: TrainJob, model: Path) -> None:
    half = replace(job, model=replace(job.model, dtype="bfloat16"))
    saved = estimate(LORA, job).weights - estimate(LORA, half).weights
    assert saved == pytest.approx(bytes_of(model) / 2, rel=0.01)
    assert estimate(FULL, half).gradients == bytes_of(model)
    assert estimate(replace(FULL, precision="bfloat16"), half).gradients == bytes_of(model)


@pytest.mark.parametrize("method", [Full, Lora, Ia3, PrefixTuning, PromptTuning], ids=lambda each: str(each.name))
def test_each_row_takes_as_much_as_the_one_before(job: TrainJob, method: type[Common]) -> None:
    one, two, three = (
        estimate(method(per_device_train_batch_size=size), job, longest=128, labelled=100).activations
        for size in (8, 16, 24)
    )
    assert three - two == pytest.approx(two - one, rel=0.02)
    assert one > 0


def test_raw_text_is_packed_into_whole_lengths(job: TrainJob, tmp_path: Path) -> None:
    path = tmp_path / "text.jsonl"
    path.write_text('{"text": "a lamp"}\n' * 4)
    found = estimate(ContinuedPretraining(max_length=256, per_device_train_batch_size=2), replace(job, train=path))
    assert found.length == 256


def test_the_longest_row_counts_and_not_what_a_row_may_be(job: TrainJob) -> None:
    found = estimate(replace(LORA, max_length=1024), job)
    assert found.length < 100
    assert found == replace(estimate(replace(LORA, max_length=2048), job), overhead=found.overhead)
    longer = estimate(LORA, replace(job, train=write_rows(job.train.with_name("long.jsonl"), 60)))
    assert longer.length > 2 * found.length
    assert longer.activations > 2 * found.activations
    assert estimate(replace(LORA, max_length=32), job).length == 32


def test_activations_that_are_computed_twice_take_less(job: TrainJob) -> None:
    plain, twice = (
        estimate(replace(LORA, gradient_checkpointing=each), job, longest=512, labelled=8).activations
        for each in (False, True)
    )
    assert twice < 0.8 * plain


def test_one_process_scores_labelled_positions_alone_and_several_score_all(
    job: TrainJob, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, labelled = 512, 8
    alone = estimate(LORA, job, longest=tokens, labelled=labelled).activations
    monkeypatch.setenv("WORLD_SIZE", "2")
    together = estimate(LORA, job, longest=tokens, labelled=labelled).activations
    logit = 4 * json.loads((model / "config.json").read_text())["vocab_size"]
    assert together - alone > 2 * (tokens - labelled) * logit


def test_batches_that_accumulate_hold_their_gradients_all_the_while(job: TrainJob) -> None:
    once, often = (
        estimate(replace(FULL, gradient_accumulation_steps=each), job, longest=256, labelled=200) for each in (1, 4)
    )
    assert once.total < often.total
    assert once.gradients == often.gradients


def test_the_heap_keeps_a_share_of_what_was_freed_and_does_not_shrink() -> None:
    import torch

    from harness_trainers.rehearsal import Ledger

    mebibyte = 1 << 20
    with Ledger([], 1) as ledger:
        small = torch.empty(8 * mebibyte, dtype=torch.uint8)
        del small
        large = torch.empty(MAPPED_FROM, dtype=torch.uint8)
        del large
    assert ledger.peak == MAPPED_FROM
    # the next step finds the heap as large as it was, and maps the large block beside it
    assert ledger.heap == 8 * mebibyte + kept_by_heap(8 * mebibyte)


def test_what_the_heap_keeps_grows_with_what_each_layer_frees(job: TrainJob) -> None:
    one, two = (
        estimate(replace(LORA, gradient_checkpointing=each), job, longest=512, labelled=8) for each in (False, True)
    )
    assert 0 < one.heap < two.heap, "what is computed twice is freed twice"
    assert one.total == one.training + one.heap + one.overhead


def test_nothing_is_loaded(job: TrainJob, model: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for each in model.iterdir():
        if each.suffix != ".safetensors":
            (bare / each.name).write_bytes(each.read_bytes())
    found = estimate(LORA, replace(job, model=replace(job.model, name=str(bare))))
    assert found.training == estimate(LORA, job).training


# what is said


def test_the_sentence_names_the_sum_the_batch_and_the_parts() -> None:
    found = MemoryEstimate(500_000_000, 0, 40_000_000, 660_000_000, 700_000_000, "lora", 4, 1024)
    assert found.total == 1_900_000_000
    assert found.sentence.startswith("about 1.9 GB for lora with 4 rows of 1,024 tokens (weights 0.5, gradients 0.00, ")


@pytest.mark.parametrize(
    ("size", "told"), [(23_400_000_000, "23"), (9_940_000_000, "9.9"), (96_000_000, "0.1"), (20_000_000, "0.02")]
)
def test_gigabytes_are_told_as_a_person_reads_them(size: int, told: str) -> None:
    assert gigabytes(size) == told


def test_what_fits_is_told_and_goes_on(job: TrainJob) -> None:
    reports: list[Progress] = []
    check_fits(LORA, job, reports.append)
    (message,) = [each.message for each in reports]
    assert message is not None
    assert message.startswith("memory: about ")
    assert " GB for lora with 2 rows of " in message
    assert message.endswith(" GB")


def test_what_cannot_fit_is_refused_with_the_ways_out_and_their_numbers(job: TrainJob) -> None:
    with pytest.raises(UsageError) as refused:
        check_fits(TOO_LARGE, job, lambda progress: None, longest=2048)
    said = str(refused.value)
    assert "trainer 'full': a step takes about" in said
    size = int(said.partition("per_device_train_batch_size: ")[2].split()[0])
    steps = int(said.partition("gradient_accumulation_steps: ")[2].split()[0])
    assert size * steps == 2 << 20
    fits = replace(TOO_LARGE, per_device_train_batch_size=size)
    assert estimate(fits, job, longest=2048).training < available(job)
    order = [
        said.index(each) for each in ("per_device_train", "gradient_checkpointing: true", "qlora", "max_length: 1024")
    ]
    assert order == sorted(order)


@pytest.mark.parametrize("spread_by", ["FSDP", "DEEPSPEED"])
def test_what_is_spread_over_devices_may_be_too_large_for_one(
    job: TrainJob, monkeypatch: pytest.MonkeyPatch, spread_by: str
) -> None:
    monkeypatch.setenv(f"ACCELERATE_USE_{spread_by}", "true")
    reports: list[Progress] = []
    check_fits(TOO_LARGE, job, reports.append, longest=2048)
    (message,) = [each.message for each in reports]
    assert message is not None
    assert message.startswith("memory: about ")


def test_processes_that_train_together_on_a_cpu_share_what_is_free(
    job: TrainJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = available(job)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert available(job) == pytest.approx(alone / 2, rel=0.2)


@pytest.mark.parametrize(
    ("options", "longest"),
    [(LORA, 512), (FULL, 64), (replace(FULL, gradient_checkpointing=True), 128)],
    ids=["lora", "full", "full, checkpointing"],
)
@pytest.mark.parametrize("room", [7.3, 61.9])
def test_so_many_rows_fit_and_one_more_does_not(job: TrainJob, options: Common, longest: int, room: float) -> None:
    def takes(rows: int) -> int:
        found = estimate(replace(options, per_device_train_batch_size=rows), job, longest=longest)
        return found.training + found.heap

    free = round(takes(1) + room * (takes(4) - takes(3)))
    most = largest_batch(options, job, free, longest=longest)
    assert takes(most) <= free < takes(most + 1)


def test_where_not_even_one_row_fits_there_is_no_largest_batch(job: TrainJob) -> None:
    assert largest_batch(LORA, job, 0) == 0


# what is measured

_CHILD = """
import json, sys
from pathlib import Path
from harness import ModelRef, TrainJob
from harness.values import Ref
from harness_trainers.methods import Full, Lora
import harness_trainers.sft_loop
from harness_trainers.estimate import estimate
model, rows, out, method, options = json.loads(sys.argv[1])
options = {"full": Full, "lora": Lora}[method](**options)
job = TrainJob("e-1", ModelRef(model, device="cpu"), Ref(method), Path(rows), None, Path(out), 3)
found = estimate(options, job)
options.train(job, lambda progress: None)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps([found.training, found.total, int(peak.split()[1]) * 1024]))
"""


def wider_llama(folder: Path, tokenizer: Path) -> Path:
    """Of 8 million parameters, so that training takes some hundred megabytes."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    read = AutoTokenizer.from_pretrained(tokenizer)
    config = LlamaConfig(
        vocab_size=len(read), hidden_size=256, intermediate_size=1024, num_hidden_layers=8, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=2048, bos_token_id=read.bos_token_id,
        eos_token_id=read.eos_token_id, pad_token_id=read.pad_token_id, tie_word_embeddings=True,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        LlamaForCausalLM(config).save_pretrained(folder)
    read.save_pretrained(folder)
    return folder


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs the peak that Linux keeps of a process")
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("full", {"per_device_train_batch_size": 4}),
        ("lora", {"per_device_train_batch_size": 8, "gradient_checkpointing": True}),
    ],
)
def test_the_estimate_is_near_the_peak_of_a_process_that_trains(
    model: Path, tmp_path: Path, method: str, options: dict[str, Any]
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 100, count=16)
    task = [str(wider_llama(tmp_path / "wider", model)), str(rows), str(tmp_path / "out"), method]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, json.dumps([*task, {**options, "max_steps": 2}])],
        env={**os.environ, **lean_heap()},
        check=True,
        capture_output=True,
        text=True,
    )
    training, total, peak = json.loads(done.stdout.splitlines()[-1])
    assert training > 100_000_000, "more than noise"
    assert total == pytest.approx(peak, rel=0.25)
