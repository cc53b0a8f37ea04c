"""``harness data fingerprint``: what files hold, a lock beside the suite, and what changed since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.catalog import Catalog
from harness.cli.fingerprint import fingerprint
from harness.data.fingerprint import lock_path, refuse_changed
from harness.errors import UsageError
from harness.host import Host
from harness.plan import make
from harness.suite.load import load
from harness.testing.project import Project, colour_rows


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(fingerprint, list(map(str, arguments)), standalone_mode=False)


def words(result: Result) -> str:
    return " ".join(result.output.split())


def test_a_suites_data_is_locked_and_a_change_is_told_by_row(project: Project) -> None:
    assert run(project.suite, "--lock").exception is None
    lock = project.folder / "suite.data.lock.json"
    assert sorted(json.loads(lock.read_text())) == ["data.test", "data.train", "data.validation", "version"]
    assert words(run(project.suite)).count("as it was locked") == 3
    rows = colour_rows(0, 20, "test")
    rows[4]["messages"][-1]["content"] = "mauve"
    project.write_rows("test.jsonl", [*rows, *colour_rows(30, 2, "test")])
    told = words(run(project.suite))
    assert "test: row 5 changed; 2 rows were added at the end (rows 21-22)" in told
    assert told.count("as it was locked") == 2


def test_general_data_is_locked_by_the_name_that_a_plan_gives_it(project: Project) -> None:
    project.write_rows("general.jsonl", colour_rows(50, 40, "general"))
    suite = project.suite.read_text().replace("  name: lora\n", "  name: lora\n  general_data: {path: general.jsonl}\n")
    project.write_suite(suite)
    assert run(project.suite, "--lock").exception is None
    plan = make(load(project.suite), Catalog.build(Host.load()))
    lock = lock_path(project.suite)
    refuse_changed(lock, plan.datasets)
    project.write_rows("general.jsonl", colour_rows(50, 41, "general"))
    with pytest.raises(UsageError, match=r"general_data is not what .*: 1 row was added at the end \(row 41\)"):
        make(load(project.suite), Catalog.build(Host.load()))


def test_json_tells_each_file_without_the_digests_of_its_rows(project: Project) -> None:
    told = json.loads(run(project.folder / "train.jsonl", project.folder / "test.jsonl", "--json").output)
    assert [(each["name"], each["rows"], each["tokens"]) for each in told] == [
        ("train.jsonl", 24, None),
        ("test.jsonl", 20, None),
    ]
    assert "digests" not in told[0]
    assert told[0]["characters"]["least"] > 20


def test_tokens_are_counted_with_a_models_own_tokenizer_and_template(project: Project) -> None:
    from transformers import AutoTokenizer

    told = json.loads(run(project.folder / "train.jsonl", "--tokenizer", project.folder / "model", "--json").output)
    tokenizer = AutoTokenizer.from_pretrained(project.folder / "model")
    counts = [
        len(tokenizer.apply_chat_template(row["messages"], tokenize=True, return_dict=True)["input_ids"])
        for row in colour_rows(0, 24, "train")
    ]
    assert (told[0]["tokens"]["least"], told[0]["tokens"]["most"]) == (min(counts), max(counts))


def test_a_folder_without_a_tokenizer_is_one_line(project: Project, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    error = run(project.folder / "train.jsonl", "--tokenizer", tmp_path / "empty").exception
    assert isinstance(error, UsageError)
    assert "holds no tokenizer" in str(error)


def test_a_lock_needs_a_suite(project: Project) -> None:
    error = run(project.folder / "train.jsonl", "--lock").exception
    assert isinstance(error, UsageError)
    assert "beside a suite" in str(error)
