"""How each question of the path is answered from a situation, and what would have had to be known for it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.advice.route import grounds, standing
from harness.advice.route.grounds import (
    EFFECTIVE_ROWS,
    LEAST_CORPUS,
    LEAST_ROWS,
    MOST_CONTEXT,
    SMALL_CONTEXT,
    VIABLE_ROWS,
)
from harness.advice.situation import Situation


@dataclass(frozen=True, slots=True)
class Choice:
    """Which way a situation takes."""

    key: str
    asked: tuple[str, ...] = ()
    """Fields that were looked at because their values could lead elsewhere."""


def _pressing(situation: Situation) -> tuple[str, ...]:
    """Fields that tell whether it is too slow or too dear."""
    is_little = situation.requests_per_day is not None and not grounds.has_traffic(situation)
    limit = ("max_latency",) if situation.max_latency is None else ("latency",)
    return limit if is_little else ("is_too_dear", *limit)


def enough(situation: Situation) -> Choice:
    """By the best measured prompt, else by the team's word."""
    is_measured = bool(standing.best(situation.baselines))
    return Choice(standing.verdict(situation), () if is_measured else ("compliance",))


def lack(situation: Situation) -> Choice:
    """Facts first, then reasoning; unsaid differs by whether the prompt is known to fall short."""
    if situation.lacks is None:
        return Choice("unsaid_short" if standing.falls_short(situation) else "unsaid", ("lacks",))
    if not situation.lacks:
        return Choice("nothing")
    return Choice(next((key for key in ("knowledge", "reasoning") if key in situation.lacks), "behaviour"))


def changes(situation: Situation) -> Choice:
    """By the team's word."""
    answers = {True: "yes", False: "no", None: "unknown"}
    return Choice(answers[situation.knowledge_changes], ("knowledge_changes",))


def size(situation: Situation) -> Choice:
    """By the tokens that have room; what fits is still not read along where latency or cost rule it out."""
    tokens = situation.knowledge_tokens
    if tokens is None:
        return Choice("unknown", ("knowledge_tokens",))
    if tokens <= 0:
        return Choice("unwritten")
    if tokens <= SMALL_CONTEXT and tokens <= grounds.room(situation):
        return Choice("fits")
    if tokens > MOST_CONTEXT:
        return Choice("large")
    if situation.window is None:
        return Choice("no_window", ("window",))
    if tokens > grounds.room(situation):
        return Choice("large")
    return Choice("pressed" if grounds.is_pressed(situation) else "fits", _pressing(situation))


def corpus(situation: Situation) -> Choice:
    """By the tokens of raw text."""
    if grounds.corpus(situation) >= LEAST_CORPUS:
        return Choice("yes")
    return Choice("unknown" if situation.corpus_tokens is None else "no", ("corpus_tokens",))


def cost(situation: Situation) -> Choice:
    """By the limits that the team sets."""
    if grounds.is_pressed(situation):
        return Choice("no")
    asked = _pressing(situation)
    return Choice("unknown" if any(getattr(situation, each) is None for each in asked) else "yes", asked)


def teacher(situation: Situation) -> Choice:
    """By the team's word; else the model in use, where it does the job and there are no rows."""
    if situation.larger_model is not None:
        return Choice("yes" if situation.larger_model else "no")
    if grounds.does_the_job(situation) and (grounds.examples(situation) or 0) < LEAST_ROWS:
        return Choice("own", ("larger_model", "rows", "preference_pairs"))
    return Choice("unknown", ("larger_model",))


def rows(situation: Situation) -> Choice:
    """By how many there are, the better answers of pairs among them."""
    count = grounds.examples(situation)
    if count is None:
        is_clear = bool(situation.lacks) or grounds.is_pressed(situation)
        can_collect = grounds.has_traffic(situation) and is_clear
        return Choice("traffic" if can_collect else "unknown", ("rows", "preference_pairs", "requests_per_day"))
    if count < LEAST_ROWS:
        return Choice("few", ("preference_pairs",))
    return Choice("care" if count < VIABLE_ROWS else "viable" if count < EFFECTIVE_ROWS else "effective")


def spare(situation: Situation) -> Choice:
    """Answers before raw text: they show the job itself."""
    asks_corpus = "vocabulary" in (situation.lacks or ()) and not standing.is_enough(situation)
    if situation.larger_model:
        return Choice("larger")
    if situation.larger_model is None and grounds.does_the_job(situation):
        return Choice("own", ("larger_model",))
    if asks_corpus and grounds.corpus(situation) >= LEAST_CORPUS:
        return Choice("corpus", ("larger_model",))
    asked = ("larger_model", "corpus_tokens") if asks_corpus else ("larger_model",)
    return Choice("unknown" if any(getattr(situation, each) is None for each in asked) else "nothing", asked)
