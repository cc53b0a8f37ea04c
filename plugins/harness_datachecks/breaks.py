"""Where a text breaks off: signs that it shows by itself, and those that only its table can tell."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

LEAST_WORDS = 6
"""Shorter answers are phrases and labels, which end as they like."""
_LONG_SENTENCE = 20
_LAST_LINE = 4
_LONG_LINE = 12

_SAYS_SO = re.compile(
    r"(?:(?<!\w)[\[(<](?:truncated|(?:to be )?continued|contd?\.?|cut off|\.\.\.|\u2026)[\])>]|\bto be continued)\W*$",
    re.IGNORECASE,
)
_JOINS = frozenset(("and", "or", "but", "the", "a", "an", "of", "because", "und", "oder", "et", "ou"))
_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]])")
# a text that does not end goes on to the end: a mark that matches nothing would be tried again at each of its quotes
_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_LIST_ITEM = re.compile(r"\s*(?:[-*•+>#|~]|\(?\w{1,3}[.)]\s|\*\*)")
_CODE = re.compile(
    r"[{};=<>\\$]|\w\(|\)\s*$|^(?:\t|  )|^\s*(?:def|class|return|import|from|elif|else|print|const|let|var|end|SELECT"
    r"|INSERT|UPDATE|//|#|@)\b|://|\w_\w|\w\.\w{2,}$",
)
_NO_WORD = re.compile(r"[{}=<>\\$/@_()|+*]|\d|\w\.\w|[a-z][A-Z]")
_SENTENCES = re.compile(r"[.!?\u2026]['\")\]\u201d\u2019]*\s|[\u3002\uff01\uff1f]")
_MARKS = frozenset(".!?\u3002\uff01\uff1f\u061f\u06d4\u0964")
"""What ends a sentence: the marks of Latin, of Chinese and Japanese, of Arabic and Urdu, of Hindi."""
_COMMAS, _COLONS, _DASHES = frozenset(",\u3001\uff0c\u060c"), frozenset(":\uff1a"), frozenset("-\u2010\u2013\u2014")
_OPENERS = frozenset("([{\u201c\u00ab\u300c\uff08")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff]")
"""Thai, Lao, Tibetan, Burmese and Khmer end sentences without a mark."""
_INFLECTIONS = frozenset(("s", "es", "d", "ed", "n", "en", "er", "ers", "e", "r", "rs", "y", "ly", "al", "ing", "ings"))
LEAST_CUT = 100
"""Characters below which an answer is not what a limit of length has left."""
_LEAST_SPIKE = 5
_SPIKE_SHARE = 0.005
_SPIKE_OVER_NEIGHBOURS = 10.0


class Ending(NamedTuple):
    """How a text ends."""

    sign: str = ""
    """What shows by itself that it breaks off; nothing where it does not."""
    has_mark: bool | None = None
    """Whether a mark ends it, which makes the habit of its table; ``None`` for code, lists, labels and the like."""
    is_bare: bool = False
    """Whether these are sentences that end in a letter: broken off if others of the table end with a mark."""


def ending_of(text: str) -> Ending:
    """How the text ends; of code, lists, tables, labels and short phrases nothing is said."""
    text = text.rstrip()
    if not text:
        return Ending()
    if text.count("```") % 2 and sum(line.lstrip().startswith("```") for line in text.split("\n")) % 2:
        return Ending("a code fence is open")
    if text[0] in "{[" and _is_open_json(text):
        return Ending("the JSON is not closed")
    if text[-1] in ")]>.\u2026dD" and _SAYS_SO.search(text[-40:]):
        return Ending("it says that there is more")
    words = text.count(" ") + 1
    if words < LEAST_WORDS:
        # Chinese and Japanese are written without spaces
        if len(text) < 30 or "\u3002" not in text[:-1]:
            return Ending()
        words = len(text) // 4
    if text[-1] in _MARKS:
        is_open = text.endswith("...") and not text.endswith("....")
        return Ending("it ends with three points" if is_open else "", has_mark=True)
    if text[-1] == "\u2026":
        return Ending("it ends with three points", has_mark=True)
    line = text[text.rfind("\n") + 1 :]
    if "```" in text or _is_no_sentence(line, whole=len(line) == len(text)):
        return Ending()
    return _unmarked(text, line, words)


def _is_no_sentence(line: str, *, whole: bool) -> bool:
    """Whether the last line of a text is a signature, an item of a list, a row of a table, an address or code."""
    words = len(line.split())
    if not whole and words < _LAST_LINE and line[-1] != ",":
        return True
    if _LIST_ITEM.match(line):
        return True
    if words < _LONG_LINE:
        return _CODE.search(line) is not None
    # a sentence may speak of code; what tells is what it ends with
    last = line[line.rfind(" ") + 1 :].lstrip("([")
    return _NO_WORD.search(last) is not None


def _unmarked(text: str, line: str, words: int) -> Ending:
    """How a text ends that no mark ends."""
    last = text[-1]
    if last in _COMMAS:
        return Ending("it ends with a comma", has_mark=False)
    if last in _OPENERS:
        return Ending("it ends with an open bracket", has_mark=False)
    if last in _COLONS:
        return Ending("it announces what does not come", has_mark=False)
    if last in _DASHES and text[-2].isalpha():
        return Ending("it ends in the middle of a word", has_mark=False)
    word = text[text.rfind(" ") + 1 :]
    if word in _JOINS:
        return Ending(f"it ends with '{word}'", has_mark=False)
    is_letter = unicodedata.category(last)[0] in "LM" and not _UNSPACED.match(last)
    if not is_letter:
        # a quotation, a number, a smiley: an ending of its own kind
        return Ending()
    if opened := _left_open(line):
        return Ending(f"{opened} is open", has_mark=False)
    return Ending(has_mark=False, is_bare=words >= _LONG_SENTENCE or _SENTENCES.search(text) is not None)


def _left_open(line: str) -> str:
    """The bracket or quotation mark of the last line that is not closed."""
    for left, right in ("()", "[]", "\u201c\u201d", "\u00ab\u00bb", "\u300c\u300d"):
        place = line.rfind(left)
        is_smiley = left in "([" and line[max(0, place - 2) : place].strip(" ")[-1:] in (":", ";", "-")
        if place > line.rfind(right) and not is_smiley:
            return "a bracket" if left in "([" else "a quotation"
    return "a quotation" if line.count('"') % 2 and re.search(r'(?:^|\s)"\w[^"]*$', line) else ""


def _is_open_json(text: str) -> bool:
    """Whether JSON begins here and more of its brackets open than close."""
    if not _JSON.match(text):
        return False
    rest = _JSON_TEXT.sub("", text)
    opened = rest.count("{") + rest.count("[") - rest.count("}") - rest.count("]")
    return opened > 0


def cut_words(texts: Sequence[str], table: Callable[[], Iterator[str]]) -> Iterator[str]:
    """For each of ``texts`` its last word if that is cut, else nothing.

    It counts as cut where no other text of the table has it and one of its longer words begins so; ``walked`` or
    ``dogs`` would not tell, as they only inflect it.
    """
    last = [text.rstrip().rpartition(" ")[2].casefold() for text in texts]
    asked = {word for word in last if word.isalpha() and word.isascii() and 2 <= len(word) <= 20}
    cut = _beginnings_only(asked, table) if asked else set[str]()
    yield from (word if word in cut else "" for word in last)


def _beginnings_only(asked: Collection[str], table: Callable[[], Iterator[str]]) -> set[str]:
    # each asked word is met once where it stands cut; twice is a word
    met = Counter[str]()
    begun, inflected = set[str](), set[str]()
    vocabulary = set[str]()
    for text in table():
        words = text.casefold().split()
        met.update(word for word in words if word in asked)
        vocabulary.update(word for word in words if word.isalpha() and len(word) <= 24)
    shortest = min(map(len, asked))
    for word in vocabulary:
        for length in range(shortest, len(word)):
            if word[:length] in asked:
                (inflected if word[length:] in _INFLECTIONS else begun).add(word[:length])
    return {word for word in begun - inflected if met[word] <= 1}


class Spike(NamedTuple):
    """One length that far more texts have than the lengths around it."""

    length: int
    texts: int
    expected: float
    """How many the lengths around would let expect."""


def spike(lengths: Sequence[int]) -> Spike | None:
    """The most frequent of such lengths; ``None`` where there is none."""
    counts = Counter(lengths)
    least = max(_LEAST_SPIKE, _SPIKE_SHARE * len(lengths))
    for length, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        if count < least:
            return None
        width = max(3, length // 20)
        below = sum(counts[length - step] for step in range(1, width + 1)) / width
        above = sum(counts[length + step] for step in range(1, width + 1)) / width
        expected = max(below, above)
        if count >= _SPIKE_OVER_NEIGHBOURS * (expected + 0.1):
            return Spike(length, count, expected)
    return None
