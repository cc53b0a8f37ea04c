"""A sheet in the browser of a person at this machine, each verdict saved before the page goes on.

Whoever may open a port of this machine may try to talk to it: a page of another site, another person's process. So
the address holds a token that is drawn for each call, and nothing is told or taken without it. It goes in a header,
never in a cookie: a cookie does not know of ports, and every other server on 127.0.0.1 would be sent it.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from queue import Empty, SimpleQueue
from string import Template
from threading import Thread
from typing import Any, NoReturn, TypeVar
from urllib.parse import parse_qs, urlsplit

from harness.errors import HarnessError, UsageError
from harness.report.text import head, inert
from harness.review.sheet import Pane, Sheet

T = TypeVar("T")

TOKEN = "X-Harness-Token"  # noqa: S105 - the header's name, no secret
SHOWN = 200_000
"""Characters of a text that are shown; nobody reads more, and a browser lays out so many without a pause."""
BODY = 65_536
"""Bytes of a verdict with its note."""
NOTE = 4_000
"""Characters of a note."""

# Any port: one that is forwarded from another machine may have another number here. What counts is that the name is
# no foreign one that was made to point to this machine.
_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?", re.ASCII | re.IGNORECASE)
_PATIENCE = 30
"""Seconds that a connection may stay silent."""
_STOPPED = "harness has stopped; its terminal says more"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


def serve(sheet: Sheet, *, port: int = 0, announce: Callable[[str], None]) -> None:
    """Show ``sheet`` in a web page for this machine alone, until Ctrl-C; ``announce`` is told the page's address.

    ``port`` 0 is any that is free. The sheet is called from the caller's thread only, one call at a time: what it
    keeps open, as a connection to SQLite, belongs to the thread that opened it. A ``HarnessError`` or ``OSError`` of
    the sheet is told in the page; any other error ends the service and is raised. Raises ``UsageError`` where the port
    cannot be had.
    """
    token, counter = secrets.token_urlsafe(), _Counter()
    with suppress(KeyboardInterrupt), _serving(_Desk(sheet, counter), token, port) as number:
        announce(f"http://127.0.0.1:{number}/?token={token}")
        counter.work()


class _Counter:
    """Where many threads hand in calls, and one makes them."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()

    def ask(self, call: Callable[[], T]) -> T:
        """What ``call`` gives, or raises, in the thread that works."""
        result: Future[T] = Future()
        self._calls.put((result, call))
        return result.result()

    def work(self) -> NoReturn:
        """Make the calls as they come, until one of them fails for another reason than the world's."""
        while True:
            result, call = self._calls.get()
            try:
                result.set_result(call())
            except (HarnessError, OSError) as error:
                result.set_exception(HarnessError(str(error)))
            except BaseException:
                result.set_exception(HarnessError(_STOPPED))
                raise

    def close(self) -> None:
        """Turn away who still waits."""
        with suppress(Empty):
            while True:
                self._calls.get_nowait()[0].set_exception(HarnessError(_STOPPED))


class _Refused(Exception):  # noqa: N818 - an answer, not a fault
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class _Desk:
    """What the page asks of a sheet, and nothing else of it: no key, no record, no run."""

    def __init__(self, sheet: Sheet, counter: _Counter) -> None:
        self._sheet, self.counter = sheet, counter
        self._total = len(sheet)
        self._choices = tuple(sheet.choices)
        self._names = _visible(sheet.title), _visible(sheet.rater)

    def sheet(self) -> Mapping[str, Any]:
        """What all pages share, and where to begin."""
        title, rater = self._names
        choices = [{"name": each.name, "label": each.label, "key": each.key} for each in self._choices]
        progress = self.counter.ask(partial(self._progress, -1))
        return {"title": title, "rater": rater, "choices": choices, "total": self._total, **progress}

    def page(self, index: int) -> Mapping[str, Any]:
        """The texts of a page, with what was said of it."""
        self._check(index)
        page, given = self.counter.ask(lambda: (self._sheet.page(index), self._sheet.given(index)))
        return {
            "context": _panes(page.context),
            "answers": _panes(page.answers),
            "hidden": _panes(page.hidden),
            "given": None if given is None else {"choice": given[0], "note": given[1]},
        }

    def give(self, verdict: object) -> Mapping[str, Any]:
        """Save a verdict; how far the rater is then."""
        match verdict:
            case {"index": int(index), "choice": str(choice), "note": str(note)} if len(note) <= NOTE:
                self._check(index)
            case _:
                raise _Refused(HTTPStatus.BAD_REQUEST, f"a verdict has a page, a choice and a note of up to {NOTE:,}")
        if choice not in [each.name for each in self._choices]:
            raise _Refused(HTTPStatus.BAD_REQUEST, "there is no such choice")
        return self.counter.ask(lambda: self._give(index, choice, note))

    def _give(self, index: int, choice: str, note: str) -> Mapping[str, Any]:
        self._sheet.give(index, choice, note)
        return self._progress(index)

    def _progress(self, after: int) -> Mapping[str, Any]:
        following = self._sheet.next_open(after)
        saved = sum(self._sheet.given(index) is not None for index in range(self._total))
        return {"next": following, "saved": saved}

    def _check(self, index: int) -> None:
        if not 0 <= index < self._total:
            raise _Refused(HTTPStatus.BAD_REQUEST, "there is no such page")


