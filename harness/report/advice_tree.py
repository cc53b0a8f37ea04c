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

_SOURCE = 48
"""At most so long is a source in short, where a clause ends."""

_NARROW, _NARROW_ANSWERS = 72, 22
"""On a screen below so many columns they are narrower."""


def path_part(strategy: Strategy, *, details: bool = False) -> RenderableType | None:
    """The questions in order, each with its evidence and the answer taken; ``None`` where none was asked.

    With ``details`` every answer has a line of its own, and the rule of each question is told in full.
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
        yield from _whole(step, fork, colour, width) if details else _brief(step, fork, colour)


def _whole(step: Step, fork: str, colour: str, width: int) -> Iterator[RenderableType]:
    yield _hung(fork, "┃   ", colour, plain(step.question, "bold"))
    for line in step.evidence:
        yield _hung("┃   ", "┃   ", colour, plain(line))
    if step.source:
        yield _hung("┃   ", "┃   ", colour, plain(f"the rule: {step.source}", "dim"))
    for branch in step.branches:
        yield _branch(branch, width, colour, is_known=step.is_known)
    yield Text("┃", style=colour)


def _brief(step: Step, fork: str, colour: str) -> Iterator[RenderableType]:
    """Whose rule it is stands behind the question, and the answers that were not taken share a line."""
    source = plain(f"  {gist(step.source, _SOURCE)}" if step.source else "", "not bold dim")
    yield _hung(fork, "┃   ", colour, plain(step.question, "bold").append_text(source))
    for line in step.evidence:
        yield _hung("┃   ", "┃   ", colour, plain(line))
    for branch in (each for each in step.branches if each.is_taken):
        told = plain(branch.answer, "bold").append_text(plain(f" → {branch.leads_to}", "not bold"))
        yield layout.Hung(_taken(step.is_known, colour), Text("┃   ", style=colour), told)
    if others := _others(step.branches):
        yield _hung("┃   ", "┃   ", colour, plain(f"otherwise: {others}", "dim"))


def _others(branches: Sequence[Branch]) -> str:
    """Where else it could lead, each with the shortest of the answers that lead there."""
    leading: dict[str, str] = {}
    for branch in branches:
        if not branch.is_taken:
            leading[branch.leads_to] = min(leading.get(branch.leads_to, branch.answer), branch.answer, key=len)
    return " · ".join(f"{answer} → {to}" for to, answer in leading.items())


def _branch(branch: Branch, width: int, colour: str, *, is_known: bool) -> RenderableType:
    if not branch.is_taken:
        return _hung("┠─╴ ", "┃   ", colour, _answer(branch, width, "dim"))
    return layout.Hung(_taken(is_known, colour), Text("┃   ", style=colour), _answer(branch, width, "bold"))


def _taken(is_known: bool, colour: str) -> Text:
    sign, style = ("✓", f"bold {colour}") if is_known else ("?", "bold yellow")
    return Text.assemble(("┣━", colour), (f"{sign} ", style))


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
