"""Checks over tables: each alone, the same whatever the number of processes, and none that takes another with it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import checks_kit as kit
import pytest

from harness.checking.asked import PlannedCheck
from harness.checking.run import LARGE, check
from harness.protocols import DataCheck
from harness.rows import CheckedTable, DataContext, Finding, Spot, Table, Unreadable

BIG = LARGE + 10
HELD_OUT = DataContext(held_out=frozenset({"test"}))


def timeless(checked: Sequence[CheckedTable]) -> list[CheckedTable]:
    return [replace(each, seconds={}) for each in checked]


def said(findings: object, *, planned: PlannedCheck | None = None) -> CheckedTable:
    """What becomes of findings about two readable lines and an unreadable third."""
    table = kit.table("a", "b", unreadable=[Unreadable(3, "no JSON")])
    (checked,) = check([table], [planned or kit.planned(kit.Says(findings))], DataContext())
    return checked


def test_tables_are_held_against_each_other() -> None:
    tables = [kit.table("a", "b", "b"), kit.table("b", name="test")]
    checks = [kit.planned(kit.Repeats()), kit.planned(kit.Shared())]
    train, test = check(tables, checks, HELD_OUT)
    assert [(each.check, each.kind, len(each.spots)) for each in train.findings] == [
        ("repeats", "same question", 1),
        ("shared", "leaked", 2),
    ]
    assert train.findings[1].spots[0].other == "test"
    assert not test.findings
    assert (train.rows, train.unreadable, train.worst, test.worst) == (3, 0, "error", None)
    assert train.origins == {"repeats": kit.OURS, "shared": kit.OURS}
    assert set(train.seconds) == {"repeats", "shared"}


def test_the_number_of_processes_changes_nothing() -> None:
    tables = [kit.many(BIG), kit.many(50, "test"), kit.table("train 3", name="validation")]
    context = DataContext(held_out=frozenset({"test", "validation"}))
    checks = [kit.planned(each) for each in (kit.Breaks(), kit.Few(), kit.Repeats(), kit.Shared(), kit.Slow())]
    one, several = (check(tables, checks, context, processes=count) for count in (1, 3))
    assert timeless(one) == timeless(several)
    assert len(one[0].findings[0].spots) == BIG // 10


@dataclass(frozen=True)
class WhereAmI(kit.Slow):
    """Tells in which process it is done."""

    name: ClassVar[str] = "where"

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        print("what a check prints goes nowhere")
        return [Finding("place", "info", multiprocessing.current_process().name)]


def test_many_rows_are_read_in_processes_of_their_own_and_few_are_not(capfd: pytest.CaptureFixture[str]) -> None:
    checks = [kit.planned(WhereAmI())]
    (large,) = check([kit.many(BIG)], checks, DataContext(), processes=2)
    assert capfd.readouterr().out == ""
    (small,) = check([kit.many(10)], checks, DataContext(), processes=2)
    assert "MainProcess" not in large.findings[0].message
    assert small.findings[0].message == "MainProcess"


@pytest.mark.parametrize("rows", [20, BIG])
@pytest.mark.parametrize(
    ("culprit", "reason"),
    [
        (kit.Breaks(), "ZeroDivisionError: no rows to divide by"),
        (kit.Panics(), "Panic: unwrap on a None"),
        (kit.Says((lambda: None,)), "TypeError: it gave tuple, not a sequence of Finding"),
    ],
)
def test_a_check_that_breaks_says_nothing_and_the_others_are_unharmed(
    culprit: DataCheck, reason: str, rows: int
) -> None:
    checks = [kit.planned(culprit), kit.planned(kit.Repeats())]
    (checked,) = check([kit.many(rows)], checks, DataContext(), processes=2)
    assert checked.not_checked == {culprit.name: reason}
    assert [each.check for each in checked.findings] == ["repeats"]


def test_a_check_whose_process_is_killed_says_nothing_and_the_others_are_unharmed() -> None:
    tables = [kit.many(BIG), kit.many(30, "test")]
    checks = [kit.planned(kit.Repeats()), kit.planned(kit.Dies()), kit.planned(kit.Few())]
    checked = check(tables, checks, HELD_OUT, processes=2)
    for each in checked:
        assert each.not_checked == {"dies": "its process was killed, as happens where memory runs out"}
        assert {finding.check for finding in each.findings} == {"repeats", "few"}
    assert not multiprocessing.active_children()


def test_findings_that_cannot_be_passed_on_are_the_checks_fault() -> None:
    finding = Finding("k", "info", "m", figures={"f": lambda: 1})  # type: ignore[dict-item]
    (checked,) = check([kit.many(BIG)], [kit.planned(kit.Says((finding,)))], DataContext(), processes=2)
    assert "cannot be passed on" in checked.not_checked["says"]


def test_whoever_stops_listening_leaves_no_process_behind() -> None:
    def interrupt(name: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    checks = [kit.planned(kit.Repeats(), name=str(number)) for number in range(6)]
    with pytest.raises(KeyboardInterrupt):
        check([kit.many(BIG)], checks, DataContext(), processes=2, told=interrupt)
    assert not multiprocessing.active_children()


def test_a_person_is_told_how_far_each_table_is() -> None:
    told: list[tuple[str, int, int]] = []
    checks = [kit.planned(kit.Repeats()), kit.planned(kit.Few())]
    tables = [kit.table("a"), kit.table("b", name="test")]
    check(tables, checks, DataContext(), told=lambda *words: told.append(words))
    assert told == [("train", 1, 2), ("train", 2, 2), ("test", 1, 2), ("test", 2, 2)]


def test_what_is_done_without_is_told_of_every_table() -> None:
    (checked,) = check([kit.table("a")], [kit.planned(kit.Breaks())], DataContext(), without={"pii": "needs x"})
    assert dict(checked.not_checked) == {"breaks": "ZeroDivisionError: no rows to divide by", "pii": "needs x"}


def test_the_gravest_findings_come_first_and_those_of_a_kind_in_the_order_of_the_checks() -> None:
    texts = ["info", "error", "warning", "error"]
    checks = [
        kit.planned(kit.Says((Finding("k", severity, "m"),)), name=str(number))  # type: ignore[arg-type]
        for number, severity in enumerate(texts)
    ]
    (checked,) = check([kit.table("a")], checks, DataContext())
    assert [(each.severity, each.check) for each in checked.findings] == [
        ("error", "1"),
        ("error", "3"),
        ("warning", "2"),
        ("info", "0"),
    ]


def test_the_suites_severity_takes_the_place_of_the_checks_own() -> None:
    (checked,) = check([kit.table("a", "a")], [kit.planned(kit.Repeats(), "info")], DataContext())
    assert checked.findings[0].severity == "info"


def test_what_was_not_looked_at_is_no_error_however_grave_the_suite_calls_the_check() -> None:
    (checked,) = check([kit.table("a")], [kit.planned(kit.Few(), "error")], DataContext())
    assert [(each.kind, each.severity) for each in checked.findings] == [("few rows", "error"), ("not looked", "info")]


@pytest.mark.parametrize(
    ("spot", "reason"),
    [
        (Spot(4), "names line 4, which train does not have"),
        (Spot(1, other_line=9), "names line 9 of train, which has no such line"),
        (Spot(1, remove=True, replacement=kit.row(1, "b")), "a replacement for line 1 that is to be removed too"),
        (Spot(1, replacement=kit.row(2, "b")), "a replacement for line 1 that is about line 2"),
        (Spot(3, replacement=kit.row(3, "b")), "a replacement for line 3, which could not be read"),
    ],
)
def test_findings_that_one_would_stumble_over_are_the_checks_fault(spot: Spot, reason: str) -> None:
    checked = said((Finding("k", "error", "m", spots=(spot,)),))
    assert not checked.findings
    assert reason in checked.not_checked["says"]


@pytest.mark.parametrize(
    "findings",
    [
        None,
        "text",
        Finding("k", "error", "m"),
        (Finding("k", "grave", "m"),),  # type: ignore[arg-type]
        (Finding("", "error", "m"),),
        (Finding("k", "error", ""),),
    ],
)
def test_what_is_no_finding_is_the_checks_fault(findings: object) -> None:
    checked = said(findings)
    assert not checked.findings
    assert list(checked.not_checked) == ["says"]


def test_sound_findings_stay_as_they_are() -> None:
    spots = (Spot(3), Spot(2, other_line=1), Spot(1, other="mmlu", other_line=77), Spot(1, replacement=kit.row(1, "b")))
    (finding,) = said((Finding("k", "warning", "m", spots=spots),)).findings
    assert finding == Finding("k", "warning", "m", spots=spots, check="says")


def test_evidence_is_cut_short() -> None:
    (finding,) = said((Finding("k", "error", "m", spots=(Spot(1, "x" * 10_000_000),)),)).findings
    assert len(finding.spots[0].evidence) <= 201
