"""The command data check: what is wrong with the rows of data files, or of a whole suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import data_inputs, options
from harness.cli.exits import Exit
from harness.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.cli.data_inputs import Inputs
    from harness.rows import CheckedTable, Spot

_SHOWN = 3


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE | NAME=FILE]...")
@data_inputs.suite
@data_inputs.only
@data_inputs.skip
@data_inputs.tokenizer
@data_inputs.max_length
@click.option(
    "--examples", type=click.IntRange(min=0), default=_SHOWN, show_default=True, help="Rows to show of each finding."
)
@click.option(
    "--svg", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Save the screen as a picture too."
)
@options.as_json
@click.pass_context
def check(
    context: click.Context,
    /,
    files: tuple[str, ...],
    suite: Path | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    tokenizer: Path | None,
    max_length: int | None,
    examples: int,
    svg: Path | None,
    as_json: bool,
) -> int:
    """Say what is wrong with data, row by row, before it is trained on.

    Files are held against each other: what one is for, its name says (train, valid, dev, eval, test), or NAME=FILE. A
    suite stands for all its data, its benchmarks, the tokenizer of its model and its own choice of checks. Where
    HARNESS_BENCHMARK_PACK is set, rows are held against MMLU and HellaSwag without a suite too.

    Exit status: 3 when a finding is an error, 1 when a check broke and there is none, else 0.
    """
    from harness.checking import inputs, run

    suite, files = _suite_apart(suite, files)
    if not files and suite is None:
        raise UsageError("data check needs files, or a suite", remedy="harness data check train.jsonl test.jsonl")
    if svg and not svg.parent.is_dir():
        raise UsageError(f"there is no folder {str(svg.parent)!r} for the picture")
    _, catalog = options.hosts(context)
    flags = data_inputs.Flags(data_inputs.suite_of(suite), only, skip, tokenizer, max_length)
    named = inputs.named(files, flags.known)
    held_out = [name for name in named if inputs.role(name) in ("validation", "test")]
    with data_inputs.watching(as_json=as_json) as observer:
        found = data_inputs.gathered(named, held_out, flags, catalog, observer)
        observer.stage("checking")
        checked = run.check(
            found.tables,
            found.checks,
            found.context,
            without=found.without,
            told=lambda table, done, total: observer.task_progressed("checks", table, done, total, {}),
        )
    _tell(checked, found, examples, svg, as_json=as_json)
    return _status(checked, found.without)


def _suite_apart(suite: Path | None, files: tuple[str, ...]) -> tuple[Path | None, tuple[str, ...]]:
    """A suite that stands among the files, as one writes it for every other command."""
    suites = [each for each in files if data_inputs.is_suite(each)]
    if suite is None and len(suites) == 1:
        return Path(suites[0]), tuple(each for each in files if each not in suites)
    return suite, files


def _status(checked: Sequence[CheckedTable], without: Mapping[str, str]) -> Exit:
    if any(table.worst == "error" for table in checked):
        return Exit.FAILED
    broke = any(table.not_checked.keys() - without.keys() for table in checked)
    return Exit.BROKE if broke else Exit.DONE


def _tell(checked: Sequence[CheckedTable], found: Inputs, examples: int, svg: Path | None, *, as_json: bool) -> None:
    from rich.console import Console

    from harness.report import export, layout

    screen = _screen(checked, found, examples)
    if as_json:
        click.echo(export.json_text(_facts(checked, found)))
    else:
        Console().print(screen)
    if svg:
        try:
            svg.write_text(layout.picture(screen, width=100, title="harness data check"), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot be written: {error.strerror}", path=svg) from None


def _screen(checked: Sequence[CheckedTable], found: Inputs, examples: int) -> RenderableType:
    from rich.console import Group

    from harness.report import layout
    from harness.report.data import findings_screen

    screen = findings_screen(checked, examples=examples)
    notes = [*found.notes, *(f"{name}: {why}" for name, why in found.context.benchmarks_missing.items())]
    if not notes:
        return screen
    return layout.spaced(Group(layout.section("Not looked at"), layout.bullets(notes)), screen)


def _facts(checked: Sequence[CheckedTable], found: Inputs) -> dict[str, Any]:
    from harness.report import export

    tables = []
    for table in checked:
        findings = [
            {**export.to_json(replace(finding, spots=())), "spots": [_spot(spot) for spot in finding.spots]}
            for finding in table.findings
        ]
        tables.append({**export.to_json(replace(table, findings=())), "findings": findings, "worst": table.worst})
    missing = found.context.benchmarks_missing
    return {"tables": tables, "benchmarks": list(found.context.benchmarks), "missing": missing, "notes": found.notes}


def _spot(spot: Spot) -> dict[str, Any]:
    """Without the row that would be put in its place, which 'harness data clean' writes."""
    from harness.report import export

    return {**export.to_json(replace(spot, replacement=None)), "replacement": spot.replacement is not None}
