"""Prompt, retrieve, tune, distil or pretrain: from a situation to one recommendation, each step with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from harness.advice.route.beside import beside
from harness.advice.route.changes import THEN, would_change
from harness.advice.route.evidence import detail, evidence
from harness.advice.route.path import FORKS, ROUTES, Turn, Way, walk
from harness.advice.route.path import Route as Route  # the ends of the path are part of what it says
from harness.advice.route.reasons import reason
from harness.advice.situation import Situation


@dataclass(frozen=True, slots=True)
class Branch:
    """One way on from a question."""

    answer: str
    """``no, 0.850 of 0.900``, ``they change``."""
    leads_to: str
    """What follows: the next question in short, or the recommendation."""
    is_taken: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A question of the path."""

    question: str
    branches: tuple[Branch, ...]
    """All of them, the one that was taken among them."""
    evidence: tuple[str, ...]
    """What the answer rests on: measured values with their intervals, counts, or whose word it is."""
    is_known: bool
    """Whether it was answered; where not, the branch is the careful one, and the advice says what would settle it."""
    source: str = ""
    """Where the rule is from, in short: a paper or a guide with its year, or 'our choice'."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One recommendation and how it was come by."""

    route: Route
    reason: str
    """In one sentence."""
    path: tuple[Step, ...]
    """The questions in order, as far as they were asked."""
    beside: tuple[str, ...] = ()
    """What to do besides, a sentence each: retrieve too, collect rows, train with care."""
    would_change: tuple[str, ...] = ()
    """What would change the advice, a sentence each with its number."""
    unknown: tuple[str, ...] = ()
    """Fields of the situation that would have been asked for on this path and are ``None``."""


def advise(situation: Situation) -> Strategy:
    """The recommendation for a situation; pure, and defined for every situation, all unknown among them."""
    walked = walk(situation)
    return Strategy(
        route=walked.route,
        reason=reason(walked, situation),
        path=tuple(_step(turn, situation) for turn in walked.turns),
        beside=beside(walked, situation),
        would_change=would_change(situation, walked.route),
        unknown=walked.unknown,
    )


def _step(turn: Turn, situation: Situation) -> Step:
    return Step(
        question=turn.fork.question,
        branches=tuple(_branch(way, turn, situation) for way in turn.fork.ways),
        evidence=evidence(turn.name, situation),
        is_known=not turn.way.is_guess,
        source=turn.fork.source,
    )


def _branch(way: Way, turn: Turn, situation: Situation) -> Branch:
    is_taken = way is turn.way
    figures = detail(turn.name, situation) if is_taken else ""
    answer = f"{way.answer}, {figures}" if figures else way.answer
    return Branch(answer, _leads_to(way.to), is_taken)


def _leads_to(to: str) -> str:
    route = next((route for route in ROUTES if route == to), None)
    return THEN[route] if route else FORKS[to].short
