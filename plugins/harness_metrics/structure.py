"""Metrics on answers that a program reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, NoReturn, TypeVar

from harness import PerSample, Score
from harness_metrics.text import escaped, printable

T = TypeVar("T")

_FENCE = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class JsonValid(PerSample):
    """1 if the answer is JSON (RFC 8259), else 0, and ``details`` say why.

    Any value is JSON, a number or a text in quotation marks as well as an object. ``NaN`` is none, nor is a name that
    stands twice in one object, because two readers would read two things.
    """

    name: ClassVar[str] = "json_valid"
    needs_target: ClassVar[bool] = False

    fenced: bool = True
    """An answer that is no JSON as it stands may hold it in a Markdown fence; the first fence counts."""

    def score_one(self, text: str, targets: Sequence[str]) -> Score:
        """1.0 or 0.0."""
        try:
            in_answer(text, read_json, fenced=self.fenced)
        except ValueError as error:
            return Score("", 0.0, None, {"invalid": printable(str(error))})
        return Score("", 1.0)


@dataclass(frozen=True)
class JsonFields(PerSample):
    """The share of a JSON object's fields that are right; the best over the targets.

    A field is right if its whole value is equal as JSON: ``1`` is ``1.0`` but neither ``"1"`` nor ``true``; the order
    of names never matters, the order of a list does. An answer that is no JSON object is 0, and ``details`` say why;
    ``NaN`` and a name that stands twice are no JSON here, because two readers would read two things. Otherwise
    ``details`` list the fields that are ``wrong``, ``missing`` and ``extra``. An answer without a fault is 1.
    """

    name: ClassVar[str] = "json_fields"

    fenced: bool = True
    """An answer that is no JSON as it stands may hold it in a Markdown fence; the first fence counts."""
    extra_fields_count: bool = True
    """Each field that the target does not have counts as one more wrong field."""

    def score_one(self, text: str, targets: Sequence[str]) -> Score:
        """Between 0 and 1; missing where no target is a JSON object."""
        wanted = [fields for fields in map(_readable, targets) if fields is not None]
        if not wanted:
            return Score("", None, "no target to compare with: no target is a JSON object")
        try:
            answer = in_answer(text, _read, fenced=self.fenced)
        except ValueError as error:
            return Score("", 0.0, None, {"invalid": escaped(str(error))})
        return max((self._compared(answer, target) for target in wanted), key=lambda score: score.value or 0.0)

    def _compared(self, answer: Fields, target: Fields) -> Score:
        right = [name for name in target if name in answer and answer[name] == target[name]]
        faults = {
            "wrong": [name for name in target if name in answer and answer[name] != target[name]],
            "missing": [name for name in target if name not in answer],
            "extra": [name for name in answer if name not in target],
        }
        fields = len(target) + (len(faults["extra"]) if self.extra_fields_count else 0)
        details = {fault: [escaped(name) for name in names] for fault, names in faults.items() if names}
        return Score("", len(right) / fields if fields else 1.0, None, details)


def _readable(text: str) -> Fields | None:
    try:
        return _read(text)
    except ValueError:
        return None


def _read(text: str) -> Fields:
    """The object, in values whose plain ``==`` is equality as JSON; ``ValueError`` with the reason if it is none."""
    value = read_json(text)
    if not isinstance(value, dict):
        raise ValueError("JSON, but not an object")
    return value


def in_answer(text: str, read: Callable[[str], T], *, fenced: bool) -> T:
    """What ``read`` makes of the answer, or of its first Markdown fence where it refuses the answer as it stands."""
    try:
        return read(text)
    except ValueError:
        fence = _FENCE.search(text) if fenced else None
        if fence is None:
            raise
        return read(fence[1])


def _number(digits: str) -> tuple[str, Decimal]:
    # a pair, because Python takes True for 1; a Decimal, because 1e400 and 0.1 are what they say
    try:
        return "number", Decimal(digits)
    except InvalidOperation:
        raise ValueError("not JSON that can be read: a number is too large") from None


def read_json(
    text: str, *, integer: Callable[[str], object] = _number, fraction: Callable[[str], object] = _number
) -> Any:  # noqa: ANN401 - any JSON value
    """The value of a JSON text, its numbers made from their digits; ``ValueError`` with the reason if it is no JSON."""
    try:
        return json.loads(
            text,
            parse_int=integer,
            parse_float=fraction,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deeply") from None


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"not JSON: {word} is no JSON value")


def _unique(pairs: Sequence[tuple[str, Any]]) -> Fields:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"the name {name!r} stands twice in one object")
        fields[name] = value
    return fields
