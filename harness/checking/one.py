"""One check over one table: what it finds, or why it said nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import get_args

from harness.checking.asked import PlannedCheck
from harness.rows import DataContext, Finding, Spot, Table
from harness.values import Severity

_EVIDENCE = 200
"""Characters of evidence that are kept, so that a check that shows whole rows does not fill the record."""
_REASON = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check said of a table."""

    findings: tuple[Finding, ...] = ()
    fault: str = ""
    """Why it said nothing: what it raised, or what is wrong with its findings."""
    seconds: float = 0.0


def outcome(check: PlannedCheck, table: Table, context: DataContext) -> Outcome:
    """The check's findings under its name and with the suite's severity; whatever goes wrong in it is its fault."""
    began = time.perf_counter()
    try:
        found = check.planned.instance.check(table, context)
        findings = tuple(_settled(each, check) for each in _Examiner(table, context).sound(found))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a fault in Rust is no Exception, and ends only the check all the same
        return Outcome(fault=_reason(error), seconds=time.perf_counter() - began)
    return Outcome(findings, seconds=time.perf_counter() - began)


def _settled(finding: Finding, check: PlannedCheck) -> Finding:
    spots = tuple(
        spot if len(spot.evidence) <= _EVIDENCE else replace(spot, evidence=spot.evidence[:_EVIDENCE] + "…")
        for spot in finding.spots
    )
    # without rows an info says that something was not looked for, which is no graver for being asked about
    only_tells = finding.severity == "info" and not spots
    severity = finding.severity if check.severity is None or only_tells else check.severity
    return replace(finding, check=check.name, severity=severity, spots=spots)


class _Examiner:
    """Refuses findings that a screen, a record or a clean-up would stumble over."""

    def __init__(self, table: Table, context: DataContext) -> None:
        self.table, self.context = table, context
        self._lines_of: dict[str, frozenset[int]] = {}

    def sound(self, found: object) -> Sequence[Finding]:
        """The findings as they are; raises ``TypeError`` or ``ValueError`` for what they may not be."""
        if not isinstance(found, Sequence) or not all(isinstance(each, Finding) for each in found):
            raise TypeError(f"it gave {type(found).__name__}, not a sequence of Finding")
        for finding in found:
            self._examine(finding)
        return found

    def _examine(self, finding: Finding) -> None:
        if finding.severity not in get_args(Severity):
            raise ValueError(f"a finding has the severity {finding.severity!r}")
        if not finding.kind or not finding.message:
            raise ValueError("a finding has no kind or no message")
        if not isinstance(finding.figures, Mapping):
            raise TypeError(f"the figures of {finding.kind!r} are no mapping")
        for spot in finding.spots:
            self._examine_spot(spot, finding.kind)

    def _examine_spot(self, spot: Spot, kind: str) -> None:
        if spot.line not in self._lines and spot.line not in self._unreadable:
            raise ValueError(f"{kind!r} names line {spot.line}, which {self.table.name} does not have")
        if spot.other_line is not None and not self._is_elsewhere(spot.other, spot.other_line):
            place = self.table.name if spot.other is None else spot.other
            raise ValueError(f"{kind!r} names line {spot.other_line} of {place}, which has no such line")
        if spot.replacement is not None and (spot.remove or spot.replacement.line != spot.line):
            why = "to be removed too" if spot.remove else f"about line {spot.replacement.line}"
            raise ValueError(f"{kind!r} has a replacement for line {spot.line} that is {why}")
        if spot.replacement is not None and spot.line not in self._lines:
            raise ValueError(f"{kind!r} has a replacement for line {spot.line}, which could not be read")

    @cached_property
    def _lines(self) -> frozenset[int]:
        return frozenset(row.line for row in self.table.rows)

    @cached_property
    def _unreadable(self) -> frozenset[int]:
        return frozenset(each.line for each in self.table.unreadable)

    def _is_elsewhere(self, other: str | None, line: int) -> bool:
        if other is None or other == self.table.name:
            return line in self._lines or line in self._unreadable
        if other not in self.context.others:
            return True  # a benchmark, whose items have numbers of their own
        if other not in self._lines_of:
            self._lines_of[other] = frozenset(row.line for row in self.context.others[other].rows)
        return line in self._lines_of[other]


def _reason(error: BaseException) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:_REASON] if words else type(error).__name__
