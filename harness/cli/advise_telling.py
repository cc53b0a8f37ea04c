"""What ``harness advise`` says: a screen, a picture of it, or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.advice.counsel import Counsel
    from harness.foresight import Foresight


@dataclass(frozen=True, slots=True)
class Telling:
    """What there is to tell, and what it is about."""

    suite: Path | None
    output: Path
    counsel: Counsel
    power: Foresight | None
    details: bool = False

    def screen(self) -> None:
        """Show it."""
        from rich.console import Console

        from harness.report.advice import advice_screen

        shown = advice_screen(self.counsel, self._gates, next_commands=self._next_commands, details=self.details)
        Console().print(shown)

    def picture(self, path: Path) -> None:
        """Save the screen."""
        from harness.report.advice import advice_svg

        drawn = advice_svg(self.counsel, self._gates, next_commands=self._next_commands, details=self.details)
        options.write_picture(path, drawn)

    def json(self) -> None:
        """Tell scripts."""
        from harness.cli import foresee
        from harness.report import export

        counsel = self.counsel
        facts = {each.name: getattr(counsel, each.name) for each in fields(counsel)}
        memory = [{"total": row.footprint.total, **export.to_json(row)} for row in counsel.memory]
        told = {**facts, "memory": memory, "power": foresee.facts(self.power) if self.power else None}
        click.echo(export.json_text(told))

    @property
    def _gates(self) -> RenderableType | None:
        from harness.cli import foresee

        if self.power is None:
            return None
        if self.details:
            return foresee.screen(self.counsel.name, self.power)
        return foresee.lines(self.power, f"harness power {self.suite}{self._place}")

    @property
    def _place(self) -> str:
        return "" if self.output == Path("results") else f" --output {self.output}"

    @property
    def _next_commands(self) -> Sequence[str]:
        if self.suite is None:
            return ("harness advise SUITE.yaml",)
        named = ("harness advise prompt {}", "harness advise {} --write", "harness run {}")
        return [command.format(self.suite) + self._place for command in named]
