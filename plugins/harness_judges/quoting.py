"""Foreign text as a judge is shown it: nothing in it is hidden, no tokenizer obeys it, and none of it leaves its lines.

What is judged may talk to the judge. Each of its lines gets a prefix that none of our own lines has, so that where
quoted text begins and ends is not for the text to say.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass

PREFIX = "| "
"""What every quoted line starts with, and no other line."""

_HIDDEN = (
    r"\x00-\x08\x0a-\x1f\x7f-\x9f"  # controls; a tab is white space like any other
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\ud800-\udfff\ue000-\uf8ff\U000e0000-\U0010ffff"  # half characters, private ones, tags
)
"""What Unicode calls ignorable, and what has no look of its own."""
_HIDDEN_RUN = re.compile(
    # joiners and looks of Persian, Hindi and emoji, one between two letters; a row of them could spell something
    rf"(?P<kept>(?<=[^\x00-\x7f])(?:\ufe0f\u200d|[\u200c\u200d\ufe0e\ufe0f])(?![{_HIDDEN}])"
    rf"|(?<=[0-9#*])\ufe0f(?=\u20e3))"
    rf"|[{_HIDDEN}]+"
)
_NAMES = (
    "s|pad|bos|eos|unk|mask|cls|sep|eot|eod|eom|eoh|eoa|eop|sop|gmask|think|thinking|user|assistant|system|human|bot|"
    "model|tool|tools|image|img|audio|video|function|filename|reponame|unused[0-9]+|0x[0-9a-f]{2}"
)
_SPECIAL = re.compile(
    r"<(?=\|)"  # <|im_start|>, <|eot_id|>
    r"|<(?=[^\s<>]{1,64}\|>)"  # <turn|>
    rf"|<(?=/?(?i:{_NAMES})>)"  # <s>, </s>, <pad>
    r"|<(?=/?\w{0,64}_\w{0,64}>)"  # <start_of_turn>, <tool_call>, <file_sep>
    r"|<(?=</?[A-Z])"  # <<SYS>>
    r"|>(?=>[A-Z_]{1,32}<<)"  # >>QUESTION<<
    r"|\[(?=/?[A-Z][A-Z0-9_]{1,64}\])"  # [INST], [/INST], [TOOL_CALLS], [SEP]
    r"|\[(?=(?:[gs]MASK|multimodal)\])"
    r"|\[(?=\|)"  # [|endofturn|]
    r"|\[(?=e~\[)|\](?=[~!])"  # ]~b], [e~[
)
"""Where a mark begins that a model's tokenizer may read as one token of its own; each match is its first character."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text between its marks."""

    text: str
    left_out: int
    """Characters of the original that are not in it."""


def block(title: str, text: str, case: str, longest: int) -> Quoted:
    """``text`` on lines of its own between a line BEGIN and a line END, each with ``title`` and the case's number.

    Of a text longer than ``longest`` characters the middle is left out, and a line without prefix says so.
    """
    left_out = max(0, len(text) - longest)
    if left_out:
        tail = longest // 2
        gap = f"({left_out:,} characters are left out here)"
        lines = [*_lines(text[: longest - tail]), gap, *_lines(text[len(text) - tail :])]
    else:
        lines = _lines(text) if text.strip() else ["(nothing is written here)"]
    return Quoted("\n".join([f"BEGIN {title} {case}", *lines, f"END {title} {case}"]), left_out)


def one_line(text: str, longest: int) -> str:
    """The start of ``text`` with nothing hidden or special in it, its ends of line shown as ``⏎``."""
    start = text[:longest]
    return " ⏎ ".join(map(_inert, start.splitlines())) + ("…" if len(text) > longest else "")


def _lines(text: str) -> list[str]:
    return [PREFIX + _inert(line) for line in text.splitlines()]


def _inert(line: str) -> str:
    """One line with what is hidden shown by its number, and special tokens broken by a space."""
    if not (line.isascii() and line.isprintable()):
        line = _HIDDEN_RUN.sub(_shown, line)
    folded = line if line.isascii() else "".join(map(_folded, line))
    places = [0, *(match.end() for match in _SPECIAL.finditer(folded)), len(line)]
    return " ".join(line[start:end] for start, end in itertools.pairwise(places))


def _shown(match: re.Match[str]) -> str:
    if match["kept"]:
        return match[0]
    more = f" and {len(match[0]) - 1:,} hidden more" if len(match[0]) > 1 else ""
    return f"⟨U+{ord(match[0][0]):04X}{more}⟩"


def _folded(character: str) -> str:
    """As a tokenizer that normalises may see it, as long as it stays one character: U+FF1C is <."""
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character
