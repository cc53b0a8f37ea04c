"""What every data check promises, as tests that a plugin's author inherits.

    from harness.testing import DataCheckContract, chat_row, table_of

    class TestShouting(DataCheckContract):
        data_check = Shouting
        examples = (table_of(chat_row(1, "Where is it?", "IT IS NOT HERE")),)

Nothing here needs more than plain ``assert``-style errors, so any test runner will do.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, get_args

from harness.protocols import DataCheck
from harness.rows import DataContext, Finding, Row, Spot, Table
from harness.testing.demands import demand, is_needed, told_options
from harness.testing.isolation import heavy_imports
from harness.testing.tables import CONTEXT, EMPTY, HOSTILE, MEGABYTE, TABLES, UNREADABLE
from harness.values import Severity

SHORT = 120
"""Characters that the evidence of a spot has at most."""
MOST_BINS = 20
"""Bins that a histogram has at most."""


class DataCheckContract:
    """The promises of a data check, one test each; subclass it, name the ``data_check``, and add ``examples``."""

    data_check: ClassVar[type[DataCheck]]
    options: ClassVar[Mapping[str, Any]] = {}
    """What the check is made with; needed where an option has no default."""
    examples: ClassVar[Sequence[Table]] = ()
    """Tables that show what this check is about, besides those that every check gets."""
    context: ClassVar[DataContext] = CONTEXT
    """What the check is told besides its table."""

    def test_it_has_a_docstring(self) -> None:
        """``harness plugins`` shows the first line."""
        own = self.data_check.__dict__.get("__doc__") or ""
        signature = f"{self.data_check.__name__}("  # what dataclass writes where nobody wrote anything
        demand(bool(own.strip()) and not own.startswith(signature), f"{self._who} has no docstring")

    def test_it_is_a_frozen_dataclass(self) -> None:
        """Its fields are its options, and no table can change them."""
        parameters = getattr(self.data_check, "__dataclass_params__", None)
        demand(bool(parameters and parameters.frozen), f"{self._who} is not a @dataclass(frozen=True)")

    def test_its_facts_stand_in_the_class(self) -> None:
        """A plain name, distribution names, and whether a run does it unasked."""
        name, packages = self.data_check.name, self.data_check.requires_packages
        demand(bool(re.fullmatch(r"[a-z][a-z0-9_@.-]*", name)), f"{name!r} is not a plain lower-case name")
        demand(isinstance(packages, tuple), "requires_packages is not a tuple")
        demand(all(isinstance(each, str) for each in packages), "requires_packages holds what is no name")
        demand(isinstance(self.data_check.in_runs, bool), "in_runs is neither True nor False")

    def test_each_option_has_a_default_or_a_docstring(self) -> None:
        """A user who reads ``harness plugins`` can tell what to write."""
        options = dataclasses.fields(self.data_check)  # type: ignore[arg-type]
        bare = {option.name for option in options if is_needed(option)}
        untold = sorted(bare - told_options(self.data_check)) if bare else []
        demand(not untold, f"{self._who} has options without default and docstring: {', '.join(untold)}")

    def test_no_option_is_called_severity(self) -> None:
        """A suite says it for each check, and the harness puts it in the place of the check's own."""
        names = {option.name for option in dataclasses.fields(self.data_check)}  # type: ignore[arg-type]
        demand("severity" not in names, f"{self._who} has an option 'severity', which suites could never set")

    def test_it_imports_nothing_heavy(self) -> None:
        """Importing and making it leaves torch and its kin alone: every command would wait for them."""
        heavy = heavy_imports(self.data_check, self.options)
        demand(not heavy, f"making {self._who} imports {', '.join(heavy)}; import it in the method that needs it")

    def test_it_finds_something(self) -> None:
        """In one of the examples at least; in each of its own, if it has some."""
        for table in self.examples:
            demand(bool(self._findings(table)), f"{self._who} finds nothing in its example {table.name!r}")
        found = [each for table in self._tables for each in self._findings(table)]
        demand(bool(found), f"{self._who} finds nothing in any table; add one of its own to `examples`")

    def test_the_same_rows_give_the_same_findings(self) -> None:
        """Twice, and from a new instance."""
        for table in self._tables:
            same = self._findings(table) == self._findings(table)
            demand(same, f"{self._who} finds something else in {table.name!r} a second time")

    def test_the_order_of_the_rows_changes_lines_only(self) -> None:
        """What is found, how grave and how often is the same in a file that is turned round."""
        for table in self._tables:
            there, back = self._told(table), self._told(_turned_round(table))
            demand(there == back, f"{self._who} finds {there} in {table.name!r}, and turned round {back}")

    def test_findings_are_sentences_with_a_remedy(self) -> None:
        """A short kind, a known severity, a message on one line, a remedy unless it only tells."""
        for table in (*self._tables, *HOSTILE, EMPTY, UNREADABLE):
            for finding in self._findings(table):
                what = f"{self._who}: the finding {finding.kind!r} in {table.name!r}"
                demand(finding.severity in get_args(Severity), f"{what} has the severity {finding.severity!r}")
                demand(1 <= len(finding.kind.split()) <= 6 and len(finding.kind) <= 60, f"{what} is no short kind")
                is_line = bool(finding.message.strip()) and len(finding.message.splitlines()) == 1
                demand(is_line, f"{what} has a message that is no sentence: {finding.message!r}")
                demand(finding.severity == "info" or bool(finding.remedy.strip()), f"{what} has no remedy")
                demand(len(finding.remedy.splitlines()) <= 1, f"{what} has a remedy of several lines")

    def test_figures_are_numbers(self) -> None:
        """Finite ones; a histogram has a few named bins with how many rows there are."""
        for table in (*self._tables, *HOSTILE):
            for finding in self._findings(table):
                what = f"{self._who}: the finding {finding.kind!r} in {table.name!r}"
                for name, value in finding.figures.items():
                    demand(_is_number(value), f"{what} has {name} = {value!r}, which is no finite number")
                bins = finding.histogram
                demand(len(bins) <= MOST_BINS, f"{what} has {len(bins)} bins, and {MOST_BINS} are what can be read")
                told = all(isinstance(name, str) and isinstance(count, int) and count >= 0 for name, count in bins)
                demand(told, f"{what} has bins that are not (name, count): {bins}")

    def test_each_spot_is_a_line_of_the_table(self) -> None:
        """With short evidence; what it names besides is there: another table's line, a benchmark's item."""
        for table in (*self._tables, *HOSTILE, UNREADABLE):
            lines = _lines(table)
            for finding in self._findings(table):
                for spot in finding.spots:
                    what = f"{self._who}: the finding {finding.kind!r} in {table.name!r}"
                    demand(spot.line in lines, f"{what} names line {spot.line}, which the table does not have")
                    length = len(spot.evidence)
                    demand(length <= SHORT, f"{what} has evidence of {length} characters, {SHORT} is the most")
                    self._points_somewhere(what, spot, lines)

    def test_remedies_are_rows_of_the_same_line(self) -> None:
        """A spot may leave its row out or put another in its place, not both; a line without a row has no other."""
        for table in (*self._tables, *HOSTILE, UNREADABLE):
            rows = {row.line: row for row in table.rows}
            for spot in (spot for finding in self._findings(table) for spot in finding.spots):
                if spot.replacement is None:
                    continue
                what = f"{self._who}: the remedy of line {spot.line} in {table.name!r}"
                demand(not spot.remove, f"{what} both removes and replaces the row")
                demand(spot.line in rows, f"{what} replaces a line that could not be read")
                demand(spot.replacement.line == spot.line, f"{what} moves the row to line {spot.replacement.line}")
                demand(spot.replacement != rows[spot.line], f"{what} changes nothing")

    def test_what_is_mended_stays_mended(self) -> None:
        """The row that takes another's place is not replaced once more, and again."""
        for table in (*self._tables, *HOSTILE):
            for _ in range(3):
                mended = {spot.line: row for spot in self._spots(table) if (row := spot.replacement) is not None}
                table = dataclasses.replace(table, rows=tuple(mended.get(row.line, row) for row in table.rows))
            again = [spot.line for spot in self._spots(table) if spot.replacement is not None]
            demand(not again, f"{self._who} replaces the rows {again} of {table.name!r} without end")

    def test_findings_can_be_recorded(self) -> None:
        """The record keeps them as JSON in UTF-8."""
        for table in (*self._tables, *HOSTILE, UNREADABLE):
            for finding in self._findings(table):
                what = f"{self._who}: the finding {finding.kind!r} in {table.name!r}"
                demand(_can_be_recorded(finding), f"{what} cannot be recorded: it holds what JSON in UTF-8 cannot")

    def test_a_table_without_rows_is_no_fault(self) -> None:
        """An empty file, or one of which no line could be read: what can be wrong with rows is not."""
        wrong = [each.kind for each in self._findings(EMPTY) if each.spots]
        demand(not wrong, f"{self._who} finds {wrong} in a table without rows")
        for finding in self._findings(UNREADABLE):
            lines = {spot.line for spot in finding.spots}
            demand(lines <= _lines(UNREADABLE), f"{self._who} names rows of a table that has none")

    def test_it_needs_nothing_besides_the_table(self) -> None:
        """No other tables, no benchmarks, no tokenizer: what cannot be looked for is told, or left."""
        for table in (*self._tables, *HOSTILE):
            self._findings(table, DataContext())

    def test_a_megabyte_of_one_letter_is_a_row(self) -> None:
        """Texts may be as long as they like."""
        for finding in self._findings(MEGABYTE):
            long = max((len(spot.evidence) for spot in finding.spots), default=0)
            demand(long <= SHORT, f"{self._who} has evidence of {long:,} characters")
            demand(len(finding.message) <= 1_000, f"{self._who} has a message of {len(finding.message):,} characters")

    @classmethod
    def promises(cls) -> tuple[str, ...]:
        """The names of the tests."""
        return tuple(name for name in dir(cls) if name.startswith("test_"))

    @property
    def _who(self) -> str:
        return f"data check {self.data_check.name!r}"

    @property
    def _tables(self) -> tuple[Table, ...]:
        return (*self.examples, *TABLES)

    def _findings(self, table: Table, context: DataContext | None = None) -> list[Finding]:
        made: DataCheck = self.data_check(**self.options)
        found = list(made.check(table, context or self.context))
        wrong = [type(each).__name__ for each in found if not isinstance(each, Finding)]
        demand(not wrong, f"{self._who} gives {wrong} where findings should be")
        return found

    def _spots(self, table: Table) -> list[Spot]:
        return [spot for finding in self._findings(table) for spot in finding.spots]

    def _told(self, table: Table) -> list[tuple[object, ...]]:
        """What is found, without the lines and the words."""
        return sorted(
            (
                each.kind,
                each.severity,
                len(each.spots),
                tuple(sorted((name, round(value, 6)) for name, value in each.figures.items())),
                each.histogram,
            )
            for each in self._findings(table)
        )

    def _points_somewhere(self, what: str, spot: Spot, lines: frozenset[int]) -> None:
        if spot.sample is not None:
            items = {sample.id for sample in self.context.benchmarks.get(spot.other or "", ())}
            demand(spot.sample in items, f"{what} names the item {spot.sample!r} of {spot.other!r}, which is not there")
        elif spot.other is not None and spot.other not in self.context.benchmarks:
            demand(spot.other in self.context.others, f"{what} names the table {spot.other!r}, which is not there")
            there = _lines(self.context.others[spot.other])
            demand(
                spot.other_line is None or spot.other_line in there, f"{what} names a line that {spot.other!r} has not"
            )
        elif spot.other_line is not None:
            demand(spot.other_line in lines, f"{what} names line {spot.other_line}, which the table does not have")


