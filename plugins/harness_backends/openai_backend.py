"""The ``openai`` backend: models behind a server that speaks OpenAI's chat completions."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from harness import Model, ModelRef, UsageError

OPENAI = "https://api.openai.com/v1"
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_OURS = ("model", "messages", "n", "stream")
"""What a request must say for its answer to be understood."""


@dataclass(frozen=True)
class OpenAIBackend:
    """Asks OpenAI's server, or one that speaks alike, as those of vLLM, llama.cpp, Ollama and Transformers."""

    name: ClassVar[str] = "openai"
    requires_packages: ClassVar[tuple[str, ...]] = ("openai",)

    base_url: str | None = None
    """Up to what stands before ``/chat/completions``, as ``http://127.0.0.1:8000/v1``; without one ``OPENAI_BASE_URL``
    of the environment, or OpenAI itself."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; a server on this machine may need none."""
    concurrency: int = 16
    """The most requests that are in the air at once."""
    timeout: float = 60.0
    """Seconds after which one try of a request is given up."""
    retries: int = 8
    """How often a request is tried again that failed for a reason that may pass."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of each request, as ``{reasoning_effort: low}``; ``null`` leaves one out that would be sent, as
    ``temperature`` for models that take none."""

    def __post_init__(self) -> None:
        if self.base_url is not None and (why_not := _no_address(self.base_url)):
            raise ValueError(f"base_url {why_not}")
        if not _VARIABLE.fullmatch(self.api_key_env):
            raise ValueError("api_key_env names an environment variable, as OPENAI_API_KEY; the key stands in no suite")
        if self.concurrency < 1:
            raise ValueError(f"concurrency is at least 1, not {self.concurrency}")
        if not 0 < self.timeout < math.inf:
            raise ValueError(f"timeout is a number of seconds above 0, not {self.timeout:g}")
        if self.retries < 0:
            raise ValueError(f"retries is 0 or more, not {self.retries}")
        if fixed := [name for name in _OURS if name in self.extra]:
            raise ValueError(f"extra cannot hold {fixed[0]!r}, which every request sets itself; leave it out")

    def check(self, model: ModelRef) -> None:
        """Raise ``UsageError`` if this cannot be asked; looks at names and the environment, sends nothing."""
        if self.base_url is None and (why_not := _no_address(self._url)):
            raise UsageError(f"OPENAI_BASE_URL {why_not}", remedy="set it anew, or name a base_url")
        if not model.name.strip():
            raise UsageError("the model of a server needs a name", remedy="name it as the server's /models does")
        self._check_key()
        plain = ModelRef(model.name)
        for option in ("dtype", "device", "revision", "trust_remote_code"):
            if getattr(model, option) != getattr(plain, option):
                raise UsageError(f"{option} is the server's to choose", remedy=f"leave {option} out")

    def folder(self, model: ModelRef) -> Path:
        """Raise ``UsageError``: a server shows no weights."""
        raise _impossible(model, "has no folder here", "name its weights with backend: transformers to train it")

    def open(self, model: ModelRef) -> AbstractContextManager[Model]:
        """The server's model; at the end what is still in the air is called off."""
        self.check(model)
        return self._opened(model)

    def merge(self, model: ModelRef, adapter: Path, output: Path) -> None:
        """Raise ``UsageError``: a server shows no weights."""
        raise _impossible(model, "cannot be merged with an adapter", "merge its weights with backend: transformers")

    def quantize(self, model: ModelRef, kind: Literal["nf4", "int8"], output: Path) -> None:
        """Raise ``UsageError``: a server shows no weights."""
        raise _impossible(model, "cannot be quantised", "quantise its weights with backend: transformers")

    @contextmanager
    def _opened(self, model: ModelRef) -> Iterator[Model]:
        from anyio.from_thread import start_blocking_portal
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        from harness_backends.openai_model import OpenAIModel
        from harness_backends.openai_request import Server

        # a proxy of the environment leads out of this machine
        local = DefaultAsyncHttpxClient(trust_env=False) if self._is_local else None
        client = AsyncOpenAI(
            api_key=self._key or "none", base_url=self._url, timeout=self.timeout, max_retries=0, http_client=local
        )
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(client):
            server = Server(client, self._url, self._key, self.api_key_env, self.timeout, self.retries)
            opened = OpenAIModel(model.name, server, portal, self.concurrency, self._limit, self.extra)
            try:
                yield opened
            finally:
                opened.close()

    @property
    def _url(self) -> str:
        return (self.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI).rstrip("/")

    @property
    def _key(self) -> str:
        """Read when it is needed and kept in no option, so that no record and no ``repr`` can hold it."""
        return os.environ.get(self.api_key_env, "").strip()

    @property
    def _is_local(self) -> bool:
        host = urlsplit(self._url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def _limit(self) -> str:
        """OpenAI's newer models know the limit by its newer name only, many other servers by the older one only."""
        is_openai = urlsplit(self._url).hostname == urlsplit(OPENAI).hostname
        return "max_completion_tokens" if is_openai else "max_tokens"

    def _check_key(self) -> None:
        key = self._key
        if not key and not self._is_local:
            raise UsageError(
                f"the server {self._url} needs a key, and {self.api_key_env} is not set",
                remedy=f"export {self.api_key_env}=..., or name another variable as api_key_env",
            )
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise UsageError(f"what {self.api_key_env} holds is no key", remedy="a key is one word of plain letters")
        if key and key in self._url:
            raise UsageError("base_url holds the key", remedy=f"leave it in {self.api_key_env} only")


def _no_address(url: str) -> str | None:
    """What is wrong with the address of a server, never with the address itself: it may hold a secret."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not url.isprintable() or " " in url:
        return "is no address of a server; write one as http://127.0.0.1:8000/v1"
    if "@" in parts.netloc:
        return "holds a user or a password; leave them out and put the key into the environment"
    if parts.query or parts.fragment:
        return "holds more than a path; leave out what follows the '?' or '#' and put a key into the environment"
    return None


def _impossible(model: ModelRef, what: str, remedy: str) -> UsageError:
    return UsageError(f"{model.name} is behind a server and {what}", remedy=remedy)
