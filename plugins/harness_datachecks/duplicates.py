"""Rows that say what another row says, word for word or nearly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import ClassVar

from harness import Alike, DataContext, Finding, Row, Spot, Table, ToolMessage, folded, groups, near_duplicates
from harness_datachecks.questions import alike, last_turns_alike, question, rules
from harness_datachecks.wording import counted, excerpt


@dataclass(frozen=True)
class Duplicates:
    """Rows whose question and answer another row has already: equal but for case, punctuation and spacing, or nearly.

    Repeated rows are learnt by heart, and weigh more than others. Cleaning keeps the first of each: it leaves out those
    whose question and whose answer both say nearly what that one's say.
    """

    name: ClassVar[str] = "duplicates"
    requires_packages: ClassVar[tuple[str, ...]] = ("rensa",)
    in_runs: ClassVar[bool] = True

    near: float = 0.8
    """From this similarity on, above 0 and up to 1, texts are nearly the same; question and answer both must be."""
    most_exact: float = 0.0
    """The share of rows that may repeat another; up to it they are only told."""
    most_near: float = 0.02
    """The share of rows that may nearly repeat another; up to it they are only told."""

    def __post_init__(self) -> None:
        if not 0 < self.near <= 1:
            raise ValueError(f"near is a similarity above 0 and up to 1, not {self.near}; write 0.8 or so")
        for name in ("most_exact", "most_near"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share of rows from 0 to 1, not {getattr(self, name)}; 0.02 is 2 %")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """Every later copy, with the line of the earliest row that it repeats."""
        rows = table.rows
        pairs = near_duplicates([_whole(row) for row in rows], least=self.near)
        exact = _exact(rows, groups(len(rows), [pair for pair in pairs if pair.similarity == 1]))
        alike = [pair for pair in pairs if self._says_the_same(rows[pair.first], rows[pair.second])]
        kept = groups(len(rows), [*alike, *(Alike(first, index, 1) for index, first in exact.items())])
        near = {index: first for index, first in enumerate(kept) if first != index and index not in exact}
        safe = {index for index, first in near.items() if self._says_the_same(rows[first], rows[index])}
        words, nearly = ("repeats another", "repeat another"), ("nearly repeats another", "nearly repeat another")
        return (
            *_told(table, exact, exact.keys(), "exact duplicates", words, self.most_exact),
            *_told(table, near, safe, "near duplicates", nearly, self.most_near),
        )

    def _says_the_same(self, one: Row, other: Row) -> bool:
        """Whether no part says something else, which the whole may hide: a short answer, the last of many turns."""
        parts = ((question(one), question(other)), (one.answered, other.answered), (_rejected(one), _rejected(other)))
        return (
            (rules(one), _exactly(one)) == (rules(other), _exactly(other))
            and all(alike(ours, theirs, self.near) for ours, theirs in parts)
            and last_turns_alike(one, other, self.near)
        )


def _exact(rows: Sequence[Row], same_words: Sequence[int]) -> dict[int, int]:
    """Row -> the earliest that says the same in each part, of those that are the same as a whole."""
    together: dict[int, list[int]] = defaultdict(list)
    for index, first in enumerate(same_words):
        together[first].append(index)
    found: dict[int, int] = {}
    for group in together.values():
        first_saying: dict[tuple[str, ...], int] = {}
        for index in group if len(group) > 1 else ():
            earliest = first_saying.setdefault(_said(rows[index]), index)
            if earliest != index:
                found[index] = earliest
    return found


def _said(row: Row) -> tuple[str, ...]:
    """What must be equal in two rows that are one."""
    texts = (folded(text) for text in (row.asked, row.answered, _rejected(row), *row.choices))
    roles = "".join(message.role[0] for message in row.messages) if len(row.messages) > 2 else ""
    return (rules(row), roles, *texts, *_exactly(row))


def _exactly(row: Row) -> tuple[str, str]:
    """What no likeness makes up for: the class, and calls of tools."""
    calls = "\n".join(
        f"{call.name} {call.arguments}"
        for message in row.messages
        if isinstance(message, ToolMessage)
        for call in message.calls
    )
    return "" if row.label is None else repr(row.label), calls


def _rejected(row: Row) -> str:
    return "\n".join(message.content for message in row.rejected)


def _whole(row: Row) -> str:
    return row.text if row.text is not None else f"{question(row)}\n{row.answered}"


def _told(
    table: Table, later: Mapping[int, int], safe: Set[int], kind: str, words: tuple[str, str], most: float
) -> Iterator[Finding]:
    """``safe`` are those that say what the kept one says, not only what another says that is like it."""
    if not later:
        return
    rows = table.rows
    share = len(later) / len(rows)
    spots = tuple(
        Spot(rows[index].line, excerpt(_whole(rows[index])), None, rows[earliest].line, remove=index in safe)
        for index, earliest in sorted(later.items())
    )
    yield Finding(
        kind,
        "warning" if share > most else "info",
        counted(len(later), len(rows), *words),
        "keep the first of each: harness data clean",
        spots,
        {"rows": float(len(later)), "share": share, "limit": most},
    )
