"""The command show: a recorded run, its answers, and what it broke and fixed against another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.cli.exits import Exit
from harness.cli.trained import stages_of, trained_of
from harness.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.cli.flips import Asked, TwoRuns
    from harness.report.breakdown import TaskBreakdown
    from harness.report.flips import Kind
    from harness.report.training import Trained
    from harness.store.reader import Reader
    from harness.values import Run


@click.command()
@click.argument("run")
@click.option("--samples", is_flag=True, help="Show prompts, answers and scores too.")
@click.option("--data", "of_data", is_flag=True, help="Show what the checks found in its data.")
@click.option("--broken", is_flag=True, help="Show what this run does worse than another, item by item.")
@click.option("--fixed", is_flag=True, help="Show what this run does better than another, item by item.")
@click.option(
    "--against", metavar="RUN", help="The other run: its id, or an arm of the same experiment.  [default: base]"
)
@click.option("--metric", help="The metric that tells broken from fixed.  [default: the first of each task]")
@click.option("--task", help="Only the answers of this task.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most this many answers.")
@options.output
@options.as_json
@click.option("--svg", type=click.Path(path_type=Path), help="Save the screen as a picture too.")
@click.pass_context
def show(
    context: click.Context,
    /,
    run: str,
    samples: bool,
    of_data: bool,
    broken: bool,
    fixed: bool,
    against: str | None,
    metric: str | None,
    task: str | None,
    limit: int,
    output: Path,
    as_json: bool,
    svg: Path | None,
) -> int:
    """Show a recorded run, its training and its answers, or what it broke and fixed against another run."""
    from harness.cli.breakdowns import breakdowns_of
    from harness.cli.flips import Asked, TwoRuns
    from harness.store.database import RECORD
    from harness.store.reader import Reader

    kinds: dict[Kind, bool] = {"broken": broken, "fixed": fixed}
    asked = Asked(tuple(kind for kind, wanted in kinds.items() if wanted), task, metric, limit)
    _check(asked, samples, against)
    told = _Telling(as_json, svg)
    with Reader(output / RECORD) as reader:
        if of_data:
            if samples or task or asked.kinds:
                raise UsageError("--data shows what was found in the data, and nothing else")
            _show_data(reader, run, told)
            return Exit.DONE
        if only_trained := _only_trained(reader, run):
            if samples or task or asked.kinds:
                raise UsageError(f"{run} has only trained: nothing was asked", remedy=f"harness show {run}")
            _show_training(only_trained, told)
            return Exit.DONE
        recorded = reader.run(run)
        _, catalog = options.hosts(context)
        if not asked.kinds:
            named = _named(reader, recorded, samples, task)
            _show_run(reader, recorded, named, limit, breakdowns_of(reader, recorded, catalog), told)
            return Exit.DONE
        baseline = _baseline(reader, recorded, against)
        _show_flips(TwoRuns(reader, catalog, baseline, recorded), asked, told)
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class _Telling:
    """In which ways it is told."""

    as_json: bool
    svg: Path | None

    def tell(self, screens: Sequence[RenderableType], values: Mapping[str, object], title: str) -> None:
        from rich.console import Console

        from harness.report import export, layout

        if self.svg:
            try:
                self.svg.write_text(layout.picture(layout.spaced(*screens), width=100, title=title), encoding="utf-8")
            except OSError as error:
                raise UsageError(f"cannot be written: {error.strerror}", path=self.svg) from None
        if self.as_json:
            click.echo(export.json_text(values))
            return
        for screen in screens:
            Console().print(screen)


def _check(asked: Asked, samples: bool, against: str | None) -> None:
    """Flags that do nothing beside the others are refused, not ignored."""
    if samples and asked.kinds:
        raise UsageError("--samples shows one run, --broken and --fixed compare two", remedy="leave one of them out")
    for flag, value in (("--against", against), ("--metric", asked.metric)):
        if value is not None and not asked.kinds:
            raise UsageError(f"{flag} says what to compare, and nothing is", remedy="add --broken, --fixed or both")


def _only_trained(reader: Reader, name: str) -> list[Trained]:
    """The training of an experiment that has one and no run; else nothing."""
    return [] if reader.experiment_runs(name) else stages_of(reader, name)


def _show_data(reader: Reader, name: str, telling: _Telling) -> None:
    from harness.report.data import findings_screen

    is_experiment = reader.experiment_runs(name) or reader.trainings(name)
    experiment = name if is_experiment else reader.run(name).experiment
    checked = reader.data_checks_of(experiment)
    if not checked:
        raise UsageError(f"the data of {experiment} were not checked", remedy="harness data check SUITE")
    telling.tell([findings_screen(checked)], {"data": checked}, experiment)


def _show_training(trained: Sequence[Trained], telling: _Telling) -> None:
    from harness.report.training import trainings_screen

    telling.tell([trainings_screen(trained)], {"trainings": trained}, trained[0].training.experiment)


def _show_run(
    reader: Reader,
    run: Run,
    tasks: Sequence[str],
    limit: int,
    told: Sequence[TaskBreakdown],
    telling: _Telling,
) -> None:
    from harness.cli.sides import sides
    from harness.report.run import run_screen
    from harness.report.samples import samples_screen

    trained = trained_of(reader, run)
    faults = reader.faults(run.experiment)
    asked = {name: reader.order(run.id, name) for name in tasks}
    shown = {name: list(sides(reader, run, name, order[:limit])) for name, order in asked.items()}
    answers = {name: [{"item": side.item, "scores": side.scores} for side in found] for name, found in shown.items()}
    screens = [run_screen(run, faults=faults, trained=trained, told=told)]
    for name, found in shown.items():
        screens.append(samples_screen([(side,) for side in found], title=name, total=len(asked[name])))
    values = {"run": run, "trainings": trained, "breakdowns": told, "faults": faults, "samples": answers}
    telling.tell(screens, values, run.id)


def _show_flips(runs: TwoRuns, asked: Asked, telling: _Telling) -> None:
    from harness.report.flips import flips_screen

    tasks, left_out = runs.flips(asked)
    values = {"baseline": runs.baseline, "candidate": runs.candidate, "tasks": tasks, "not_compared": left_out}
    screen = flips_screen(runs.baseline, runs.candidate, tasks, not_compared=left_out)
    telling.tell([screen], values, runs.candidate.id)


def _named(reader: Reader, run: Run, samples: bool, task: str | None) -> Sequence[str]:
    """The tasks whose answers are asked for."""
    names = [each.name for each in reader.tasks(run.id)]
    if task is not None and task not in names:
        raise UsageError(f"{run.id} has no task {task!r}", remedy=did_you_mean(task, names))
    return [task] if task else names if samples else []


def _baseline(reader: Reader, candidate: Run, against: str | None) -> Run:
    """The run that ``--against`` means: an arm of the candidate's experiment, or any run by its id."""
    arms = {run.arm: run for run in reader.experiment_runs(candidate.experiment)}
    others = ", ".join(arm for arm in arms if arm != candidate.arm) or "none"
    known = f"(other arms of {candidate.experiment}: {others})"
    name = against or "base"
    if name in arms:
        baseline = arms[name]
    elif against is None:
        raise UsageError(f"{candidate.experiment} has no arm 'base'", remedy=f"name another run by --against {known}")
    else:
        baseline = _by_id(reader, against, known)
    if baseline.id == candidate.id:
        raise UsageError(
            f"{candidate.id} cannot be compared with itself", remedy=f"name another run by --against {known}"
        )
    return baseline


def _by_id(reader: Reader, against: str, known: str) -> Run:
    try:
        return reader.run(against)
    except UsageError as error:
        raise UsageError(error.problem, path=error.path, remedy=f"{error.remedy} {known}") from None
