"""Whose figures the advice on a training follows, numbered, and where they disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.advice.training.hyperparameters import Choice
from harness.report.advice_words import gist, runs, sentence
from harness.report.text import plain

_SOURCE = 90
"""At most so long is a source in short, where a clause ends: it has a line of its own."""

_DISAGREEMENT = 97
"""At most so long is a disagreement in short with its option, where a clause ends."""

_FOLLOWED = 2
"""So many sources of a choice are named in short: those that it follows come first."""

_IN_FULL = frozenset({"learning_rate"})
"""Where a wrong choice costs most and guides are a factor of a hundred apart."""


def numbered(choices: Sequence[Choice], *, details: bool) -> dict[str, int]:
    """The sources that each choice follows, with ``details`` all; with their numbers in the order they are met."""
    claims = (claim for choice in choices for claim in choice.claims[: None if details else _FOLLOWED])
    return {name: number for number, name in enumerate(dict.fromkeys(claim.source for claim in claims), 1)}


def marks(choice: Choice, sources: Mapping[str, int]) -> Text:
    """``[1,6,9-12]``; nothing where a value has no source."""
    numbers = runs(sorted({sources[claim.source] for claim in choice.claims if claim.source in sources}))
    return Text(f"[{numbers}]" if numbers else "", style="cyan")


def named(sources: Mapping[str, int]) -> RenderableType | None:
    """Who, when and what, a line each; ``None`` without any."""
    return _listed((number, plain(gist(name, _SOURCE), "dim")) for name, number in sources.items())


def quoted(choices: Sequence[Choice], sources: Mapping[str, int]) -> RenderableType | None:
    """Each source with all that it says; ``None`` without any."""
    return _listed((number, _quoted(choices, name)) for name, number in sources.items())


def _quoted(choices: Sequence[Choice], source: str) -> Text:
    said = [(choice.name, claim.value) for choice in choices for claim in choice.claims if claim.source == source]
    return plain(source).append_text(plain(": " + "; ".join(f"{name} {value}" for name, value in said), "dim"))


def _listed(entries: Iterator[tuple[int, Text]]) -> Table | None:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for number, text in entries:
        grid.add_row(Text(f"[{number}]", style="cyan"), text)
    return grid if grid.row_count else None


def disagreements(choices: Sequence[Choice]) -> RenderableType | None:
    """An option and what is said of it, in short but for the learning rate; ``None`` where all agree."""
    lines = [_disagreement(choice) for choice in choices if choice.disagreement]
    if not lines:
        return None
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row(Text("·", style="yellow"), line)
    return Group(Text("Where sources disagree", style="bold"), grid)


def _disagreement(choice: Choice) -> Text:
    said = choice.disagreement
    if choice.name not in _IN_FULL:
        said = gist(sentence(said), _DISAGREEMENT - len(choice.name))
    return plain(f"{choice.name}: ").append_text(plain(said, "dim"))
