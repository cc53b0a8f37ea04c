"""The model, rows and device of a training as its memory is estimated from them. Torch is imported here."""

from __future__ import annotations

import heapq
import os
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from peft import get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from harness import TrainJob, free_memory, own_memory
from harness_trainers import rows
from harness_trainers.opening import Precision, on_cpu, precision
from harness_trainers.options import Common
from harness_trainers.rehearsal import FourBit, Setup, Shape, four_bit, rehearse
from harness_trainers.tokens import IGNORED, Reader

_BLOCK, _BLOCKS = 64, 256
"""Numbers that share a scale in four bits, and scales that share one of their own: bitsandbytes' defaults."""
_MOMENTS = 2
_HOPPER = 9
"""The first generation of GPUs, by compute capability, for which torch gives cuBLAS the larger workspace."""
_WORKSPACES = 2
"""One for each thread that multiplies: the one that goes forward, and autograd's own."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step is taken, and in which types."""

    device: str
    """``cpu`` or ``cuda``."""
    precision: Precision
    overhead: int
    """Bytes that are held there whatever is trained."""


class Parts(NamedTuple):
    """Bytes of a step by what holds them."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    overhead: int
    heap: int


def here(options: Common, job: TrainJob) -> Place:
    """The device that the job is trained on."""
    device = device_of(job)
    return Place(device, precision(options, job.model), overhead(device))


def elsewhere(options: Common, job: TrainJob, *, generation: int = _HOPPER) -> Place:
    """A GPU that need not be here, of a generation that computes in bfloat16: Ampere, 8, or a later one."""
    narrow = replace(options, precision="bfloat16") if options.precision == "auto" else options
    return Place("cuda", precision(narrow, replace(job.model, device="cpu")), workspaces(generation))


def measure(options: Common, job: TrainJob, shape: Shape, place: Place | None = None) -> Parts:
    """What a step of this shape takes; raises whatever the model's code does on tensors without numbers."""
    place = place or here(options, job)
    device, chosen = place.device, place.precision
    setup = Setup(
        device,
        None if chosen.autocast == "no" else getattr(torch, chosen.autocast),
        checkpoints(options, device),
        options.gradient_accumulation_steps > 1,
        is_lean=device == "cpu" and _told("WORLD_SIZE", 1) == 1 and not (options.packing or options.learns_a_prompt),
    )
    model, peak = rehearse(lambda: _model(options, job, chosen), shape, setup)
    trained = [each for each in model.parameters() if each.requires_grad]
    return Parts(
        _weights(model, double=getattr(options, "bnb_4bit_use_double_quant", False)),
        peak.gradients,
        _MOMENTS * sum(each.numel() * each.element_size() for each in trained),
        peak.activations,
        place.overhead,
        peak.heap,
    )


def parameters(job: TrainJob) -> int:
    """How many numbers the job's model has."""
    with torch.device("meta"):
        model = _of_config(job, torch.float32)
    return sum(each.numel() for each in model.parameters())


def device_of(job: TrainJob) -> str:
    """``cuda`` or ``cpu``."""
    return "cpu" if on_cpu(job.model) else "cuda"


def checkpoints(options: Common, device: str) -> bool:
    """Whether activations are computed twice."""
    said = options.gradient_checkpointing
    return device == "cuda" and options.name != "prefix_tuning" if said is None else said


def free_bytes(device: str) -> int:
    """What can still be taken: of the GPU with what torch holds there unused, or of the machine and its container."""
    if device == "cuda":
        # the first call makes the context, which must not count as free
        own = _told("LOCAL_RANK", 0)
        free, _ = torch.cuda.mem_get_info(own)
        return int(free) + torch.cuda.memory_reserved(own) - torch.cuda.memory_allocated(own)
    # processes that train together on one machine share what it has
    return free_memory() // _told("LOCAL_WORLD_SIZE", 1)


def _told(name: str, otherwise: int) -> int:
    """What the launcher says of this process among those that train together."""
    return int(os.environ.get(name, otherwise))


def overhead(device: str) -> int:
    """What is held beside the training: this process on a CPU; on a GPU cuBLAS's workspaces, which torch allocates."""
    return own_memory() if device == "cpu" else workspaces(torch.cuda.get_device_capability()[0])


def workspaces(generation: int) -> int:
    """What torch allocates for cuBLAS: a workspace for each thread that uses it (aten/src/ATen/cuda/CublasHandlePool).

    32 MiB on a Hopper and later, else two blocks of 4 MiB and eight of 16 KiB.
    """
    return _WORKSPACES * (32 << 20 if generation >= _HOPPER else 2 * (4 << 20) + 8 * (16 << 10))


def longest_rows(options: Common, job: TrainJob, read: int) -> tuple[int, int]:
    """Tokens of the longest row, and labelled columns of the batch of the longest rows.

    The ``read`` rows with the most characters are tokenised.
    """
    reader = Reader.of(options, job.model)
    found = heapq.nlargest(read, rows.read(job.train, options.trains_on), key=_characters)
    tokens = sorted((reader.read(row) for row in found), key=len, reverse=True)
    batch = [each.labels[: options.max_length] for each in tokens[: options.per_device_train_batch_size]]
    columns = {place for labels in batch for place, label in enumerate(labels) if place and label != IGNORED}
    return len(tokens[0]), max(1, len(columns))


def _characters(row: rows.Row) -> int:
    return len(row.text) + sum(len(str(message["content"])) for message in row.messages)


def _model(options: Common, job: TrainJob, chosen: Precision) -> Any:  # noqa: ANN401 - of the model's own class
    """The model as it is trained, made of its configuration."""
    model = _of_config(job, getattr(torch, chosen.weights))
    model.name_or_path = job.model.name
    quantization = options.quantization(chosen.computes)
    if quantization is not None:
        four_bit(model, quantization.bnb_4bit_compute_dtype)
    options.freeze(model)
    adapter = options.adapter(model)
    if adapter is None:
        return model
    adapted: Any = get_peft_model(model, adapter)
    _widen(adapted)
    return adapted


def _widen(model: Any) -> None:  # noqa: ANN401 - a PeftModel
    """Adapters are trained in float32, whatever the type of the model."""
    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if weight.requires_grad and weight.dtype != torch.float32:
                setattr(module, name, torch.nn.Parameter(weight.detach().float()))


def _of_config(job: TrainJob, dtype: torch.dtype) -> Any:  # noqa: ANN401 - of the model's own class
    trust = job.model.trust_remote_code
    config = AutoConfig.from_pretrained(job.model.name, trust_remote_code=trust)
    auto: Any = AutoModelForCausalLM
    return auto.from_config(config, dtype=dtype, trust_remote_code=trust)


def _weights(model: Any, *, double: bool) -> int:  # noqa: ANN401 - a model of whatever class
    packed = {id(module.weight) for module in model.modules() if isinstance(module, FourBit)}
    return sum(
        _packed(each.numel(), double=double) if id(each) in packed else each.numel() * each.element_size()
        for each in [*model.parameters(), *model.buffers()]
    )


def _packed(count: int, *, double: bool) -> int:
    """Bytes of so many numbers in four bits, with their scales and the two tables of what a code means."""
    scales = -(-count // _BLOCK)
    of_scales = scales + 4 * -(-scales // _BLOCKS) + 4 * 256 if double else 4 * scales
    return -(-count // 2) + of_scales + 4 * 16
