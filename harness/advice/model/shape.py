"""A model's shape, from its configuration and the headers of its weights; no weight is read."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.advice.model import headers
from harness.advice.model.dimensions import Dimensions, read
from harness.advice.model.families import ALIASES, FAMILIES, Family
from harness.errors import UsageError

Part = Literal["", "query", "out", "gate", "down", "router", "expert", "expert_down"]
"""Into and out of the attention; into and out of the feed-forward part; and the same of a mixture of experts."""

_NORM_TENSORS = {"rms": 1, "layer": 2, "bare": 0}
_OF_A_LAYER = re.compile(r"\.\d+\.(?:.*\.)?([^.]+)\.weight$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Linear layers of one kind."""

    name: str
    """The last part of the module's name: ``q_proj``."""
    inputs: int
    outputs: int
    count: int
    """How many of them the model has; each expert of a layer counts."""
    active: float = 1.0
    """Share of them that a token goes through: below 1 in a mixture of experts."""
    part: Part = ""
    """What it does in a layer; empty where that is not known."""
    has_bias: bool = False

    @property
    def parameters(self) -> int:
        """Of all of them."""
        return self.count * self.outputs * (self.inputs + self.has_bias)

    @property
    def is_expert(self) -> bool:
        """Whether it lies in one tensor with other experts, where four bits do not reach it."""
        return self.part in ("router", "expert", "expert_down")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """What memory, time and adapters are reckoned from."""

    name: str
    architecture: str
    parameters: int
    """All of them, what is tied counted once."""
    active_parameters: int
    """Those that one token goes through: fewer in a mixture of experts."""
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    is_tied: bool
    window: int | None
    """The most tokens that it takes at a time."""
    linears: tuple[Linear, ...]
    """Of its layers: what ``all-linear`` adapts, which is all but the output head."""
    is_exact: bool
    """Whether the parameters were counted in the headers of its weights, and not reckoned from the configuration."""
    is_parallel: bool = False
    """Whether attention and feed-forward part stand beside one another in a layer."""
    caps_logits: bool = False
    """Whether the logits go through a hyperbolic tangent."""
    sliding_window: int | None = None
    """The tokens that the attention of ``sliding_layers`` layers looks back."""
    sliding_layers: int = 0
    dropout: float = 0.0
    """Of the attention and of what is added behind it, in training."""


def of_folder(folder: Path, name: str = "") -> ModelShape:
    """The shape of the model in a local folder: ``config.json``, and the headers of ``*.safetensors`` where they are.

    Raises ``UsageError`` where there is no configuration, or one of no decoder that is known.
    """
    config = _config(folder / "config.json")
    # what quantised files hold is packed: their tensors have other sizes than the model's
    found = {} if "quantization_config" in config else headers.of_folder(folder)
    try:
        return of_config(config, name or folder.name, {each: tensor.size for each, tensor in found.items()})
    except UsageError as error:
        raise error.at(folder / "config.json", None) from error


def of_config(
    config: Mapping[str, object], name: str = "", tensors: Mapping[str, tuple[int, ...]] | None = None
) -> ModelShape:
    """The shape that a configuration describes; ``tensors`` are names with sizes, where they are known.

    A family that is not known is read from its tensors. Raises ``UsageError`` where there are none, and for a
    configuration that lacks a size.
    """
    inner, kind = _decoder(config)
    family = FAMILIES.get(ALIASES.get(kind, kind))
    if family is None and not tensors:
        raise _unknown(config, kind)
    sizes = read(inner, (family or Family()).defaults)
    linears = _of_tensors(tensors or {}, sizes) if family is None else _linears(family, sizes)
    counted = _counted(tensors, is_tied=sizes.is_tied) if tensors else None
    total = counted or _reckoned(family or Family(), sizes, linears)
    idle = sum(each.parameters * (1 - each.active) for each in linears)
    return ModelShape(
        name=name,
        architecture=ALIASES.get(kind, kind),
        parameters=total,
        active_parameters=round(total - idle),
        layers=sizes.layers,
        hidden=sizes.hidden,
        intermediate=sizes.intermediate,
        heads=sizes.heads,
        kv_heads=sizes.kv_heads,
        head_dim=sizes.head_dim,
        vocabulary=sizes.vocabulary,
        is_tied=sizes.is_tied,
        window=sizes.window,
        linears=linears,
        is_exact=counted is not None,
        is_parallel=sizes.is_parallel,
        caps_logits=sizes.caps_logits,
        sliding_window=sizes.sliding_window,
        sliding_layers=sizes.sliding_layers,
        dropout=sizes.dropout,
    )


