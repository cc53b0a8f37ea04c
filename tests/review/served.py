"""A sheet in memory, and one served from a thread that a test can stop."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue
from urllib.parse import parse_qs, urlsplit

from harness.review.pairs import CHOICES
from harness.review.sheet import Choice, Page, Pane, Sheet, next_open
from harness.review.web import TOKEN, serve


def pages(*answers: tuple[str, str], prompt: str = "Where is my refund?") -> list[Page]:
    return [
        Page(f"key-{number}", (Pane("prompt", prompt),), (Pane("left", left), Pane("right", right)))
        for number, (left, right) in enumerate(answers)
    ]


@dataclass
class Stack:
    """Pages in memory; notes who calls it."""

    pages: Sequence[Page]
    title: str = "tickets: which answer is better?"
    rater: str = "maria"
    choices: Sequence[Choice] = CHOICES
    given_so_far: dict[int, tuple[str, str]] = field(default_factory=dict)
    fault: BaseException | None = None
    """Raised by the next ``give``."""
    callers: set[int] = field(default_factory=set)
    """The threads that called."""

    def __len__(self) -> int:
        return len(self.pages)

    def page(self, index: int) -> Page:
        self.callers.add(threading.get_ident())
        return self.pages[index]

    def given(self, index: int) -> tuple[str, str] | None:
        self.callers.add(threading.get_ident())
        return self.given_so_far.get(index)

    def give(self, index: int, choice: str, note: str) -> None:
        self.callers.add(threading.get_ident())
        if self.fault is not None:
            raise self.fault
        self.given_so_far[index] = (choice, note)

    def next_open(self, after: int = -1) -> int | None:
        return next_open(self, after)


class Stoppable:
    """Any sheet, which ends its service as Ctrl-C does: in the midst of a call."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet, self.stopped = sheet, threading.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self.sheet, name)

    def __len__(self) -> int:
        return len(self.sheet)

    def next_open(self, after: int = -1) -> int | None:
        if self.stopped.is_set():
            raise KeyboardInterrupt
        return self.sheet.next_open(after)


@dataclass
class Service:
    """A page that is being served."""

    address: str
    thread: threading.Thread
    sheet: Stoppable
    raised: list[BaseException]

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.address).query)["token"][0]

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
    ) -> tuple[int, Mapping[str, str], str]:
        """Status, headers and body; the headers are what is given here, and the token unless they name it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {TOKEN: self.token, **(headers or {})}
        connection.request(method, path, body=body, headers={name: text for name, text in sent.items() if text})
        answer = connection.getresponse()
        told = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), told

    def give(self, verdict: object, **headers: str) -> tuple[int, Mapping[str, str], str]:
        body = verdict if isinstance(verdict, bytes) else json.dumps(verdict)
        return self.ask("/verdict", method="POST", headers={"Content-Type": "application/json", **headers}, body=body)

    def stop(self) -> None:
        self.sheet.stopped.set()
        if self.thread.is_alive():
            self.ask("/sheet")
        self.thread.join(10)
        assert not self.thread.is_alive()


@contextmanager
def served(make: Callable[[], Sheet], port: int = 0) -> Iterator[Service]:
    """``make`` is called in the thread that serves, as a command does it in its own."""
    news: Queue[tuple[str, Stoppable] | BaseException] = Queue()
    raised: list[BaseException] = []

    def work() -> None:
        try:
            sheet = Stoppable(make())
            serve(sheet, port=port, announce=lambda address: news.put((address, sheet)))
        except BaseException as error:
            raised.append(error)
            news.put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    first = news.get(timeout=30)
    if isinstance(first, BaseException):
        raise first
    service = Service(first[0], thread, first[1], raised)
    try:
        yield service
    finally:
        service.stop()
