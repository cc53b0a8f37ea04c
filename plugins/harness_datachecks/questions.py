"""What rows ask, as texts that can be held against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from harness import Row, folded, how_alike

_MOST_ANSWERS = 20
"""Different answers to one question, from which on it asks for variety: ``Write a joke.``"""


def question(row: Row) -> str:
    """What a row asks, with the choices that it offers, but without the system's text; raw text itself."""
    return "\n".join((row.asked, *row.choices))


def rules(row: Row) -> str:
    """The system's text, folded: under other rules another answer is right."""
    return folded("\n".join(message.content for message in row.prompt if message.role == "system"))


def last_turn(row: Row) -> str:
    """What the last turn before the answer says, which a long conversation would hide."""
    return row.prompt[-1].content if row.prompt else ""


def alike(one: str, other: str, least: float) -> bool:
    """Whether two texts are the same but for case and punctuation, or nearly."""
    return folded(one) == folded(other) or how_alike(one, other, least=least) >= least


def last_turns_alike(one: Row, other: Row, least: float) -> bool:
    """Whether two conversations end with the same, or nearly; those of one turn do if they are alike at all."""
    return not (_has_turns(one) and _has_turns(other)) or alike(last_turn(one), last_turn(other), least)


def asking_for_variety(rows: Sequence[Row], asked: Sequence[str]) -> frozenset[str]:
    """The questions of ``asked``, one for each row, that have more than 20 answers: such a one is no item by itself."""
    asking: dict[str, list[Row]] = defaultdict(list)
    for row, text in zip(rows, asked, strict=True):
        if row.text is None and not row.choices:
            asking[text].append(row)
    return frozenset(
        text
        for text, answering in asking.items()
        if len(answering) > _MOST_ANSWERS and len({folded(row.answered) for row in answering}) > _MOST_ANSWERS
    )


def _has_turns(row: Row) -> bool:
    return sum(message.role != "system" for message in row.prompt) > 1
