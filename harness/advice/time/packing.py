"""How many sequences rows become when several are put into one."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable


def packs(lengths: Iterable[int], max_length: int, *, is_split: bool = False) -> int:
    """How many sequences of ``max_length`` tokens rows of these lengths fill, as TRL packs them: best fit, decreasing.

    A row that is too long is cut, or with ``is_split`` goes on in the next sequence; an empty one is left out.
    """
    spaces: list[int] = []
    count = 0
    for length in sorted(_pieces(lengths, max_length, is_split=is_split), reverse=True):
        place = bisect_left(spaces, length)
        if place == len(spaces):
            count += 1
            space = max_length
        else:
            space = spaces.pop(place)
        if space > length:
            insort(spaces, space - length)
    return count


def _pieces(lengths: Iterable[int], max_length: int, *, is_split: bool) -> Iterable[int]:
    for length in lengths:
        if not is_split:
            rest = min(length, max_length)
        else:
            yield from [max_length] * (length // max_length)
            rest = length % max_length
        if rest > 0:
            yield rest
