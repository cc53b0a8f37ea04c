"""What the commands about data files share: the tables that are named, and all that checks may know of them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options

if TYPE_CHECKING:
    from harness.catalog import Catalog
    from harness.checking.asked import PlannedCheck
    from harness.cli.progress import LiveObserver, QuietObserver
    from harness.protocols import Observer
    from harness.rows import DataContext, Table
    from harness.values import Suite

_SUITE_ENDINGS = (".yaml", ".yml")

suite = click.option(
    "--suite",
    type=click.Path(path_type=Path),
    help="Take checks, benchmarks, tokenizer and the other data from this suite.",
)
only = click.option("--check", "only", multiple=True, metavar="NAME", help="Do only this check; may be repeated.")
skip = click.option("--skip", multiple=True, metavar="NAME", help="Leave this check out; may be repeated.")
tokenizer = click.option(
    "--tokenizer",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the model to be trained, for its tokenizer and chat template.",
)
max_length = click.option(
    "--max-length", type=click.IntRange(min=1), help="Tokens at which training cuts a row.  [default: the suite's]"
)


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says of the checks."""

    suite: Suite | None
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    tokenizer: Path | None = None
    max_length: int | None = None
    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Check -> options that go before those of the suite."""

    @property
    def known(self) -> Mapping[str, Path]:
        """The suite's data sets by name."""
        return self.suite.files if self.suite else {}


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that checks need, read and resolved."""

    tables: tuple[Table, ...]
    checks: tuple[PlannedCheck, ...]
    without: Mapping[str, str]
    """Check -> why it cannot be done here."""
    context: DataContext
    notes: tuple[str, ...]
    """What else was not looked at, a sentence each."""

    def context_of(self, table: Table) -> DataContext:
        """What is known besides one of the tables, the others among it."""
        return replace(self.context, others={other.name: other for other in self.tables if other is not table})


def is_suite(path: str) -> bool:
    """Whether a file is a suite rather than rows, by its ending."""
    return Path(path).suffix.lower() in _SUITE_ENDINGS


def watching(*, as_json: bool) -> LiveObserver | QuietObserver:
    """What tells a person at a terminal how far the work is."""
    return options.watching(quiet=as_json or not sys.stderr.isatty())


def suite_of(path: Path | None) -> Suite | None:
    """The suite, read from its file."""
    from harness.suite.load import load

    return load(path) if path else None


def gathered(
    files: Mapping[str, Path], held_out: Collection[str], flags: Flags, catalog: Catalog, observer: Observer
) -> Inputs:
    """The tables of ``files`` beside those of the suite, which one of the same name takes the place of.

    ``held_out`` are the names of those by which models are judged; of the suite these are all that it does not train
    on. Raises ``UsageError`` for all that cannot be read or is unknown.
    """
    from harness.checking.asked import asked
    from harness.checking.inputs import trained_on
    from harness.data import formats

    suite = flags.suite
    of_suite = suite.checks if suite else ()
    checks, without = asked(
        catalog, of_suite, in_run=False, only=flags.only, skip=flags.skip, options=flags.options, suite=suite
    )
    tables = []
    for name, path in {**flags.known, **files}.items():
        observer.stage(f"reading {path}")
        tables.append(formats.table(name, path))
    held = {*held_out, *(flags.known.keys() - trained_on(suite) if suite else ())}
    context, notes = _context(flags, catalog, observer)
    return Inputs(tuple(tables), checks, without, replace(context, held_out=frozenset(held)), notes)


def _context(flags: Flags, catalog: Catalog, observer: Observer) -> tuple[DataContext, tuple[str, ...]]:
    from harness.checking import inputs
    from harness.plan import pack_folder
    from harness.protocols import BenchmarkContext
    from harness.rows import DataContext

    suite, pack = flags.suite, pack_folder()
    folder, note, length = flags.tokenizer, "", flags.max_length
    if suite and folder is None:
        folder, note = inputs.tokenizer_folder(suite.model)
    if suite and length is None:
        length = inputs.max_length(suite, catalog)
    refs = inputs.suite_benchmarks(suite) if suite else inputs.public_benchmarks(catalog) if pack else []
    seed = suite.seed if suite else 0
    items, missing = inputs.benchmark_items(
        refs,
        catalog,
        BenchmarkContext(seed, pack),
        are_tried=suite is None,
        told=lambda name: observer.stage(f"loading {name}"),
    )
    context = DataContext(benchmarks=items, benchmarks_missing=missing, tokenizer=folder, max_length=length, seed=seed)
    return context, (note,) if note else ()
