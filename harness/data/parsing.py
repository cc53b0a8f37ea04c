"""The bytes of one row as an object; what is wrong with them is said, never guessed away."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

from harness.rows import Unreadable

LONGEST_ROW = 16 * 2**20
"""Bytes; a longer row is passed over without being held, which bounds the memory whatever a file holds."""

DEEPEST = 100
"""Levels of lists and objects in each other; what is deeper breaks whatever walks through it."""

TOO_LONG = f"longer than {LONGEST_ROW >> 20} MiB"
A_LINE, A_ROW = "one JSON object a line", "each row is one JSON object"
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def parsed(raw: bytes | None, line: int, remedy: str = A_LINE) -> dict[str, Any] | Unreadable:
    """The object that the bytes say, or why there is none; ``None`` stands for a row that was too long to be held."""
    if raw is None:
        return Unreadable(line, TOO_LONG, "split the row or leave it out")
    try:
        value = _DECODER.decode(raw.removeprefix(b"\xef\xbb\xbf").decode())
        _refuse_depth(raw, value)
    except UnicodeDecodeError as error:
        return Unreadable(line, f"not UTF-8 text (byte {error.start} of the {_unit(remedy)})", "save the file as UTF-8")
    except json.JSONDecodeError as error:
        problem = f"not valid JSON: {error.msg} (column {error.pos + 1})"
        if "\0" in error.doc:
            problem = f"holds a NUL byte (column {error.doc.index(chr(0)) + 1}), which JSON does not"
        return Unreadable(line, problem, remedy)
    except RecursionError:
        return Unreadable(line, f"nested deeper than {DEEPEST} levels", "write what is inside as text")
    except _FaultError as fault:
        return Unreadable(line, fault.problem, fault.remedy)
    except ValueError:  # the one that is left: more digits than Python turns into a number
        return Unreadable(line, "holds a number of thousands of digits", "write it as text")
    if not isinstance(value, dict):
        return Unreadable(line, f"holds {type(value).__name__}, not an object", remedy)
    half = _half_character(value, "") if b"\\" in raw and _HALF.search(raw) else None
    return value if half is None else Unreadable(line, half, "write it whole or leave it out")


class _FaultError(ValueError):
    def __init__(self, problem: str, remedy: str) -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(problem)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _FaultError(f"the key {twice[:60]!a} stands twice in one object", "keep one of the two")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _FaultError(f"holds a number that is too large ({digits[:20]})", "write it as text")
    return number


def _no_number(name: str) -> float:
    raise _FaultError(f"not valid JSON: holds {name}", "write a number, or null where there is none")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_number)


def _refuse_depth(raw: bytes, value: object) -> None:
    """Raises ``RecursionError`` for what Python's parser still took, and others would not."""
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise RecursionError


def _half_character(value: object, place: str) -> str | None:
    """Which text holds one of the two code units that make a character beyond the first 65,536."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            return f"{place!r} holds half a character (\\u{ord(value[error.start]):04x})"
        return None
    if isinstance(value, dict):
        if any(_half_character(key, "") for key in value):
            return "a key holds half a character"
        inner = ((each, f"{place}.{key}" if place else key) for key, each in value.items())
    elif isinstance(value, list):
        inner = ((each, f"{place}[{index}]") for index, each in enumerate(value))
    else:
        return None
    return next((found for each, where in inner if (found := _half_character(each, where))), None)


def _unit(remedy: str) -> str:
    return "line" if remedy == A_LINE else "row"
