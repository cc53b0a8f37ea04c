"""Commands that open a model: run, train, eval, demo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.cli.exits import Exit
from harness.cli.telling import Telling
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.plan import Plan
    from harness.values import Arm

SUITE = click.argument("suite", type=click.Path(path_type=Path))


@click.command()
@SUITE
@options.svg
@options.suite_flags
@click.pass_context
def run(
    context: click.Context, /, suite: Path, output: Path, as_json: bool, svg: Path | None, **flags: options.Flag
) -> int:
    """Do the whole of a suite: train, evaluate, compare, gate.

    The same command after a crash goes on from the last recorded batch.
    """
    return _run(context, Telling(output, suite, as_json, svg), flags)


@click.command()
@options.svg
@options.suite_flags
@click.pass_context
def demo(context: click.Context, /, output: Path, as_json: bool, svg: Path | None, **flags: options.Flag) -> int:
    """Run the whole on a small real model.

    The suite of support tickets trains SmolLM2-135M-Instruct, in minutes on two CPU cores.
    """
    return _run(context, Telling(output, _demo_suite(), as_json, svg), flags)


@click.command()
@SUITE
@options.suite_flags
@click.pass_context
def train(context: click.Context, /, suite: Path, output: Path, as_json: bool, **flags: options.Flag) -> int:
    """Train only; prints where the checkpoint lies."""
    from harness import experiment
    from harness.report import export

    host, catalog = options.hosts(context)
    plan = options.planned(suite, catalog, flags)
    if plan.trainer is None:
        raise UsageError("the suite has no trainer", path=suite, remedy="add 'trainer: {name: lora}'")
    with options.watching(quiet=as_json) as observer:
        checkpoint = experiment.train(plan, options.setting(output, host, catalog, observer))
    if as_json:
        click.echo(export.json_text(checkpoint))
    else:
        click.echo(f"checkpoint: {checkpoint.path} (step {checkpoint.step}, {checkpoint.seconds:.0f} s)")
        click.echo(f"next: harness eval --suite {suite} --adapter {checkpoint.path}")
    return Exit.DONE


@click.command("eval")
@click.option(
    "--suite", "suite", type=click.Path(path_type=Path), required=True, help="The suite whose tasks are asked."
)
@options.flag("--model", type=str, help="Hub id, folder or .gguf file in place of the suite's model.")
@click.option("--adapter", type=click.Path(path_type=Path), help="A PEFT adapter on top of the model.")
@click.option(
    "--arm",
    type=click.Choice(["base", "prompted", "tuned"]),
    help="What the run is [default: tuned with --adapter, else base].",
)
@options.suite_flags
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    suite: Path,
    adapter: Path | None,
    arm: str | None,
    output: Path,
    as_json: bool,
    **flags: options.Flag,
) -> int:
    """Evaluate one checkpoint and record it."""
    from rich.console import Console

    from harness import experiment
    from harness.report import export
    from harness.report.run import run_screen

    host, catalog = options.hosts(context)
    plan = options.planned(suite, catalog, flags)
    asked = _arm(plan, adapter, arm or ("tuned" if adapter else "base"), suite)
    with options.watching(quiet=as_json) as observer:
        measured = experiment.evaluate(plan, options.setting(output, host, catalog, observer), asked)
    if as_json:
        click.echo(export.json_text(measured))
    else:
        Console().print(run_screen(measured))
        click.echo(f"next: harness compare BASELINE {measured.id}")
    return Exit.DONE


def _run(context: click.Context, telling: Telling, flags: Mapping[str, options.Flag]) -> int:
    from harness import experiment

    host, catalog = options.hosts(context)
    plan = options.planned(telling.suite, catalog, flags)
    with options.watching(quiet=telling.as_json) as observer:
        comparison, verdict = experiment.run(plan, options.setting(telling.output, host, catalog, observer))
    return telling.tell(comparison, verdict)


def _arm(plan: Plan, adapter: Path | None, name: str, suite: Path) -> Arm:
    from harness.values import Arm

    if adapter and not (adapter / "adapter_config.json").is_file():
        raise UsageError(
            "no adapter (it holds no adapter_config.json)", path=adapter, remedy="name a PEFT adapter folder"
        )
    planned = {arm.name: arm for arm in plan.arms}
    if name == "prompted" and name not in planned:
        raise UsageError("the suite has no prompted arm", path=suite, remedy="add 'prompted:'")
    if name == "tuned" and not adapter and plan.trainer is not None and not Path(plan.suite.model.name).exists():
        raise UsageError("a tuned arm needs its weights", remedy="give --adapter FOLDER or --model FOLDER")
    return replace(planned.get(name, Arm(name, plan.suite.model)), adapter=adapter.resolve() if adapter else None)


def _demo_suite() -> Path:
    """The suite of the repository at hand, or the copy that the installed package holds."""
    import harness

    package = Path(harness.__file__).parent
    for folder in (Path("suites"), package / "suites", package.parent / "suites"):
        if (folder / "support_tickets.yaml").is_file():
            return folder / "support_tickets.yaml"
    raise UsageError("the demo's suite is not here", remedy="run it in a clone of the repository")
