"""What a data check implements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from harness.rows import DataContext, Finding, Table


@runtime_checkable
class DataCheck(Protocol):
    """Finds faults in rows of data."""

    name: ClassVar[str]
    requires_packages: ClassVar[tuple[str, ...]]
    in_runs: ClassVar[bool]
    """Whether a run does it unasked. A slow one waits until a suite lists it, or ``harness data check`` is called."""

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """What is wrong with the rows of a table, or none; pure: the same rows give the same findings.

        Rows that could not be read stand in ``table.unreadable``. What a check could not look for it says in a finding
        of severity ``info``. Texts of rows may hold anything.
        """
        ...
