"""Training rows token by token: what the model learns to say, and what it only reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from harness.report import layout, numbers
from harness.report.text import inert
from harness.values import MaskedToken

_OPEN, _CLOSE = "⟦", "⟧"
_LEARNED = ("bold green on grey15", "bold green on grey23")
_READ = ("grey62 on grey15", "grey62 on grey23")
"""Two dark grounds by turns, so that one sees where a token ends, with letters that a white screen shows too."""


def masks_screen(rows: Sequence[Sequence[MaskedToken]], of: int) -> RenderableType:
    """The first rows of ``of`` as the model sees them; learned tokens in colour, or in brackets where there is none."""
    whole = [token for row in rows for token in row]
    hint = f"{len(rows):,} of {of:,}, as the model sees them"
    return layout.spaced(
        Group(layout.section("Training rows", hint), _Legend()),
        *(Group(_heading(number, row), _Row(row)) for number, row in enumerate(rows, start=1)),
        Text(f"{_number(len(rows), 'row')}: {_counts(whole)}", style="dim"),
    )


class _Legend:
    """What stands for what, as this console can show it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        learned, read = Text("learned", _LEARNED[0]), Text("only read", _READ[0])
        if _is_colourless(console):
            learned, read = Text(f"{_OPEN}learned{_CLOSE}"), Text("only read")
        yield Text.assemble(learned, (" is in the loss   ", "dim"), read, (" is not   · space   ⏎ line feed", "dim"))


class _Row:
    """The text of a row."""

    def __init__(self, tokens: Sequence[MaskedToken]) -> None:
        self.tokens = tokens

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        parts = _bracketed(self.tokens) if _is_colourless(console) else _coloured(self.tokens)
        text = Text("", overflow="fold").join(parts)
        text.rstrip()
        yield text


def _coloured(tokens: Sequence[MaskedToken]) -> Iterator[Text]:
    for place, token in enumerate(tokens):
        yield Text(_visible(token.text), style=(_LEARNED if token.is_learned else _READ)[place % 2])


def _bracketed(tokens: Sequence[MaskedToken]) -> Iterator[Text]:
    for is_learned, group in groupby(tokens, key=lambda token: token.is_learned):
        # what a row says must not pass for a mark of ours
        words = "".join(_visible(token.text).replace(_OPEN, "[[").replace(_CLOSE, "]]") for token in group)
        if is_learned:
            ending = "\n" if words.endswith("\n") else ""
            words = f"{_OPEN}{words.removesuffix(ending)}{_CLOSE}{ending}"
        yield Text(words)


def _visible(text: str) -> str:
    """Inert, with spaces to be seen and lines that end where they end."""
    return inert(text).replace(" ", "·").replace("⏎", "⏎\n")


def _heading(number: int, row: Sequence[MaskedToken]) -> Text:
    heading = Text.assemble((f"row {number:,}", "bold"), (f"  {_counts(row)}", "dim"))
    if not any(token.is_learned for token in row):
        heading.append("  nothing of it is learned", style="yellow")
    return heading


def _counts(tokens: Sequence[MaskedToken]) -> str:
    learned = sum(token.is_learned for token in tokens)
    share = numbers.percent(learned / len(tokens)) if tokens else numbers.MISSING
    return f"{_number(len(tokens), 'token')}, {learned:,} learned ({share})"


def _number(count: int, of: str) -> str:
    return f"{count:,} {of}" if count == 1 else f"{count:,} {of}s"


def _is_colourless(console: Console) -> bool:
    return console.no_color or console.color_system is None
