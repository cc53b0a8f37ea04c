"""One request to a server, tried until it is answered or nothing more is to be hoped for."""

from __future__ import annotations

import asyncio
import email.utils
import json
import math
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from harness import ModelFailed, Reply

if TYPE_CHECKING:
    from openai import APIConnectionError, APIStatusError, AsyncOpenAI

FIRST_WAIT = 0.5
"""Seconds before the second try; twice as long before each further one."""
LONGEST_WAIT = 8.0
LONGEST_ASKED = 60.0
"""A server that asks for a longer wait is tried again after so many seconds all the same."""
LARGEST_BODY = 8 << 20
"""Bytes of an answer; a larger one is not read to its end."""
_LARGEST_COUNT = 1 << 40
_SHORT = 200
_SECRET = 16
"""Characters of a key that is worth hiding: a local server's ``none`` or ``EMPTY`` is a word that answers hold."""

_MAY_PASS = frozenset({408, 409, 425, 429})
"""What may be otherwise the next time, besides every 5xx."""
_OF_ONE = frozenset({400, 413, 422})
"""What may be about this request alone; any other 4xx holds for all."""
_OF_THE_PROMPT = re.compile(
    r"context|too (long|large)|exceed|inputs?\W.*tokens|content.?(filter|polic|management)|moderation|safety", re.I
)
"""How servers say that it is this prompt which they do not take, rather than the way in which they are asked."""
_TOLD = (("finish_reason",), ("message", "content"), ("message", "refusal"))
"""Where a choice says why it ended, what the model wrote, and that it would not."""
_NO_MONEY = "insufficient_quota"
"""OpenAI says so with the status of those that ask too fast."""
_REMEDIES = {
    401: "; look at the key in {key_name}",
    403: "; look at what the key in {key_name} may do",
    404: "; look at base_url, which often ends in /v1, and at the model's name",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked."""

    model: str
    messages: Sequence[Mapping[str, str]]
    fields: Mapping[str, Any]
    """What else the request says."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request."""

    reply: Reply
    is_understood: bool
    """Whether the server works and takes requests of this form: it replied, or does not take this prompt."""


class _MayPassError(Exception):
    """A try failed for a reason that may be gone the next time."""

    def __init__(self, reason: str, asked: float = 0.0) -> None:
        super().__init__(reason)
        self.asked = asked
        """Seconds that the server wants to be left alone."""


@dataclass(frozen=True)
class Server:
    """A server and how it is asked."""

    client: AsyncOpenAI = field(repr=False)
    url: str
    key: str = field(repr=False)
    key_name: str
    """The variable that holds the key."""
    timeout: float
    retries: int

    async def ask(self, request: Request) -> Answer:
        """What came of the request at last; raises ``ModelFailed`` where none to this server can go well.

        The reply's ``seconds`` are those of the try that went well.
        """
        reason = ""
        for tried in range(self.retries + 1):
            try:
                return await self._try(request)
            except _MayPassError as fault:
                reason, asked = str(fault), fault.asked
            if tried < self.retries:
                await asyncio.sleep(_wait(tried) + min(asked, LONGEST_ASKED))
        tries = f"{self.retries + 1} tries" if self.retries else "1 try"
        return Answer(Reply(None, f"the server {self.url} gave no answer in {tries}: {reason}"), False)

    async def _try(self, request: Request) -> Answer:
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout):  # the client's own begins anew with each byte that comes
                body = await self._body(request)
        except (TimeoutError, APITimeoutError):
            way_out = "a larger timeout or a smaller concurrency may help"
            raise _MayPassError(f"nothing within {self.timeout:g} s; {way_out}") from None
        except APIStatusError as error:
            refusal = error
        except APIConnectionError as error:
            raise _MayPassError(_broken(error)) from None
        else:
            reply = _reply(self._without_key(body))
            if reply is None:
                raise _MayPassError("an answer that is no chat completion")
            return Answer(replace(reply, seconds=time.perf_counter() - began), True)
        return self._refused(refusal)  # out here, so that what it raises does not carry the request with it

    async def _body(self, request: Request) -> bytes:
        """The bytes of a good answer; read here, since the client would read a body of any size."""
        body = bytearray()
        messages: Any = request.messages  # the client's types name each role apart
        create = self.client.chat.completions.with_streaming_response.create
        async with create(model=request.model, messages=messages, extra_body=dict(request.fields)) as response:
            try:
                async for piece in response.iter_bytes():
                    body += piece
                    if len(body) > LARGEST_BODY:
                        raise _MayPassError(f"more than {LARGEST_BODY:,} bytes")
            except Exception as error:
                # the HTTP library's own error; which library it is differs with the client's version
                if not type(error).__module__.startswith("httpx"):
                    raise
                raise _MayPassError(f"an answer that broke off ({type(error).__name__})") from None
        return bytes(body)

    def _refused(self, error: APIStatusError) -> Answer:
        """What a status other than 200 means for this request; raises where it means the same for all."""
        status, said = error.status_code, self._said(error.body)
        told = f"{status} {said}".strip()
        if error.code == _NO_MONEY:
            raise ModelFailed(f"the server {self.url} answers nothing more: {told}")
        if status in _MAY_PASS or status >= 500:
            raise _MayPassError(told, _asked(error.response.headers))
        if status in _OF_ONE:
            is_the_prompt = status == 413 or _OF_THE_PROMPT.search(f"{error.code} {said}") is not None
            return Answer(Reply(None, f"the server {self.url} refused the request: {told}"), is_the_prompt)
        remedy = _REMEDIES.get(status, "").format(key_name=self.key_name)
        raise ModelFailed(f"the server {self.url} refuses every request: {told}{remedy}")

    def _said(self, body: object) -> str:
        """The server's own words on what is wrong, made short and harmless."""
        if isinstance(body, dict):
            body = next((body[name] for name in ("message", "detail", "error") if body.get(name)), "")
        return _short(self._without_key(str(body or "").encode(errors="replace")).decode(errors="replace"))

    def _without_key(self, body: bytes) -> bytes:
        """A server may say back what it was sent."""
        return body.replace(self.key.encode(), b"[key]") if len(self.key) >= _SECRET else body


