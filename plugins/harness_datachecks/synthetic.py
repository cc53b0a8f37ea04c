"""Rows that a model wrote: how many, whether people looked at them, and where they come from."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness import DataContext, Finding, Row, Spot, Table, UsageError, row_digest
from harness_datachecks.wording import counted

_SPOT_CHECKS = "*.spot-check.jsonl"
"""Where ``harness data spot-check`` keeps its verdicts: beside the file that was looked at."""
_PARTS = ("row", "rater", "choice", "time")
_GRADES: Mapping[str, float] = {"good": 1.0, "bad": 0.0}
"""What a verdict of ``harness data spot-check`` is worth; one who skips a row says nothing of it."""


@dataclass(frozen=True)
class Synthetic:
    """Synthetic rows, where they are marked with ``synthetic: true``: their share, and what people said of them.

    People say it in ``harness data spot-check``. A verdict belongs to what a row says: it holds in every file of the
    folder, as in the one that the rows were mixed into, and no longer once the row is changed.
    """

    name: ClassVar[str] = "synthetic"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = True

    most: float = 0.5
    """The share of synthetic rows from which on a model learns more from a model than from people."""
    least_checked: int = 30
    """Synthetic rows that somebody must have called good or bad; all of them where there are fewer."""
    least_good: float = 0.9
    """The share of good ones among these."""

    def __post_init__(self) -> None:
        for option, share in (("most", self.most), ("least_good", self.least_good)):
            if not 0 <= share <= 1:
                raise ValueError(f"{option} is {share}; name a share from 0 to 1")
        if self.least_checked < 1:
            raise ValueError(f"least_checked is {self.least_checked}; at least one row must be looked at")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """The share; an error for rows that too few people looked at, or found too bad; rows of unknown descent."""
        synthetic = [row for row in table.rows if row.is_synthetic]
        if not synthetic:
            return ()
        found = (self._share(len(synthetic), len(table.rows)), self._review(table, synthetic), _orphans(synthetic))
        return tuple(finding for finding in found if finding is not None)

    def _share(self, synthetic: int, rows: int) -> Finding:
        share = synthetic / rows
        is_much = share > self.most
        message = counted(synthetic, rows, "is synthetic", "are synthetic")
        return Finding(
            "synthetic rows",
            "warning" if is_much else "info",
            f"{message}, above the limit of {self.most:.0%}" if is_much else message,
            "add rows that people wrote, or leave synthetic ones out" if is_much else "",
            figures={"rows": synthetic, "share": share, "limit": self.most},
        )

    def _review(self, table: Table, synthetic: Sequence[Row]) -> Finding | None:
        """What is missing until the synthetic rows may be trained on; ``None`` where nothing is."""
        grades = _grades(table.path.parent)
        names = [row_digest(row) for row in synthetic] if grades else [str(row.line) for row in synthetic]
        given = {name: grades[name] for name in names if name in grades}
        needed = min(self.least_checked, len(set(names)))
        figures = {"checked": float(len(given)), "least_checked": float(needed), "least_good": self.least_good}
        share = sum(given.values()) / len(given) if given else 0.0
        if given:
            figures["good"] = share
        if len(given) < needed:
            said = f"people looked at {len(given):,} of the synthetic rows; it takes {needed:,} to trust them"
            return Finding(
                "synthetic rows not looked at", "error", said, self._ask(table, needed, synthetic), figures=figures
            )
        if share >= self.least_good:
            return None
        bad = zip(synthetic, names, strict=True)
        return Finding(
            "synthetic rows found bad",
            "error",
            f"{share:.0%} of the {len(given):,} synthetic rows that people looked at are good; the least is "
            f"{self.least_good:.0%}",
            "make them anew in another way or with a stricter filter, then run harness data spot-check again",
            tuple(Spot(row.line, "called bad in a spot check") for row, name in bad if given.get(name, 1.0) < _HALF),
            figures,
        )

    @staticmethod
    def _ask(table: Table, needed: int, synthetic: Sequence[Row]) -> str:
        """The command that lays out enough of them; it draws from all rows of the file."""
        items = min(len(table.rows), math.ceil(_SLACK * needed * len(table.rows) / len(synthetic)))
        return f"run harness data spot-check {table.path}" + (f" --items {items}" if items > _DRAWN else "")


_HALF = 0.5
"""Below it more raters call a row bad than good."""
_SLACK = 1.5
"""A draw from all rows holds more or fewer synthetic ones than their share."""
_DRAWN = 50
"""Rows that ``harness data spot-check`` draws unless told otherwise."""


def _orphans(synthetic: Sequence[Row]) -> Finding | None:
    spots = tuple(Spot(row.line, "no parent") for row in synthetic if not row.extra.get("parent"))
    if not spots:
        return None
    message = counted(
        len(spots), len(synthetic), "does not say what it was made of", "do not say what they were made of"
    )
    return Finding(
        "synthetic rows without a parent",
        "warning",
        f"of the synthetic rows {message}",
        "write the row that each was made of into its column parent, as harness data grow does",
        spots,
        {"rows": len(spots), "share": len(spots) / len(synthetic)},
    )


def _grades(folder: Path) -> dict[str, float]:
    """A row's digest -> the mean of what its raters said last, in whichever spot check of the folder."""
    last: dict[tuple[str, str], str] = {}
    verdicts = [verdict for path in sorted(folder.glob(_SPOT_CHECKS)) for verdict in _verdicts(path)]
    for verdict in sorted(verdicts, key=lambda each: each["time"]):
        last[verdict["row"], verdict["rater"]] = verdict["choice"]
    grades = defaultdict[str, list[float]](list)
    for (row, _), choice in last.items():
        if choice in _GRADES:
            grades[row].append(_GRADES[choice])
    return {row: sum(given) / len(given) for row, given in grades.items()}


def _verdicts(path: Path) -> Iterator[Mapping[str, str]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=path) from None
    for line in lines:
        try:
            verdict = json.loads(line)
        except ValueError:
            continue  # a line that was cut off, as by a power cut
        if isinstance(verdict, dict) and all(isinstance(verdict.get(name), str) for name in _PARTS):
            yield verdict
