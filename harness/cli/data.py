"""The commands about data files: data check, data clean, data spot-check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import convert, data_check, data_clean, fingerprint, grow, mix, options, rating, split
from harness.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from harness.review.rows import RowSheet
    from harness.review.tally import Tally


@click.group()
def data() -> None:
    """Look at data before it is trained on."""


COMMANDS = (
    data_check.check,
    data_clean.clean,
    convert.convert,
    fingerprint.fingerprint,
    grow.grow,
    mix.mix,
    split.split,
)
for command in COMMANDS:
    data.add_command(command)


@data.command("spot-check")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--items", type=click.IntRange(min=1), default=50, show_default=True, help="Rows to draw at random.")
@rating.rater
@rating.web
@rating.port
@options.as_json
def spot_check(file: Path, items: int, rater: str | None, web: bool, port: int | None, as_json: bool) -> int:
    """Look through rows of a data file, drawn at random, and say which are good to learn from.

    Verdicts are saved at once in FILE.spot-check.jsonl; the same command goes on where it was left, and asks anew about
    what was changed. At the end stands the share of good rows, with its 95 % interval.
    """
    from rich.console import Console

    from harness.report import export
    from harness.review.rows import RowSheet

    rating.refuse_idle_flags(as_json=as_json, web=web, port=port)
    name = "" if as_json else rating.rater_to_ask(rater, web=web)
    sheet = RowSheet(file, name, items)
    if not as_json:
        sheet.verdicts.refuse_unwritable()
        rating.ask(sheet, web=web, port=port)
    checked = _spot_check_of(sheet)
    if as_json:
        click.echo(export.json_text(checked))
    else:
        Console().print(_screen(checked))
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class Found:
    """What one rater found."""

    work: Tally
    good: int
    share: float | None
    """Of good rows among those with a verdict; ``None`` before the first."""
    low: float | None
    """Two-sided 95 % interval of the share in the whole file."""
    high: float | None


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """What is known of a data file."""

    file: Path
    rows: int
    items: int
    """Rows that are drawn."""
    raters: tuple[Found, ...]
    agreement: float | None
    """Krippendorff's alpha of all raters; ``None`` where no two of them judged the same rows, or all alike."""
    saved: Path


def _spot_check_of(sheet: RowSheet) -> SpotCheck:
    from harness.comparison.agreement import krippendorff_alpha
    from harness.review.rows import VALUES
    from harness.review.tally import Word, table, tallies

    words = [Word(each.rater, each.row, VALUES[each.choice]) for each in sheet.verdicts.read()]
    values = table(words, sheet.drawn)
    found = tuple(_found(work, values[work.rater], sheet.rows) for work in tallies(words, sheet.drawn))
    agreement = krippendorff_alpha(list(values.values()), "nominal")
    return SpotCheck(sheet.path, sheet.rows, len(sheet), found, agreement, sheet.verdicts.path)


def _found(work: Tally, values: Sequence[float | None], rows: int) -> Found:
    from harness.comparison.statistics import interval

    known = [value for value in values if value is not None]
    if not known:
        return Found(work, 0, None, None, None)
    share = sum(known) / len(known)
    # whoever has looked at every row has nothing left to infer
    low, high = (share, share) if len(known) == rows else interval(known, (0.0, 1.0))
    return Found(work, round(sum(known)), share, low, high)


def _screen(checked: SpotCheck) -> RenderableType:
    from harness.report.review import spot_check_summary

    return spot_check_summary(
        str(checked.file),
        (checked.items, checked.rows),
        [(each.work, _words(each, checked.rows)) for each in checked.raters],
        rating.agreement_words(checked.agreement, len(checked.raters)),
        str(checked.saved),
    )


def _words(found: Found, rows: int) -> str:
    from harness.report import numbers

    if found.share is None:
        return "no verdict yet"
    counted = f"{found.good:,} of {found.work.given:,} rows are good: {numbers.share(found.share)}"
    if found.work.given == rows:
        return f"{counted}, and these are all rows"
    return f"{counted} (95 % interval {numbers.share_interval(found.low, found.high)})"
