"""How likely continuations are after their contexts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness import LogLikelihood, Prompt
from harness_backends.encoding import Encoder, Pair
from harness_backends.passes import last_logits
from harness_backends.rows import Row

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


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
    encoded = [encoder.pair(*pair) for pair in pairs]
    asking = _by_input(encoded, encoder.max_length)
    rows = [Row(tokens, max(len(encoded[index].continuation) for index in who)) for tokens, who in asking.items()]
    answers: dict[int, LogLikelihood] = {}
    askers = list(asking.values())
    for number, logits in last_logits(module, rows, batch_size=batch_size, share_heads=share_heads):
        # logsumexp is ten times as exact, but lm-eval takes this, and over thirty tokens the two part by 4e-4
        likely = logits.log_softmax(dim=-1)
        greedy = logits.argmax(dim=-1).tolist()
        for index in askers[number]:
            answers[index] = _answer(encoded[index], likely, greedy)
    return [answers[index] for index in range(len(pairs))]


def _by_input(encoded: Sequence[Pair], max_length: int) -> dict[tuple[int, ...], list[int]]:
    """What goes into the model -> which pairs ask for it; the last token is only predicted, never looked at."""
    asking: dict[tuple[int, ...], list[int]] = {}
    for index, pair in enumerate(encoded):
        tokens = (*pair.context, *pair.continuation)[-(max_length + 1) :][:-1]
        asking.setdefault(tokens, []).append(index)
    return asking


def _answer(pair: Pair, likely: Tensor, greedy: Sequence[int]) -> LogLikelihood:
    count = len(pair.continuation)
    value = float(likely[-count:][range(count), pair.continuation].sum())
    return LogLikelihood(value, list(greedy[-count:]) == pair.continuation, len(pair.context), count)
