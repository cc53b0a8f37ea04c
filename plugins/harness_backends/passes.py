"""Forward passes that give the next-token logits at the last positions of many rows of tokens."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from harness_backends.heads import Heads, padded
from harness_backends.rows import Group, Row, chunks, grouped, level

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


def last_logits(
    module: PreTrainedModel, rows: Sequence[Row], *, batch_size: int, share_heads: bool
) -> Iterator[tuple[int, Tensor]]:
    """For each row its index and its logits, float32, shape (needed, vocabulary), in no order that means anything.

    With ``share_heads`` a beginning that several rows have in common is computed once; the logits are the same up to
    rounding. At most ``batch_size`` rows go through the model together. Only the positions asked for reach the last
    layer, which for a small model with a large vocabulary is a fifth of the work.
    """
    groups, alone = grouped(rows) if share_heads else ([], list(range(len(rows))))
    for chunk in chunks(groups, batch_size):
        yield from _continued(module, rows, chunk, batch_size)
    yield from _whole(module, rows, alone, batch_size)


def can_share_heads(module: PreTrainedModel) -> bool:
    """Whether the model gives the same logits when heads are shared, tried on a few tokens.

    It does not where it keeps something else than keys and values, looks back over a window only, or counts positions
    in a way of its own.
    """
    import torch

    if not _takes(module, "past_key_values", "attention_mask", "position_ids", "logits_to_keep"):
        return False
    rows = [Row(_probe(module, *span), 2) for span in ((0, 44), (0, 47), (60, 101), (60, 108))]
    if Heads.run(module, [rows[0].tokens[:8]]) is None:
        return False
    apart = dict(last_logits(module, rows, batch_size=4, share_heads=False))
    shared = dict(last_logits(module, rows, batch_size=4, share_heads=True))
    rounding = 1e-4 if module.dtype == torch.float32 else 0.05
    return all((apart[key] - shared[key]).abs().max() <= rounding * apart[key].abs().max() for key in apart)


def probe_logits(module: PreTrainedModel) -> Tensor:
    """The logits that tell one model from another: after each of a few fixed tokens."""
    return next(last_logits(module, [Row(_probe(module, 0, 16), 16)], batch_size=1, share_heads=False))[1]


def _probe(module: PreTrainedModel, start: int, end: int) -> tuple[int, ...]:
    size = int(module.config.get_text_config().vocab_size)
    return tuple((7919 * number + 31) % size for number in range(start, end))


def _whole(
    module: PreTrainedModel, rows: Sequence[Row], indices: Iterable[int], batch_size: int
) -> Iterator[tuple[int, Tensor]]:
    ordered = sorted(indices, key=lambda index: (-len(rows[index].tokens), rows[index].tokens))
    for places in level([len(rows[index].tokens) for index in ordered], batch_size):
        batch = [ordered[place] for place in places]
        # padded on the right, where nothing can change what stands before: no mask is needed
        ids = padded([rows[index].tokens for index in batch], module)
        spans = [(rows[index].shareable, len(rows[index].tokens)) for index in batch]
        yield from zip(batch, _call(module, spans, input_ids=ids, use_cache=False), strict=True)


def _continued(
    module: PreTrainedModel, rows: Sequence[Row], groups: Sequence[Group], batch_size: int
) -> Iterator[tuple[int, Tensor]]:
    heads = Heads.run(module, [rows[group.rows[0]].tokens[: group.length] for group in groups])
    assert heads is not None, "tried when the model was opened"
    rests = [(index, number) for number, group in enumerate(groups) for index in group.rows]
    rests.sort(key=lambda each: groups[each[1]].length - len(rows[each[0]].tokens))
    lengths = [len(rows[index].tokens) - groups[number].length for index, number in rests]
    for places in level(lengths, batch_size):
        batch = [rests[place] for place in places]
        owners = [number for _, number in batch]
        ids = padded([rows[index].tokens[groups[number].length :] for index, number in batch], module)
        spans = [
            (rows[index].shareable - groups[number].length, len(rows[index].tokens) - groups[number].length)
            for index, number in batch
        ]
        found = _call(module, spans, input_ids=ids, use_cache=True, **heads.before(owners, ids))
        yield from zip((index for index, _ in batch), found, strict=True)


def _call(module: PreTrainedModel, spans: Sequence[tuple[int, int]], **inputs: object) -> Iterator[Tensor]:
    """The logits of each row's span of positions."""
    import torch

    wanted = sorted({position for start, end in spans for position in range(start, end)})
    column = {position: number for number, position in enumerate(wanted)}
    if _takes(module, "logits_to_keep"):
        kept = module(**inputs, logits_to_keep=torch.tensor(wanted, device=module.device)).logits
    else:
        kept = module(**inputs).logits[:, wanted]
    for number, (start, end) in enumerate(spans):
        yield kept[number, column[start] : column[end - 1] + 1].float()


def _takes(module: PreTrainedModel, *names: str) -> bool:
    parameters = inspect.signature(module.forward).parameters
    return all(name in parameters for name in names)
