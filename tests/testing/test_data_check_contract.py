"""The contract of data checks catches checks that break it, one promise each, and passes one that keeps it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from harness import DataContext, Finding, Row, Spot, Table
from harness.testing import DataCheckContract, chat_row, check_data_check, table_of

EXAMPLE = table_of(*(chat_row(line, f"Is it {line}?", "YES, IT IS" if line > 2 else "No.") for line in range(1, 6)))


@dataclass(frozen=True)
class Loud:
    """Answers in capital letters."""

    name: ClassVar[str] = "loud"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = True

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """At most one."""
        spots = tuple(self.spot(row) for row in table.rows if row.answered.isupper())
        return (self.finding(table, spots),) if spots else ()

    def spot(self, row: Row) -> Spot:
        """Of one row."""
        return Spot(row.line, "it is loud")

    def finding(self, table: Table, spots: tuple[Spot, ...]) -> Finding:
        """Of all spots."""
        return Finding("loud answers", "warning", f"{len(spots)} answers are loud", "speak low", spots)


def broken(**methods: Any) -> type[Loud]:  # noqa: ANN401 - methods and class variables
    return dataclass(frozen=True)(type("Broken", (Loud,), {"__doc__": "Broken.", **methods}))


def changed(**facts: Any) -> Callable[[Loud, Table, tuple[Spot, ...]], Finding]:  # noqa: ANN401 - of a finding
    def finding(self: Loud, table: Table, spots: tuple[Spot, ...]) -> Finding:
        return dataclasses.replace(Loud.finding(self, table, spots), **facts)

    return finding


def spotting(make: Callable[[Row], Spot]) -> dict[str, Any]:
    return {"spot": lambda self, row: make(row)}


def whispered(row: Row) -> Row:
    return dataclasses.replace(row, messages=(*row.messages[:-1], dataclasses.replace(row.messages[-1], content="yes")))


def louder(row: Row) -> Row:
    last = dataclasses.replace(row.messages[-1], content=row.messages[-1].content + "!")
    return dataclasses.replace(row, messages=(*row.messages[:-1], last))


COUNT = iter(range(10**9))


def first_only(self: Loud, table: Table, context: DataContext) -> list[Finding]:
    loud = bool(table.rows) and table.rows[0].answered.startswith("N")
    return [Finding("loud answers", "info", "the first is loud")] if loud else []


def of_no_rows(self: Loud, table: Table, context: DataContext) -> list[Finding]:
    return [] if table.rows else [Finding("loud answers", "warning", "all are loud", "speak low", (Spot(1),))]


def needs_a_benchmark(self: Loud, table: Table, context: DataContext) -> list[Finding]:
    return [Finding("loud answers", "info", f"quiz has {len(context.benchmarks['quiz'])}")]


def breaks_on_length(self: Loud, table: Table, context: DataContext) -> list[Finding]:
    if any(len(row.answered) > 500_000 for row in table.rows):
        raise RecursionError
    return list(Loud.check(self, table, context))


CASES = {
    "finds_something": ("it_finds_something", broken(check=lambda self, table, context: ())),
    "same_rows": (
        "the_same_rows_give_the_same_findings",
        broken(check=lambda self, table, context: [Finding("x", "info", f"number {next(COUNT)}")]),
    ),
    "order_of_the_rows": ("the_order_of_the_rows_changes_lines_only", broken(check=first_only)),
    "severity": ("findings_are_sentences_with_a_remedy", broken(finding=changed(severity="fatal"))),
    "kind": ("findings_are_sentences_with_a_remedy", broken(finding=changed(kind=""))),
    "message": ("findings_are_sentences_with_a_remedy", broken(finding=changed(message="one\ntwo"))),
    "remedy": ("findings_are_sentences_with_a_remedy", broken(finding=changed(remedy=""))),
    "figures_are": ("figures_are_numbers", broken(finding=changed(figures={"share": float("nan")}))),
    "bins": ("figures_are_numbers", broken(finding=changed(histogram=tuple((str(n), 1) for n in range(99))))),
    "line": ("each_spot_is_a_line_of_the_table", broken(**spotting(lambda row: Spot(row.line + 1_000)))),
    "evidence": ("each_spot_is_a_line_of_the_table", broken(**spotting(lambda row: Spot(row.line, "loud " * 100)))),
    "other table": (
        "each_spot_is_a_line_of_the_table",
        broken(**spotting(lambda row: Spot(row.line, other="nowhere"))),
    ),
    "other line": (
        "each_spot_is_a_line_of_the_table",
        broken(**spotting(lambda row: Spot(row.line, other_line=7_777))),
    ),
    "sample": (
        "each_spot_is_a_line_of_the_table",
        broken(**spotting(lambda row: Spot(row.line, other="quiz", sample="q99"))),
    ),
    "both": (
        "remedies_are_rows_of_the_same_line",
        broken(**spotting(lambda row: Spot(row.line, remove=True, replacement=whispered(row)))),
    ),
    "changes nothing": (
        "remedies_are_rows_of_the_same_line",
        broken(**spotting(lambda row: Spot(row.line, replacement=row))),
    ),
    "moves": (
        "remedies_are_rows_of_the_same_line",
        broken(
            **spotting(lambda row: Spot(row.line, replacement=dataclasses.replace(whispered(row), line=row.line + 1)))
        ),
    ),
    "without end": (
        "what_is_mended_stays_mended",
        broken(**spotting(lambda row: Spot(row.line, replacement=louder(row)))),
    ),
    "recorded": ("findings_can_be_recorded", broken(**spotting(lambda row: Spot(row.line, "half \ud83d of one")))),
    "without rows": ("a_table_without_rows_is_no_fault", broken(check=of_no_rows)),
    "needs nothing": ("it_needs_nothing_besides_the_table", broken(check=needs_a_benchmark)),
    "megabyte": ("a_megabyte_of_one_letter_is_a_row", broken(check=breaks_on_length)),
    "name": ("its_facts_stand_in_the_class", broken(name="Very Loud")),
    "packages": ("its_facts_stand_in_the_class", broken(requires_packages=["numpy"])),
    "in_runs": ("its_facts_stand_in_the_class", broken(in_runs="always")),
    "no docstring": ("it_has_a_docstring", broken(__doc__="")),
}


def test_a_check_that_keeps_its_promises_passes() -> None:
    check_data_check(Loud, examples=[EXAMPLE])


@pytest.mark.parametrize("fault", CASES)
def test_a_check_that_breaks_a_promise_is_caught_by_it(fault: str) -> None:
    promise, data_check = CASES[fault]
    contract = type("Contract", (DataCheckContract,), {"data_check": data_check, "examples": (EXAMPLE,)})()

    with pytest.raises((AssertionError, KeyError, RecursionError)):
        getattr(contract, f"test_{promise}")()


def test_a_check_that_is_no_frozen_dataclass_is_caught() -> None:
    class Plain(Loud):
        """Plain."""

    Plain.__dataclass_params__ = None  # type: ignore[attr-defined]

    with pytest.raises(AssertionError, match="frozen"):
        type("Contract", (DataCheckContract,), {"data_check": Plain})().test_it_is_a_frozen_dataclass()


def test_an_option_called_severity_is_caught() -> None:
    made = dataclasses.make_dataclass("Made", [("severity", str, "info")], bases=(Loud,), frozen=True)

    with pytest.raises(AssertionError, match="severity"):
        type("Contract", (DataCheckContract,), {"data_check": made})().test_no_option_is_called_severity()
