"""What the passes of one training step hold beyond weights, gradients and optimizer, reckoned layer by layer.

Autograd keeps, for each operation, what its backward needs. The rules here say what that is for each part of a decoder
layer, in bytes a token; they follow the code of transformers 5, PEFT 0.21 and TRL 1.16, and are held to the trainers'
own rehearsal, which plays a step through on tensors without memory. The largest moment is one of three: the loss,
where all layers are kept and the logits are there; the middle of a layer's backward pass, where its feed-forward part
is the widest; or the end, where the embeddings get their gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.advice.model.families import FAMILIES, Family
from harness.advice.model.shape import Linear, ModelShape
from harness.machine import kept_by_heap

_FLOAT, _HALF = 4, 2
_TILE_TOKENS, _TILE_COLUMNS = 4096, 32768
"""The tile of logits that TRL's head makes at a time, whatever the vocabulary (trl.kernels.chunked_logprob, 1.16)."""
_FREED, _FREED_TWICE = 1.75, 1.25
"""Bytes that a step frees for each that the layers keep, and as many more where they are computed twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """A forward and backward pass as its memory is reckoned."""

    shape: ModelShape
    method: str
    rows: int
    length: int
    """Tokens of a row that go through the layers: virtual ones of prompt tuning too."""
    labelled: int
    """Columns that the loss is on."""
    virtual: int
    weights: int
    """Bytes of a number of the model as it is held, and of what flows from layer to layer."""
    autocasts: bool
    """Whether matrices are multiplied in half the width."""
    checkpoints: bool
    r: int
    adapted: tuple[Linear, ...]
    """What an adapter stands beside; empty without one."""
    is_lean: bool
    """Whether the loss is the trainers' own, of labelled columns; else TRL's, in tiles."""
    is_cuda: bool

    @property
    def tokens(self) -> int:
        """Of all rows together."""
        return self.rows * self.length

    @property
    def is_full(self) -> bool:
        """Whether all weights are trained."""
        return self.method == "full"

    @property
    def has_lora(self) -> bool:
        """Whether matrices are trained beside the frozen ones."""
        return self.method in ("lora", "qlora")

    @property
    def computes(self) -> int:
        """Bytes of a number where matrices are multiplied."""
        return _HALF if self.autocasts else self.weights

    @property
    def family(self) -> Family:
        """How its layers are built; as a Llama's where that is not known."""
        return FAMILIES.get(self.shape.architecture, FAMILIES["llama"])

    @property
    def query(self) -> int:
        """Numbers of a token's queries."""
        return self.shape.heads * self.shape.head_dim

    @property
    def key(self) -> int:
        """Numbers of a token's keys."""
        return self.shape.kv_heads * self.shape.head_dim

    @property
    def sees(self) -> int:
        """Positions that a token may look at: those of a prefix too."""
        return self.length + (self.virtual if self.method == "prefix_tuning" else 0)


def layer(step: Pass) -> float:
    """Bytes that a layer keeps for its backward pass."""
    return step.tokens * (_norms(step) + _attention(step) + _feed_forward(step) + _inputs(step)) + _casts(step)


def _norms(step: Pass) -> float:
    """What stands before a norm, in float32; with weights that are trained, what it made of it too."""
    family, hidden = step.family, step.shape.hidden
    normed = 0 if family.norm != "rms" or not step.is_full else step.weights
    before = _FLOAT if family.norm == "rms" or step.autocasts else step.weights
    # norms of parts that stand beside one another see the same, and have a copy each only where it is widened
    seen = 1 if step.shape.is_parallel and before == step.weights else family.norms
    kept = hidden * (seen * before + family.norms * normed)
    if family.query_norm:
        kept += (step.query + step.key) * (_FLOAT + (step.computes if step.is_full else 0))
    return float(kept)


def _attention(step: Pass) -> float:
    """Queries, keys and values of every head, the output, and the mask, of which each layer has its own."""
    family, heads, width = step.family, step.shape.heads, step.computes
    longer = step.sees / step.length
    # values that are a view of one matrix with queries and keys keep all of it, but a prefix before them is a copy
    is_whole = len(family.query) == 1 and step.shape.kv_heads == heads and family.attention != "falcon" and longer == 1
    kept = step.query * width * (2 + 2 * longer + (2 if is_whole else 0)) + _FLOAT * heads
    if step.method == "prefix_tuning" and step.is_cuda:
        # the prefix is a cache, which lives as long as the forward pass
        kept += 2 * step.key * longer * width
    if family.attention == "eager":
        return kept + heads * step.sees * (width + _FLOAT + (width if width < _FLOAT else 0))
    if step.shape.dropout and not step.is_cuda:
        return kept + heads * step.sees * 3 * _FLOAT
    return kept + step.sees * width


