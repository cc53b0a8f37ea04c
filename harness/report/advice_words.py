"""Long texts in short, without breaking a thought: whole clauses, whole sentences, runs of numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_END = re.compile(r"; |: |, (?:and|so|or|but|for) |\. (?=[A-Z0-9])")
BULLET = 98
"""At most so long is a remark in short, where a clause ends: a line of a hundred columns."""

_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z0-9])")


def gist(text: str, most: int) -> str:
    """The clauses that ``most`` characters have room for, the first one in any case; what is short stays whole."""
    if len(text) <= most:
        return text
    ends = list(_ends(text))
    fitting = [end for end in ends if end <= most]
    return text[: max(fitting, default=min(ends, default=len(text)))]


def sentence(text: str) -> str:
    """The first sentence, without its full stop."""
    return _SENTENCE.split(text, maxsplit=1)[0].removesuffix(".")


def bare(text: str) -> str:
    """Without what stands in brackets."""
    return re.sub(r" ?\([^()]*\)", "", text)


def runs(figures: Sequence[int]) -> str:
    """``1,6,9-12``, with a dash: figures in order, three or more that follow each other as their ends."""
    found: list[list[int]] = []
    for figure in figures:
        if found and found[-1][-1] == figure - 1:
            found[-1].append(figure)
        else:
            found.append([figure])
    return ",".join(_run(each) for each in found)


def _run(figures: Sequence[int]) -> str:
    if len(figures) < 3:
        return ",".join(map(str, figures))
    return f"{figures[0]}\N{EN DASH}{figures[-1]}"


def _ends(text: str) -> Iterator[int]:
    """Where a clause is over; not within brackets."""
    for found in _END.finditer(text):
        before = text[: found.start()]
        if before.count("(") == before.count(")"):
            yield found.start()
