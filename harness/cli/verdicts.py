"""Commands that judge what is recorded, without a model: compare, gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.cli.exits import Exit
from harness.cli.telling import Telling
from harness.errors import HarnessError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.store.reader import Reader
    from harness.values import Run, Suite, Verdict


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@options.output
@options.as_json
@click.pass_context
def compare(context: click.Context, /, baseline: str, candidate: str, output: Path, as_json: bool) -> int:
    """Put two recorded runs side by side."""
    from rich.console import Console

    from harness.judgement import Judgement
    from harness.report import export, tables
    from harness.store.database import RECORD
    from harness.store.reader import Reader

    _, catalog = options.hosts(context)
    with Reader(output / RECORD) as reader:
        before, after = reader.run(baseline), reader.run(candidate)
        comparison = Judgement(reader, catalog, after, {before.arm: before}).comparison()
    if as_json:
        click.echo(export.json_text(comparison))
    else:
        Console().print(tables.comparison_screen(comparison))
    return Exit.DONE


@click.command()
@click.argument("baseline")
@click.argument("candidates", nargs=-1, required=True, metavar="CANDIDATE...")
@click.option("--suite", type=click.Path(path_type=Path), required=True, help="The suite whose gates are asked.")
@click.option(
    "--pay",
    type=click.Choice(["correction", "half"]),
    default="correction",
    show_default=True,
    help="With several candidates, how choosing the best is paid for: a part of each gate's level, or fresh items.",
)
@options.svg
@options.output
@options.as_json
@click.pass_context
def gate(
    context: click.Context,
    /,
    baseline: str,
    candidates: tuple[str, ...],
    suite: Path,
    pay: str,
    output: Path,
    as_json: bool,
    svg: Path | None,
) -> int:
    """Judge recorded runs by a suite's gates.

    BASELINE takes the place of 'base'; a gate against 'prompted' uses BASELINE if it is such a run, else the prompted
    run of BASELINE's experiment. Of several candidates the one that does best on the first gate is judged, and pays
    for having been chosen.
    """
    from harness.judgement import Judgement, best_of, recorded_baselines, stand_ins
    from harness.store.database import RECORD
    from harness.store.reader import Reader
    from harness.suite.load import load

    asked = load(suite)
    _refuse_unknown_names(asked)
    _, catalog = options.hosts(context)
    with Reader(output / RECORD) as reader:
        before = reader.run(baseline)
        each = []
        for after in _others(reader, before, candidates):
            held_to = stand_ins(reader, before) | recorded_baselines(reader, asked.name, asked.gates, after)
            # Held to itself no candidate has lost anything: it would pass whatever it answers.
            others = {arm: run for arm, run in held_to.items() if run.id != after.id}
            each.append(Judgement(reader, catalog, after, others))
        chosen = best_of(each, asked.gates, on_fresh_items=pay == "half") if len(each) > 1 else each[0]
        comparison, verdict = chosen.comparison(), chosen.verdict(asked.gates)
    _note_the_look(output, [judgement.candidate for judgement in each], verdict)
    return Telling(output, suite, as_json, svg).tell(comparison, verdict)


def _others(reader: Reader, baseline: Run, candidates: Sequence[str]) -> list[Run]:
    """The candidates' runs, each once; raises ``UsageError`` where there is none beside the baseline."""
    found = list({run.id: run for run in map(reader.run, candidates)}.values())
    if all(run.id == baseline.id for run in found):
        raise UsageError(f"{baseline.id} cannot be judged against itself", remedy="name another run as CANDIDATE")
    return found


def _refuse_unknown_names(suite: Suite) -> None:
    """What a gate speaks of must stand in its suite: a misspelt name would be told as not measured."""
    from harness.values import PEOPLE, RELEASE, labels

    measured = [*(task.name for task in suite.tasks), *(each.ref.name for each in suite.benchmarks)]
    metrics = {task.name: list(labels((*task.metrics, *task.judges))) for task in suite.tasks}
    for task in suite.tasks:
        metrics[task.name] += [PEOPLE] if task.mode == "generate" else []
    for index, rule in enumerate(suite.gates):
        names = [("task", rule.task, measured)]
        if rule.metric is not None and rule.task in metrics:
            names.append(("metric", rule.metric, metrics[rule.task]))
        if not rule.is_against_the_record:
            names.append(("against", rule.against, ["base", "prompted", RELEASE]))
        for key, name, known in names:
            if name not in known:
                raise UsageError(
                    f"a gate names {name!r}",
                    path=suite.path,
                    line=suite.line("gates", index, key),
                    remedy=did_you_mean(name, known),
                )


def _note_the_look(output: Path, candidates: Sequence[Run], verdict: Verdict) -> None:
    """Each candidate that was looked at has used the test items up a little; the next verdict says so."""
    from harness.store.database import RECORD
    from harness.store.writer import Writer

    try:
        with Writer(output / RECORD) as writer:
            for candidate in candidates:
                writer.add_judgement(candidate, verdict)
    except HarnessError as error:
        click.echo(f"harness: this look at the test items is not recorded: {error}", err=True)
