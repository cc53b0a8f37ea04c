"""How much of a device's stated figures a training gets, as far as that is known."""

from __future__ import annotations

from dataclasses import dataclass

from harness.advice.devices import Device
from harness.advice.time.operations import Work


@dataclass(frozen=True, slots=True)
class Reach:
    """A guess at what software gets of a device."""

    compute: float
    """Share of the operations a second."""
    memory: float
    """Share of the bytes a second."""
    launch: float
    """Seconds of a kernel's launch."""


# PaLM reached 46 % of what its processors can, GPT-3 21 % (Chowdhery and others 2022, table 3), Llama 3 38 to 43 %
# (Grattafiori and others 2024, table 4): large models, large batches. Below that our choice, for rows of a few hundred
# tokens on one GPU; so are the shares of the bandwidth and the launches, which are what eager PyTorch takes, about.
_GPU = (Reach(0.15, 0.5, 12e-6), Reach(0.30, 0.7, 7e-6), Reach(0.50, 0.9, 4e-6))

# measured here: SmolLM2-135M in float32 on one core of an EPYC of 2022, beside other work, got 0.48 to 0.69 of 32
# operations a cycle at 2.5 GHz with all weights trained and 0.31 to 0.41 with LoRA, at 2 x 128 to 4 x 512 tokens; the
# trainers leave out what has no label and what rows have in common, hence the top
_CPU = (Reach(0.20, 0.5, 0.0), Reach(0.40, 0.7, 0.0), Reach(0.90, 0.9, 0.0))


def of(device: Device) -> tuple[Reach, Reach, Reach]:
    """The least, the likely and the most."""
    return _CPU if device.kind == "cpu" else _GPU


def tokens_a_second(work: Work, device: Device, reach: Reach, tokens: float, slower: float = 1.0) -> float:
    """Of passes of so many tokens, each as long as the slowest of operations, bytes and launches.

    ``slower`` is for operations that need more time than their number says.
    """
    return tokens / max(_seconds(work, device, reach, tokens, slower).values())


def basis(work: Work, device: Device, tokens: float, slower: float = 1.0) -> str:
    """What such a rate rests on, in words."""
    low, likely, high = of(device)
    seconds = _seconds(work, device, likely, tokens, slower)
    reckoned = (
        f"{_short(work.operations)} operations a token at {low.compute:.0%} to {high.compute:.0%} of "
        f"{_short(device.flops)} a second on {device.name}, {tokens:,.0f} tokens at a time; "
        f"bound by {max(seconds, key=seconds.__getitem__)}"
    )
    if device.kind == "cpu":
        return f"{reckoned}; what a processor can is itself a guess from its cores and clock"
    return f"{reckoned}; pretrainings of large models reach 21 to 46 % (PaLM, table 3), small batches less"


def _seconds(work: Work, device: Device, reach: Reach, tokens: float, slower: float) -> dict[str, float]:
    """Of a pass, by what might hold it up."""
    return {
        "its operations": slower * work.operations * tokens / (reach.compute * device.flops),
        "its memory's bandwidth": work.traffic / (reach.memory * device.bandwidth),
        "the launching of kernels": work.launches * reach.launch,
    }


def _short(number: float) -> str:
    """``989T``: three figures and their size."""
    for size, word in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if number >= size:
            return f"{number / size:.3g}{word}"
    return f"{number:.3g}"
