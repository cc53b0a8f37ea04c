"""What is still worth asking: questions whose answers can lead to another recommendation, the most decisive first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.advice.route.answers import KINDS, OPTIONS, Kind
from harness.advice.route.answers import answered as answered  # asking and answering have one door
from harness.advice.route.evidence import figure
from harness.advice.route.grounds import LEAST_CORPUS, LEAST_ROWS, LEAST_TRAFFIC, MOST_CONTEXT, SMALL_CONTEXT, room
from harness.advice.route.path import walk
from harness.advice.situation import Situation


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that only the team knows."""

    field: str
    """Of ``Situation``, which the answer fills."""
    text: str
    why: str
    """What hangs on it."""
    kind: Kind
    options: tuple[tuple[str, str], ...] = ()
    """Value with what it means, where there is a choice."""


_FOREVER = 1e9
"""Seconds that no answer takes: whoever says so sets no limit."""

_Tree = str | tuple[str, tuple["_Tree", ...]]
"""A route, or a field with what follows from each of its answers."""


def open_questions(situation: Situation) -> tuple[Question, ...]:
    """The questions whose answers can still change the route; none where nothing that is unknown can.

    Every answer is tried through the path itself, and after it every answer to what is asked next. The most decisive is
    the one that is asked on most of these ways, were all answers equally likely; of equals, the one that the path asks
    first. Those that matter only as long as another is left open come last.
    """
    weights: dict[str, float] = {}
    _weigh(_tree(situation), 1.0, weights)
    ranked = sorted(weights, key=lambda name: -weights[name])
    rest = [name for name in TRIES if getattr(situation, name) is None and _decides_alone(situation, name)]
    return tuple(question(name, situation) for name in dict.fromkeys([*ranked, *rest]))


def _tree(situation: Situation) -> _Tree:
    walked = walk(situation)
    if not walked.unknown:
        return walked.route
    name = walked.unknown[0]
    after = tuple(_tree(_with(situation, name, value)) for value in TRIES[name](situation))
    return after[0] if all(each == after[0] for each in after) else (name, after)


def _weigh(tree: _Tree, chance: float, weights: dict[str, float]) -> None:
    if isinstance(tree, tuple):
        name, after = tree
        weights[name] = weights.get(name, 0.0) + chance
        for each in after:
            _weigh(each, chance / len(after), weights)


def _decides_alone(situation: Situation, name: str) -> bool:
    route = walk(situation).route
    return any(walk(_with(situation, name, value)).route != route for value in TRIES[name](situation))


def _with(situation: Situation, name: str, value: object) -> Situation:
    changed: dict[str, Any] = {name: value}
    return replace(situation, **changed)


def question(name: str, situation: Situation) -> Question:
    """The question about a field, worded for a situation."""
    text, why = _WORDS[name]
    why = why.format(threshold=figure(situation.threshold))
    return Question(name, text, why, KINDS[name], OPTIONS.get(name, ()))


def _either(_: Situation) -> Sequence[object]:
    return True, False


def _compliance(situation: Situation) -> Sequence[object]:
    return min(1.0, situation.threshold), 0.9 * min(1.0, situation.threshold)


def _sizes(situation: Situation) -> Sequence[object]:
    """One on each side of every bound that the path knows."""
    bounds = sorted({SMALL_CONTEXT, room(situation), MOST_CONTEXT})
    return *bounds, MOST_CONTEXT + 1, LEAST_CORPUS


def _windows(situation: Situation) -> Sequence[object]:
    tokens = situation.knowledge_tokens or SMALL_CONTEXT
    return 2 * tokens + 2, tokens


def _limits(situation: Situation) -> Sequence[object]:
    return (situation.latency, situation.latency / 2) if situation.latency else (1.0, _FOREVER)


def _latencies(situation: Situation) -> Sequence[object]:
    most = situation.max_latency or 1.0
    return (most,) if most == _FOREVER else (most, 2 * most)


TRIES: Mapping[str, Callable[[Situation], Sequence[object]]] = {
    "compliance": _compliance,
    "lacks": lambda _: ((), ("knowledge",), ("reasoning",), ("behaviour",), ("vocabulary",)),
    "knowledge_changes": _either,
    "knowledge_tokens": _sizes,
    "window": _windows,
    "is_too_dear": _either,
    "max_latency": _limits,
    "latency": _latencies,
    "rows": lambda _: (LEAST_ROWS, 0),
    "larger_model": _either,
    "preference_pairs": lambda _: (LEAST_ROWS, 0),
    "corpus_tokens": lambda _: (LEAST_CORPUS, 0),
    "requests_per_day": lambda _: (LEAST_TRAFFIC, 0),
}
"""Answers that stand for all others, by field: between them lies every bound at which the path may turn."""

_WORDS: Mapping[str, tuple[str, str]] = {
    "compliance": (
        "What share of the answers is right now, with the best prompt? (0 to 1, or in percent)",
        "At {threshold} or more nothing need be trained. Measuring it is better than saying it.",
    ),
    "lacks": (
        "What is wrong with the answers that are wrong? (several may be; none if nothing is)",
        "Facts are looked up or read along; behaviour, format, style and words are tuned.",
    ),
    "knowledge_changes": (
        "Do the facts change within a year, or must they be cited, deleted or kept apart by reader?",
        "What changes is retrieved: weights cannot be corrected, and name no source.",
    ),
    "knowledge_tokens": (
        "How many tokens of text hold the facts that are missing? (a page has about 400 to 500)",
        "A little text can stand in every prompt; much of it is retrieved or trained on.",
    ),
    "window": (
        "How many tokens does the model take at a time?",
        "Half of them may hold the text with the facts.",
    ),
    "is_too_dear": (
        "Does the model in use do the job, but cost too much at this many requests?",
        "A smaller model can then learn the job from it or from rows.",
    ),
    "max_latency": (
        "How many seconds may an answer take?",
        "Where answers are too slow, a smaller model is trained though the prompt is good enough.",
    ),
    "latency": ("How many seconds does an answer take now?", "It is held against what it may take."),
    "rows": (
        "How many examples with the right answer are there to train on?",
        "Below 100 nothing is trained, up to 1,000 with care.",
    ),
    "larger_model": (
        "Is there a larger model that does the job, and do its terms allow to learn from its answers?",
        "Its answers can be the rows that are missing.",
    ),
    "preference_pairs": (
        "How many pairs of a better and a worse answer are there?",
        "The better answers are rows too, and the pairs are trained on after them.",
    ),
    "corpus_tokens": (
        "How many tokens of raw text of the domain are there?",
        "From about 100 million on, pretraining can be continued on it.",
    ),
    "requests_per_day": (
        "How many requests are there a day?",
        "Much traffic makes cost a reason, and brings rows.",
    ),
}
