"""Training rows that hold what models are judged by: items of public benchmarks and of the suite's own tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, NamedTuple

from harness import DataContext, Finding, Row, Spot, Table, ToolMessage
from harness_datachecks.benchmark_items import of_row, of_sample
from harness_datachecks.containment import Held, Matcher, Sought
from harness_datachecks.phrases import Hits, Part, PhraseIndex, words_of
from harness_datachecks.wording import counted

_MOST_OWNERS = 4
"""Items of one benchmark that may share a phrase; what more of them say is a common phrase."""
_MOST_ROWS, _MOST_SHARE = 50, 0.01
"""So often a phrase may stand in the rows; beyond both it is their template."""
_FEWEST_WORDS = 3
_PIECE, _LAP = 200_000, 20_000
"""Characters of a very long row that are looked through at a time, and how many the next piece sees again."""
_LONGER = 1.25
"""A row whose question has fewer times the words of a held-out row's is the like of it: a leak, not containment."""
_EVIDENCE_WORDS, _EVIDENCE = 24, 120


class _Piece(NamedTuple):
    """A stretch of a row's text."""

    row: int
    start: int
    end: int


@dataclass(frozen=True)
class Contamination:
    """Rows that hold an item of a benchmark, or of a held-out table within a longer text.

    Rows are streamed past an index of the items' phrases, as GPT-3 did with 8 to 13 words (Brown et al., 2020,
    appendix C) and PaLM with 8 (Chowdhery et al., 2022, section 8); what shares a phrase is then held against the item
    word by word. Since a phrase is no verdict here, a short one is enough: longer ones miss many contaminated items
    (Singh et al., 2024, "Evaluation data contamination in LLMs", arXiv:2411.03923).

    A question of eight telling words or more is found without its options. A shorter one, or one that is made of common
    phrases, counts only where its right answer stands with it, or its options. Options may come in any order and with
    any labels. Rows that say an item in other words are not found.
    """

    name: ClassVar[str] = "contamination"
    requires_packages: ClassVar[tuple[str, ...]] = ("rapidfuzz",)
    in_runs: ClassVar[bool] = True

    words: int = 5
    """Words in a row that a row and an item must share before they are held against each other.

    Fewer find items of which more words were changed, and take longer; phrases of many items do not count.
    """
    overlap: float = 0.8
    """Share of the words of an item's question that must stand in the row, in their order."""

    def __post_init__(self) -> None:
        if not 3 <= self.words <= 50:
            raise ValueError(f"words is {self.words}; write 3 to 50, as 5 or 8")
        if not 0.5 <= self.overlap <= 1:
            raise ValueError(f"overlap is {self.overlap}; write a share from 0.5 to 1")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """A finding for every benchmark or held-out table of which rows hold items; none in a held-out table itself."""
        if table.name in context.held_out:
            return ()
        others = {name: other for name, other in sorted(context.others.items()) if name in context.held_out}
        missing = [_not_looked_for(name, why) for name, why in context.benchmarks_missing.items()]
        if not context.benchmarks and not others:
            return missing or [_NOTHING_GIVEN]
        items = [of_sample(name, sample) for name, samples in context.benchmarks.items() for sample in samples]
        items += [of_row(name, row) for name, other in others.items() for row in other.rows]
        sought = [Sought.of(item) for item in items]
        found = self._found(table, sought)
        sources = {**{name: len(each) for name, each in context.benchmarks.items()}}
        sources |= {name: len(other.rows) for name, other in others.items()}
        return [
            *(self._finding(name, total, table, found[name]) for name, total in sources.items() if found.get(name)),
            *missing,
            *_too_short(sought),
        ]

    def _found(self, table: Table, sought: Sequence[Sought]) -> dict[str, list[tuple[int, Held, str]]]:
        """By source the rows (by index) with what they hold, and how it stands there."""
        numbers = {name: number for number, name in enumerate(dict.fromkeys(each.item.source for each in sought))}
        parts = [
            Part(text, owner, numbers[each.item.source]) for owner, each in enumerate(sought) for text in each.parts
        ]
        # Where each item's parts begin: its question comes first.
        firsts = list(accumulate((len(each.parts) for each in sought), initial=0))
        index = PhraseIndex(parts, self.words, _MOST_OWNERS)
        pieces: list[_Piece] = []
        hits = index.hits(_streamed(table.rows, pieces), max(_MOST_ROWS, int(_MOST_SHARE * len(table.rows))))
        matcher = Matcher(self.overlap, _common_answers(sought))
        found: dict[str, list[tuple[int, Held, str]]] = defaultdict(list)
        for number, candidates in _by_text(hits, parts):
            piece = pieces[number]
            row = table.rows[piece.row]
            text = words_of(_text(row)[piece.start : piece.end])
            held = []
            for owner, (in_question, in_answer) in candidates.items():
                each, common = sought[owner], index.common[firsts[owner]]
                places = in_question or [matcher.question_before(each, text, at) for at in in_answer[:2]]
                for at in places:
                    one = matcher.held(each, common, text, at)
                    if one is not None and not _is_its_like(row, each, self.overlap):
                        held.append(one)
                        break
            for one in _best(held):
                excerpt = " ".join(text[one.start : one.end][:_EVIDENCE_WORDS])[:_EVIDENCE]
                found[one.sought.item.source].append((piece.row, one, excerpt))
        return found

    def _finding(self, source: str, total: int, table: Table, found: Sequence[tuple[int, Held, str]]) -> Finding:
        spots: dict[tuple[int, str | int | None], Spot] = {}
        for row, held, excerpt in found:
            item = held.sought.item
            identity = item.sample if item.line is None else item.line
            spot = Spot(table.rows[row].line, excerpt, source, item.line, item.sample, remove=True)
            spots.setdefault((row, identity), spot)
        rows, items = len({row for row, _ in spots}), len({identity for _, identity in spots})
        what = f"an item of {source}" if items == 1 else f"{items:,} of the {total:,} items of {source}"
        message = counted(rows, len(table.rows), f"holds {what}", f"hold {what}")
        remedy = f"leave these rows out of the training data, or take {source} for no judge of the model"
        figures = {"rows": rows, "items": items, "share": rows / len(table.rows), "overlap": self.overlap}
        return Finding("contamination", "error", message, remedy, tuple(spots.values()), figures)


