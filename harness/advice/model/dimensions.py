"""The sizes in a model's configuration, under whatever names its family has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import UsageError

_NAMES: Mapping[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv"),
    "head_dim": ("head_dim",),
    "intermediate": ("intermediate_size",),
    "intermediate of gpt2": ("n_inner",),
    "intermediate of falcon": ("ffn_hidden_size",),
    "vocabulary": ("vocab_size",),
    "window": ("max_position_embeddings", "n_positions", "n_ctx"),
}
_MOST = 1 << 40
"""No size of a model is as large."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The sizes of a decoder, with what its configuration says besides."""

    config: Mapping[str, object]
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    window: int | None
    is_tied: bool
    norms: int
    """Of the hidden size in a layer; 0 where it is as the family has it."""
    is_parallel: bool
    caps_logits: bool
    sparse_layers: int
    sliding_window: int | None
    sliding_layers: int
    dropout: float

    def flag(self, key: str | bool) -> bool:
        """A fact of the family, or what the configuration says under this key."""
        return key if isinstance(key, bool) else bool(self.config.get(key, False))

    def number(self, key: str) -> int:
        """What stands under this key of the configuration."""
        return _number(self.config, key, (key,))


def read(config: Mapping[str, object], defaults: Mapping[str, object]) -> Dimensions:
    """The sizes that a configuration states, those of its family where it is silent.

    Raises ``UsageError`` where a size is missing or no number.
    """
    whole = {**defaults, **{key: value for key, value in config.items() if value is not None or key not in defaults}}
    # a window of null is no window, where the key is there; one that is missing is the family's
    whole |= {key: None for key in ("sliding_window",) if key in config and config[key] is None}
    layers, hidden, heads = (_size(whole, size) for size in ("layers", "hidden", "heads"))
    windowed, sliding = _sliding(whole, layers)
    return Dimensions(
        whole,
        layers,
        hidden,
        _intermediate(whole) or 4 * hidden,
        heads,
        _kv_heads(whole, heads),
        _optional(whole, "head_dim") or hidden // heads,
        _size(whole, "vocabulary"),
        _optional(whole, "window"),
        bool(whole.get("tie_word_embeddings", False)),
        _norms(whole),
        _is_parallel(whole),
        bool(whole.get("final_logit_softcapping")),
        _sparse_layers(whole, layers),
        sliding if windowed else None,
        windowed,
        _share(whole, "resid_pdrop", "residual_dropout", "hidden_dropout"),
    )


def _size(config: Mapping[str, object], size: str) -> int:
    return _number(config, _NAMES[size][0], _NAMES[size])


def _optional(config: Mapping[str, object], size: str) -> int | None:
    has = any(config.get(name) is not None for name in _NAMES[size])
    return _size(config, size) if has else None


def _intermediate(config: Mapping[str, object]) -> int | None:
    own = f"intermediate of {config.get('model_type')}"
    return _optional(config, own if own in _NAMES else "intermediate")


def _number(config: Mapping[str, object], shown: str, names: tuple[str, ...]) -> int:
    value = next((config[name] for name in names if config.get(name) is not None), None)
    if type(value) is not int or not 0 <= value < _MOST:
        said = "is missing" if value is None else f"is {str(value)[:40]!r}, which is no size"
        raise UsageError(f"the configuration's {shown} {said}", remedy="fetch the model again")
    if value == 0 and shown in ("num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size"):
        raise UsageError(f"the configuration's {shown} is 0", remedy="fetch the model again")
    return value


def _kv_heads(config: Mapping[str, object], heads: int) -> int:
    """As many as heads, unless said; a Falcon of the first kind has one, whatever else it says."""
    if config.get("model_type") in ("gpt2", "gpt_neox"):
        return heads
    if config.get("model_type") in ("falcon", "RefinedWeb", "RefinedWebModel") and not config.get(
        "new_decoder_architecture"
    ):
        return 1 if config.get("multi_query", True) else heads
    return _optional(config, "kv_heads") or heads


def _norms(config: Mapping[str, object]) -> int:
    """What differs from the family: Falcon with one norm before both parts, and StableLM with none between them."""
    kind = config.get("model_type")
    if kind == "stablelm":
        return 1 if config.get("use_parallel_residual") else 2
    if kind != "falcon" or not config.get("parallel_attn", True):
        return 0
    is_new = config.get("new_decoder_architecture")
    return 2 if config.get("num_ln_in_parallel_attn", 2 if is_new else 1) == 2 else 1


def _is_parallel(config: Mapping[str, object]) -> bool:
    """Whether attention and feed-forward part stand beside one another."""
    kind = config.get("model_type")
    if kind == "falcon":
        return bool(config.get("parallel_attn", True))
    return kind == "phi" or bool(config.get("use_parallel_residual", kind == "gpt_neox"))


def _sparse_layers(config: Mapping[str, object], layers: int) -> int:
    """Layers with experts: every ``decoder_sparse_step``-th, but those that are said to have none."""
    step, dense = config.get("decoder_sparse_step", 1), config.get("mlp_only_layers") or ()
    every = step if isinstance(step, int) and step > 0 else 1
    without = set(dense) if isinstance(dense, list | tuple) else set()
    return sum((layer + 1) % every == 0 and layer not in without for layer in range(layers))


def _sliding(config: Mapping[str, object], layers: int) -> tuple[int, int]:
    """How many layers look back only so far, and how far."""
    window = config.get("sliding_window")
    if type(window) is not int or window <= 0 or config.get("use_sliding_window", True) is False:
        return 0, 0
    kinds, pattern = config.get("layer_types"), config.get("sliding_window_pattern")
    if isinstance(kinds, list | tuple):
        return sum(each == "sliding_attention" for each in kinds[:layers]), window
    if type(pattern) is int and pattern > 0:
        return layers - layers // pattern, window
    first = config.get("max_window_layers")
    return (max(0, layers - first) if type(first) is int else layers), window


def _share(config: Mapping[str, object], *keys: str) -> float:
    found = (config.get(key) for key in keys)
    return next((float(each) for each in found if isinstance(each, int | float)), 0.0)
