"""``harness data clean``: a file again without what its checks would leave out, and what was done, beside it."""

from __future__ import annotations

import base64
import csv
import gzip
import json
from pathlib import Path

import data_folder
import pytest
from data_folder import chat, only, rows_of

from harness.report.numbers import MISSING
from harness.testing.project import Project

TRAIN = [chat("a", id=1), chat("b", id="2"), chat("c", note=None), chat("b", odd={"x": [1, 2.5]}), chat("I am Ada")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return data_folder.folder_of(tmp_path, {"train.jsonl": TRAIN, "test.jsonl": [chat("x"), chat("c")]})


def words(text: str) -> str:
    return " ".join(text.split())


def files(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.folder.iterdir() if path.is_file()}


def test_rows_are_removed_and_told_and_the_file_stays_as_it_is(project: Project) -> None:
    before = files(project)
    result = project.run(
        "data", "clean", "train.jsonl", "--output", "out.jsonl", "--against", "test.jsonl", *only("repeats", "shared")
    )
    assert result.exit_code == 0, result.err
    assert rows_of(project.folder / "out.jsonl") == [TRAIN[0], TRAIN[1], TRAIN[4]]
    assert rows_of(project.folder / "out.jsonl.removed.jsonl") == [
        {
            "line": 3,
            "did": "removed",
            "check": "shared",
            "kind": "leaked",
            "why": "c (like test line 2)",
            "original": TRAIN[2],
        },
        {
            "line": 4,
            "did": "removed",
            "check": "repeats",
            "kind": "same question",
            "why": "b (like line 2)",
            "original": TRAIN[3],
        },
    ]
    assert {name: files(project)[name] for name in before} == before
    told = words(result.out)
    assert f"repeats same question 1 {MISSING}" in told
    assert f"shared leaked 1 {MISSING}" in told
    assert "rows 5 before, 3 after written out.jsonl removed out.jsonl.removed.jsonl" in told


def test_what_was_redacted_is_told_without_what_it_was(project: Project) -> None:
    arguments = ["data", "clean", "train.jsonl", *only("secrets"), "--output"]
    assert project.run(*arguments, "plain.jsonl").exit_code == 0
    assert rows_of(project.folder / "plain.jsonl") == TRAIN
    result = project.run(*arguments, "out.jsonl", "--redact")
    assert result.exit_code == 0, result.err
    assert rows_of(project.folder / "out.jsonl") == [*TRAIN[:4], chat("I am [NAME]")]
    (told,) = rows_of(project.folder / "out.jsonl.removed.jsonl")
    assert (told["line"], told["did"], told["check"], told["kind"]) == (5, "replaced", "secrets", "the name A.")
    assert told["where"] == ["messages[0].content"]
    for text in ((project.folder / "out.jsonl.removed.jsonl").read_text(), result.out, result.err):
        assert "Ada" not in text


def test_a_row_that_was_redacted_before_it_was_removed_is_told_as_redacted(project: Project) -> None:
    project.write_rows("train.jsonl", [chat("I am Bob"), chat("I am Ada")])
    result = project.run(
        "data", "clean", "train.jsonl", "--output", "o.jsonl", "--redact", *only("secrets", "repeats"), "--json"
    )
    assert result.exit_code == 0, result.err
    assert rows_of(project.folder / "o.jsonl") == [chat("I am [NAME]")]
    told = rows_of(project.folder / "o.jsonl.removed.jsonl")
    assert [(each["line"], each["did"]) for each in told] == [(1, "replaced"), (2, "removed")]
    assert told[1]["original"] == chat("I am [NAME]")
    facts = result.json
    assert (facts["rows_before"], facts["rows_after"]) == (2, 1)
    assert {(each["check"], each["removed"], each["replaced"]) for each in facts["remedies"]} == {
        ("repeats", 1, 0),
        ("secrets", 0, 1),
    }


def test_lines_that_cannot_be_read_are_left_out_and_kept_beside(project: Project) -> None:
    broken = [b"{broken", b'{"messages": "\xff"}', b'{"messages": 3}']
    good = [json.dumps(row).encode() for row in TRAIN[:2]]
    path = project.folder / "train.jsonl"
    path.write_bytes(b"\n".join([good[0], broken[0], b"", broken[1], good[1], broken[2]]))
    result = project.run("data", "clean", "train.jsonl", "--output", "out.jsonl", *only("repeats"))
    assert result.exit_code == 0, result.err
    assert rows_of(project.folder / "out.jsonl") == TRAIN[:2]
    told = rows_of(project.folder / "out.jsonl.removed.jsonl")
    assert [(each["line"], each["check"]) for each in told] == [(2, "reading"), (4, "reading"), (6, "reading")]
    assert told[0]["original"] == "{broken"
    assert base64.b64decode(told[1]["original_base64"]).rstrip() == broken[1]
    assert told[2]["original"] == {"messages": 3}
    assert all(each["why"] for each in told)


def test_what_was_cleaned_has_nothing_left_to_clean(project: Project) -> None:
    for source, output in (("train.jsonl", "one.jsonl"), ("one.jsonl", "two.jsonl")):
        result = project.run("data", "clean", source, "--output", output, "--redact", *only("repeats", "secrets"))
        assert result.exit_code == 0, result.err
    assert (project.folder / "one.jsonl").read_bytes() == (project.folder / "two.jsonl").read_bytes()
    assert rows_of(project.folder / "two.jsonl.removed.jsonl") == []
    assert "nothing to remove or to replace" in result.out


def test_a_dry_run_says_it_all_and_writes_nothing(project: Project) -> None:
    before = files(project)
    for more in ([], ["--output", "out.jsonl"]):
        result = project.run("data", "clean", "train.jsonl", "--dry-run", *more, *only("repeats"))
        assert result.exit_code == 0, result.err
        assert "written nothing, this was a dry run" in words(result.out)
        assert "rows 5 before, 4 after" in words(result.out)
    assert files(project) == before


def test_with_a_suite_the_rows_are_held_against_its_other_data(project: Project) -> None:
    project.write_suite(
        "suite: s\nmodel: {name: m}\ndata: {train: train.jsonl, test: test.jsonl}\n"
        "tasks: [{name: t, data: test, metrics: [f1]}]\nchecks: [{name: repeats, severity: off}]\n"
    )
    skipped = ["--skip", "breaks", "--check", "shared"]
    result = project.run("data", "clean", "train.jsonl", "--suite", "suite.yaml", "--output", "out.jsonl", *skipped)
    assert result.exit_code == 0, result.err
    assert rows_of(project.folder / "out.jsonl") == [row for row in TRAIN if row != TRAIN[2]]


def test_other_kinds_of_files_stay_what_they_are(project: Project) -> None:
    with (project.folder / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["prompt", "completion"], ["a", "1"], ["b, c", "2"], ["a", "3"]])
    packed = project.folder / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(b"\n".join([json.dumps(row).encode() for row in TRAIN] + [b"{broken"])))
    for source, output in (("rows.csv", "out.csv"), ("rows.jsonl.gz", "out.jsonl.gz"), ("rows.jsonl.gz", "out.jsonl")):
        result = project.run("data", "clean", source, "--output", output, *only("repeats"))
        assert result.exit_code == 0, result.err
    with (project.folder / "out.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["prompt", "completion"], ["a", "1"], ["b, c", "2"]]
    unpacked = gzip.decompress((project.folder / "out.jsonl.gz").read_bytes())
    assert unpacked == (project.folder / "out.jsonl").read_bytes()
    assert rows_of(project.folder / "out.jsonl.removed.jsonl")[-1]["original"] == "{broken"


def test_where_a_check_breaks_nothing_is_written(project: Project) -> None:
    before = files(project)
    result = project.run("data", "clean", "train.jsonl", "--output", "out.jsonl", *only("repeats", "breaks"))
    assert result.exit_code == 1
    assert "data check 'breaks' broke, and nothing was cleaned" in words(result.err)
    assert "leave it out with --skip breaks" in words(result.err)
    assert files(project) == before


def test_a_file_that_is_there_is_written_over_only_by_force(project: Project) -> None:
    arguments = ["data", "clean", "train.jsonl", "--output", "out.jsonl", *only("repeats")]
    (project.folder / "out.jsonl").write_text("precious")
    result = project.run(*arguments)
    assert (result.exit_code, (project.folder / "out.jsonl").read_text()) == (2, "precious")
    assert "out.jsonl is there already; name another --output, or write over it by --force" in words(result.err)
    assert project.run(*arguments, "--force").exit_code == 0
    assert len(rows_of(project.folder / "out.jsonl")) == 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("train.jsonl",), "clean needs a file to write; add --output FILE, or --dry-run to only look"),
        (("train.jsonl", "--output", "train.jsonl"), "train.jsonl is read, and would be written over"),
        (("train.jsonl", "--output", "link.jsonl"), "link.jsonl is read, and would be written over"),
        (("a.removed.jsonl", "--output", "a"), "a.removed.jsonl is read, and would be written over"),
        (("train.jsonl", "--output", "test.jsonl", "--against", "test.jsonl"), "test.jsonl is read, and would be"),
        (("train.jsonl", "--output", "gone/out.jsonl"), "there is no folder 'gone'; make it first"),
        (("train.jsonl", "--output", "out.csv"), "out.csv should end with .jsonl or .ndjson, as train.jsonl is such"),
        (("gone.jsonl", "--output", "out.jsonl"), "gone.jsonl: no such data file"),
        (("train.jsonl", "--output", "out.jsonl", "--check", "repaets"), "did you mean 'repeats'?"),
        (("train.jsonl", "--output", "o.jsonl", "--against", "train=test.jsonl"), "two files are called 'train'"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_and_writes_nothing(
    project: Project, arguments: tuple[str, ...], expected: str
) -> None:
    (project.folder / "link.jsonl").symlink_to("train.jsonl")
    project.write_rows("a.removed.jsonl", TRAIN)
    before = files(project)
    for force in ([], ["--force"]):
        result = project.run("data", "clean", *arguments, "--skip", "breaks", *force)
        assert result.exit_code == 2
        assert expected in words(result.err)
        assert "Traceback" not in result.err
    assert files(project) == before
