"""How rows go through the model: which come together, and which tokens are scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Sampler
from transformers.cache_utils import DynamicCache, DynamicLayer

from harness_trainers.tokens import IGNORED

_WORTH_SHARING = 8
"""Tokens that a batch must share before it is worth a forward pass of its own."""

_APART = 1_000_003
"""Between the seeds of two epochs, so that no small seed has another's epochs."""


class LengthGrouped(Sampler[int]):
    """Indices of rows such that a batch holds rows of like length, and which batch comes when is random.

    Rows are shuffled, sorted within windows of a few batches and dealt out; then the batches are shuffled. The
    library's own grouping leaves the batches from long to short, so that each epoch would end on the shortest rows.
    The order is a function of seed and epoch alone: a training that is gone on with sees what it would have seen, and
    processes that train together agree.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, window: int = 16) -> None:
        self._lengths, self._batch_size, self._seed, self._window = lengths, batch_size, seed, window
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next iteration is for, 0 the first."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed((self._seed + _APART * self._epoch) % 2**63)
        order = _shuffled(len(self._lengths), generator)
        span = self._batch_size * self._window
        windows = [sorted(order[at : at + span], key=self._lengths.__getitem__) for at in range(0, len(order), span)]
        dealt = [index for window in windows for index in window]
        batches = [dealt[at : at + self._batch_size] for at in range(0, len(dealt), self._batch_size)]
        # a batch that is not full stays last, or every batch behind it would be torn apart
        last = [batches.pop()] if batches and len(batches[-1]) < self._batch_size else []
        for batch in [*(batches[at] for at in _shuffled(len(batches), generator)), *last]:
            yield from batch


def _shuffled(count: int, generator: torch.Generator) -> list[int]:
    numbers: list[int] = torch.randperm(count, generator=generator).tolist()
    return numbers


def completion_loss(
    model: Any,  # noqa: ANN401 - a model of whatever class
    inputs: Mapping[str, torch.Tensor],
    tokens: Any = None,  # noqa: ANN401 - a number, or a tensor that holds one
    *,
    shares: bool = True,
) -> torch.Tensor:
    """Cross-entropy of the labelled tokens, summed and divided by ``tokens`` (default: how many are labelled).

    The number and its gradients are those of the plain way, but two things are not computed again and again: logits of
    positions without a label in any row, and, if it ``shares``, the beginning that all rows of the batch have in
    common, as a system prompt, which goes through the model once.
    """
    labels = inputs["labels"][:, 1:]
    columns = (labels != IGNORED).any(dim=0).nonzero().flatten()
    shared = _shared_prefix(inputs["input_ids"]) if shares else 0
    # what is shared must end before the first position that has a label
    logits = _logits(model, inputs, columns, min(shared, int(columns[0])) if len(columns) else 0)
    wanted = labels[:, columns]
    total = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return total / ((wanted != IGNORED).sum() if tokens is None else tokens)


def _logits(model: Any, inputs: Mapping[str, torch.Tensor], columns: torch.Tensor, shared: int) -> torch.Tensor:  # noqa: ANN401
    """The logits of ``columns``; the first ``shared`` positions are alike in all rows and none of ``columns``."""
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    cache = _cache_of(model, ids[:1, :shared]) if shared >= _WORTH_SHARING and len(ids) > 1 else None
    if cache is None:
        output = model(input_ids=ids, attention_mask=mask, logits_to_keep=columns, use_cache=False)
    else:
        cache.batch_repeat_interleave(len(ids))
        output = model(
            input_ids=ids[:, shared:], attention_mask=mask, past_key_values=cache, logits_to_keep=columns - shared
        )
    logits: torch.Tensor = output.logits
    return logits


def _cache_of(model: Any, ids: torch.Tensor) -> DynamicCache | None:  # noqa: ANN401
    """The keys and values of ``ids`` with their gradients, or ``None`` if this model keeps anything else."""
    if _dropping(model):
        return None  # rows that share a beginning would share what is dropped
    cache = model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
    plain = isinstance(cache, DynamicCache) and all(type(layer) is DynamicLayer for layer in cache.layers)
    return cache if plain else None


def _dropping(model: Any) -> bool:  # noqa: ANN401 - a model of whatever class
    layers = any(isinstance(each, torch.nn.Dropout) and each.p > 0 for each in model.modules())
    return bool(model.training and (layers or getattr(model.config, "attention_dropout", 0.0)))


def _shared_prefix(ids: torch.Tensor) -> int:
    """How many columns from the left are alike in all rows, the last column left out."""
    alike = (ids == ids[:1]).all(dim=0)
    return int(alike[:-1].long().cumprod(0).sum())
