"""How texts, numbers and JSON stand in a cell, so that what is read is what was written.

Texts stand as they are, NUL characters included. A text with lone surrogates, which a broken tokenizer can produce, is
no UTF-8 and would make the file unreadable to other tools: it stands as a BLOB of its ``surrogatepass`` bytes. SQLite
turns NaN into NULL, which here means "not measured": a NaN stands as the text ``nan``. Every other number comes back to
the bit, but for the sign of a zero.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Cell = str | bytes | int | float | None

_DAMAGED = "the record is damaged: a cell does not hold what was written; restore it from a copy"


def text_cell(text: str) -> str | bytes:
    """The cell of a text."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")
    return text


def text_of(cell: str | bytes) -> str:
    """The text of a cell; raises ``HarnessError`` where something has changed the file since it was written."""
    try:
        return cell.decode(errors="surrogatepass") if isinstance(cell, bytes) else cell
    except UnicodeDecodeError as error:
        raise HarnessError(_DAMAGED) from error


def optional_text_cell(text: str | None) -> str | bytes | None:
    """The cell of a text that may be missing."""
    return None if text is None else text_cell(text)


def optional_text_of(cell: str | bytes | None) -> str | None:
    """The text of a cell, ``None`` where the cell is empty."""
    return None if cell is None else text_of(cell)


def number_cell(number: float | None) -> float | str | None:
    """The cell of a number that may be missing; numbers of numpy and torch are welcome."""
    if number is None:
        return None
    value = float(number)
    return "nan" if math.isnan(value) else value


def number_of(cell: float | str | None) -> float | None:
    """The number of a cell, ``None`` where the cell is empty."""
    return None if cell is None else float(cell)


def flag_cell(flag: bool | None) -> int | None:
    """The cell of a truth value that may be missing."""
    return None if flag is None else int(bool(flag))


def flag_of(cell: int | None) -> bool | None:
    """The truth value of a cell, ``None`` where the cell is empty."""
    return None if cell is None else bool(cell)


def json_cell(value: object) -> str | bytes:
    """The cell of a plain value as JSON; what JSON does not know becomes a number if it can, else its ``str()``."""
    try:
        text = _ENCODER.encode(value)
    except (TypeError, ValueError):  # keys that are no strings, or a value that holds itself
        text = _ENCODER.encode(_with_text_keys(value, depth=20))
    return text_cell(text)


def json_of(cell: str | bytes) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """The value of a JSON cell; tuples come back as lists. Raises ``HarnessError`` as ``text_of`` does."""
    try:
        return json.loads(text_of(cell))
    except json.JSONDecodeError as error:
        raise HarnessError(_DAMAGED) from error


def details_cell(details: Mapping[str, Any]) -> str | bytes | None:
    """The cell of a mapping that is empty most of the time; an empty one takes no room."""
    return json_cell(dict(details)) if details else None


def details_of(cell: str | bytes | None) -> dict[str, Any]:
    """The mapping of a cell."""
    return {} if cell is None else json_of(cell)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    item = getattr(value, "item", None)  # a scalar of numpy or torch
    if callable(item) and getattr(value, "ndim", None) == 0:
        return item()
    return str(value)


def _with_text_keys(value: object, depth: int) -> object:
    if depth == 0:
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _with_text_keys(each, depth - 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_text_keys(each, depth - 1) for each in value]
    return value


def fields_of(value: DataclassInstance) -> dict[str, Any]:
    """A value's fields by name; not deep, and so at ease with read-only mappings."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=_plain)
"""Made once: ``json.dumps`` with a setting makes one a call, which for 200,000 rows is seconds."""
