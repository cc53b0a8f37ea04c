"""Whose figures the advice on a training follows, numbered, and where they disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.advice.training.hyperparameters import Choice
from harness.report.advice_words import runs, sentence
from harness.report.text import plain

_DISPUTED_FIRST = "learning_rate"
"""Where a wrong choice costs most and guides are a factor of a hundred apart."""


def numbered(choices: Sequence[Choice]) -> dict[str, int]:
    """The sources of all choices with their numbers, in the order they are met."""
    claims = (claim for choice in choices for claim in choice.claims)
    return {name: number for number, name in enumerate(dict.fromkeys(claim.source for claim in claims), 1)}


def marks(choice: Choice, sources: Mapping[str, int]) -> Text:
    """``[1,6,9-12]``; nothing where a value has no source."""
    numbers = runs(sorted({sources[claim.source] for claim in choice.claims if claim.source in sources}))
    return Text(f"[{numbers}]" if numbers else "", style="cyan")


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


def disputed(choices: Sequence[Choice]) -> Iterator[str]:
    """What is said of the option that matters most, in a line, and on how many others sources disagree."""
    found = {choice.name: choice.disagreement for choice in choices if choice.disagreement}
    first = found.pop(_DISPUTED_FIRST, None)
    if first is not None:
        more = f"; and on {len(found):,} more" if found else ""
        yield f"sources disagree: {_DISPUTED_FIRST} {sentence(first)}{more}"
    elif found:
        yield f"sources disagree on {', '.join(found)}"
