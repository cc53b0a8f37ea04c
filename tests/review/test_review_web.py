"""The service of the page for people's verdicts: who may ask, what is told, and what becomes of faults."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from served import Service, Stack, pages, served

from harness.errors import HarnessError, UsageError
from harness.review.sheet import Page, Pane
from harness.review.web import BODY, NOTE, SHOWN, TOKEN, serve

SECRET = "the answer that only the rater may read"


@pytest.fixture
def stack() -> Stack:
    return Stack(pages((SECRET, "another"), ("one", "two"), ("three", "four")))


@pytest.fixture
def service(stack: Stack) -> Iterator[Service]:
    with served(lambda: stack) as service:
        yield service


def raw(service: Service, request: bytes) -> bytes:
    """What the service says to bytes that no well-behaved client would send."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_with_the_token_the_page_its_texts_and_verdicts_go_through(service: Service, stack: Stack) -> None:
    status, headers, document = service.ask(f"/?token={service.token}", headers={TOKEN: ""})
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<title>Review</title>" in document
    assert json.loads(service.ask("/page?index=0")[2])["answers"][0] == {"title": "left", "text": SECRET}
    status, _, told = service.give({"index": 0, "choice": "tie", "note": "both say so"})
    assert (status, json.loads(told)) == (200, {"next": 1, "saved": 1})
    assert stack.given_so_far == {0: ("tie", "both say so")}


@pytest.mark.parametrize("token", ["", "wrong", "é\x7f", "A" * 43])
@pytest.mark.parametrize("path", ["/", "/sheet", "/page?index=0", "/favicon.ico", "/%2e%2e/web.py"])
def test_without_the_right_token_nothing_is_told(service: Service, path: str, token: str) -> None:
    status, _, told = service.ask(path, headers={TOKEN: token})
    assert status == 403
    assert SECRET not in told
    assert "tickets" not in told


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "POST"])
def test_without_the_right_token_no_method_does_anything(service: Service, method: str) -> None:
    assert service.ask("/page?index=0", method=method, headers={TOKEN: ""})[0] == 403
    assert service.ask("/page?index=0", method=method)[0] == 404


def test_the_token_of_the_address_opens_the_page_and_nothing_else(service: Service, stack: Stack) -> None:
    cookie = {TOKEN: "", "Cookie": f"token={service.token}; {TOKEN}={service.token}"}
    assert service.ask(f"/page?index=0&token={service.token}", headers=cookie)[0] == 403
    verdict = json.dumps({"index": 0, "choice": "left", "note": ""})
    headers = {**cookie, "Content-Type": "application/json"}
    assert service.ask(f"/verdict?token={service.token}", method="POST", headers=headers, body=verdict)[0] == 403
    assert service.ask(f"/?token={service.token}", method="POST", headers=headers, body=verdict)[0] == 403
    assert stack.given_so_far == {}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1@evil", "[::1]"],
)
def test_a_foreign_name_that_points_here_is_refused(service: Service, host: str) -> None:
    assert service.ask(f"/?token={service.token}", headers={"Host": host})[0] == 403
    assert service.ask("/page?index=0", headers={"Host": host})[0] == 403


@pytest.mark.parametrize("hosts", [b"", b"Host: 127.0.0.1\r\nHost: evil.example\r\n"])
def test_a_request_names_one_host(service: Service, hosts: bytes) -> None:
    told = raw(service, b"GET /?token=%b HTTP/1.1\r\n%b\r\n" % (service.token.encode(), hosts))
    assert told.split()[1] == b"403"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "127.0.0.1:65000"])
