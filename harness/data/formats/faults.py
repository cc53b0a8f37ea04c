"""What is wrong with a row, in words that are the same for the same kind of fault; and texts that are without it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class RowError(ValueError):
    """A row that cannot be read: the problem, in words without a place so that equal ones can be counted; a remedy."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}; {remedy}" if remedy else problem)
        self.problem, self.remedy = problem, remedy


class LossError(ValueError):
    """A row that a format has no place for: ``tool calls, which alpaca cannot hold``."""


def text(value: object, column: str) -> str:
    """The text itself; ``RowError`` where it is none, or says nothing."""
    if not isinstance(value, str):
        raise RowError(f"{column!r} is {kind(value)}, not text")
    if not value.strip():
        raise RowError(f"{column!r} is empty", "fill it, or leave the row out")
    return whole(value, column)


def whole(value: str, column: str) -> str:
    """The text itself; ``RowError`` where it holds half a surrogate pair, which no file can be written with."""
    # almost every text is whole, and encoding tells it fastest
    try:
        value.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(value[error.start]):04x}"
        raise RowError(f"{column!r} holds half a character ({half})", "write it whole or leave it out") from None
    return value


def whole_within(value: object, column: str) -> None:
    """``RowError`` where a text anywhere in a JSON value, keys included, holds half a surrogate pair."""
    left: list[object] = [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            whole(each, column)
        elif isinstance(each, Mapping):
            left.extend(each)
            left.extend(each.values())
        elif isinstance(each, list | tuple):
            left.extend(each)


def kind(value: object) -> str:
    """What JSON calls the type of a value."""
    names = {
        type(None): "null",
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)


def listed(words: Iterable[str]) -> str:
    """``a, b and c``."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
