"""Whether the splits of the data keep apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.data.formats import Row
from harness.errors import UsageError


def refuse_shared_rows(splits: Mapping[str, tuple[Path, Sequence[Row]]]) -> None:
    """Raise ``UsageError`` if one split asks what another asks too; letter case and spacing do not tell rows apart.

    A test row that was trained on measures memory, so no verdict can rest on it.
    """
    seen: dict[str, tuple[str, int]] = {}
    for name, (path, rows) in splits.items():
        shared = [(row.line, seen[_asked(row)]) for row in rows if _asked(row) in seen]
        if shared:
            line, (other, other_line) = shared[0]
            count = f"{len(shared)} rows" if len(shared) > 1 else "1 row"
            raise UsageError(
                f"{name} shares {count} with {other} (the first: {other} line {other_line})",
                path=path,
                line=line,
                remedy=f"remove them from {other}",
            )
        seen.update({_asked(row): (name, row.line) for row in rows})


def _asked(row: Row) -> str:
    asked = " ".join(message.content for message in row.prompt if message.role != "system")
    return " ".join((row.text or asked).lower().split())
