"""Whether FSDP or DeepSpeed spreads a training over its processes, and which trainings cannot be spread.

``accelerate launch`` says it in the environment, so nothing need be loaded to know.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from harness import UsageError
from harness_trainers.options import Common

_ZERO_OF_WEIGHTS = "3"
"""The stage from which ZeRO spreads the weights themselves."""
_PLAIN = "launch with num_processes alone, which copies the model to each process"


def library(environment: Mapping[str, str] = os.environ) -> str:
    """``FSDP``, ``DeepSpeed``, or nothing where each process holds the whole training."""
    for name in ("FSDP", "DeepSpeed"):
        if environment.get(f"ACCELERATE_USE_{name.upper()}", "").lower() == "true":
            return name
    return ""


def described(method: str, environment: Mapping[str, str] = os.environ) -> str:
    """A method as its saved states name it: what is in parts can only be gone on with by as many processes."""
    name = library(environment)
    return f"{method} over {environment.get('WORLD_SIZE', '1')} processes with {name}" if name else method


def check(options: Common, *, is_on_cpu: bool, environment: Mapping[str, str] = os.environ) -> None:
    """``UsageError`` where the launcher's file asks for what would not happen, or not give this method's checkpoint."""
    name = library(environment)
    if name == "FSDP":
        if is_on_cpu:
            # accelerate would copy the whole model to each process, and say nothing
            raise UsageError("launch: accelerate spreads by FSDP on GPUs only, and this trains on a CPU", remedy=_PLAIN)
        if environment.get("FSDP_VERSION", "1") != "2":
            remedy = "write fsdp_version: 2; 'accelerate to-fsdp2' rewrites the file"
            raise UsageError("launch: FSDP of version 1 is not supported", remedy=remedy)
    spreads_weights = name == "FSDP" or environment.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == _ZERO_OF_WEIGHTS
    if name and spreads_weights:
        _check_method(options, name)


def _check_method(options: Common, name: str) -> None:
    why = ""
    if options.quantization("float32") is not None:
        why = "weights in four bits cannot be split"
    elif options.learns_a_prompt:
        why = "its virtual tokens are saved by computing with them"
    if why:
        raise UsageError(f"launch: {options.name} cannot be spread by {name}: {why}", remedy=f"{_PLAIN}, or train lora")
