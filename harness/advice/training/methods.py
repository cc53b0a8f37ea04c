"""Which method trains: full, lora or qlora, by rows, size and memory; said once, for the advice and ``auto``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Supervised = Literal["full", "lora", "qlora"]

FULL_FROM_ROWS = 10_000
"""Our choice. Where rows are many, full fine-tuning learns more than LoRA, and forgets more (Biderman and others 2024,
"LoRA Learns Less and Forgets Less", arXiv:2405.09673); where they are few, there is nothing to gain by it."""
FULL_UP_TO_PARAMETERS = 1_500_000_000
"""Our choice: what a larger model gains by it seldom pays for a copy of all its weights."""
ROOM = 0.8
"""Our choice: full fine-tuning may take this share of the free memory."""
ADAPTER_ROOM = 0.9
"""Our choice: adapters may take this share. An estimate is no measurement, and what is cut off for want of memory has
cost its time."""


@dataclass(frozen=True, slots=True)
class MethodMeans:
    """What a method is chosen by."""

    rows: int
    parameters: int
    free: int
    """Bytes of memory."""
    needs: Mapping[str, int]
    """Bytes of a step by method; one that is not in it cannot be had here."""


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """What was chosen, and the reasons as clauses of a sentence."""

    method: Supervised
    reasons: tuple[str, ...]


def method_for(means: MethodMeans) -> MethodChoice:
    """The first of these that holds; the same means give the same choice.

    =======  =======================================================================================
    full     at least ``FULL_FROM_ROWS`` rows, at most ``FULL_UP_TO_PARAMETERS``, and it takes ``ROOM`` or less
    lora     it takes ``ADAPTER_ROOM`` or less
    qlora    it can be had here, and lora has no room
    lora     nothing fits, and four bits cannot be had here
    =======  =======================================================================================

    ``lora`` too where nothing could be estimated.
    """
    if "lora" not in means.needs:
        return MethodChoice("lora", ("what this model takes of the memory cannot be estimated",))
    against = against_full(means)
    method: Supervised
    if against is None:
        method, reasons = "full", [f"{means.rows:,} rows are many and the model is small"]
    elif fits(means, "lora"):
        method, reasons = "lora", [against]
    elif "qlora" in means.needs:
        method, reasons = "qlora", [f"lora would take {gigabytes(means.needs['lora'])} GB"]
    else:
        method, reasons = "lora", [against, "qlora needs bitsandbytes, which is not installed"]
    reasons.append(f"about {gigabytes(means.needs[method])} GB of {gigabytes(means.free)} GB free")
    if method != "full" and "full" in means.needs:
        reasons.append(f"full would take {gigabytes(means.needs['full'])} GB")
    return MethodChoice(method, tuple(reasons))


def against_full(means: MethodMeans) -> str | None:
    """Why not all weights; ``None`` where they may be trained."""
    if means.rows < FULL_FROM_ROWS:
        return f"{means.rows:,} {'row is' if means.rows == 1 else 'rows are'} few for full fine-tuning"
    if means.parameters > FULL_UP_TO_PARAMETERS:
        return f"{means.parameters / 1e9:.1f} billion parameters are many for full fine-tuning"
    return None if fits(means, "full") else "full fine-tuning has no room"


def fits(means: MethodMeans, method: str) -> bool:
    """Whether a step of the method leaves some of the free memory; not where it cannot be had."""
    room = ROOM if method == "full" else ADAPTER_ROOM
    return method in means.needs and means.needs[method] <= room * means.free


def gigabytes(size: float) -> str:
    """As a person reads it, 10**9 bytes each: ``0.02``, ``1.9``, ``23``."""
    value = size / 1e9
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.095 else f"{value:.2f}"
