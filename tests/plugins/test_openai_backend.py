from __future__ import annotations

import io
import itertools
import json
import os
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest
from chat_server import Answer, Seen, Served, chat_server, completion, echo, refusal
from fault_proxy import FAULTS, fault_proxy

import harness_backends.openai_request as request
from harness import (
    Backend,
    GenerationSettings,
    Message,
    ModelFailed,
    ModelRef,
    Prompt,
    RemoteModel,
    Reply,
    UsageError,
)
from harness.catalog import Catalog
from harness.host import Host
from harness.values import Ref
from harness_backends.openai_backend import OpenAIBackend

KEY = "sk-never-to-be-seen-0123456789"
MODEL = ModelRef("some-model", backend="openai")
SETTINGS = GenerationSettings(max_new_tokens=16)
TWENTY = [f"question {number}" for number in range(20)]


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with a key and nothing else, and waits a hundred times as short."""
    for name in ("OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY", "OPENAI_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(request, "FIRST_WAIT", 0.005)
    monkeypatch.setattr(request, "LONGEST_WAIT", 0.08)


@pytest.fixture
def server() -> Iterator[Served]:
    with chat_server() as served:
        yield served


def replied(
    backend: OpenAIBackend, prompts: list[Prompt] | list[str], settings: GenerationSettings = SETTINGS
) -> list[Reply]:
    """The replies in the order of the prompts; each must come once."""
    found: dict[int, Reply] = {}
    for index, reply in opened_replies(backend, prompts, settings):
        assert index not in found
        found[index] = reply
    return [found[index] for index in range(len(prompts))]


def opened_replies(
    backend: OpenAIBackend, prompts: list[Prompt] | list[str], settings: GenerationSettings = SETTINGS
) -> Iterator[tuple[int, Reply]]:
    with backend.open(MODEL) as model:
        assert isinstance(model, RemoteModel)
        yield from model.replies(list(prompts), settings, lambda: True)


def texts(replies: list[Reply]) -> list[str | None]:
    return [reply.text for reply in replies]


def test_every_prompt_gets_its_own_reply_with_its_tokens_and_seconds() -> None:
    with chat_server(delay=0.05) as served:
        replies = replied(OpenAIBackend(served.url), TWENTY)
    assert texts(replies) == [f"you said {prompt}" for prompt in TWENTY]
    assert {(each.finish_reason, each.prompt_tokens, each.output_tokens) for each in replies} == {("stop", 7, 3)}
    assert all(0.05 <= each.seconds < 5 for each in replies)


def test_replies_come_as_soon_as_they_are_there() -> None:
    def first_is_slow(seen: Seen) -> Answer:
        time.sleep(0.5 if seen.prompt == TWENTY[0] else 0)
        return echo(seen)

    with chat_server(first_is_slow) as served:
        began = time.perf_counter()
        come = [(index, time.perf_counter() - began) for index, _ in opened_replies(OpenAIBackend(served.url), TWENTY)]
    assert come[-1][0] == 0
    assert come[0][1] < come[-1][1] - 0.2


def test_requests_go_on_while_the_caller_does_something_with_a_reply() -> None:
    def first_is_quick(seen: Seen) -> Answer:
        time.sleep(0 if seen.prompt == TWENTY[0] else 0.5)
        return echo(seen)

    with chat_server(first_is_quick) as served, OpenAIBackend(served.url).open(MODEL) as model:
        assert isinstance(model, RemoteModel)
        replies = model.replies(TWENTY, SETTINGS, lambda: True)
        assert next(replies)[0] == 0
        time.sleep(1)
        assert len(served.seen) == 16
        assert served.at_once == 0


@pytest.mark.parametrize("limit", [1, 4])
def test_never_more_requests_than_the_limit_are_in_the_air_and_so_many_are(limit: int) -> None:
    with chat_server(delay=0.02) as served:
        replied(OpenAIBackend(served.url, concurrency=limit), TWENTY)
    assert served.most_at_once == limit


@pytest.mark.parametrize("kind", FAULTS)
def test_none_is_lost_when_a_fifth_goes_wrong(kind: str, server: Served) -> None:
    prompts = [f"question {number}" for number in range(60)]
    with fault_proxy(server.url, 0.2, kinds=[kind]) as proxy:
        replies = replied(OpenAIBackend(proxy.url, timeout=0.4), prompts)
    assert texts(replies) == [f"you said {prompt}" for prompt in prompts]
    assert proxy.injected[kind] >= 5


def test_none_is_lost_when_a_fifth_goes_wrong_in_every_way_at_once(server: Served) -> None:
    prompts = [f"question {number}" for number in range(300)]
    with fault_proxy(server.url, 0.2, seed=5) as proxy:
        replies = replied(OpenAIBackend(proxy.url, timeout=0.4), prompts)
    assert texts(replies) == [f"you said {prompt}" for prompt in prompts]
    assert set(proxy.injected) == set(FAULTS)


def test_a_request_that_goes_wrong_each_time_says_so_and_the_others_have_their_replies() -> None:
    def one_breaks(seen: Seen) -> Answer:
        return refusal(503, "come back\nlater") if seen.prompt == TWENTY[3] else echo(seen)

    with chat_server(one_breaks) as served:
        replies = replied(OpenAIBackend(served.url), TWENTY)
    why = f"the server {served.url} gave no answer in 9 tries: 503 come back later"
    assert replies[3] == Reply(None, why)
    assert served.prompts.count(TWENTY[3]) == 9
    assert all(each.text for number, each in enumerate(replies) if number != 3)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("slow", "nothing within 0.2 s; a larger timeout or a smaller concurrency may help"),
        ("gone", "no connection (RemoteProtocolError)"),
        ("cut", "an answer that broke off (RemoteProtocolError)"),
        ("garbage", "an answer that is no chat completion"),
        ("empty", "an answer that is no chat completion"),
        ("broken", "500 an exception that nobody caught"),
    ],
)
def test_what_went_wrong_last_is_the_reason(kind: str, why: str, server: Served) -> None:
    with fault_proxy(server.url, 1.0, kinds=[kind]) as proxy:
        (reply,) = replied(OpenAIBackend(proxy.url, timeout=0.2, retries=1), ["hello"])
        assert reply == Reply(None, f"the server {proxy.url} gave no answer in 2 tries: {why}")
    assert proxy.injected[kind] == 2


def gaps(served: Served) -> list[float]:
    return [later.when - earlier.when for earlier, later in itertools.pairwise(served.seen)]


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_a_status_that_may_pass_is_tried_again(status: int) -> None:
    with chat_server(lambda seen: refusal(status, "not now") if len(served.seen) < 3 else echo(seen)) as served:
        assert texts(replied(OpenAIBackend(served.url), ["hello"])) == ["you said hello"]
    assert len(served.seen) == 3


def test_waits_double_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "FIRST_WAIT", 0.1)
    monkeypatch.setattr(request, "LONGEST_WAIT", 0.4)
    monkeypatch.setattr("random.SystemRandom.uniform", lambda self, low, high: high)
    with chat_server(lambda seen: refusal(500, "no")) as served:
        replied(OpenAIBackend(served.url, retries=4), ["hello"])
    assert gaps(served) == pytest.approx([0.1, 0.2, 0.4, 0.4], abs=0.08)


def test_what_failed_together_does_not_come_back_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "FIRST_WAIT", 0.6)
    monkeypatch.setattr(request, "LONGEST_WAIT", 0.6)
    with chat_server(lambda seen: refusal(500, "no")) as served:
        replied(OpenAIBackend(served.url, retries=1), TWENTY[:12])
    again = [each.when for each in served.seen[12:]]
    assert max(again) - min(again) > 0.1  # drawn from 0.3 to 0.6


@pytest.mark.parametrize("told", ["0.5", "a date"])
def test_a_server_is_left_alone_as_long_as_it_asks(told: str) -> None:
    def once(seen: Seen) -> Answer:
        if len(served.seen) > 1:
            return echo(seen)
        # a date has whole seconds only
        return refusal(429, "wait", **{"Retry-After": told if told != "a date" else formatdate(time.time() + 1.6)})

    with chat_server(once) as served:
        (reply,) = replied(OpenAIBackend(served.url), ["hello"])
    assert reply.text == "you said hello"
    assert 0.4 < gaps(served)[0] < 3


@pytest.mark.parametrize("told", ["86400", "inf", "soon", "nan", "-5", "Mon, 32 Foo 2099 99:99:99 GMT"])
def test_no_server_makes_us_wait_for_ever(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "LONGEST_ASKED", 0.1)
    with chat_server(lambda seen: refusal(429, "wait", **{"Retry-After": told})) as served:
        began = time.perf_counter()
        replied(OpenAIBackend(served.url, retries=1), ["hello"])
    assert time.perf_counter() - began < 2
    assert len(served.seen) == 2


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "look at the key in OPENAI_API_KEY"),
        (403, "look at what the key"),
        (404, "look at base_url"),
        (402, ""),
    ],
)
def test_what_holds_for_all_requests_stops_everything_at_once(status: int, remedy: str) -> None:
    refused = refusal(status, f"not with {KEY},\n\x1b[31mmy friend")
    with chat_server(lambda seen: refused) as served, pytest.raises(ModelFailed) as caught:
        replied(OpenAIBackend(served.url, concurrency=2), TWENTY)
    told = str(caught.value)
    assert told.startswith(f"the server {served.url} refuses every request: {status} not with [key], [31mmy friend")
    assert remedy in told
    assert told.isprintable()
    assert len(served.seen) <= 3


def test_an_account_without_money_stops_everything_at_once() -> None:
    refused = refusal(429, "You exceeded your quota", "insufficient_quota")
    told = "answers nothing more: 429 You exceeded your quota"
    with chat_server(lambda seen: refused) as served, pytest.raises(ModelFailed, match=told):
        replied(OpenAIBackend(served.url, concurrency=1), TWENTY)
    assert len(served.seen) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_prompt_that_the_server_does_not_take_costs_its_own_reply_only(status: int) -> None:
    def too_long(seen: Seen) -> Answer:
        return refusal(status, "maximum context length is 8 tokens") if seen.prompt != TWENTY[7] else echo(seen)

    prompts = TWENTY + TWENTY  # more in a row than a server may fail otherwise
    with chat_server(too_long) as served:
        replies = replied(OpenAIBackend(served.url, concurrency=1), prompts)
    assert len(served.seen) == 40
    told = f"the server {served.url} refused the request: {status} maximum context length is 8 tokens"
    assert [reply.why_missing for reply in replies if reply.text is None] == [told] * 38


def test_a_server_that_takes_no_request_of_ours_is_given_up() -> None:
    prompts = [f"question {number}" for number in range(200)]
    refused = refusal(400, "unknown parameter: 'temperature'")
    told = r"16 requests in a row came to nothing: .*'temperature'"
    with chat_server(lambda seen: refused) as served, pytest.raises(ModelFailed, match=told):
        replied(OpenAIBackend(served.url, concurrency=2), prompts)
    assert len(served.seen) < 20


def test_a_server_that_is_not_there_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    prompts = [f"question {number}" for number in range(200)]
    with pytest.raises(
        ModelFailed, match=r"came to nothing: .* gave no answer in 2 tries: no connection \(ConnectError\)"
    ):
        replied(OpenAIBackend(url, retries=1), prompts)


def test_the_key_is_in_the_authorization_header_and_nowhere_else() -> None:
    with chat_server(lambda seen: completion(f"you sent {seen.headers['authorization']}")) as served:
        backend = OpenAIBackend(served.url)
        printed = io.StringIO()
        with redirect_stdout(printed), redirect_stderr(printed), backend.open(MODEL) as model:
            assert isinstance(model, RemoteModel)
            ((_, reply),) = model.replies(["hello"], SETTINGS, lambda: True)
            told = [repr(each) for each in (backend, vars(backend), model, model.facts, model.rendered("hello"), reply)]
    (seen,) = served.seen
    assert seen.headers.pop("authorization") == f"Bearer {KEY}"
    assert KEY not in repr(seen)
    assert reply.text == "you sent Bearer [key]"
    assert not [each for each in [*told, printed.getvalue()] if KEY in each]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_no_error_tells_the_key_even_if_the_server_does(status: int) -> None:
    def tell(seen: Seen) -> Answer:
        return refusal(status, f"{'x' * 175} {seen.headers['authorization']}")

    with chat_server(tell) as served:
        try:
            told = repr(replied(OpenAIBackend(served.url, retries=0), ["hello"]))
        except ModelFailed as error:
            told = "".join(traceback.format_exception(error))
    assert "x" * 175 in told
    assert KEY[:12] not in told


def test_a_word_that_is_no_secret_stays_in_the_answers(monkeypatch: pytest.MonkeyPatch, server: Served) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    assert texts(replied(OpenAIBackend(server.url), ["is it EMPTY?"])) == ["you said is it EMPTY?"]


def test_a_server_on_this_machine_needs_no_key(monkeypatch: pytest.MonkeyPatch, server: Served) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert texts(replied(OpenAIBackend(server.url), ["hello"])) == ["you said hello"]


def test_any_other_server_needs_one_and_the_message_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_KEY", " ")
    for backend in (OpenAIBackend(api_key_env="TEAM_KEY"), OpenAIBackend("http://10.0.0.7/v1", api_key_env="TEAM_KEY")):
        with pytest.raises(UsageError, match="needs a key, and TEAM_KEY is not set"):
            backend.check(MODEL)
    monkeypatch.setenv("TEAM_KEY", KEY)
    OpenAIBackend(api_key_env="TEAM_KEY").check(MODEL)


@pytest.mark.parametrize("key", ["two words", "kéy", "line\nbreak"])
def test_what_cannot_be_a_key_is_refused_without_telling_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(UsageError, match="what OPENAI_API_KEY holds is no key") as caught:
        OpenAIBackend().check(MODEL)
    assert key not in str(caught.value)


ADDRESSES = [
    "", "localhost:8000/v1", "ftp://host/v1", "http://", "http:///v1", "file:///etc/passwd", "http://host:port/v1",
    "http://ho st/v1", "http://[::1/v1", "http://host:99999/v1", "http://host/v1\n",
    f"https://user:{KEY}@host/v1", f"https://{KEY}@host/v1", f"https://host/v1?key={KEY}", f"https://host/v1#{KEY}",
]  # fmt: skip


@pytest.mark.parametrize("url", ADDRESSES)
def test_no_address_and_one_with_a_secret_are_refused_without_telling_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"base_url (is no address|holds)") as caught:
        Catalog.build(Host.load()).make("backend", Ref("openai", {"base_url": url}))
    assert KEY not in str(caught.value)
    if url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        with pytest.raises(UsageError, match=r"OPENAI_BASE_URL (is no address|holds)") as caught:
            OpenAIBackend().check(MODEL)
        assert KEY not in str(caught.value)


def test_a_key_in_the_path_is_refused() -> None:
    with pytest.raises(UsageError, match="base_url holds the key") as caught:
        OpenAIBackend(f"https://host/{KEY}/v1").check(MODEL)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"concurrency": 0}, "concurrency is at least 1"),
        ({"timeout": 0}, "timeout is a number of seconds above 0"),
        ({"timeout": float("inf")}, "timeout is a number of seconds above 0"),
        ({"retries": -1}, "retries is 0 or more"),
        ({"api_key_env": "gsk_abc123"}, "api_key_env names an environment variable"),
        ({"extra": {"stream": True}}, "extra cannot hold 'stream'"),
        ({"api_key": "x"}, "no option 'api_key'"),
    ],
)
def test_a_bad_option_is_refused_in_one_sentence(options: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        Catalog.build(Host.load()).make("backend", Ref("openai", options))
    assert "gsk_abc123" not in str(caught.value)


@pytest.mark.parametrize("change", [{"dtype": "bfloat16"}, {"device": "cpu"}, {"revision": "v1"}, {"name": " "}])
def test_what_only_the_server_can_choose_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"the server's to choose|needs a name"):
        OpenAIBackend().check(replace(MODEL, **change))


def test_the_server_of_the_environment_is_asked_where_none_is_named(
    monkeypatch: pytest.MonkeyPatch, server: Served
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/")
    assert texts(replied(OpenAIBackend(), ["hello"])) == ["you said hello"]
    assert server.seen[0].path == "/v1/chat/completions"


def test_no_proxy_of_the_environment_comes_between_us_and_this_machine(
    monkeypatch: pytest.MonkeyPatch, server: Served
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert texts(replied(OpenAIBackend(server.url, retries=0), ["hello"])) == ["you said hello"]


def test_nothing_is_sent_once_it_does_not_go_on_and_what_is_in_the_air_is_waited_for() -> None:
    asked: list[bool] = []

    def goes_on() -> bool:
        asked.append(len(asked) < 5)
        return asked[-1]

    with chat_server(delay=0.05) as served, OpenAIBackend(served.url, concurrency=3).open(MODEL) as model:
        assert isinstance(model, RemoteModel)
        come = dict(model.replies(TWENTY, SETTINGS, goes_on))
    assert sorted(come) == [0, 1, 2, 3, 4]
    assert sorted(served.prompts) == TWENTY[:5]
    assert asked == [True] * 5 + [False]


def test_a_budget_is_overdrawn_by_no_more_than_is_in_the_air(server: Served) -> None:
    spent: list[int] = []
    with OpenAIBackend(server.url, concurrency=3).open(MODEL) as model:
        assert isinstance(model, RemoteModel)
        for index, _ in model.replies(TWENTY, SETTINGS, lambda: len(spent) < 6):
            spent.append(index)
    assert 6 <= len(spent) <= 6 + 2
    assert len(server.seen) == len(spent)


def test_a_prompt_that_is_tried_again_is_asked_about_once() -> None:
    asked: list[bool] = []

    def at_last(seen: Seen) -> Answer:
        return refusal(500, "no") if len(served.seen) < 4 else echo(seen)

    with chat_server(at_last) as served, OpenAIBackend(served.url).open(MODEL) as model:
        assert isinstance(model, RemoteModel)
        ((_, reply),) = model.replies(["hello"], SETTINGS, lambda: not asked.append(True))
    assert (reply.text, len(served.seen), asked) == ("you said hello", 4, [True])


def test_closed_early_what_is_in_the_air_is_called_off() -> None:
    def only_the_first(seen: Seen) -> Answer:
        return echo(seen) if seen.prompt == TWENTY[0] else refusal(500, "no")

    with chat_server(only_the_first) as served, OpenAIBackend(served.url, retries=99).open(MODEL) as model:
        assert isinstance(model, RemoteModel)
        replies = model.replies(TWENTY, SETTINGS, lambda: True)
        assert next(replies)[0] == 0
        replies.close()
        time.sleep(0.3)  # what was on the wire arrives
        before = len(served.seen)
        time.sleep(0.5)  # some tries long
        assert len(served.seen) == before


def test_a_model_that_is_closed_keeps_nobody_waiting_and_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_the_first(seen: Seen) -> Answer:
        return echo(seen) if seen.prompt == TWENTY[0] else refusal(500, "no")

    monkeypatch.setattr(request, "FIRST_WAIT", 20)
    monkeypatch.setattr(request, "LONGEST_WAIT", 20)
    with chat_server(only_the_first) as served:
        with OpenAIBackend(served.url).open(MODEL) as model:
            assert isinstance(model, RemoteModel)
            replies, later = (model.replies(TWENTY, SETTINGS, lambda: True) for _ in range(2))
            assert next(replies)[0] == 0
            began = time.perf_counter()
        assert time.perf_counter() - began < 5
        for each in (replies, later):
            with pytest.raises(ModelFailed, match="some-model is closed"):
                next(each)


def test_what_goes_on_raises_reaches_the_caller(server: Served) -> None:
    with OpenAIBackend(server.url).open(MODEL) as model:
        assert isinstance(model, RemoteModel)
        with pytest.raises(ZeroDivisionError):
            next(model.replies(["hello"], SETTINGS, lambda: 1 // 0 > 0))


def test_an_interrupt_ends_at_once(tmp_path: Path) -> None:
    program = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from chat_server import chat_server
from harness import GenerationSettings, ModelRef
from harness_backends.openai_backend import OpenAIBackend
with chat_server(delay=30) as served, OpenAIBackend(served.url).open(ModelRef("m")) as model:
    print("asking", flush=True)
    list(model.replies(["hello"], GenerationSettings(), lambda: True))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == b"asking\n"
        time.sleep(0.5)
        began = time.perf_counter()
        asking.send_signal(2)
        _, told = asking.communicate(timeout=20)
    assert time.perf_counter() - began < 5
    assert b"KeyboardInterrupt" in told


def test_prompts_of_any_characters_arrive_with_halves_of_characters_replaced(server: Served) -> None:
    prompts = ["naïve 日本 🙂 \x00 \x1b[31m \u202e", "half \ud83d and \udc00", "\ud83d\ude42 in two halves", ""]
    whole = ["naïve 日本 🙂 \x00 \x1b[31m \u202e", "half \ufffd and \ufffd", "🙂 in two halves", ""]
    assert texts(replied(OpenAIBackend(server.url), prompts)) == [f"you said {prompt}" for prompt in whole]


def test_messages_go_out_as_they_are_and_raw_text_as_what_a_user_says(server: Served) -> None:
    chat = (Message("system", "Be brief."), Message("user", "hello"))
    with OpenAIBackend(server.url).open(MODEL) as model:
        assert isinstance(model, RemoteModel)
        list(model.replies([chat, "hello"], SETTINGS, lambda: True))
        sent = [model.rendered(chat), model.rendered("hello")]
    sent_out = sorted((each.body["messages"] for each in server.seen), key=len, reverse=True)
    assert sent_out == [
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
        [{"role": "user", "content": "hello"}],
    ]
    assert [json.loads(each) for each in sent] == sent_out


def test_settings_go_out_and_the_same_prompt_draws_with_another_seed(server: Served) -> None:
    drawn = GenerationSettings(max_new_tokens=5, temperature=0.7, top_p=0.9, stop=("END",), seed=3)
    backend = OpenAIBackend(server.url, concurrency=1)
    replied(backend, ["hello", "hello", "you"], drawn)
    replied(backend, ["hello"])
    plain = {
        "model": "some-model",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 16,
        "temperature": 0,
    }
    assert server.seen[3].body == plain
    asked = {"max_tokens": 5, "temperature": 0.7, "top_p": 0.9, "stop": ["END"]}
    assert server.seen[0].body == {**plain, **asked, "seed": 3}
    assert [each.body["seed"] for each in server.seen[:3]] == [3, 4, 3]


def test_extra_fields_go_out_and_null_leaves_one_out(server: Served) -> None:
    extra = {"temperature": None, "max_tokens": None, "max_completion_tokens": 99, "reasoning_effort": "low"}
    backend = OpenAIBackend(server.url, extra=extra)
    replied(backend, ["hello"])
    asked = {name: value for name, value in server.seen[0].body.items() if name not in ("model", "messages")}
    assert asked == {"max_completion_tokens": 99, "reasoning_effort": "low"}
    with backend.open(MODEL) as model, OpenAIBackend(server.url).open(MODEL) as other:
        assert model.facts.config_sha256 != other.facts.config_sha256  # their answers are not each other's


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (completion("cut", "length"), Reply("cut", None, "length", 7, 3)),
        (completion("", "stop"), Reply("", None, "stop", 7, 3)),
        (completion("odd", {"a": 1}), Reply("odd", None, "stop", 7, 3)),
        (completion("before END after", "length"), Reply("before ", None, "stop", 7, 3)),
        (completion(None, "length"), Reply(None, "max_new_tokens went by before the answer began, as with a model that "
                                                 "thinks first: allow more", "length", 7, 3)),
        (completion("half a", "content_filter"),
         Reply(None, "the server's content filter withheld the answer", "stop", 7, 3)),
        (completion(None, "stop", refusal="I \x1b[31mwon't"),
         Reply(None, "the model refused: I [31mwon't", "stop", 7, 3)),
        ((200, {}, b'{"choices": [{"message": {"content": "no usage"}}]}'), Reply("no usage")),
        ((200, {"Content-Type": "text/plain"}, b'{"choices": [{"message": {"content": "x"}}], "usage": '
                                               b'{"prompt_tokens": -3, "completion_tokens": 1e400}}'), Reply("x")),
        ((200, {}, rb'{"choices": [{"message": {"content": "half \ud800 \u0000 \u001b[2J"}}]}'),
         Reply("half \ud800 \x00 \x1b[2J")),
    ],
)  # fmt: skip
def test_what_a_completion_says_is_what_the_reply_says(answer: Answer, reply: Reply) -> None:
    with chat_server(lambda seen: answer) as served:
        (found,) = replied(OpenAIBackend(served.url), ["hello"], replace(SETTINGS, stop=("END",)))
    assert replace(found, seconds=0.0) == reply
    assert len(served.seen) == 1


HOSTILE = {
    "nested": b"[" * 200_000,
    "no object": b"7",
    "choices that are none": b'{"choices": {"0": 1}}',
    "a choice that is none": b'{"choices": [7]}',
    "no message": b'{"choices": [{"message": "hello"}]}',
    "a text that is none": b'{"choices": [{"message": {"content": {"a": 1}}}]}',
    "nothing": b"",
    "no text at all": b"\xff\xfe\x00\xd8",
    "a number without end": b'{"choices": [' + b"9" * 100_000 + b"]}",
    "an error with status 200": b'{"error": {"message": "upstream is down"}}',
    "more than we read": b'{"choices": [{"message": {"content": "' + b"a" * 300_000 + b'"}}]}',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_completion_is_tried_again(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "LARGEST_BODY", 250_000)
    with chat_server(lambda seen: (200, {}, body) if len(served.seen) < 3 else echo(seen)) as served:
        assert texts(replied(OpenAIBackend(served.url), ["hello"])) == ["you said hello"]
    assert len(served.seen) == 3


def test_a_server_that_drips_is_given_up_when_the_time_is_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        program = """
import socket, sys, time
listening = socket.socket(fileno=int(sys.argv[1]))
while True:
    connection, _ = listening.accept()
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: 1000\\r\\n\\r\\n")
    try:
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)
    except OSError:
        pass
