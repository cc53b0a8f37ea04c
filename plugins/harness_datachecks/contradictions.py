"""One question, two answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from harness import DataContext, Finding, Row, Spot, Table, folded, how_alike, near_duplicates
from harness_datachecks.questions import alike, asking_for_variety, last_turns_alike, question, rules
from harness_datachecks.wording import counted, excerpt

Kind = Literal["sure", "possible"]
_SHORT_WORDS = 3
"""An answer of so many words at most is a label, a name or a number: another one is another answer."""
_UNLIKE = 0.5
"""Below this likeness two longer answers say different things."""
_EVIDENCE = 50


@dataclass(frozen=True)
class Contradictions:
    """Rows that ask the same, or nearly, and answer differently: a model can learn only one of them.

    A class, a choice or an answer of at most three words that differs is surely a contradiction, and so are a
    completion that is liked and disliked and two answers of which each is preferred to the other. Two longer answers
    may both be right, as of creative tasks; they are told where they have little in common. A question that is answered
    in more than 20 ways asks for variety.
    """

    name: ClassVar[str] = "contradictions"
    requires_packages: ClassVar[tuple[str, ...]] = ("rensa",)
    in_runs: ClassVar[bool] = True

    near: float = 0.9
    """From this similarity on, above 0 and up to 1, two questions count as the same."""

    def __post_init__(self) -> None:
        if not 0 < self.near <= 1:
            raise ValueError(f"near is a similarity above 0 and up to 1, not {self.near}; write 0.9 or so")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """Every row that another one contradicts, those that surely do apart from those that may."""
        found: dict[int, _Contradiction] = {}
        for pair in (*self._same_question(table.rows), *_turned_round(table.rows)):
            for told in (pair, _Contradiction(pair.other, pair.row, pair.kind)):
                if told.row not in found or told.weight < found[told.row].weight:
                    found[told.row] = told
        return (
            *_told(table, [each for each in found.values() if each.kind == "sure"], "contradictions"),
            *_told(table, [each for each in found.values() if each.kind == "possible"], "differing answers"),
        )

    def _same_question(self, rows: Sequence[Row]) -> Iterator[_Contradiction]:
        """Every wording of a question: each row against the first of each other answer."""
        answering = [index for index, row in enumerate(rows) if _answers_one(row)]
        asked = {index: folded(_text(rows[index])) for index in answering}
        various = asking_for_variety([rows[index] for index in answering], list(asked.values()))
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index, text in asked.items():
            if text and text not in various:
                groups[text, rules(rows[index])].append(index)
        wordings = list(groups.values())
        for group in wordings:
            if len(group) > 1:
                yield from _against_each(rows, group, group)
        for first, second, _ in near_duplicates([_text(rows[group[0]]) for group in wordings], least=self.near):
            one, other = wordings[first], wordings[second]
            if self._ask_the_same(rows[one[0]], rows[other[0]]):
                yield from _against_each(rows, one, other)
                yield from _against_each(rows, other, one)

    def _ask_the_same(self, one: Row, other: Row) -> bool:
        """Whether no part is another, which the whole may hide."""
        is_liked = "kto" in (one.form, other.form)
        return (
            rules(one) == rules(other)
            and last_turns_alike(one, other, self.near)
            and (not is_liked or alike(one.answered, other.answered, self.near))
        )


class _Contradiction(NamedTuple):
    """Two rows by index."""

    row: int
    other: int
    kind: Kind

    @property
    def weight(self) -> tuple[bool, int]:
        """The least of a row's is told: a sure one, and of these the first in the file."""
        return self.kind != "sure", self.other


def _answers_one(row: Row) -> bool:
    """Whether it is one question with one answer: of preferences many may stand beside each other."""
    return row.text is None and bool(row.answered) and row.form != "preference"


def _text(row: Row) -> str:
    """What must be the same for two rows to contradict each other; of what people liked, the completion too."""
    return f"{question(row)}\n{row.answered}" if row.form == "kto" else question(row)


def _answer(row: Row) -> str:
    """What differs in two rows that contradict each other."""
    return repr(row.label) if row.form == "kto" else folded(row.answered)


def _against_each(rows: Sequence[Row], group: Sequence[int], others: Sequence[int]) -> Iterator[_Contradiction]:
    """Each row of a group against the first of each other answer among the others."""
    firsts: dict[str, int] = {}
    for index in others:
        firsts.setdefault(_answer(rows[index]), index)
    told: dict[str, list[tuple[int, Kind]]] = {}
    for index in group:
        answer = _answer(rows[index])
        if answer not in told:
            against = (
                (first, _contradict(rows[index], rows[first])) for each, first in firsts.items() if each != answer
            )
            told[answer] = [(first, kind) for first, kind in against if kind]
        yield from (_Contradiction(index, first, kind) for first, kind in told[answer])


def _contradict(one: Row, other: Row) -> Kind | None:
    short = max(len(row.answered.split(maxsplit=_SHORT_WORDS)) for row in (one, other)) <= _SHORT_WORDS
    if one.choices or one.label is not None or short:
        return "sure"
    return "possible" if how_alike(one.answered, other.answered, least=_UNLIKE) < _UNLIKE else None


def _turned_round(rows: Sequence[Row]) -> Iterator[_Contradiction]:
    """Pairs of preferences of which one prefers what the other rejects."""
    first: dict[tuple[str, str, str], int] = {}
    for index, row in enumerate(rows):
        if row.rejected:
            asked, chosen, rejected = f"{rules(row)}\n{folded(question(row))}", folded(row.answered), _rejected(row)
            if chosen != rejected and (other := first.get((asked, rejected, chosen))) is not None:
                yield _Contradiction(index, other, "sure")
            first.setdefault((asked, chosen, rejected), index)


def _told(table: Table, found: Sequence[_Contradiction], kind: str) -> Iterator[Finding]:
    if not found:
        return
    spots = tuple(
        Spot(table.rows[row].line, _both(table.rows[row], table.rows[other]), None, table.rows[other].line)
        for row, other, _ in sorted(found)
    )
    is_sure = kind == "contradictions"
    words = "otherwise than another row does" if is_sure else "with hardly a word of what another row answers"
    yield Finding(
        kind,
        "warning" if is_sure else "info",
        counted(len(found), len(table.rows), f"answers a question {words}", f"answer a question {words}"),
        "decide which answer is right, and leave the other row out"
        if is_sure
        else "look whether both answers are right",
        spots,
        {"rows": float(len(found)), "share": len(found) / len(table.rows)},
    )


def _both(row: Row, other: Row) -> str:
    ours, theirs = (str(each.label) if each.form == "kto" else each.answered for each in (row, other))
    return f"{excerpt(ours, _EVIDENCE)} | there: {excerpt(theirs, _EVIDENCE)}"


def _rejected(row: Row) -> str:
    return folded("\n".join(message.content for message in row.rejected))
