"""Answers written by many rows at a time: a row that ends leaves, and the next prompt takes its place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness_backends.places import Head, Places
from harness_backends.steps import Ending, Sampler
from harness_backends.tree import common_length

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

_WORTH_SHARING = 32
"""Tokens; a head that saves fewer is not run by itself: such a pass costs as much as some twenty tokens in company."""

_WORTH_ENTERING = 4
"""Newcomers wait until one place in so many is free, as a pass costs nearly the same for one row as for a few."""

_MOST_PADDED = 1.25
"""Tokens that a pass for newcomers runs for each one that is asked for, at most."""


@dataclass
class Written:
    """An answer, done or on the way."""

    number: int
    """The place of its prompt in the call."""
    tokens: list[int] = field(default_factory=list)
    """The ending token counted."""
    ended: bool = False
    """Whether it ended by itself."""
    seconds: float = 0.0
    """Its share of the passes that it took part in, and of the head."""


@dataclass(frozen=True)
class Decoder:
    """Writes the answers of one call; the model keeps plain keys and values of every token."""

    module: PreTrainedModel
    head: Head
    places: int
    max_new_tokens: int
    ending: Ending
    sampler: Sampler | None
    """Greedy without one."""

    def write(self, prompts: Sequence[Sequence[int]]) -> list[Written]:
        """One answer a prompt, in the same order. What prompts begin with in common is run once."""
        began = time.perf_counter()
        self.head.become(self.module, _head(prompts))
        answers = [Written(number) for number in range(len(prompts))]
        _share(answers, began)
        start = len(self.head.tokens)
        own = [prompt[start:] for prompt in prompts]
        count, columns = min(self.places, len(prompts)), max(len(row) for row in own) + self.max_new_tokens
        places = Places(self.module, self.head, count, columns)
        # the longest first: those of like length are neighbours, and memory shows at once
        waiting = sorted(answers, key=lambda each: -len(own[each.number]))
        writing: list[Written] = []
        while waiting or writing:
            began = time.perf_counter()
            free = count - len(writing)
            if waiting and (free * _WORTH_ENTERING >= count or not writing):
                busy, waiting = _of_like_length(waiting, own, free)
                writing += busy
                self._go_on(busy, places.enter([own[each.number] for each in busy]))
            else:
                busy = writing
                self._go_on(busy, places.step([each.tokens[-1] for each in busy]))
            done = [place for place, each in enumerate(writing) if self._is_done(each)]
            if done:
                writing = [writing[place] for place in places.leave(done)]
            _share(busy, began)
        return answers

    def _go_on(self, answers: Sequence[Written], logits: Tensor) -> None:
        if self.sampler is not None:
            logits = self.sampler.noisy(logits, [each.number for each in answers])
        for answer, token in zip(answers, logits.argmax(dim=-1).tolist(), strict=True):
            answer.tokens.append(token)
            answer.ended = self.ending.is_reached(answer.tokens)

    def _is_done(self, answer: Written) -> bool:
        return answer.ended or len(answer.tokens) == self.max_new_tokens


def _head(prompts: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """What several prompts begin with, each of which keeps at least one token of its own."""
    first = prompts[0]
    shared = min(min(common_length(first, each), len(each) - 1) for each in prompts)
    return tuple(first[:shared]) if shared * (len(prompts) - 1) >= _WORTH_SHARING else ()


def _of_like_length(
    waiting: Sequence[Written], own: Sequence[Sequence[int]], free: int
) -> tuple[list[Written], list[Written]]:
    """Who of those waiting, the longest first, enters next, at most ``free`` of them, and who goes on waiting."""
    longest, total, count = len(own[waiting[0].number]), 0, 0
    for each in waiting[:free]:
        total += len(own[each.number])
        if (count + 1) * longest > _MOST_PADDED * total:
            break
        count += 1
    return list(waiting[:count]), list(waiting[count:])


def _share(answers: Sequence[Written], began: float) -> None:
    seconds = (time.perf_counter() - began) / len(answers)
    for answer in answers:
        answer.seconds += seconds