def check_data_check(
    data_check: type[DataCheck], *, options: Mapping[str, Any] | None = None, examples: Sequence[Table] = ()
) -> None:
    """Every promise at once; ``AssertionError`` with the first that is broken."""
    facts = {"data_check": data_check, "options": options or {}, "examples": examples}
    contract = type("Contract", (DataCheckContract,), facts)()
    for promise in DataCheckContract.promises():
        getattr(contract, promise)()


def _turned_round(table: Table) -> Table:
    """The last row first, with lines counted anew; lines that could not be read stay where they are."""
    rows: list[Row] = []
    for row, place in zip(reversed(table.rows), table.rows, strict=True):
        rows.append(dataclasses.replace(row, line=place.line))
    return dataclasses.replace(table, rows=tuple(rows))


def _lines(table: Table) -> frozenset[int]:
    return frozenset(row.line for row in table.rows) | frozenset(each.line for each in table.unreadable)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _can_be_recorded(finding: Finding) -> bool:
    spots = [[spot.line, spot.evidence, spot.other, spot.other_line, spot.sample] for spot in finding.spots]
    told = [finding.kind, finding.severity, finding.message, finding.remedy, dict(finding.figures), spots]
    try:
        json.dumps([told, finding.histogram], ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError):
        return False
    return True
