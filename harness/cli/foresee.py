"""The command that looks ahead: power."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.cli.exits import Exit

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.foresight import Foresight
    from harness.report.power import GateRow, ReleaseRow


@click.command()
@click.argument("suite", type=click.Path(path_type=Path))
@options.suite_changes
@options.output
@options.as_json
@click.pass_context
def power(context: click.Context, /, suite: Path, output: Path, as_json: bool, **flags: options.Flag) -> int:
    """Say what each gate can tell, and how many items it needs.

    Nothing is run for it: flip rates, scores and times are those of the suite's earlier runs in the record,
    where there are some.
    """
    from contextlib import nullcontext

    from rich.console import Console

    from harness.foresight import foresee
    from harness.report import export
    from harness.store.database import RECORD
    from harness.store.reader import Reader

    _, catalog = options.hosts(context)
    plan = options.planned(suite, catalog, flags)
    record = output / RECORD
    with Reader(record) if record.is_file() else nullcontext() as reader:
        seen = foresee(plan, reader)
    if as_json:
        click.echo(export.json_text(facts(seen)))
    else:
        Console().print(screen(plan.suite.name, seen))
    return Exit.DONE


def screen(name: str, seen: Foresight) -> RenderableType:
    """What a person is shown of a foresight."""
    from harness.report.power import power_screen

    return power_screen(name, _rows(seen), _release(seen), rates=seen.rates, source=seen.source, notes=seen.notes)


def lines(seen: Foresight, command: str) -> RenderableType:
    """The same in short, for the screen of another command; ``command`` says the rest."""
    from harness.report.power import power_lines

    return power_lines(_rows(seen), seen.source, command)


def _rows(seen: Foresight) -> list[GateRow]:
    from harness.report.power import GateRow

    return [
        GateRow(
            each.rule,
            each.standing,
            reason,
            each.given.items,
            each.needed_by_rate,
            each.needed_alone,
            each.needed_together,
            seconds,
            each.shows,
        )
        for each, reason, seconds in zip(seen.prospects, seen.reasons, seen.seconds, strict=True)
    ]


def _release(seen: Foresight) -> ReleaseRow:
    from harness.report.power import ReleaseRow

    return ReleaseRow(seen.critical, seen.chance, seen.power_together, seen.seconds_as_planned, seen.seconds_together)


def facts(seen: Foresight) -> dict[str, object]:
    """What the screen shows and the figures that its sentences are made of."""
    figures = [{"fewest": each.fewest, "flips": each.flips} for each in seen.prospects]
    gates = [{**row._asdict(), **more} for row, more in zip(_rows(seen), figures, strict=True)]
    return {
        "experiment": seen.experiment,
        "rates": seen.rates,
        "gates": gates,
        "release": _release(seen)._asdict(),
        "notes": seen.notes,
    }
