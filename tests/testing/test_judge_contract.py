"""The judge's contract catches each fault: every judge below breaks one promise."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from harness import Case, JudgeModel, JudgingContext, Prompt, Score
from harness.testing import check_judge

COUNTER = itertools.count()
OPTIONS = {"model": {"name": "any"}}


class Digits:
    """What all of them do."""

    name = "digits"
    requires_packages = ()
    model: JudgeModel

    @property
    def models(self) -> Sequence[JudgeModel]:
        return (self.model,)

    @property
    def compares(self) -> bool:
        return False

    def grade(self, cases: Sequence[Case], context: JudgingContext) -> Sequence[Score]:
        replies = context.ask(self.model, [case.answers[0] for case in cases]) if cases else ()
        return [self.read(case, reply.text, reply.why_missing) for case, reply in zip(cases, replies, strict=True)]

    def read(self, case: Case, text: str | None, why: str | None) -> Score:
        if text is None or not (len(text) == 1 and text.isdigit()):
            return Score(case.sample.id, None, why or "no digit")
        return Score(case.sample.id, int(text) / 9, None, {"digit": text})

    def notes(self, scores: Sequence[Score]) -> Sequence[str]:
        return [f"{len(scores)} were graded"]


@dataclass(frozen=True)
class Fine(Digits):
    """Asks for a digit from 0 to 9."""

    model: JudgeModel
    """Who judges."""


@dataclass(frozen=True)
class Comparing(Fine):
    """Is shown two answers."""

    @property
    def compares(self) -> bool:
        return True

    def grade(self, cases: Sequence[Case], context: JudgingContext) -> Sequence[Score]:
        assert all(len(case.answers) == 2 for case in cases)
        return super().grade(cases, context)


@dataclass(frozen=True)
class Undocumented(Fine):
    name = "undocumented"


@dataclass
class NotFrozen(Digits):
    """Not frozen."""

    model: JudgeModel
    """Who judges."""


@dataclass(frozen=True)
class Nobody(Fine):
    """Does not say whom it asks."""

    @property
    def models(self) -> Sequence[JudgeModel]:
        return ()


@dataclass(frozen=True)
class Stranger(Fine):
    """Asks somebody else."""

    def grade(self, cases: Sequence[Case], context: JudgingContext) -> Sequence[Score]:
        context.ask(JudgeModel("stranger"), ["?"])
        return super().grade(cases, context)


@dataclass(frozen=True)
class Backwards(Fine):
    """Gives the scores in reverse order."""

    def grade(self, cases: Sequence[Case], context: JudgingContext) -> Sequence[Score]:
        return super().grade(cases, context)[::-1]


@dataclass(frozen=True)
class Moody(Fine):
    """Grades otherwise at each call."""

    def read(self, case: Case, text: str | None, why: str | None) -> Score:
        return Score(case.sample.id, next(COUNTER) % 97 / 97)


@dataclass(frozen=True)
class Points(Fine):
    """Leaves the scale."""

    def read(self, case: Case, text: str | None, why: str | None) -> Score:
        score = super().read(case, text, why)
        return score if score.value is None else Score(score.sample_id, 100.0)


@dataclass(frozen=True)
class MiddlingByDefault(Fine):
    """Takes what it cannot read for a middling grade."""

    def read(self, case: Case, text: str | None, why: str | None) -> Score:
        score = super().read(case, text, why)
        return Score(case.sample.id, 0.5) if score.value is None and text is not None else score


@dataclass(frozen=True)
class Silent(Fine):
    """Does not say why a score is missing."""

    def read(self, case: Case, text: str | None, why: str | None) -> Score:
        score = super().read(case, text, why)
        return score if score.value is not None else Score(case.sample.id, None, "")


@dataclass(frozen=True)
class OwnWords(Fine):
    """Loses the reason that it was given."""

    def read(self, case: Case, text: str | None, why: str | None) -> Score:
        return super().read(case, text, "no digit")


@dataclass(frozen=True)
class RawReply(Fine):
    """Keeps the reply as it came."""

    def read(self, case: Case, text: str | None, why: str | None) -> Score:
        score = super().read(case, text, why)
        return Score(score.sample_id, score.value, score.why_missing, {"reply": text})


@dataclass(frozen=True)
class Chatty(Fine):
    """Notes of several lines."""

    def notes(self, scores: Sequence[Score]) -> Sequence[str]:
        return ["one\ntwo"]


def digit(prompt: Prompt) -> str:
    return str(len(prompt) % 10)


@pytest.mark.parametrize("judge", [Fine, Comparing])
def test_a_judge_that_keeps_every_promise_passes(judge: type[Fine]) -> None:
    check_judge(judge, digit, options=OPTIONS)


@pytest.mark.parametrize(
    ("judge", "complaint"),
    [
        (Undocumented, "judge 'undocumented' has no docstring"),
        (NotFrozen, r"is not a @dataclass\(frozen=True\)"),
        (Nobody, "asks any, which is none of its models"),
        (Stranger, "asks stranger, which is none of its models"),
        (Backwards, "was given the cases .* and graded|grades .* and (in reverse order|alone)"),
        (Moody, "grades .* and (in reverse order|alone|a second time) with|where no reply"),
        (Points, "gives 100.0 to .*, outside 0 to 1"),
        (MiddlingByDefault, "gives 0.5 where the model replied ''"),
        (Silent, "does not say why|value None, reason ''"),
        (OwnWords, "reason 'no digit' where no reply could be had"),
        (RawReply, "the score of a reply 'half .* cannot be recorded"),
        (Chatty, "has a note that is no sentence"),
    ],
)
def test_a_broken_promise_is_told(judge: type[Any], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_judge(judge, digit, options=OPTIONS)
