"""What a token of a training asks of a device: operations, bytes and launches, from a model's shape."""

from __future__ import annotations

from dataclasses import dataclass

from harness.advice.memory.memory import Method
from harness.advice.model.shape import ModelShape

RANK = 16
"""Of the adapter that is reckoned with where nobody says another; the trainers' default."""

_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
_FOUR_BITS = 0.53
"""Bytes of a weight in four bits, its share of the scales included: 4.25 bits with double quantisation."""
_OPTIMIZER = 28.0
"""Bytes of a trained weight a step: AdamW reads it, its gradient and two moments, and writes all but the gradient."""
_OF_A_LAYER = {"full": 90, "ia3": 140, "prompt_tuning": 90, "prefix_tuning": 90}
_OF_AN_ADAPTED_LAYER = 200
"""Launches of a layer, forward and backward: our count of what a Llama layer does, with LoRA beside each linear."""


@dataclass(frozen=True, slots=True)
class Work:
    """Of one pass, forward and, in training, backward."""

    operations: float
    """Of a token."""
    traffic: float
    """Bytes between memory and processors, whatever the tokens."""
    launches: int
    """Of kernels, whatever the tokens."""


def training(
    shape: ModelShape, method: Method, *, dtype: str, checkpointing: bool, length: float = 0.0, r: int = RANK
) -> Work:
    """A pass of training.

    A weight takes 2 operations forward, 2 for the gradient of its input and, where it is trained, 2 for its own (Kaplan
    and others 2020: 6 in all); frozen weights take 4. Checkpointing computes the forward pass twice. Attention over
    ``length`` tokens takes 4 x layers x width x length forward and twice that backward (Chowdhery and others 2022,
    PaLM, appendix B); 0 leaves it out, as it is small where rows are short.
    """
    forward = 2 * multiplied(shape) + _attention(shape, length)
    own = 2 * multiplied(shape) if method == "full" else 0.0
    beside = adapter(shape, r) if method in {"lora", "qlora"} else 0
    again = 1 if checkpointing else 0
    return Work(
        operations=forward * (1 + again) + own + 2 * (forward - multiplied(shape)) + 6 * beside,
        traffic=_traffic(shape, method, dtype, passes=2 + again),
        launches=round(shape.layers * _OF_A_LAYER.get(method, _OF_AN_ADAPTED_LAYER) * (3 + again) / 3),
    )


def answering(shape: ModelShape, *, dtype: str, length: float = 0.0) -> Work:
    """A forward pass alone: of validation rows, or of one more token for each text that is being written."""
    return Work(
        operations=2 * multiplied(shape) + _attention(shape, length),
        traffic=weights(shape, dtype),
        launches=round(shape.layers * _OF_A_LAYER["full"] / 3),
    )


def multiplied(shape: ModelShape) -> float:
    """Weights that a token is multiplied with: those that it goes through, less an embedding that is only looked up."""
    return shape.active_parameters - (0 if shape.is_tied else shape.vocabulary * shape.hidden)


def adapter(shape: ModelShape, r: int) -> float:
    """Weights of a LoRA adapter of this rank on all linear layers that a token goes through."""
    return sum(r * (each.inputs + each.outputs) * each.count * each.active for each in shape.linears)


def weights(shape: ModelShape, dtype: str, *, is_quantised: bool = False) -> float:
    """Bytes of the weights."""
    return shape.parameters * (_FOUR_BITS if is_quantised else _BYTES.get(dtype, 4.0))


def _attention(shape: ModelShape, length: float) -> float:
    return 4 * shape.layers * shape.heads * shape.head_dim * length


def _traffic(shape: ModelShape, method: Method, dtype: str, *, passes: int) -> float:
    if method == "full":
        # what is trained is held in float32, read once more for its gradient and then by the optimizer
        return shape.parameters * (_BYTES["float32"] * (passes + 1) + _OPTIMIZER)
    return weights(shape, dtype, is_quantised=method == "qlora") * passes