_NOTHING_GIVEN = Finding(
    "contamination",
    "info",
    "nothing was looked for: no benchmark and no held-out table is given",
    "name benchmarks in the suite or check the test data together with the training data",
)


def _not_looked_for(benchmark: str, why: str) -> Finding:
    return Finding("contamination", "info", f"{benchmark} was not looked for: {why}")


def _too_short(sought: Sequence[Sought]) -> Iterator[Finding]:
    """What no phrase can be had of."""
    short = Counter(each.item.source for each in sought if all(len(part) < _FEWEST_WORDS for part in each.parts))
    for source, count in short.items():
        what = "item was" if count == 1 else "items were"
        message = f"{count:,} {what} not looked for in longer rows, being too short: fewer than {_FEWEST_WORDS} words"
        yield Finding("contamination", "info", f"{source}: {message}", figures={"items": count})


def _text(row: Row) -> str:
    """All that a row says."""
    said = [row.text or ""]
    for message in (*row.messages, *row.rejected):
        said.append(message.content)
        if isinstance(message, ToolMessage):
            said += [call.arguments for call in message.calls]
    return "\n".join((*said, *row.choices))


def _streamed(rows: Sequence[Row], pieces: list[_Piece]) -> Iterator[list[str]]:
    """The words of each piece of a row in turn; notes the pieces down as they go by."""
    for number, row in enumerate(rows):
        text = _text(row)
        for start in range(0, max(1, len(text) - _LAP), _PIECE - _LAP):
            piece = _Piece(number, start, min(len(text), start + _PIECE))
            pieces.append(piece)
            yield words_of(text[piece.start : piece.end])


_Candidates = dict[int, tuple[list[int], list[int]]]


def _by_text(hits: Hits, parts: Sequence[Part]) -> Iterator[tuple[int, _Candidates]]:
    """For each text the items of which it may hold one: where the question would begin, and where an answer stands."""
    number, candidates = -1, _Candidates()
    is_question = [index == 0 or parts[index - 1].owner != part.owner for index, part in enumerate(parts)]
    columns = (hits.texts, hits.places, hits.parts, hits.offsets)
    for text, place, part, offset in zip(*(column.tolist() for column in columns), strict=True):
        if text != number:
            if candidates:
                yield number, candidates
            number, candidates = text, {}
        in_question, in_answer = candidates.setdefault(parts[part].owner, ([], []))
        starts = in_question if is_question[part] else in_answer
        # A text may say an item twice, and a phrase in passing before; more tries than a few tell nothing new.
        if len(starts) < 4 and place - offset not in starts:
            starts.append(place - offset)
    if candidates:
        yield number, candidates


def _common_answers(sought: Sequence[Sought]) -> frozenset[tuple[str, ...]]:
    counts = Counter(option for each in sought for option in {*each.options, *each.right})
    return frozenset(option for option, count in counts.items() if count > _MOST_OWNERS)


def _is_its_like(row: Row, sought: Sought, overlap: float) -> bool:
    """Whether the row asks what a held-out row asks and little more, which the leakage check tells."""
    from rapidfuzz.distance import LCSseq

    if sought.item.line is None:
        return False
    asked = words_of(row.asked[:_PIECE])
    is_short = len(asked) <= _LONGER * (len(sought.question) + sum(map(len, sought.options)))
    return is_short and LCSseq.similarity(sought.question, asked) >= overlap * len(sought.question)


def _best(held: Sequence[Held]) -> list[Held]:
    """Without those in whose place another item stands: scenes go on from scene to scene, questions have siblings."""
    return [each for each in held if not any(other.is_better_than(each) for other in held)]
