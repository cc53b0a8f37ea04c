"""Answers to prompts, from tokens to what the record keeps."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from harness import Generation, GenerationSettings
from harness_backends.adapters import told_nothing
from harness_backends.decoding import Decoder, Written
from harness_backends.encoding import Encoder
from harness_backends.places import Head
from harness_backends.steps import Ending, EndsRows, Sampler

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass
class Writer:
    """Writes the answers of one call."""

    module: PreTrainedModel
    encoder: Encoder
    ends: tuple[int, ...]
    settings: GenerationSettings
    head: Head | None = None
    """Where the beginning that prompts share is kept; without one, each prompt is computed whole."""
    may_pad: bool = True
    """Whether prompts of unlike length may go together where each is computed whole."""

    def write(self, prompts: Sequence[list[int]], sample_ids: Sequence[str]) -> list[Generation]:
        """One answer a prompt, in the same order."""
        keys = list(zip(sample_ids, _attempts(sample_ids), strict=True))
        written = self._plain(prompts, keys) if self.head is None else self._decoder(self.head, keys).write(prompts)
        return [self._answer(keys[each.number], len(prompts[each.number]), each) for each in written]

    @property
    def _ending(self) -> Ending:
        return Ending(self.encoder.tokenizer, self.ends, self.settings.stop)

    def _decoder(self, head: Head, keys: Sequence[tuple[str, int]]) -> Decoder:
        settings = self.settings
        sampler = Sampler(settings, keys) if settings.temperature > 0 else None
        return Decoder(self.module, head, settings.batch_size, settings.max_new_tokens, self._ending, sampler)

    def _answer(self, key: tuple[str, int], prompt_tokens: int, written: Written) -> Generation:
        text, cut = self._ending.text(written.tokens)
        reason: Literal["stop", "length"] = "stop" if written.ended or cut else "length"
        return Generation(*key, text, reason, prompt_tokens, len(written.tokens), written.seconds)

    def _plain(self, prompts: Sequence[list[int]], keys: Sequence[tuple[str, int]]) -> list[Written]:
        """By the model's own ``generate``, which knows every kind of cache; prompts of like length together."""
        answers = [Written(number) for number in range(len(prompts))]
        answers.sort(key=lambda each: -len(prompts[each.number]))
        for batch in self._batches(answers, prompts):
            began = time.perf_counter()
            rows = self._generated([prompts[each.number] for each in batch], [keys[each.number] for each in batch])
            for answer, row in zip(batch, rows, strict=True):
                answer.tokens, answer.ended = self._ending.cut(row)
                answer.seconds = (time.perf_counter() - began) / len(batch)
        return sorted(answers, key=lambda each: each.number)

    def _batches(self, answers: Sequence[Written], prompts: Sequence[list[int]]) -> Iterator[list[Written]]:
        """The answers, the longest prompts first, as they go through the model together."""
        alike = itertools.groupby(answers, lambda each: 0 if self.may_pad else len(prompts[each.number]))
        for _, group in alike:
            rest = list(group)
            while rest:
                yield rest[: self.settings.batch_size]
                rest = rest[self.settings.batch_size :]

    def _generated(self, prompts: Sequence[list[int]], keys: Sequence[tuple[str, int]]) -> list[list[int]]:
        """For each prompt the tokens that follow it, whatever fills the row up counted."""
        ids, mask = self._layout(prompts)
        module: Any = self.module  # generate comes from a mixin that the declared class does not show
        with told_nothing():
            output = module.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=self.settings.max_new_tokens,
                do_sample=False,  # the sampler has drawn already: the largest of what it leaves is the draw
                logits_processor=[Sampler(self.settings, keys)] if self.settings.temperature > 0 else [],
                stopping_criteria=[EndsRows(self._ending, ids.shape[1])] if self.settings.stop else [],
            )
        rows: list[list[int]] = output[:, ids.shape[1] :].tolist()
        return rows

    def _layout(self, prompts: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """Tokens and mask, padded on the left."""
        import torch

        width = max(len(prompt) for prompt in prompts)
        padding = self.module.generation_config.pad_token_id
        ids = torch.tensor([[*[padding] * (width - len(prompt)), *prompt] for prompt in prompts])
        places = torch.arange(width)
        mask = torch.stack([places >= width - len(prompt) for prompt in prompts]).long()
        return ids.to(self.module.device), mask.to(self.module.device)


def _attempts(sample_ids: Sequence[str]) -> list[int]:
    """0, 1, ... for the first, second, ... time that a sample is asked in this call."""
    seen: dict[str, int] = {}
    numbers = []
    for sample_id in sample_ids:
        numbers.append(seen.get(sample_id, 0))
        seen[sample_id] = numbers[-1] + 1
    return numbers
