"""A model behind a server, as the harness asks it: many requests in the air, their replies as they come."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from harness import (
    Generation,
    GenerationSettings,
    LogLikelihood,
    Model,
    ModelFacts,
    ModelFailed,
    Prompt,
    Reply,
    UsageError,
    digest,
)
from harness_backends.openai_request import Answer, Request, Server

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

HOPELESS = 16
"""After so many requests in a row that the server could do nothing with, the others are not sent."""
_UNKNOWN = "unknown"


@dataclass
class OpenAIModel:
    """A server's model; requests go on in a thread of their own while the caller does something with a reply."""

    name: str
    server: Server
    portal: BlockingPortal = field(repr=False)
    concurrency: int
    limit: str
    """What the server calls the most tokens of an answer."""
    extra: Mapping[str, Any]
    _in_air: set[Future[Answer]] = field(default_factory=set, repr=False)
    _is_closed: bool = False

    @property
    def facts(self) -> ModelFacts:
        """What the record keeps: a server shows no weights, so its address and the model's name stand for them."""
        return ModelFacts(
            name=self.name,
            folder=self.server.url,
            weights_sha256=_UNKNOWN,
            template_sha256=_UNKNOWN,
            tokenizer_sha256=_UNKNOWN,
            config_sha256=digest(self.extra) if self.extra else _UNKNOWN,
            dtype=_UNKNOWN,
            device="server",
            parameters=0,
            # a recorded answer is known by this too: without it two servers' answers would pass for each other's
            path_taken=f"chat completions of {self.name} at {self.server.url}",
        )

    def with_adapter(self, adapter: Path | None) -> Model:
        """The model itself; raises ``UsageError`` for an adapter, which would have to be on the server's side."""
        if adapter is None:
            return self
        raise UsageError(
            f"{self.name} is behind a server, which takes no adapter from here",
            remedy="serve the adapter, or the model merged with it, and name it as the server does",
        )

    def rendered(self, prompt: Prompt) -> str:
        """The messages as JSON; the chat template is the server's."""
        return json.dumps(_messages(prompt), ensure_ascii=False)

    def generate(
        self, prompts: Sequence[Prompt], settings: GenerationSettings, *, sample_ids: Sequence[str]
    ) -> Sequence[Generation]:
        """One answer a prompt, in the same order; raises ``ModelFailed`` if there is one that cannot be had."""
        answers: dict[int, Generation] = {}
        attempts = _earlier(sample_ids)
        for index, reply in self.replies(prompts, settings, lambda: True):
            if reply.text is None:
                raise ModelFailed(f"{self.name} has no answer to sample {sample_ids[index]}: {reply.why_missing}")
            answers[index] = Generation(
                sample_ids[index],
                attempts[index],
                reply.text,
                "length" if reply.finish_reason == "length" else "stop",
                reply.prompt_tokens,
                reply.output_tokens,
                reply.seconds,
            )
        return [answers[index] for index in range(len(prompts))]

    def log_likelihoods(self, pairs: Sequence[tuple[Prompt, str]], *, batch_size: int) -> Sequence[LogLikelihood]:
        """Raise ``UsageError``: chat completions tell nothing of texts that the model does not write itself."""
        raise self._no_log_likelihoods

    def rolling_log_likelihoods(self, texts: Sequence[str], *, batch_size: int) -> Sequence[LogLikelihood]:
        """Raise ``UsageError``: chat completions tell nothing of texts that the model does not write itself."""
        raise self._no_log_likelihoods

    def replies(
        self, prompts: Sequence[Prompt], settings: GenerationSettings, goes_on: Callable[[], bool]
    ) -> Iterator[tuple[int, Reply]]:
        """Each prompt's index with its reply, in the order in which they come; one that failed for good says why.

        ``goes_on`` is asked in the caller's thread, once for each prompt: what is tried again is the same request.
        Closed early, what is in the air is called off. Raises ``ModelFailed`` as soon as the server shows that it will
        answer nothing, and after ``HOPELESS`` requests in a row that came to nothing.
        """
        waiting = enumerate(zip(prompts, _earlier(prompts), strict=True))
        indices: dict[Future[Answer], int] = {}
        arrived: SimpleQueue[Future[Answer]] = SimpleQueue()
        failed = 0
        try:
            while True:
                room = self.concurrency - len(indices)
                for index, (prompt, attempt) in itertools.islice(waiting, room):
                    if not goes_on():
                        waiting = enumerate(())
                        break
                    indices[self._sent(self._request(prompt, settings, attempt), arrived)] = index
                if not indices:
                    return
                future = arrived.get()
                index, answer = indices.pop(future), self._come(future)
                failed = 0 if answer.is_understood else failed + 1
                if failed == HOPELESS:
                    raise ModelFailed(f"{failed} requests in a row came to nothing: {answer.reply.why_missing}")
                yield index, _ended(answer.reply, settings.stop)
        finally:
            for future in indices:
                future.cancel()

    def close(self) -> None:
        """Call off what is in the air; nothing can be asked from now on."""
        self._is_closed = True
        for future in list(self._in_air):
            future.cancel()

    def _sent(self, request: Request, arrived: SimpleQueue[Future[Answer]]) -> Future[Answer]:
        if self._is_closed:
            raise self._closed
        future = self.portal.start_task_soon(self.server.ask, request)
        self._in_air.add(future)
        future.add_done_callback(self._in_air.discard)
        future.add_done_callback(arrived.put)
        return future

    def _come(self, future: Future[Answer]) -> Answer:
        try:
            return future.result()
        except CancelledError:
            raise self._closed from None

    def _request(self, prompt: Prompt, settings: GenerationSettings, attempt: int) -> Request:
        """Greedy unless a temperature is given; the same prompt asked again draws with another seed."""
        fields: dict[str, Any] = {self.limit: settings.max_new_tokens, "temperature": settings.temperature}
        if settings.temperature > 0:
            fields |= {"top_p": settings.top_p, "seed": settings.seed + attempt}
        if settings.stop:
            fields["stop"] = list(settings.stop)
        fields |= self.extra
        told = {name: value for name, value in fields.items() if value is not None}
        return Request(self.name, _messages(prompt), told)

    @property
    def _closed(self) -> ModelFailed:
        return ModelFailed(f"{self.name} is closed")

    @property
    def _no_log_likelihoods(self) -> UsageError:
        return UsageError(
            f"a server gives no log-likelihoods here, and {self.name} is behind one",
            remedy="ask it in generate mode, or open its weights with backend: transformers",
        )


def _messages(prompt: Prompt) -> list[dict[str, str]]:
    """As chat completions take them; raw text is what a user says."""
    if isinstance(prompt, str):
        return [{"role": "user", "content": _whole(prompt)}]
    return [{"role": message.role, "content": _whole(message.content)} for message in prompt]


def _whole(text: str) -> str:
    """The text with each half of a character replaced: no encoding that goes over a wire has halves."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _earlier(values: Sequence[Hashable]) -> list[int]:
    """How often each value stood before."""
    seen: Counter[Hashable] = Counter()
    counts = []
    for value in values:
        counts.append(seen[value])
        seen[value] += 1
    return counts


def _ended(reply: Reply, stops: Sequence[str]) -> Reply:
    """The reply up to the first of the stops: some servers leave it in the text."""
    text = reply.text or ""
    ends = [end for stop in stops if stop and (end := text.find(stop)) >= 0]
    return replace(reply, text=text[: min(ends)], finish_reason="stop") if ends else reply
