"""Commands that look: check, runs, plugins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.cli.exits import Exit

if TYPE_CHECKING:
    from harness.catalog import Catalog
    from harness.host import Host


@click.command()
@click.argument("suite", type=click.Path(path_type=Path))
@options.suite_changes
@options.as_json
@click.pass_context
def check(context: click.Context, /, suite: Path, as_json: bool, **flags: options.Flag) -> int:
    """Say what a suite would do, or what is wrong with it."""
    from harness import foresight
    from harness.report import export
    from harness.report.plan import plan_screen

    host, catalog = options.hosts(context)
    plan = options.planned(suite, catalog, flags)
    notes = [*_warnings(host), *foresight.warnings(plan)]
    tasks = [(each.task, len(each.samples)) for each in plan.tasks]
    if as_json:
        measured = {"tasks": [task for task, _ in tasks], "benchmarks": plan.suite.benchmarks}
        facts = {"suite": plan.suite.name, "digest": plan.suite.digest, "model": plan.suite.model}
        asked = {"datasets": plan.datasets, "gates": plan.gates, "warnings": notes}
        _print_json(export.json_text({**facts, **measured, **asked}))
    else:
        foreign = {name: origin for name, origin in plan.origins.items() if origin.distribution != "finetune-harness"}
        _print(
            plan_screen(
                plan.suite,
                arms=plan.arms,
                tasks=tasks,
                datasets=plan.datasets,
                gates=plan.gates,
                origins=foreign,
                notes=notes,
            )
        )
    return Exit.DONE


@click.command()
@click.option("--suite", help="Only runs of this suite, by its name.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most this many.")
@options.output
@options.as_json
def runs(suite: str | None, limit: int, output: Path, as_json: bool) -> int:
    """List the recorded runs, newest first."""
    from harness.report import export, tables
    from harness.store.database import RECORD
    from harness.store.reader import Reader

    with Reader(output / RECORD) as reader:
        recorded = reader.runs(limit, suite)
    if as_json:
        _print_json(export.json_text(recorded))
    else:
        _print(tables.runs_table(recorded, suite))
    return Exit.DONE


@click.command()
@options.as_json
@click.pass_context
def plugins(context: click.Context, /, as_json: bool) -> int:
    """List the plugins, and what was set aside."""
    from harness.report import export
    from harness.report.tables import BrokenRow, OfferRow, plugins_screen

    host, catalog = options.hosts(context)
    if as_json:
        offers = [
            {"kind": o.kind, "name": o.name, "full_name": o.full_name, "origin": o.origin, "summary": o.summary}
            for o in catalog.offers
        ]
        _print_json(export.json_text({"offers": offers, "broken": host.broken, "warnings": _warnings(host)}))
        return Exit.DONE
    clashing = {offer.full_name for group in catalog.clashes() for offer in group}
    rows = [
        OfferRow(o.kind, o.full_name if o.full_name in clashing else o.name, str(o.origin), o.summary)
        for o in catalog.offers
    ]
    broken = [BrokenRow(each.name, str(each.origin), each.error) for each in host.broken]
    _print(plugins_screen(rows, broken, [*_clash_lines(catalog), *_warnings(host)]))
    return Exit.DONE


def _clash_lines(catalog: Catalog) -> list[str]:
    return [
        f"{group[0].kind} {group[0].name!r} is offered twice: {' and '.join(offer.full_name for offer in group)}; "
        "a suite must write the full name"
        for group in catalog.clashes()
    ]


def _warnings(host: Host) -> list[str]:
    return [
        f"{plugin.name} imports {', '.join(plugin.heavy)} at its top, so that every command waits for it; "
        "move the import into the method that needs it"
        for plugin in host.loaded
        if plugin.heavy
    ]


def _print(screen: object) -> None:
    from rich.console import Console

    Console().print(screen)


def _print_json(text: str) -> None:
    click.echo(text)
