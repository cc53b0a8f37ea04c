"""Names and sizes of a model's tensors, from the headers of its safetensors files; no weight is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError

_LONGEST = 100_000_000
"""Bytes that a header may have, as the format's own reader holds it (safetensors, ``MAX_HEADER_SIZE``)."""
_LENGTH = 8
"""Bytes before the header that say how long it is, the lowest first."""
_NO_WEIGHTS = (".inv_freq", ".masked_bias", ".rotary_emb.cos_cached", ".rotary_emb.sin_cached")
"""Ends of names of tables that older files hold beside the weights."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a header says of one tensor."""

    dtype: str
    size: tuple[int, ...]


def of_folder(folder: Path) -> dict[str, Tensor]:
    """Name -> tensor over all ``*.safetensors`` of the folder; empty where there are none.

    Raises ``UsageError`` for a file that is none of this format.
    """
    found: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found.update(of_file(file))
    return {name: each for name, each in found.items() if not _is_table(name, each.size)}


def of_file(path: Path) -> dict[str, Tensor]:
    """Name -> tensor; a file begins with eight bytes of length and so many bytes of JSON (safetensors, README)."""
    header = _header(path)
    try:
        return {
            name: Tensor(str(each["dtype"]), _size(each["shape"]))
            for name, each in header.items()
            if name != "__metadata__"
        }
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(path, "its header does not say the sizes of its tensors") from error


def _header(path: Path) -> Mapping[str, dict[str, object]]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH), "little")
            most = min(_LONGEST, path.stat().st_size - _LENGTH)
            if not 0 < length <= most:
                raise _broken(path, f"it begins with a header of {length:,} bytes")
            header = json.loads(file.read(length))
    except OSError as error:
        raise UsageError(f"cannot be read ({error.strerror or error})", path=path) from error
    except (ValueError, RecursionError) as error:
        raise _broken(path, "its header is no JSON") from error
    if not isinstance(header, dict):
        raise _broken(path, "its header is no JSON object")
    return header


def _size(shape: object) -> tuple[int, ...]:
    if not isinstance(shape, list) or any(type(each) is not int or each < 0 for each in shape):
        raise ValueError(shape)
    return tuple(shape)


def _is_table(name: str, size: tuple[int, ...]) -> bool:
    """Whether it is something that older files hold and that is no weight: frequencies, and masks of the attention."""
    is_mask = name.endswith((".attn.bias", ".attention.bias")) and len(size) == 4
    return is_mask or name.endswith(_NO_WEIGHTS)


def _broken(path: Path, problem: str) -> UsageError:
    return UsageError(f"this is no safetensors file: {problem}", path=path, remedy="fetch the model again")
