"""How often a program that a model wrote passes its tests: ``pass_at_k``."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from harness import (
    GenerationSettings,
    Item,
    MeanOfScores,
    Mode,
    Prompt,
    Sample,
    Score,
    ScoringContext,
    UsageError,
    why_unscored,
)

if TYPE_CHECKING:
    from harness_metrics.sandbox import Limits, Outcome, Program

_FENCE = r"^ {0,3}```%s[^\n`]*\n(.*?)(?:^ {0,3}```|\Z)"
_FENCES = [re.compile(_FENCE % tag, re.DOTALL | re.MULTILINE | re.IGNORECASE) for tag in (r"py(?:thon)?3?\b", "")]
"""An answer's Python, else whatever it has fenced; a fence that was cut off goes to the end."""

LONGEST_CODE = 100_000
"""Characters; an answer with more is not run, and has not passed."""
_LEAST_MEMORY = 32
_LONGEST_REASON = 200


@dataclass(frozen=True)
class PassAtK(MeanOfScores):
    """The chance that of ``k`` attempts at a program at least one passes its tests, estimated from all attempts.

    The answer is Python, and each target is a test program, as ``assert add(1, 2) == 3``: it finds what the answer has
    defined, and must run to its end; an attempt passes if all targets do. Each runs in a sandbox of its own, without
    network, other processes or any files but its own; where the sandbox cannot be had nothing is run, and the score is
    missing. ``details`` say what became of each attempt. Of ``n`` attempts ``c`` have passed: the value is
    ``1 - C(n-c, k) / C(n, k)``, which is unbiased; with fewer than ``k`` it is missing, so let the task ask for as many
    with ``generation: {repeats: n}``. Source: Chen et al. 2021.
    """

    name: ClassVar[str] = "pass_at_k"
    higher_is_better: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float] | None] = (0.0, 1.0)
    modes: ClassVar[tuple[Mode, ...]] = ("generate",)
    requires_packages: ClassVar[tuple[str, ...]] = ()

    k: int = 1
    """How many attempts one may have."""
    timeout: float = 5.0
    """Seconds of processor time for one attempt, rounded up to whole ones. By the clock it may take three times as long
    and two seconds more, so that not the machine's other work decides."""
    memory_mb: int = 512
    """Megabytes of address space for one attempt."""
    fenced: bool = True
    """The code is the answer's first fence that says ``python``, else its first fence, else the whole answer."""
    completes_prompt: bool = False
    """The answer goes on where the prompt, or its last message, ends, as in HumanEval: both together are the code."""

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k is the number of attempts that one may have, 1 or more, not {self.k}")
        if not 0 < self.timeout < math.inf:
            raise ValueError(f"timeout is a number of seconds above 0, not {self.timeout:g}")
        if self.memory_mb < _LEAST_MEMORY:
            raise ValueError(
                f"memory_mb is {_LEAST_MEMORY} or more, not {self.memory_mb}: Python itself takes some of it"
            )

    def check(self, samples: Sequence[Sample], settings: GenerationSettings) -> None:
        """Raise ``UsageError`` if there are too few attempts, or tests that are no Python; called with the plan."""
        if settings.repeats < self.k:
            problem = f"pass@{self.k} needs {self.k} attempts, and the task asks for {settings.repeats}"
            raise UsageError(problem, remedy=_more_attempts(self.k))
        told = [fault for sample in samples for fault in map(_fault, sample.targets) if fault]
        if told:
            problem = f"{len(told):,} of {len(samples):,} samples have tests that are no Python: {told[0]}"
            raise UsageError(problem, remedy="a target is a test program, as 'assert add(1, 2) == 3'")

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        """One score an item, in order; the programs of all of them run side by side."""
        from harness_metrics.sandbox import Limits

        seconds = math.ceil(self.timeout)
        limits = Limits(processor_seconds=seconds, wall_seconds=3 * seconds + 2, memory_mb=self.memory_mb)
        reasons = [self._why_missing(item) for item in items]
        programs = [() if why else tuple(self._programs(item)) for item, why in zip(items, reasons, strict=True)]
        outcomes = _outcomes(tuple(dict.fromkeys(each for some in programs for each in some)), limits)
        return [
            Score(item.sample.id, None, why) if why else self._score(item, [outcomes[program] for program in some])
            for item, why, some in zip(items, reasons, programs, strict=True)
        ]

    def _why_missing(self, item: Item) -> str | None:
        attempts, targets = len(item.generations), item.sample.targets
        if why := why_unscored(item, needs_target=False):
            return why
        if not any(target.strip() for target in targets):
            return f"no tests to run: {'every target is blank' if targets else 'the sample has no target'}"
        faults = [fault for fault in map(_fault, targets) if fault]
        if faults:
            return f"no tests to run: a target is no Python ({faults[0]})"
        if attempts < self.k:
            return f"pass@{self.k} needs {self.k} attempts, and the sample has {attempts}: {_more_attempts(self.k)}"
        return None

    def _programs(self, item: Item) -> Iterator[Program]:
        from harness_metrics.sandbox import Program

        before = _text(item.sample.prompt) if self.completes_prompt else ""
        for generation in item.generations:
            yield Program(before + self._code(generation.text), item.sample.targets)

    def _code(self, answer: str) -> str:
        fences = (fence.search(answer) for fence in _FENCES) if self.fenced else ()
        return next((found[1] for found in fences if found), answer)

    def _score(self, item: Item, outcomes: Sequence[Outcome]) -> Score:
        for outcome in outcomes:
            if outcome.kind == "unavailable":
                return Score(item.sample.id, None, f"no code was run: {_told(outcome.reason)}")
        passed = sum(outcome.kind == "passed" for outcome in outcomes)
        told = [f"{each.kind}: {_told(each.reason)}" if each.reason else each.kind for each in outcomes]
        value = pass_at_k(len(outcomes), passed, self.k)
        return Score(item.sample.id, value, None, {"passed": passed, "outcomes": told})


def _more_attempts(k: int) -> str:
    return f"write 'generation: {{repeats: {k}, temperature: 0.8}}'"


def pass_at_k(attempts: int, passed: int, k: int) -> float:
    """The unbiased estimate of the chance that one of ``k`` attempts passes, to the last bit; ``k`` up to all of them.

    How many of the sets of ``k`` of the attempts hold one that has passed.
    """
    return float(1 - Fraction(math.comb(attempts - passed, k), math.comb(attempts, k)))


@lru_cache(maxsize=1)  # a task that asks for pass@1 and pass@10 runs its programs once
def _outcomes(programs: tuple[Program, ...], limits: Limits) -> dict[Program, Outcome]:
    from harness_metrics.sandbox import Outcome, run_all

    runnable = [program for program in programs if len(program.code) <= LONGEST_CODE]
    too_long = Outcome("failed", f"an answer of more than {LONGEST_CODE:,} characters is not run")
    return dict.fromkeys(programs, too_long) | dict(zip(runnable, run_all(runnable, limits), strict=True))


def _fault(test: str) -> str | None:
    """Why this is no Python program, or ``None`` if it is one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(test, "<target>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return _told(f"{type(error).__name__}: {error}")
    return None


def _text(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else prompt[-1].content


def _told(reason: str) -> str:
    """Some of what a program said, in characters that can be shown and recorded."""
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in reason[:_LONGEST_REASON])
    return shown if len(reason) <= _LONGEST_REASON else f"{shown}…"
