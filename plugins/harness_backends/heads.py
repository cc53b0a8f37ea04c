"""Beginnings that rows of tokens share, run through the model once: their keys and values are kept and handed on.

A row that continues a head lies in memory as [head][gap][rest]: the gap, where its head or its rest is shorter than
another's in the batch, is masked out, and positions count as if it were not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import DynamicCache, PreTrainedModel


@dataclass(frozen=True)
class Heads:
    """What some beginnings left in the model's layers, padded on the right to the longest of them."""

    lengths: Tensor
    """Tokens of each head; shape (heads,)."""
    layers: tuple[tuple[Tensor, Tensor], ...]
    """Keys and values of each layer; shape (heads, key heads, tokens, width)."""

    @classmethod
    def run(cls, module: PreTrainedModel, heads: Sequence[Sequence[int]]) -> Heads | None:
        """The heads run through the model; ``None`` if it keeps more than plain keys and values of every token."""
        import torch
        from transformers import DynamicCache
        from transformers.cache_utils import DynamicLayer

        ids = padded(heads, module)
        only_last = {"logits_to_keep": 1}  # the logits are thrown away, and all of them would be large
        cache = module(input_ids=ids, use_cache=True, **only_last).past_key_values
        if type(cache) is not DynamicCache:
            return None
        layers: list[tuple[Tensor, Tensor]] = []
        for layer in cache.layers:
            # the exact type: its descendants look back over a window, or keep something else besides
            if type(layer) is not DynamicLayer or layer.keys is None or layer.values is None:
                return None
            layers.append((layer.keys, layer.values))
        return cls(torch.tensor([len(head) for head in heads], device=module.device), tuple(layers))

    def cache(self, numbers: Sequence[int]) -> DynamicCache:
        """A cache of its own in which row i continues head ``numbers[i]``."""
        import torch
        from transformers import DynamicCache

        chosen = torch.tensor(numbers, device=self.lengths.device)
        longest = int(self.lengths[chosen].max())
        cache = DynamicCache()
        for number, (keys, values) in enumerate(self.layers):
            cache.update(keys[chosen, :, :longest], values[chosen, :, :longest], number)
        return cache

    def before(self, numbers: Sequence[int], rest: Tensor) -> dict[str, Any]:
        """The arguments of a pass over ``rest``, padded on the right, in which row i continues head ``numbers[i]``."""
        import torch

        lengths = self.lengths[torch.tensor(numbers, device=self.lengths.device)].unsqueeze(1)
        head = torch.arange(int(lengths.max()), device=rest.device) < lengths
        return {
            "past_key_values": self.cache(numbers),
            "attention_mask": torch.cat([head.long(), torch.ones_like(rest)], dim=1),
            "position_ids": lengths + torch.arange(rest.shape[1], device=rest.device),
        }


def padded(rows: Sequence[Sequence[int]], module: PreTrainedModel) -> Tensor:
    """The rows as one tensor on the model's device, filled up with token 0 on the right."""
    import torch

    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=module.device)
