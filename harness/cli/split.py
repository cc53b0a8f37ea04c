"""The command data split: train, validation and test of one file, without leaks between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.cli.exits import Exit

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.data.split import Split

_CENT = 1e-9


def _ratios(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, float, float] | None:
    if value is None or value == "auto":
        return None
    try:
        train, validation, test = (float(each) for each in value.split(","))
    except ValueError:
        raise click.BadParameter("three shares are needed, as 0.7,0.15,0.15, or auto", context, parameter) from None
    if not (train > 0 and validation >= 0 and test >= 0 and abs(train + validation + test - 1) < _CENT):
        raise click.BadParameter("the shares must add up to 1, with some for train", context, parameter)
    return train, validation, test


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the three files."
)
@click.option(
    "--ratios",
    callback=_ratios,
    metavar="TRAIN,VALIDATION,TEST|auto",
    help="Shares that add up to 1; auto is 0.7,0.15,0.15 below 5,000 rows, 0.8,0.1,0.1 above 10,000, and "
    "0.75,0.125,0.125 between.  [default: auto]",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Another seed is another split.  [default: 0]")
@click.option("--stratify", metavar="COLUMN|auto", help="Give every label of this column its share on each side.")
@click.option("--group", metavar="COLUMN", help="Keep rows with the same value there, as a customer's, on one side.")
@click.option(
    "--near",
    type=click.FloatRange(0, 1, min_open=True),
    help="Texts this alike stay on one side (1: the same words).  [default: 0.8]",
)
@click.option("--no-near", is_flag=True, help="Keep only those together that ask the same but for case and spacing.")
@click.option("--force", is_flag=True, help="Overwrite files that are in the way; rows still stay where they stood.")
@options.as_json
def split(
    file: Path,
    output: Path,
    ratios: tuple[float, float, float] | None,
    seed: int | None,
    stratify: str | None,
    group: str | None,
    near: float | None,
    no_near: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Split a data file into train, validation and test.

    Rows are written as they are, in their order. What asks the same, or nearly, stays on one side, so that no test row
    was trained on. Sides are told by a hash of what a row asks, and kept in OUTPUT/split.json: split again when FILE
    has grown, and no row moves. A new row that is like rows of two sides is left out, and named.
    """
    from rich.console import Console

    from harness.data.split import Wish
    from harness.data.split import split as split_file
    from harness.report import export

    if no_near and near is not None:
        raise click.UsageError("--near and --no-near exclude each other")
    wish = Wish(ratios, seed, 0.0 if no_near else near, group, stratify)
    made = split_file(file, output, wish, overwrite=force)
    if as_json:
        click.echo(export.json_text(made))
    else:
        Console().print(_screen(made))
    return Exit.DONE


def _screen(made: Split) -> RenderableType:
    from harness.report.split import SideRow, split_screen

    alike = f"alike from {made.near:g} on" if made.near else "the same but for case and spacing"
    how = [f"seed {made.seed}", f"together what is {alike}"]
    how += [f"together by {made.group}"] if made.group else []
    how += [f"shares by label ({made.stratify})" if made.stratify else "sides by hash"]
    stood = f"{made.kept:,} rows stayed where they stood, {made.new:,} are new" if made.kept else ""
    facts = [("file", f"{made.source} · {made.rows:,} rows"), ("how", " · ".join(how)), ("earlier", stood)]
    sides = [
        SideRow(name, side.rows, side.share, side.wanted, side.labels, str(made.files.get(name, "")))
        for name, side in made.sides.items()
    ]
    left_out = [(each.line, each.reason) for each in made.left_out]
    return split_screen([fact for fact in facts if fact[1]], sides, left_out, made.warnings)
