"""Places for rows of tokens in one piece of memory, in which rows come and go while others are written on.

A row lies as [head][gap][its own tokens], the head the same in every place and all rows ending in the same column. The
gap is masked out, and positions count as if it were not there. Keys and values are written where they stay: a step
copies nothing, and when a row leaves, the last one moves into its place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import CacheLayerMixin

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass
class Head:
    """The beginning that the prompts of the last call shared, kept because the next call's usually share it too.

    What is kept changes no answer: it is used again only where the next call would have made the very same.
    """

    tokens: tuple[int, ...] = ()
    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...] = ()
    """Keys and values of each layer; shape (1, key heads, tokens, width)."""

    def become(self, module: PreTrainedModel, tokens: tuple[int, ...]) -> None:
        """Hold what these tokens leave in the model, which keeps plain keys and values of every token."""
        if tokens == self.tokens:
            return
        self.tokens, self.layers = tokens, ()
        if tokens:
            ids = torch.tensor([tokens], device=module.device)
            cache = module(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
            self.layers = tuple((layer.keys, layer.values) for layer in cache.layers)


@dataclass
class _Window:
    """The places and columns that one pass of the model is about."""

    rows: slice = field(default_factory=lambda: slice(0, 0))
    begin: int = 0
    """The column in which the pass writes its first token."""


class _Layer(CacheLayerMixin):  # type: ignore[no-untyped-call]  # unannotated upstream
    """One layer's keys and values of all places; the model sees those of the window."""

    is_sliding = False

    def __init__(self, window: _Window, places: int, columns: int, head: Sequence[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # unannotated upstream
        self._window, self._places, self._columns, self._head = window, places, columns, head

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Set the memory aside, as wide as what the model brings."""
        self.keys, self.values = self._empty(key_states), self._empty(value_states)
        for store, head in zip((self.keys, self.values), self._head, strict=False):
            store[:, :, : head.shape[2]] = head
        self.is_initialized = True

    def _empty(self, like: torch.Tensor) -> torch.Tensor:
        # not merely set aside: whatever stood there before might be no number, and a masked NaN is still one
        return like.new_zeros(self._places, like.shape[1], self._columns, like.shape[3])

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write what the pass brings, and give what its rows look at."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        begin, end = self._window.begin, self._window.begin + key_states.shape[2]
        seen = []
        for store, new in ((self.keys, key_states), (self.values, value_states)):
            assert store is not None, "set aside above"
            store[self._window.rows, :, begin:end] = new
            seen.append(store[self._window.rows, :, :end])
        return seen[0], seen[1]

    def get_seq_length(self) -> int:
        """Columns before the pass."""
        return self._window.begin

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Columns that a pass over so many tokens looks at, from the first."""
        return self._window.begin + query_length, 0

    def get_max_length(self) -> int:
        """All columns."""
        return self._columns


class Places:
    """So many places, of so many columns after the head."""

    def __init__(self, module: PreTrainedModel, head: Head, places: int, columns: int) -> None:
        self._module, self._start, self._columns = module, len(head.tokens), len(head.tokens) + columns
        self._lengths: list[int] = []
        self._end = self._start
        self._window = _Window()
        self._cache = DynamicCache()
        layers = DynamicCache(config=module.config).layers
        heads = head.layers or [()] * len(layers)
        self._layers = [_Layer(self._window, places, self._columns, each) for each in heads]
        self._cache.layers = list(self._layers)

    def enter(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        """These rows' own tokens in the next free places; the logits after the last of each, float32, a row each."""
        first, longest = len(self._lengths), max(len(row) for row in rows)
        self._tighten(longest)
        entered = slice(first, first + len(rows))
        for store in self._stores():
            store[entered, :, self._start :] = 0
        self._lengths += [len(row) for row in rows]
        return self._pass(entered, rows)

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """One more token in every place that is taken; the logits after it, float32, a row each."""
        if self._end == self._columns:
            self._tighten(0)
        self._end += 1
        self._lengths = [length + 1 for length in self._lengths]
        return self._pass(slice(0, len(tokens)), [[token] for token in tokens])

    def leave(self, gone: Collection[int]) -> list[int]:
        """Free these places; for each place still taken, the place that its row had before."""
        count = len(self._lengths) - len(gone)
        holes = [place for place in range(count) if place in gone]
        moved = [place for place in range(count, len(self._lengths)) if place not in gone]
        came_from = dict(zip(holes, moved, strict=True))
        if moved:
            for store in self._stores():
                store[holes, :, self._start : self._end] = store[moved, :, self._start : self._end]
        order = [came_from.get(place, place) for place in range(count)]
        self._lengths = [self._lengths[place] for place in order]
        return order

    def _tighten(self, newcomer: int) -> None:
        """Let the columns end where the longest row needs it, a newcomer of so many tokens counted."""
        longest = max(self._lengths, default=0)
        end = self._start + max(longest, newcomer)
        if longest and end != self._end:
            taken = slice(0, len(self._lengths))
            for store in self._stores():
                store[taken, :, end - longest : end] = store[taken, :, self._end - longest : self._end].clone()
        self._end = end

    def _stores(self) -> list[torch.Tensor]:
        return [store for layer in self._layers for store in (layer.keys, layer.values) if store is not None]

    def _pass(self, places: slice, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        width = max(len(row) for row in rows)
        device = self._module.device
        ids = torch.tensor([[*[0] * (width - len(row)), *row] for row in rows], device=device)
        column = torch.arange(self._end, device=device)
        gap_ends = self._end - torch.tensor(self._lengths[places], device=device).unsqueeze(1)
        mask = (column < self._start) | (column >= gap_ends)
        positions = (self._start + column[-width:] - gap_ends).clamp(min=0)
        self._window.rows, self._window.begin = places, self._end - width
        model: Any = self._module
        output = model(
            input_ids=ids,
            attention_mask=mask.long(),
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits
