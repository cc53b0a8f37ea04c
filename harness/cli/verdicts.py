"""Commands that judge what is recorded, without a model: compare, gate."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli import options
from harness.cli.exits import Exit
from harness.cli.telling import Telling


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@options.output
@options.as_json
@click.pass_context
def compare(context: click.Context, /, baseline: str, candidate: str, output: Path, as_json: bool) -> int:
    """Put two recorded runs side by side."""
    from rich.console import Console

    from harness.experiment import RECORD
    from harness.judgement import Judgement
    from harness.report import export, tables
    from harness.store.reader import Reader

    _, catalog = options.hosts(context)
    with Reader(output / RECORD) as reader:
        before, after = reader.run(baseline), reader.run(candidate)
        comparison = Judgement(reader, catalog, after, {before.arm: before}).comparison()
    if as_json:
        click.echo(export.json_text(comparison))
    else:
        Console().print(tables.comparison_screen(comparison))
    return Exit.DONE


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@click.option("--suite", type=click.Path(path_type=Path), required=True, help="The suite whose gates are asked.")
@options.svg
@options.output
@options.as_json
@click.pass_context
def gate(
    context: click.Context, /, baseline: str, candidate: str, suite: Path, output: Path, as_json: bool, svg: Path | None
) -> int:
    """Judge two recorded runs by a suite's gates.

    BASELINE takes the place of 'base'; a gate against 'prompted' uses BASELINE if it is such a run, else the prompted
    run of BASELINE's experiment.
    """
    from harness.experiment import RECORD
    from harness.judgement import Judgement, stand_ins
    from harness.store.reader import Reader
    from harness.suite.load import load

    rules = load(suite).gates
    _, catalog = options.hosts(context)
    with Reader(output / RECORD) as reader:
        before, after = reader.run(baseline), reader.run(candidate)
        judgement = Judgement(reader, catalog, after, stand_ins(reader, before))
        comparison, verdict = judgement.comparison(), judgement.verdict(rules)
    return Telling(output, suite, as_json, svg).tell(comparison, verdict)
