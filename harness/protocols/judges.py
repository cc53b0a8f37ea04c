"""What a judge implements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from harness.values import Case, JudgeModel, Prompt, Reply, Score


@dataclass(frozen=True, slots=True)
class JudgingContext:
    """What a judge may know and use besides its cases."""

    ask: Callable[[JudgeModel, Sequence[Prompt]], Sequence[Reply]]
    """Put prompts to a model: one reply each, in order. What was asked before, in any run, is taken from the record;
    a request that fails is repeated, and one that cannot be had, or goes beyond the budget, has a reason for a text."""
    task: str = ""
    seed: int = 0


@runtime_checkable
class Judge(Protocol):
    """Grades answers by asking models, or compares the baseline's and the candidate's."""

    name: ClassVar[str]
    requires_packages: ClassVar[tuple[str, ...]]

    @property
    def models(self) -> Sequence[JudgeModel]:
        """Whom it asks."""
        ...

    @property
    def compares(self) -> bool:
        """Whether it is shown two answers side by side, rather than one."""
        ...

    def grade(self, cases: Sequence[Case], context: JudgingContext) -> Sequence[Score]:
        """One score a case, in order, from 0 to 1: how good the answer is, or by how much the candidate's is better.

        Of two answers 1 says that the candidate's is better, 0 that the baseline's is, 0.5 that neither is. A reply
        that says nothing clear gives a missing score with the reason, never a middling grade. ``details`` hold the
        judge's reasons.
        """
        ...

    def notes(self, scores: Sequence[Score]) -> Sequence[str]:
        """What a reader of the verdict must know of these scores, a sentence each; may be none."""
        ...
