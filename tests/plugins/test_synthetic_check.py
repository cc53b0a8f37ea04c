"""Rows that a model wrote: their share, and whether people looked at them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness import DataContext, Finding, Message, Row, Table, ToolCall, ToolMessage, row_digest
from harness.review.rows import RowSheet, Verdict, Verdicts
from harness_datachecks.synthetic import Synthetic


def row(line: int, *, synthetic: bool = True, parent: object = "0123") -> Row:
    extra = {"synthetic": True, "parent": parent} if synthetic else {}
    return Row(line, (Message("user", f"question {line}"), Message("assistant", f"answer {line}")), extra=extra)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "train.jsonl"


def check(data: Path, rows: Sequence[Row], plugin: Synthetic | None = None) -> dict[str, Finding]:
    table = Table("train", data, "messages", tuple(rows))
    return {finding.kind: finding for finding in (plugin or Synthetic()).check(table, DataContext())}


def judge(data: Path, rows: Sequence[Row], choice: str, rater: str = "ada", time: str = "2026-01-01T00:00:00") -> None:
    for each in rows:
        Verdicts(data).append(Verdict(each.line, row_digest(each), choice, "", rater, time))


ROWS = [row(line) for line in range(1, 41)]


def test_rows_that_are_not_marked_say_nothing(data: Path) -> None:
    assert check(data, [row(line, synthetic=False) for line in range(5)]) == {}
    assert check(data, []) == {}


def test_the_share_is_told_and_is_a_warning_above_the_limit(data: Path) -> None:
    mixed = [row(line, synthetic=line <= 2) for line in range(1, 5)]
    told = check(data, mixed)["synthetic rows"]
    assert (told.severity, told.message) == ("info", "2 of 4 rows are synthetic")
    assert told.figures == {"rows": 2, "share": 0.5, "limit": 0.5}
    assert check(data, mixed, Synthetic(most=0.4))["synthetic rows"].severity == "warning"


def test_rows_that_nobody_looked_at_are_an_error_that_names_the_command(data: Path) -> None:
    found = check(data, ROWS)["synthetic rows not looked at"]
    assert found.severity == "error"
    assert found.message == "people looked at 0 of the synthetic rows; it takes 30 to trust them"
    assert found.remedy == f"run harness data spot-check {data}"
    few = [*ROWS, *(row(line, synthetic=False) for line in range(100, 460))]
    assert check(data, few)["synthetic rows not looked at"].remedy.endswith("--items 400")


def test_enough_good_verdicts_make_them_fit(data: Path) -> None:
    judge(data, ROWS[:29], "good")
    judge(data, ROWS[29:30], "skip")
    assert check(data, ROWS)["synthetic rows not looked at"].figures["checked"] == 29
    judge(data, ROWS[29:30], "good", time="2026-01-02T00:00:00")
    assert list(check(data, ROWS)) == ["synthetic rows"]


def test_of_few_rows_all_must_have_a_verdict(data: Path) -> None:
    judge(data, ROWS[:4], "good")
    assert "synthetic rows not looked at" in check(data, ROWS[:5])
    judge(data, ROWS[4:5], "good")
    assert "synthetic rows not looked at" not in check(data, ROWS[:5])


def test_too_many_bad_ones_are_an_error_with_their_lines(data: Path) -> None:
    judge(data, ROWS[:26], "good")
    judge(data, ROWS[26:30], "bad")
    found = check(data, ROWS)["synthetic rows found bad"]
    assert (found.severity, [spot.line for spot in found.spots]) == ("error", [27, 28, 29, 30])
    assert found.figures["good"] == pytest.approx(26 / 30)
    assert "synthetic rows found bad" not in check(data, ROWS, Synthetic(least_good=0.8))


def test_a_raters_last_word_counts_and_raters_are_averaged(data: Path) -> None:
    judge(data, ROWS[:30], "bad")
    judge(data, ROWS[:30], "good", time="2026-01-02T00:00:00")
    assert list(check(data, ROWS)) == ["synthetic rows"]
    judge(data, ROWS[:30], "bad", rater="bob")
    assert check(data, ROWS)["synthetic rows found bad"].figures["good"] == 0.5


def test_a_row_that_changed_since_has_no_verdict(data: Path) -> None:
    judge(data, ROWS[:30], "good")
    changed = [replace(each, messages=(each.messages[0], Message("assistant", "new"))) for each in ROWS[:30]]
    assert check(data, [*changed, *ROWS[30:]])["synthetic rows not looked at"].figures["checked"] == 0


def test_verdicts_go_with_the_row_into_another_file_of_the_folder(data: Path) -> None:
    judge(data.with_name("grown.jsonl"), ROWS[:30], "good")
    assert list(check(data, ROWS)) == ["synthetic rows"]


def test_verdicts_on_rows_of_people_do_not_count(data: Path) -> None:
    people = [row(line, synthetic=False) for line in range(100, 140)]
    judge(data, people, "good")
    assert check(data, [*ROWS, *people])["synthetic rows not looked at"].figures["checked"] == 0


def test_lines_that_are_cut_off_or_no_verdicts_are_passed_over(data: Path) -> None:
    judge(data, ROWS[:30], "good")
    with Verdicts(data).path.open("ab") as file:
        file.write(b'{"row": "12", "ra\n[1]\n{"row": 3, "rater": "x", "choice": "good", "time": "t"}\n\xff\n')
    assert list(check(data, ROWS)) == ["synthetic rows"]


def test_what_the_spot_check_command_writes_is_what_the_check_reads(data: Path) -> None:
    said = [
        {"messages": [{"role": turn.role, "content": turn.content} for turn in each.messages], **each.extra}
        for each in ROWS[:3]
    ]
    data.write_text("".join(json.dumps(each) + "\n" for each in said))
    sheet = RowSheet(data, "ada")
    for index in range(len(sheet)):
        sheet.give(index, "good", "")
    assert list(check(data, ROWS[:3])) == ["synthetic rows"]


def test_rows_that_do_not_say_where_they_come_from_are_a_warning(data: Path) -> None:
    rows = [row(1), row(2, parent=None), row(3, parent=[]), row(4, parent=["a", "b"])]
    found = check(data, rows)["synthetic rows without a parent"]
    assert (found.severity, [spot.line for spot in found.spots]) == ("warning", [2, 3])


@pytest.mark.parametrize("options", [{"most": 1.5}, {"least_good": -0.1}, {"least_checked": 0}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Synthetic(**options)  # type: ignore[arg-type]


def test_a_rows_digest_is_the_one_that_spot_checks_have_always_kept() -> None:
    assert row_digest(Row(5, (Message("user", "q"), Message("assistant", "a")))) == "fd91285cc9a73607"


def test_a_rows_digest_tells_apart_what_says_something_else() -> None:
    plain = Row(1, (Message("user", "q"), Message("assistant", "a")))
    call = ToolMessage("assistant", "a", calls=(ToolCall("1", "f", "{}"),))
    others = [
        replace(plain, rejected=(Message("assistant", "b"),)),
        replace(plain, label=False),
        replace(plain, label="x"),
        replace(plain, messages=(plain.messages[0], call)),
        replace(plain, tools=({"name": "f"},)),
        replace(plain, messages=(plain.messages[0], ToolMessage("assistant", "a", name="f"))),
    ]
    assert len({row_digest(each) for each in [plain, *others]}) == 7
    alike = [replace(plain, line=9), replace(plain, extra={"id": 1}), replace(plain, tags=("t",))]
    assert {row_digest(each) for each in alike} == {row_digest(plain)}
    assert row_digest(replace(plain, messages=(plain.messages[0], ToolMessage("assistant", "a")))) == row_digest(plain)
