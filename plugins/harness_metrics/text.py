"""Metrics on the words of an answer: exact match, token F1, whether it holds the target, whether it fits a pattern."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

from harness import PerSample, Score
from harness_metrics.normal_forms import normalized

SECONDS = 1.0
"""What a suite's pattern may take for one answer: a pattern that backtracks would go on for years."""
_TOO_SLOW = f"a pattern took longer than {SECONDS:g} s on this answer: it tries too many ways to match; simplify it"
_SHOWN = 200
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


@dataclass(frozen=True)
class ExactMatch(PerSample):
    """1 if the answer is one of the targets, else 0.

    Both sides are compared in Unicode's composed form (NFC), so that two ways to write the same ``é`` are the same.
    What does not count is taken away in the order pattern, case, punctuation, white space.
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
    regexes_to_ignore: tuple[str, ...] = ()
    """What these regular expressions match does not count, as ``[",", "[$]", "(?s).*#### "]`` for sums of money after a
    line of reasoning. Needs the ``regex`` package, whose patterns are Python's and more."""

    def __post_init__(self) -> None:
        for pattern in self.regexes_to_ignore:
            compiled(pattern)

    def score_one(self, text: str, targets: Sequence[str]) -> float | Score:
        """1.0 or 0.0; missing where a pattern takes too long."""
        try:
            answer = self._form(text)
            return float(any(answer == self._form(target) for target in targets))
        except TimeoutError:
            return Score("", None, _TOO_SLOW)

    def _form(self, text: str) -> str:
        for pattern in self.regexes_to_ignore:
            text = compiled(pattern).sub("", text, timeout=SECONDS)
        if self.ignore_case:
            text = text.casefold()
        if self.ignore_punctuation:
            kept = (char for char in text if not unicodedata.category(char).startswith("P"))
            text = " ".join("".join(kept).split())
        if self.ignore_whitespace:
            text = "".join(text.split())
        return normalized("NFC", text.strip() if self.strip else text)


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
        wanted = [form for form in map(plain_form, targets) if form]
        if not wanted:
            return Score("", None, "no target to compare with: every target is blank")
        answer = plain_form(text)
        return float(any(re.search(as_a_whole(target), answer) for target in wanted))


def plain_form(text: str) -> str:
    """The text without what tells no words apart: case, accents, width, the length of gaps, the comma in 14,042."""
    letters = (char for char in normalized("NFKD", text) if not "\u0300" <= char <= "\u036f")
    folded = normalized("NFKC", "".join(letters).casefold()).replace("\N{MINUS SIGN}", "-")
    return " ".join(_THOUSANDS.sub("", folded).split())


def as_a_whole(target: str) -> str:
    """A pattern for the target, a plain form, with nothing at its edges that would make it another word or number."""
    before, after = "", ""
    if target[0].isdecimal():
        before = r"(?<!\w)(?<!\d[.,])(?<!(?<!\w)-)"  # a minus that follows a word is a dash: 5-12 holds 12
    elif _bounded(target[0]) or re.match(r"-\d", target):
        before = r"(?<!\w)"
    if target[-1].isdecimal():
        after = r"(?!\w|[.,]\d)"
    elif _bounded(target[-1]):
        after = r"(?!\w)"
    return before + re.escape(target) + after


def _bounded(char: str) -> bool:
    return (char.isalnum() or char == "_") and unicodedata.category(char) != "Lo"


@dataclass(frozen=True)
class Regex(PerSample):
    """1 if the answer matches a regular expression, else 0; or 1 if what the expression finds in it is a target.

    Patterns are those of the ``regex`` package: Python's, and more. On an answer for which a pattern takes longer than
    a second, because it backtracks, there is no score.
    """

    name: ClassVar[str] = "regex"
    needs_target: ClassVar[bool] = False  # but with `extract`, as its `score_one` knows
    requires_packages: ClassVar[tuple[str, ...]] = ("regex",)

    pattern: str
    """What to look for, anywhere in the answer: ``^`` and ``$`` are its ends, or those of a line with ``(?m)``."""
    full: bool = False
    """The pattern has to match the whole answer, from end to end."""
    ignore_case: bool = False
    """Neither the pattern nor the comparison with a target heeds case."""
    extract: Literal["first", "last"] | None = None
    """``first`` or ``last``: that match is compared with the targets as ``exact_match`` does, by the text of its first
    group that holds any, or all of it if the pattern has no group. An answer without a match is wrong."""
    regexes_to_ignore: tuple[str, ...] = ()
    """As in ``exact_match``; only where ``extract`` compares."""

    def __post_init__(self) -> None:
        compiled(self.pattern)
        if self.extract not in ("first", "last", None):
            raise ValueError(f"extract is 'first', 'last' or left out, not {self.extract!r}")
        if self.regexes_to_ignore and not self.extract:
            raise ValueError("regexes_to_ignore takes from what is compared: add 'extract: first' or 'extract: last'")
        self._comparison()

    def score_one(self, text: str, targets: Sequence[str]) -> float | Score:
        """1.0 or 0.0; missing where a pattern takes too long, or where there is nothing to compare with."""
        if self.extract and not targets:
            return Score("", None, "no target to compare with: the sample has none")
        try:
            match = self._match(text)
        except TimeoutError:
            return Score("", None, _TOO_SLOW)
        if not self.extract:
            return float(match is not None)
        found = _held(match)
        if found is None:
            return Score("", 0.0, None, {"extracted": None})
        compared = self._comparison().score_one(found, targets)
        if isinstance(compared, Score):
            return compared
        return Score("", compared, None, {"extracted": printable(found)})

    def _match(self, text: str) -> Any:  # noqa: ANN401 - regex has no types
        pattern = compiled(self.pattern, ignore_case=self.ignore_case)
        if self.full:
            return pattern.fullmatch(text, timeout=SECONDS)
        if self.extract != "last":
            return pattern.search(text, timeout=SECONDS)
        last = None
        for match in pattern.finditer(text, timeout=SECONDS):
            last = match
        return last

    def _comparison(self) -> ExactMatch:
        return ExactMatch(ignore_case=self.ignore_case, regexes_to_ignore=self.regexes_to_ignore)


def _held(match: Any) -> str | None:  # noqa: ANN401 - regex has no types
    if match is None:
        return None
    if not match.re.groups:
        return str(match[0])
    return next((text for text in match.groups() if text), None)


@cache
def compiled(pattern: str, *, ignore_case: bool = False) -> Any:  # noqa: ANN401 - regex has no types
    """The pattern of the ``regex`` package, whose methods take a ``timeout``; ``ValueError`` if it is none."""
    try:
        import regex
    except ModuleNotFoundError:
        raise ValueError("a pattern needs the package regex, which is not installed; pip install regex") from None
    try:
        return regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)
    except regex.error as error:
        where = f" at position {error.pos}" if error.pos is not None else ""
        raise ValueError(f"{pattern!r} is no regular expression: {error.msg}{where}") from None


def printable(text: str) -> str:
    """The beginning of a text for ``details``, escaped."""
    return escaped(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def escaped(text: str) -> str:
    """The text with half characters escaped, so that it can be stored as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
