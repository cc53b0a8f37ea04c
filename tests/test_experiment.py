"""The main job on a tiny real model: train, ask three arms, record, compare, gate; nothing recorded is ever lost."""

from __future__ import annotations

import importlib.util
import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from harness import experiment, plan
from harness.catalog import Catalog, Offer
from harness.execution.benchmarks import LoadedBenchmarks
from harness.host import Host
from harness.suite.load import load
from harness.testing.project import SUITE, Project
from harness.values import Origin

WITHOUT_TRAINER = SUITE.replace(
    """trainer:
  name: lora
  r: 4
  learning_rate: 1.0e-2
  max_steps: 4
""",
    "",
)


def query(project: Project, sql: str) -> list[tuple[object, ...]]:
    """What the record holds, read with the plain standard library."""
    with closing(sqlite3.connect(f"file:{project.record}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def table(project: Project) -> list[tuple[object, ...]]:
    """Arm, task, metric and value of every estimate, as the final table shows it."""
    return query(
        project,
        "SELECT runs.arm, estimates.task, estimates.metric, estimates.value, estimates.low, estimates.high,"
        " estimates.scored, estimates.missing FROM estimates JOIN runs ON runs.key = estimates.run ORDER BY 1, 2, 3",
    )


def answers(project: Project) -> int:
    try:
        return int(str(query(project, "SELECT count(*) FROM generations")[0][0]))
    except sqlite3.OperationalError:
        return 0


@pytest.fixture(scope="module")
def finished(tiny_template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose suite has run to its end, undisturbed."""
    import shutil

    folder = tmp_path_factory.mktemp("finished") / "project"
    shutil.copytree(tiny_template.folder, folder)
    project = Project(folder)
    result = project.run("run", "suite.yaml", "--json")
    assert result.exit_code in {0, 3, 4}, result.err
    (folder / "out.json").write_text(result.out)
    return project


def test_a_run_measures_three_arms_and_gives_a_verdict(finished: Project) -> None:
    out = json.loads((finished.folder / "out.json").read_text())
    assert [run["arm"] for run in out["comparison"]["runs"]] == ["base", "prompted", "tuned"]
    assert {run["status"] for run in out["comparison"]["runs"]} == {"finished"}
    assert len(table(finished)) == 3 * 2
    assert out["verdict"]["outcome"] in {"passed", "failed", "inconclusive"}
    assert out["verdict"]["rulings"][0]["reason"]


def test_the_adapter_is_kept_as_safetensors_and_never_pickled(finished: Project) -> None:
    files = [path.name for path in (finished.folder / "results").rglob("*") if path.is_file()]
    assert "adapter_model.safetensors" in files
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pkl", ".pth"))]


def test_the_header_holds_what_is_needed_to_repeat_the_run(finished: Project) -> None:
    run = finished.run("show", "tiny-1/tuned", "--json").json["run"]
    assert run["seed"] == 3
    assert run["model"]["weights_sha256"]
    assert run["model"]["template_sha256"]
    assert run["adapter_sha256"]
    assert run["environment"]["packages"]["torch"].startswith("2.13.0")
    assert run["origins"]["trainer:lora"]["distribution"] == "finetune-harness"


def test_gate_judges_the_recorded_runs_as_the_run_did(finished: Project) -> None:
    out = json.loads((finished.folder / "out.json").read_text())
    again = finished.run("gate", "tiny-1/base", "tiny-1/tuned", "--suite", "suite.yaml", "--json")
    assert again.json["verdict"] == out["verdict"]
    expected = {"passed": 0, "failed": 3, "inconclusive": 4}[out["verdict"]["outcome"]]
    assert again.exit_code == expected


def test_every_answer_can_be_looked_at(finished: Project) -> None:
    shown = finished.run("show", "tiny-1/base", "--samples", "--limit", "2", "--json").json
    (first, second) = shown["samples"]["colours"]
    assert first["item"]["generations"][0]["sample_id"] == first["item"]["sample"]["id"]
    assert set(second["scores"]) == {"exact_match", "f1"}


def test_a_killed_evaluation_goes_on_and_ends_in_the_same_table(finished: Project, project: Project) -> None:
    process = subprocess.Popen(
        project.command("run", "suite.yaml"), cwd=project.folder, env=project.variables, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 300
    while answers(project) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = answers(project)
    assert 0 < before < 60, "the process was not killed in the middle"

    result = project.run("run", "suite.yaml")
    assert "tiny-1 was cut off; going on with what is recorded" in result.err
    assert table(project) == table(finished)
    assert answers(project) == answers(finished) == 60
    assert query(project, "SELECT count(*) FROM trainings")[0][0] == 1, "it trained again"
    assert query(project, "SELECT count(*) FROM experiments")[0][0] == 1


def test_two_runs_at_once_get_an_experiment_each(project: Project) -> None:
    project.write_suite(WITHOUT_TRAINER)
    command = project.command("run", "suite.yaml", "--json")
    both = [
        subprocess.Popen(command, cwd=project.folder, env=project.variables, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outs = [json.loads(process.communicate(timeout=300)[0]) for process in both]
    assert {out["comparison"]["experiment"] for out in outs} == {"tiny-1", "tiny-2"}
    assert len(table(project)) == 2 * 2 * 2
    assert answers(project) == 2 * 2 * 20


FOREIGN = '''
from dataclasses import dataclass
from harness import PerSample, hookimpl

@dataclass(frozen=True)
class Fragile(PerSample):
    """Breaks on every third item."""
    name = "fragile"
    def score_one(self, text, targets):
        if targets[0] == "red":
            raise RuntimeError("no red please")
        return 1.0

@hookimpl
def harness_register_metrics():
    return [Fragile]

@hookimpl
def harness_task_finished(run, task, estimates):
    raise ValueError("the watcher stumbled")
'''


WITHOUT_A_SUM = FOREIGN.replace(
    """        if targets[0] == "red":
            raise RuntimeError("no red please")
        return 1.0
""",
    """        return 1.0
    def aggregate(self, scores):
        raise ZeroDivisionError("nobody knows the sum")
""",
)
FRAGILE = WITHOUT_TRAINER.replace("[exact_match, f1]", "[fragile, f1]")


def installed(project: Project, source: str) -> Project:
    """The project with the distribution ``fragile`` beside the harness, and a suite that asks for its metric."""
    site = project.folder / "site"
    info = site / "fragile-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\nmetrics = fragile\n")
    (site / "fragile.py").write_text(source)
    project.write_suite(FRAGILE)
    return replace(project, environment={"PYTHONPATH": str(site)})


def test_a_plugin_that_raises_never_loses_the_run(project: Project) -> None:
    project = installed(project, FOREIGN)
    result = project.run("run", "suite.yaml", "--json")
    assert result.exit_code == 0, result.err
    estimates = {each["metric"]: each for each in result.json["comparison"]["runs"][0]["estimates"]}
    assert estimates["fragile"]["missing"] > 0
    assert estimates["f1"]["missing"] == 0
    reasons = query(project, "SELECT DISTINCT why_missing FROM scores WHERE why_missing IS NOT NULL")
    assert reasons == [("the metric raised RuntimeError: no red please",)]
    faults = project.run("show", "tiny-1/base", "--json").json["faults"]
    assert {fault["error"] for fault in faults} == {
        "the metric raised RuntimeError: no red please",
        "ValueError: the watcher stumbled",
    }


def test_a_metric_that_cannot_sum_up_has_no_value_and_the_gates_are_decided(project: Project) -> None:
    project = installed(project, WITHOUT_A_SUM)
    project.write_suite(f"{FRAGILE}  - {{task: colours, metric: fragile, max_drop: 0.5}}\n")

    result = project.run("run", "suite.yaml")
    assert result.exit_code == 0, result.err
    assert query(project, "SELECT metric, outcome FROM rulings ORDER BY position") == [
        ("f1", "passed"),
        ("fragile", "passed"),
    ]
    shown = project.run("show", "tiny-1/base", "--json").json
    estimates = {each["metric"]: each for each in shown["run"]["estimates"]}
    assert estimates["f1"]["value"] is not None
    assert (estimates["fragile"]["value"], estimates["fragile"]["scored"]) == (None, 20)
    assert {fault["error"] for fault in shown["faults"] if fault["hook"] == "metric fragile"} == {
        "it could not sum up its scores: ZeroDivisionError: nobody knows the sum"
    }


def test_another_version_or_an_edit_of_a_metric_is_another_experiment(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = project.folder / "fragile.py"
    source.write_text(FOREIGN)
    spec = importlib.util.spec_from_file_location("fragile", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fragile", module)
    spec.loader.exec_module(module)
    suite = load(project.write_suite(FRAGILE))
    offers = Catalog.build(Host.load()).offers

    def key(version: str) -> str:
        offer = Offer("metric", "fragile", module.Fragile, Origin("fragile", version, "metrics"))
        made = plan.make(suite, Catalog((*offers, offer), Host([])))
        return experiment._key(LoadedBenchmarks(made, {}, ()), "run", reuse=True)

    known = key("1.0")
    assert key("1.0") == known
    assert key("1.1") != known
    source.write_text(FOREIGN.replace("return 1.0", "return 0.5"))
    assert key("1.0") != known


def test_a_benchmark_that_cannot_be_had_is_not_measured_and_never_passes(project: Project) -> None:
    suite = WITHOUT_TRAINER.replace("gates:", "benchmarks: [hellaswag]\ngates:")
    project.write_suite(suite + "  - {benchmark: hellaswag, max_drop: 0.10}\n")
    result = project.run("run", "suite.yaml", "--json")
    assert result.exit_code == 4, result.err
    ruling = result.json["verdict"]["rulings"][1]
    assert ruling["outcome"] == "inconclusive"
    assert "HARNESS_BENCHMARK_PACK" in ruling["reason"]


def test_a_finished_experiment_is_run_anew(project: Project) -> None:
    project.write_suite(WITHOUT_TRAINER)
    first, second = (project.run("run", "suite.yaml", "--json", "--limit", "4") for _ in range(2))
    assert first.json["comparison"]["experiment"] == "tiny-1"
    assert second.json["comparison"]["experiment"] == "tiny-2"


def test_the_summary_of_a_github_job_gets_the_verdict(finished: Project, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    told = replace(finished, environment={"GITHUB_STEP_SUMMARY": str(summary)})
    told.run("gate", "tiny-1/base", "tiny-1/tuned", "--suite", "suite.yaml")
    assert "colours" in summary.read_text()


def test_a_summary_that_cannot_be_written_is_told_in_a_line_and_the_verdict_stands(
    finished: Project, tmp_path: Path
) -> None:
    judge = "gate", "tiny-1/base", "tiny-1/tuned", "--suite", "suite.yaml"
    summary = tmp_path / "none" / "summary.md"
    told = replace(finished, environment={"GITHUB_STEP_SUMMARY": str(summary)}).run(*judge)
    undisturbed = finished.run(*judge)
    assert (told.exit_code, told.out) == (undisturbed.exit_code, undisturbed.out)
    assert told.err == f"harness: {summary}: the job's summary cannot be written: No such file or directory\n"
