"""What branches left in the model's layers: their keys and values, kept and handed on to what grows from them.

A part that continues a path lies in memory as [path][gap][part]: the gap, where its path or its part is shorter than
another's in the batch, is masked out, and positions count as if it were not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness_backends.tree import Tree

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import DynamicCache


@dataclass
class Memory:
    """Keys and values by branch; shape (layers, 2, key heads, tokens, width)."""

    tree: Tree
    _held: dict[int, Tensor] = field(default_factory=dict)

    def keep(self, branches: Sequence[int], cache: DynamicCache, before: int) -> None:
        """Take what a pass over these branches, one a row, left behind ``before`` columns of their paths."""
        whole = stacked(cache)
        assert whole is not None, "tried when the model was opened"
        for row, number in enumerate(branches):
            branch = self.tree.branches[number]
            end = before + branch.end - branch.start
            self._held[number] = whole[:, :, row, :, before:end].clone()  # the rest must not be held on to

    def forget(self) -> None:
        """Free everything."""
        self._held.clear()

    def before(self, grows_from: Sequence[int | None], parts: Tensor, longest: int) -> dict[str, Any]:
        """The arguments of a pass over ``parts``, padded on the right, in which row i grows from ``grows_from[i]``.

        ``longest`` is the length of the longest row, its path counted.
        """
        import torch
        from transformers import DynamicCache

        lengths = torch.tensor([self.tree.length(number) for number in grows_from]).unsqueeze(1)
        past = self._past(grows_from)
        columns = torch.arange(past.shape[4])
        cache = DynamicCache()
        for number, (keys, values) in enumerate(past):
            cache.update(keys, values, number)
        mask = torch.cat([(columns < lengths).long(), torch.ones(parts.shape, dtype=torch.long)], dim=1)
        # nobody looks at padding, but a model with a table of positions has none beyond its end
        positions = (lengths + torch.arange(parts.shape[1])).clamp(max=longest - 1)
        return {
            "past_key_values": cache,
            "attention_mask": mask.to(parts.device),
            "position_ids": positions.to(parts.device),
            "use_cache": True,
        }

    def _past(self, grows_from: Sequence[int | None]) -> Tensor:
        """Shape (layers, 2, rows, key heads, longest path, width)."""
        import torch

        paths = [self.tree.path(number) for number in grows_from]
        if all(path == paths[0] for path in paths):
            return torch.cat([self._held[each] for each in paths[0]], dim=3).unsqueeze(2).expand(
                -1, -1, len(paths), -1, -1, -1
            )  # fmt: skip
        first = self._held[paths[0][0]]
        layers, two, heads, _, width = first.shape
        longest = max(self.tree.length(number) for number in grows_from)
        past = first.new_zeros(layers, two, len(paths), heads, longest, width)
        for row, path in enumerate(paths):
            for each in path:
                branch = self.tree.branches[each]
                past[:, :, row, :, branch.start : branch.end] = self._held[each]
        return past


def stacked(cache: object) -> Tensor | None:
    """Keys and values as one tensor; ``None`` if the cache keeps something else than those of every token.

    Its shape is (layers, 2, rows, key heads, tokens, width).
    """
    import torch
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    if type(cache) is not DynamicCache:
        return None
    layers: list[Tensor] = []
    for layer in cache.layers:
        # the exact type: its descendants look back over a window, or keep something else besides
        if type(layer) is not DynamicLayer or layer.keys is None or layer.values is None:
            return None
        if layer.keys.shape != layer.values.shape or (layers and layers[0].shape[1:] != layer.keys.shape):
            return None
        layers.append(torch.stack((layer.keys, layer.values)))
    return torch.stack(layers)
