"""The command data clean: a data file again, without what its checks would leave out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import data_inputs, options
from harness.cli.exits import Exit
from harness.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.catalog import Catalog
    from harness.checking.clean import Cleaned
    from harness.cli.data_inputs import Inputs
    from harness.rows import Table

REDACT = "redact"
"""The option of checks that blacken parts of a row rather than find fault with the whole."""


@click.command()
@click.argument("file", metavar="[NAME=]FILE")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Where the clean rows are written.")
@data_inputs.suite
@click.option("--against", multiple=True, metavar="NAME=FILE", help="Remove what this file holds too, as a test set.")
@data_inputs.only
@data_inputs.skip
@click.option("--redact", is_flag=True, help="Put a placeholder where personal data stand.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@options.as_json
@click.pass_context
def clean(
    context: click.Context,
    /,
    file: str,
    output: Path | None,
    suite: Path | None,
    against: tuple[str, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    redact: bool,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Write a data file again without the rows that checks would leave out.

    Only what is safe is done, check by check, until none has anything left to remove; every other row is written as it
    was read. OUTPUT.removed.jsonl tells line by line what was removed or changed, by which check and why, with the rows
    that were removed; of what was redacted it tells only the kind and the place. FILE itself is never changed.

    With --suite the rows are held against the suite's other data too, which are not changed.
    """
    from harness.checking import inputs, rewrite
    from harness.checking.clean import clean as cleaned_of

    if output is None and not dry_run:
        raise UsageError("clean needs a file to write", remedy="add --output FILE, or --dry-run to only look")
    _, catalog = options.hosts(context)
    choice = _redacting(catalog) if redact else {}
    flags = data_inputs.Flags(data_inputs.suite_of(suite), only, skip, options=choice)
    named = inputs.named([file, *against], flags.known)
    own, *others = named
    with data_inputs.watching(as_json=as_json) as observer:
        held_out = [each for each in named if inputs.role(each) in ("validation", "test")]
        # what it is held against by name is there to judge by, unless its name says that it is trained on
        held_out += [each for each in others if inputs.role(each) is None]
        found = data_inputs.gathered(named, held_out, flags, catalog, observer)
        table = next(each for each in found.tables if each.name == own)
        if output is not None:
            rest = [each.path for each in found.tables if each is not table]
            rewrite.refuse_harm(table.path, rest, output, force=force or dry_run)
        observer.stage("cleaning")
        cleaned = cleaned_of(
            table,
            found.checks,
            found.context_of(table),
            told=lambda check, done, total: observer.task_progressed("checks", own, done, total, {}),
        )
        written = None if dry_run else output
        if written is not None:
            rewrite.write(table, cleaned, written)
    _tell(table, cleaned, found, written, as_json=as_json)
    return Exit.DONE


def _redacting(catalog: Catalog) -> dict[str, dict[str, object]]:
    """The checks that can blacken, asked to do it; ``UsageError`` where there is none."""
    import dataclasses

    able = [
        offer.name
        for offer in catalog.offers
        if offer.kind == "data_check" and REDACT in {each.name for each in dataclasses.fields(offer.plugin_class)}
    ]
    if not able:
        raise UsageError("no data check can redact", remedy="install finetune-harness[data]")
    return {name: {REDACT: True} for name in able}


def _tell(table: Table, cleaned: Cleaned, found: Inputs, output: Path | None, *, as_json: bool) -> None:
    from rich.console import Console

    from harness.report import export

    if as_json:
        click.echo(export.json_text(_facts(table, cleaned, found, output)))
    else:
        Console().print(_screen(table, cleaned, found, output))


def _screen(table: Table, cleaned: Cleaned, found: Inputs, output: Path | None) -> RenderableType:
    from harness.checking.rewrite import removed_path
    from harness.report.data import Remedied, cleaned_screen

    counts = [Remedied(*each) for each in _counts(cleaned)]
    written = [("written", "nothing, this was a dry run")]
    if output is not None:
        written = [("written", str(output)), ("removed", str(removed_path(output)))]
    rows = (len(table.rows) + len(table.unreadable), len(cleaned.rows))
    return cleaned_screen(table.path, rows, counts, written, found.without)


def _counts(cleaned: Cleaned) -> list[tuple[str, str, int, int]]:
    """Check, kind, and how many rows it removed and replaced, in the order in which they were met."""
    from collections import Counter

    removed = Counter((each.check, each.kind) for each in cleaned.removed)
    replaced = Counter((each.check, each.kind) for each in cleaned.replaced)
    return [(*key, removed[key], replaced[key]) for key in {**removed, **replaced}]


def _facts(table: Table, cleaned: Cleaned, found: Inputs, output: Path | None) -> dict[str, Any]:
    from harness.checking.rewrite import removed_path

    return {
        "file": table.path,
        "output": output,
        "removed_file": removed_path(output) if output else None,
        "rows_before": len(table.rows) + len(table.unreadable),
        "rows_after": len(cleaned.rows),
        "remedies": [
            {"check": check, "kind": kind, "removed": removed, "replaced": replaced}
            for check, kind, removed, replaced in _counts(cleaned)
        ],
        "removed": [
            {"line": each.line, "check": each.check, "kind": each.kind, "why": each.why} for each in cleaned.removed
        ],
        "replaced": cleaned.replaced,
        "not_checked": found.without,
    }
