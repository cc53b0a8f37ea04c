"""The way from the first question to the recommendation, drawn as a tree: the branch taken is its trunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.advice.route.strategy import Branch, Route, Step, Strategy
from harness.report import layout
from harness.report.advice_words import BULLET, gist
from harness.report.text import plain

NAMES: Mapping[Route, str] = {
    "prompt": "Prompt",
    "retrieve": "Retrieve",
    "long_context": "Use the long context",
    "tune": "Tune",
    "distil": "Distil",
    "pretrain": "Continue pretraining",
}
COLOURS: Mapping[Route, str] = {
    "prompt": "green",
    "retrieve": "cyan",
    "long_context": "blue",
    "tune": "magenta",
    "distil": "magenta",
    "pretrain": "yellow",
}
"""Of the recommendation and of the way to it."""

_ANSWERS = 36
"""At most so wide are answers, so that what they lead to begins in one place."""

_NARROW, _NARROW_ANSWERS = 72, 22
"""On a screen below so many columns they are narrower."""


def path_part(strategy: Strategy, *, details: bool = False) -> RenderableType | None:
    """The questions in order, each with its evidence and the answer taken; ``None`` where none was asked.

    With ``details`` every answer has a line of its own with where it leads, and the rule of each question is told.
    """
    if not strategy.path:
        return None
    colour = COLOURS[strategy.route]
    end = _hung("┗━▶ ", "    ", colour, Text(NAMES[strategy.route], style=f"bold {colour}"))
    unknown = f"nobody has said: {', '.join(strategy.unknown)}"
    return Group(
        layout.section("The path", "✓ the way taken; ? where nobody knows"),
        *_steps(strategy, colour, details),
        end,
        *([layout.bullets([unknown], "yellow")] if strategy.unknown else []),
    )


def _steps(strategy: Strategy, colour: str, details: bool) -> Iterator[RenderableType]:
    answers = (cell_len(plain(each.answer).plain) for step in strategy.path for each in step.branches)
    width = min(_ANSWERS, max(answers, default=0))
    for number, step in enumerate(strategy.path):
        fork = "┣━━ " if number else "┏━━ "
        yield from _whole(step, fork, colour, width) if details else _brief(step, colour, is_first=number == 0)


def _whole(step: Step, fork: str, colour: str, width: int) -> Iterator[RenderableType]:
    yield _hung(fork, "┃   ", colour, plain(step.question, "bold"))
    for line in step.evidence:
        yield _hung("┃   ", "┃   ", colour, plain(line))
    if step.source:
        yield _hung("┃   ", "┃   ", colour, plain(f"the rule: {step.source}", "dim"))
    for branch in step.branches:
        yield _branch(branch, width, colour, is_known=step.is_known)
    yield Text("┃", style=colour)


def _brief(step: Step, colour: str, *, is_first: bool) -> Iterator[RenderableType]:
    """The answer that was taken stands behind the question, and beneath it the first that it rests on."""
    answers = " · ".join(branch.answer for branch in step.branches if branch.is_taken)
    asked = plain(f"{step.question}  ", "bold").append_text(plain(answers, f"not bold {_style(step.is_known, colour)}"))
    yield layout.Hung(_taken(step.is_known, colour, is_first=is_first), Text("┃   ", style=colour), asked)
    for line in step.evidence[:1] if step.is_known else ():
        yield _hung("┃   ", "┃   ", colour, plain(line, "dim"))


def _branch(branch: Branch, width: int, colour: str, *, is_known: bool) -> RenderableType:
    if not branch.is_taken:
        return _hung("┠─╴ ", "┃   ", colour, _answer(branch, width, "dim"))
    return layout.Hung(_taken(is_known, colour), Text("┃   ", style=colour), _answer(branch, width, "bold"))


def _taken(is_known: bool, colour: str, *, is_first: bool = False) -> Text:
    sign = "✓" if is_known else "?"
    return Text.assemble(("┏━" if is_first else "┣━", colour), (f"{sign} ", f"bold {_style(is_known, colour)}"))


def _style(is_known: bool, colour: str) -> str:
    return colour if is_known else "yellow"


def _answer(branch: Branch, width: int, style: str) -> RenderableType:
    narrow = _beside(branch, min(width, _NARROW_ANSWERS), style)
    return layout.Wide(_NARROW, _beside(branch, width, style), narrow)


def _beside(branch: Branch, width: int, style: str) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=width, overflow="fold")
    grid.add_column(overflow="fold")
    leads_to = Text("→ ", style="dim").append_text(plain(branch.leads_to, f"not dim {style}"))
    grid.add_row(plain(branch.answer, style), leads_to)
    return grid


def _hung(first: str, rest: str, colour: str, content: RenderableType) -> layout.Hung:
    return layout.Hung(Text(first, style=colour), Text(rest, style=colour), content)


def changes_part(strategy: Strategy) -> RenderableType | None:
    """What would lead to another recommendation; ``None`` where nothing is known to."""
    return _sentences("What would change it", strategy.would_change)


def beside_part(strategy: Strategy, *, details: bool = False) -> RenderableType | None:
    """What to do besides; ``None`` where there is nothing."""
    told = strategy.beside if details else [gist(each, BULLET) for each in strategy.beside]
    return _sentences("Besides", told)


def _sentences(title: str, texts: Sequence[str]) -> RenderableType | None:
    return Group(layout.section(title), layout.bullets(texts, "")) if texts else None
