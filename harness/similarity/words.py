"""A text as the words that tell it from others, in any script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import groupby

_DIGIT_SIGNS = {"\u2212": "-", "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2019": "'", "\u02bc": "'"}
"""Typographic forms of the minus, of the hyphen and of the apostrophe, which NFKC leaves as they are."""
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # kana
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),  # Han
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
"""Scripts that are written without spaces between words, so that each character counts by itself."""
_HAN = "\u3400"
_WORD = r"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]"
"""Once other punctuation is out: what is no ASCII punctuation."""
_PARTS = re.compile(
    rf"""
    (?: (?<! [\w\]}}] ) - (?= \d ) )?                                          # -5 is another number than 5
    {_WORD}+ (?: (?: ' | _+ | (?<= \d ) \. (?= \d ) ) {_WORD}+ )*              # don't, snake_case, 3.14
    | [\[\]{{}}] | [$+|~^] | [=<>]+ | !=+ | ^! (?= \w )                        # code and formulas
    | (?<= \w ) \# | (?<= \d ) % | (?<= \w ) [*/%&@\\]+ (?= \w ) | (?<= \d ) - (?= \d )  # C#, 5%, and/or, 3-5
    """,
    re.VERBOSE,
)
_PROSE_MARKS = ',;:?"()`\\'
_ASCII = str.maketrans({**dict.fromkeys(_PROSE_MARKS, " "), **{chr(code): " " for code in (*range(32), 127)}})
_THOUSANDS = re.compile(r",(?<=\d,)(?=\d{3}(?!\d))")
_STANDING = frozenset("-*/&@")
"""Signs that count where they stand alone between words."""
_BETWEEN_NUMBERS = frozenset("-*")
"""Those that reckon between numbers or variables, and elsewhere are dashes and bullets."""
_BLANK = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""Categories of characters that show nothing."""
_NAME = re.compile(r"(?<=[\w,;)] )[^\W\d_a-z][^\W_]*")
_MOST_NAMES = 0.2


def units(text: str) -> list[str]:
    """The words of a text, folded, and the signs that change what it says, in order; never empty unless it is blank.

    Letter case, width and other forms that NFKC makes equal do not count, nor does punctuation that only helps to read.
    What does: the sign of a number (``-5``), a decimal point, ``C#``, ``C++``, operators, square and curly brackets,
    emoji. A character of a script without spaces, such as Han, is a unit by itself; so is a text of nothing but
    punctuation.
    """
    found: list[str] = []
    alone = False
    for part in _parts(text):
        if part.isalnum():
            found.append(part)
        elif part in _STANDING:
            alone = True
            found.append(part)
        else:
            found.extend(_finer(part) if len(part) < 64 else _split(part))
    if alone:
        found = [unit for place, unit in enumerate(found) if unit not in _STANDING or _is_meant(found, place)]
    return found or _only_marks(text)


def terms(text: str) -> list[str]:
    """The units by which texts are held against each other: in scripts of syllables, trigrams instead of characters."""
    if text.isascii():
        return units(text)
    return list(_with_trigrams(units(text)))


def names(text: str) -> frozenset[str]:
    """The units that are written with a capital in mid sentence, as names are in English.

    None where more than a fifth of all words are: German nouns, headlines and shouting tell no names.
    """
    found = [match for match in _NAME.findall(text) if match[0].isupper() and match != "I"]
    if not found or len(found) > _MOST_NAMES * (text.count(" ") + 1):
        return frozenset()
    return frozenset(unit for name in found for unit in units(name))


def _parts(text: str) -> list[str]:
    if "," in text:
        text = _THOUSANDS.sub("", text)
    if text.isascii():
        plain = text.lower().translate(_ASCII)
    else:
        spelt = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        plain = spelt.translate(_marks()).translate(_ASCII)
    return plain.replace(". ", " ").split()


def _split(part: str) -> list[str]:
    return [found.replace("'", "").replace("_", "") for found in _PARTS.findall(part)]


_finer = lru_cache(maxsize=1 << 16)(_split)


def _is_meant(found: list[str], place: int) -> bool:
    if not 0 < place < len(found) - 1:
        return False
    beside = found[place - 1], found[place + 1]
    return found[place] not in _BETWEEN_NUMBERS or all(len(each) == 1 or each[-1].isdigit() for each in beside)


def _only_marks(text: str) -> list[str]:
    squeezed = "".join(mark for mark in unicodedata.normalize("NFKC", text) if unicodedata.category(mark) not in _BLANK)
    # lone surrogates too are told apart, though no library takes them
    return [squeezed.encode("utf-8", "backslashreplace").decode()] if squeezed else []


def _with_trigrams(found: list[str]) -> Iterator[str]:
    for is_syllabic, run in groupby(found, key=_is_syllabic):
        characters = list(run)
        if not is_syllabic:
            yield from characters
        else:
            yield from ("".join(characters[place : place + 3]) for place in range(max(1, len(characters) - 2)))


def _is_syllabic(unit: str) -> bool:
    return len(unit) == 1 and _is_unspaced(unit) and unit < _HAN


def is_ideograph(unit: str) -> bool:
    """Whether a unit is one Han character, about half a word."""
    return len(unit) == 1 and unit >= _HAN and _is_unspaced(unit)


def _is_unspaced(character: str) -> bool:
    code = ord(character)
    return code >= 0x0E00 and any(first <= code <= last for first, last in _UNSPACED)


class _Marks(dict[int, str | int]):
    """What becomes of a character; filled as characters are met, so at most with all there are."""

    def __missing__(self, code: int) -> str | int:
        character = chr(code)
        kind = unicodedata.category(character)
        self[code] = became = _became(character, kind)
        return became


def _became(character: str, kind: str) -> str | int:
    if character in _DIGIT_SIGNS:
        return _DIGIT_SIGNS[character]
    if character.isascii():
        return ord(character)
    if kind == "Cf" or character in "\ufe0e\ufe0f":
        return ""  # joiners, and which of two pictures an emoji has
    if kind[0] in "PZC":
        return " "
    return f" {character} " if kind[0] == "S" or _is_unspaced(character) else ord(character)


@cache
def _marks() -> _Marks:
    return _Marks()
