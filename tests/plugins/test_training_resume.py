"""A training that is cut off goes on as if nothing had happened, and the checkpoints that are to be kept are kept."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from training_kit import BATCH, job_for, losses, measured, reopened, train, validation_loss

from harness import Checkpoint, Progress, Report, TrainingFailed, UsageError
from harness.execution.train import train as train_in_a_child
from harness.values import Launch, Ref
from harness_trainers import saved
from harness_trainers.methods import ContinuedPretraining, Full, Lora, PrefixTuning, Qlora
from harness_trainers.options import Common

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT: dict[str, Any] = {
    "per_device_train_batch_size": BATCH,
    "num_train_epochs": 2,
    "evals_per_epoch": 2,
    "max_length": 256,
}
# dropout and noise draw random numbers, and accumulation counts batches: all of it must go on where it was
NOISY = Lora(
    r=4, lora_dropout=0.3, neftune_noise_alpha=5.0, learning_rate=1e-2, gradient_accumulation_steps=2,
    **SHORT | {"per_device_train_batch_size": 2},
)  # fmt: skip


class Cut(Exception):  # noqa: N818
    """As a kill would be, but within this process."""


def cut_at(step: int) -> Report:
    def report(progress: Progress) -> None:
        if progress.step == step and progress.loss is not None:
            raise Cut

    return report


def compare(straight: tuple[Checkpoint, list[Progress]], resumed: tuple[Checkpoint, list[Progress]], at: int) -> None:
    """What came after the resumption is, to the last digit, what came without an interruption."""
    (one, told), (other, told_again) = straight, resumed
    assert losses(told_again) == {step: loss for step, loss in losses(told).items() if step > at}
    assert measured(told_again) == {step: loss for step, loss in measured(told).items() if step > at}
    assert other.sha256 == one.sha256
    assert (other.step, other.validation_loss, other.train_loss) == (one.step, one.validation_loss, one.train_loss)
    assert {**other.facts} == {**one.facts}


@pytest.mark.parametrize(
    ("options", "cut", "saved_at"),
    [
        (NOISY, 5, 4),
        (replace(NOISY, evals_per_epoch=1), 4, 3),
        (Full(learning_rate=1e-3, **SHORT), 5, 4),
        (Qlora(r=4, learning_rate=1e-2, **SHORT), 5, 4),
        (PrefixTuning(num_virtual_tokens=4, prefix_projection=True, **SHORT), 5, 4),
        (ContinuedPretraining(method="lora", r=4, learning_rate=1e-2, **SHORT | {"max_length": 32}), 4, None),
    ],
    ids=["lora", "lora at the end of an epoch", "full", "qlora", "prefix projection", "packed text"],
)
def test_a_training_that_was_cut_off_goes_on_as_if_undisturbed(
    options: Common, cut: int, saved_at: int | None, tiny_model: Path, tmp_path: Path
) -> None:
    straight = train(options, job_for(options, tiny_model, tmp_path / "one"))
    job = job_for(options, tiny_model, tmp_path / "two")
    with pytest.raises(Cut):
        options.train(job, cut_at(cut))
    state = saved.last(job.output / "resume")
    assert state
    assert saved_at is None or state.step == saved_at
    first: list[Progress] = []
    resumed = train(options, job, first.append)
    assert (first[0].step, first[0].message) == (state.step, f"going on from step {state.step}")
    compare(straight, resumed, state.step)
    assert not (job.output / "resume").exists()


def test_a_training_that_is_cut_off_again_and_again_comes_to_the_same_end(tiny_model: Path, tmp_path: Path) -> None:
    straight, _ = train(NOISY, job_for(NOISY, tiny_model, tmp_path / "one"))
    job = job_for(NOISY, tiny_model, tmp_path / "two")
    for step in (1, 3, 4, 6):
        with pytest.raises(Cut):
            NOISY.train(job, cut_at(step))
    assert train(NOISY, job)[0].sha256 == straight.sha256


def child_options() -> dict[str, Any]:
    return {"r": 4, "lora_dropout": 0.3, "learning_rate": 1e-2, **SHORT}


def test_a_process_that_is_killed_goes_on_as_if_undisturbed(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # sums over several threads may differ in the last digit from those over one, which is what this process has
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    options = child_options()
    straight = train(Lora(**options), job_for(Lora(), tiny_model, tmp_path / "one"))
    job = job_for(Lora(), tiny_model, tmp_path / "two", trainer=Ref("lora", options))
    told: list[Progress] = []

    def kill_at_5(progress: Progress) -> None:
        if progress.step == 5 and progress.loss is not None:
            for child in psutil.Process().children(recursive=True):
                if any("trainer_process" in part for part in child.cmdline()):
                    child.kill()

    with pytest.raises(TrainingFailed, match="killed by SIGKILL"):
        train_in_a_child(job, on_progress=kill_at_5, log=tmp_path / "killed.log")
    state = saved.last(job.output / "resume")
    assert state
    resumed = train_in_a_child(job, on_progress=told.append, log=tmp_path / "resumed.log")
    assert told[0].message == f"going on from step {state.step}"
    compare(straight, (resumed, told), state.step)


def test_a_state_that_was_cut_off_in_writing_does_not_count(tiny_model: Path, tmp_path: Path) -> None:
    job = job_for(NOISY, tiny_model, tmp_path)
    with pytest.raises(Cut):
        NOISY.train(job, cut_at(5))
    half = saved.folder_of(job.output / "resume", 6)
    half.mkdir()
    (half / "adapter_model.safetensors").write_bytes(b"half")
    first: list[Progress] = []
    checkpoint, _ = train(NOISY, job, first.append)
    assert first[0].message == "going on from step 4"
    assert checkpoint.facts["steps"] == 6


def test_a_training_that_is_cut_off_while_it_saves_goes_on_from_the_state_before(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [job_for(NOISY, tiny_model, tmp_path / name, keep=(0.7,)) for name in ("one", "two")]
    straight = train(NOISY, jobs[0])

    def cut(folder: Path, method: str) -> None:
        if folder.name == "checkpoint-4":
            raise Cut
        seal(folder, method)

    seal = saved.seal
    with monkeypatch.context() as patch:
        patch.setattr(saved, "seal", cut)
        with pytest.raises(Cut):
            NOISY.train(jobs[1], lambda progress: None)
    resumed = train(NOISY, jobs[1])
    compare(straight, resumed, 2)
    assert [each.step for each in resumed[0].kept] == [4]


def test_a_training_that_ended_but_was_not_handed_over_is_not_trained_again(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness_trainers import sft_loop

    straight, _ = train(NOISY, job_for(NOISY, tiny_model, tmp_path / "one"))
    job = job_for(NOISY, tiny_model, tmp_path / "two")

    def cut(*args: object) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(sft_loop, "_result", cut)
        with pytest.raises(Cut):
            NOISY.train(job, lambda progress: None)
    checkpoint, reports = train(NOISY, job)
    assert not reports
    assert (checkpoint.sha256, checkpoint.facts) == (straight.sha256, straight.facts)


def test_a_training_that_is_cut_off_while_its_states_are_removed_comes_to_the_same_end(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, _ = train(NOISY, job_for(NOISY, tiny_model, tmp_path / "one"))
    job = job_for(NOISY, tiny_model, tmp_path / "two")

    def cut(folder: str | Path, *others: Any, **options: Any) -> None:  # noqa: ANN401 - those of rmtree
        if Path(folder).name != saved.STATES:
            rmtree(folder, *others, **options)
            return
        for name in ("optimizer.pt", "trainer_state.json"):
            for each in Path(folder).glob(f"checkpoint-*/{name}"):
                each.unlink()
        raise Cut

    rmtree = shutil.rmtree
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", cut)
        with pytest.raises(Cut):
            NOISY.train(job, lambda progress: None)
    assert list(job.output.glob(f"{saved.STATES}/checkpoint-*"))
    checkpoint, _ = train(NOISY, job)
    assert checkpoint.sha256 == straight.sha256
    assert not (job.output / saved.STATES).exists()


def test_the_state_of_another_method_is_not_gone_on_with(tiny_model: Path, tmp_path: Path) -> None:
    job = job_for(NOISY, tiny_model, tmp_path)
    with pytest.raises(Cut):
        NOISY.train(job, cut_at(3))
    with pytest.raises(UsageError, match="resume holds a training of lora that was cut off, and this is one of full"):
        Full(**SHORT).train(job, lambda progress: None)


def test_a_state_that_lies_in_parts_is_not_gone_on_with_by_one_process(tiny_model: Path, tmp_path: Path) -> None:
    job = job_for(NOISY, tiny_model, tmp_path)
    with pytest.raises(Cut):
        NOISY.train(job, cut_at(3))
    state = saved.last(job.output / "resume")
    assert state
    saved.seal(state.folder, "lora over 2 processes with FSDP")
    with pytest.raises(UsageError, match="a training of lora over 2 processes with FSDP that was cut off, and this is"):
        NOISY.train(job, lambda progress: None)


def test_patience_counts_on_after_a_resumption(tiny_model: Path, tmp_path: Path) -> None:
    options = replace(NOISY, early_stopping_threshold=1e9, early_stopping_patience=2, evals_per_epoch=3)
    straight, told = train(options, job_for(options, tiny_model, tmp_path / "one"))
    assert straight.facts["stopped"].startswith("early: 2 measurements")
    assert straight.facts["steps"] == 3
    job = job_for(options, tiny_model, tmp_path / "two")
    with pytest.raises(Cut):
        options.train(job, cut_at(3))
    compare((straight, told), train(options, job), 2)


# kept checkpoints


def test_checkpoints_are_kept_after_the_shares_that_are_asked_for(tiny_model: Path, tmp_path: Path) -> None:
    options = replace(NOISY, evals_per_epoch=1)
    job = job_for(options, tiny_model, tmp_path, keep=(0.25, 0.5, 1.0))
    checkpoint, reports = train(options, job)
    assert [each.step for each in checkpoint.kept] == [2, 3, 6]
    assert {each.step: each.validation_loss for each in checkpoint.kept} == measured(reports)
    for each in checkpoint.kept:
        assert each.path == job.output / f"checkpoint-{each.step}"
        model = reopened(replace(checkpoint, path=each.path), options, job)
        assert validation_loss(model, options, job) == pytest.approx(each.validation_loss, rel=1e-4)
        assert {file.name for file in each.path.iterdir()} == {
            "adapter_model.safetensors",
            "adapter_config.json",
            "README.md",
        }


def test_whole_models_are_kept_too_and_without_validation(tiny_model: Path, tmp_path: Path) -> None:
    options = Full(learning_rate=1e-3, **SHORT)
    job = job_for(options, tiny_model, tmp_path, keep=(0.5,), validation=None)
    checkpoint, _ = train(options, job)
    (kept,) = checkpoint.kept
    assert (kept.step, kept.validation_loss) == (3, None)
    files = {file.name for file in kept.path.iterdir()}
    assert {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json"} <= files
    assert not [name for name in files if name.endswith((".pt", ".pth", ".bin"))]
    assert saved.sha256(kept.path, "model") != checkpoint.sha256


def test_kept_checkpoints_survive_a_resumption(tiny_model: Path, tmp_path: Path) -> None:
    jobs = [job_for(NOISY, tiny_model, tmp_path / name, keep=(0.2, 0.7, 1.0)) for name in ("one", "two")]
    straight, _ = train(NOISY, jobs[0])
    with pytest.raises(Cut):
        NOISY.train(jobs[1], cut_at(5))
    resumed, _ = train(NOISY, jobs[1])
    for one, other in zip(straight.kept, resumed.kept, strict=True):
        assert (one.step, one.validation_loss) == (other.step, other.validation_loss)
        assert saved.sha256(one.path, "adapter") == saved.sha256(other.path, "adapter")


def test_the_end_is_kept_where_patience_ends_the_training(tiny_model: Path, tmp_path: Path) -> None:
    options = replace(NOISY, early_stopping_threshold=1e9, early_stopping_patience=1, evals_per_epoch=3)
    checkpoint, _ = train(options, job_for(options, tiny_model, tmp_path, keep=(0.9, 1.0)))
    assert [each.step for each in checkpoint.kept] == [checkpoint.facts["steps"]] == [2]
    assert checkpoint.kept[0].path.is_dir()


def test_what_is_measured_for_a_kept_checkpoint_does_not_end_the_training(tiny_model: Path, tmp_path: Path) -> None:
    options = replace(NOISY, early_stopping_threshold=1e9, early_stopping_patience=1, evals_per_epoch=1)
    plain, _ = train(options, job_for(options, tiny_model, tmp_path / "one"))
    shares = tuple(step / 6 for step in range(1, 7))
    kept, _ = train(options, job_for(options, tiny_model, tmp_path / "two", keep=shares))
    assert kept.facts["steps"] == plain.facts["steps"] == 6
    assert len(kept.kept) == 6


def test_a_training_takes_the_same_way_whether_or_not_a_checkpoint_is_kept_on_it(
    tiny_model: Path, tmp_path: Path
) -> None:
    options = replace(NOISY, evals_per_epoch=1)
    (one, told), (two, told_again) = (
        train(options, job_for(options, tiny_model, tmp_path / str(keep), keep=keep)) for keep in ((1.0,), (0.2, 1.0))
    )
    assert measured(told_again).keys() - measured(told).keys() == {1}, "it was measured once more"
    assert losses(told_again) == losses(told)
    ends = [saved.sha256(checkpoint.kept[-1].path, "adapter") for checkpoint in (one, two)]
    assert ends[0] == ends[1]


def test_nothing_is_kept_unless_asked_for(tiny_model: Path, tmp_path: Path) -> None:
    job = job_for(NOISY, tiny_model, tmp_path)
    checkpoint, _ = train(NOISY, job)
    assert checkpoint.kept == ()
    assert not list(job.output.glob("checkpoint-*"))


# several processes


def test_two_processes_train_one_adapter_and_the_first_alone_tells(tiny_model: Path, tmp_path: Path) -> None:
    options = {**child_options(), "num_train_epochs": 4, "per_device_train_batch_size": 2, "lora_dropout": 0.0}
    job = job_for(Lora(), tiny_model, tmp_path, trainer=Ref("lora", options), keep=(0.5,))
    told: list[Progress] = []
    launch = Launch(num_processes=2)
    checkpoint = train_in_a_child(job, on_progress=told.append, log=tmp_path / "training.log", launch=launch)
    steps = [each.step for each in told if each.loss is not None]
    assert steps == sorted(set(steps))
    assert checkpoint.facts["steps"] == 12, "each step takes the rows of both"
    curve = losses(told)
    assert curve[12] < curve[1]
    lora = Lora(**options)
    assert validation_loss(reopened(checkpoint, lora, job), lora, job) == pytest.approx(
        checkpoint.validation_loss, rel=0.2
    )
    assert [each.step for each in checkpoint.kept] == [6]


def test_processes_agree_on_the_order_of_the_rows() -> None:
    from accelerate.data_loader import BatchSamplerShard
    from torch.utils.data import BatchSampler

    from harness_trainers.batches import LengthGrouped

    order = LengthGrouped([5 + n % 7 for n in range(16)], 4, seed=1)
    shards = [BatchSamplerShard(BatchSampler(order, 2, drop_last=False), 2, rank) for rank in (0, 1)]
    seen = [sorted(index for batch in shard for index in batch) for shard in shards]
    assert not set(seen[0]) & set(seen[1])
    assert sorted(seen[0] + seen[1]) == list(range(16))
