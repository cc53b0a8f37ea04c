"""A loopback server that speaks chat completions: what it says is a function of what it is asked."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""


@dataclass
class Seen:
    """A request as the server saw it."""

    when: float
    path: str
    headers: dict[str, str]
    """By their names in lower case."""
    body: Any

    @property
    def prompt(self) -> str:
        """The last message."""
        return str(self.body["messages"][-1]["content"])


@dataclass
class Served:
    """A running server and what it has seen."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def prompts(self) -> list[str]:
        """In the order in which they came."""
        return [each.prompt for each in self.seen]


class Quick(BaseHTTPRequestHandler):
    """Connections that stay open, and answers that leave in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def body(self) -> bytes:
        """What was sent."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send all of it."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no matter here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def listening(handler: type[Quick]) -> Iterator[str]:
    """``http://127.0.0.1:PORT`` of a server that handles in threads, until the end of ``with``."""
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def completion(text: object, finish: object = "stop", **message: object) -> Answer:
    """A chat completion of one choice."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return 200, {}, json.dumps({"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def refusal(status: int, message: str, code: str | None = None, **headers: str) -> Answer:
    """What a server says that does not answer, in the form of OpenAI's."""
    return status, headers, json.dumps({"error": {"message": message, "type": "t", "code": code}}).encode()


def echo(seen: Seen) -> Answer:
    """Say back what was asked, so that an answer shows to which prompt it belongs."""
    return completion(f"you said {seen.prompt}")


@contextmanager
def chat_server(answer: Callable[[Seen], Answer] = echo, delay: float = 0.0) -> Iterator[Served]:
    """A server whose answers are ``answer``'s, each after ``delay`` seconds; ``url`` is the base of its API."""
    served, lock = Served(), threading.Lock()

    class Handler(Quick):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(time.perf_counter(), self.path, headers, json.loads(self.body()))
            with lock:
                served.seen.append(seen)
                served.at_once += 1
                served.most_at_once = max(served.most_at_once, served.at_once)
            try:
                time.sleep(delay)
                found = answer(seen)
            finally:
                with lock:
                    served.at_once -= 1
            self.answer(*found)

    with listening(Handler) as address:
        served.url = f"{address}/v1"
        yield served
