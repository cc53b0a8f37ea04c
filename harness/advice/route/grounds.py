"""The bounds that decide, each with its source, and what a situation amounts to by them."""

from __future__ import annotations

from harness.advice.route import standing
from harness.advice.situation import Situation

LEAST_ROWS = 100
"""Below it nothing is trained: common practice. OpenAI's guide sees gains from 50 to 100, Google's wants 100 to 500."""
VIABLE_ROWS = 1_000
"""From here on without special care: LIMA (Zhou and others 2023) tuned on 1,000."""
EFFECTIVE_ROWS = 10_000
"""From here on more rows matter less than better ones: common practice."""

WINDOW_SHARE = 0.5
"""Of the window, for the text that holds the facts: our choice. The rest is for question, examples and answer, and
models hold less than they take: of those that claim 32,000 tokens or more only half did well at 32,000 (RULER, Hsieh
and others 2024)."""
MOST_CONTEXT = 100_000
"""Tokens of such a text, however large the window: our choice, half of what Anthropic (2024) advises for its models."""
SMALL_CONTEXT = 4_000
"""Tokens that any model of today takes and that are not worth retrieving from: our choice."""

LEAST_CORPUS = 100_000_000
"""Tokens of raw text below which pretraining is not continued: our choice. Gururangan and others 2020 had 2 to 8
billion a domain; Yang and others 2024 made 455 million out of 1.3 million before a model learnt what they say."""

LEAST_TRAFFIC = 1_000
"""Requests a day below which cost is no reason to train, and above which rows are collected within days: our choice."""


def examples(situation: Situation) -> int | None:
    """Answers to learn from: rows, or the better ones of pairs; ``None`` where nobody has counted."""
    rows, pairs = situation.rows, situation.preference_pairs or 0
    if rows is None:
        return pairs if pairs >= LEAST_ROWS else None
    return max(rows, pairs)


def corpus(situation: Situation) -> int:
    """Tokens of raw text that are there; where facts are missing, what holds them is raw text too."""
    facts = situation.knowledge_tokens if "knowledge" in (situation.lacks or ()) else None
    return max(situation.corpus_tokens or 0, facts or 0)


def room(situation: Situation) -> int:
    """Tokens of text that can stand in every prompt."""
    if situation.window is None:
        return SMALL_CONTEXT
    return min(MOST_CONTEXT, int(situation.window * WINDOW_SHARE))


def is_slow(situation: Situation) -> bool:
    """Whether answers are known to take longer than they may."""
    latency, most = situation.latency, situation.max_latency
    return latency is not None and most is not None and latency > most


def is_pressed(situation: Situation) -> bool:
    """Whether latency or cost rule out going on as it is."""
    return situation.is_too_dear is True or is_slow(situation)


def has_traffic(situation: Situation) -> bool:
    """Whether so much is asked that rows can be collected from it within days."""
    return situation.requests_per_day is not None and situation.requests_per_day >= LEAST_TRAFFIC


def does_the_job(situation: Situation) -> bool:
    """Whether the model in use answers well enough for others to learn from it."""
    says_so = situation.lacks == () and not standing.falls_short(situation)
    return situation.is_too_dear is True or standing.is_enough(situation) or says_so
