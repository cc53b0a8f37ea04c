"""Text that nobody wrote: broken encodings, random letters, one token over and over, control characters."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

MOJIBAKE = "mojibake"
BROKEN = "broken characters"
CONTROL = "control characters"
REPEATED = "one token repeated"
RANDOM = "random letters"

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# What follows UTF-8's first byte, as Windows-1252 and Latin-1 show it; not the closing quotation marks, which may well
# follow upon a letter with an accent.
_FOLLOWING = (
    "\u0080-\u00ba\u00bc-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018\u201a\u201e\u2020-\u203a\u20ac\u2122"
)
_SURELY_MISREAD = re.compile(rf"[\u00c2\u00c3][{_FOLLOWING}]|\u00e2\u20ac[{_FOLLOWING}\u2019\u201c\u201d]")
_MAYBE_MISREAD = re.compile(rf"[\u00c4-\u00f4][{_FOLLOWING}]{{1,3}}")
_ENOUGH_MISREAD = 3
_WORD = re.compile(r"\b[A-Za-z][a-z]{3,19}\b")

# Followers that are rarer than 1 in 2,500 pairs of letters in each of 28 European, Asian and African languages that are
# written in Latin letters; measured on the messages of their free-software translations. An even draw of letters
# gives one in four such pairs, a draw by the frequencies of English one in six.
_RARE_AFTER = {
    "b": "cdfghkpqwxz", "c": "bdfgmnpqvwx", "d": "fqx", "f": "cghkmnpqvwxyz", "g": "bcfmpqwxz", "h": "bcgqwxz",
    "j": "bcfghjpqrwx", "k": "fpqwx", "l": "qrwx", "m": "fqvwx", "n": "qx", "p": "bmqwx",
    "q": "abcdfghjklmnopqrstvwxyz", "s": "x", "t": "q", "u": "q", "v": "bfgmpqtvwx", "w": "bcdfgjklmpqtvwx",
    "x": "bcdfgjklmnqrsvwxz", "y": "qxz", "z": "fjqx",
}  # fmt: skip
_RARE = re.compile("(?=" + "|".join(f"{first}[{after}]" for first, after in _RARE_AFTER.items()) + ")")
_RARE_SHARE = 0.12
_FEWEST_PAIRS, _FEWEST_WORDS = 30, 5

_FEWEST_TOKENS = 15
_ONE_TOKEN = 0.9
_LONGEST_PERIOD = 4
_MOST_TOKENS = 12
"""Different words in a stretch beyond which it is not looked at closely, cut ones and single letters among them."""
_LONG_WORD = 60


def broken(text: str) -> list[tuple[str, str]]:
    """What kinds of damage the characters of a text show, each with the place where it is first seen."""
    found = []
    control = _CONTROL.search(text)
    if control:
        found.append((CONTROL, _around(text, control.start())))
    if text.isascii():
        return found
    misread = _misread(text)
    if misread is not None:
        found.append((MOJIBAKE, _around(text, misread)))
    lost = text.find("\ufffd")
    if lost < 0:
        surrogate = _SURROGATE.search(text)
        lost = surrogate.start() if surrogate else -1
    if lost >= 0:
        found.append((BROKEN, _around(text, lost)))
    return found


def is_one_token(words: list[str]) -> bool:
    """Whether the words of a stretch are one word over and over, two to four in turn, or one letter without end."""
    longest = max(words, key=len, default="")
    if len(longest) >= _LONG_WORD and len(set(longest)) <= 2:
        return True
    if len(set(words)) > _MOST_TOKENS:
        return False
    said = [word for word in words if len(word) > 1]
    if len(said) < _FEWEST_TOKENS:
        return False
    if Counter(said).most_common(1)[0][1] >= _ONE_TOKEN * len(said):
        return True
    inner = said[1:-1]  # the ends may be cut off
    return any(inner[period:] == inner[:-period] for period in range(2, _LONGEST_PERIOD + 1))


def is_random(text: str) -> bool:
    """Whether the words of a text, in Latin letters, look like letters drawn at random.

    Words in capitals, with digits in them or of less than four letters are left out: they are names of things and
    abbreviations. A text of fewer than five other words is not judged.
    """
    words = [word.lower() for word in _WORD.findall(text)]
    pairs = sum(map(len, words)) - len(words)
    if len(words) < _FEWEST_WORDS or pairs < _FEWEST_PAIRS:
        return False
    return len(_RARE.findall(" ".join(words))) >= _RARE_SHARE * pairs


def _misread(text: str) -> int | None:
    """Where UTF-8 was first read as something else; one doubtful pair of characters is not enough."""
    surely = _SURELY_MISREAD.search(text)
    if surely:
        return surely.start()
    maybe = list(
        islice((each.start() for each in _MAYBE_MISREAD.finditer(text) if _was_utf8(each[0])), _ENOUGH_MISREAD)
    )
    return maybe[0] if len(maybe) == _ENOUGH_MISREAD else None


def _was_utf8(shown: str) -> bool:
    """Whether these characters are what another reading of UTF-8 gives."""
    for encoding in ("cp1252", "latin-1"):
        try:
            shown.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return True
    return False


def _around(text: str, place: int) -> str:
    return text[max(0, place - 20) : place + 40]
