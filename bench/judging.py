"""Judging over a network: what asking many at once saves, and what is lost where servers and networks fail.

A loopback server in a process of its own answers each request after 200 ms, as many at once as come. It is asked one
request at a time and then sixteen at a time, through the harness's own backend; then through a proxy that spoils a
fifth of what goes through it in every way that the tests know.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from figures import say

from harness import GenerationSettings, ModelRef, RemoteModel, Reply
from harness_backends.openai_backend import OpenAIBackend

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "plugins"))

AT_ONCE = 16
SECONDS_AN_ANSWER = 0.2
LEAST_RATIO = 14.0
FAULTY = 0.2
TIMEOUT = 2.0
"""Seconds; what the proxy makes slow takes longer."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="96 requests instead of 480: half a minute")
    parser.add_argument("--side", choices=("server", "faults"), help=argparse.SUPPRESS)
    parser.add_argument("--upstream", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        serve(options.side, options.upstream)
        return
    prompts = [f"question {number}" for number in range(96 if options.quick else 480)]
    with side("server") as server:
        url = server.url
        asked(url, prompts[:AT_ONCE], AT_ONCE)  # imports are not what is measured
        compare(url, prompts)
        spoil(url, prompts)


def compare(url: str, prompts: list[str]) -> None:
    """One at a time against many, in turn, on the same server."""
    one, single = asked(url, prompts, 1)
    many, together = asked(url, prompts, AT_ONCE)
    ratio = one / many
    say(
        f"judging: times faster with {AT_ONCE} in the air than with one", round(ratio, 2), LEAST_RATIO, "x",
        ratio >= LEAST_RATIO and not lost(single, prompts) and not lost(together, prompts),
        requests=len(prompts), one_s=round(one, 2), many_s=round(many, 2),
        ideal_s=round(len(prompts) * SECONDS_AN_ANSWER / AT_ONCE, 2),
    )  # fmt: skip


def spoil(url: str, prompts: list[str]) -> None:
    """The same through the proxy: nothing may be lost or mistaken."""
    with side("faults", "--upstream", url) as proxy:
        seconds, replies = asked(proxy.url, prompts, AT_ONCE)
    missing = lost(replies, prompts)
    say(
        "judging: lost where a fifth of all requests goes wrong", missing, 0, "replies", missing == 0,
        requests=len(prompts), share=FAULTY, injected=proxy.injected, seconds=round(seconds, 2), timeout_s=TIMEOUT,
    )  # fmt: skip


def asked(url: str, prompts: list[str], at_once: int) -> tuple[float, dict[int, Reply]]:
    """Seconds from the first request to the last reply, and the replies."""
    with OpenAIBackend(url, concurrency=at_once, timeout=TIMEOUT).open(ModelRef("loopback")) as model:
        assert isinstance(model, RemoteModel)
        began = time.perf_counter()
        replies = dict(model.replies(prompts, GenerationSettings(max_new_tokens=16), lambda: True))
        return time.perf_counter() - began, replies


def lost(replies: dict[int, Reply], prompts: list[str]) -> int:
    """Prompts without the reply that belongs to them."""
    wanted = {index: f"you said {prompt}" for index, prompt in enumerate(prompts)}
    return sum(index not in replies or replies[index].text != text for index, text in wanted.items())


@dataclass
class Side:
    """A process that serves."""

    url: str
    injected: dict[str, int] = field(default_factory=dict)
    """Fault -> how many there were; known when it has ended."""


@contextmanager
def side(name: str, *options: str) -> Iterator[Side]:
    """The server or the proxy in a process of its own; it ends with its input."""
    command = [sys.executable, __file__, "--side", name, *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        started = Side(process.stdout.readline().strip())
        yield started
        process.stdin.close()
        started.injected = json.loads(process.stdout.readline())


def serve(name: str, upstream: str) -> None:
    """Be that server: tell its address and serve until the input ends."""
    from chat_server import chat_server
    from fault_proxy import fault_proxy

    running = (
        chat_server(delay=SECONDS_AN_ANSWER)
        if name == "server"
        else fault_proxy(upstream, FAULTY, seed=1, slow=2 * TIMEOUT)
    )
    with running as served:
        print(served.url, flush=True)
        sys.stdin.read()
        print(json.dumps(getattr(served, "injected", {})), flush=True)


if __name__ == "__main__":
    main()
