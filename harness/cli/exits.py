"""What the exit status means."""

from __future__ import annotations

from enum import IntEnum

from harness.values import Outcome


class Exit(IntEnum):
    """The exit statuses of every command."""

    DONE = 0
    """Done; or every gate passed."""
    BROKE = 1
    """A fault of ours or of the machine."""
    USAGE = 2
    """The suite, data or flags are wrong; one line says where and what instead."""
    FAILED = 3
    """A gate failed."""
    INCONCLUSIVE = 4
    """Too few items to tell; the report says how many would do."""


OF_VERDICT: dict[Outcome, Exit] = {
    "passed": Exit.DONE,
    "failed": Exit.FAILED,
    "inconclusive": Exit.INCONCLUSIVE,
}
