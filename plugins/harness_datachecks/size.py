"""Whether there are enough rows: to learn the task from, or to tell whether it was learnt."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeVar, get_args

from harness import DataContext, Finding, Row, Table, did_you_mean
from harness_datachecks.classes import classes
from harness_datachecks.texts import last_answer

Task = Literal["auto", "classification", "extraction", "style", "domain", "code"]

_Each = TypeVar("_Each")

_LOOKED_AT = 500
_MOST_ANSWERS = 0.8
_HALF = 0.5
_CODE = re.compile(r"```|^\s*(?:def \w+\(|class \w+[(:]|import \w+|from [\w.]+ import |#include |function \w+\()", re.M)


class Rows(NamedTuple):
    """How many rows a task takes."""

    least: int
    good: int
    excellent: int


NEEDED: Mapping[str, Rows] = {
    "classification": Rows(50, 500, 5_000),
    "extraction": Rows(100, 1_000, 10_000),
    "style": Rows(200, 1_000, 5_000),
    "domain": Rows(500, 5_000, 50_000),
    "code": Rows(1_000, 10_000, 100_000),
}
"""Rules of thumb for a tune of a model that speaks the language already."""


@dataclass(frozen=True)
class Size:
    """The number of rows against what the task takes; of a table that models are judged by, against what tells."""

    name: ClassVar[str] = "size"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = True

    task: Task = "auto"
    """What is learnt: ``classification``, ``extraction``, ``style``, ``domain``, ``code``; ``auto`` guesses it."""
    least_held_out: int = 100
    """Rows that a table needs which models are judged by."""

    def __post_init__(self) -> None:
        if self.task not in get_args(Task):
            raise ValueError(f"unknown task {self.task!r}; {did_you_mean(str(self.task), get_args(Task))}")
        if self.least_held_out < 1:
            raise ValueError(f"least_held_out is a number of rows, at least 1, not {self.least_held_out}")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """At most one finding: too few rows, or fewer than would be good."""
        if not table.rows:
            return ()
        found = self._held_out(table) if table.name in context.held_out else self._trained(table)
        return () if found is None else (found,)

    def _held_out(self, table: Table) -> Finding | None:
        count = len(table.rows)
        if count >= self.least_held_out:
            return None
        margin = 1.96 * math.sqrt(0.25 / count)  # of a share near one half, the widest, by the normal approximation
        return Finding(
            "too few rows to tell",
            "warning",
            f"{_rows(count)} to judge by, fewer than {self.least_held_out:,}: they place a share of right answers only "
            f"within ±{100 * min(margin, 1):.0f} points",
            f"hold out at least {self.least_held_out:,} rows",
            figures={"rows": float(count), "limit": float(self.least_held_out), "margin": min(margin, 1.0)},
        )

    def _trained(self, table: Table) -> Finding | None:
        task = _guessed(table.rows) if self.task == "auto" else self.task
        needed, count = NEEDED[task], len(table.rows)
        if count >= needed.good:
            return None
        is_short = count < needed.least
        guess = " (guessed from the rows)" if self.task == "auto" else ""
        least = f"takes at least {needed.least:,} rows; {needed.good:,} are good, {needed.excellent:,} excellent"
        remedy = f"add rows until there are {needed.least if is_short else needed.good:,}"
        if self.task == "auto":
            remedy += ", or set the option task where the guess is wrong"
        return Finding(
            "too few rows" if is_short else "fewer rows than good",
            "warning" if is_short else "info",
            f"{_rows(count)} to train on; {task}{guess} {least}",
            remedy,
            figures={"rows": float(count)} | {name: float(value) for name, value in needed._asdict().items()},
        )


def _guessed(rows: Sequence[Row]) -> str:
    """The task that the rows look like; ``style`` where nothing tells another."""
    sample = rows[:: max(1, len(rows) // _LOOKED_AT)]
    if _share(sample, lambda row: row.text is not None) > _HALF:
        return "domain"
    if _share(sample, lambda row: bool(row.choices)) > _HALF or _has_classes(rows):
        return "classification"
    answers = [answer for row in sample if (answer := last_answer(row)) is not None]
    if _share(answers, _is_json) >= _MOST_ANSWERS:
        return "extraction"
    return "code" if _share(answers, lambda answer: _CODE.search(answer) is not None) > _HALF else "style"


def _has_classes(rows: Sequence[Row]) -> bool:
    return rows[0].form != "kto" and classes(rows) is not None


def _share(values: Sequence[_Each], holds: Callable[[_Each], bool]) -> float:
    return sum(map(holds, values)) / len(values) if values else 0.0


def _is_json(answer: str) -> bool:
    text = answer.strip().removeprefix("```json").removesuffix("```").strip()
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _rows(count: int) -> str:
    return "one row" if count == 1 else f"{count:,} rows"
