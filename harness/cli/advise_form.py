"""The questions that only the team can answer, asked at a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.advice.route.questions import Question
    from harness.advice.situation import Situation

_MOST = 12
"""Questions at the utmost: each answer leaves fewer that matter."""


def fill_in(situation: Situation) -> dict[str, object]:
    """Ask what could still change the advice, the most telling question first; field -> answer.

    An empty answer leaves a question open, and it is not asked again.
    """
    from harness.advice.route.questions import open_questions

    given: dict[str, object] = {}
    passed: set[str] = set()
    for _ in range(_MOST):
        question = next((each for each in open_questions(situation) if each.field not in passed), None)
        if question is None:
            break
        passed.add(question.field)
        value, situation = _asked(question, situation)
        if value is not None:
            given[question.field] = value
    return given


def _asked(question: Question, situation: Situation) -> tuple[object, Situation]:
    """A valid answer with the situation that it makes; ``None`` where it was passed over."""
    from harness.advice.route.questions import answered

    click.echo(f"\n{click.style(question.text, bold=True)}\n  {question.why}", err=True)
    for number, (_, label) in enumerate(question.options, 1):
        click.echo(f"  {number}  {label}", err=True)
    while True:
        text = click.prompt(_HINTS[question.kind], default="", show_default=False, err=True).strip()
        if not text:
            return None, situation
        try:
            value = _READ[question.kind](question, text) if question.kind in _READ else text
            told = answered(situation, question.field, value)
            return getattr(told, question.field), told
        except (UsageError, ValueError) as error:
            click.echo(f"  {error}", err=True)


def _yes_no(question: Question, text: str) -> bool:
    if text.lower() not in {"y", "yes", "n", "no"}:
        raise ValueError("answer y or n, or nothing to pass it over")
    return text.lower().startswith("y")


def _choice(question: Question, text: str) -> object:
    return _picked(question, text)


def _choices(question: Question, text: str) -> object:
    if text in {"0", "none"}:
        return ()
    return tuple(dict.fromkeys(_picked(question, part) for part in text.replace(",", " ").split()))


def _picked(question: Question, text: str) -> object:
    values = [value for value, _ in question.options]
    if text.isdigit() and 1 <= int(text) <= len(values):
        return values[int(text) - 1]
    named = next((value for value in values if str(value) == text.lower()), None)
    if named is None:
        raise ValueError(f"answer a number from 1 to {len(values)}")
    return named


_HINTS = {
    "yes_no": "  [y/n]",
    "choice": "  number",
    "choices": "  numbers, or 0 for none",
    "number": "  number",
}
_READ: dict[str, Callable[[Question, str], object]] = {
    "yes_no": _yes_no,
    "choice": _choice,
    "choices": _choices,
}
