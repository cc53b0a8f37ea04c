"""Rows that ask what a row asks by which models are judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from harness import DataContext, Finding, Severity, Spot, Table, folded, near_matches
from harness_datachecks.questions import asking_for_variety, last_turns_alike, question
from harness_datachecks.wording import counted, excerpt


@dataclass(frozen=True)
class Leakage:
    """Rows that stand in a held-out table too, word for word or nearly: what is asked counts, whatever the answer.

    The answer counts too where a question asks for variety, with more than 20 answers: ``Write a joke.`` A training row
    is held against validation, test and whatever else judges; of two held-out tables, one against the other, the test
    table last. It is the training row that is to go, never the test row.
    """

    name: ClassVar[str] = "leakage"
    requires_packages: ClassVar[tuple[str, ...]] = ("rensa",)
    in_runs: ClassVar[bool] = True

    near: float = 0.8
    """From this similarity on, above 0 and up to 1, two questions count as nearly the same."""

    def __post_init__(self) -> None:
        if not 0 < self.near <= 1:
            raise ValueError(f"near is a similarity above 0 and up to 1, not {self.near}; write 0.8 or so")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """One finding for each table that rows are shared with, exact and near apart.

        Each row concerned is in a spot, and each held-out row; of copies on both sides the first stands for the others.
        """
        judges = {judge.name: judge for judge in _judges_of(table, context)}
        found: dict[str, dict[bool, list[_Pair]]] = {name: {True: [], False: []} for name in judges}
        for name, pair, is_exact in self._pairs(table, judges):
            found[name][is_exact].append(pair)
        return tuple(
            finding
            for name, pairs in found.items()
            for finding in _told(table, judges[name], pairs[True], pairs[False])
        )

    def _pairs(self, table: Table, judges: Mapping[str, Table]) -> Iterator[tuple[str, _Pair, bool]]:
        """Rows of the table with rows of a judge, and whether they are equal but for case and punctuation."""
        if not judges:
            return
        everywhere = [(name, index, row) for name, judge in judges.items() for index, row in enumerate(judge.rows)]
        every = [*table.rows, *(row for _, _, row in everywhere)]
        texts = [question(row) for row in every]
        asked = [folded(text) for text in texts]
        various = asking_for_variety(every, asked)
        for index, (row, text) in enumerate(zip(every, asked, strict=True)):
            if text in various:
                texts[index] = f"{texts[index]}\n{row.answered}"
                asked[index] = folded(texts[index])
        border = len(table.rows)
        ours: dict[str, list[int]] = defaultdict(list)
        theirs: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        first_text: dict[str, str] = {}
        for index, text in enumerate(asked[:border]):
            ours[text].append(index)
        for (name, index, _), text in zip(everywhere, asked[border:], strict=True):
            theirs[text][name].append(index)
        for text, said in zip(asked, texts, strict=True):
            first_text.setdefault(text, said)
        one, other = list(ours), list(theirs)
        for first, second, _ in near_matches(
            [first_text[text] for text in one], [first_text[text] for text in other], least=self.near
        ):
            rows, is_exact = ours[one[first]], one[first] == other[second]
            for name, items in theirs[other[second]].items():
                if is_exact or last_turns_alike(table.rows[rows[0]], judges[name].rows[items[0]], self.near):
                    yield from ((name, pair, is_exact) for pair in _each_with_the_first(rows, items))


def _told(table: Table, other: Table, exact: Sequence[_Pair], near: Sequence[_Pair]) -> Iterator[Finding]:
    if exact:
        yield _finding(table, other, exact, "leaked rows", ("stands in", "stand in"), "error")
    leaked, spoilt = {pair.row for pair in exact}, {pair.other for pair in exact}
    # a row that is told already may still be the only one that spoils another item
    if near := [pair for pair in near if pair.row not in leaked or pair.other not in spoilt]:
        words = ("says nearly what stands in", "say nearly what stands in")
        yield _finding(table, other, near, "nearly leaked rows", words, "warning")


class _Pair(NamedTuple):
    """A row and the other table's row, by index."""

    row: int
    other: int


def _judges_of(table: Table, context: DataContext) -> Iterator[Table]:
    """The held-out tables that the table must keep away from; each pair of held-out ones is told once."""
    for name in sorted(context.held_out & context.others.keys() - {table.name}):
        if table.name not in context.held_out or _worth(table.name) < _worth(name):
            yield context.others[name]


def _worth(name: str) -> tuple[bool, str]:
    """Of two held-out tables the lesser gives way: what tests is last to be touched."""
    return "test" in name.lower(), name


def _each_with_the_first(rows: Sequence[int], items: Sequence[int]) -> Iterator[_Pair]:
    yield from (_Pair(rows[0], item) for item in items)
    yield from (_Pair(row, items[0]) for row in rows[1:])


def _finding(
    table: Table, other: Table, pairs: Sequence[_Pair], kind: str, words: tuple[str, str], severity: Severity
) -> Finding:
    rows, items = {pair.row for pair in pairs}, {pair.other for pair in pairs}
    spots = tuple(
        Spot(
            table.rows[pair.row].line,
            excerpt(question(table.rows[pair.row])),
            other.name,
            other.rows[pair.other].line,
            remove=True,
        )
        for pair in sorted(pairs)
    )
    theirs = "1 of its rows" if len(items) == 1 else f"{len(items):,} of its rows"
    return Finding(
        kind,
        severity,
        f"{counted(len(rows), len(table.rows), *words)} {other.name} ({theirs}): such an item measures memory",
        f"leave these rows out of {table.name}: harness data clean",
        spots,
        {"rows": float(len(rows)), "items": float(len(items)), "share": len(rows) / len(table.rows)},
    )
