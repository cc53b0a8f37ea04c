"""All checks over all tables; in several processes where there is much to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from harness.checking.asked import PlannedCheck
from harness.checking.one import Outcome, outcome
from harness.checking.processes import Died, can_fork, each_apart
from harness.machine import cores
from harness.rows import CheckedTable, DataContext, Finding, Table
from harness.values import Severity

Told = Callable[[str, int, int], None]
"""Called with a table's name, how many checks it has been through, and through how many it goes."""

LARGE = 5_000
"""Rows of all tables together from which on the checks go apart: below, a process costs more than it brings."""
_MOST_PROCESSES = 4
_ORDER: tuple[Severity, ...] = get_args(Severity)
_NOTHING: Mapping[str, str] = {}


def check(
    tables: Sequence[Table],
    checks: Sequence[PlannedCheck],
    context: DataContext,
    *,
    without: Mapping[str, str] = _NOTHING,
    processes: int | None = None,
    told: Told | None = None,
) -> tuple[CheckedTable, ...]:
    """What every check says of every table, each table held against the others; in the order of the tables.

    ``context`` is completed with the other tables. With many rows at most ``processes`` checks are done at a time (as
    many as there are cores unless told), each in a process of its own; what is found does not depend on it. A check
    that raises, whose process dies, or whose findings are not sound has said nothing: ``not_checked`` tells why, as it
    tells of those that the caller has to do ``without``.
    """
    work = _Work(tables, checks, context)
    done: Counter[int] = Counter()
    outcomes: dict[_Job, Outcome] = {}
    for job, result in work.outcomes(processes or usual_processes()):
        outcomes[job] = result
        done[job.table] += 1
        if told:
            told(tables[job.table].name, done[job.table], len(checks))
    return tuple(
        _checked(table, checks, [outcomes[_Job(index, place)] for place in range(len(checks))], without)
        for index, table in enumerate(tables)
    )


def usual_processes() -> int:
    """As many as there are cores; no more than four, for each has rows of its own in memory before long."""
    return min(cores(), _MOST_PROCESSES)


def alone(planned: PlannedCheck, table: Table, context: DataContext, *, processes: int) -> Outcome:
    """What one check says of one table, in a process of its own where ``check`` would give it one."""
    if not _apart([table], processes):
        return outcome(planned, table, context)
    ((_, result),) = each_apart(lambda _: outcome(planned, table, context), [planned], processes=1)
    return Outcome(fault=result.why) if isinstance(result, Died) else result


@dataclass(frozen=True, slots=True)
class _Job:
    table: int
    check: int


@dataclass(frozen=True, slots=True)
class _Work:
    tables: Sequence[Table]
    checks: Sequence[PlannedCheck]
    context: DataContext

    def outcomes(self, processes: int) -> Iterator[tuple[_Job, Outcome]]:
        jobs = [_Job(table, check) for table in range(len(self.tables)) for check in range(len(self.checks))]
        if not _apart(self.tables, processes):
            yield from ((job, self._do(job)) for job in jobs)
            return
        # the heaviest first: one that was begun last would be waited for alone
        for job, result in each_apart(self._do, sorted(jobs, key=self._weight, reverse=True), processes=processes):
            yield job, Outcome(fault=result.why) if isinstance(result, Died) else result

    def _do(self, job: _Job) -> Outcome:
        table = self.tables[job.table]
        others = {other.name: other for index, other in enumerate(self.tables) if index != job.table}
        return outcome(self.checks[job.check], table, replace(self.context, others={**self.context.others, **others}))

    def _weight(self, job: _Job) -> int:
        """By what is known beforehand: the rows, whether a run could bear it, and what reads them."""
        plugin = self.checks[job.check].planned.instance
        return len(self.tables[job.table].rows) * (4 if not plugin.in_runs else 2 if plugin.requires_packages else 1)


def _apart(tables: Sequence[Table], processes: int) -> bool:
    return processes > 1 and sum(len(table.rows) for table in tables) > LARGE and can_fork()


def _checked(
    table: Table, checks: Sequence[PlannedCheck], outcomes: Sequence[Outcome], without: Mapping[str, str]
) -> CheckedTable:
    findings: list[Finding] = [finding for each in outcomes for finding in each.findings]
    faults = {check.name: each.fault for check, each in zip(checks, outcomes, strict=True) if each.fault}
    return CheckedTable(
        name=table.name,
        path=table.path,
        form=table.form,
        rows=len(table.rows),
        unreadable=len(table.unreadable),
        findings=tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.severity))),
        not_checked={**faults, **without},
        origins={check.name: check.planned.origin for check in checks},
        seconds={check.name: each.seconds for check, each in zip(checks, outcomes, strict=True)},
    )
