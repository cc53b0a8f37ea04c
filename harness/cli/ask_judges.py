"""``harness judge run``: judges look at answers that are recorded already."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli import options
from harness.cli.exits import Exit


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@click.option(
    "--suite", type=click.Path(path_type=Path), required=True, help="The suite whose judges look at the answers."
)
@options.output
@options.as_json
@click.pass_context
def run(context: click.Context, /, baseline: str, candidate: str, suite: Path, output: Path, as_json: bool) -> int:
    """Let a suite's judges look at the answers of two recorded runs.

    The runs may be older than the judges. What a judge was asked before is not asked again, and a budget that was spent
    and has been raised is gone on with. Nothing is decided: 'harness gate' does that.
    """
    from rich.console import Console

    from harness import experiment
    from harness.judgement import Judgement
    from harness.report import export, tables
    from harness.store.reader import Reader

    host, catalog = options.hosts(context)
    plan = options.planned(suite, catalog, {})
    with options.watching(quiet=as_json) as observer:
        setting = options.setting(output, host, catalog, observer)
        before, after = experiment.judge_recorded(plan, setting, baseline, candidate)
    with Reader(setting.record) as reader:
        comparison = Judgement(reader, catalog, reader.run(after.id), {before.arm: before}).comparison()
    if as_json:
        click.echo(export.json_text(comparison))
        return Exit.DONE
    Console().print(tables.comparison_screen(comparison))
    place = "" if output == Path("results") else f" --output {output}"
    click.echo(f"next: harness review {before.id} {after.id} --items 100{place}")
    click.echo(f"then: harness gate {before.id} {after.id} --suite {suite}{place}")
    return Exit.DONE
