"""A proxy that stands before a server and spoils a share of what goes through it, as networks and servers do."""

from __future__ import annotations

import http.client
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chat_server import Quick, listening, refusal

FAULTS = ("too many", "too many, with Retry-After", "broken", "overloaded", "slow", "cut", "gone", "garbage", "empty")
"""429 without and with ``Retry-After``, 500, 503, an answer that comes too late, one that breaks off midway, a
connection closed without a byte, 200 with a page of HTML, and 200 without choices."""


@dataclass
class Proxy:
    """A running proxy and what it has done."""

    url: str = ""
    injected: Counter[str] = field(default_factory=Counter)
    passed: int = 0


@contextmanager
def fault_proxy(
    upstream: str,
    share: float = 0.2,
    *,
    kinds: Sequence[str] = FAULTS,
    seed: int = 0,
    slow: float = 1.0,
    retry_after: str = "0.01",
) -> Iterator[Proxy]:
    """A proxy before the API at ``upstream`` that spoils each request with the probability ``share``.

    Which requests are spoilt, and how, is drawn from ``seed`` in the order in which they come. ``slow`` is how many
    seconds a slow answer takes.
    """
    proxy, lock, dice, ended = Proxy(), threading.Lock(), random.Random(seed), threading.Event()
    parts = urlsplit(upstream)
    assert parts.hostname, upstream

    class Handler(Quick):
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            body = self.body()
            with lock:
                fault = dice.choice(kinds) if dice.random() < share else None
                if fault:
                    proxy.injected[fault] += 1
                else:
                    proxy.passed += 1
            if fault in _REPLACED:
                self.answer(*_REPLACED[fault])
            elif fault == "too many, with Retry-After":
                self.answer(*refusal(429, "slow down", **{"Retry-After": retry_after}))
            elif fault == "gone":
                self.hang_up()
            elif fault == "slow":
                ended.wait(slow)
                self.hang_up()
            else:
                self.forward(body, is_cut=fault == "cut")

        def forward(self, body: bytes, *, is_cut: bool) -> None:
            there = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=120)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
                there.request("POST", self.path, body, headers)
                given = there.getresponse()
                status, kind, content = given.status, given.getheader("Content-Type", ""), given.read()
            finally:
                there.close()
            if not is_cut:
                self.answer(status, {"Content-Type": kind}, content)
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.hang_up()

        def hang_up(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    with listening(Handler) as address:
        proxy.url = f"{address}{parts.path}"
        try:
            yield proxy
        finally:
            ended.set()


_HOP = ("host", "connection", "content-length", "accept-encoding")
_REPLACED = {
    "too many": refusal(429, "slow down"),
    "broken": refusal(500, "an exception that nobody caught"),
    "overloaded": refusal(503, "come back later"),
    "garbage": (200, {"Content-Type": "text/html"}, b"<html><b>nginx</b> is not <u>amused"),
    "empty": (200, {}, b'{"id": "c", "object": "chat.completion", "choices": []}'),
}
