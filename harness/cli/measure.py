"""Commands that open a model: run, train, eval, demo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import masks, options
from harness.cli.exits import Exit
from harness.cli.telling import Telling
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.catalog import Catalog
    from harness.host import Host
    from harness.plan import Plan
    from harness.values import Comparison, Run, Verdict

SUITE = click.argument("suite", type=click.Path(path_type=Path))


@click.command()
@click.argument("suite", type=click.Path(path_type=Path), required=False)
@click.option(
    "--repeat", metavar="RUN", help="Train again as a recorded run was, and say whether it went the same way."
)
@options.svg
@options.no_cache
@options.suite_flags
@click.pass_context
def run(
    context: click.Context,
    /,
    suite: Path | None,
    repeat: str | None,
    output: Path,
    as_json: bool,
    svg: Path | None,
    no_cache: bool,
    **flags: options.Flag,
) -> int:
    """Do the whole of a suite: train, evaluate, compare, gate.

    The same command after a crash goes on from the last recorded batch. With --repeat the suite is the recorded run's,
    and a loss that comes out otherwise is exit status 3.
    """
    if (suite is None) == (repeat is None):
        raise UsageError("run needs a suite, or --repeat RUN", remedy="harness run suites/support_tickets.yaml")
    if suite is not None:
        return _run(context, Telling(output, suite, as_json, svg), flags, reuse=not no_cache)
    return _repeat(context, str(repeat), Telling(output, Path(), as_json, svg), flags, reuse=not no_cache)


@click.command()
@options.svg
@options.no_cache
@options.suite_flags
@click.pass_context
def demo(
    context: click.Context, /, output: Path, as_json: bool, svg: Path | None, no_cache: bool, **flags: options.Flag
) -> int:
    """Run the whole on a small real model.

    The suite of support tickets trains SmolLM2-135M-Instruct, in minutes on two CPU cores.
    """
    return _run(context, Telling(output, _demo_suite(), as_json, svg), flags, reuse=not no_cache)


@click.command()
@SUITE
@masks.option
@options.suite_flags
@click.pass_context
def train(
    context: click.Context,
    /,
    suite: Path,
    show_masks: int | None,
    output: Path,
    as_json: bool,
    **flags: options.Flag,
) -> int:
    """Train only; prints where the checkpoint lies.

    With --show-masks nothing is trained: the first rows are shown as the model sees them.
    """
    from harness import experiment
    from harness.report import export

    host, catalog = options.hosts(context)
    plan = options.planned(suite, catalog, flags)
    if plan.training is None:
        raise UsageError("the suite has no trainer", path=suite, remedy="add 'trainer: {name: lora}'")
    if show_masks is not None:
        quiet = options.setting(output, host, catalog, options.watching(quiet=True))
        return masks.show(plan, quiet, show_masks, as_json=as_json)
    with options.watching(quiet=as_json) as observer:
        tuned = experiment.train(plan, options.setting(output, host, catalog, observer))
    checkpoint = tuned.checkpoint
    if as_json:
        click.echo(export.json_text(checkpoint))
    else:
        model = "" if tuned.model == plan.suite.model else f" --model {tuned.model.name}"
        adapter = f" --adapter {tuned.adapter}" if tuned.adapter else " --arm tuned"
        click.echo(f"checkpoint: {checkpoint.path} (step {checkpoint.step}, {checkpoint.seconds:.0f} s)")
        click.echo(f"next: harness eval --suite {suite}{model}{adapter}{_place(output)}")
    return Exit.DONE


@click.command("eval")
@click.option(
    "--suite", "suite", type=click.Path(path_type=Path), required=True, help="The suite whose tasks are asked."
)
@options.flag("--model", type=str, help="Hub id, folder or .gguf file in place of the suite's model.")
@click.option(
    "--adapter",
    "adapters",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A PEFT adapter on top of the model, the arm tuned; of several each is tuned@<folder>.",
)
@click.option(
    "--arm",
    "arms",
    type=click.Choice(["base", "prompted", "tuned"]),
    multiple=True,
    help="An arm to ask, beside the adapters.  [default: base where there is no --adapter]",
)
@options.no_cache
@options.suite_flags
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    suite: Path,
    adapters: tuple[Path, ...],
    arms: tuple[str, ...],
    output: Path,
    as_json: bool,
    no_cache: bool,
    **flags: options.Flag,
) -> int:
    """Evaluate checkpoints and record them: any number of arms over one set of weights.

    --adapter and --arm may be given again and again. Nothing is judged: 'harness gate' does that with the runs.
    """
    from harness import experiment
    from harness.cli.arms import asked
    from harness.report import export

    host, catalog = options.hosts(context)
    plan = options.planned(suite, catalog, flags)
    with options.watching(quiet=as_json) as observer:
        setting = options.setting(output, host, catalog, observer, reuse=not no_cache)
        measured = experiment.evaluate(plan, setting, asked(plan, adapters, arms))
    if as_json:
        click.echo(export.json_text(measured if len(measured) > 1 else measured[0]))
    else:
        _show(measured, suite, output)
    return Exit.DONE


def _show(measured: Sequence[Run], suite: Path, output: Path) -> None:
    from rich.console import Console

    from harness.report.arms import arms_screen
    from harness.report.run import run_screen

    if len(measured) == 1:
        Console().print(run_screen(measured[0]))
        click.echo(f"next: harness compare BASELINE {measured[0].id}{_place(output)}")
        return
    Console().print(arms_screen(measured))
    click.echo(f"next: harness gate {' '.join(_to_be_judged(measured))} --suite {suite}{_place(output)}")


def _place(output: Path) -> str:
    """The flag that finds the record again, where it is not in the usual folder."""
    return "" if output == Path("results") else f" --output {output}"


def _to_be_judged(measured: Sequence[Run]) -> list[str]:
    """The baseline, then the candidates: the tuned arms, or where there are none what was asked beside base."""
    base = [run.id for run in measured if run.arm == "base"]
    others = [run for run in measured if run.arm != "base"]
    tuned = [run for run in others if run.arm != "prompted"]
    return [*(base or ["BASELINE"]), *(run.id for run in tuned or others)]


def _run(context: click.Context, telling: Telling, flags: Mapping[str, options.Flag], *, reuse: bool) -> int:
    host, catalog = options.hosts(context)
    plan = options.planned(telling.suite, catalog, flags)
    return telling.tell(*_verdict(plan, host, catalog, telling, reuse=reuse))


def _repeat(
    context: click.Context, run: str, telling: Telling, flags: Mapping[str, options.Flag], *, reuse: bool
) -> int:
    from harness import plan as planning
    from harness.cli import repeat

    if given := next((name for name, value in flags.items() if value is not None), None):
        raise UsageError(f"--{given.replace('_', '-')} would change what --repeat repeats", remedy="leave it out")
    host, catalog = options.hosts(context)
    earlier, suite = repeat.suite_of(run, telling.output)
    comparison, verdict = _verdict(planning.make(suite, catalog), host, catalog, telling, reuse=reuse)
    replace(telling, suite=suite.path).tell(comparison, verdict)
    return repeat.tell(earlier, comparison.experiment, telling.output)


def _verdict(plan: Plan, host: Host, catalog: Catalog, telling: Telling, *, reuse: bool) -> tuple[Comparison, Verdict]:
    from harness import experiment

    with options.watching(quiet=telling.as_json) as observer:
        return experiment.run(plan, options.setting(telling.output, host, catalog, observer, reuse=reuse))


def _demo_suite() -> Path:
    """The suite of the repository at hand, or the copy that the installed package holds."""
    import harness

    package = Path(harness.__file__).parent
    for folder in (Path("suites"), package / "suites", package.parent / "suites"):
        if (folder / "support_tickets.yaml").is_file():
            return folder / "support_tickets.yaml"
    raise UsageError("the demo's suite is not here", remedy="run it in a clone of the repository")
