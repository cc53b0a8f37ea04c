"""Rows for training: read from a file, and looked at once they are tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import UsageError


def read(path: Path) -> list[dict[str, Any]]:
    """``prompt`` and ``completion`` of each row: all messages but the last, and the last, the assistant's."""
    found = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            messages = json.loads(line)["messages"]
            if len(messages) < 2 or messages[-1]["role"] != "assistant":
                raise UsageError(
                    "the row does not end with an answer to something",
                    path=path,
                    line=number,
                    remedy="end it with a message of the assistant",
                )
            found.append({"prompt": messages[:-1], "completion": messages[-1:]})
    if not found:
        raise UsageError("no rows to train on", path=path)
    return found


def lint(path: Path, given: int, labels: list[list[int]], end: int | None, max_length: int) -> Iterator[str]:
    """One sentence for each way in which tokenised rows teach less than their file holds.

    ``labels`` are those of the rows that are left of ``given``; ``end`` is the token that ends an answer. Without a row
    left the training would look normal and teach nothing: ``UsageError``.
    """
    within = f"within max_length {max_length}"
    if not labels:
        raise UsageError(f"no row has any of its answer {within}", path=path, remedy="set a larger max_length")
    if lost := given - len(labels):
        yield f"{lost} of {given} rows of {path.name} are left out: they have nothing of their answer {within}"
    if cut := sum(end not in row for row in labels):
        yield f"{cut} of {given} rows of {path.name} do not teach where the answer ends {within}"
