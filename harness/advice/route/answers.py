"""Answers to the questions, checked: what is typed becomes a value of the situation, or an error that helps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from harness.advice.situation import Situation
from harness.errors import UsageError, did_you_mean

Kind = Literal["yes_no", "choice", "choices", "number"]

KINDS: Mapping[str, Kind] = {
    "compliance": "number",
    "lacks": "choices",
    "knowledge_changes": "yes_no",
    "knowledge_tokens": "number",
    "window": "number",
    "is_too_dear": "yes_no",
    "max_latency": "number",
    "latency": "number",
    "rows": "number",
    "larger_model": "yes_no",
    "preference_pairs": "number",
    "corpus_tokens": "number",
    "requests_per_day": "number",
}
"""What is asked for, by field of ``Situation``, in the order in which the path asks."""

OPTIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "lacks": (
        ("knowledge", "facts that the model does not know"),
        ("format", "the form that a program or a reader expects"),
        ("style", "tone and manner"),
        ("behaviour", "what to do and what to leave: refuse, ask back, choose a label"),
        ("vocabulary", "words and abbreviations of the domain"),
        ("reasoning", "the steps from question to answer"),
    )
}

_YES = frozenset({"yes", "y", "true", "1"})
_NO = frozenset({"no", "n", "false", "0"})
_NOTHING = frozenset({"none", "nothing"})


@dataclass(frozen=True, slots=True)
class _Range:
    """What a number may be."""

    low: float
    remedy: str
    high: float = math.inf
    is_open: bool = False
    """Whether the low end itself is out."""
    is_whole: bool = True

    def holds(self, number: float) -> bool:
        above = number > self.low if self.is_open else number >= self.low
        return above and number <= self.high and math.isfinite(number) and (not self.is_whole or number == int(number))


_COUNT = _Range(0, "a whole number from 0 up, such as 1200 or 1,200")
_SECONDS = _Range(0, "seconds above 0, such as 0.5", is_open=True, is_whole=False)
_RANGES: Mapping[str, _Range] = {
    "compliance": _Range(0, "a share from 0 to 1, such as 0.85 or 85 %", high=1, is_whole=False),
    "window": _Range(0, "a whole number above 0, such as 8192", is_open=True),
    "max_latency": _SECONDS,
    "latency": _SECONDS,
    "requests_per_day": _Range(0, "a number from 0 up, such as 100000 or 100,000", is_whole=False),
}


def answered(situation: Situation, field: str, value: object) -> Situation:
    """The situation with one question answered; ``None`` takes an answer back.

    Takes values as they are and as they are typed: ``True`` or ``yes``, ``0.85`` or ``85 %``, ``1200`` or ``1,200``,
    ``("format",)`` or ``format, style``. Raises ``UsageError`` with what would be right.
    """
    if field not in KINDS:
        raise UsageError(f"there is no question about {field!r}", remedy=did_you_mean(field, KINDS))
    changed: dict[str, Any] = {field: None if value is None else _read(field, value)}
    return replace(situation, **changed)


def _read(field: str, value: object) -> object:
    if KINDS[field] == "choices":
        return _choices(field, value)
    if KINDS[field] == "yes_no":
        return _yes_or_no(field, value)
    return _number(field, value, _RANGES.get(field, _COUNT))


def _yes_or_no(field: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _YES or word in _NO:
        return word in _YES
    raise UsageError(f"{field} cannot be {value!r}", remedy="answer yes or no")


def _choices(field: str, value: object) -> tuple[str, ...]:
    known = [name for name, _ in OPTIONS[field]]
    if isinstance(value, str):
        words = [] if value.strip().lower() in _NOTHING else [word.strip().lower() for word in value.split(",")]
    elif isinstance(value, Iterable):
        words = [str(word) for word in value]
    else:
        raise UsageError(f"{field} cannot be {value!r}", remedy="choose from " + ", ".join(known))
    for word in words:
        if word not in known:
            raise UsageError(f"{field} cannot be {word!r}", remedy=did_you_mean(word, known))
    return tuple(dict.fromkeys(words))


def _number(field: str, value: object, within: _Range) -> float:
    number = _parsed(value)
    if number is None or not within.holds(number):
        raise UsageError(f"{field} cannot be {value!r}", remedy=f"give {within.remedy}")
    return int(number) if within.is_whole else float(number)


def _parsed(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    text = value.strip().replace(",", "").replace("_", "")
    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None
