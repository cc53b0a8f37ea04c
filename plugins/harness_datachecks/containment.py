"""Whether a text holds an item: the near match that follows upon a phrase in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from harness_datachecks.benchmark_items import Item
from harness_datachecks.phrases import words_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TELLING = 8
"""So many words that are no common phrase tell an item by themselves.

Below it phrases meet by chance (Brown et al., 2020, "Language Models are Few-Shot Learners", appendix C).
"""
LONG = 2 * TELLING
"""Of so many words one or two may be others, and the question still tells the item by itself."""
_CHANGED = 0.1
"""Share of a long question's words that may be others where nothing but the question tells the item."""
_BETWEEN = 0.1
"""Words that may stand in between those of a whole question, as share of these; markup leaves some."""
_MOST_IN_A_ROW = 2
"""Words in a row that may be others there: more are another question on the same passage."""
_LEAST = 4
"""Words that are no common phrase in the question and the answer together."""
_ENDS = 8
"""Words at each end of a question that are looked at apart."""
_LONGEST = 500
_BEFORE, _AFTER = 40, 150
"""Words around a question in which its answer is looked for, besides those of its options."""
_NEAR_ANSWER = 90.0
"""Least likeness, of 100, of an answer of several words to what stands in the text."""
_SEVERAL = 3


@dataclass(frozen=True, slots=True)
class Sought:
    """An item as words."""

    item: Item
    question: tuple[str, ...]
    """Of a very long one the end, where it asks."""
    right: tuple[tuple[str, ...], ...]
    options: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, item: Item) -> Sought:
        """The words of an item."""
        right = tuple(filter(None, (tuple(words_of(text)[:_LONGEST]) for text in item.right)))
        options = tuple(filter(None, (tuple(words_of(text)[:_LONGEST]) for text in item.options)))
        return cls(item, tuple(words_of(item.question)[-_LONGEST:]), right, options)

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """What rows are searched for: the question first, then what leads to one that is too short or was changed."""
        more = self.options if len(self.question) < TELLING else ()
        return (self.question, *dict.fromkeys((*self.right, *more)))


@dataclass(frozen=True, slots=True)
class Held:
    """An item that stands in a text."""

    sought: Sought
    start: int
    end: int
    """Where its question stands, with the answer if that follows."""
    with_answer: bool
    """Whether the right answer or the options stand there too."""
    missing: int
    """How many telling words of the question do not."""

    def is_better_than(self, other: Held) -> bool:
        """Whether it explains what stands where most of the other does, so that the other does not stand there."""
        shared = min(self.end, other.end) - max(self.start, other.start)
        if 2 * shared <= other.end - other.start:
            return False
        if other.with_answer:
            return self.with_answer and self.missing == 0 < other.missing
        return self.with_answer or self.missing < other.missing