def test_a_forwarded_port_may_have_another_number(service: Service, host: str) -> None:
    assert service.ask("/sheet", headers={"Host": host})[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_another_site_is_refused_even_with_the_token(service: Service, stack: Stack, origin: str) -> None:
    assert service.give({"index": 0, "choice": "left", "note": ""}, Origin=origin)[0] == 403
    assert stack.given_so_far == {}
    own = f"http://127.0.0.1:{service.port}"
    assert service.give({"index": 0, "choice": "left", "note": ""}, Origin=own)[0] == 200


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b"{" * 10, 400),
        ([], 400),
        ({"index": 0, "choice": "left"}, 400),
        ({"index": 0.0, "choice": "left", "note": ""}, 400),
        ({"index": "0", "choice": "left", "note": ""}, 400),
        ({"index": -1, "choice": "left", "note": ""}, 400),
        ({"index": 3, "choice": "left", "note": ""}, 400),
        ({"index": 10**400, "choice": "left", "note": ""}, 400),
        ({"index": 0, "choice": "best", "note": ""}, 400),
        ({"index": 0, "choice": "left", "note": "x" * (NOTE + 1)}, 400),
        (b" " * (BODY + 1), 413),
    ],
)  # fmt: skip
def test_what_is_no_verdict_is_refused_and_nothing_is_saved(
    service: Service, stack: Stack, verdict: object, status: int
) -> None:
    assert service.give(verdict)[0] == status
    assert stack.given_so_far == {}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_of_another_site_could_send_is_refused(service: Service, stack: Stack, kind: str) -> None:
    assert service.give({"index": 0, "choice": "left", "note": ""}, **{"Content-Type": kind})[0] == 415
    assert stack.given_so_far == {}


@pytest.mark.parametrize(
    ("length", "status"), [(b"", b"411"), (b"-1", b"411"), (b"9" * 5_000, b"413"), ("²".encode(), b"411")]
)
def test_a_length_that_is_none_or_too_great_is_refused_unread(service: Service, length: bytes, status: bytes) -> None:
    head = b"POST /verdict HTTP/1.1\r\nHost: 127.0.0.1\r\n%b: %b\r\nContent-Type: application/json\r\n"
    head = head % (TOKEN.encode(), service.token.encode())
    told = raw(service, head + (b"Content-Length: %b\r\n" % length if length else b"") + b"\r\n{}")
    assert told.split()[1] == status


@pytest.mark.parametrize("index", ["", "x", "-1", "3", "9" * 5_000, "1e0", "٣"])
def test_a_page_that_is_none_is_refused(service: Service, index: str) -> None:
    assert service.ask(f"/page?index={quote(index)}")[0] == 400


def test_every_answer_forbids_what_the_page_does_not_need(service: Service) -> None:
    token = {TOKEN: ""}
    document = service.ask(f"/?token={service.token}", headers=token)
    answers = [
        document,
        service.ask("/sheet"),
        service.ask("/nowhere"),
        service.ask("/", headers=token),
        service.give([]),
    ]
    assert [answer[0] for answer in answers] == [200, 200, 404, 403, 400]
    for _, headers, _ in answers:
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Server"] == "harness"
        assert "Set-Cookie" not in headers
        assert not any(name.startswith("Access-Control") for name in headers)


def test_the_page_names_no_place_outside_and_its_nonce_is_new_each_time(service: Service) -> None:
    first, second = (service.ask(f"/?token={service.token}")[1:] for _ in range(2))
    assert first[0]["Content-Security-Policy"] != second[0]["Content-Security-Policy"]
    for _, document in (first, second):
        assert "://" not in document
        assert "innerHTML" not in document
        assert service.token not in document


def test_only_the_loopback_of_this_machine_listens(service: Service) -> None:
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", service.port), timeout=5):
        pass


def test_each_call_has_a_token_of_its_own(service: Service, stack: Stack) -> None:
    with served(lambda: stack) as other:
        assert other.token != service.token
        assert len(other.token) >= 40
        assert other.ask("/sheet", headers={TOKEN: service.token})[0] == 403


def test_nothing_is_logged(service: Service, capfd: pytest.CaptureFixture[str]) -> None:
    service.ask(f"/?token={service.token}")
    service.ask("/nowhere")
    assert raw(service, b"\x16\x03\x01 nonsense\r\n\r\n") == b"this is no request of the page"
    assert raw(service, b"BREW /?token=%b HTTP/1.1\r\n\r\n" % service.token.encode()).split()[1] == b"501"
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closes with a reset
        connection.sendall(b"GET /sheet HTTP/1.1\r\n")
    service.ask("/sheet")
    assert capfd.readouterr() == ("", "")


