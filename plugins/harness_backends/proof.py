"""The proof that an adapter acts on what is really asked: an evaluation must not show the base model as the adapter."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from harness import ModelFailed
from harness_backends.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

_ROWS = 4


def prove(weights: Weights, adapter: Path, requests: Iterable[Sequence[int]]) -> None:
    """Raise ``ModelFailed`` unless the adapter changes what the model expects after the first few rows of tokens.

    When it was loaded it acted on made-up tokens; this is about what came after, and about the requests themselves.
    """
    import torch

    rows = list(dict.fromkeys(tuple(tokens) for tokens in islice(requests, _ROWS)))
    with torch.inference_mode():
        acting = _expected(weights.module(adapter), rows)
        base = _expected(weights.module(None), rows)
    if torch.equal(acting, base):
        raise ModelFailed(
            f"the adapter {adapter} changes nothing: after the first requests the model expects the same with it and "
            "without it; train it again, or name another one"
        )


def _expected(module: PreTrainedModel, rows: Sequence[Sequence[int]]) -> Tensor:
    """The logits after each row; one row at a time, so that the longest decides what memory it takes."""
    import torch

    last = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(module.forward).parameters else {}
    ids = (torch.tensor([row], device=module.device) for row in rows)
    return torch.stack([module(input_ids=each, use_cache=False, **last).logits[0, -1] for each in ids])
