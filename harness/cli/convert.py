"""The command data convert: a data file in another format or of another kind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import click

from harness.cli import options
from harness.cli.exits import Exit
from harness.rows import Format

_FORMATS = click.Choice(get_args(Format))


@click.command()
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path))
@click.argument("target", metavar="TO", type=click.Path(path_type=Path))
@click.option("--to", type=_FORMATS, default="messages", show_default=True, help="Format to write.")
@click.option("--from", "form", type=_FORMATS, help="Format to read, where the columns do not tell.")
@click.option("--drop", metavar="COLUMN", multiple=True, help="Leave a column out; may be given several times.")
@click.option("--force", is_flag=True, help="Replace TO if it is there.")
@options.as_json
def convert(
    source: Path, target: Path, to: Format, form: Format | None, drop: tuple[str, ...], *, force: bool, as_json: bool
) -> int:
    """Write the rows of a data file in another format, or into a file of another kind.

    FROM is a file, a folder or hf://OWNER/NAME; its format is told by its columns. What kind of file TO is its name
    tells: .jsonl, .json, .csv, .tsv or .parquet. Where a row cannot be read, or holds what the format cannot, nothing
    is written, and the rows are named (exit status 2).
    """
    from harness.data import convert as data
    from harness.report import export
    from harness.report.text import inert

    with _counting(quiet=as_json) as told:
        done = data.convert(source, target, to=to, form=form, drop=drop, force=force, told=told)
    if as_json:
        click.echo(export.json_text(done))
    else:
        rows = "1 row" if done.rows == 1 else f"{done.rows:,} rows"
        click.echo(inert(f"{rows} from {source} ({done.source_form}) to {target} ({done.target_form})"))
    return Exit.DONE


@contextlib.contextmanager
def _counting(*, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """What shows on a terminal how many rows are done; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if quiet or not (console.is_interactive and console.file.isatty()):
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} rows"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("rows", total=None)
        yield lambda rows: progress.update(task, completed=rows)
