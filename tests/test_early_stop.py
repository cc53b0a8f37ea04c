"""A benchmark asked only until its gates are certain: fewer items, the same answer, and nothing to be fooled by."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from harness import BenchmarkContext
from harness.testing.project import SUITE, Project, Result
from harness_forgetting.canary import Canary

TASKS = SUITE[SUITE.index("tasks:") :]
ONE_TASK = """\
tasks:
  - name: colours
    data: test
    limit: 4
    generation: {max_new_tokens: 2}
    metrics: [exact_match]
"""


def suite_with(benchmark: str, *gates: str) -> str:
    asked = "".join(f"  - {gate}\n" for gate in gates)
    return SUITE.replace(TASKS, f"{ONE_TASK}benchmarks:\n  - {benchmark}\ngates:\n{asked}")


DROP = "{benchmark: canary, max_drop: 0.4}"
POPULATION = suite_with("{name: canary, stop: when_certain}", DROP)
THIS_BENCHMARK = suite_with("{name: canary, stop: when_certain, target: this_benchmark}", DROP)


def query(project: Project, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{project.record}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def asked(project: Project) -> dict[object, list[object]]:
    """Arm -> the positions of the canary's items that it has answered."""
    rows = query(
        project,
        "SELECT runs.arm, position FROM task_samples JOIN tasks ON tasks.key = task_samples.task "
        "JOIN runs ON runs.key = tasks.run JOIN generations USING (task, sample) "
        "WHERE tasks.name = 'canary' AND runs.experiment = 'tiny-1' ORDER BY position",
    )
    return {arm: [position for each, position in rows if each == arm] for arm in ("base", "tuned")}


@pytest.fixture(scope="module")
def stopped(tiny_template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("stopped") / "project"
    shutil.copytree(tiny_template.folder, folder)
    project = Project(folder)
    project.write_suite(POPULATION)
    result = project.run("run", "suite.yaml")
    assert result.exit_code == 0, result.err
    (folder / "out.txt").write_text(result.out + result.err)
    return project


def test_two_arms_that_answer_alike_are_asked_a_part_of_the_items(stopped: Project) -> None:
    both = asked(stopped)
    assert both["base"] == both["tuned"] == list(range(len(both["base"])))
    assert 9 <= len(both["base"]) < 40


def test_the_screen_says_how_many_items_were_needed_and_when_the_reading_holds(stopped: Project) -> None:
    said = " ".join((stopped.folder / "out.txt").read_text().split())
    used = len(asked(stopped)["base"])
    assert f"canary: certain after {used} of 40 items" in said
    assert f"canary contains: {used} of 40 items were asked, in an order drawn before, at look" in said
    assert "the ranges hold at these looks and at no others" in said


def test_the_order_is_drawn_with_the_seed_and_recorded_before_the_first_item(stopped: Project) -> None:
    order = (
        "SELECT samples.id FROM task_samples JOIN samples ON samples.key = sample "
        "JOIN tasks ON tasks.key = task JOIN runs ON runs.key = run "
        "WHERE tasks.name = 'canary' AND runs.id = 'tiny-1/{}' ORDER BY position"
    )
    base, tuned = query(stopped, order.format("base")), query(stopped, order.format("tuned"))
    assert base == tuned
    assert len(base) == 40, "the items that were not asked stand in the record too"
    asked_by_itself = [(sample.id,) for sample in Canary().load(BenchmarkContext(seed=3)).samples]
    assert sorted(base) == sorted(asked_by_itself)
    assert base != asked_by_itself


def test_the_record_judges_as_the_run_did(stopped: Project) -> None:
    ruling = query(stopped, "SELECT outcome, reason, p_passed, items FROM rulings")
    again = stopped.run("gate", "tiny-1/base", "tiny-1/tuned", "--suite", "suite.yaml", "--json").json["verdict"]
    assert [tuple(each[k] for k in ("outcome", "reason", "p_passed", "items")) for each in again["rulings"]] == ruling


def test_a_run_without_a_second_arm_asks_everything(stopped: Project) -> None:
    result = stopped.run("eval", "--suite", "suite.yaml", "--json")
    assert [each["scored"] for each in result.json["estimates"] if each["task"] == "canary"] == [40]


def test_a_kill_between_two_looks_changes_nothing(stopped: Project, project: Project) -> None:
    project.write_suite(POPULATION)
    process = subprocess.Popen(
        project.command("run", "suite.yaml"), cwd=project.folder, env=project.variables, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not (project.record.exists() and any(_asked(project).values())):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    result = project.run("run", "suite.yaml")
    assert "going on with what is recorded" in result.err
    assert asked(project) == asked(stopped)
    assert query(project, "SELECT outcome, reason FROM rulings") == query(
        stopped, "SELECT outcome, reason FROM rulings"
    )


def _asked(project: Project) -> dict[object, list[object]]:
    try:
        return asked(project)
    except sqlite3.OperationalError:
        return {}


def test_a_bet_on_this_benchmarks_own_score_stops_too_and_says_what_it_is_about(project: Project) -> None:
    project.write_suite(THIS_BENCHMARK)
    result = project.run("run", "suite.yaml")
    assert result.exit_code == 0, result.err
    assert len(asked(project)["tuned"]) < 40
    assert "the claim is about the score of this whole benchmark" in " ".join(result.out.split())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (suite_with("{name: canary, stop: when_certain}", "{task: colours, max_drop: 0.5}"), "and has none"),
        (suite_with("{name: canary, target: this_benchmark}", DROP), "target says what an early stop is about"),
        (suite_with("{name: canary, stop: soon}", DROP), "benchmarks.0.stop"),
    ],
)  # fmt: skip
def test_a_stop_that_means_nothing_is_refused(project: Project, text: str, problem: str) -> None:
    project.write_suite(text)
    result = project.run("check", "suite.yaml")
    assert result.exit_code == 2
    assert problem in result.err
    assert "suite.yaml:" in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_a_gate_on_a_recorded_run_compares_with_that_run(stopped: Project) -> None:
    text = (stopped.folder / "suite.yaml").read_text()
    against = stopped.folder / "against.yaml"
    against.write_text(text.replace(DROP, "{task: colours, max_drop: 0.9, against: tiny-1/prompted}"))
    assert stopped.run("check", "against.yaml").exit_code == 2  # the benchmark stops for a gate that is gone
    against.write_text(text.replace(DROP, f"{DROP}\n  - {{task: colours, max_drop: 0.9, against: tiny-1/prompted}}"))
    verdict = stopped.run("gate", "tiny-1/base", "tiny-1/tuned", "--suite", "against.yaml", "--json").json["verdict"]
    assert verdict["rulings"][1]["rule"]["against"] == "tiny-1/prompted"
    assert verdict["rulings"][1]["items"] == 4


