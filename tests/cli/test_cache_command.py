"""The second run asks nothing of the base model and says so; what is remembered can be seen and forgotten."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from harness.testing.project import SUITE, Project, Result

TASKS = SUITE[SUITE.index("tasks:") :]
STOPPING = """\
tasks:
  - {name: colours, data: test, generation: {max_new_tokens: 2}, metrics: [exact_match]}
benchmarks:
  - {name: canary, stop: when_certain}
gates:
  - {benchmark: canary, max_drop: 0.4}
"""


@dataclass(frozen=True)
class Twice:
    """A project whose suite has run twice."""

    project: Project
    first: Result
    second: Result

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON has no narrower type
        result = self.project.run(*arguments, "--json")
        assert result.exit_code == 0, result.err
        return result.json


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def twice(tiny_template: Project, tmp_path_factory: pytest.TempPathFactory) -> Twice:
    folder = tmp_path_factory.mktemp("twice") / "project"
    shutil.copytree(tiny_template.folder, folder)
    project = Project(folder)
    project.write_suite(SUITE.replace(TASKS, STOPPING))
    first = project.run("run", "suite.yaml", "--json")
    project.write_suite(SUITE.replace(TASKS, STOPPING).replace("r: 4", "r: 2"))
    second = project.run("run", "suite.yaml")
    assert first.exit_code == second.exit_code == 0, first.err + second.err
    return Twice(project, first, second)


@pytest.fixture
def copied(twice: Twice, project: Project) -> Project:
    """The same record, to be changed."""
    shutil.copytree(twice.project.folder, project.folder, dirs_exist_ok=True)
    return project


def test_the_second_run_takes_the_base_and_the_prompted_arm_from_the_record(twice: Twice) -> None:
    runs = {run["arm"]: run for run in twice.first.json["comparison"]["runs"]}
    again = {arm: twice.json("show", f"tiny-2/{arm}")["run"] for arm in runs}
    items = {arm: sum({e["task"]: e["scored"] for e in run["estimates"]}.values()) for arm, run in runs.items()}
    assert {arm: run["reused"] for arm, run in runs.items()} == {"base": {}, "prompted": {}, "tuned": {}}
    assert again["base"]["reused"] == {"tiny-1/base": items["base"]}, "also what was asked until it was certain"
    assert again["prompted"]["reused"] == {"tiny-1/prompted": 20}
    assert again["tuned"]["reused"] == {}, "another adapter"
    assert again["base"]["estimates"] == runs["base"]["estimates"]


def test_the_screens_say_how_many_items_came_from_the_record(twice: Twice) -> None:
    count = sum(twice.json("show", "tiny-2/base")["run"]["reused"].values())
    said, noted = words(twice.second.out), words(twice.second.err)
    assert f"cache base: {count} of {count} items answered by tiny-1/base" in said
    assert "prompted: 20 of 20 items answered by tiny-1/prompted" in said
    assert "tuned: " not in said[: said.index("Tasks")]
    assert f"note base: {count} of {count} items answered by the record" in noted
    assert f"cache {count} of {count} items answered by tiny-1/base" in words(
        twice.project.run("show", "tiny-2/base").out
    )
    assert "cache" not in words(twice.project.run("show", "tiny-1/base").out)


def test_no_cache_asks_again(copied: Project) -> None:
    for flag, reused in (((), 1), (("--no-cache",), 0)):
        run = copied.run("eval", "--suite", "suite.yaml", "--limit", "3", "--json", *flag)
        assert run.exit_code == 0, run.err
        assert len(run.json["reused"]) == reused


def test_the_cache_is_shown_by_model_and_adapter(twice: Twice) -> None:
    shown = twice.json("cache")
    base, *tuned = shown["models"]
    model = twice.json("show", "tiny-1/base")["run"]["model"]
    assert base["weights_sha256"] == model["weights_sha256"]
    assert (base["adapter_sha256"], [each["adapter_sha256"] is None for each in tuned]) == (None, [False, False])
    with closing(sqlite3.connect(twice.project.record)) as database:
        count, texts = database.execute(
            "SELECT count(*), sum(length(text)) FROM generations WHERE reused_from IS NULL"
        ).fetchone()
    assert sum(each["answers"] for each in shown["models"]) == count
    assert sum(each["text_bytes"] for each in shown["models"]) >= texts
    assert shown["bytes"] == twice.project.record.stat().st_size

    said = words(twice.project.run("cache").out)
    assert f"answers {count} can be given again" in said
    assert "a part of the recorded runs, with or without the cache" in said
    assert base["weights_sha256"][:16] in said
    assert tuned[0]["adapter_sha256"][:16] in said


def test_a_prune_forgets_and_leaves_runs_scores_and_verdicts_alone(copied: Project) -> None:
    def recorded() -> list[object]:
        tables = ("runs", "scores", "estimates", "verdicts", "rulings", "samples", "task_samples")
        with closing(sqlite3.connect(copied.record)) as database:
            rest = "SELECT task, sample, attempt, text, finish_reason, seconds, reused_from FROM generations"
            return [database.execute(query).fetchall() for query in (*(f"SELECT * FROM {t}" for t in tables), rest)]

    before, held = recorded(), sum(each["answers"] for each in copied.run("cache", "--json").json["models"])
    pruned = copied.run("cache", "prune", "--json")
    assert (pruned.exit_code, pruned.json) == (0, {"forgotten": held, "models": []})
    assert recorded() == before
    asked = copied.run("eval", "--suite", "suite.yaml", "--limit", "3", "--json")
    assert "tiny-1" not in asked.out
    said = words(copied.run("cache", "prune").out)
    assert "answers; later runs ask for them again" in said
    assert "untouched recorded runs with their answers, scores and verdicts" in said


def test_a_prune_may_be_of_one_model_or_of_what_is_old(copied: Project) -> None:
    weights = copied.run("cache", "--json").json["models"][0]["weights_sha256"]
    assert copied.run("cache", "prune", "--older-than", "1", "--json").json["forgotten"] == 0
    with closing(sqlite3.connect(copied.record)) as database, database:
        database.execute("UPDATE runs SET started = '2020-01-01T00:00:00+00:00' WHERE id = 'tiny-1/prompted'")
    assert copied.run("cache", "prune", "--older-than", "1", "--json").json["forgotten"] == 20
    rest = copied.run("cache", "prune", "--model", weights[:8].upper(), "--json").json
    assert rest["forgotten"] > 0
    assert rest["models"] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("prune", "--model", "zz"), "no answer of a model 'zz' can be given again; known are "),
        (("--model", "ab"), "--model says what to forget, and nothing is; write 'harness cache prune'"),
        (("--older-than", "3"), "--older-than says what to forget, and nothing is; write 'harness cache prune'"),
        (("prune", "--older-than", "-1"), "'--older-than': -1 is not in the range"),
        (("empty",), "'empty' is not 'prune'"),
        (("--output", "nowhere"), "nowhere/harness.db: there is no record yet; 'harness run SUITE' makes one"),
        (("prune", "--output", "nowhere"), "nowhere/harness.db: there is no record yet; 'harness run SUITE' makes one"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(twice: Twice, arguments: tuple[str, ...], expected: str) -> None:
    before = twice.project.record.read_bytes()
    result = twice.project.run("cache", *arguments)
    assert result.exit_code == 2
    assert expected in result.err
    assert "Traceback" not in result.err
    assert twice.project.record.read_bytes() == before
    assert not (twice.project.folder / "nowhere").exists()


def test_a_beginning_that_two_models_share_is_refused(copied: Project) -> None:
    weights = copied.run("cache", "--json").json["models"][0]["weights_sha256"]
    with closing(sqlite3.connect(copied.record)) as database, database:
        near = weights[:10] + "f" * 54
        change = "UPDATE runs SET model = replace(model, ?, ?) WHERE id = 'tiny-1/prompted'"
        database.execute(change, (weights, near))
    result = copied.run("cache", "prune", "--model", weights[:10])
    assert result.exit_code == 2
    assert f"{weights[:10]!r} begins more than one model; which of " in result.err
    assert near[:16] in result.err
