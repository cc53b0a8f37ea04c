"""Where a run takes place: what is needed to repeat it."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from dataclasses import replace
from pathlib import Path

from harness.machine import cores, gpu_of
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
    there = gpu_of(device)
    return replace(found, device=device, gpu=there.name if there else "")


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


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
