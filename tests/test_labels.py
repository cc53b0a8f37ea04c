"""People's labels in files: read whole or refused with the line, and sheets that say nothing of who answered."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.labels import Blind, SheetRow, read, write
from harness.values import Opinion

SAMPLES = [f"{number:016x}" for number in range(7, 47)]
ONE, TWO = SAMPLES[:2]
BLIND = Blind("tickets", "job-1/base", "job-1/tuned")
NASTY = "=cmd|'/c calc'!A0"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ada.jsonl"


def rows(path: Path, *given: object) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in given), encoding="utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as raised:
        read(path, SAMPLES, BLIND)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_label_says_whose_answer_is_better(file: Path) -> None:
    given = [
        {"sample": ONE, "label": "candidate"},
        {"sample": TWO, "label": " Baseline ", "rater": "bo", "note": "the other is rude"},
        {"sample": SAMPLES[2], "label": "tie"},
        {"sample": SAMPLES[3], "label": "both_bad"},
    ]
    assert read(rows(file, *given), SAMPLES, BLIND) == [
        Opinion(ONE, "ada", 1.0),
        Opinion(TWO, "bo", 0.0, None, {"note": "the other is rude"}),
        Opinion(SAMPLES[2], "ada", 0.5),
        Opinion(SAMPLES[3], "ada", 0.5, None, {"both_bad": True}),
    ]


def test_grades_are_kept_and_prefer_the_better_one(file: Path) -> None:
    given = [
        {"sample": ONE, "baseline": 0.25, "candidate": 1},
        {"sample": TWO, "baseline": "0.75", "candidate": 0},
        {"sample": SAMPLES[2], "baseline": 0.5, "candidate": 0.5},
    ]
    assert read(rows(file, *given), SAMPLES, BLIND) == [
        Opinion(ONE, "ada", 1.0, None, {"baseline": 0.25, "candidate": 1.0}),
        Opinion(TWO, "ada", 0.0, None, {"baseline": 0.75, "candidate": 0.0}),
        Opinion(SAMPLES[2], "ada", 0.5, None, {"baseline": 0.5, "candidate": 0.5}),
    ]


def test_a_pair_that_was_drawn_and_not_labelled_is_missing_and_no_tie(file: Path) -> None:
    given = [{"sample": ONE, "label": ""}, {"sample": TWO, "label": "skip"}, {"sample": SAMPLES[2], "label": "tie"}]
    empty, skipped, tie = read(rows(file, *given), SAMPLES, BLIND)
    assert (empty.value, empty.why_missing) == (None, "left empty")
    assert (skipped.value, skipped.why_missing) == (None, "skipped")
    assert tie.value == 0.5


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_spreadsheet_says_the_same(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "bo.csv"
    heads, cells = ["sample", "label", "rater", "note"], [ONE, "candidate", "", 'a "b"\nc']
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows([heads, cells, ["", "", "", ""], [TWO, "tie"]])
    path.write_text("\ufeff" + text.getvalue(), encoding="utf-8", newline="")
    assert read(path, SAMPLES, BLIND) == [
        Opinion(ONE, "bo", 1.0, None, {"note": 'a "b"\nc'}),
        Opinion(TWO, "bo", 0.5),
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"sample": "f" * 16, "label": "tie"}, f"both runs have no sample '{'f' * 16}'"),
        ({"sample": ONE[:-1], "label": "tie"}, "did you mean '00000"),
        ({"label": "tie"}, "the row names no sample"),
        ({"sample": TWO, "label": "canddate"}, "label 'canddate' is not known; did you mean 'candidate'?"),
        ({"sample": TWO, "label": 1}, "label '1' is not known; known are baseline,"),
        ({"sample": TWO, "label": True}, "'label' is neither a text nor a number"),
        ({"sample": TWO, "label": ["tie"]}, "'label' is neither a text nor a number"),
        ({"sample": TWO}, "the row has no label; give 'label' (candidate, baseline or tie), or grades"),
        ({"sample": TWO, "lable": "tie"}, "column 'lable' is not known; did you mean 'label'?"),
        ({"sample": TWO, "label": "tie", "raters": "bo"}, "column 'raters' is not known; did you mean 'rater'?"),
        ({"sample": TWO, "baseline": 0.5}, "'candidate' has no grade; grade both answers, or neither"),
        ({"sample": TWO, "baseline": 0.5, "candidate": 1.01}, "'candidate' is '1.01'; a grade is a number from 0 to 1"),
        ({"sample": TWO, "baseline": -0.5, "candidate": 1}, "'baseline' is '-0.5'"),
        ({"sample": TWO, "baseline": "0,5", "candidate": 1}, "'baseline' is '0,5'"),
        ({"sample": TWO, "baseline": float("nan"), "candidate": 1}, "'baseline' is 'nan'"),
        ({"sample": TWO, "baseline": 0, "candidate": 1, "label": "tie"}, "the row has a label and grades"),
        ({"sample": ONE, "label": "tie"}, f"sample '{ONE}' is labelled twice by 'ada'; line 1 has it already"),
        ({"sample": TWO, "label": "left"}, "the row has no 'sheet'"),
        ({"sample": TWO, "label": "left", "sheet": "sheet-000000000000"}, "the sheet is of other runs"),
        ([TWO, "tie"], "is no JSON object; one a line"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(file: Path, row: object, words: str) -> None:
    said = refused(rows(file, {"sample": ONE, "label": "tie"}, row))
    assert said.startswith(f"{file}:2: ")
    assert words in said


@pytest.mark.parametrize("junk", ['{"sample":', "[" * 100_000, '{"sample": ' + "9" * 10_000 + "}", "sample,label"])
def test_what_is_no_json_is_refused_with_its_line(file: Path, junk: str) -> None:
    file.write_text(f'{{"sample": "{ONE}", "label": "tie"}}\n\n{junk}\n', encoding="utf-8")
    assert refused(file).startswith(f"{file}:3: is no JSON object; one a line, as {{...}}; CSV ends in .csv")


def test_two_people_may_label_one_sample(file: Path) -> None:
    given = [{"sample": ONE, "label": "tie", "rater": rater} for rater in ("ada", "bo")]
    assert [each.rater for each in read(rows(file, *given), SAMPLES, BLIND)] == ["ada", "bo"]


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.csv").endswith("none.csv: no such file")
    (tmp_path / "latin.csv").write_bytes("sample;label\n\xe4;tie\n".encode("latin-1"))
    assert "is not UTF-8 text; save it as UTF-8" in refused(tmp_path / "latin.csv")
    for name in ("empty.csv", "empty.jsonl"):
        (tmp_path / name).write_text("", encoding="utf-8")
        assert "the file holds no labels" in refused(tmp_path / name)
    assert "no row has a label yet" in refused(rows(tmp_path / "open.jsonl", {"sample": ONE, "label": ""}))
    assert "cannot be read" in refused(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sample,label,label\n", ":1: column 'label' is there twice"),
        ("sample,label\na,tie,x\n", ":2: has 3 cells, and the first line names 2"),
        ("sample,label\n\nb,tie\n", ":3: both runs have no sample 'b'"),
        (f'sample,label,note\n{ONE},tie,"a\nb"\nb,tie,\n', ":4: both runs have no sample 'b'"),
        ("sample,label\nb," + "x" * 200_000 + "\n", ":2: is not CSV: field larger"),
        ("sample,note\n" + ONE + ",x\n", ":2: the row has no label"),
    ],
)
def test_a_bad_line_of_a_spreadsheet_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    assert words in refused(path)


def test_a_hostile_word_is_told_short(file: Path) -> None:
    said = refused(rows(file, {"sample": ONE, "label": "x" * 1_000_000}))
    assert len(said) < 400


@pytest.mark.parametrize("name", ["sheet.csv", "sheet.jsonl"])
def test_a_sheet_comes_back_as_it_was_filled_in(tmp_path: Path, name: str) -> None:
    answers = {"baseline": 0.0, "candidate": 1.0}
    sheet = tmp_path / name
    write(sheet, [SheetRow(each, "why?\nnow", NASTY, "+1") for each in SAMPLES], BLIND)
    filled = fill(sheet, ["left"] * 20 + ["right"] * 19 + ["tie"])
    found = read(filled, SAMPLES, BLIND)
    left = [answers[BLIND.left(each)] for each in SAMPLES]
    assert [each.sample_id for each in found] == SAMPLES
    assert [each.value for each in found] == [*left[:20], *(1 - each for each in left[20:39]), 0.5]
    assert 5 < sum(left) < 35


def fill(sheet: Path, labels: list[str], column: str = "label") -> Path:
    """The sheet as a person leaves it."""
    if sheet.suffix == ".jsonl":
        table = [json.loads(line) for line in sheet.read_text(encoding="utf-8").splitlines()]
        filled = [{**row, column: label} for row, label in zip(table, labels, strict=True)]
        return rows(sheet, *filled)
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        lines, heads = list(reader), reader.fieldnames or []
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, heads, delimiter=";")
        writer.writeheader()
        writer.writerows({**row, column: label} for row, label in zip(lines, labels, strict=True))
    return sheet


def test_a_sheet_of_grades_is_turned_back_too(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.jsonl"
    write(sheet, [SheetRow(each, "?", "l", "r") for each in SAMPLES], BLIND, grades=True)
    fill(sheet, ["0.25"] * 40, "left_grade")
    fill(sheet, ["1"] * 40, "right_grade")
    for each in read(sheet, SAMPLES, BLIND):
        left_is_baseline = BLIND.left(each.sample_id) == "baseline"
        grades = (0.25, 1.0) if left_is_baseline else (1.0, 0.25)
        assert (each.details["baseline"], each.details["candidate"]) == grades
        assert each.value == (1.0 if left_is_baseline else 0.0)


def test_no_cell_of_a_spreadsheet_can_be_run_and_no_id_is_taken_for_a_number(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    write(sheet, [SheetRow("1234567890123456", " @x", NASTY, "\t-1")], BLIND)
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        row = next(csv.DictReader(file))
    assert row["sample"] == "#1234567890123456"
    assert (row["prompt"], row["left"], row["right"]) == ("' @x", f"'{NASTY}", "'\t-1")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("see;=HYPERLINK(1)", "see;'=HYPERLINK(1)"),
        ("a; +1;b", "a;' +1;b"),
        ("\uff1dSUM(A1)", "'\uff1dSUM(A1)"),
        ("\u00a0=1", "'\u00a0=1"),
        ("a; b", "a; b"),
    ],
)
def test_nor_can_what_other_spreadsheets_take_for_a_cell_or_a_sign(tmp_path: Path, text: str, cell: str) -> None:
    write(tmp_path / "sheet.csv", [SheetRow(ONE, text, "a", "b")], BLIND)
    with (tmp_path / "sheet.csv").open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.DictReader(file))["prompt"] == cell


def test_equal_answers_are_a_tie_that_nobody_is_asked_about(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.jsonl"
    write(sheet, [SheetRow(ONE, "?", "same", "same"), SheetRow(TWO, "?", "a", "b")], BLIND)
    assert [each.value for each in read(sheet, SAMPLES, BLIND)] == [0.5, None]


def test_left_is_the_same_run_whichever_is_called_baseline() -> None:
    turned = Blind("tickets", "job-1/tuned", "job-1/base")
    other = {"baseline": "candidate", "candidate": "baseline"}
    assert turned.mark == BLIND.mark
    assert [turned.left(each) for each in SAMPLES] == [other[BLIND.left(each)] for each in SAMPLES]
    assert Blind("tickets", "job-1/base", "job-2/tuned").mark != BLIND.mark


def test_a_sheet_is_never_written_over_another(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("hours of work", encoding="utf-8")
    with pytest.raises(UsageError, match="is there already, and may hold labels; name another file"):
        write(sheet, [SheetRow(ONE, "?", "a", "b")], BLIND)
    assert sheet.read_text(encoding="utf-8") == "hours of work"
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        write(tmp_path / "none" / "sheet.csv", [], BLIND)
