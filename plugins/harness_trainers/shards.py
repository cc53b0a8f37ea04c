"""Weights that FSDP or DeepSpeed spreads over processes: made whole for a checkpoint, kept in parts to be gone on with.

What the libraries save is no checkpoint: where FSDP keeps its state in shards, as ``accelerate config`` proposes, they
write none of the weights, and where it does not they hang with tied embeddings; ZeRO of stage 3 writes none unless its
file asks for it. So weights are gathered here. Under FSDP each process keeps a file of the parts that it holds, which
is read back with ``weights_only``; DeepSpeed's engine saves and reads its own.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from torch.distributed.tensor import DTensor
from torch.utils._pytree import tree_map_only

from harness_trainers.opening import trained

Weights = dict[str, torch.Tensor]


def gather(model: Any, *, only_trained: bool) -> Weights:  # noqa: ANN401 - a model of whatever class
    """The weights by name, each whole and on the CPU, in the first process, and nothing in the others.

    Every process must call it, for each gives its parts. Weights that are tied stay one tensor.
    """
    is_first = torch.distributed.get_rank() == 0
    made: dict[int, torch.Tensor] = {}
    found: Weights = {}
    for name, weight in model.state_dict(keep_vars=True).items():
        if only_trained and not weight.requires_grad:
            continue
        if id(weight) not in made:
            whole = _whole(weight)
            made[id(weight)] = whole.cpu() if is_first else torch.empty(0)
        found[name] = made[id(weight)]
    return found if is_first else {}


def save_part(path: Path, model: Any, optimizer: Any) -> None:  # noqa: ANN401 - of whatever classes
    """Write what this process holds of the trained weights and of the optimizer's state."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = {"weights": dict(trained(model)), "optimizer": optimizer.state_dict()}
    torch.save(tree_map_only(torch.Tensor, lambda each: _local(each).detach().cpu(), part), path)


def load_weights(path: Path, model: Any) -> None:  # noqa: ANN401 - a model of whatever class
    """Put the trained weights of ``save_part`` back into this process's parts."""
    stored = torch.load(path, map_location="cpu", weights_only=True)["weights"]
    with torch.no_grad():
        for name, weight in trained(model):
            _local(weight).copy_(stored[name])


def load_optimizer(path: Path, optimizer: Any) -> None:  # noqa: ANN401 - of whatever class
    """Put the optimizer's state of ``save_part`` back into this process's parts."""
    state = torch.load(path, map_location="cpu", weights_only=True)["optimizer"]
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for place, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor) and value.dim() > 0:
                values[name] = _part_of(weights[place], value)
    optimizer.load_state_dict(state)


def _whole(weight: torch.Tensor) -> torch.Tensor:
    if isinstance(weight, DTensor):
        whole: torch.Tensor = weight.full_tensor()
        return whole.detach()
    if not hasattr(weight, "ds_id"):  # by which ZeRO knows what it has split
        return weight.detach()
    with importlib.import_module("deepspeed").zero.GatheredParameters([weight]):
        return weight.detach().clone()


def _local(weight: torch.Tensor) -> torch.Tensor:
    return weight.to_local() if isinstance(weight, DTensor) else weight


def _part_of(weight: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """``value`` as this process's part of what belongs to ``weight``."""
    if not isinstance(weight, DTensor):
        return value
    place = value.to(weight.device)
    return DTensor.from_local(place, weight.device_mesh, weight.placements, shape=weight.shape, stride=weight.stride())
