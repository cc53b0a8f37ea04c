"""A training that FSDP spreads over two processes comes to the checkpoint that one process comes to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from training_kit import job_for, losses, measured, reopened, train, validation_loss

from harness import Checkpoint, Progress, UsageError
from harness.execution import wire
from harness.execution.train import train as train_in_a_child
from harness.values import Launch, Ref
from harness_trainers import saved, spread
from harness_trainers.methods import Full, Ia3, Lora, PrefixTuning, PromptTuning, Qlora
from harness_trainers.options import Common

# as accelerate 1.15 writes it for FSDP's second version; the state in shards is what it proposes
FSDP = """
compute_environment: LOCAL_MACHINE
debug: false
distributed_type: FSDP
downcast_bf16: 'no'
enable_cpu_affinity: false
fsdp_config:
  fsdp_activation_checkpointing: false
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_cpu_ram_efficient_loading: true
  fsdp_offload_params: false
  fsdp_reshard_after_forward: true
  fsdp_state_dict_type: SHARDED_STATE_DICT
  fsdp_version: 2
machine_rank: 0
main_training_function: main
mixed_precision: 'no'
num_machines: 1
num_processes: 2
rdzv_backend: static
same_network: true
use_cpu: false
"""
EPOCHS: dict[str, Any] = {"num_train_epochs": 2, "evals_per_epoch": 2, "max_length": 256}
FULL: dict[str, Any] = {"learning_rate": 1e-3, **EPOCHS}
LORA: dict[str, Any] = {"learning_rate": 1e-2, "r": 4, **EPOCHS}
# each of two processes takes half of the rows that one process takes a step
HALF, WHOLE = {"per_device_train_batch_size": 2}, {"per_device_train_batch_size": 4}
NEAR = {"rel": 1e-5, "abs": 1e-5}


class Trained:
    """What the first of the processes told of each job."""

    def __init__(self, folder: Path, jobs: dict[str, Any]) -> None:
        self.folder, self.jobs = folder, jobs

    def told(self, name: str) -> list[Progress]:
        return [Progress(**each) for each in self._answer(name)["told"]]

    def checkpoint(self, name: str) -> Checkpoint:
        return wire.read_checkpoint(json.loads(self._answer(name)["checkpoint"])["checkpoint"])

    def _answer(self, name: str) -> dict[str, Any]:
        return json.loads((self.folder / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Jobs trained in one start of two processes: a model, an adapter, and an adapter cut off and gone on with."""
    from harness.testing.tiny import tiny_llama

    folder = tmp_path_factory.mktemp("sharded")
    model = tiny_llama(folder / "model")
    full = job_for(Full(), model, folder / "full", trainer=Ref("full", {**FULL, **HALF}), keep=(0.5,))
    lora = job_for(Lora(), model, folder / "lora", trainer=Ref("lora", {**LORA, **HALF}))
    again = job_for(Lora(), model, folder / "again", trainer=Ref("lora", {**LORA, **HALF}))
    jobs = [("full", full, None), ("lora", lora, None), ("cut", again, 4), ("again", again, None)]
    (folder / "jobs.json").write_text(json.dumps([(name, wire.job_text(job), cut) for name, job, cut in jobs]))
    (folder / "fsdp.yaml").write_text(FSDP)
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(folder / "fsdp.yaml")]
    command = [*launcher, "--main_process_port", "0", str(Path(__file__).with_name("sharded_process.py")), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-9000:]
    return Trained(folder, {name: job for name, job, _ in jobs})


