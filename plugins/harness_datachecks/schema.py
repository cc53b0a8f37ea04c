"""Whether the lines of a file are rows, and whether the rows are what a training takes them for."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness import DataContext, Finding, Spot, Table, Unreadable
from harness_datachecks.structure import Fault, faults
from harness_datachecks.wording import counted, excerpt

_VARIES = re.compile(r"\d+|'[^'\n]*'|\"[^\"\n]*\"")
"""What differs from line to line in the words of one problem: numbers, and what is quoted."""
_MOST_PROBLEMS = 12


@dataclass(frozen=True)
class Schema:
    """Lines that are no rows, and rows with the wrong turns, tools, choices or pairs.

    A preference pair whose two answers are the same to the letter says nothing of what is better; one whose answers
    differ in case, punctuation or white space alone may be meant so.
    """

    name: ClassVar[str] = "schema"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = True

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """One finding for each way of being wrong."""
        return (*_unreadable(table), *_mixed(table), *_one_label(table), *_rows(table))


def _unreadable(table: Table) -> Iterator[Finding]:
    problems = defaultdict[str, list[Unreadable]](list)
    for each in table.unreadable:
        problems[_VARIES.sub("_", each.problem[:400])].append(each)
    ranked = sorted(problems.values(), key=lambda lines: (-len(lines), min(each.problem for each in lines)))
    rest = [line for lines in ranked[_MOST_PROBLEMS:] for line in lines]
    for lines in [*ranked[:_MOST_PROBLEMS], rest]:
        if lines:
            yield _of_lines(lines, table, several=lines is rest)


def _of_lines(lines: Sequence[Unreadable], table: Table, *, several: bool) -> Finding:
    total = len(table.rows) + len(table.unreadable)
    first = min(lines, key=lambda each: (each.problem, each.remedy))
    problem = "problems of many kinds" if several else excerpt(first.problem, 200)
    said = counted(len(lines), total, "cannot be read", "cannot be read", "line")
    remedy = (not several and excerpt(first.remedy, 200)) or "mend the lines, or leave them out"
    spots = tuple(Spot(each.line, excerpt(each.problem, 110), remove=True) for each in lines)
    figures = {"lines": float(len(lines)), "share": len(lines) / total}
    return Finding("unreadable lines", "error", f"{said}: {problem}", remedy, spots, figures)


def _mixed(table: Table) -> Iterator[Finding]:
    forms = Counter(row.form for row in table.rows)
    if len(forms) > 1:
        ranked = sorted(forms, key=lambda form: (-forms[form], form))
        usual = ranked[0]
        spots = tuple(Spot(row.line, row.form) for row in table.rows if row.form != usual)
        others = ", ".join(f"{forms[form]:,} of {form}" for form in ranked[1:])
        message = f"{counted(len(spots), len(table.rows), 'is', 'are')} not of the form {usual}: {others}"
        yield Finding("mixed forms", "error", message, "write all rows in one form: harness data convert", spots)


def _one_label(table: Table) -> Iterator[Finding]:
    labels = [row.label for row in table.rows if isinstance(row.label, bool)]
    if len(labels) > 1 and len(set(labels)) == 1:
        missing = "disliked" if labels[0] else "liked"
        message = f"all {len(labels):,} completions have the label {str(labels[0]).lower()}"
        remedy = f"add completions that people {missing}: KTO learns from the difference"
        yield Finding("one kind of label", "warning", message, remedy)


def _rows(table: Table) -> Iterator[Finding]:
    spots = defaultdict[Fault, list[Spot]](list)
    for row in table.rows:
        for fault, evidence, replacement in faults(row):
            spots[fault].append(Spot(row.line, evidence, remove=fault.remove, replacement=replacement))
    for fault in sorted(spots, key=lambda fault: (-len(spots[fault]), fault.kind)):
        found = tuple(spots[fault])
        message = counted(len(found), len(table.rows), fault.one, fault.many)
        figures = {"rows": float(len(found)), "share": len(found) / len(table.rows)}
        yield Finding(fault.kind, fault.severity, message, fault.remedy, found, figures)
