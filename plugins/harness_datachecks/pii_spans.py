"""What the finders of personal data share.

Every pattern of theirs takes time in proportion to the text's length, whatever it holds: repetitions are bounded, and
where one ends is no matter of choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

Spans = Iterator[tuple[int, int]]
"""Where values stand in a text: start and end."""


def overlapping(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """All matches, also those that begin within another: a number before a value must not swallow it."""
    start = 0
    while match := pattern.search(text, start):
        yield match
        start = match.start() + 1


_DIGIT = re.compile(r"\d")


def has_digits(text: str, least: int) -> bool:
    """Whether there are so many; most prose is done with here."""
    return sum(1 for _ in islice(_DIGIT.finditer(text), least)) == least
