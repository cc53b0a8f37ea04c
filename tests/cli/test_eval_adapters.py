"""``harness eval`` with several arms: one load of the weights, a run each, and no judging."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from harness.cli.arms import tuned_names
from harness.cli.main import cli
from harness.testing.project import SUITE, Project
from harness.testing.tiny import tiny_adapter
from harness_forgetting.canary import Canary

SUITE_WITH_A_BENCHMARK = SUITE.replace(
    "gates:",
    "benchmarks: [{name: canary, stop: when_certain, limit: 12}]\ngates:\n  - {benchmark: canary, max_drop: 0.9}",
)
ADAPTERS = ("first/checkpoint-4", "second/checkpoint-4", "second/checkpoint-8")
NAMES = ["tuned@first-checkpoint-4", "tuned@second-checkpoint-4", "tuned@checkpoint-8"]
EVERY_ARM = ["eval", "--suite", "suite.yaml", "--arm", "prompted", "--arm", "base"]
EVERY_ARM += [word for adapter in ADAPTERS for word in ("--adapter", adapter)]


def query(project: Project, sql: str) -> list[tuple[Any, ...]]:
    if not project.record.exists():
        return []
    with closing(sqlite3.connect(f"file:{project.record}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def answers(project: Project) -> dict[str, int]:
    """Arm and task -> how many answers are recorded."""
    sql = (
        "SELECT arm || ' ' || name, count(*) FROM generations JOIN tasks ON tasks.key = task "
        "JOIN runs ON runs.key = run GROUP BY 1"
    )
    return dict(query(project, sql))


def texts(project: Project, arm: str) -> list[tuple[Any, ...]]:
    """What an arm said to the suite's own task, in the order of its items."""
    sql = (
        "SELECT text FROM generations JOIN tasks ON tasks.key = task JOIN runs ON runs.key = run "
        f"JOIN task_samples USING (task, sample) WHERE name = 'colours' AND arm = '{arm}' ORDER BY position"
    )
    return query(project, sql)


def table(project: Project) -> list[tuple[Any, ...]]:
    sql = "SELECT arm, task, metric, value, low, high, scored, missing FROM estimates JOIN runs ON runs.key = run"
    return sorted(query(project, sql))