def _feed_forward(step: Pass) -> float:
    """What its activation keeps; a mixture keeps as much for each expert that a token goes through."""
    family = step.family
    inner = _inner(step)
    if family.activation == "new_gelu":
        return float(inner * (14 if step.autocasts else 4 * step.weights))
    return float(inner * step.computes * (3 if family.is_gated else 1))


def _inner(step: Pass) -> float:
    """Numbers of a token inside the feed-forward part, in the mean of the layers."""
    into = (each for each in step.shape.linears if each.part in ("down", "expert_down"))
    return sum(each.inputs * each.count * each.active for each in into) / step.shape.layers


def _inputs(step: Pass) -> float:
    """What linear layers keep of their input because a weight of theirs, or beside them, is trained."""
    if step.is_full:
        return _inputs_of_all(step)
    if step.has_lora:
        return sum(_beside(step, each) * each.count * each.active for each in step.adapted) / step.shape.layers + (
            0 if step.autocasts or step.weights < _FLOAT else _shared(step)
        )
    if step.method == "ia3":
        return sum(_scaled(step, each) * each.count for each in step.adapted) / step.shape.layers
    return 0.0


def _inputs_of_all(step: Pass) -> float:
    """Under autocast each has its own copy, where the input is not narrow already; without, one serves all."""
    if not step.autocasts:
        return _shared(step)
    into = [each for each in step.shape.linears if each.part in ("query", "gate")]
    own = sum(each.inputs * each.count for each in into) / step.shape.layers
    return _HALF * (own + _inner(step))


def _shared(step: Pass) -> float:
    """One input for each group of layers that read it; what the attention gave is kept anyway."""
    kinds = {each.part for each in (step.adapted or step.shape.linears)}
    hidden, family = step.shape.hidden, step.family
    groups = ("query" in kinds) + ("gate" in kinds and not (family.norms == 1 and "query" in kinds))
    is_copied = "out" in kinds and family.attention == "copied"
    down = _inner(step) if "down" in kinds else 0
    return step.weights * (groups * hidden + is_copied * step.query + down)


def _beside(step: Pass, linear: Linear) -> float:
    """What LoRA's two matrices keep a token: the input, in their own type or under autocast, and what is between."""
    if step.autocasts:
        return _HALF * (linear.inputs + step.r)
    return _FLOAT * (step.r + (linear.inputs if step.weights < _FLOAT else 0))


def _scaled(step: Pass, linear: Linear) -> float:
    """What IA3 keeps: the input in float32 where it scales that, and the output elsewhere."""
    return _FLOAT * linear.inputs if linear.part == "down" else step.computes * linear.outputs


def _casts(step: Pass) -> float:
    """Weights that autocast makes narrower, once a step, and keeps until the backward pass has used them."""
    if not step.autocasts:
        return 0.0
    if step.is_full:
        return _HALF * sum(each.parameters for each in step.shape.linears) / step.shape.layers
    if step.has_lora:
        both = sum((each.inputs + each.outputs) * each.count for each in step.adapted)
        return (_HALF * step.r * both + _merged(step)) / step.shape.layers
    return 0.0


def _merged(step: Pass) -> float:
    """Experts that lie in one tensor: PEFT adds what it trains to a copy of their weights before they are used."""
    inside = (each for each in step.adapted if each.part in ("expert", "expert_down"))
    return float(step.computes * sum(each.inputs * each.outputs * each.count for each in inside))


def within(step: Pass) -> float:
    """What the backward pass of a layer, or its second forward pass, holds at its widest beyond what was kept."""
    # what goes from layer to layer has a gradient, and where an adapter casts it, copies
    stream = _FLOAT + (3 * _HALF if step.has_lora and step.autocasts else 0)
    passing = step.tokens * (_inner(step) * _wide(step) + stream * step.shape.hidden)
    used = _HALF * _last(step) if step.is_full and step.autocasts else 0
    # a weight out of four bits is there before the adapter beside it has begun, or after it is done
    return max(passing, passing / 2 + _whole_weight(step)) - used


def _last(step: Pass) -> float:
    """Numbers of a layer's last weight, with which its backward pass is done when it is at its widest."""
    down = (each.parameters for each in step.shape.linears if each.part in ("down", "expert_down"))
    return sum(down) / step.shape.layers