def _panes(panes: tuple[Pane, ...]) -> list[Mapping[str, str]]:
    return [{"title": _visible(pane.title), "text": _visible(head(pane.text, SHOWN))} for pane in panes]


def _visible(text: str) -> str:
    """Inert, but for the tabs: a browser knows them, and indented code is full of them."""
    return "\t".join(inert(part, lines=True) for part in text.split("\t"))


class _Server(ThreadingHTTPServer):
    """Answers the page's requests, each in a thread of its own: a browser also opens connections that say nothing."""

    def __init__(self, port: int, token: str, desk: _Desk) -> None:
        self.token, self.desk = token, desk
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Say nothing of a browser that hangs up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def _serving(desk: _Desk, token: str, port: int) -> Iterator[int]:
    try:
        server = _Server(port, token, desk)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "there is no such port"
        raise UsageError(f"port {port} cannot be had ({reason})", remedy="leave it out for any that is free") from error
    with server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            desk.counter.close()


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: _Server
    timeout = _PATIENCE

    def do_GET(self) -> None:
        """The page, what its pages share, or one of them."""
        self._answer({"/": self._document, "/sheet": self._sheet, "/page": self._page})

    def do_POST(self) -> None:
        """A verdict."""
        self._answer({"/verdict": self._verdict})

    def _other(self) -> None:
        self._answer({})

    do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _other  # noqa: N815 - names that the base class looks for

    def _answer(self, known: Mapping[str, Callable[[], None]]) -> None:
        try:
            # Of a misread address the rest would be a path; no path that is known begins with two strokes.
            asked = urlsplit(self.path)
            self._query = parse_qs(asked.query)
            self._check_sender(asked.path)
            if asked.path not in known:
                raise _Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
            known[asked.path]()
        except _Refused as refused:
            self._send(refused.status, "text/plain", refused.reason)
        except HarnessError as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", inert(str(error)))
        except ValueError:
            self._send(HTTPStatus.BAD_REQUEST, "text/plain", "this is no request of the page")

    def _check_sender(self, path: str) -> None:
        """Raise ``_Refused`` unless this comes from the page that we sent, or opens it with the token."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            raise _Refused(HTTPStatus.FORBIDDEN, "this page is for 127.0.0.1 alone")
        if self.headers.get("Origin", f"http://{hosts[0]}") != f"http://{hosts[0]}":
            raise _Refused(HTTPStatus.FORBIDDEN, "another site may not ask here")
        opens = self.command == "GET" and path == "/"
        token = self._query.get("token", [""])[0] if opens else self.headers.get(TOKEN, "")
        if not secrets.compare_digest(token.encode(errors="replace"), self.server.token.encode()):
            raise _Refused(
                HTTPStatus.FORBIDDEN, "the token is missing or wrong: open the whole address that harness says"
            )

    def _document(self) -> None:
        nonce = secrets.token_urlsafe()
        folder = files("harness.review")
        parts = {part: folder.joinpath(f"page.{part}").read_text(encoding="utf-8") for part in ("html", "css", "js")}
        page = Template(parts["html"]).substitute(nonce=nonce, style=parts["css"], script=parts["js"], note=NOTE)
        self._send(HTTPStatus.OK, "text/html", page, _POLICY.format(nonce=nonce))

    def _sheet(self) -> None:
        self._tell(self.server.desk.sheet())

    def _page(self) -> None:
        self._tell(self.server.desk.page(int(self._query.get("index", [""])[0])))

    def _verdict(self) -> None:
        if self.headers.get_content_type() != "application/json" or "Content-Type" not in self.headers:
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a verdict is JSON")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "a verdict says how long it is")
        if len(length) > 9 or int(length) > BODY:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a verdict has {BODY:,} bytes at most")
        try:
            verdict = json.loads(self.rfile.read(int(length)))
        except RecursionError as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, "this is no verdict") from error
        self._tell(self.server.desk.give(verdict))

    def _tell(self, value: Mapping[str, Any]) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(value))

    def _send(
        self, status: int, kind: str, text: str, policy: str = "default-src 'none'; frame-ancestors 'none'"
    ) -> None:
        body = text.encode(errors="replace")
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Security-Policy": policy}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class could not read: refused, and nothing of it repeated."""
        self._send(code, "text/plain", "this is no request of the page")

    def version_string(self) -> str:
        """No version: it would tell a stranger what to try."""
        return "harness"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the first request holds the token."""
