"""The remedies that are safe, applied to rows: what is left, what is gone, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.checking.asked import PlannedCheck
from harness.checking.run import alone, usual_processes
from harness.errors import HarnessError
from harness.rows import DataContext, Finding, Row, Spot, Table

READING = "reading"
"""What stands in the place of a check's name where a line could not be read."""
MOST_ROUNDS = 10
"""So often a check looks at the rows at most; two checks that undo each other's work would never end."""
Told = Callable[[str, int, int], None]
"""Called with a check's name before it is done, how many checks were done in its round, and how many there are."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A row that is left out."""

    line: int
    check: str
    kind: str
    why: str
    original: Row | None
    """As the check saw it; ``None`` for a line that could not be read."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A row that stands in the place of another."""

    line: int
    check: str
    kind: str
    why: str
    """Of the finding as a whole: what stood in the row is not told."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What the remedies have made of a table."""

    rows: tuple[Row, ...]
    removed: tuple[Removed, ...]
    """By line."""
    replaced: tuple[Replaced, ...]
    """By line; a row that several checks changed stands here several times, one that was removed at last does not."""
    rounds: int
    """How often the checks went over the rows, until nothing was left to change."""


def clean(
    table: Table,
    checks: Sequence[PlannedCheck],
    context: DataContext,
    *,
    processes: int | None = None,
    told: Told | None = None,
) -> Cleaned:
    """The table without what its checks would remove, and with what they would put in its place.

    The checks are done one after the other, each on what the one before has left. When something has changed, those
    before it look again, so that the result has nothing left to clean. Lines that could not be read are left out.
    Raises ``HarnessError`` where a check breaks: half a remedy is none.
    """
    work = _Work(table, context, processes or usual_processes())
    rounds = 0
    # a check that has seen the rows as they are now has nothing new to say
    seen = [-1] * len(checks)
    while late := [check for check, state in zip(checks, seen, strict=True) if state < work.state]:
        rounds += 1
        if rounds > MOST_ROUNDS:
            names = ", ".join(check.name for check in late)
            raise HarnessError(f"the remedies of {names} undo each other; leave one of them out with --skip")
        for index, check in enumerate(checks):
            if seen[index] < work.state:
                if told:
                    told(check.name, index, len(checks))
                is_through = work.look(check)
                seen[index] = work.state if is_through else work.state - 1
    return work.result(max(rounds, 1))


class _Work:
    """The rows as they are now."""

    def __init__(self, table: Table, context: DataContext, processes: int) -> None:
        self.table, self.context, self.processes = table, context, processes
        self.removed = [Removed(each.line, READING, "unreadable", each.problem, None) for each in table.unreadable]
        self.replaced: list[Replaced] = []
        self.state = 0
        """How often the rows were changed."""

    def look(self, check: PlannedCheck) -> bool:
        """Do a check and what it proposes; a row that is both to go and to change goes.

        ``False`` where a row is to change in two ways, each of which knows nothing of the other: the check has to look
        again at what the first has made.
        """
        proposals = self._proposals(check)
        rows = {row.line: row for row in self.table.rows}
        for finding, spot in proposals:
            if spot.remove and spot.line in rows:
                self.removed.append(
                    Removed(spot.line, check.name, finding.kind, _why(finding, spot), rows.pop(spot.line))
                )
        changes: dict[int, Row] = {}
        is_through = True
        for finding, spot in proposals:
            new = spot.replacement
            if new is None or spot.line not in rows or new == rows[spot.line]:
                continue
            if changes.setdefault(spot.line, new) == new:
                self.replaced.append(Replaced(spot.line, check.name, finding.kind, finding.message))
            else:
                is_through = False
        if changes or len(rows) < len(self.table.rows):
            self.table = replace(self.table, rows=tuple((rows | changes).values()))
            self.state += 1
        return is_through

    def result(self, rounds: int) -> Cleaned:
        gone = {each.line for each in self.removed}
        kept = (each for each in self.replaced if each.line not in gone)
        return Cleaned(self.table.rows, tuple(sorted(self.removed, key=_line)), tuple(sorted(kept, key=_line)), rounds)

    def _proposals(self, check: PlannedCheck) -> list[tuple[Finding, Spot]]:
        said = alone(check, self.table, self.context, processes=self.processes)
        if said.fault:
            remedy = f"leave it out with --skip {check.name}"
            raise HarnessError(f"data check {check.name!r} broke, and nothing was cleaned ({said.fault}); {remedy}")
        return [
            (finding, spot)
            for finding in said.findings
            for spot in finding.spots
            if spot.remove or spot.replacement is not None
        ]


def _line(of: Removed | Replaced) -> int:
    return of.line


def _why(finding: Finding, spot: Spot) -> str:
    """What was seen of the row itself, and where its like stands."""
    place = "" if spot.other is None else spot.other
    if spot.other_line is not None:
        place = f"{place} line {spot.other_line}".strip()
    elif spot.sample is not None:
        place = f"{place} item {spot.sample}".strip()
    return " ".join(filter(None, [spot.evidence or finding.message, f"(like {place})" if place else ""]))
