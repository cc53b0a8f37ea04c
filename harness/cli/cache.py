"""The command cache: which recorded answers later runs need not ask for again, and how these are forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.cli.exits import Exit
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from harness.values import Reusable

    Told = tuple[dict[str, object], RenderableType]

_CENTURY = 36_500
_SHOWN = 16


@click.command()
@click.argument("action", type=click.Choice(["prune"]), required=False)
@click.option(
    "--older-than", type=click.IntRange(0, _CENTURY), metavar="DAYS", help="Forget only what was asked so long ago."
)
@click.option("--model", metavar="SHA", help="Forget only one model: the beginning of its weights' SHA-256.")
@options.output
@options.as_json
def cache(action: str | None, older_than: int | None, model: str | None, output: Path, as_json: bool) -> int:
    """Show which answers can be given again, or forget them: 'harness cache prune'.

    A run takes over what an earlier one asked of the same model in the same words and settings; --no-cache asks anew.
    Forgotten answers are asked again; recorded runs with their answers, scores and verdicts stay as they are.
    """
    from rich.console import Console

    from harness.report import export

    if action is None:
        _refuse_without_prune(older_than, model)
    facts, screen = _shown(output) if action is None else _pruned(output, older_than, model)
    if as_json:
        click.echo(export.json_text(facts))
    else:
        Console().print(screen)
    return Exit.DONE


def _shown(output: Path) -> Told:
    from harness.report.cache import cache_screen
    from harness.store.database import RECORD
    from harness.store.reader import Reader

    record = output / RECORD
    with Reader(record) as reader:
        shares = reader.reusable()
    size = record.stat().st_size
    return {"record": record, "bytes": size, "models": shares}, cache_screen(shares, record=record, size=size)


def _pruned(output: Path, older_than: int | None, model: str | None) -> Told:
    from harness.report.cache import pruned_screen
    from harness.store.database import RECORD
    from harness.store.reader import Reader
    from harness.store.writer import Writer

    with Reader(output / RECORD) as reader:
        weights = _weights(reader.reusable(), model)
        with Writer(output / RECORD) as writer:
            forgotten = writer.forget_answers(None if older_than is None else _days_ago(older_than), weights)
        left = reader.reusable()
    return {"forgotten": forgotten, "models": left}, pruned_screen(forgotten, left)


def _refuse_without_prune(older_than: int | None, model: str | None) -> None:
    for flag, value in (("--older-than", older_than), ("--model", model)):
        if value is not None:
            raise UsageError(f"{flag} says what to forget, and nothing is", remedy="write 'harness cache prune'")


def _weights(shares: Sequence[Reusable], beginning: str | None) -> str | None:
    """The one model whose digest begins so."""
    if beginning is None:
        return None
    known = {share.weights_sha256: share.model for share in shares}
    found = [each for each in known if each.startswith(beginning.lower())]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{each[:_SHOWN]} ({known[each]})" for each in found or known) or "none"
    if found:
        raise UsageError(f"{beginning!r} begins more than one model", remedy=f"which of {listed}?")
    raise UsageError(f"no answer of a model {beginning!r} can be given again", remedy=f"known are {listed}")


def _days_ago(days: int) -> str:
    """As the record writes times, so that they compare as texts."""
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