def _config(path: Path) -> dict[str, object]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            "there is no configuration of a model here", path=path, remedy="name a folder with a config.json"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError("this is no JSON", path=path, remedy="fetch the model again") from error
    if not isinstance(config, dict):
        raise UsageError("this is no configuration of a model", path=path, remedy="fetch the model again")
    return config


def _decoder(config: Mapping[str, object]) -> tuple[Mapping[str, object], str]:
    """The part that is about text, and of which family it is."""
    inner = config.get("text_config")
    if isinstance(inner, Mapping):
        kind = inner.get("model_type") or config.get("model_type")
        return {**{key: config[key] for key in ("tie_word_embeddings",) if key in config}, **inner}, str(kind)
    return config, str(config.get("model_type", ""))


def _unknown(config: Mapping[str, object], kind: str) -> UsageError:
    if not kind:
        return UsageError("the configuration has no model_type", remedy="name the folder of a decoder model")
    packed = " in full precision" if "quantization_config" in config else ""
    return UsageError(
        f"how a model of type {kind!r} is built is not known",
        remedy=f"fetch its weights{packed} as safetensors, which say it",
    )


def _linears(family: Family, sizes: Dimensions) -> tuple[Linear, ...]:
    return (*_attention(family, sizes), *_feed_forward(family, sizes), *_experts(family, sizes))


def _attention(family: Family, sizes: Dimensions) -> tuple[Linear, ...]:
    query, key = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
    wide = (query, key, key) if len(family.query) > 1 else (query + 2 * key,)
    has_bias = sizes.flag(family.qkv_bias)
    into = [
        Linear(name=name, inputs=sizes.hidden, outputs=each, count=sizes.layers, has_bias=has_bias, part="query")
        for name, each in zip(family.query, wide, strict=True)
    ]
    out = Linear(
        name=family.out,
        inputs=query,
        outputs=sizes.hidden,
        count=sizes.layers,
        has_bias=sizes.flag(family.out_bias),
        part="out",
    )
    return (*into, out)


def _feed_forward(family: Family, sizes: Dimensions) -> tuple[Linear, ...]:
    """Of the layers without experts, and the expert that every token goes through."""
    dense = sizes.layers - _sparse(family, sizes)
    shared = sizes.number(family.shared_size) if family.shared_size else 0
    found = _mlp(family, sizes, sizes.intermediate, dense) if dense else ()
    if shared and sizes.layers > dense:
        gate = Linear(
            name="shared_expert_gate", inputs=sizes.hidden, outputs=1, count=sizes.layers - dense, part="gate"
        )
        found = (*found, *_mlp(family, sizes, shared, sizes.layers - dense), gate)
    return found


def _mlp(family: Family, sizes: Dimensions, inner: int, count: int) -> tuple[Linear, ...]:
    has_bias = sizes.flag(family.mlp_bias)
    width = 2 * inner if family.is_gated and len(family.gates) == 1 else inner
    into = [
        Linear(name=name, inputs=sizes.hidden, outputs=width, count=count, has_bias=has_bias, part="gate")
        for name in family.gates
    ]
    down = Linear(name=family.down, inputs=inner, outputs=sizes.hidden, count=count, has_bias=has_bias, part="down")
    return (*into, down)


