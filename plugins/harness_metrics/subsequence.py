"""Longest common subsequences of words, exact, a row of the table at a time.

A row is one whole number, a bit a word: adding two rows does the work of as many cells of the table as there are words.
Sources: Crochemore et al. 2001; Hyyrö 2004, "Bit-parallel LCS-length computation revisited".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def longest(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words a longest common subsequence has."""
    short, long = sorted((one, other), key=len)
    bits = _bits(short)
    row = full = (1 << len(short)) - 1
    for word in long:
        if met := row & bits.get(word, 0):
            row = _next(row, met, full)
    return len(short) - row.bit_count()


def covered(sentence: Sequence[str], others: Iterable[Sequence[str]]) -> set[int]:
    """The places in ``sentence`` that a longest common subsequence with any of the others takes.

    There may be several longest ones with one other: taken is the one that ``rouge-score`` reads out of its table. The
    table of the sentence and the longest of the others is kept meanwhile, a bit a cell.
    """
    bits = _bits(sentence)
    return {place for other in others if not bits.keys().isdisjoint(other) for place in _taken(sentence, other, bits)}


def _taken(sentence: Sequence[str], other: Sequence[str], bits: Mapping[str, int]) -> list[int]:
    row = full = (1 << len(sentence)) - 1
    rows = []
    for word in other:
        if met := row & bits.get(word, 0):
            row = _next(row, met, full)
        rows.append(row)
    taken, place, at = [], len(sentence) - 1, len(other) - 1
    while place >= 0 and at >= 0:
        if sentence[place] == other[at]:
            taken.append(place)
            place, at = place - 1, at - 1
        elif rows[at] >> place & 1:  # without this word of the sentence the subsequence would be no shorter
            place -= 1
        else:
            at -= 1
    return taken


def _bits(words: Sequence[str]) -> dict[str, int]:
    """Of each word the places where it stands."""
    bits: dict[str, int] = {}
    for place, word in enumerate(words):
        bits[word] = bits.get(word, 0) | 1 << place
    return bits


def _next(row: int, met: int, full: int) -> int:
    """The row with one more word of the other text, which stands at the places ``met``.

    A bit is 0 where the words up to this place have one more in common than those before it.
    """
    return (row + met | row - met) & full