@pytest.fixture(scope="module")
def template(tiny_template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny project with three adapters of its model and a benchmark that could stop early."""
    folder = tmp_path_factory.mktemp("adapters") / "project"
    shutil.copytree(tiny_template.folder, folder)
    for seed, adapter in enumerate(ADAPTERS):
        tiny_adapter(folder / "model", folder / adapter, seed=seed)
    project = Project(folder)
    project.write_suite(SUITE_WITH_A_BENCHMARK)
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    shutil.copytree(template.folder, tmp_path / "project")
    return Project(tmp_path / "project")


@pytest.fixture(scope="module")
def evaluated(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same, with all five arms asked in one go."""
    folder = tmp_path_factory.mktemp("evaluated") / "project"
    shutil.copytree(template.folder, folder)
    project = Project(folder)
    result = project.run(*EVERY_ARM)
    assert result.exit_code == 0, result.err
    (folder / "out.txt").write_text(result.out)
    return project


def test_every_arm_is_a_finished_run_of_one_experiment(evaluated: Project) -> None:
    runs = query(evaluated, "SELECT id, status FROM runs ORDER BY key")
    assert runs == [(f"tiny-1/{arm}", "finished") for arm in ("base", "prompted", *NAMES)]
    assert len({tuple(texts(evaluated, arm)) for arm in ("base", "prompted", *NAMES)}) == 5


def test_every_arm_is_asked_everything_although_the_benchmark_could_stop_early(evaluated: Project) -> None:
    asked = {"base colours": 20, "base canary": 12, "prompted colours": 20}
    asked |= {f"{name} {task}": count for name in NAMES for task, count in (("colours", 20), ("canary", 12))}
    assert answers(evaluated) == asked
    assert query(evaluated, "SELECT DISTINCT stopping FROM tasks") == [(None,)]


def test_an_arm_comes_to_what_it_comes_to_alone(evaluated: Project, project: Project) -> None:
    alone = project.run("eval", "--suite", "suite.yaml", "--adapter", ADAPTERS[1], "--json").json
    among = evaluated.run("show", f"tiny-1/{NAMES[1]}", "--json").json["run"]
    assert (alone["id"], alone["adapter_sha256"]) == ("tiny-1/tuned", among["adapter_sha256"])
    assert alone["estimates"] == among["estimates"]
    assert texts(project, "tuned") == texts(evaluated, NAMES[1])


def test_the_screen_puts_them_side_by_side_and_names_the_command_that_judges_them(evaluated: Project) -> None:
    said = (evaluated.folder / "out.txt").read_text()
    assert all(f"tiny-1/{arm}" in said for arm in ("base", "prompted", *NAMES))
    command = next(line for line in said.splitlines() if line.startswith("next: harness "))
    candidates = " ".join(f"tiny-1/{name}" for name in NAMES)
    assert command == f"next: harness gate tiny-1/base {candidates} --suite suite.yaml"
    judged = evaluated.run(*command.split()[2:], "--json")
    assert judged.exit_code in {0, 3, 4}, judged.err
    assert judged.json["comparison"]["runs"][0]["id"] == "tiny-1/base"


def test_several_runs_are_a_list_as_json(project: Project) -> None:
    asked = ("eval", "--suite", "suite.yaml", "--arm", "prompted", "--arm", "base", "--arm", "base", "--limit", "4")
    assert [run["arm"] for run in project.run(*asked, "--json").json] == ["base", "prompted"]
    assert "next: harness gate tiny-2/base tiny-2/prompted --suite" in project.run(*asked).out


def test_the_weights_and_the_items_are_loaded_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForCausalLM

    monkeypatch.chdir(project.folder)
    with (
        mock.patch.object(
            AutoModelForCausalLM, "from_pretrained", wraps=AutoModelForCausalLM.from_pretrained
        ) as opened,
        mock.patch.object(Canary, "load", autospec=True, side_effect=Canary.load) as loaded,
    ):
        cli.main([*EVERY_ARM, "--limit", "4", "--json"], standalone_mode=False)
    assert (opened.call_count, loaded.call_count) == (1, 1)


def test_an_adapter_that_does_nothing_stops_everything_before_the_first_question(project: Project) -> None:
    from safetensors.torch import load_file, save_file

    file = project.folder / ADAPTERS[2] / "adapter_model.safetensors"
    save_file({name: weight * ("lora_B" not in name) for name, weight in load_file(file).items()}, file)
    result = project.run(*EVERY_ARM)
    assert result.exit_code == 1
    assert f"{ADAPTERS[2]} changes nothing" in result.err
    assert answers(project) == {}


def test_a_killed_evaluation_goes_on_and_ends_in_the_same_table(evaluated: Project, project: Project) -> None:
    process = subprocess.Popen(
        project.command(*EVERY_ARM), cwd=project.folder, env=project.variables, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while sum(answers_so_far(project).values()) < 60 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = sum(answers(project).values())
    assert 0 < before < sum(answers(evaluated).values()), "the process was not killed in the middle"
    result = project.run(*EVERY_ARM)
    assert "tiny-1 was cut off; going on with what is recorded" in result.err
    assert table(project) == table(evaluated)
    assert answers(project) == answers(evaluated)


def answers_so_far(project: Project) -> dict[str, int]:
    try:
        return answers(project)
    except sqlite3.OperationalError:
        return {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--adapter", ADAPTERS[0], "--adapter", ADAPTERS[1], "--adapter", f"second/../{ADAPTERS[0]}"],
            f"harness: {ADAPTERS[0]}: is given as an adapter twice; name each folder once",
        ),
        (["--adapter", ADAPTERS[0], "--adapter", "model"], "harness: model: no adapter (it holds no adapter_config"),
        (
            ["--arm", "base", "--arm", "tuned"],
            "harness: without an adapter tuned and base are the same weights; give --adapter FOLDER",
        ),
    ],
)
def test_arms_that_cannot_be_are_one_line(template: Project, arguments: list[str], message: str) -> None:
    result = template.run("eval", "--suite", "suite.yaml", *arguments)
    assert result.exit_code == 2
    assert result.err.startswith(message)
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["/runs/checkpoint-36"], ["tuned"]),
        (["/runs/a", "/runs/b"], ["tuned@a", "tuned@b"]),
        (["/r/a/last", "/r/b/last", "/r/best"], ["tuned@a-last", "tuned@b-last", "tuned@best"]),
        (["/r/a/x/last", "/r/b/x/last"], ["tuned@a-x-last", "tuned@b-x-last"]),
        (["/r/a", "/r/a/a"], ["tuned@r-a", "tuned@a-a"]),
        (["/x/a-b", "/y/a/b", "/z/b"], ["tuned@x-a-b", "tuned@y-a-b", "tuned@z-b"]),
        (["/r/my run; rm", "/r/näher"], ["tuned@my-run-rm", "tuned@n-her"]),
    ],
)
def test_an_adapter_is_named_by_the_shortest_end_of_its_path_that_is_its_own(
    folders: list[str], names: list[str]
) -> None:
    assert tuned_names([Path(folder) for folder in folders]) == names


def test_paths_that_no_name_tells_apart_get_different_names_all_the_same() -> None:
    one, other = tuned_names([Path("/r/a b"), Path("/r/a+b")])
    assert one != other
    assert one.startswith("tuned@a-b-")
