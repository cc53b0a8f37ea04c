"""``harness data check``: files and suites, what is found in them, and the exit status that it means."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import data_folder
import pytest
from data_folder import chat, only

from harness.testing.project import Project

SUITE = """\
suite: tickets
model: {name: model}
data: {train: rows.jsonl, test: held.jsonl}
trainer: {name: lora, max_length: 77}
tasks: [{name: t, data: test, metrics: [f1]}]
checks:
  - {name: few, severity: error}
  - {name: slow, severity: off}
"""
TRAIN = [chat("a"), chat("b"), chat("c"), chat("b")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return data_folder.folder_of(
        tmp_path,
        {
            "train.jsonl": TRAIN,
            "test.jsonl": [chat("x"), chat("c")],
            "rows.jsonl": TRAIN,
            "held.jsonl": [chat("x"), chat("c")],
            "clean.jsonl": [chat("only")],
        },
    )


def words(text: str) -> str:
    return " ".join(text.split())


def test_errors_are_exit_status_3_with_the_rows_that_show_them(project: Project) -> None:
    result = project.run("data", "check", "train.jsonl", "test.jsonl", *only("repeats", "shared"))
    assert result.exit_code == 3, result.err
    told = words(result.out)
    assert "error repeats same question 1 row 1 rows repeat line 4 b like line 2 → -" in told
    assert "error shared leaked 1 row 1 rows leak line 3 c like test line 2" in told
    assert "2 errors in 2 files; harness data clean train.jsonl --output OUT would remove 2 rows" in told


@pytest.mark.parametrize(
    ("checks", "status", "told"),
    [
        (["few"], 0, "1 warning, 1 remark in 1 file"),
        (["few", "breaks"], 1, "breaks not checked: ZeroDivisionError: no rows to divide by"),
        (["repeats", "breaks"], 3, "breaks not checked: ZeroDivisionError: no rows to divide by"),
        (["slow"], 0, "nothing was found in 1 file"),
    ],
)
def test_the_exit_status_says_what_was_found(project: Project, checks: list[str], status: int, told: str) -> None:
    result = project.run("data", "check", "rows.jsonl", *only(*checks))
    assert result.exit_code == status, result.err
    assert told in words(result.out)


def test_packages_that_are_missing_break_nothing(project: Project) -> None:
    skipped = [word for name in ("breaks", "repeats") for word in ("--skip", name)]
    result = project.run("data", "check", "clean.jsonl", *skipped, "--json")
    (table,) = result.json["tables"]
    assert table["not_checked"]["needy"] == "needs no-such-distribution; pip install no-such-distribution"
    assert result.exit_code == (3 if table["worst"] == "error" else 0)


def test_json_names_every_row(project: Project) -> None:
    result = project.run("data", "check", "train.jsonl", "held=held.jsonl", *only("repeats", "few"), "--json")
    assert result.exit_code == 3
    assert result.err == ""
    train, held = result.json["tables"]
    assert (train["name"], train["path"], train["form"], train["rows"]) == ("train", "train.jsonl", "messages", 4)
    assert [each["severity"] for each in train["findings"]] == ["error", "warning", "info"]
    assert train["findings"][0]["spots"] == [
        {
            "line": 4,
            "evidence": "b",
            "other": None,
            "other_line": 2,
            "sample": None,
            "remove": True,
            "replacement": False,
        }
    ]
    assert train["origins"]["repeats"] == {"distribution": "checks-kit", "version": "1.0", "entry_point": "kit"}
    assert (held["name"], held["worst"]) == ("held", "warning")


def test_a_suite_stands_for_its_data_and_its_checks(project: Project) -> None:
    project.write_suite(SUITE)
    for arguments in (["suite.yaml"], ["--suite", "suite.yaml"]):
        result = project.run("data", "check", *arguments, "--skip", "breaks", "--json")
        assert result.exit_code == 3, result.err
        train, test = result.json["tables"]
        assert [train["name"], test["name"]] == ["train", "test"]
        kinds = {(each["check"], each["severity"]) for each in train["findings"]}
        assert {("few", "error"), ("repeats", "error"), ("shared", "error")} <= kinds
        assert "slow" not in train["origins"]
        assert result.json["notes"] == ["the tokenizer of model is not on this machine; --tokenizer FOLDER names one"]


def test_a_file_takes_the_place_of_the_suites_own(project: Project) -> None:
    project.write_suite(SUITE)
    result = project.run("data", "check", "suite.yaml", "train=clean.jsonl", *only("repeats", "shared"), "--json")
    assert result.exit_code == 0, result.err
    assert [(each["name"], each["path"]) for each in result.json["tables"]] == [
        ("train", "clean.jsonl"),
        ("test", "held.jsonl"),
    ]


def test_lines_that_cannot_be_read_are_counted_and_the_others_are_checked(project: Project) -> None:
    lines = [json.dumps(row) for row in TRAIN]
    (project.folder / "train.jsonl").write_text("\n".join([lines[0], "{broken", *lines[1:]]))
    result = project.run("data", "check", "train.jsonl", *only("repeats"))
    assert result.exit_code == 3, result.err
    assert "rows 4, and 1 more that cannot be read" in words(result.out)
    assert "line 5 b like line 3" in words(result.out)


def test_the_offline_pack_is_looked_at_without_a_suite_too(project: Project) -> None:
    pack = project.folder / "pack"
    pack.mkdir()
    there = Project(project.folder, {**project.environment, "HARNESS_BENCHMARK_PACK": str(pack)})
    told = there.run("data", "check", "clean.jsonl", *only("few"), "--json").json
    assert set(told["missing"]) | set(told["benchmarks"]) == {"mmlu", "hellaswag"}
    gone = Project(project.folder, {**project.environment, "HARNESS_BENCHMARK_PACK": "gone"})
    result = gone.run("data", "check", "clean.jsonl", *only("few"))
    assert (result.exit_code, "names 'gone', which is no folder" in result.err) == (2, True)


def test_the_screen_is_saved_as_a_picture(project: Project) -> None:
    result = project.run("data", "check", "rows.jsonl", *only("repeats"), "--svg", "screen.svg")
    assert result.exit_code == 3, result.err
    picture = ElementTree.parse(project.folder / "screen.svg").getroot()
    assert picture.tag.endswith("svg")
    assert "harness\xa0data\xa0check" in "".join(picture.itertext())


def test_as_many_rows_are_shown_as_are_asked_for(project: Project) -> None:
    shown = project.run("data", "check", "rows.jsonl", *only("repeats"), "--examples", "0").out
    assert "line 4" not in shown


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "data check needs files, or a suite; harness data check train.jsonl test.jsonl"),
        (("gone.jsonl",), "gone.jsonl: no such data file"),
        (("gone.yaml",), "gone.yaml: no such suite file"),
        (("rows.jsonl", "--check", "repaets"), "unknown data check 'repaets'; did you mean 'repeats'?"),
        (("rows.jsonl", "--skip", "repaets"), "unknown data check 'repaets'; did you mean 'repeats'?"),
        (("rows.jsonl", "--check", "needy"), "'needy' needs no-such-distribution, which is not installed"),
        (("rows=train.jsonl", "rows.jsonl"), "two files are called 'rows': train.jsonl and rows.jsonl"),
        (("bad.yaml",), "bad.yaml:7: unknown data check 'fewer'; did you mean 'few'?"),
        (("rows.jsonl", "--check", "few", "--svg", "gone/x.svg"), "there is no folder 'gone' for the picture"),
        (("rows.jsonl", "--tokenizer", "rows.jsonl"), "Directory 'rows.jsonl' is a file"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(project: Project, arguments: tuple[str, ...], expected: str) -> None:
    (project.folder / "bad.yaml").write_text(SUITE.replace("{name: few", "{name: fewer"))
    result = project.run("data", "check", *arguments)
    assert result.exit_code == 2
    assert expected in words(result.err)
    assert "Traceback" not in result.err
    assert result.out == ""


def test_hostile_rows_cannot_act_on_the_terminal(project: Project) -> None:
    bad = "\x1b[2J[bold]pwn[/]\u202e\x07"
    project.write_rows("train.jsonl", [chat(bad), chat(bad)])
    for more in ([], ["--json"]):
        result = project.run("data", "check", "train.jsonl", *only("repeats"), *more)
        assert result.exit_code == 3, result.err
        assert not {"\x1b", "\x07", "\u202e"} & set(result.out + result.err)
        assert "[bold]pwn[/]" in result.out
