"""Safe remedies on rows: check by check, until there is nothing left to clean; all that was done is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import checks_kit as kit
import pytest

from harness.checking import rewrite
from harness.checking.clean import Cleaned, clean
from harness.data import formats
from harness.errors import HarnessError
from harness.protocols import DataCheck
from harness.rows import DataContext, Finding, Row, Spot, Table, Unreadable
from harness.values import Message


def cleaned(table: Table, *instances: DataCheck, context: DataContext | None = None, processes: int = 1) -> Cleaned:
    checks = [kit.planned(each) for each in instances]
    return clean(table, checks, context or DataContext(), processes=processes)


def asked(of: Cleaned) -> list[str]:
    return [row.asked for row in of.rows]


def test_rows_are_removed_for_a_reason_and_the_rest_stays_as_it_is() -> None:
    table = kit.table("a", "b", "a")
    result = cleaned(table, kit.Repeats())
    assert result.rows == table.rows[:2]
    (gone,) = result.removed
    assert (gone.line, gone.check, gone.kind, gone.why) == (3, "repeats", "same question", "a (like line 1)")
    assert gone.original == table.rows[2]


def test_a_row_that_another_table_holds_says_where() -> None:
    context = DataContext({"test": kit.table("x", "b", name="test")}, frozenset({"test"}))
    result = cleaned(kit.table("a", "b"), kit.Shared(), context=context)
    assert [each.why for each in result.removed] == ["b (like test line 2)"]


def test_lines_that_could_not_be_read_are_left_out_and_told_in_their_place() -> None:
    table = kit.table("a", "b", "a", unreadable=[Unreadable(2, "no JSON")])
    result = cleaned(replace(table, rows=(table.rows[0], replace(table.rows[2], line=3))), kit.Repeats())
    assert [(each.line, each.check, each.why) for each in result.removed] == [
        (2, "reading", "no JSON"),
        (3, "repeats", "a (like line 1)"),
    ]


def test_a_check_sees_what_the_one_before_has_left() -> None:
    """Told apart by a name only, the rows are the same once it is gone, whichever check comes first."""
    table = kit.table("I am Ada", "I am Bob", "I am Eve")
    for checks in ([kit.Secrets(redact=True), kit.Repeats()], [kit.Repeats(), kit.Secrets(redact=True)]):
        result = cleaned(table, *checks)
        assert asked(result) == ["I am [NAME]", "I am Eve"]
        assert [(each.line, each.check) for each in result.removed] == [(2, "repeats")]
        assert [(each.line, each.kind) for each in result.replaced] == [(1, "the name A.")]


def test_what_was_cleaned_has_nothing_left_to_clean() -> None:
    table = kit.table("I am Ada", "I am Bob", "I am Eve", "I am Eve")
    checks = [kit.Repeats(), kit.Secrets(redact=True)]
    first = cleaned(table, *checks)
    again = cleaned(replace(table, rows=first.rows), *checks)
    assert (again.rows, again.removed, again.replaced, again.rounds) == (first.rows, (), (), 1)


def test_two_findings_about_one_row_are_both_remedied() -> None:
    result = cleaned(kit.table("Ada meets Bob"), kit.Secrets(redact=True))
    assert asked(result) == ["[NAME] meets [NAME]"]
    assert [each.kind for each in result.replaced] == ["the name A.", "the name B."]


def test_what_is_told_of_a_replacement_does_not_hold_what_was_replaced() -> None:
    (told,) = cleaned(kit.table("I am Ada"), kit.Secrets(redact=True)).replaced
    assert "Ada" not in repr(told)


def test_a_row_that_is_to_go_and_to_change_goes() -> None:
    findings = (
        Finding("odd", "warning", "m", spots=(Spot(1, replacement=kit.row(1, "b")),)),
        Finding("bad", "error", "m", spots=(Spot(1, remove=True),)),
    )
    result = cleaned(kit.table("a"), Once(findings))
    assert (result.rows, result.replaced) == ((), ())
    assert [each.why for each in result.removed] == ["m"]


def test_findings_that_propose_nothing_change_nothing() -> None:
    table = kit.table("I am Ada")
    assert cleaned(table, kit.Secrets(), kit.Few()).rows == table.rows


@dataclass(frozen=True)
class Once(kit.Says):
    """Says something as long as there are rows."""

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        findings: Sequence[Finding] = self.findings if table.rows else ()
        return findings


@dataclass(frozen=True)
class Turns(kit.Slow):
    """Puts one word in the place of another."""

    name: ClassVar[str] = "turns"
    old: str = "a"
    new: str = "b"

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        spots = [Spot(row.line, replacement=self._turned(row)) for row in table.rows if row.asked == self.old]
        return (Finding("word", "info", "m", spots=tuple(spots)),) if spots else ()

    def _turned(self, row: Row) -> Row:
        return replace(row, messages=(Message("user", self.new), *row.messages[1:]))


def test_remedies_that_undo_each_other_are_refused() -> None:
    with pytest.raises(HarnessError, match="undo each other; leave one of them out with --skip"):
        cleaned(kit.table("a"), Turns(), Turns("b", "a"))


@pytest.mark.parametrize(("rows", "culprit"), [(3, kit.Breaks()), (6_000, kit.Breaks()), (6_000, kit.Dies())])
def test_where_a_check_breaks_nothing_is_cleaned(rows: int, culprit: DataCheck) -> None:
    with pytest.raises(HarnessError, match=f"'{culprit.name}' broke, and nothing was cleaned .*--skip {culprit.name}"):
        cleaned(kit.many(rows), kit.Repeats(), culprit, processes=2)


def test_large_tables_are_cleaned_alike_in_other_processes() -> None:
    table = kit.many(6_000)
    one, several = (cleaned(table, kit.Repeats(), kit.Secrets(redact=True), processes=count) for count in (1, 2))
    assert one == several
    assert len(one.removed) == 600


@pytest.mark.parametrize("late", ['{"text": "a"}\n{"text": "b"}\n{"text": "new"}\n', '{"text": "a"}\n'])
def test_a_file_that_changes_while_it_is_cleaned_is_refused_and_nothing_is_written(tmp_path: Path, late: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b"}\n')
    table = formats.table("train", path)
    result = cleaned(table, kit.Repeats())
    path.write_text(late)
    with pytest.raises(HarnessError, match="has changed while it was being cleaned, and nothing was written"):
        rewrite.write(table, result, tmp_path / "out.jsonl")
    assert [each.name for each in tmp_path.iterdir()] == ["train.jsonl"]


def test_a_new_row_that_the_format_cannot_hold_is_the_checks_fault(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "a", "choices": ["x", "y"], "answer": 0}\n')
    table = formats.table("train", path)
    new = replace(table.rows[0], messages=(Message("assistant", "a"),), choices=(), answer=None, text="raw")
    finding = Finding("odd", "warning", "m", spots=(Spot(1, replacement=new),))
    with pytest.raises(HarnessError, match=r"data check 'says' has a row for line 1 that .* --skip says"):
        rewrite.write(table, cleaned(table, kit.Says((finding,))), tmp_path / "out.jsonl")
    assert [each.name for each in tmp_path.iterdir()] == ["train.jsonl"]
