"""Asking a model for something of a form: what is malformed is asked once more, and then it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness import JudgeModel, JudgingContext, Message, Reply
from harness_judges.quoting import one_line
from harness_judges.replies import Malformed

T = TypeVar("T")

_EXCERPT = 100
"""Characters of a malformed reply that the reason shows."""
_ECHO = 2_000
"""Characters of a malformed reply that its author is shown again."""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A prompt, the form that its reply must have, and how it is read."""

    messages: tuple[Message, ...]
    form: str
    """In a sentence, to say it again."""
    read: Callable[[str], T]
    """Raises ``Malformed``."""

    def again(self, reply: str) -> tuple[Message, ...]:
        """With the malformed reply, which may echo what is quoted: on one line, nothing in it hidden or special."""
        last = (Message("assistant", one_line(reply, _ECHO)), Message("user", f"That is not the form. {self.form}"))
        return (*self.messages, *last)


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came of a question; without ``read`` it says why."""

    read: T | None
    why_missing: str | None = None
    attempts: int = 1
    is_malformed: bool = False


def ask(context: JudgingContext, model: JudgeModel, questions: Sequence[Question[T]]) -> list[Answer[T]]:
    """One answer a question, in order; never one that was not said in the form that was asked for."""
    first = context.ask(model, [question.messages for question in questions]) if questions else ()
    answers = [_read(question, reply, 1) for question, reply in zip(questions, first, strict=True)]
    open_ones = [index for index, answer in enumerate(answers) if answer.is_malformed]
    if open_ones:
        again = [questions[index].again(first[index].text or "") for index in open_ones]
        for index, reply in zip(open_ones, context.ask(model, again), strict=True):
            answers[index] = _read(questions[index], reply, 2)
    return answers


def malformed(counts: Mapping[str, int], items: int) -> list[str]:
    """A sentence on each model with items that have no grade since its reply had not the form, twice."""
    return [
        f"{name}: {count:,} of {items:,} items have no grade, since the reply was malformed and again malformed"
        for name, count in counts.items()
        if count
    ]


def _read(question: Question[T], reply: Reply, attempt: int) -> Answer[T]:
    if reply.text is None:
        return Answer(None, reply.why_missing or "there was no reply", attempt)
    try:
        return Answer(question.read(reply.text), None, attempt)
    except Malformed as fault:
        cut = ", cut at max_new_tokens" if reply.finish_reason == "length" else ""
        excerpt = one_line(reply.text.strip(), _EXCERPT)
        why = f"the reply is malformed{cut}: {fault}" + (f" ({excerpt})" if excerpt else "")
        return Answer(None, why, attempt, is_malformed=True)
