"""``harness advise``: what to do before GPU time is spent."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from harness.cli import advise_answers, options
from harness.cli.exits import Exit
from harness.errors import UsageError

ITEMS = 100


class _Advise(click.Group):
    """A group whose first word may be a suite."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Whatever is no command of the group is for the advice itself."""
        own = [] if args and args[0] in self.commands else ["about"]
        return super().parse_args(ctx, [*own, *args])


@click.group(cls=_Advise, short_help="Say whether to prompt, retrieve or tune; how, and what it costs.")
def advise() -> None:
    """Advice before a training."""


_items = options.flag(
    "--items", type=click.IntRange(min=1), default=ITEMS, help="Validation items that each prompt is asked, at most."
)


class _AsTheGroup(click.Context):
    """What a command is called that runs where no other is named."""

    @property
    def command_path(self) -> str:
        """``harness advise``."""
        return self.parent.command_path if self.parent else super().command_path


class _About(click.Command):
    context_class = _AsTheGroup


@advise.command(
    cls=_About, epilog="'harness advise prompt SUITE' keeps the best prompt found as the 'prompted' arm of the suite."
)
@click.argument("suite", type=click.Path(path_type=Path), required=False)
@click.option("--model", help="Without a suite: the model, a hub id or a folder.")
@click.option("--data", type=click.Path(path_type=Path), multiple=True, help="Without a suite: a file of rows.")
@click.option("--rows", type=click.IntRange(min=0), help="Without a file: how many rows there are to train on.")
@advise_answers.answers
@click.option(
    "--measure/--no-measure",
    default=None,
    help="Ask the base model six prompts, and take 20 steps of the training.  [default: yes; with --json no]",
)
@click.option("--details", is_flag=True, help="Show sources, disagreements, all branches and the arithmetic.")
@click.option("--yes", is_flag=True, help="Ask nothing: measure, and take what the suite and the flags say.")
@click.option("--write", is_flag=True, help="Put method and hyperparameters into the suite, with comments.")
@_items
@options.svg
@options.output
@options.as_json
@click.pass_context
def about(context: click.Context, /, suite: Path | None, output: Path, as_json: bool, **flags: Any) -> int:  # noqa: ANN401 - click's own
    """Say whether to prompt, retrieve, tune, distil or pretrain, and what it takes.

    Where SUITE has a model and items, the base model is asked zero-shot, with the suite's system text, with 3, 5 and 10
    examples and with chain of thought, on validation items; the record keeps every answer. What only people know is
    asked at a terminal, or stands under 'advice:' in the suite, or in flags.
    """
    from harness.cli.advise_telling import Telling
    from harness.cli.advise_work import Work
    from harness.cli.advise_writing import write_training

    _refuse_mixed(suite, flags)
    with contextlib.ExitStack() as stack:
        work = Work.begun(context, stack, suite, output, as_json, flags)
        counsel, power = work.advise()
        telling = Telling(suite, output, counsel, power, flags["details"])
        telling.json() if as_json else telling.screen()
        if flags["svg"]:
            telling.picture(flags["svg"])
        if suite and flags["write"]:
            write_training(suite, counsel, work.subject, work.catalog)
            if not as_json:
                click.echo(f"written: trainer in {suite}")
    return Exit.DONE


@advise.command()
@click.argument("suite", type=click.Path(path_type=Path))
@_items
@options.output
@options.as_json
@click.pass_context
def prompt(context: click.Context, /, suite: Path, items: int, output: Path, as_json: bool) -> int:
    """Keep the best prompt found as the suite's 'prompted' arm, so that a tune must beat it.

    The prompts are measured on validation items; what the record knows already is not asked again.
    """
    from rich.console import Console

    from harness.cli.advise_writing import keep_prompt
    from harness.report import export
    from harness.report.advice_prompt import prompt_screen
    from harness.survey.baselines import measure

    host, catalog = options.hosts(context)
    plan = options.planned(suite, catalog, {})
    with options.watching(quiet=as_json) as observer:
        measured = measure(plan, options.setting(output, host, catalog, observer), items=items)
    if measured.best is None:
        raise UsageError("no prompt could be measured", path=suite, remedy="; ".join(measured.notes))
    keep_prompt(suite, measured)
    threshold = plan.suite.advice.threshold
    if as_json:
        kept = {"kept": measured.best.name, "prompted": measured.best.asked, "suite": suite}
        click.echo(export.json_text({**kept, "threshold": threshold, "measured": measured}))
    else:
        Console().print(
            prompt_screen(
                measured.baselines, measured.best.name, suite, threshold, measured.source, list(measured.notes)
            )
        )
    return Exit.DONE


def _refuse_mixed(suite: Path | None, flags: dict[str, Any]) -> None:
    """With a suite, what the suite says is what counts."""
    for name in ("model", "data", "rows"):
        if suite and flags[name] not in (None, ()):
            raise click.UsageError(f"--{name} is for advice without a suite; the suite says it")
    if suite is None and flags["write"]:
        raise click.UsageError("--write needs a suite to write into")
    if suite is None and flags["measure"]:
        raise click.UsageError("--measure needs a suite, whose items are asked")
    if flags["data"] and not flags["model"]:
        raise click.UsageError("--data is counted in a model's tokens; add --model")
