"""How likely whole texts are: each token once, a text longer than the model in windows.

The windows are those of the language model evaluation harness (lm-eval 0.4), so that a perplexity is of the same
tokens, after as much context, there and here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness import LogLikelihood
from harness_backends.encoding import Encoder, Pair
from harness_backends.likelihoods import weighed

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_LOGITS = 1 << 29
"""Logits to hold at a time, 2 GB in float32: a window asks for those at all its places, not only at its end."""


def windows(encoder: Encoder, texts: Sequence[str]) -> list[list[Pair]]:
    """The windows of each text; none for a text without tokens."""
    return [cut(tokens, encoder.prefix, encoder.max_length) for tokens in encoder.texts(texts)]


def cut(tokens: Sequence[int], prefix: int, max_length: int) -> list[Pair]:
    """Windows whose continuations, one after the other, are the tokens.

    Each is as long as the model can look at together. The first comes after ``prefix``, and each further one after the
    last token of the one before it: at its beginning the model knows nothing else. The last, where few tokens are left,
    has as much context as there is room for.
    """
    before = [prefix, *tokens]
    found = []
    for start in range(0, len(tokens), max_length):
        end = min(start + max_length, len(tokens))
        found.append(Pair(before[max(0, end - max_length) : start + 1], list(tokens[start:end])))
    return found


def rolling_log_likelihoods(
    module: PreTrainedModel, texts: Sequence[Sequence[Pair]], max_length: int, *, batch_size: int
) -> list[LogLikelihood]:
    """One for the windows of each text, in the same order; natural logarithms, summed over all its tokens.

    ``context_tokens`` is the one token before the text. A text without tokens has the log-likelihood 0. Where the
    logits of ``batch_size`` windows would take too much memory, fewer go through the model together.
    """
    flat = list(itertools.chain.from_iterable(texts))
    longest = max((len(window.continuation) for window in flat), default=1)
    room = _LOGITS // (longest * int(module.config.get_text_config().vocab_size))
    # no heads are shared: of a window that asks about every token, none can be taken over
    weights = iter(weighed(module, flat, max_length, batch_size=max(1, min(batch_size, room)), share_heads=False))
    return [_summed([next(weights) for _ in own]) for own in texts]


def _summed(weights: Sequence[LogLikelihood]) -> LogLikelihood:
    return LogLikelihood(
        value=math.fsum(weight.value for weight in weights),
        is_greedy=all(weight.is_greedy for weight in weights),
        context_tokens=weights[0].context_tokens if weights else 0,
        continuation_tokens=sum(weight.continuation_tokens for weight in weights),
    )
