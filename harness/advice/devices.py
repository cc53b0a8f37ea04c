"""The accelerators that teams train on: memory, speed and what they are called, as their makers state it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_GIB = 1 << 30
_OTHER = {"laptop", "mobile", "mig", "max", "vgpu", "grid"}
"""Words that make a name that of another device, with less memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One accelerator, or the CPU at hand."""

    name: str
    """``NVIDIA H100 80GB``."""
    kind: str
    """``cuda`` or ``cpu``."""
    memory: int
    """Bytes; of a device at hand those that are free."""
    bandwidth: float
    """Bytes a second between its memory and its processors."""
    flops: float
    """Dense operations a second in bfloat16, or in float32 where it has no such type."""
    source: str = ""
    """Whose figures these are, with the year."""


_ROWS = (
    ("NVIDIA Tesla T4 16GB", "t4", 14.5, 320, 8.1, "NVIDIA, T4 data sheet, 2019, in float32"),
    ("NVIDIA Tesla V100 16GB", "v100", 15.7, 900, 15.7, "NVIDIA, V100 data sheet (SXM2), 2020, in float32"),
    ("NVIDIA Tesla V100 32GB", "v100 32gb", 31.7, 900, 15.7, "NVIDIA, V100 data sheet (SXM2), 2020, in float32"),
    ("NVIDIA A10G 24GB", "a10g", 22.0, 600, 70, "NVIDIA, A10G data sheet, 2021"),
    ("NVIDIA L4 24GB", "l4", 22.0, 300, 121, "NVIDIA, L4 data sheet, 2023, half of what it states with sparsity"),
    ("NVIDIA GeForce RTX 3090 24GB", "3090", 23.5, 936, 71, "NVIDIA, GA102 white paper, 2020"),
    ("NVIDIA GeForce RTX 4090 24GB", "4090", 23.5, 1008, 165.2, "NVIDIA, Ada white paper, 2022"),
    ("NVIDIA GeForce RTX 5090 32GB", "5090", 31.3, 1792, 209.5, "NVIDIA, RTX Blackwell white paper, 2025"),
    ("NVIDIA A100 40GB", "a100", 39.3, 1555, 312, "NVIDIA, A100 data sheet, 2020"),
    ("NVIDIA L40S 48GB", "l40s", 44.3, 864, 362, "NVIDIA, L40S data sheet, 2023"),
    ("NVIDIA RTX A6000 48GB", "a6000", 47.4, 768, 154.8, "NVIDIA, GA102 white paper, 2020"),
    ("NVIDIA A100 80GB", "a100 80gb", 79.1, 1935, 312, "NVIDIA, A100 data sheet (PCIe), 2021"),
    ("NVIDIA H100 PCIe 80GB", "h100 pcie", 79.1, 2000, 756, "NVIDIA, H100 data sheet (PCIe), 2023"),
    ("NVIDIA H100 80GB", "h100", 79.1, 3350, 989, "NVIDIA, H100 data sheet (SXM), 2023"),
    ("NVIDIA H200 141GB", "h200", 139.7, 4800, 989, "NVIDIA, H200 data sheet (SXM), 2023"),
    ("NVIDIA B200 180GB", "b200", 178.3, 8000, 2250, "NVIDIA, Blackwell architecture brief, 2024"),
    ("AMD Instinct MI300X 192GB", "mi300x", 191.9, 5300, 1307.4, "AMD, MI300X data sheet, 2023"),
)
"""Name; the words that mean it; GiB, GB a second and TFLOPS, without sparsity.

GiB are what torch reports as the total, which is less than the name says: a part is the driver's, and error correction
takes some on GPUs with GDDR. Where drivers differ it is the least that was seen. AMD's run torch as ``cuda`` too.
"""

_TABLE = tuple(
    sorted(
        (
            (
                frozenset(words.split()),
                Device(
                    name=name,
                    kind="cuda",
                    memory=int(gibibytes * _GIB),
                    bandwidth=gigabytes * 1e9,
                    flops=teraflops * 1e12,
                    source=source,
                ),
            )
            for name, words, gibibytes, gigabytes, teraflops, source in _ROWS
        ),
        key=lambda row: (row[1].memory, row[1].flops),
    )
)


def known() -> tuple[Device, ...]:
    """The GPUs of the table, by memory and then by speed."""
    return tuple(device for _, device in _TABLE)


def named(name: str) -> Device | None:
    """The GPU of the table that a driver's or a person's word means: ``H100``, ``NVIDIA A100-SXM4-80GB``.

    A word that leaves the memory open means the smaller: ``A100`` is the one with 40 GB. ``None`` for a GPU that is not
    in the table, which a laptop's is not, nor a slice of a larger one.
    """
    words = _words(name)
    if words & _OTHER:
        return None
    fits = [(len(needed), device) for needed, device in _TABLE if needed <= words]
    # the most exact wins; of two that are as exact the first, which is the smaller
    return max(fits, key=lambda row: row[0])[1] if fits else None


def _words(name: str) -> set[str]:
    """Words in small letters; ``80 GB``, ``80G`` and ``80GiB`` are one."""
    joined = re.sub(r"(?<![a-z0-9])(\d+)\s*gi?b?\b", r"\1gb", name.lower())
    joined = re.sub(r"\b(rtx|gtx|geforce|a|h|b|l|t|v|mi)[\s-]+(\d+[a-z]?)\b", r"\1 \2 \1\2", joined)
    return set(re.findall(r"[a-z0-9]+", re.sub(r"rtx(?=\d)", "rtx ", joined)))
