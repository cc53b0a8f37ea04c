"""Answers that stop before they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from harness import DataContext, Finding, Spot, Table
from harness_datachecks import wording
from harness_datachecks.breaks import LEAST_CUT, Ending, cut_words, ending_of, spike
from harness_datachecks.texts import last_answer
from harness_datachecks.wording import counted

_NO_MARK = "no mark ends the last sentence"
_CUT_WORD = "it ends in the middle of a word"
_REMEDY = "make the answers again with more room, or leave the rows out"
_LEAST_ANSWERS = 20


class _Answer(NamedTuple):
    line: int
    text: str
    ending: Ending


@dataclass(frozen=True)
class Truncated:
    """Answers that break off: open code, JSON or brackets, an ending that goes on, one length that many have."""

    name: ClassVar[str] = "truncated"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = True

    habit: float = 0.7
    """Where at least this share of a table's longer answers ends with a mark, sentences without one are broken off."""

    def __post_init__(self) -> None:
        if not 0 < self.habit <= 1:
            raise ValueError(f"habit is a share of answers above 0 and up to 1, not {self.habit}")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """At most two findings: answers that break off, and answers cut at one length."""
        answers = [
            _Answer(row.line, text, ending_of(text)) for row in table.rows if (text := last_answer(row)) is not None
        ]
        return (*self._broken(answers), *_cut(answers))

    def _broken(self, answers: Sequence[_Answer]) -> Iterator[Finding]:
        signs = self._signs(answers)
        spots = tuple(
            Spot(answer.line, f"{sign}: {wording.ending(answer.text)}")
            for answer, sign in zip(answers, signs, strict=True)
            if sign
        )
        if not spots:
            return
        kinds = Counter(sign if "'" not in sign else "it ends with a joining word" for sign in signs if sign)
        ranked = sorted(kinds, key=lambda kind: (-kinds[kind], kind))
        told = ", ".join(f"{kind} ({kinds[kind]:,})" for kind in ranked[:4])
        message = f"{counted(len(spots), len(answers), 'breaks off', 'break off', 'answer')}: {told}"
        figures = {"answers": float(len(spots)), "share": len(spots) / len(answers)}
        yield Finding("answers that break off", "warning", message, _REMEDY, spots, figures)

    def _signs(self, answers: Sequence[_Answer]) -> list[str]:
        """What shows that each of them breaks off; nothing where it does not."""
        marked = [answer.ending.has_mark for answer in answers if answer.ending.has_mark is not None]
        has_habit = len(marked) >= _LEAST_ANSWERS and sum(marked) >= self.habit * len(marked)
        of_bare = _NO_MARK if has_habit else ""
        bare = [answer.text for answer in answers if answer.ending.is_bare]
        cut = iter(cut_words(bare, lambda: (answer.text for answer in answers)))
        return [
            (_CUT_WORD if next(cut) else of_bare) if answer.ending.is_bare else answer.ending.sign for answer in answers
        ]


def _cut(answers: Sequence[_Answer]) -> Iterator[Finding]:
    """Answers cut at a number of characters or words: far more have it than have one near it, and most break off."""
    long = {answer.text: answer for answer in reversed(answers) if len(answer.text) >= LEAST_CUT}
    texts = list(long)
    for unit, lengths in (
        ("characters", [len(text) for text in texts]),
        ("words", [len(text.split()) for text in texts]),
    ):
        found = spike(lengths)
        if found is None:
            continue
        alike = [long[text] for text, length in zip(texts, lengths, strict=True) if length == found.length]
        broken = [answer for answer in alike if answer.ending.sign or answer.ending.is_bare]
        if 2 * len(broken) < len(alike):
            continue
        spots = tuple(sorted((Spot(each.line, wording.ending(each.text)) for each in broken), key=lambda s: s.line))
        has = f"exactly {found.length:,} {unit}, where {found.expected:.1f} would be expected"
        message = counted(len(alike), len(answers), f"has {has}", f"have {has}", "answer")
        figures = {"length": float(found.length), "answers": float(len(alike)), "expected": found.expected}
        yield Finding("answers of one length", "warning", message, _REMEDY, spots, figures)
        return
