"""The verdict told in every way that was asked for: screen, JSON, picture, summary of a GitHub job."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.cli.exits import OF_VERDICT, Exit

if TYPE_CHECKING:
    from harness.report.training import Trained
    from harness.values import Comparison, Verdict


@dataclass(frozen=True, slots=True)
class Telling:
    """Where and how to tell it."""

    output: Path
    suite: Path
    as_json: bool
    svg: Path | None

    def tell(self, comparison: Comparison, verdict: Verdict) -> Exit:
        """Tell the verdict; gives the exit status that it means."""
        from rich.console import Console

        from harness.report import export
        from harness.report.verdict import verdict_screen, verdict_svg

        record, next_commands = self._record(), self._next_commands(comparison)
        trained = self._trained(comparison)
        if self.as_json:
            click.echo(export.json_text({"comparison": comparison, "verdict": verdict}))
        else:
            screen = verdict_screen(comparison, verdict, record=record, next_commands=next_commands, trained=trained)
            Console().print(screen)
        # only then what may fail: by now the verdict is told
        _add_to_the_job_summary(comparison, verdict)
        if self.svg:
            picture = verdict_svg(comparison, verdict, record=record, next_commands=next_commands, trained=trained)
            options.write_picture(self.svg, picture)
        return OF_VERDICT[verdict.outcome]

    def _record(self) -> Path:
        from harness.store.database import RECORD

        return self.output / RECORD

    def _trained(self, comparison: Comparison) -> list[Trained]:
        from harness.cli.trained import trained_of
        from harness.store.reader import Reader

        with Reader(self._record()) as reader:
            return trained_of(reader, comparison.runs[-1])

    def _next_commands(self, comparison: Comparison) -> list[str]:
        place = "" if self.output == Path("results") else f" --output {self.output}"
        candidate, baseline = comparison.runs[-1], comparison.runs[0]
        is_its_own = (baseline.experiment, baseline.arm) == (candidate.experiment, "base")
        against = "" if is_its_own else f" --against {baseline.id}"
        return [
            f"harness show {candidate.id} --broken{against}{place}",
            f"harness gate {baseline.id} {candidate.id} --suite {self.suite}{place}",
        ]


def _add_to_the_job_summary(comparison: Comparison, verdict: Verdict) -> None:
    from harness.report.markdown import verdict_markdown

    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(verdict_markdown(comparison, verdict))
        except OSError as error:
            click.echo(f"harness: {summary}: the job's summary cannot be written: {error.strerror}", err=True)