def _experts(family: Family, sizes: Dimensions) -> tuple[Linear, ...]:
    sparse = _sparse(family, sizes)
    if not sparse:
        return ()
    many, inner = sizes.number(family.experts), sizes.number(family.expert_size)
    active = sizes.number("num_experts_per_tok") / many
    hidden, count = sizes.hidden, many * sparse
    return (
        Linear(name="gate", inputs=hidden, outputs=many, count=sparse, part="router"),
        Linear(name="gate_up_proj", inputs=hidden, outputs=2 * inner, count=count, active=active, part="expert"),
        Linear(name="down_proj", inputs=inner, outputs=hidden, count=count, active=active, part="expert_down"),
    )


def _sparse(family: Family, sizes: Dimensions) -> int:
    """How many layers have experts."""
    return sizes.sparse_layers if family.experts and sizes.number(family.experts) else 0


def _reckoned(family: Family, sizes: Dimensions, linears: tuple[Linear, ...]) -> int:
    """All parameters: the linear layers, the embeddings and head, and the norms."""
    table = sizes.vocabulary * sizes.hidden
    head = family.head_bias * sizes.vocabulary + (0 if sizes.is_tied else table)
    places = (sizes.window or 0) * sizes.hidden if family.learns_positions else 0
    return sum(each.parameters for each in linears) + table + head + places + _norms(family, sizes)


def _norms(family: Family, sizes: Dimensions) -> int:
    tensors, hidden = _NORM_TENSORS[family.norm], sizes.hidden
    key, query = sizes.kv_heads * sizes.head_dim, sizes.heads * sizes.head_dim
    of_query = {"": 0, "head": 2 * sizes.head_dim, "whole": query + key}[family.query_norm]
    each = sizes.norms or family.norms
    return tensors * (sizes.layers * (each * hidden + of_query) + hidden)


def _counted(tensors: Mapping[str, tuple[int, ...]], *, is_tied: bool) -> int:
    """Numbers in all tensors; an output head that is tied is the embeddings once more."""
    names = [name for name in tensors if not (is_tied and name.endswith(("lm_head.weight", "embed_out.weight")))]
    return sum(math.prod(tensors[name]) for name in names)


def _of_tensors(tensors: Mapping[str, tuple[int, ...]], sizes: Dimensions) -> tuple[Linear, ...]:
    """The linear layers of an architecture that is not known: matrices of numbered layers."""
    found: Counter[tuple[str, int, int, bool]] = Counter()
    for name, size in tensors.items():
        match = _OF_A_LAYER.search(name)
        if match and len(size) == 2:
            found[match[1], size[1], size[0], "expert" in name] += 1
    active = _active(sizes)
    return tuple(
        Linear(
            name=name,
            inputs=into,
            outputs=out,
            count=count,
            active=active if is_expert else 1.0,
            part=_part(into, out, sizes),
        )
        for (name, into, out, is_expert), count in found.items()
    )


def _part(inputs: int, outputs: int, sizes: Dimensions) -> Part:
    """What a matrix of these sizes does: the feed-forward part is the one that is not as wide as the attention."""
    attention = sizes.heads * sizes.head_dim
    if outputs == sizes.hidden and inputs != sizes.hidden:
        return "out" if inputs == attention else "down"
    key = sizes.kv_heads * sizes.head_dim
    return "query" if outputs in (attention, key, attention + 2 * key) else "gate"


def _active(sizes: Dimensions) -> float:
    """The share of experts that a token goes through, where the configuration says it."""
    names = ("num_experts", "num_local_experts", "n_routed_experts")
    many = next((value for name in names if isinstance(value := sizes.config.get(name), int) and value), 0)
    taken = sizes.config.get("num_experts_per_tok")
    return min(1.0, taken / many) if many and isinstance(taken, int) else 1.0