def _wait(tried: int) -> float:
    """Seconds before the next try, half of them left to chance: what failed together does not come back together."""
    # the system's own dice: those of a seeded program are not to be thrown here
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0**tried) * random.SystemRandom().uniform(0.5, 1.0)


def _asked(headers: Mapping[str, str]) -> float:
    """Seconds that ``Retry-After`` asks for, as a number or as a date; 0 without one that can be read."""
    told = headers.get("retry-after", "")
    try:
        seconds = float(told)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(told).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return 0.0 if math.isnan(seconds) else max(0.0, seconds)


def _broken(error: APIConnectionError) -> str:
    cause = error.__cause__
    return "no connection" if cause is None else f"no connection ({type(cause).__name__})"


def _reply(body: bytes) -> Reply | None:
    """The first choice of a chat completion; ``None`` if this is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    choice = _at(found, "choices", 0)
    finish, text, refusal = (_at(choice, *path) for path in _TOLD)
    read, written = (_count(_at(found, "usage", name)) for name in ("prompt_tokens", "completion_tokens"))
    if isinstance(refusal, str) and refusal:
        return Reply(None, f"the model refused: {_short(refusal)}", "stop", read, written)
    if finish == "content_filter":
        return Reply(None, "the server's content filter withheld the answer", "stop", read, written)
    if isinstance(text, str):
        return Reply(text, None, "length" if finish == "length" else "stop", read, written)
    if finish == "length":
        why = "max_new_tokens went by before the answer began, as with a model that thinks first: allow more"
        return Reply(None, why, "length", read, written)
    return None


def _at(value: object, *path: str | int) -> object:
    """What stands at this place of a JSON value; ``None`` where there is no such place."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and len(value) > step else None
    return value


def _count(value: object) -> int:
    """Tokens as a server counts them; 0 where it gives no number that can be one."""
    return value if type(value) is int and 0 <= value < _LARGEST_COUNT else 0


def _short(text: str) -> str:
    """One line of foreign text that no terminal acts upon."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text[: 4 * _SHORT]).split())
    return line if len(line) <= _SHORT else f"{line[:_SHORT]} ..."
