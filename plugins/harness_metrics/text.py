"""Metrics on the words of an answer: exact match, token F1, and whether the answer holds the target."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness import PerSample, Score

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


@dataclass(frozen=True)
class ExactMatch(PerSample):
    """1 if the answer is one of the targets, else 0.

    Both sides are compared in Unicode's composed form (NFC), so that two ways to write the same ``é`` are the same.
    """

    name: ClassVar[str] = "exact_match"

    strip: bool = True
    """White space around the answer does not count."""
    ignore_case: bool = False
    """``Paris`` is ``paris``, and ``STRASSE`` is ``straße``."""
    ignore_punctuation: bool = False
    """Characters that Unicode calls punctuation do not count, and the gaps that they leave are one space; symbols as
    ``+`` or ``$`` count. With it ``-5`` is ``5``: leave it off for numbers."""
    ignore_whitespace: bool = False
    """No white space counts, inside neither: ``{"a": 1}`` is ``{"a":1}``."""

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        """1.0 or 0.0."""
        answer = self._form(text)
        return float(any(answer == self._form(target) for target in targets))

    def _form(self, text: str) -> str:
        if self.ignore_case:
            text = text.casefold()
        if self.ignore_punctuation:
            kept = (char for char in text if not unicodedata.category(char).startswith("P"))
            text = " ".join("".join(kept).split())
        if self.ignore_whitespace:
            text = "".join(text.split())
        return unicodedata.normalize("NFC", text.strip() if self.strip else text)


@dataclass(frozen=True)
class F1(PerSample):
    """Token F1 as SQuAD 2.0 scores it: the best over the targets.

    Lower case, no ASCII punctuation, no ``a``/``an``/``the``, split at white space; F1 of the two bags of tokens. If
    one side has no token left, the score is 1 where the other has none either, else 0. Source: Rajpurkar et al. 2016
    and 2018. A language that is written without spaces is one long token: use another metric there.
    """

    name: ClassVar[str] = "f1"

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        """Between 0 and 1."""
        answer = _squad_tokens(text)
        return max(_f1(answer, _squad_tokens(target)) for target in targets)


def _squad_tokens(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _f1(answer: list[str], target: list[str]) -> float:
    if not answer or not target:
        return float(answer == target)
    shared = (Counter(answer) & Counter(target)).total()
    return 2 * shared / (len(answer) + len(target))


@dataclass(frozen=True)
class Contains(PerSample):
    """1 if the answer holds one of the targets as a whole word, phrase or number, else 0; for short questions of fact.

    Case, accents, width and the length of gaps do not count, nor does the comma in ``14,042``. ``Rome`` is not in
    ``Romeo``, ``12`` neither in ``12.5`` nor in ``-12``; in a script without case, which often sets no spaces between
    words, the target may stand anywhere. An answer that denies the target, or guesses many, holds it all the same.
    """

    name: ClassVar[str] = "contains"

    def score_one(self, text: str, targets: Sequence[str]) -> float | Score:
        """1.0 or 0.0; missing where every target is blank, because a blank stands in any answer."""
        wanted = [form for form in map(_plain, targets) if form]
        if not wanted:
            return Score("", None, "no target to compare with: every target is blank")
        answer = _plain(text)
        return float(any(_whole(target).search(answer) for target in wanted))


def _plain(text: str) -> str:
    letters = (char for char in unicodedata.normalize("NFKD", text) if not "\u0300" <= char <= "\u036f")
    folded = unicodedata.normalize("NFKC", "".join(letters).casefold()).replace("\N{MINUS SIGN}", "-")
    return " ".join(_THOUSANDS.sub("", folded).split())


def _whole(target: str) -> re.Pattern[str]:
    """The target with nothing at its edges that would make it another word or number."""
    before, after = "", ""
    if target[0].isdecimal():
        before = r"(?<!\w)(?<!\d[.,])(?<!(?<!\w)-)"  # a minus that follows a word is a dash: 5-12 holds 12
    elif _bounded(target[0]) or re.match(r"-\d", target):
        before = r"(?<!\w)"
    if target[-1].isdecimal():
        after = r"(?!\w|[.,]\d)"
    elif _bounded(target[-1]):
        after = r"(?!\w)"
    return re.compile(before + re.escape(target) + after)


def _bounded(char: str) -> bool:
    return (char.isalnum() or char == "_") and unicodedata.category(char) != "Lo"
