"""Identity by content: the digest of a sample, of a file, of any plain value."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any

from harness.values import Prompt, Sample

_CHUNK = 1 << 20


def digest(value: object) -> str:
    """SHA-256 (hex) of a plain value's canonical JSON; the order of a mapping's keys does not matter."""
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in bounded memory."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            hasher.update(block)
    return hasher.hexdigest()


def sample_id(prompt: Prompt, targets: Sequence[str], choices: Sequence[str] = ()) -> str:
    """The id of a sample: 16 hex digits of the digest of what is asked and what is right."""
    asked = prompt if isinstance(prompt, str) else [[message.role, message.content] for message in prompt]
    return digest([asked, list(targets), list(choices)])[:16]


def with_unique_ids(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """The samples, the second of two equal ones named ``<id>-2``: both are asked, neither hides the other."""
    seen: Counter[str] = Counter()
    result = []
    for sample in samples:
        seen[sample.id] += 1
        count = seen[sample.id]
        result.append(sample if count == 1 else replace(sample, id=f"{sample.id}-{count}"))
    return tuple(result)


def drawn(sample_ids: Iterable[str], count: int) -> tuple[str, ...]:
    """So many of the samples as a random draw that every run makes alike; a larger one begins with the smaller.

    The draw is by digest: it knows nothing of what the samples say, nor of how anybody answered.
    """
    return tuple(sorted(sample_ids, key=lambda each: digest(["drawn", each]))[:count])


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, Path):
        return value.as_posix()
    return value
