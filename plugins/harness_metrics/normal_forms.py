"""Unicode's normal forms in time that grows with the text alone.

``unicodedata`` sorts the accents of one letter by insertion and looks for a partner of each among all the others:
64,000 accents in a row, as a model that loops may write them, take it a minute.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

_LONGEST_RUN = 30
"""Combining characters after one letter: Unicode's Stream-Safe Text Format has no more (UAX 15, section 13)."""
_SHORT = 1_000
"""Characters that ``unicodedata`` is done with at once, whatever they are."""


def normalized(form: Form, text: str) -> str:
    """What ``unicodedata.normalize`` gives, character by character, for every text."""
    if len(text) <= _SHORT or text.isascii():
        return unicodedata.normalize(form, text)
    apart: Form = "NFKD" if "K" in form else "NFD"
    parts = {char: unicodedata.normalize(apart, char) for char in set(text)}
    long_run = _run_of([char for char, its in parts.items() if all(map(unicodedata.combining, its))])
    if long_run is None or not long_run.search(text):
        return unicodedata.normalize(form, text)
    decomposed = text.translate({ord(char): its for char, its in parts.items()})
    long_run = _run_of([char for char in set(decomposed) if unicodedata.combining(char)])
    assert long_run is not None
    found, end = [], 0
    for run in long_run.finditer(decomposed):
        before = unicodedata.normalize(form, decomposed[end : run.start()])
        marks = sorted(run[0], key=unicodedata.combining)
        found.append(_composed(before, marks) if form.endswith("C") else before + "".join(marks))
        end = run.end()
    # A run leaves marks behind that join nothing, so what follows it cannot join what stands before.
    return "".join(found) + unicodedata.normalize(form, decomposed[end:])


def _run_of(marks: list[str]) -> re.Pattern[str] | None:
    return re.compile(f"[{re.escape(''.join(marks))}]{{{_LONGEST_RUN + 1},}}") if marks else None


def _composed(before: str, marks: list[str]) -> str:
    """The canonical composition (UAX 15, D117) of a text that ends with a letter, and the sorted marks upon it."""
    head, letter, left, last = before[:-1], before[-1:], [], 0
    for mark in marks:
        its_class = unicodedata.combining(mark)
        # A mark of the same class that stays between the two keeps them apart.
        joined = unicodedata.normalize("NFC", letter + mark) if letter and its_class > last else ""
        if len(joined) == 1:
            letter = joined
        else:
            left.append(mark)
            last = its_class
    return head + letter + "".join(left)