class _Match(NamedTuple):
    """How a question stands in a text."""

    start: int
    end: int
    telling: int
    """How many of its words are in no common phrase."""
    missing: tuple[str, ...]
    """The telling ones that are not there."""
    gap: int
    """How many words that are not there follow upon each other, common ones too, at most."""
    is_whole: bool
    """Whether all its words are there, and as good as none between them."""

    @property
    def is_other_number(self) -> bool:
        """Whether a number is missing: the same task with other numbers is another item."""
        return any(char.isdigit() for word in self.missing for char in word)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Holds items against texts."""

    overlap: float
    """Least share of a question's words that must stand in the text in their order."""
    common_answers: frozenset[tuple[str, ...]]
    """Answers of many items, such as ``all of the above``: to find one tells nothing."""

    def held(self, sought: Sought, common: NDArray[np.bool_], text: Sequence[str], at: int) -> Held | None:
        """The item if the text holds it, its question at ``at`` or some words further on or back.

        ``common`` marks those words of the question that belong to a phrase of many items.
        """
        match = self._question(sought.question, common, text, at)
        if match is None:
            return None
        begin = max(0, match.start - _BEFORE)
        spread = sum(map(len, sought.options or sought.right)) + _AFTER
        around = f" {' '.join(text[begin : match.end + spread])} "
        ends = {answer: _end_of(answer, around) for answer in {*sought.options, *sought.right}}
        there = {answer for answer, end in ends.items() if end}
        is_answered = self._is_answered(sought, match, there)
        if not is_answered and not _tells_itself(sought, match):
            return None
        end = max((begin + ends[right] for right in sought.right if right in there), default=0)
        return Held(sought, match.start, max(match.end, end), is_answered, len(match.missing))

    def question_before(self, sought: Sought, text: Sequence[str], answer_at: int) -> int:
        """Where the question stands if anywhere, as one of its options stands at ``answer_at``."""
        from rapidfuzz import fuzz
        from rapidfuzz.distance import LCSseq

        start = max(0, answer_at - sum(map(len, sought.options)) - len(sought.question) - _BEFORE)
        before = text[start : max(0, answer_at)]
        if LCSseq.similarity(sought.question, before) < self.overlap * len(sought.question) / 2:
            return start  # where it is not; to look closer would take long
        best = fuzz.partial_ratio_alignment(sought.question, before)
        return start + best.dest_start if best else start

    def _question(
        self, question: Sequence[str], common: NDArray[np.bool_], text: Sequence[str], at: int
    ) -> _Match | None:
        from rapidfuzz.distance import LCSseq

        slack = 3 + len(question) // 4
        first = max(0, at - slack)
        window = text[first : max(0, at) + len(question) + slack]
        rare = [place for place in range(len(question)) if not common[place]]
        telling = rare if len(rare) >= _SEVERAL else list(range(len(question)))
        least = self.overlap * len(telling)
        if not telling or LCSseq.similarity(question, window) < least:
            return None
        # A word that stands there alone, its neighbours being others, is there by chance.
        blocks = [
            block
            for block in LCSseq.opcodes(question, window)
            if block.tag == "equal" and (block.src_end - block.src_start > 1 or len(question) < _LEAST)
        ]
        there = {place for block in blocks for place in range(block.src_start, block.src_end)}
        missing = [place for place in telling if place not in there]
        if len(telling) - len(missing) < least or not _has_both_ends(telling, missing):
            return None
        start, end = blocks[0].dest_start, blocks[-1].dest_end
        is_whole = len(there) == len(question) and end - start <= len(question) * (1 + _BETWEEN)
        lost = tuple(question[place] for place in missing)
        # What leads up to a question is often left out: it is the other gaps that count.
        gap = _longest_run([place for place in range(min(there), len(question)) if place not in there])
        return _Match(first + start, first + end, len(rare), lost, gap, is_whole)

    def _is_answered(self, sought: Sought, match: _Match, there: set[tuple[str, ...]]) -> bool:
        """Whether the answers that stand around the question are its own, and more than could be so by chance."""
        is_right = any(right in there for right in sought.right)
        rare = there - self.common_answers
        has_all = len(sought.options) > 1 and there.issuperset(sought.options)
        if match.is_whole and has_all and len(sought.question) >= TELLING:
            return True
        if match.telling + sum(map(len, rare)) < _LEAST:
            return False
        if match.is_whole:
            return is_right
        if any(len(right) >= _SEVERAL for right in sought.right if right in rare):
            return True
        return len(rare) >= _SEVERAL and len(there) >= len(sought.options) - 1 and not match.is_other_number


def _end_of(answer: Sequence[str], around: str) -> int:
    """After how many words an answer ends in a text of words between spaces; 0 where it does not stand there."""
    from rapidfuzz import fuzz

    joined = " ".join(answer)
    place = around.find(f" {joined} ")
    if place >= 0:
        return around.count(" ", 0, place + 1 + len(joined))
    best = fuzz.partial_ratio_alignment(joined, around, score_cutoff=_NEAR_ANSWER) if len(answer) > _SEVERAL else None
    return around.count(" ", 0, best.dest_end) if best else 0


def _tells_itself(sought: Sought, match: _Match) -> bool:
    """Whether the question alone can be no other item's, nor a common phrase."""
    if match.is_whole:
        return match.telling >= TELLING or (match.telling >= _LEAST and len(sought.question) >= LONG)
    few = len(match.missing) <= _CHANGED * match.telling and match.gap <= _MOST_IN_A_ROW
    return match.telling >= LONG and few and not match.is_other_number


def _longest_run(places: Sequence[int]) -> int:
    """How many of the places, in order, follow upon each other at most."""
    longest = run = 0
    for before, place in zip((None, *places), places, strict=False):
        run = run + 1 if before == place - 1 else 1
        longest = max(longest, run)
    return longest


def _has_both_ends(telling: Sequence[int], missing: Sequence[int]) -> bool:
    """Whether both ends of a long question are there: a text may quote what a question is about and not ask it."""
    if len(telling) < 2 * _ENDS:
        return True
    gone = set(missing)
    return all(2 * sum(place in gone for place in end) <= _ENDS for end in (telling[:_ENDS], telling[-_ENDS:]))
