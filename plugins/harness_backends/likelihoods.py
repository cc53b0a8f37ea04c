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
    from torch import Tensor
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
    """One for each (context, continuation), in the same order, as ``weighed`` gives them."""
    encoded = encoder.pairs(pairs)
    return weighed(module, encoded, encoder.max_length, batch_size=batch_size, share_heads=share_heads)


def weighed(
    module: PreTrainedModel, encoded: Sequence[Pair], max_length: int, *, batch_size: int, share_heads: bool
) -> list[LogLikelihood]:
    """One for each pair, in the same order; natural logarithms, summed over the continuation.

    Beyond the model's length the beginning of the context is left out. Pairs that put the same tokens to the model,
    as choices of one token each after one question, share one row.
    """
    asking = _by_input(encoded, max_length)
    askers = list(asking.values())
    rows = [Row(tokens, max(len(encoded[index].continuation) for index in who)) for tokens, who in asking.items()]
    reading = _Reading(encoded, rows, askers)
    read_logits(module, rows, reading.read, batch_size=batch_size, share_heads=share_heads)
    return [reading.answers[index] for index in range(len(encoded))]


def _by_input(encoded: Sequence[Pair], max_length: int) -> dict[tuple[int, ...], list[int]]:
    """What goes into the model -> which pairs ask for it."""
    asking: dict[tuple[int, ...], list[int]] = {}
    for index, pair in enumerate(encoded):
        asking.setdefault(tuple(pair.input(max_length)), []).append(index)
    return asking


@dataclass
class _Reading:
    """Picks from logits what the pairs ask for; a few large transfers rather than one a pair."""

    encoded: Sequence[Pair]
    rows: Sequence[Row]
    askers: Sequence[Sequence[int]]
    answers: dict[int, LogLikelihood] = field(default_factory=dict)

    def read(self, logits: Logits) -> None:
        import torch

        asked = list(self._asked(logits))
        picked = [
            (start + offset, token)
            for start, index in asked
            for offset, token in enumerate(self.encoded[index].continuation)
        ]
        places, tokens = torch.tensor(picked).T
        likely, greedy = _picked(logits.values.flatten(0, 1), places, tokens)
        start = 0
        for _, index in asked:
            pair = self.encoded[index]
            span = slice(start, start := start + len(pair.continuation))
            self.answers[index] = LogLikelihood(
                float(likely[span].sum()), bool(greedy[span].all()), len(pair.context), len(pair.continuation)
            )

    def _asked(self, logits: Logits) -> Iterator[tuple[int, int]]:
        """For each pair that asks one of these rows the place of its first token, row after row, and its index."""
        columns = logits.values.shape[1]
        for row, (number, start) in enumerate(zip(logits.rows, logits.starts, strict=True)):
            for index in self.askers[number]:
                skipped = self.rows[number].needed - len(self.encoded[index].continuation)
                yield row * columns + start + skipped, index


def _picked(values: Tensor, places: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """The log-probability of each token at its place, and whether no other is likelier there.

    ``values`` has the shape (places, vocabulary); only a few of the places are looked at together, because one text of
    some thousand tokens has more probabilities than there is room for.
    """
    import torch

    likely, greedy = torch.empty(len(places)), torch.empty(len(places), dtype=torch.bool)
    step = max(1, _NUMBERS // values.shape[1])
    for first in range(0, len(values), step):
        here = (places >= first) & (places < first + step)
        if not here.any():
            continue
        some = values[first : first + step].float()
        place, token = (places[here] - first).to(values.device), tokens[here].to(values.device)
        # logsumexp is ten times as exact, but lm-eval takes this, and over thirty tokens the two part by 4e-4
        likely[here] = some.log_softmax(dim=-1)[place, token].cpu()
        greedy[here] = (some.argmax(dim=-1)[place] == token).cpu()
    return likely, greedy
