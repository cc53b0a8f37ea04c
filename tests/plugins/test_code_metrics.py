"""``pass_at_k``: its estimator against lm-eval's, what counts as code, and what is missing rather than wrong."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import GenerationSettings, Item, Message, Prompt, Sample, Score, ScoringContext, UsageError
from harness.testing import MetricContract, text_item
from harness_metrics import sandbox
from harness_metrics.code import LONGEST_CODE, PassAtK, pass_at_k

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "metrics" / "pass_at_k.json").read_text(encoding="utf-8"))
RIGHT, WRONG = "def twice(x):\n    return 2 * x", "def twice(x):\n    return x"
TESTS = "assert twice(2) == 4"

needs_sandbox = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is built of what Linux has")


def score(answers: str | Sequence[str], *targets: str, prompt: Prompt | None = None, **options: Any) -> Score:  # noqa: ANN401 - the metric's own options
    item = text_item("s", answers, *(targets or (TESTS,)))
    if prompt is not None:
        item = Item(replace(item.sample, prompt=prompt), item.generations)
    (got,) = PassAtK(**options).score([item], ScoringContext())
    return got


# the estimator


@pytest.mark.parametrize(("attempts", "passed", "k", "expected"), GOLDEN["rows"])
def test_the_estimate_is_that_of_lm_eval(attempts: int, passed: int, k: int, expected: float) -> None:
    assert pass_at_k(attempts, passed, k) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("attempts", "passed", "k"), [(5, 2, 1), (5, 2, 3), (6, 1, 6), (6, 3, 4), (4, 0, 2), (4, 4, 2)]
)
def test_the_estimate_is_the_share_of_draws_with_an_attempt_that_passed(attempts: int, passed: int, k: int) -> None:
    draws = list(itertools.combinations([True] * passed + [False] * (attempts - passed), k))

    assert pass_at_k(attempts, passed, k) == sum(map(any, draws)) / len(draws)


def test_the_estimate_is_exact_where_a_product_of_floats_is_not() -> None:
    assert pass_at_k(1000, 1, 999) == 0.999
    assert pass_at_k(3, 1, 1) == 1 / 3
    assert pass_at_k(10**5, 0, 10**4) == 0.0


# what counts


@needs_sandbox
def test_each_attempt_is_run_and_told() -> None:
    got = score([RIGHT, WRONG, "def twice(", "import os\nos._exit(0)"])

    assert got.value == 0.25
    assert got.details == {
        "passed": 1,
        "outcomes": [
            "passed",
            "failed: AssertionError, at line 1 of the tests",
            "failed: SyntaxError: '(' was never closed (<answer>, line 1)",
            "failed: it ended with status 0 before its tests had",
        ],
    }


@needs_sandbox
def test_k_counts_draws_of_k_attempts() -> None:
    answers = [RIGHT, WRONG, WRONG, WRONG]

    assert [score(answers, k=k).value for k in (1, 2, 4)] == [0.25, 0.5, 1.0]
    assert score([WRONG] * 4, k=4).value == 0.0


@needs_sandbox
@pytest.mark.parametrize(
    ("answer", "fenced", "expected"),
    [
        (RIGHT, True, 1.0),
        (f"```python\n{RIGHT}\n```", True, 1.0),
        (f"Of course:\n\n```python\n{RIGHT}\n```\nIt doubles.\n```python\n1 / 0\n```", True, 1.0),
        (f"```Python3\r\n{RIGHT}\r\n```", True, 1.0),
        (f"```py\n{RIGHT}", True, 1.0),
        (f"```\n{RIGHT}\n```", True, 1.0),
        (f"```sh\npip install it\n```\n```python\n{RIGHT}\n```", True, 1.0),
        (f"```python\n{RIGHT}  # ``` is a fence\n```", True, 1.0),
        (
            '```python\ndef twice(x):\n    """Say:\n\n    ```\n    twice(2)\n    ```\n    """\n    return 2 * x\n```',
            True,
            1.0,
        ),
        (f"```python\n{RIGHT}\n```", False, 0.0),
        (f"```python\n{WRONG}\n```\n{RIGHT}", True, 0.0),
        ("```python\n```", True, 0.0),
        ("", True, 0.0),
        ("Twice two is four.", True, 0.0),
        ("```python\n" * 2000, True, 0.0),
        ("```" * 20_000, True, 0.0),
    ],
)
def test_the_code_of_an_answer(answer: str, fenced: bool, expected: float) -> None:
    assert score(answer, fenced=fenced).value == expected


@needs_sandbox
def test_every_target_is_a_test_that_must_pass() -> None:
    assert score(RIGHT, TESTS, "assert twice('a') == 'aa'").value == 1.0
    assert score(RIGHT, TESTS, "assert twice(0) == 1").value == 0.0
    assert score(RIGHT, "", TESTS).value == 1.0


@needs_sandbox
def test_an_answer_may_go_on_where_the_prompt_ends() -> None:
    head = 'def twice(x):\n    """Two times x."""\n'
    chat = (Message("system", "You write Python."), Message("user", head))

    assert score("    return 2 * x\n", prompt=head, completes_prompt=True).value == 1.0
    assert score("    return 2 * x\n", prompt=chat, completes_prompt=True).value == 1.0
    assert score("    return 2 * x\n", prompt=head).value == 0.0
    assert score(f"```python\n{RIGHT}\n```", prompt=head, completes_prompt=True).value == 1.0


@needs_sandbox
def test_the_time_and_the_memory_are_options() -> None:
    slow = f"sum(range(10**8))\n{RIGHT}"
    large = f"held = bytearray(100 << 20)\n{RIGHT}"

    assert score(slow, timeout=0.5).details["outcomes"] == ["timed out: it computed for more than 1 s"]
    assert score(large, memory_mb=64).details["outcomes"] == ["memory: MemoryError, at line 1 of the answer"]
    assert score(large).value == 1.0


@needs_sandbox
def test_what_a_program_says_can_be_shown_and_recorded() -> None:
    loud = "class E(Exception):\n    pass\nraise E('\\x1b[31m\\ud800\\u202e' + 'x' * 10**6)"

    (told,) = score(loud).details["outcomes"]

    assert told.startswith("failed: E: \\x1b[31m\\ud800\\u202exxx")
    assert len(told) < 300
    assert told.isprintable()


@needs_sandbox
def test_an_answer_beyond_all_measure_is_wrong() -> None:
    assert score(RIGHT + "\n#" + "x" * LONGEST_CODE).details["outcomes"] == [
        "failed: an answer of more than 100,000 characters is not run"
    ]


@needs_sandbox
def test_the_same_attempts_are_run_once_for_every_k(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[sandbox.Program] = []
    run_all = sandbox.run_all

    def counted(programs: Sequence[sandbox.Program], limits: sandbox.Limits) -> list[sandbox.Outcome]:
        ran.extend(programs)
        return run_all(programs, limits)

    monkeypatch.setattr(sandbox, "run_all", counted)
    item = text_item("s", [RIGHT, WRONG, RIGHT], "assert twice(3) == 6")
    values = [PassAtK(k=k).score([item], ScoringContext())[0].value for k in (1, 3)]

    assert values == [pytest.approx(2 / 3), 1.0]
    assert [program.code for program in ran] == [RIGHT, WRONG]


# what is missing


@pytest.mark.parametrize(
    ("answers", "targets", "k", "reason"),
    [
        ((), (TESTS,), 1, "no answer was recorded"),
        ((RIGHT,), ("", " \n"), 1, "no tests to run: every target is blank"),
        (
            (RIGHT,),
            (TESTS, "Paris is nice."),
            1,
            "no tests to run: a target is no Python (SyntaxError: invalid syntax (<target>, line 1))",
        ),
        (
            (RIGHT, WRONG),
            (TESTS,),
            5,
            "pass@5 needs 5 attempts, and the sample has 2: write 'generation: {repeats: 5, temperature: 0.8}'",
        ),
    ],
)
def test_what_cannot_be_scored_is_missing_with_the_reason(
    answers: tuple[str, ...], targets: tuple[str, ...], k: int, reason: str
) -> None:
    assert score(answers, *targets, k=k) == Score("s", None, reason)


def test_a_sample_without_a_target_has_no_tests() -> None:
    (got,) = PassAtK().score([text_item("s", RIGHT)], ScoringContext())

    assert got == Score("s", None, "no tests to run: the sample has no target")


@pytest.mark.parametrize("target", ["\0", "\ud800", "(" * 10_000, "-" * 100_000 + "1", "return 1", "\tx\n        y"])
def test_a_target_that_cannot_be_read_is_no_fault_of_the_answer(target: str) -> None:
    assert str(score(RIGHT, target).why_missing).startswith("no tests to run: a target is no Python (")


def test_without_a_sandbox_nothing_is_run_and_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    got = score([RIGHT, WRONG], "assert twice(1) == 2")

    assert got.value is None
    assert got.why_missing == (
        "no code was run: there is no sandbox on darwin: run the harness on Linux, or there in a container"
    )


# the class


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"k": 0}, "k is the number of attempts that one may have, 1 or more, not 0"),
        ({"timeout": 0.0}, "timeout is a number of seconds above 0, not 0"),
        ({"timeout": float("inf")}, "timeout is a number of seconds above 0, not inf"),
        ({"timeout": float("nan")}, "timeout is a number of seconds above 0, not nan"),
        ({"memory_mb": 8}, "memory_mb is 32 or more, not 8: Python itself takes some of it"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        PassAtK(**options)


@needs_sandbox
class TestPassAtKContract(MetricContract):
    metric = PassAtK
    options = {"k": 2, "timeout": 1.0}  # noqa: RUF012 - a ClassVar of the contract
    examples = (
        text_item("two of three", [RIGHT, WRONG, f"```python\n{RIGHT}\n```"], TESTS),
        text_item("none", [WRONG, "", "\x00\ud800"], TESTS),
    )


def test_too_few_attempts_are_told_with_the_plan() -> None:
    sample = Sample("s", "Write add.", ("assert add(1, 2) == 3",))
    with pytest.raises(UsageError, match=r"pass@3 needs 3 attempts, and the task asks for 2.*repeats: 3"):
        PassAtK(k=3).check([sample], GenerationSettings(temperature=0.8, repeats=2))
    PassAtK(k=3).check([sample], GenerationSettings(temperature=0.8, repeats=3))


def test_tests_that_are_no_python_are_told_with_the_plan() -> None:
    with pytest.raises(UsageError, match="1 of 1 samples have tests that are no Python: SyntaxError"):
        PassAtK().check([Sample("s", "Write add.", ("returns 3",))], GenerationSettings())