@pytest.mark.parametrize(("name", "options"), [("full", Full(**FULL, **WHOLE)), ("lora", Lora(**LORA, **WHOLE))])
@pytest.mark.usefixtures("one_thread")
def test_what_two_processes_train_in_parts_is_what_one_trains(
    name: str, options: Common, sharded: Trained, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    job = job_for(options, sharded.folder / "model", tmp_path, keep=sharded.jobs[name].keep)
    one, alone = train(options, job)
    two, together = sharded.checkpoint(name), sharded.told(name)
    assert losses(together) == pytest.approx(losses(alone), **NEAR)
    assert measured(together) == pytest.approx(measured(alone), **NEAR)
    assert (two.kind, two.step) == (one.kind, one.step)
    for fact in ("trained_parameters", "rows", "steps", "tokens_seen"):
        assert two.facts[fact] == one.facts[fact]
    file = "model.safetensors" if one.kind == "model" else "adapter_model.safetensors"
    ours, theirs = load_file(two.path / file), load_file(one.path / file)
    assert {key: weight.shape for key, weight in ours.items()} == {key: each.shape for key, each in theirs.items()}
    for key, weight in ours.items():
        assert (weight - theirs[key]).abs().max() < 1e-5, key
    assert validation_loss(reopened(two, options, job), options, job) == pytest.approx(two.validation_loss, rel=1e-4)


def test_a_checkpoint_that_was_kept_on_the_way_is_whole_too(sharded: Trained) -> None:
    options = Full(**FULL, **WHOLE)
    checkpoint = sharded.checkpoint("full")
    [kept] = checkpoint.kept
    there = Checkpoint(kept.path, "model", kept.step, "", None, None, 0.0)
    loss = validation_loss(reopened(there, options, sharded.jobs["full"]), options, sharded.jobs["full"])
    assert loss == pytest.approx(kept.validation_loss, rel=1e-4)
    assert loss != pytest.approx(checkpoint.validation_loss, rel=1e-4)
    files = [each.name for each in checkpoint.path.rglob("*") if each.is_file()]
    assert "model.safetensors" in files
    assert not [name for name in files if name.endswith((".pt", ".pth", ".bin", ".distcp"))]


def test_a_sharded_training_that_was_cut_off_goes_on_as_if_undisturbed(sharded: Trained) -> None:
    straight, told = sharded.checkpoint("lora"), sharded.told("again")
    assert sharded.told("cut")[-1].step == 4
    assert told[0].message == "going on from step 4"
    after = {step: loss for step, loss in losses(sharded.told("lora")).items() if step > 4}
    assert losses(told) == after
    assert sharded.checkpoint("again").sha256 == straight.sha256


def test_fsdp_on_a_cpu_is_refused_before_anything_loads(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "fsdp.yaml"
    file.write_text(FSDP)
    job = job_for(Lora(), tiny_model, tmp_path, trainer=Ref("lora", {**LORA, **HALF}))
    told: list[Progress] = []
    with pytest.raises(UsageError, match="FSDP on GPUs only, and this trains on a CPU; launch with num_proc"):
        train_in_a_child(job, on_progress=told.append, log=tmp_path / "log", launch=Launch(2, file))
    assert not told


def on_gpus(**said: str) -> dict[str, str]:
    return {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "WORLD_SIZE": "2"} | said


def zero(stage: int) -> dict[str, str]:
    return {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": str(stage), "WORLD_SIZE": "4"}


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        (Full(), on_gpus(FSDP_VERSION="1"), "launch: FSDP of version 1 is not supported; write fsdp_version: 2"),
        (Qlora(), on_gpus(), "launch: qlora cannot be spread by FSDP: weights in four bits cannot be split"),
        (PrefixTuning(), on_gpus(), "launch: prefix_tuning cannot be spread by FSDP"),
        (PromptTuning(), zero(3), "launch: prompt_tuning cannot be spread by DeepSpeed"),
        (Qlora(), zero(3), "launch: qlora cannot be spread by DeepSpeed: weights in four bits cannot be split"),
    ],
)
def test_what_cannot_be_spread_is_refused(options: Common, environment: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        spread.check(options, is_on_cpu=False, environment=environment)


@pytest.mark.parametrize(
    ("options", "environment"),
    [(Full(), on_gpus()), (Lora(), on_gpus()), (Ia3(), zero(3)), (Qlora(), zero(2)), (Qlora(), {"WORLD_SIZE": "2"})],
)
def test_what_can_be_spread_is_not(options: Common, environment: dict[str, str]) -> None:
    spread.check(options, is_on_cpu=False, environment=environment)


def test_a_state_in_parts_says_in_how_many_processes_they_lie() -> None:
    assert spread.described("lora", on_gpus()) == "lora over 2 processes with FSDP"
    assert spread.described("full", zero(3)) == "full over 4 processes with DeepSpeed"
    assert spread.described("lora", {"WORLD_SIZE": "2"}) == "lora", "each of them holds the whole"


def test_what_deepspeed_lays_beside_its_states_is_not_published(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "global_step3").mkdir(parents=True)
    for name in ("model.safetensors", "config.json", "modeling_own.py", "zero_to_fp32.py", "trainer_state.json"):
        (state / name).write_text("{}")
    saved.publish(state, tmp_path / "published", "model")
    published = {each.name for each in (tmp_path / "published").iterdir()}
    assert published == {"model.safetensors", "config.json", "modeling_own.py"}
