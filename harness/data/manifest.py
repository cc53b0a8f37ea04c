"""What is kept beside a split, so that the next one leaves every row where it stands."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.data.sides import SIDES, Ratios, Side, Stood
from harness.errors import HarnessError, UsageError

NAME = "split.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """How a split was made, and where everything stands; rows and groups are known by digests only."""

    seed: int
    ratios: Ratios
    near: float
    """From this similarity on two texts are near duplicates; 0 looks for none."""
    group: str | None
    """The column whose equal values stay together."""
    stratify: str | None
    """The column whose values have their share on each side."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """The file that was split: ``path``, ``sha256``, ``rows``."""
    files: Mapping[Side, Mapping[str, Any]] = field(default_factory=dict)
    """Side -> the file that was written: ``file``, ``sha256``, ``rows``."""
    stood: Stood = field(default_factory=Stood)


def read(folder: Path) -> Manifest | None:
    """The manifest in a folder; ``None`` where there is none, ``UsageError`` where it cannot be understood."""
    path = folder / NAME
    content = kept(path, _damaged(path))
    try:
        return None if content is None else _manifest(content)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _damaged(path) from None


def write(manifest: Manifest, folder: Path) -> None:
    """Write it into the folder, whole or not at all."""
    content = {
        "version": _VERSION,
        "seed": manifest.seed,
        "ratios": list(manifest.ratios),
        "near": manifest.near,
        "group": manifest.group,
        "stratify": manifest.stratify,
        "source": manifest.source,
        "files": manifest.files,
        "rows": _by_side(manifest.stood.rows),
        "groups": _by_side(manifest.stood.groups),
    }
    whole(folder / NAME, content)


def whole(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON document, there whole or not at all: a key a line, what is long within it on that line."""
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise HarnessError(f"{path}: cannot be written: {error.strerror}") from None


def kept(path: Path, damaged: UsageError) -> dict[str, Any] | None:
    """What ``whole`` has written; ``None`` where there is no such file, and ``damaged`` raised for another's."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=path) from None
    except (ValueError, RecursionError):
        raise damaged from None
    if not isinstance(content, dict):
        raise damaged
    return content


def _manifest(content: dict[str, Any]) -> Manifest:
    if content["version"] != _VERSION:
        raise ValueError
    train, validation, test = (float(each) for each in content["ratios"])
    files: dict[Side, Mapping[str, Any]] = {side: content["files"][side] for side in SIDES if side in content["files"]}
    if not all(isinstance(file["file"], str) and isinstance(file["sha256"], str) for file in files.values()):
        raise TypeError
    return Manifest(
        int(content["seed"]),
        (train, validation, test),
        float(content["near"]),
        _column(content["group"]),
        _column(content["stratify"]),
        dict(content["source"]),
        files,
        Stood(_sides(content["rows"]), _sides(content["groups"])),
    )


def _column(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value


def _by_side(stood: Mapping[str, Side]) -> dict[Side, list[str]]:
    """Sorted, so that the order of the rows does not show."""
    return {side: sorted(key for key, its in stood.items() if its == side) for side in SIDES}


def _sides(content: dict[str, list[str]]) -> dict[str, Side]:
    return {str(key): side for side in SIDES for key in content[side]}


def _damaged(path: Path) -> UsageError:
    return UsageError(
        "is no manifest of a split that this version can read",
        path=path,
        remedy="split into another folder; there every row gets its side anew",
    )
