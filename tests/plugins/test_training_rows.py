"""What is looked at before the first step: rows as tokens, what of them is learnt, and what would teach amiss."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from training_kit import conversation, job_for, train, write, write_chats

from harness import ModelRef, Progress, TrainJob, UsageError
from harness_trainers.methods import ContinuedPretraining, Lora, PrefixTuning
from harness_trainers.options import Common

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = Lora(r=4, max_steps=1, per_device_train_batch_size=4)


@pytest.fixture
def job(tiny_model: Path, tmp_path: Path) -> TrainJob:
    return job_for(QUICK, tiny_model, tmp_path)


@pytest.fixture
def with_template(job: TrainJob, tmp_path: Path) -> Callable[[Callable[[str], str]], TrainJob]:
    """The job with the model's chat template changed."""

    def changed(change: Callable[[str], str]) -> TrainJob:
        folder = tmp_path / "other"
        shutil.copytree(job.model.name, folder)
        template = folder / "chat_template.jinja"
        after = change(template.read_text())
        assert after != template.read_text()
        template.write_text(after)
        return replace(job, model=ModelRef(str(folder), device="cpu"))

    return changed


def lengths(options: Common, job: TrainJob) -> list[int]:
    from harness_trainers.lint import examples

    return sorted(len(tokens) for tokens in examples(options, job).train)


def refusal(options: Common, job: TrainJob) -> str:
    """The error of a training, which comes before any weight is read."""
    for weights in Path(job.model.name).glob("*.safetensors"):
        assert weights.is_file()
    with pytest.raises(UsageError) as found:
        options.train(job, lambda progress: None)
    return str(found.value)


def test_tokens_and_labels_are_those_that_trl_makes_of_the_same_rows(job: TrainJob) -> None:
    import datasets
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    from harness_trainers.lint import examples
    from harness_trainers.opening import open_model

    found = examples(QUICK, job)
    rows = [conversation(number) for number in range(12)]
    theirs: Any = SFTTrainer(
        model=open_model(QUICK, job.model),
        args=SFTConfig(output_dir=str(job.output), bf16=False, use_cpu=True, report_to="none"),
        train_dataset=datasets.Dataset.from_list([{"prompt": row[:-1], "completion": row[-1:]} for row in rows]),
        processing_class=found.reader.tokenizer,
    )
    assert [row.ids for row in found.train] == list(theirs.train_dataset["input_ids"])
    assert [row.labels for row in found.train] == list(theirs.train_dataset["labels"])


def test_masks_are_the_rows_of_the_training_token_by_token(job: TrainJob) -> None:
    from harness_trainers.sft_loop import build

    trainer: Any = build(QUICK, job)
    masks = QUICK.masks(job, 2)
    assert len(masks) == 2
    for tokens, ids, labels in zip(
        masks, trainer.train_dataset["input_ids"], trainer.train_dataset["labels"], strict=False
    ):
        assert "".join(token.text for token in tokens) == trainer.processing_class.decode(ids)
        assert [token.is_learned for token in tokens] == [label != -100 for label in labels]
    assert "".join(token.text for token in masks[0] if token.is_learned) == '{"order": 4000}<|im_end|>\n'


def test_masks_need_no_weights_and_end_where_rows_are_cut(job: TrainJob, tmp_path: Path) -> None:
    folder = tmp_path / "no-weights"
    shutil.copytree(job.model.name, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    masks = replace(QUICK, max_length=10).masks(replace(job, model=ModelRef(str(folder), device="cpu")), 3)
    assert [len(tokens) for tokens in masks] == [10, 10, 10]


def test_a_letter_of_several_tokens_is_shown_whole(job: TrainJob) -> None:
    write(job.train, [{"messages": conversation(1, answer="grüße 東京")}])
    text = "".join(token.text for token in QUICK.masks(job, 1)[0] if token.is_learned)
    assert text == "grüße 東京<|im_end|>\n"


def test_masks_of_raw_text_are_learnt_throughout(tiny_model: Path, tmp_path: Path) -> None:
    options = ContinuedPretraining()
    masks = options.masks(job_for(options, tiny_model, tmp_path), 1)
    assert all(token.is_learned for token in masks[0])
    assert masks[0][-1].text == "<|im_end|>"


def test_masks_of_raw_text_go_on_where_a_pack_ends_since_nothing_is_cut(tiny_model: Path, tmp_path: Path) -> None:
    options = ContinuedPretraining(max_length=8)
    packed = options.masks(job_for(options, tiny_model, tmp_path / "packed"), 1)
    assert len(packed[0]) > options.max_length
    assert "".join(token.text for token in packed[0]).endswith("<|im_end|>")
    alone = replace(options, packing=False)
    assert len(alone.masks(job_for(alone, tiny_model, tmp_path / "alone"), 1)[0]) == options.max_length


@pytest.fixture
def small(job: TrainJob, tmp_path: Path) -> TrainJob:
    """The job with a model that has positions for 64 tokens; most of the rows are longer."""
    folder = tmp_path / "small"
    shutil.copytree(job.model.name, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 64}))
    return replace(job, model=ModelRef(str(folder), device="cpu"))


def test_rows_that_are_longer_than_the_models_window_are_refused_before_it_loads(small: TrainJob) -> None:
    said = refusal(QUICK, small)
    assert "rows are longer than the 64 tokens that the model has positions for" in said
    assert said.endswith("leave them out")
    assert "max_length" not in said  # more than a few: cutting them would be refused too