"""
        dripping = subprocess.Popen(
            [sys.executable, "-c", program, str(listening.fileno())], pass_fds=[listening.fileno()]
        )
        try:
            began = time.perf_counter()
            (reply,) = replied(OpenAIBackend(url, timeout=0.5, retries=0), ["hello"])
        finally:
            dripping.kill()
            dripping.wait()
    assert str(reply.why_missing).startswith(
        f"the server {url} gave no answer in 1 try: nothing within 0.5 s; a larger"
    )
    assert time.perf_counter() - began < 3


def test_generate_gives_an_answer_a_prompt_in_order(server: Served) -> None:
    with OpenAIBackend(server.url).open(MODEL) as model:
        answers = model.generate(["a", "b", "a"], SETTINGS, sample_ids=["s1", "s2", "s1"])
    assert [(each.sample_id, each.attempt, each.text) for each in answers] == [
        ("s1", 0, "you said a"), ("s2", 0, "you said b"), ("s1", 1, "you said a")
    ]  # fmt: skip
    assert {(each.finish_reason, each.prompt_tokens, each.output_tokens) for each in answers} == {("stop", 7, 3)}


def test_generate_fails_where_an_answer_cannot_be_had() -> None:
    def not_b(seen: Seen) -> Answer:
        return refusal(500, "no") if seen.prompt == "b" else echo(seen)

    told = r"some-model has no answer to sample s2: .* in 2 tries: 500 no"
    raised = pytest.raises(ModelFailed, match=told)
    with chat_server(not_b) as served, OpenAIBackend(served.url, retries=1).open(MODEL) as model, raised:
        model.generate(["a", "b"], SETTINGS, sample_ids=["s1", "s2"])


def test_what_a_server_cannot_do_is_told_with_what_to_do_instead(server: Served, tmp_path: Path) -> None:
    backend = OpenAIBackend(server.url)
    with backend.open(MODEL) as model:
        assert model.with_adapter(None) is model
        for attempt in (
            lambda: model.log_likelihoods([("a", "b")], batch_size=1),
            lambda: model.rolling_log_likelihoods(["a"], batch_size=1),
            lambda: model.with_adapter(tmp_path),
            lambda: backend.folder(MODEL),
            lambda: backend.merge(MODEL, tmp_path, tmp_path),
            lambda: backend.quantize(MODEL, "nf4", tmp_path),
        ):
            with pytest.raises(UsageError) as caught:
                attempt()
            assert caught.value.remedy
    assert not server.seen


def test_the_facts_tell_servers_and_models_apart(server: Served) -> None:
    with OpenAIBackend(server.url).open(MODEL) as model, OpenAIBackend(server.url).open(ModelRef("other")) as other:
        facts = model.facts
        assert (facts.name, facts.folder, facts.weights_sha256) == ("some-model", server.url, "unknown")
        assert facts.path_taken != other.facts.path_taken


def test_it_is_a_backend_that_is_found_by_its_name_and_imports_nothing_before_it_is_opened() -> None:
    planned = Catalog.build(Host.load()).make("backend", Ref("openai", {"concurrency": 3}))
    assert planned.instance == OpenAIBackend(concurrency=3)
    assert isinstance(planned.instance, Backend)
    program = (
        "import sys, harness_backends; from harness import ModelRef\n"
        "harness_backends.OpenAIBackend('http://127.0.0.1:1/v1').check(ModelRef('m'))\n"
        "print({'openai', 'anyio', 'httpx2', 'torch', 'asyncio'} & set(sys.modules))"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": paths}, capture_output=True)
    assert (done.stdout, done.stderr) == (b"set()\n", b"")
