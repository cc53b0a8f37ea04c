"""How likely continuations are after their contexts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness import LogLikelihood, Prompt
from harness_backends.encoding import Encoder, Pair
from harness_backends.passes import Logits, read_logits
from harness_backends.tree import Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_NUMBERS = 1 << 25
"""Probabilities to hold at a time, beside the logits that they are made of: 128 MB."""


def log_likelihoods(
    module: PreTrainedModel,
    encoder: Encoder,
    pairs: Sequence[tuple[Prompt, str]],
    *,
    batch_size: int,
    share_heads: bool,
) -> list[LogLikelihood]:
    """One for each (context, continuation), in the same order; natural logarithms, summed over the continuation.

    Beyond the model's length the beginning of the context is left out. Pairs that put the same tokens to the model,
    as choices of one token each after one question, share one row.
    """
    encoded = encoder.pairs(pairs)
    asking = _by_input(encoded, encoder.max_length)
    askers = list(asking.values())
    rows = [Row(tokens, max(len(encoded[index].continuation) for index in who)) for tokens, who in asking.items()]
    reading = _Reading(encoded, rows, askers)
    read_logits(module, rows, reading.read, batch_size=batch_size, share_heads=share_heads)
    return [reading.answers[index] for index in range(len(pairs))]


def _by_input(encoded: Sequence[Pair], max_length: int) -> dict[tuple[int, ...], list[int]]:
    """What goes into the model -> which pairs ask for it; the last token is only predicted, never looked at."""
    asking: dict[tuple[int, ...], list[int]] = {}
    for index, pair in enumerate(encoded):
        tokens = (*pair.context, *pair.continuation)[-(max_length + 1) :][:-1]
        asking.setdefault(tokens, []).append(index)
    return asking


@dataclass
class _Reading:
    """Picks from logits what the pairs ask for; a few large transfers rather than one a pair."""

    encoded: Sequence[Pair]
    rows: Sequence[Row]
    askers: Sequence[Sequence[int]]
    answers: dict[int, LogLikelihood] = field(default_factory=dict)

    def read(self, logits: Logits) -> None:
        _, columns, vocabulary = logits.values.shape
        step = max(1, _NUMBERS // (columns * vocabulary))
        for first in range(0, len(logits.rows), step):
            self._read(logits, range(first, min(first + step, len(logits.rows))))

    def _read(self, logits: Logits, places: range) -> None:
        import torch

        asked = list(self._asked(logits, places))
        picked = [
            (place - places.start, column + offset, token)
            for place, column, index in asked
            for offset, token in enumerate(self.encoded[index].continuation)
        ]
        row, column, token = torch.tensor(picked, device=logits.values.device).T
        values = logits.values[places.start : places.stop].float()
        # logsumexp is ten times as exact, but lm-eval takes this, and over thirty tokens the two part by 4e-4
        likely = values.log_softmax(dim=-1)[row, column, token].cpu()
        greedy = (values.argmax(dim=-1)[row, column] == token).cpu()
        start = 0
        for _, _, index in asked:
            pair = self.encoded[index]
            span = slice(start, start := start + len(pair.continuation))
            self.answers[index] = LogLikelihood(
                float(likely[span].sum()), bool(greedy[span].all()), len(pair.context), len(pair.continuation)
            )

    def _asked(self, logits: Logits, places: range) -> Iterator[tuple[int, int, int]]:
        """For each pair that asks one of these rows its place, the column of its first token, and its index."""
        for place in places:
            number = logits.rows[place]
            for index in self.askers[number]:
                skipped = self.rows[number].needed - len(self.encoded[index].continuation)
                yield place, logits.starts[place] + skipped, index
