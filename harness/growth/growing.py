"""Rows asked for, filtered and marked: what is kept is new, sound by the data checks, and good by a judge's grade."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.catalog import Catalog, Planned
from harness.checking.asked import asked
from harness.checking.run import check
from harness.errors import UsageError
from harness.execution.correspondence import Correspondence, Ledger
from harness.execution.score import checked
from harness.growth.recipes import Proposal, Recipe
from harness.identity import sample_id
from harness.protocols import GRADES, JudgingContext
from harness.rows import DataContext, Format, Row, Table
from harness.similarity import near_duplicates, near_matches
from harness.values import Case, Fault, JudgeModel, Prompt, Sample

CHECKS = ("schema", "truncated", "error_text", "length", "language", "pii")
"""The checks that say something of a single row, whatever the rows beside it."""
FORMS: tuple[Format, ...] = ("messages", "anthropic", "sharegpt", "alpaca", "prompt_completion", "input_output")
"""Conversations, which have a question to reword and an answer to write."""
_ROUND = 64
"""Rows that are asked for at once."""
_MOST_ASKED = 4
"""For each row that is wanted, at most so many are asked for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be grown."""

    count: int
    recipe: Recipe
    writer: JudgeModel
    """Writes the rows."""
    judge: Planned | None
    """Grades the answers; ``None`` keeps rows without a grade."""
    least_grade: float = 0.7


@dataclass(frozen=True, slots=True)
class Rejected:
    """A proposal that is not kept."""

    why: str
    row: Row | None
    parents: tuple[int, ...]
    """Lines of the rows that it came of."""


@dataclass(slots=True)
class Grown:
    """What came of it."""

    rows: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    asked: int = 0
    without: Mapping[str, str] = field(default_factory=dict)
    """Data check -> why it could not be done."""

    @property
    def reasons(self) -> Counter[str]:
        """How often a proposal was rejected for each reason."""
        return Counter(each.why for each in self.rejected)


Told = Callable[[int, int], None]
"""How many rows are kept so far, of how many that are wanted."""


def grow(
    table: Table,
    wanted: Wanted,
    held_out: Sequence[Table],
    catalog: Catalog,
    ledger: Ledger,
    *,
    told: Told = lambda done, total: None,
    on_fault: Callable[[Fault], None] = lambda fault: None,
) -> Grown:
    """Rows until so many are kept, the model has nothing more to give, or four times as many were asked for.

    A proposal is dropped that is no well-formed reply, repeats a row (of the table, of ``held_out`` or a kept one),
    in which a data check finds anything, or whose answer the judge grades lower than is wanted.
    """
    with Correspondence(catalog, ledger) as models:
        work = _Work(table, wanted, held_out, catalog, models, on_fault)
        while len(work.grown.rows) < wanted.count and work.goes_on:
            work.round()
            told(len(work.grown.rows), wanted.count)
    return work.grown


def refuse_ungrowable(table: Table) -> None:
    """Raise ``UsageError``, with the line, for rows that have no question to reword or no answer."""
    if table.unreadable:
        first = table.unreadable[0]
        raise UsageError(first.problem, path=table.path, line=first.line, remedy=first.remedy)
    for row in table.rows:
        if row.form not in FORMS or not row.answers:
            problem, remedy = f"grow makes conversations, and this row is {row.form}", f"known are {', '.join(FORMS)}"
        elif row.tools or any(message.role == "tool" for message in row.messages):
            problem, remedy = "grow cannot make rows with tools", "leave such rows out"
        elif row.prompt[-1:] and row.prompt[-1].role == "user":
            continue
        else:
            problem, remedy = "no question of the user stands before the answer", "leave such rows out"
        raise UsageError(problem, path=table.path, line=row.line, remedy=remedy)


@dataclass(slots=True)
class _Work:
    table: Table
    wanted: Wanted
    held_out: Sequence[Table]
    catalog: Catalog
    models: Correspondence
    on_fault: Callable[[Fault], None]
    grown: Grown = field(default_factory=Grown)
    _ended: bool = False
    _reason: str = "it was not asked"

    @property
    def goes_on(self) -> bool:
        return not self._ended and self.grown.asked < _MOST_ASKED * self.wanted.count

    def round(self) -> None:
        """Ask for as many as are missing, and keep what is good."""
        missing = self.wanted.count - len(self.grown.rows)
        most = min(_ROUND, missing, _MOST_ASKED * self.wanted.count - self.grown.asked)
        numbers = range(self.grown.asked, self.grown.asked + most)
        proposals = self.wanted.recipe.propose(self.table.rows, numbers, self._ask)
        self.grown.asked += most
        kept = [each for each in proposals if self._is_row(each)]
        for sieve in (self._new, self._sound, self._good):
            kept = list(sieve(kept)) if kept else []
        self.grown.rows += [each.row for each in kept if each.row is not None]

    def _ask(self, prompts: Sequence[Prompt]) -> list[str | None]:
        replies = self.models.ask(self.wanted.writer, prompts)
        failed = [reply.why_missing or "" for reply in replies if reply.text is None]
        if failed:
            self._reason = failed[0]
            self._ended = len(failed) == len(replies)  # a spent budget, a server that is gone
        return [reply.text for reply in replies]

    def _reject(self, proposal: Proposal, why: str) -> None:
        lines = tuple(parent.line for parent in proposal.parents)
        self.grown.rejected.append(Rejected(why, proposal.row, lines))

    def _is_row(self, proposal: Proposal) -> bool:
        if proposal.row is None:
            self._reject(proposal, self._reason if self._ended else proposal.why_not)
        return proposal.row is not None

    def _new(self, proposals: Sequence[Proposal]) -> Iterator[Proposal]:
        """Those that repeat nothing: neither what is there, nor what is held out, nor one another."""
        texts = [_asked(each) for each in proposals]
        known = [row.asked for row in (*self.table.rows, *self.grown.rows)]
        held = [row.asked for table in self.held_out for row in table.rows]
        near_known = {each.first for each in near_matches(texts, known)}
        near_held = {each.first for each in near_matches(texts, held)}
        near_other = {each.second for each in near_duplicates(texts)}
        for index, proposal in enumerate(proposals):
            if index in near_held:
                self._reject(proposal, "it repeats a row that is held out")
            elif index in near_known | near_other:
                self._reject(proposal, "it repeats another row")
            else:
                yield proposal

    def _sound(self, proposals: Sequence[Proposal]) -> Iterator[Proposal]:
        """Those in which no data check finds anything; they stand after the table's rows, whose habits are theirs."""
        last = max((row.line for row in self.table.rows), default=0)
        new = [replace(each.row, line=last + 1 + place) for place, each in enumerate(proposals) if each.row is not None]
        checks, without = asked(self.catalog, (), in_run=False)
        some = [each for each in checks if each.name in CHECKS]
        [found] = check([replace(self.table, rows=(*self.table.rows, *new))], some, DataContext(), processes=1)
        undone = {**without, **found.not_checked}
        self.grown.without = {name: why for name, why in undone.items() if name in CHECKS}
        wrong: dict[int, str] = {}
        for finding in found.findings:
            if finding.severity != "info":
                for spot in finding.spots:
                    wrong.setdefault(spot.line, f"{finding.check}: {finding.kind}")
        for place, proposal in enumerate(proposals):
            if (why := wrong.get(last + 1 + place)) is not None:
                self._reject(proposal, why)
            else:
                yield proposal

    def _good(self, proposals: Sequence[Proposal]) -> Iterator[Proposal]:
        """Those whose answers the judge finds good enough; without a judge all."""
        judge = self.wanted.judge
        if judge is None:
            yield from proposals
            return
        cases = [_case(each) for each in proposals]
        context = JudgingContext(self.models.ask, "grow", self.wanted.recipe.seed)
        scores = checked(
            lambda: judge.instance.grade(cases, context),
            [case.sample.id for case in cases],
            GRADES.bounds,
            judge,
            "judge",
            self.on_fault,
        )
        for proposal, score in zip(proposals, scores, strict=True):
            if score.value is None:
                self._reject(proposal, f"the judge gave no grade: {score.why_missing}")
            elif score.value < self.wanted.least_grade:
                self._reject(proposal, f"the judge's grade is below {self.wanted.least_grade:g}")
            else:
                yield proposal


def _asked(proposal: Proposal) -> str:
    return "" if proposal.row is None else proposal.row.asked


def _case(proposal: Proposal) -> Case:
    """The new answer to the new question, without the old answer as a reference: it is what is to be graded."""
    row = proposal.row
    assert row is not None
    return Case(Sample(sample_id(row.prompt, (row.answered,)), row.prompt, ()), (row.answered,))


def rejected_lines(grown: Grown) -> Iterator[Mapping[str, object]]:
    """What was not kept, as the rows of a file."""
    for each in grown.rejected:
        said = {} if each.row is None else {"asked": each.row.asked, "answered": each.row.answered}
        yield {"why": each.why, "parents": list(each.parents), **said}


def notebook_of(output: Path) -> Path:
    """Where the replies behind a grown file are kept."""
    return output.with_name(f"{output.name}.replies.jsonl")
