"""The command data mix: general rows among a task's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from harness.cli import options
from harness.cli.exits import Exit
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from harness.data.mix import Interleave
    from harness.data.mixture import Mixture
    from harness.rows import Format

_FORMATS = (
    "messages", "anthropic", "alpaca", "sharegpt", "prompt_completion", "input_output", "preference", "kto",
    "classification", "multiple_choice", "text",
)  # fmt: skip


@click.command()
@click.argument("task", type=click.Path(path_type=Path))
@click.argument("general", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="GENERAL...")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write.")
@click.option(
    "--ratio",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.3,
    show_default=True,
    help="Share of general rows in the whole: 0.1 to 0.2 is the mild setting against forgetting, 0.3 the strong one.",
)
@click.option("--oversample", is_flag=True, help="Repeat general rows where they are too few.")
@click.option(
    "--interleave",
    type=click.Choice(["shuffled", "even", "concatenated"]),
    default="shuffled",
    show_default=True,
    help="Order of the rows; even spreads each file over the whole.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of the draw and order.")
@click.option("--to", "form", type=click.Choice(_FORMATS), metavar="FORMAT", help="Make all rows of this format.")
@click.option("--force", is_flag=True, help="Overwrite the output.")
@options.as_json
def mix(
    task: Path,
    general: tuple[Path, ...],
    output: Path,
    ratio: float,
    oversample: bool,
    interleave: str,
    seed: int,
    form: str | None,
    force: bool,
    as_json: bool,
) -> int:
    """Mix general rows into a task's own, against forgetting.

    All rows of TASK are taken, and general ones drawn at random, from several files in proportion to their sizes: at a
    ratio of 0.3, 2,142 beside 5,000. Files of different formats become 'messages', unless a row would lose something.
    OUTPUT.mix.json keeps what each file gave, with its fingerprint; verdicts of spot checks go with their rows.
    """
    from rich.console import Console

    from harness.data import readable
    from harness.data.mixture import Wish
    from harness.data.mixture import mix as mix_files
    from harness.report import export
    from harness.review.carrying import carried

    _refuse_in_the_way([task, *general], output, force=force)
    wish = Wish(ratio, oversample, cast("Interleave", interleave), seed, cast("Format | None", form))
    made = mix_files(task, general, output, wish)
    verdicts = carried([task, *general], output, readable.rows(output))
    if as_json:
        click.echo(export.json_text({"mixture": made, "verdicts": verdicts}))
    else:
        Console().print(_screen(made, verdicts))
    return Exit.DONE


def _refuse_in_the_way(parts: Sequence[Path], output: Path, *, force: bool) -> None:
    for index, part in enumerate(parts):
        if part in parts[:index]:
            raise UsageError("is named twice", path=part, remedy="name each file once")
        if part.exists() and output.exists() and part.samefile(output):
            raise UsageError("would be overwritten by what is made of it", path=part, remedy="name another --output")
    if output.exists() and not force:
        raise UsageError("is there already", path=output, remedy="name another --output, or add --force")


def _screen(made: Mixture, verdicts: int) -> RenderableType:
    from harness.data.mixture import record_of
    from harness.report import numbers
    from harness.report.split import PartRow, mix_screen

    general = f"{numbers.share(made.share)} of them general (at most {numbers.share(made.ratio)} wished)"
    often = f" · general rows repeated, up to {made.repeats} times" if made.repeats > 1 else ""
    facts = [
        ("mixture", f"{made.path} · {made.rows:,} rows ({made.format}), {general}{often}"),
        ("order", f"{made.interleave} · seed {made.seed}"),
        ("record", str(record_of(made.path))),
        ("verdicts", f"{verdicts:,} of spot checks came with their rows" if verdicts else ""),
    ]
    rows = [
        PartRow(
            str(each.path),
            "general" if each.general else "task",
            each.rows,
            each.taken,
            each.taken / made.rows,
            each.sha256,
        )
        for each in made.parts
    ]
    return mix_screen([fact for fact in facts if fact[1]], rows, made.warnings)
