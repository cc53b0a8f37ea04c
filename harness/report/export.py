"""The same answers for machines: JSON whose keys are the names of the values' fields."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def to_json(value: object) -> dict[str, Any]:
    """A value of ``harness.values`` as JSON data: its field names are the keys, at every depth.

    Paths are strings. A number that is none (NaN, infinity) is ``null``, as JSON knows no such thing.
    """
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} is no value of the harness")
    return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}


def json_text(value: object) -> str:
    """One value, or a sequence or mapping of values, as indented JSON.

    Pure ASCII: control characters and what turns a line around stand escaped, so that it is safe in any terminal.
    """
    return json.dumps(_plain(value), indent=2, allow_nan=False)


def _plain(value: object) -> Json:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {_key(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Set):
        return [_plain(each) for each in sorted(value, key=str)]
    if is_dataclass(value) and not isinstance(value, type):
        return to_json(value)
    return str(value)


def _key(key: object) -> str:
    return ".".join(str(part) for part in key) if isinstance(key, tuple) else str(key)
