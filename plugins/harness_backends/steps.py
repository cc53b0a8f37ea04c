"""What is done at each step of an answer: draw the next token, see whether the answer has ended."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
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
        """The logits of every row with noise, as Transformers asks for them."""
        return self.noisy(scores, range(len(self._generators)))

    def noisy(self, logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        """The logits of these rows, by the places of their keys, with noise; their largest is the draw."""
        scores = self._nucleus(logits / self._temperature)
        noise = torch.stack(
            [-torch.empty(scores.shape[1]).exponential_(generator=self._generators[row]).log() for row in rows]
        )
        return scores + noise.to(scores)

    def _nucleus(self, scores: torch.Tensor) -> torch.Tensor:
        if self._top_p >= 1:
            return scores
        ordered, places = scores.sort(dim=-1, descending=True)
        before = ordered.softmax(dim=-1).cumsum(dim=-1) - ordered.softmax(dim=-1)
        outside = (before >= self._top_p).scatter(-1, places, before >= self._top_p)
        return scores.masked_fill(outside, float("-inf"))


@dataclass(frozen=True)
class Ending:
    """When an answer has ended: with one of the tokens that end answers, or as soon as it holds a stop string."""

    tokenizer: PreTrainedTokenizerBase
    tokens: tuple[int, ...]
    stops: tuple[str, ...]

    def is_reached(self, answer: Sequence[int]) -> bool:
        """Whether this answer, not ended one token before, has ended now."""
        return answer[-1] in self.tokens or self._holds_stop(answer)

    def cut(self, answer: Sequence[int]) -> tuple[list[int], bool]:
        """The answer up to its end, the ending token counted, and whether it has ended at all."""
        for count in range(1, len(answer) + 1):
            if self.is_reached(answer[:count]):
                return list(answer[:count]), True
        return list(answer), False

    def text(self, answer: Sequence[int]) -> tuple[str, bool]:
        """The answer's text before its first stop string, and whether one was there."""
        whole = text = self._decoded(answer)
        for stop in self.stops:
            text = text.split(stop)[0] if stop else text
        return text, text != whole

    def _holds_stop(self, answer: Sequence[int]) -> bool:
        stops = [stop for stop in self.stops if stop]
        if not stops:
            return False
        # a token may be a single byte, and the first ones of a tail may be half a letter
        # special tokens are text here, as for lm-eval: "<|im_end|>" may be a stop and not the model's own end
        tail = self._decoded(answer[-max(len(stop.encode()) for stop in stops) - 8 :], skip_special=False)
        return any(stop in tail for stop in stops)

    def _decoded(self, tokens: Sequence[int], *, skip_special: bool = True) -> str:
        text = self.tokenizer.decode(list(tokens), skip_special_tokens=skip_special, clean_up_tokenization_spaces=False)
        return str(text)


class EndsRows(StoppingCriteria):
    """An ``Ending`` as Transformers asks for it, of rows whose answers begin at column ``start``."""

    def __init__(self, ending: Ending, start: int) -> None:
        self._ending, self._start = ending, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
        """For each row whether it has ended."""
        answers = input_ids[:, self._start :].tolist()
        return torch.tensor([self._ending.is_reached(answer) for answer in answers], device=input_ids.device)


def _generator(seed: int, sample_id: str, attempt: int) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}\0{sample_id}\0{attempt}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
