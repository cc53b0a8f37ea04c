"""The command review: a person judges two runs' answers side by side, and is not told whose is which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import options, rating
from harness.cli.exits import Exit
from harness.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.review.pairs import Pairing
    from harness.review.tally import Tally


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@click.option("--task", help="Whose answers.  [default: the only task that has texts]")
@click.option(
    "--items",
    type=click.IntRange(min=1),
    help="Pairs to draw at random; a larger number later goes on with the same draw.  [default: 50]",
)
@rating.rater
@rating.web
@rating.port
@options.output
@options.as_json
def review(
    baseline: str,
    candidate: str,
    task: str | None,
    items: int | None,
    rater: str | None,
    web: bool,
    port: int | None,
    output: Path,
    as_json: bool,
) -> int:
    """Say whose answers are better, two recorded runs side by side, without being told which is which.

    Each verdict is saved at once, and the same command goes on where it was left; several people may judge, each by a
    --rater of their own. A gate asks for it as 'metric: people', and judges' models are held to it.
    """
    from rich.console import Console

    from harness.report import export
    from harness.review.pairs import PairSheet, pairing
    from harness.store.database import RECORD

    rating.refuse_idle_flags(as_json=as_json, web=web, port=port)
    if as_json and items is not None:
        raise UsageError("--items draws pairs, and --json only tells what is there", remedy="leave one of them out")
    name = "" if as_json else rating.rater_to_ask(rater, web=web)
    pairs = pairing(output / RECORD, baseline, candidate, task)
    if as_json:
        click.echo(export.json_text(_review_of(pairs)))
        return Exit.DONE
    rating.ask(PairSheet(pairs, name, items), web=web, port=port)
    Console().print(_screen(_review_of(pairs), output))
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class Review:
    """How far people have come; nothing of whom they prefer, for a rater must not know."""

    baseline: str
    candidate: str
    task: str
    items: int
    """Pairs that are drawn."""
    equal: int
    """Of them with equal answers: ties that nobody is asked about."""
    raters: tuple[Tally, ...]
    agreement: float | None
    """Krippendorff's alpha of all raters; ``None`` where no two of them judged the same pairs, or all alike."""


def _review_of(pairs: Pairing) -> Review:
    from harness.comparison.agreement import krippendorff_alpha
    from harness.review.tally import Word, table, tallies

    drawn, asked = pairs.drawn(), pairs.to_ask()
    words = [Word(each.rater, each.sample_id, each.value) for each in pairs.opinions()]
    agreement = krippendorff_alpha(list(table(words, asked).values()), "ordinal")
    return Review(*pairs.runs, pairs.task, len(drawn), len(drawn) - len(asked), tallies(words, asked), agreement)


def _screen(review: Review, output: Path) -> RenderableType:
    from harness.report.review import review_summary

    place = "" if output == Path("results") else f" --output {output}"
    runs = f"{review.baseline} {review.candidate}"
    return review_summary(
        (review.baseline, review.candidate),
        review.task,
        (review.items, review.equal),
        review.raters,
        rating.agreement_words(review.agreement, len(review.raters)),
        (f"harness review {runs} --task {review.task}{place}", f"harness compare {runs}{place}"),
    )
