"""The verdicts of spot checks go with the rows that they are about, into files made of others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.identity import row_digest
from harness.review.rows import Verdict, Verdicts
from harness.rows import Row


def carried(parts: Sequence[Path], output: Path, rows: Iterable[Row]) -> int:
    """Add to the verdicts on ``output`` those on ``parts`` that are about one of its ``rows``; gives how many.

    What stands there already is not added again. Raises ``UsageError`` where verdicts cannot be read.
    """
    found = [verdict for part in parts for verdict in Verdicts(part).read()]
    if not found:
        return 0
    lines: dict[str, int] = {}
    for row in rows:
        lines.setdefault(row_digest(row), row.line)
    target = Verdicts(output)
    known = {_without_line(verdict) for verdict in target.read()}
    new = [replace(verdict, line=lines[verdict.row]) for verdict in found if verdict.row in lines]
    new = [verdict for verdict in dict.fromkeys(new) if _without_line(verdict) not in known]
    for verdict in new:
        target.append(verdict)
    return len(new)


def _without_line(verdict: Verdict) -> Verdict:
    return replace(verdict, line=0)
