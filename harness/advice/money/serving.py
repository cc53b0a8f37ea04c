"""How fast a model answers on a GPU when many ask at a time, by what the GPU's maker states."""

from __future__ import annotations

from harness.advice.devices import Device
from harness.advice.memory.memory import kv_cache
from harness.advice.model.shape import ModelShape
from harness.advice.money.offers import Serving

AT_ONCE = 64
"""Answers that are written side by side, where their keys and values fit; our choice."""
_OF_BANDWIDTH = 0.5
"""Our choice: servers reach a half to three quarters of the stated bandwidth while they write."""
_OF_FLOPS = 0.35
"""Our choice: and of the stated operations about as much as a training does while they read."""
_FOR_WEIGHTS_AND_CACHE = 0.9
_WIDTH = 2


def serving(shape: ModelShape, device: Device, *, prompt: float, answer: float) -> Serving | None:
    """The rates at which ``shape`` in bfloat16 reads prompts and writes answers; ``None`` where it does not fit.

    Reading is bound by operations, two a parameter and token. Writing is bound by the bandwidth: each step reads the
    weights once for all answers at work and every answer's keys and values once for itself (Pope and others 2022,
    'Efficiently Scaling Transformer Inference', arXiv:2211.05102, section 2).
    """
    weights = _WIDTH * shape.parameters
    each = kv_cache(shape, batch=1, length=round(prompt + answer), dtype="bfloat16")
    room = _FOR_WEIGHTS_AND_CACHE * device.memory - weights
    if room < each:
        return None
    at_once = int(min(AT_ONCE, room // max(each, 1)))
    step = (weights + at_once * each) / (_OF_BANDWIDTH * device.bandwidth)
    return Serving(
        prompt_tokens=_OF_FLOPS * device.flops / (2 * shape.active_parameters),
        answer_tokens=at_once / step,
        caches=True,
        basis=f"reckoned from the bandwidth and operations of one {device.name}, {at_once} answers at a time",
    )
