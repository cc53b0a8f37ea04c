"""Commands about judges: how far one can be trusted, and the sheet on which people say so."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from harness.cli import ask_judges, options
from harness.cli.exits import Exit
from harness.cli.judged import judged_of
from harness.values import LABELS_NEEDED

_label = click.option("--judge", "label", metavar="LABEL", help="The judge, by its label.  [default: the only one]")
_task = click.option("--task", metavar="NAME", help="The judge's task.  [default: the only one with this judge]")


@click.group()
def judge() -> None:
    """Hold a judge to people: write a sheet for their labels, see how far it agrees with them."""


@judge.command()
@click.argument("baseline")
@click.argument("candidate")
@_label
@_task
@click.option(
    "--labels",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take people's labels of this file into the record first: JSONL, or CSV.",
)
@options.output
@options.as_json
@click.pass_context
def calibrate(
    context: click.Context,
    /,
    baseline: str,
    candidate: str,
    label: str | None,
    task: str | None,
    file: Path | None,
    output: Path,
    as_json: bool,
) -> int:
    """Hold a judge to people's labels.

    They are people's words on the answers of the same two recorded runs: those of 'harness review', or of a file with a
    label a row: 'sample' and 'label' (candidate, baseline or tie), or grades from 0 to 1 as 'baseline' and 'candidate'
    for a judge that grades single answers; 'rater' and 'note' may be given. All rows are taken, or none. The labelled
    pairs must be a random draw.
    """
    from rich.console import Console

    from harness.report import export
    from harness.report.calibration import calibration_screen
    from harness.store.database import RECORD
    from harness.store.reader import Reader

    _, catalog = options.hosts(context)
    with Reader(output / RECORD) as reader:
        judged = judged_of(reader, catalog, (baseline, candidate), task, label)
        if file:
            judged.calibration()  # what cannot be held to people is told before anything is written
            judged.take_in(file, output / RECORD)
        held = judged.held(from_file=file is not None)
        next_commands = judged.next_commands(held.calibration, output)
    if as_json:
        facts = {"baseline": held.baseline.id, "candidate": held.candidate.id, "calibration": held.calibration}
        people = {"raters": held.raters, "raters_alpha": held.alpha}
        click.echo(export.json_text({**facts, **people, "meaning": held.meaning, "warnings": held.warnings}))
    else:
        Console().print(calibration_screen(held, next_commands=next_commands))
    return Exit.DONE


@judge.command("labels")
@click.argument("baseline")
@click.argument("candidate")
@click.option(
    "--to",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The sheet: CSV for a spreadsheet if its name ends so, else JSONL.",
)
@click.option("--items", type=click.IntRange(min=1), default=LABELS_NEEDED, show_default=True, help="Pairs to draw.")
@_label
@_task
@options.output
@click.pass_context
def write_labels(
    context: click.Context,
    /,
    baseline: str,
    candidate: str,
    file: Path,
    items: int,
    label: str | None,
    task: str | None,
    output: Path,
) -> int:
    """Write a blind sheet for people's labels.

    It shows pairs of two runs' answers, drawn at random, and not whose they are. People write left, right or tie into
    'label', or for a judge of single answers a grade from 0 to 1 for each; 'harness judge calibrate --labels' reads it.
    The draw is that of 'harness review', and it is recorded: a pair of it without a label could have said either.
    """
    from harness.labels import write
    from harness.store.database import RECORD
    from harness.store.reader import Reader
    from harness.store.writer import Writer

    _, catalog = options.hosts(context)
    with Reader(output / RECORD) as reader:
        judged = judged_of(reader, catalog, (baseline, candidate), task, label)
        rows = judged.sheet(items)
        write(file, rows, judged.blind, grades=not judged.compares)
        with Writer(output / RECORD) as writer:
            writer.start_review(judged.baseline.id, judged.candidate.id, judged.task.name, items)
    fill = "left, right or tie into 'label'" if judged.compares else "a grade from 0 to 1 for each answer"
    click.echo(f"{len(rows)} pairs drawn at random, in {file}: write {fill}, and then run")
    click.echo(f"  harness judge calibrate {judged.named(output)} --labels {shlex.quote(str(file))}")
    return Exit.DONE


judge.add_command(ask_judges.run)