def test_a_few_rows_beyond_the_window_may_be_cut(small: TrainJob) -> None:
    write(small.train, [{"messages": conversation(5)}] * 39 + [{"messages": conversation(9)}])
    assert "1 of 40 rows are longer" in refusal(QUICK, small)
    assert "set max_length: 64, or leave them out" in refusal(QUICK, small)
    # what is left of the longer one has nothing of its answer
    assert lengths(replace(QUICK, max_length=64), replace(small, validation=None)) == [59] * 39


def test_positions_that_are_stretched_have_no_end_that_is_known(small: TrainJob) -> None:
    path = Path(small.model.name) / "config.json"
    stretched = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "rope_theta": 10000.0}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rope_parameters": stretched}))
    assert lengths(QUICK, small)[-1] > 64


def test_virtual_tokens_take_positions_from_the_rows(small: TrainJob) -> None:
    write(small.train, [{"messages": conversation(5)}] * 4)
    job = replace(small, validation=None)
    longest = lengths(PrefixTuning(num_virtual_tokens=1), job)[-1]
    assert f"longer than the {longest - 1} tokens" in refusal(PrefixTuning(num_virtual_tokens=65 - longest), job)
    assert "num_virtual_tokens 64 leaves no room for a row" in refusal(PrefixTuning(num_virtual_tokens=64), job)


def test_raw_text_that_is_split_may_be_longer_than_the_window(small: TrainJob) -> None:
    options = ContinuedPretraining(max_length=64)
    write(small.train, [{"text": "a long text " * 40}])
    assert lengths(options, replace(small, validation=None))[-1] > 64
    assert "set max_length: 64" in refusal(replace(options, max_length=65), replace(small, validation=None))


def test_more_than_a_few_rows_that_are_cut_are_refused_with_the_length_that_is_needed(job: TrainJob) -> None:
    known = lengths(QUICK, job)
    cut = sum(length > known[-1] - 2 for length in known)
    message = refusal(replace(QUICK, max_length=known[-1] - 2), job)
    assert message == (
        f"{job.train}: max_length {known[-1] - 2} cuts {cut} of 12 rows, and the longest has {known[-1]} tokens; "
        f"set max_length: {known[-1]}"
    )


def test_a_few_rows_that_are_cut_are_told_before_the_first_step(job: TrainJob) -> None:
    long = conversation(1, answer="yes " * 60)
    lost = conversation(1)
    lost[1]["content"] *= 30
    write(job.train, [*({"messages": conversation(n)} for n in range(60)), {"messages": long}, {"messages": lost}])
    reports: list[Progress] = []
    options = replace(QUICK, max_length=150)
    assert sum(length > 150 for length in lengths(options, job)) == 1, "the row without its answer is left out"
    checkpoint = options.train(job, reports.append)
    told = [each.message for each in reports if each.message]
    assert "1 of 62 rows of train.jsonl are left out: they have nothing of their answer within max_length 150" in told
    assert "1 of 62 rows of train.jsonl do not teach where the answer ends within max_length 150" in told
    assert checkpoint.facts["rows"] == 61


def test_a_template_that_drops_a_role_is_refused(with_template: Callable[..., TrainJob]) -> None:
    job = with_template(
        lambda text: text.replace(
            "{{ '<|im_start|>'", "{% if message['role'] != 'system' %}{{ '<|im_start|>'", 1
        ).replace("'\n' }}{% endfor %}", "'\n' }}{% endif %}{% endfor %}")
    )
    assert "train.jsonl:1: the model's chat template drops what the system says" in refusal(QUICK, job)


def test_a_template_that_refuses_a_role_is_named_with_its_own_words(with_template: Callable[..., TrainJob]) -> None:
    job = with_template(
        lambda text: "{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system role') }}{% endif %}" + text
    )
    assert "train.jsonl:1: the model's chat template refuses the row: No system role" in refusal(QUICK, job)
    with pytest.raises(UsageError, match="refuses the row: No system role"):
        QUICK.masks(job, 1)


def test_an_end_token_outside_the_loss_is_refused(with_template: Callable[..., TrainJob]) -> None:
    job = with_template(lambda text: text.replace("'<|im_end|>'", "'. '"))
    message = refusal(QUICK, job)
    assert "the token that ends an answer is outside the loss, so the model would not learn to stop" in message


def test_a_model_without_a_chat_template_is_refused(job: TrainJob, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(job.model.name, folder, ignore=shutil.ignore_patterns("*.jinja"))
    message = refusal(QUICK, replace(job, model=ModelRef(str(folder), device="cpu")))
    assert "has no chat template, so it cannot be trained on messages" in message


def test_a_tokenizer_that_cannot_be_read_is_told_in_a_line(job: TrainJob, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(job.model.name, folder)
    (folder / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "of another world"}}')
    message = refusal(QUICK, replace(job, model=ModelRef(str(folder), device="cpu")))
    assert f"the tokenizer of {folder} cannot be read" in message
    assert len(message.splitlines()) == 1


def test_validation_rows_are_looked_at_like_the_others(job: TrainJob) -> None:
    assert job.validation
    with write_chats(job.validation, 2).open("a") as rows:
        rows.write('{"messages": [{"role": "user", "content": "Hello?"}]}\n')
    assert "validation.jsonl:3: the row does not end with an answer" in refusal(QUICK, job)


def test_a_file_without_rows_is_refused(job: TrainJob) -> None:
    job.train.write_text("")
    assert refusal(QUICK, job) == f"{job.train}: no rows to train on"


def test_what_is_refused_leaves_no_folder_to_go_on_from(job: TrainJob) -> None:
    job.train.write_text("")
    refusal(QUICK, job)
    assert not (job.output / "resume").exists()
    write_chats(job.train, 12)
    assert train(QUICK, job)[0].facts["steps"] == 1
