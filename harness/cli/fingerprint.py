"""The command data fingerprint: what data files hold, and what changed since they were locked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.cli.exits import Exit
from harness.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.data.fingerprint import Fingerprint
    from harness.values import Prompt

_SUITES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Known:
    """One file with its fingerprint."""

    name: str
    path: Path
    print: Fingerprint
    lock: Path | None
    since: str | None
    """What changed since the lock, in words, nothing where nothing did; ``None`` where no lock speaks of it."""


@click.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE|SUITE...")
@click.option(
    "--tokenizer",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Count tokens too, with the tokenizer and chat template in this model's folder.",
)
@click.option("--lock", is_flag=True, help="Keep the fingerprints beside the suite; a run then refuses changed data.")
@options.as_json
@click.pass_context
def fingerprint(
    context: click.Context, /, files: tuple[Path, ...], tokenizer: Path | None, lock: bool, as_json: bool
) -> int:
    """Show what data files hold: content hash, rows, format and lengths.

    Of a SUITE all its data. With --lock they are kept in SUITE.data.lock.json, row by row: from then on a run refuses
    data that has changed, and says which rows; and this command tells what has changed since.
    """
    from rich.console import Console

    from harness.report import export

    count = _counter(context, tokenizer) if tokenizer else None
    known = [each for path in files for each in _known(path, count, lock=lock)]
    if as_json:
        click.echo(export.json_text([_facts(each) for each in known]))
    else:
        Console().print(_screen(known, written=lock))
    return Exit.DONE


def _known(path: Path, count: Callable[[Prompt], int] | None, *, lock: bool) -> Iterator[Known]:
    from harness.data.fingerprint import changes, fingerprint, lock_path, read_lock, write_lock

    if path.suffix.lower() not in _SUITES:
        if lock:
            raise UsageError("a lock is kept beside a suite", path=path, remedy="name the suite's YAML file")
        yield Known(path.name, path, fingerprint(path, count), None, None)
        return
    where = lock_path(path)
    prints = {name: (file, fingerprint(file, count)) for name, file in _data_of(path).items()}
    if lock:
        write_lock(where, {name: found for name, (_, found) in prints.items()})
    locked = {} if lock else read_lock(where) or {}
    for name, (file, found) in prints.items():
        since = changes(locked[name], found) if name in locked else None
        yield Known(name, file, found, where if lock or locked else None, since)


def _data_of(path: Path) -> Mapping[str, Path]:
    """The data of a suite by the names that a plan gives it."""
    from harness.suite.load import load

    return load(path).files


def _counter(context: click.Context, folder: Path) -> Callable[[Prompt], int]:
    """What counts tokens with the tokenizer in a folder: a backend that can."""
    from harness.protocols import BackendWithTokenizer
    from harness.values import Ref

    _, catalog = options.hosts(context)
    for name, offer in catalog.classes("backend").items():
        if hasattr(offer.plugin_class, "token_counter"):
            backend = catalog.make("backend", Ref(name)).instance
            if isinstance(backend, BackendWithTokenizer):
                return backend.token_counter(folder)
    raise UsageError("no backend that is installed counts tokens", remedy="leave --tokenizer out")


def _facts(known: Known) -> dict[str, object]:
    """Without the digests of the rows, which are for locks."""
    found = known.print
    return {
        "name": known.name,
        "path": known.path,
        "sha256": found.sha256,
        "rows": found.rows,
        "format": found.format,
        "characters": found.characters,
        "tokens": found.tokens,
        "lock": known.lock,
        "changed": known.since,
    }


def _screen(known: list[Known], *, written: bool) -> RenderableType:
    from harness.report.split import PrintRow, Spread, fingerprint_screen

    rows = []
    for each in known:
        found = each.print
        tokens = (
            Spread(found.tokens.least, found.tokens.median, found.tokens.p95, found.tokens.most)
            if found.tokens
            else None
        )
        lengths = found.characters
        spread = Spread(lengths.least, lengths.median, lengths.p95, lengths.most)
        since = "" if each.since is None else each.since or "as it was locked"
        rows.append(PrintRow(each.name, str(each.path), found.sha256, found.rows, found.format, spread, tokens, since))
    return fingerprint_screen(rows, next((each.lock for each in known if each.lock), None), written=written)
