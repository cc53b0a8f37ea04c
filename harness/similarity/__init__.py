"""Texts that say nearly the same: found by MinHash among many, then held against each other word by word.

What counts as nearly the same is said in ``likeness``; what does not count at all, such as letter case, in ``words``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from harness.similarity.candidates import Candidates, common_words, digest
from harness.similarity.likeness import Wording, alike
from harness.similarity.words import terms, units


class Alike(NamedTuple):
    """Two texts by their index, and how alike they are: 1 for the same words, 0 for none in common."""

    first: int
    second: int
    similarity: float


NEAR = 0.8
"""From here on two texts count as near duplicates."""


_MOST_PARTNERS = 8
"""Near duplicates of one text from which more of the same group are not told, lest 1,000 make half a million pairs."""


def folded(text: str) -> str:
    """The text without what does not tell texts apart: letter case, punctuation, kinds and amounts of white space.

    Signs that change what is said stay (``C#``, ``-5``, operators, emoji), and so does a text of nothing else; blank
    texts fold to nothing.
    """
    return " ".join(units(text))


def how_alike(one: str, other: str, *, least: float = 0.0) -> float:
    """How much alike two texts are, from 0 to 1, as ``likeness.alike`` tells two texts of which no others are known.

    Where that is less than ``least`` it may be any number below; unlike texts are told sooner so.
    """
    return alike(Wording.of(one), Wording.of(other), least=least)


def near_duplicates(texts: Sequence[str], *, least: float = NEAR) -> list[Alike]:
    """The pairs of near duplicates among the texts, ``first < second``, in order; needs ``rensa``.

    Each text is joined to those like it by one pair or a chain of them; in a large group not every pair is told. Exact
    duplicates, of the same folded text, are among them with similarity 1, each with the earliest only. Blank texts are
    like no other. A pair is missed now and then. Similarities do not hang on the order of the texts.
    """
    return _found(texts, 0, least)


def near_matches(texts: Sequence[str], among: Sequence[str], *, least: float = NEAR) -> list[Alike]:
    """For each of ``texts`` (``first``) those of ``among`` (``second``) that are its near duplicates; needs ``rensa``.

    Of exact duplicates on one side the earliest stands for the others: they are paired with the earliest on the other
    side, so that each text that has a match is in a pair, and copies on both sides do not multiply.
    """
    found = _found([*texts, *among], len(texts), least) if texts and among else []
    return [Alike(first, second - len(texts), similarity) for first, second, similarity in found]


def groups(count: int, pairs: Sequence[Alike]) -> list[int]:
    """For each of ``count`` texts the smallest index in its group; what is joined by a chain of pairs is one group."""
    joined = _Groups(count)
    for first, second, _ in pairs:
        joined.join(first, second)
    return [joined.of(index) for index in range(count)]


class _Groups:
    """Texts that a chain of pairs joins."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))
        self._partners = [0] * count

    def of(self, index: int) -> int:
        """The smallest index of the group."""
        while self._above[index] != index:
            self._above[index] = index = self._above[self._above[index]]
        return index

    def join(self, first: int, second: int) -> None:
        one, other = self.of(first), self.of(second)
        self._above[max(one, other)] = min(one, other)
        self._partners[first] += 1
        self._partners[second] += 1

    def hold(self, first: int, second: int, most: int) -> bool:
        """Whether two are in one group, and one of them has ``most`` partners there already."""
        is_enough = max(self._partners[first], self._partners[second]) >= most
        return is_enough and self.of(first) == self.of(second)


def _found(texts: Sequence[str], border: int, least: float) -> list[Alike]:
    if not 0 < least <= 1:
        raise ValueError(f"a similarity is above 0 and at most 1, not {least:g}; write 0.8 or so")
    numbers: dict[bytes, int] = {}
    firsts: list[int] = []
    copies: dict[int, list[int]] = {}

    def distinct() -> Iterator[tuple[int, Sequence[str]]]:
        """The texts with their terms, of copies on one side only the first, numbered as they come."""
        for index, text in enumerate(texts):
            said = units(text)
            if not said:
                continue
            number = numbers.setdefault((b"<" if index < border else b">") + digest(" ".join(said)), len(firsts))
            if number < len(firsts):
                copies.setdefault(number, []).append(index)
            else:
                firsts.append(index)
                yield number, said if text.isascii() else terms(text)

    candidates = Candidates(
        lambda number: terms(texts[firsts[number]]),
        common_words(texts, terms),
        lambda first, second: not border or firsts[first] < border <= firsts[second],
        least,
    )
    candidates.search(distinct())

    def same(number: int) -> list[int]:
        return [firsts[number], *copies.get(number, ())]

    @lru_cache(maxsize=4096)
    def wording(number: int) -> Wording:
        return Wording.of(texts[firsts[number]])

    found: dict[tuple[int, int], float] = {}
    if border:
        for said, number in numbers.items():
            if said[:1] == b"<" and (theirs := numbers.get(b">" + said[1:])) is not None:
                _cross(found, same(number), same(theirs), 1.0)
    else:
        found.update({(firsts[number], copy): 1.0 for number, later in copies.items() for copy in later})
    groups = _Groups(len(firsts))
    for first, second in sorted(candidates.pairs):
        if not border and groups.hold(first, second, _MOST_PARTNERS):
            continue
        similarity = alike(wording(first), wording(second), candidates.weights(first, second), least)
        if similarity < least:
            continue
        if border:
            _cross(found, same(first), same(second), similarity)
        else:
            groups.join(first, second)
            found[firsts[first], firsts[second]] = similarity
    return [Alike(first, second, similarity) for (first, second), similarity in sorted(found.items())]


def _cross(found: dict[tuple[int, int], float], ours: Sequence[int], theirs: Sequence[int], similarity: float) -> None:
    """Each of both sides with the earliest of the other."""
    found.update({(ours[0], second): similarity for second in theirs})
    found.update({(first, theirs[0]): similarity for first in ours[1:]})
