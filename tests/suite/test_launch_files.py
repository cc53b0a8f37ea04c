"""A launch's file that would not launch, or not do what it says, is refused in a line while the suite is read."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.suite.launch import read
from harness.suite.load import load
from harness.testing.project import SUITE, Project
from harness.values import Launch

TRAINER = SUITE[SUITE.index("trainer:") : SUITE.index("tasks:")]
FSDP = "distributed_type: FSDP\nfsdp_config: {fsdp_version: 2}\n"


def reading(folder: Path, text: str, processes: int | None = None, device: str = "auto") -> Launch:
    (folder / "own.yaml").write_text(text)
    return read(Launch(processes, folder / "own.yaml"), device)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("distributed_type: [FSDP\n", r"own.yaml:\d: not valid YAML"),
        ("\0", "own.yaml: not valid YAML"),
        ("", "own.yaml: holds no keys; write it with 'accelerate config"),
        ("- FSDP\n", "holds no keys"),
        ("num_processes: 2\n", "says no distributed_type; write it with 'accelerate config"),
        ("distributed_type: FSPD\nnum_processes: 2\n", "unknown distributed_type 'FSPD'; did you mean 'FSDP'?"),
        ("distributed_type: XLA\nnum_processes: 2\n", "unknown distributed_type 'XLA'; known are DEEPSPEED, FSDP"),
        ("distributed_type: [FSDP]\nnum_processes: 2\n", r"unknown distributed_type \['FSDP'\]"),
        ("distributed_type: MULTI_GPU\n", "says no num_processes; add it there, or to the suite's launch"),
        (
            "distributed_type: MULTI_GPU\nnum_processes: two\n",
            "must be a whole number above 0, not 'two'",
        ),
        ("distributed_type: MULTI_GPU\nnum_processes: 0\n", "above 0, not 0"),
        ("distributed_type: 'NO'\nnum_processes: 2\n", "distributed_type NO starts one process, and 2 are asked for"),
        (
            "distributed_type: MULTI_CPU\nnum_processes: 2\n",
            "MULTI_CPU starts one process, and 2 are asked for; write MUL",
        ),
        ("distributed_type: FSDP\nnum_processes: 2\nfsdp_config: 2\n", "fsdp_config must hold keys, not 2"),
        ("distributed_type: FSDP\nnum_processes: 2\nfsdp_config: {fsdp_version: 1}\n", "version 1 is not supported"),
        (f"{FSDP}num_processes: 2\nuse_cpu: true\n", "FSDP on GPUs only, and this trains on a CPU; launch with num_pr"),
    ],
)
def test_a_file_that_would_not_launch_is_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        reading(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_numbers_of_processes_that_contradict_one_another_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="num_processes is 4, and the suite's launch says 2; leave one of them out"):
        reading(tmp_path, f"{FSDP}num_processes: 4\n", processes=2)


def test_fsdp_beside_a_model_on_the_cpu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="FSDP on GPUs only, and this trains on a CPU"):
        reading(tmp_path, FSDP, processes=2, device="cpu")


def test_deepspeed_that_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "distributed_type: DEEPSPEED\nnum_processes: 2\n"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs DeepSpeed, which is not installed; pip install deepspeed"):
        reading(tmp_path, text)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert reading(tmp_path, text, device="cpu").num_processes == 2


@pytest.mark.parametrize(
    ("text", "processes", "found"),
    [
        (f"{FSDP}num_processes: 4\n", None, 4),
        (f"{FSDP}num_processes: 2\n", 2, 2),
        (FSDP, 3, 3),
        ("distributed_type: NO\n", None, 1),
        ("distributed_type: MULTI_CPU\nnum_processes: 2\nmpirun_config: {mpirun_ccl: '1'}\n", None, 2),
        ('{"distributed_type": "MULTI_GPU", "num_processes": 8}', None, 8),
    ],
)
def test_the_file_tells_how_many_processes_there_are(
    text: str, processes: int | None, found: int, tmp_path: Path
) -> None:
    assert reading(tmp_path, text, processes).num_processes == found


def test_a_suite_with_such_a_file_ends_with_status_2_before_anything_loads(project: Project) -> None:
    (project.folder / "own.yaml").write_text("distributed_type: FSPD\nnum_processes: 2\n")
    trainer = "trainer: {name: lora, launch: {config_file: own.yaml}}\n"
    path = project.write_suite(SUITE.replace(TRAINER, trainer))
    for command in ("check", "train", "run"):
        result = project.run(command, "suite.yaml")
        assert (result.exit_code, result.err.count("\n")) == (2, 1), result.err
        assert "own.yaml: unknown distributed_type 'FSPD'; did you mean 'FSDP'?" in result.err
    (project.folder / "own.yaml").unlink()
    assert load(path).training, "a recorded suite is read without its files"
