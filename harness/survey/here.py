"""The device at hand, as advice reckons with it."""

from __future__ import annotations

from dataclasses import replace

from harness.advice import devices
from harness.advice.devices import Device
from harness.execution import environment
from harness.machine import cores, free_memory, gpu_of

_BANDWIDTH = 20e9
"""Bytes a second of two channels of memory: what a server's core or two get of it."""
_OPERATIONS = 32
"""A core's float32 operations in a cycle: two units of eight numbers, each a multiplication with an addition."""
_CLOCK = 2.5e9


def at_hand(device: str = "auto") -> Device:
    """The GPU or CPU that a model with this ``device`` is put on, with the memory that is free there.

    A GPU that no table knows has its memory from the driver, and the speed of the slowest one that is as large.
    """
    found = gpu_of(device)
    if found is None:
        return _cpu()
    known = devices.named(found.name) or _alike(found.total)
    return replace(known, name=found.name, memory=found.free)


def _alike(memory: int) -> Device:
    """The slowest GPU of the table that has this much memory, or the largest."""
    large = [each for each in devices.known() if each.memory >= memory]
    return min(large, key=lambda each: each.flops) if large else devices.known()[-1]


def _cpu() -> Device:
    count = cores()
    return Device(
        name=f"{environment.processor()}, {count} cores",
        kind="cpu",
        memory=free_memory(),
        bandwidth=_BANDWIDTH,
        flops=count * _CLOCK * _OPERATIONS,
        source="cores at a usual clock",
    )
