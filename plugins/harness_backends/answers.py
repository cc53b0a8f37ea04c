"""Answers to prompts, written by the model token by token."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from harness import Generation, GenerationSettings
from harness_backends.encoding import Encoder
from harness_backends.heads import Heads
from harness_backends.rows import batched, common_length
from harness_backends.steps import Sampler, StopAt

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

_STRIDE = 16
"""Tokens; heads are whole multiples of it, so that calls whose prompts happen to share a word more share one head."""


@dataclass
class Head:
    """The beginning that the prompts of the last call shared, kept because the next call's usually share it too.

    What is kept changes no answer: it is used again only where the next call would have made the very same.
    """

    tokens: tuple[int, ...] = ()
    heads: Heads | None = None

    def fit(self, module: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> None:
        """Become the beginning of these prompts, each of which keeps at least one token of its own."""
        first = prompts[0]
        shared = min(min(common_length(first, each), len(each) - 1) for each in prompts) if len(prompts) > 1 else 0
        tokens = tuple(first[: shared - shared % _STRIDE])
        if tokens != self.tokens:
            self.tokens, self.heads = tokens, Heads.run(module, [tokens]) if tokens else None


@dataclass
class Writer:
    """Writes the answers of one call."""

    module: PreTrainedModel
    encoder: Encoder
    ends: tuple[int, ...]
    settings: GenerationSettings
    head: Head = field(default_factory=Head)

    def write(self, prompts: Sequence[list[int]], sample_ids: Sequence[str]) -> list[Generation]:
        """One answer a prompt, in the same order; prompts of like length go through the model together."""
        attempts = _attempts(sample_ids)
        answers: dict[int, Generation] = {}
        order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
        for batch in batched(order, self.settings.batch_size):
            began = time.perf_counter()
            keys = [(sample_ids[index], attempts[index]) for index in batch]
            written = self._batch([prompts[index] for index in batch], keys)
            seconds = (time.perf_counter() - began) / len(batch)
            for index, (tokens, stopped) in zip(batch, written, strict=True):
                text, cut = self._text(tokens)
                reason: Literal["stop", "length"] = "stop" if stopped or cut else "length"
                answers[index] = Generation(
                    sample_ids[index], attempts[index], text, reason, len(prompts[index]), len(tokens), seconds
                )
        return [answers[index] for index in range(len(prompts))]

    def _batch(self, prompts: Sequence[list[int]], keys: Sequence[tuple[str, int]]) -> list[tuple[list[int], bool]]:
        """For each prompt the tokens of its answer, and whether it ended by itself."""
        ids, mask = self._layout(prompts)
        stop = StopAt(self.encoder.tokenizer, self.settings.stop, ids.shape[1])
        processors = [Sampler(self.settings, keys)] if self.settings.temperature > 0 else []
        past = {} if self.head.heads is None else {"past_key_values": self.head.heads.cache([0] * len(prompts))}
        module: Any = self.module  # generate comes from a mixin that the declared class does not show
        output = module.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=self.settings.max_new_tokens,
            do_sample=False,  # the sampler has drawn already: the largest of what it leaves is the draw
            logits_processor=processors,
            stopping_criteria=[stop] if self.settings.stop else [],
            **past,
        )
        rows = output[:, ids.shape[1] :].tolist()
        return [self._ended(row, stop.lengths.get(number)) for number, row in enumerate(rows)]

    def _layout(self, prompts: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """Tokens and mask, each row as [head][padding][rest of the prompt]."""
        import torch

        start = len(self.head.tokens)
        width = max(len(prompt) for prompt in prompts)
        ids = torch.full((len(prompts), width), self.module.generation_config.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            for tokens, place in ((prompt[:start], 0), (prompt[start:], width - len(prompt) + start)):
                ids[row, place : place + len(tokens)] = torch.tensor(tokens, dtype=ids.dtype)
                mask[row, place : place + len(tokens)] = 1
        return ids.to(self.module.device), mask.to(self.module.device)

    def _ended(self, row: list[int], stopped: int | None) -> tuple[list[int], bool]:
        """The answer's own tokens, the ending token counted, without what fills the row up."""
        found = [place + 1 for place, token in enumerate(row) if token in self.ends][:1]
        lengths = [*found, *([stopped] if stopped is not None else [])]
        return (row[: min(lengths)], True) if lengths else (row, False)

    def _text(self, tokens: list[int]) -> tuple[str, bool]:
        """The text before the first stop string, and whether one was there."""
        decoded = self.encoder.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        whole = text = str(decoded)
        for stop in self.settings.stop:
            text = text.split(stop)[0] if stop else text
        return text, text != whole


def _attempts(sample_ids: Sequence[str]) -> list[int]:
    """0, 1, ... for the first, second, ... time that a sample is asked in this call."""
    seen: dict[str, int] = {}
    numbers = []
    for sample_id in sample_ids:
        numbers.append(seen.get(sample_id, 0))
        seen[sample_id] = numbers[-1] + 1
    return numbers
