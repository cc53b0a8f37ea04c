"""Identity by content: the digest of a sample, of a file, of any plain value."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any

from harness.rows import Row, ToolMessage
from harness.values import Message, Prompt, Sample

RECEIPT = "merge.json"
"""The file in which a merged or quantised model's folder says what it was made of."""

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


def merged_adapter(folder: Path) -> str | None:
    """The digest of the adapter that was merged into the weights in ``folder``; ``None`` where none is known of."""
    try:
        made_of = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))["made_of"]
        found = made_of["adapter_sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def sample_id(prompt: Prompt, targets: Sequence[str], choices: Sequence[str] = ()) -> str:
    """The id of a sample: 16 hex digits of the digest of what is asked and what is right."""
    asked = prompt if isinstance(prompt, str) else [[message.role, message.content] for message in prompt]
    return digest([asked, list(targets), list(choices)])[:16]


def row_digest(row: Row) -> str:
    """16 hex digits of what a row of data says: the same wherever it stands, another as soon as a word is changed.

    Columns that the format does not know, and the line, are no part of it. A verdict of a spot check belongs to it.
    """
    said: list[object] = [[_turn(message) for message in row.messages], row.choices, row.answer, row.text]
    # only where there are any: verdicts on rows without them were given before rows could hold these
    more = {
        "rejected": [_turn(message) for message in row.rejected],
        "label": row.label,
        "tools": row.tools,
    }
    there = {name: value for name, value in more.items() if value not in (None, (), [])}
    return digest([*said, there] if there else said)[:16]


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


def _turn(message: Message) -> list[object]:
    if isinstance(message, ToolMessage) and (message.calls or message.answers is not None or message.name is not None):
        return [message.role, message.content, list(message.calls), message.answers, message.name]
    return [message.role, message.content]


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
