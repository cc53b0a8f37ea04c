"""What the team says on the command line, laid over what its suite says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.errors import UsageError
from harness.values import SuiteAdvice

Command = TypeVar("Command", bound=Callable[..., Any])

LACKS = ("knowledge", "format", "style", "behaviour", "vocabulary", "reasoning")

_positive = click.FloatRange(min=0, min_open=True)
_OPTIONS = (
    click.option("--threshold", type=_positive, help="What the best prompt must reach to be enough.  [default: 0.9]"),
    click.option("--compliance", type=click.FloatRange(0, 1), help="What it reaches now, if nothing is measured."),
    click.option("--lacks", type=click.Choice(LACKS), multiple=True, help="What its answers lack; may be repeated."),
    click.option("--nothing-lacks", is_flag=True, help="Its answers want for nothing."),
    click.option(
        "--knowledge-changes/--knowledge-stays", "knowledge_changes", default=None,
        help="Whether missing facts change within a year, or must be cited or deleted.",
    ),
    click.option("--knowledge-tokens", type=click.IntRange(min=0), help="How much text holds the missing facts."),
    click.option("--requests-per-day", type=click.FloatRange(min=0), help="How often the model will be asked."),
    click.option("--latency", type=_positive, help="Seconds that an answer takes now."),
    click.option("--max-latency", type=_positive, help="Seconds that an answer may take."),
    click.option("--too-dear/--not-too-dear", "is_too_dear", default=None, help="Whether it costs too much now."),
    click.option(
        "--larger-model/--no-larger-model", "larger_model", default=None,
        help="Whether a larger model that does the job can be asked for answers.",
    ),
    click.option("--complexity", type=click.Choice(["simple", "default", "complex"]), help="Of the job."),
    click.option("--prompt-tokens", type=_positive, help="Of a request now.  [default: those of the best prompt]"),
    click.option("--short-prompt-tokens", type=_positive, help="Of a request once tuned.  [default: zero-shot's]"),
    click.option("--answer-tokens", type=_positive, help="Of an answer.  [default: those of the right answers]"),
    click.option("--api", metavar="NAME", help="The API's model that does the job now, as the price list calls it."),
    click.option("--gpu", metavar="NAME", help="What would train and serve, as the price list calls it."),
    click.option("--months", type=click.IntRange(min=1), help="Over which a training is written off.  [default: 12]"),
    click.option("--prices", type=click.Path(path_type=Path, dir_okay=False), help="A YAML list of your own prices."),
)  # fmt: skip


def answers(command: Command) -> Command:
    """The flags that say what only the team knows; each stands for a key of ``advice:`` in the suite."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def over(said: SuiteAdvice, flags: Mapping[str, Any]) -> SuiteAdvice:
    """What the suite says with the flags that were given in its place.

    Raises ``UsageError`` for what YAML and click take for numbers, and nobody can reckon with.
    """
    known = {each.name for each in fields(SuiteAdvice)}
    given = {name: value for name, value in flags.items() if name in known and value is not None and value != ()}
    if "lacks" in given:
        given["lacks"] = tuple(dict.fromkeys(given["lacks"]))
    if flags.get("nothing_lacks"):
        if "lacks" in given:
            raise click.UsageError("--lacks and --nothing-lacks say opposite things; keep one")
        given["lacks"] = ()
    answers = replace(said, **given)
    for each in fields(answers):
        value = getattr(answers, each.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"advice.{each.name} is no number to reckon with: {value}")
    return answers
