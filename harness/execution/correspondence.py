"""What a judge asks its models: each request once, however many runs need it, and within the budget.

The record is the cache. A request is known by the digest of what computes and of what is asked; what was once replied
is not asked again, so that judging the same answers anew costs nothing, and a crash costs the requests in the air.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.catalog import Catalog
from harness.identity import digest
from harness.protocols import Backend, Model, RemoteModel
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import Generation, JudgeModel, ModelFacts, Prompt, Reply, Spent

_LENGTH = 16
"""Bytes of a digest that are kept."""
UNKNOWN = "unknown"
"""What a backend says of weights that it does not see, as those behind a server."""


class Ledger(Protocol):
    """Where replies are kept, so that none is asked for twice."""

    def replies(self, requests: Sequence[bytes]) -> Mapping[bytes, Reply]:
        """What is known of these requests."""
        ...

    def spent(self, model: str) -> Spent:
        """What has been used up of a model."""
        ...

    def add(self, request: bytes, model: str, reply: Reply, money: float) -> None:
        """Keep what a model said; it is on the disk when this returns."""
        ...


@dataclass(frozen=True, slots=True)
class JudgesLedger:
    """The record as one judge of one experiment sees it: all that was ever replied is known, its own is its budget."""

    experiment: str
    judge: str
    """By its label."""
    writer: Writer
    reader: Reader

    def replies(self, requests: Sequence[bytes]) -> Mapping[bytes, Reply]:
        """Of any judge in any experiment."""
        return self.reader.replies(requests)

    def spent(self, model: str) -> Spent:
        """By this judge in this experiment."""
        return self.reader.spent(self.experiment, self.judge, model)

    def add(self, request: bytes, model: str, reply: Reply, money: float) -> None:
        """For every later experiment too."""
        self.writer.add_reply(request, self.experiment, self.judge, model, reply, money)


@dataclass(slots=True)
class Correspondence:
    """The models that somebody asks; open while ``with`` lasts."""

    catalog: Catalog
    ledger: Ledger
    _opened: dict[str, _Correspondent] = field(default_factory=dict)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Correspondence:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(self, model: JudgeModel, prompts: Sequence[Prompt]) -> list[Reply]:
        """One reply a prompt, in order; what is in the record is not asked."""
        asked = self._correspondent(model)
        requests = [asked.request(prompt) for prompt in prompts]
        wanted = dict(zip(requests, prompts, strict=True))  # what stands twice is asked once
        known = dict(self.ledger.replies(list(wanted)))
        for request, reply in asked.ask({each: wanted[each] for each in wanted if each not in known}):
            if reply.text is not None:
                money = asked.cost(reply)
                self.ledger.add(request, model.name, reply, money)
                asked.spend(reply, money)
            known[request] = reply
        return [known.get(request) or Reply(None, asked.ended) for request in requests]

    def _correspondent(self, model: JudgeModel) -> _Correspondent:
        name = digest(model)
        if name not in self._opened:
            backend: Backend = self.catalog.make("backend", model.backend_ref).instance
            view = self._stack.enter_context(backend.open(model.ref))
            spent = self.ledger.spent(model.name)
            self._opened[name] = _Correspondent(model, view, spent)
        return self._opened[name]


@dataclass(slots=True)
class _Correspondent:
    """One opened model and what it has cost so far."""

    model: JudgeModel
    view: Model
    spent: Spent
    ended: str = "it was not asked"
    """Why the last request that was held back was."""
    _in_the_air: int = 0

    def request(self, prompt: Prompt) -> bytes:
        """What tells this request from every other."""
        asked = [_computes(self.view.facts), prompt, self.model.max_new_tokens, self.model.temperature]
        return bytes.fromhex(digest(asked))[:_LENGTH]

    def ask(self, prompts: Mapping[bytes, Prompt]) -> Iterator[tuple[bytes, Reply]]:
        """The replies as they come, until the budget is spent."""
        requests = list(prompts)
        if isinstance(self.view, RemoteModel):
            for index, reply in self.view.replies(list(prompts.values()), self.model.settings, self._goes_on):
                self._in_the_air -= 1
                yield requests[index], reply
            return
        for first in range(0, len(requests), self.model.batch_size):
            some = [each for each in requests[first : first + self.model.batch_size] if self._goes_on()]
            if not some:
                return
            asked, names = [prompts[each] for each in some], [each.hex() for each in some]
            answers = self.view.generate(asked, self.model.settings, sample_ids=names)
            for request, given in zip(some, answers, strict=True):
                self._in_the_air -= 1
                yield request, self._reply(given)

    def _reply(self, given: Generation) -> Reply:
        """A local model's answer as a reply; where the beginning of the prompt was cut off, the rules were too."""
        window = self.view.facts.window
        if window is not None and given.prompt_tokens >= window - self.model.max_new_tokens:
            why = f"the prompt does not fit the model's window of {window:,} tokens; lower max_answer_chars"
            return Reply(None, why, "length", given.prompt_tokens, given.output_tokens, given.seconds)
        ended = given.finish_reason
        return Reply(given.text, None, ended, given.prompt_tokens, given.output_tokens, given.seconds)

    def cost(self, reply: Reply) -> float:
        """In the money of the prices."""
        prices = self.model.prices
        return (prices.input * reply.prompt_tokens + prices.output * reply.output_tokens) / 1e6

    def spend(self, reply: Reply, money: float) -> None:
        """Count a reply."""
        tokens = self.spent.tokens + reply.prompt_tokens + reply.output_tokens
        self.spent = Spent(self.spent.calls + 1, tokens, self.spent.money + money)

    def _goes_on(self) -> bool:
        budget, spent = self.model.budget, self.spent
        used = (
            (budget.calls, spent.calls + self._in_the_air, "{:,} calls"),
            (budget.tokens, spent.tokens, "{:,} tokens"),
            (budget.money, spent.money, "{:g}"),
        )
        for limit, amount, words in used:
            if limit is not None and amount >= limit:
                self.ended = f"the judge's budget of {words.format(limit)} is spent"
                return False
        self._in_the_air += 1
        return True


def _computes(facts: ModelFacts) -> list[str | None]:
    """What replies: by its content, and by its place where that is all that is known of it."""
    place = [facts.folder, facts.name] if facts.weights_sha256 == UNKNOWN else []
    content = [facts.weights_sha256, facts.config_sha256, facts.tokenizer_sha256, facts.template_sha256, facts.dtype]
    return [*place, *content]
