"""What a method trains beside the frozen model: which layers, and how many numbers."""

from __future__ import annotations

from collections.abc import Sequence

from harness.advice.model.families import FAMILIES
from harness.advice.model.shape import Linear, ModelShape
from harness.errors import UsageError

_ATTENTION = ("query", "out")
_LLAMA_SCALED = ("k_proj", "v_proj", "down_proj")


def adapted(shape: ModelShape, method: str, target_modules: str | Sequence[str]) -> tuple[Linear, ...]:
    """The linear layers that an adapter of this method stands beside; empty for one that has none.

    Raises ``UsageError`` for names that the model does not have, and where IA3's are not known.
    """
    if method in ("lora", "qlora"):
        return _beside(shape, target_modules)
    return _scaled(shape) if method == "ia3" else ()


def numbers(shape: ModelShape, method: str, beside: Sequence[Linear], *, r: int, virtual_tokens: int) -> int:
    """How many numbers the adapter has.

    LoRA: two matrices of rank ``r`` for each weight (Hu and others, 2021, arXiv:2106.09685, section 4.1); experts in
    one tensor have theirs each, and where gate and input share it, of twice the rank (PEFT 0.21). IA3: a factor for
    each output, or input of the last layer (Liu and others, 2022, arXiv:2205.05638). Prefix tuning: keys and values
    of every layer (Li and Liang, 2021). Prompt tuning: embeddings (Lester and others, 2021).
    """
    if method in ("lora", "qlora"):
        return sum(rank(each, r) * (each.inputs + each.outputs) * each.count for each in beside)
    if method == "ia3":
        return sum((each.inputs if each.part == "down" else each.outputs) * each.count for each in beside)
    if method == "prefix_tuning":
        return 2 * shape.layers * virtual_tokens * shape.kv_heads * shape.head_dim
    return virtual_tokens * shape.hidden if method == "prompt_tuning" else 0


def rank(linear: Linear, r: int) -> int:
    """Of LoRA's matrices beside this layer."""
    return 2 * r if linear.part == "expert" else r


def _beside(shape: ModelShape, wanted: str | Sequence[str]) -> tuple[Linear, ...]:
    family = FAMILIES.get(shape.architecture)
    if wanted == "all-linear":
        return _all(shape, reaches_experts=family is not None and family.adapts_experts)
    if wanted == "attention":
        return tuple(each for each in shape.linears if each.part in _ATTENTION)
    names = (wanted,) if isinstance(wanted, str) else wanted
    for name in names:
        if not any(_is_named(each, name) for each in shape.linears):
            ends = ", ".join(sorted({each.name for each in shape.linears}))
            raise UsageError(
                f"target_modules has {name!r}, which cannot be adapted in this model", remedy=f"it has {ends}"
            )
    return tuple(each for each in shape.linears if any(_is_named(each, name) for name in names))


def _all(shape: ModelShape, *, reaches_experts: bool) -> tuple[Linear, ...]:
    """Where PEFT reaches the experts, it takes the names of layers without any for theirs, and leaves those out."""
    if reaches_experts and any(each.is_expert for each in shape.linears):
        return tuple(each for each in shape.linears if each.part not in ("gate", "down"))
    return tuple(each for each in shape.linears if not each.is_expert)


def has_ia3(shape: ModelShape) -> bool:
    """Whether it is known where IA3 scales this model."""
    return bool(_places(shape))


def _places(shape: ModelShape) -> tuple[Linear, ...]:
    """As the trainers find them: by PEFT's table, or by a Llama's names where the model has all three."""
    family = FAMILIES.get(shape.architecture)
    names = family.scaled if family else _LLAMA_SCALED
    reached = [each for each in shape.linears if not each.is_expert]
    if names == _LLAMA_SCALED and not set(names) <= {each.name for each in reached}:
        return ()
    return tuple(each for each in reached if any(_is_named(each, name) for name in names))


def _scaled(shape: ModelShape) -> tuple[Linear, ...]:
    found = _places(shape)
    if not found:
        raise UsageError(
            f"trainer 'ia3': where a model of type {shape.architecture!r} is scaled is not known", remedy="use lora"
        )
    return found


def _is_named(linear: Linear, name: str) -> bool:
    """Whether the end of its name is this; a part of the layer before it tells two of one name apart."""
    of, _, end = name.rpartition(".")
    if linear.name != end:
        return False
    return not of or not linear.part or ("attn" in of or "attention" in of) == (linear.part in _ATTENTION)
