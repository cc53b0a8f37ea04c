"""Small data checks with which the running of checks is tried, and tables for them."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from harness import hookimpl
from harness.catalog import Catalog, Offer, Planned
from harness.checking.asked import PlannedCheck
from harness.host import Host
from harness.protocols import DataCheck
from harness.rows import DataContext, Finding, Row, Spot, Table, Unreadable
from harness.values import Message, Origin, Ref, Severity

OURS, THEIRS = Origin("kit", "1.0", "checks"), Origin("rival", "2.0", "checks")


@dataclass(frozen=True)
class _Kit:
    requires_packages: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = True


@dataclass(frozen=True)
class Repeats(_Kit):
    """Rows that ask what an earlier row asks."""

    name: ClassVar[str] = "repeats"
    severity: Severity = "error"

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        first: dict[str, int] = {}
        spots = []
        for row in table.rows:
            other = first.setdefault(row.asked, row.line)
            if other != row.line:
                spots.append(Spot(row.line, row.asked, other_line=other, remove=True))
        return (
            (Finding("same question", self.severity, f"{len(spots)} rows repeat", "-", tuple(spots)),) if spots else ()
        )


@dataclass(frozen=True)
class Shared(_Kit):
    """Rows that ask what a held-out table asks."""

    name: ClassVar[str] = "shared"

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        lines = {
            row.asked: (name, row.line)
            for name in sorted(context.held_out & context.others.keys())
            for row in context.others[name].rows
        }
        spots = [Spot(row.line, row.asked, *lines[row.asked], remove=True) for row in table.rows if row.asked in lines]
        return (Finding("leaked", "error", f"{len(spots)} rows leak", spots=tuple(spots)),) if spots else ()


@dataclass(frozen=True)
class Secrets(_Kit):
    """Names that nobody is to know, each of its own kind."""

    name: ClassVar[str] = "secrets"
    redact: bool = False
    words: tuple[str, ...] = ("Ada", "Bob")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        found = []
        for word in self.words:
            spots = [self._spot(row, word) for row in table.rows if word in row.asked + row.answered]
            if spots:
                found.append(Finding(f"the name {word[0]}.", "warning", f"{len(spots)} rows", spots=tuple(spots)))
        return found

    def _spot(self, row: Row, word: str) -> Spot:
        messages = tuple(replace(each, content=each.content.replace(word, "[NAME]")) for each in row.messages)
        return Spot(row.line, f"{word[0]}…", replacement=replace(row, messages=messages) if self.redact else None)


@dataclass(frozen=True)
class Few(_Kit):
    """Whether there are enough rows, which is of no row in particular."""

    name: ClassVar[str] = "few"
    enough: int = 100

    def __post_init__(self) -> None:
        if self.enough < 1:
            raise ValueError("enough is less than 1; write 1 or more")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        return [Finding("few rows", "warning", "too few"), Finding("not looked", "info", "sizes were not looked at")]


@dataclass(frozen=True)
class Slow(_Kit):
    """What a run does not wait for."""

    name: ClassVar[str] = "slow"
    in_runs: ClassVar[bool] = False

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        return ()


@dataclass(frozen=True)
class Needy(_Kit):
    """What needs a package that nobody has."""

    name: ClassVar[str] = "needy"
    requires_packages: ClassVar[tuple[str, ...]] = ("no-such-distribution",)

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        raise AssertionError("it cannot be made")


@dataclass(frozen=True)
class RivalRepeats(_Kit):
    """A check of a name that is taken."""

    name: ClassVar[str] = "repeats"

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        return ()


@dataclass(frozen=True)
class Breaks(_Kit):
    """What raises."""

    name: ClassVar[str] = "breaks"

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        raise ZeroDivisionError("no rows\nto divide by")


class Panic(BaseException):
    """What a library in Rust raises."""


@dataclass(frozen=True)
class Panics(_Kit):
    """What raises a thing that is no Exception."""

    name: ClassVar[str] = "panics"

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        raise Panic("unwrap on a None")


@dataclass(frozen=True)
class Dies(_Kit):
    """What the kernel kills, as where memory is at its end."""

    name: ClassVar[str] = "dies"

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        os.kill(os.getpid(), signal.SIGKILL)
        return ()


@dataclass(frozen=True)
class Says(_Kit):
    """What gives exactly this."""

    name: ClassVar[str] = "says"
    findings: Any = ()

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        findings: Sequence[Finding] = self.findings
        return findings


@hookimpl
def harness_register_data_checks() -> tuple[type[DataCheck], ...]:
    """As a plugin of the tests of commands; those that take the process with them are no part of it."""
    return Repeats, Shared, Secrets, Few, Slow, Needy, Breaks


def planned(instance: DataCheck, severity: Severity | None = None, name: str = "") -> PlannedCheck:
    return PlannedCheck(Planned(Ref(instance.name), instance, OURS, name or instance.name), severity)


def catalog(*classes: type, rivals: Sequence[type] = ()) -> Catalog:
    offers = [Offer("data_check", each.name, each, OURS) for each in classes]  # type: ignore[attr-defined]
    offers += [Offer("data_check", each.name, each, THEIRS) for each in rivals]  # type: ignore[attr-defined]
    return Catalog(tuple(offers), Host(()))


def row(line: int, asked: str, answered: str = "yes") -> Row:
    return Row(line, (Message("user", asked), Message("assistant", answered)))


def table(
    *asked: str, name: str = "train", path: Path = Path("train.jsonl"), unreadable: Sequence[Unreadable] = ()
) -> Table:
    rows = tuple(row(line, text) for line, text in enumerate(asked, start=1))
    return Table(name, path, "messages", rows, tuple(unreadable))


def many(count: int, name: str = "train") -> Table:
    """So many rows that checks go apart; each tenth asks what the one before asks."""
    return table(*(f"{name} {number - (number % 10 == 9)}" for number in range(count)), name=name)
