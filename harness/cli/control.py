"""The command that puts the gate itself on trial: aa."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options
from harness.cli.exits import Exit
from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.control import Again
    from harness.experiment import Setting
    from harness.plan import Plan
    from harness.values import Suite

VARIED = ("batch_size", "dtype", "seed", "process")


@click.command()
@click.argument("suite", type=click.Path(path_type=Path))
@click.option(
    "--vary",
    type=click.Choice(VARIED),
    multiple=True,
    help="Ask the base model again with this changed; may be given more than once [default: all that apply].",
)
@click.option(
    "--swaps",
    type=click.IntRange(min=100),
    default=400,
    show_default=True,
    help="Resampled label swaps for each gate.",
)
@options.no_cache
@options.suite_flags
@click.pass_context
def aa(
    context: click.Context,
    /,
    suite: Path,
    vary: tuple[str, ...],
    swaps: int,
    output: Path,
    as_json: bool,
    no_cache: bool,
    **flags: options.Flag,
) -> int:
    """Ask the base model against itself, and the gates where nothing differs.

    The base model answers the suite once more with another batch size, number format, sampling seed and process; then
    the labels of real scores are swapped at random. Says how often each gate errs, and records it for the verdicts.
    What is asked once more is always asked, never taken from the record.
    """
    from rich.console import Console

    from harness import control
    from harness.comparison.control import told
    from harness.report import export
    from harness.report.control import control_screen
    from harness.store.database import RECORD

    host, catalog = options.hosts(context)
    plan = options.planned(suite, catalog, flags)
    with options.watching(quiet=as_json) as observer:
        setting = options.setting(output, host, catalog, observer, reuse=not no_cache)
        again: dict[str, Again] = {}
        for name in vary or VARIED:
            if name == "process":
                again["a second process"] = lambda: _in_a_second_process(context, suite, output, flags)
            elif (varied := _VARIATIONS[name](plan.suite)) is not None:
                words, change = varied
                other = options.planned(suite, catalog, flags, change)
                again[words] = partial(_asked, other, setting)
        found = control.run(plan, setting, again, swaps)
    if as_json:
        click.echo(export.json_text(found))
    else:
        warnings = tuple(told(found, plan.suite.digest))
        Console().print(control_screen(found, warnings=warnings, record=output / RECORD))
    return Exit.DONE


def _asked(plan: Plan, setting: Setting) -> str:
    from harness.control import base

    return base(plan, replace(setting, reuse=False)).id


def _in_a_second_process(context: click.Context, suite: Path, output: Path, flags: Mapping[str, options.Flag]) -> str:
    """The base model asked by the command itself, as another day's run would."""
    command = [sys.executable, "-m", "harness.cli.main"]
    command += [word for name in context.obj or () for word in ("--without", name)]
    command += ["eval", "--suite", str(suite), "--arm", "base", "--output", str(output), "--no-cache", "--json"]
    given = {name: value for name, value in flags.items() if value is not None}
    command += [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    # eval has a flag that this command has not, and its variable must not change the model
    variables = {name: value for name, value in os.environ.items() if name != "HARNESS_MODEL"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise HarnessError(f"the second process ended with status {done.returncode}: {done.stderr.strip()}")
    return str(json.loads(done.stdout)["id"])


_Change = Callable[["Suite"], "Suite"]
_Varied = tuple[str, _Change]


def _batch_size(suite: Suite) -> _Varied:
    size = max(1, suite.batch_size // 2) if suite.batch_size > 1 else 2

    def change(suite: Suite) -> Suite:
        tasks = tuple(replace(t, generation=replace(t.generation, batch_size=size)) for t in suite.tasks)
        return _override(suite, batch_size=size, tasks=tasks)

    return f"batch_size {suite.batch_size} -> {size}", change


def _dtype(suite: Suite) -> _Varied:
    other = "bfloat16" if suite.model.dtype == "float32" else "float32"
    return f"dtype {suite.model.dtype} -> {other}", lambda suite: _override(
        suite, model=replace(suite.model, dtype=other)
    )


def _seed(suite: Suite) -> _Varied | None:
    """Another seed for sampled answers; greedy ones have none to vary."""
    if not any(task.generation.temperature > 0 for task in suite.tasks):
        return None

    def change(suite: Suite) -> Suite:
        tasks = tuple(
            replace(t, generation=replace(t.generation, seed=(t.generation.seed + 1) % 2**32)) for t in suite.tasks
        )
        return _override(suite, tasks=tasks)

    return "another sampling seed", change


def _override(suite: Suite, **changes: object) -> Suite:
    from harness.suite.load import override

    return override(suite, **changes)


_VARIATIONS: dict[str, Callable[[Suite], _Varied | None]] = {"batch_size": _batch_size, "dtype": _dtype, "seed": _seed}
