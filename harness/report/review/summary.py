"""How far everybody has come with a review or a spot check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.console import RenderableType
from rich.text import Text

from harness.report import layout
from harness.report.text import plain


class Work(Protocol):
    """How far a rater has come."""

    @property
    def rater(self) -> str:
        """Who."""

    @property
    def given(self) -> int:
        """Items with a verdict."""

    @property
    def skipped(self) -> int:
        """Items that were passed over."""

    @property
    def open(self) -> int:
        """Items that are neither."""


def review_summary(
    runs: tuple[str, str],
    task: str,
    pairs: tuple[int, int],
    work: Sequence[Work],
    agreement: str,
    commands: tuple[str, str],
) -> RenderableType:
    """How far everybody has come with ``pairs``, those drawn and those with equal answers; nothing of who leads.

    ``commands`` are the one that goes on and the one that tells the result.
    """
    (drawn, equal), (goes_on, result) = pairs, commands
    settled = f", {equal:,} of them with equal answers: ties that nobody is asked about" if equal else ""
    return layout.facts(
        [
            ("review", plain(f"{runs[0]} and {runs[1]}, {task}", "bold")),
            ("drawn", f"{drawn:,} {'pair' if drawn == 1 else 'pairs'}{settled}"),
            *((each.rater, _work(each)) for each in work),
            *([("agreement", agreement)] if agreement else []),
            *([("next", plain(goes_on, "cyan"))] if any(each.open for each in work) else []),
            ("result", plain(result, "cyan").append("  once everybody has judged", style="dim")),
        ]
    )


def spot_check_summary(
    file: str, rows: tuple[int, int], work: Sequence[tuple[Work, str]], agreement: str, saved: str
) -> RenderableType:
    """What every rater found, in words, of ``rows``: those drawn and those of the file."""
    drawn, total = rows
    found = ((each.rater, plain(f"{share}\n", "bold", lines=True).append_text(_work(each))) for each, share in work)
    return layout.facts(
        [
            ("spot check", plain(file, "bold")),
            ("drawn", f"{drawn:,} of {total:,} rows"),
            *found,
            *([("agreement", agreement)] if agreement else []),
            ("saved in", saved),
        ]
    )


def _work(work: Work) -> Text:
    text = Text(f"{work.given:,} given", style="not bold")
    text.append(f" · {work.skipped:,} skipped", style="yellow" if work.skipped else "dim")
    return text.append(f" · {work.open:,} open", style="yellow" if work.open else "dim")
