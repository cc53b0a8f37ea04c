"""The file that ``launch:`` names, as ``accelerate config`` writes it, looked at before anything loads."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError, did_you_mean
from harness.values import Launch

KINDS = ("NO", "MULTI_CPU", "MULTI_GPU", "FSDP", "DEEPSPEED")
"""What accelerate knows besides is for hardware that no trainer here asks for."""
_BY_ITSELF = "launch with num_processes alone copies the model to each process"


def read(launch: Launch, device: str) -> Launch:
    """The launch with the number of processes that its file says; ``UsageError`` for a file that would not launch.

    A file that is not there is left to whoever plans the training: a recorded suite is read without its files.
    """
    path = launch.config_file
    if path is None or not path.is_file():
        return launch
    content = _content(path)
    kind = _kind(content, path)
    processes = _processes(launch, content, path)
    # accelerate starts several on a CPU by MPI alone, and without it a single one, and says nothing
    if processes > 1 and (kind == "NO" or (kind == "MULTI_CPU" and not content.get("mpirun_config"))):
        remedy = "write MULTI_GPU, which is for CPUs too"
        raise _wrong(f"distributed_type {kind} starts one process, and {processes} are asked for", path, remedy)
    if kind == "FSDP":
        _check_fsdp(content, device, path)
    if kind == "DEEPSPEED" and importlib.util.find_spec("deepspeed") is None:
        raise _wrong(
            "distributed_type DEEPSPEED needs DeepSpeed, which is not installed", path, "pip install deepspeed"
        )
    return replace(launch, num_processes=processes)


def _content(path: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise UsageError(f"not valid YAML: {error.problem}", path=path, line=line) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _wrong(f"not valid YAML: {(str(error).splitlines() or [type(error).__name__])[0]}", path) from None
    except OSError as error:
        raise _wrong(f"cannot be read: {error.strerror}", path) from None
    if not isinstance(found, dict):
        raise _wrong("holds no keys", path, "write it with 'accelerate config --config_file FILE'")
    return found


def _kind(content: Mapping[str, Any], path: Path) -> str:
    # YAML reads a bare NO as false
    said = content.get("distributed_type")
    kind = "NO" if said is False else said
    if kind is None:
        raise _wrong("says no distributed_type", path, "write it with 'accelerate config --config_file FILE'")
    if kind not in KINDS:
        raise _wrong(f"unknown distributed_type {kind!r}", path, did_you_mean(str(kind), KINDS))
    return str(kind)


def _processes(launch: Launch, content: Mapping[str, Any], path: Path) -> int:
    said = content.get("num_processes")
    if said is None and content.get("distributed_type") is False:
        said = 1
    if said is not None and (isinstance(said, bool) or not isinstance(said, int) or said < 1):
        raise _wrong(f"num_processes must be a whole number above 0, not {said!r}", path)
    asked = launch.num_processes
    if asked and said and asked != said:
        raise _wrong(f"num_processes is {said}, and the suite's launch says {asked}", path, "leave one of them out")
    found = asked or said
    if found is None:
        raise _wrong("says no num_processes", path, "add it there, or to the suite's launch")
    return int(found)


def _check_fsdp(content: Mapping[str, Any], device: str, path: Path) -> None:
    options = content.get("fsdp_config") or {}
    if not isinstance(options, dict):
        raise _wrong(f"fsdp_config must hold keys, not {options!r}", path)
    if device == "cpu" or content.get("use_cpu") is True:
        raise _wrong("accelerate spreads by FSDP on GPUs only, and this trains on a CPU", path, _BY_ITSELF)
    if str(options.get("fsdp_version", 2)) != "2":
        remedy = f"write fsdp_version: 2; 'accelerate to-fsdp2 --config_file {path.name} --overwrite' rewrites the file"
        raise _wrong("FSDP of version 1 is not supported", path, remedy)


def _wrong(problem: str, path: Path, remedy: str = "") -> UsageError:
    return UsageError(problem, path=path, remedy=remedy)
