"""Where a run takes place: what is needed to repeat it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from dataclasses import replace
from pathlib import Path

from harness.machine import gpus
from harness.values import Environment

RECORDED = (
    "finetune-harness", "torch", "transformers", "tokenizers", "peft", "trl", "accelerate", "datasets", "bitsandbytes",
    "lm-eval", "rouge-score", "numpy", "scipy", "safetensors", "gguf",
)  # fmt: skip
"""The distributions whose versions can change a number."""


def describe(folder: Path) -> Environment:
    """Describe this machine and its packages; the git revision is that of ``folder``, where the suite lies."""
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        processor=processor(),
        cores=cores(),
        device="",
        packages={name: version for name in RECORDED if (version := _version(name))},
        git_revision=_revision(folder),
    )


def on(found: Environment, device: str) -> Environment:
    """The environment of a model that was opened on a device: with the GPU's name, where it is one."""
    kind, _, number = device.partition(":")
    there = gpus() if kind == "cuda" else ()
    place = int(number or 0)
    return replace(found, device=device, gpu=there[place].name if place < len(there) else "")


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The processor as its maker calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def _revision(folder: Path) -> str | None:
    """The commit, with ``+`` behind it when the work tree differs from it."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()  # noqa: S603 - fixed program