def _wide(step: Pass) -> int:
    """Bytes for each number inside the feed-forward part, whose backward pass is the widest of a layer."""
    width, gates = step.computes, 2 if step.family.is_gated or step.family.activation else 1
    if step.is_full:
        return gates * width
    if step.has_lora:
        # the adapter's input goes from the narrow type to its own and back
        return 3 * _HALF if step.autocasts else gates * _FLOAT if step.weights == _FLOAT else 6
    scales = any(each.part == "down" for each in step.adapted)
    return 3 * (_FLOAT if step.method == "ia3" and scales else width)


def _whole_weight(step: Pass) -> int:
    """The largest weight in the type that it is multiplied in, where it is held in four bits."""
    if step.method != "qlora":
        return 0
    return step.computes * max((each.inputs * each.outputs for each in step.shape.linears), default=0)


def loss(step: Pass) -> float:
    """What the head and the loss hold at their widest."""
    hidden, vocabulary = step.shape.hidden, step.shape.vocabulary
    scored = step.rows * step.labelled
    normed = step.tokens * hidden * (_FLOAT + step.weights * (1 + step.is_full))
    if step.is_lean:
        # the logits' softmax, its gradient and theirs in float32; where they are capped, what they were capped with
        return normed + (3 + step.shape.caps_logits) * _FLOAT * scored * vocabulary
    tile = min(scored, _TILE_TOKENS) * _TILE_COLUMNS * step.computes
    if step.is_cuda:
        columns = min(_TILE_COLUMNS, vocabulary) * hidden * step.computes
        part = columns if step.computes < step.weights else 0
        return normed + tile + part + _head_gradient(step) + scored * hidden * (step.weights + _FLOAT)
    folded = min(scored, _TILE_TOKENS) * min(_TILE_COLUMNS, vocabulary) * (7 * _FLOAT + 1)
    return normed + tile + folded + scored * hidden * (step.weights + _FLOAT)


def _head_gradient(step: Pass) -> int:
    """TRL's head adds up the gradient of its weight in float32."""
    return _FLOAT * step.shape.vocabulary * step.shape.hidden if step.is_full and step.is_cuda else 0


def peak(step: Pass, trained: int, *, accumulates: bool) -> float:
    """Bytes at the largest moment beyond weights, optimizer and the gradients of all that is trained.

    ``trained`` is the bytes of those gradients; unless the step ``accumulates``, those of layers that the backward pass
    has not reached are not there yet.
    """
    missing = 0 if accumulates else trained
    shape, kept = step.shape, layer(step)
    stream = step.tokens * shape.hidden * step.weights
    # what a layer was given is kept once, where its first norm needs no wider copy of it
    again = kept + within(step) - (stream if step.checkpoints and step.weights == _FLOAT else 0)
    held = shape.layers * (stream if step.checkpoints else kept)
    middle = held + (again if step.checkpoints else within(step))
    first = (stream if step.checkpoints else 0) + again - (0 if accumulates else _unreached(step, trained))
    table = shape.vocabulary * shape.hidden * step.weights if step.is_full else 0
    # tied embeddings get the head's gradient, their own and the sum of both
    at_end = stream + table * ((2 if shape.is_tied else 0) + accumulates)
    scored = held + loss(step)
    # autocast keeps what it made narrower until the forward pass is over, before the head has its gradient
    forward = scored + (shape.layers * _casts(step) if step.checkpoints else 0) - _head_gradient(step)
    return max(scored - missing, forward - missing, middle + table - missing, first, at_end)


def heap(step: Pass) -> int:
    """What the C library's heap holds on a CPU beyond all that: freed blocks that fit no later request.

    It grows with what comes and goes in a step, which is what all layers keep, computed twice or not. How much that is
    is what the trainers' rehearsal has for SmolLM2-135M and Qwen2.5-0.5B: from half to twice of it.
    """
    freed = _FREED if step.is_full or step.has_lora else _FREED / 2
    return kept_by_heap((freed + (_FREED_TWICE if step.checkpoints else 0)) * step.shape.layers * layer(step))


def _unreached(step: Pass, trained: int) -> float:
    """Bytes of gradients that are not there yet in the middle of the first layer: its own, and the embeddings'."""
    shape = step.shape
    if not step.is_full:
        return trained / shape.layers / 2
    table = 0 if shape.is_tied else shape.vocabulary * shape.hidden
    layer = sum(each.parameters for each in shape.linears) / shape.layers - _last(step)
    return step.weights * (layer + table)
