"""What is done at each step of an answer: draw the next token, see whether a stop string has come."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from transformers import LogitsProcessor, StoppingCriteria

from harness import GenerationSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Sampler(LogitsProcessor):
    """Draws each row's next token from its own random numbers, so that an answer does not depend on its neighbours.

    Gumbel's way (Gumbel 1954; Maddison et al. 2014): the largest of the logits, each with Gumbel noise added, is a
    draw from their softmax. The numbers come from the settings' seed, the sample and the attempt.
    """

    def __init__(self, settings: GenerationSettings, keys: Sequence[tuple[str, int]]) -> None:
        self._temperature, self._top_p = settings.temperature, settings.top_p
        self._generators = [_generator(settings.seed, sample, attempt) for sample, attempt in keys]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The logits with noise; their largest is the draw."""
        scores = self._nucleus(scores / self._temperature)
        noise = torch.stack(
            [-torch.empty(scores.shape[1]).exponential_(generator=each).log() for each in self._generators]
        )
        return scores + noise.to(scores)

    def _nucleus(self, scores: torch.Tensor) -> torch.Tensor:
        if self._top_p >= 1:
            return scores
        ordered, places = scores.sort(dim=-1, descending=True)
        before = ordered.softmax(dim=-1).cumsum(dim=-1) - ordered.softmax(dim=-1)
        outside = (before >= self._top_p).scatter(-1, places, before >= self._top_p)
        return scores.masked_fill(outside, float("-inf"))


class StopAt(StoppingCriteria):
    """Ends a row when its answer holds one of the stop strings; remembers after how many tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stops: Sequence[str], start: int) -> None:
        self._tokenizer, self._start = tokenizer, start
        self._stops = [stop for stop in stops if stop]
        # a token may be a single byte, and the first ones of a tail may be half a letter
        self._tail = max((len(stop.encode()) for stop in self._stops), default=0) + 8
        self.lengths: dict[int, int] = {}
        """Row -> tokens of its answer when the stop string was whole."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
        """For each row whether it has ended."""
        count = input_ids.shape[1] - self._start
        tails = input_ids[:, -min(count, self._tail) :].tolist() if count else [[] for _ in input_ids]
        for row, tail in enumerate(tails):
            if row not in self.lengths and self._holds_stop(tail):
                self.lengths[row] = count
        return torch.tensor([row in self.lengths for row in range(len(tails))], device=input_ids.device)

    def _holds_stop(self, tokens: list[int]) -> bool:
        text = str(self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))
        return any(stop in text for stop in self._stops)


def _generator(seed: int, sample_id: str, attempt: int) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}\0{sample_id}\0{attempt}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
