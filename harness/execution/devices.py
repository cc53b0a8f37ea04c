"""What of the machine a training's process is shown."""

from __future__ import annotations

import os
from pathlib import Path

from harness.machine import lean_heap


def seen_by(device: str, *, alone: bool = True) -> dict[str, str]:
    """The variables for the process of a training on this device, which is ``alone`` or one of several."""
    shown = one_gpu(device) if alone else {}
    return shown | lean_heap() if _is_on_cpu(device) else shown


def one_gpu(device: str) -> dict[str, str]:
    """Shows a process that trains alone the one GPU that it is to have: it would refuse to choose among several."""
    kind, _, number = device.partition(":")
    if kind not in {"auto", "cuda"}:
        return {}
    visible, place = os.environ.get("CUDA_VISIBLE_DEVICES"), int(number or 0)
    if visible is None:
        return {"CUDA_VISIBLE_DEVICES": str(place)}
    names = visible.split(",")
    return {"CUDA_VISIBLE_DEVICES": names[place]} if place < len(names) else {}


def gpus() -> int:
    """How many NVIDIA GPUs a training would find, at least 1."""
    return max(1, _visible_gpus())


def _is_on_cpu(device: str) -> bool:
    return device == "cpu" or (device == "auto" and not _visible_gpus())


def _visible_gpus() -> int:
    """How many NVIDIA GPUs there are for us; asked without loading what drives them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
    return there if visible is None else min(there, len([each for each in visible.split(",") if each.strip()]))