def test_a_connection_that_says_nothing_keeps_nobody_waiting(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port)):
        assert service.ask("/sheet")[0] == 200


def test_the_sheet_is_called_by_the_thread_that_serves_and_by_no_other(service: Service, stack: Stack) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda turn: service.ask(f"/page?index={turn % 3}")[0], range(40)))
    assert answers == [200] * 40
    assert stack.callers == {service.thread.ident}


@pytest.mark.parametrize(
    "fault", [HarnessError("harness.db: the disk is full\x1b[31m; free some space"), OSError(28, "the disk is full")]
)
def test_a_fault_while_saving_is_told_in_words_and_nothing_counts_as_given(
    service: Service, stack: Stack, fault: Exception
) -> None:
    stack.fault = fault
    status, _, told = service.give({"index": 0, "choice": "left", "note": ""})
    assert status == 500
    assert "the disk is full" in told
    assert "\x1b" not in told
    assert json.loads(service.ask("/page?index=0")[2])["given"] is None
    stack.fault = None
    assert service.give({"index": 0, "choice": "left", "note": ""})[0] == 200


def test_a_fault_of_ours_ends_the_service_with_its_traceback(service: Service, stack: Stack) -> None:
    stack.fault = ZeroDivisionError("a bug")
    status, _, told = service.give({"index": 0, "choice": "left", "note": ""})
    assert (status, told) == (500, "harness has stopped; its terminal says more")
    service.thread.join(10)
    assert service.raised == [stack.fault]


def test_ctrl_c_ends_the_service_without_an_error(stack: Stack) -> None:
    with served(lambda: stack) as service:
        service.stop()
        assert service.raised == []
        with pytest.raises(ConnectionRefusedError):
            service.ask("/sheet")


def test_a_port_that_is_taken_is_told_in_a_line(service: Service, stack: Stack) -> None:
    with pytest.raises(UsageError, match=rf"port {service.port} cannot be had \(.*in use\); leave it out"):
        serve(stack, port=service.port, announce=pytest.fail)
    with pytest.raises(UsageError, match=r"port 70000 cannot be had \(there is no such port\)"):
        serve(stack, port=70_000, announce=pytest.fail)


def test_a_port_that_is_asked_for_is_taken(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with served(lambda: stack, port=port) as service:
        assert service.port == port


def test_texts_are_inert_and_cut_where_nobody_reads_on() -> None:
    text = "a\tb\r\n\u202e\x1b[31m\x00\ud800" + "x" * 1_000_000
    page = Page("key", (Pane("pro\u202empt", text),), (Pane("left", ""),), (Pane("reference", "\x07"),))
    with served(lambda: Stack([page], title="\x1b]0;title", rater="m\u2066")) as service:
        shown = json.loads(service.ask("/page?index=0")[2])
        shared = json.loads(service.ask("/sheet")[2])
    assert shown["context"][0]["title"] == "pro⟨U+202E⟩mpt"
    assert shown["context"][0]["text"].startswith("a\tb␍\n⟨U+202E⟩␛[31m␀⟨U+D800⟩xxx")
    assert shown["context"][0]["text"].endswith(f"x … ({len(text) - SHOWN:,} more characters)")
    assert shown["hidden"] == [{"title": "reference", "text": "␇"}]
    assert (shared["title"], shared["rater"]) == ("␛]0;title", "m⟨U+2066⟩")


def test_the_key_of_a_page_is_not_told(service: Service) -> None:
    assert set(json.loads(service.ask("/page?index=0")[2])) == {"context", "answers", "hidden", "given"}
    assert set(json.loads(service.ask("/sheet")[2])) == {"title", "rater", "choices", "total", "next", "saved"}


def test_nothing_is_left_running(stack: Stack) -> None:
    before = threading.active_count()
    with served(lambda: stack) as service:
        service.ask("/sheet")
    for thread in threading.enumerate():
        if "process_request" in thread.name:
            thread.join(10)
    assert threading.active_count() <= before