def test_a_gate_on_the_last_release_finds_the_candidate_that_passed(stopped: Project) -> None:
    against = stopped.folder / "release.yaml"
    text = (stopped.folder / "suite.yaml").read_text()
    against.write_text(text.replace(DROP, "{benchmark: canary, max_drop: 0.4, against: release}"))
    verdict = stopped.run("gate", "tiny-1/prompted", "tiny-1/base", "--suite", "release.yaml", "--json").json["verdict"]
    assert verdict["rulings"][0]["outcome"] != "failed"
    assert verdict["rulings"][0]["items"] == len(asked(stopped)["base"])


@pytest.fixture(scope="module")
def with_a_gate_on_the_release(tiny_template: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """What a suite says of one candidate at every start."""
    folder = tmp_path_factory.mktemp("release") / "project"
    shutil.copytree(tiny_template.folder, folder)
    project = Project(folder)
    project.write_suite(
        f"{SUITE}  - {{task: colours, metric: f1, max_drop: 0.5, against: release, tier: supporting}}\n"
    )
    starts = {name: project.run("run", "suite.yaml", "--json") for name in ("first", "again")}
    assert len(query(project, "SELECT DISTINCT adapter_sha256 FROM runs WHERE arm = 'tuned'")) == 1
    with closing(sqlite3.connect(project.record)) as database, database:
        database.execute("UPDATE experiments SET status = 'running', finished = NULL WHERE id = 'tiny-2'")
    return {**starts, "gone on with": project.run("run", "suite.yaml", "--json")}


@pytest.mark.parametrize(
    ("start", "experiment"), [("first", "tiny-1"), ("again", "tiny-2"), ("gone on with", "tiny-2")]
)
def test_a_candidate_is_never_its_own_release(
    with_a_gate_on_the_release: dict[str, Result], start: str, experiment: str
) -> None:
    told = with_a_gate_on_the_release[start]
    assert told.exit_code == 0, told.err
    assert told.json["comparison"]["experiment"] == experiment
    drop, release = told.json["verdict"]["rulings"]
    assert drop["outcome"] == "passed"
    assert release["outcome"] == "inconclusive"
    assert "passed no candidate yet" in release["reason"]


def test_a_gate_on_a_run_that_is_not_recorded_is_refused_before_anything_is_trained(project: Project) -> None:
    project.write_suite(SUITE.replace("max_drop: 0.5}", "max_drop: 0.5, against: nobody/tuned}"))
    result = project.run("run", "suite.yaml")
    assert result.exit_code == 2
    assert "nobody/tuned" in result.err
    assert not (project.folder / "results" / "tiny-1").exists()
