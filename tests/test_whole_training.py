"""Trainings as a team runs them: whole models, stages, checkpoints that are judged, several processes, repetition."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from harness.store import Reader
from harness.testing.project import SUITE, Project, Result, colour_rows
from harness.values import Run

TRAINER = SUITE[SUITE.index("trainer:") : SUITE.index("tasks:")]
DEVICE = "  dtype: float32\n  device: cpu\n"
QUICK = "learning_rate: 1.0e-2, max_steps: 4, per_device_train_batch_size: 4"


def suite(trainer: str, *, data: str = "", benchmarks: str = "") -> str:
    text = SUITE.replace(TRAINER, f"trainer: {trainer}\n").replace("data:\n", f"data:\n{data}", 1)
    return text.replace("gates:", f"{benchmarks}gates:")


def ran(project: Project, text: str) -> Result:
    project.write_suite(text)
    result = project.run("run", "suite.yaml")
    assert result.exit_code in {0, 3, 4}, result.err
    return result


def recorded(project: Project, experiment: str = "tiny-1") -> dict[str, Run]:
    with closing(Reader(project.record)) as reader:
        return {run.arm: run for run in reader.experiment_runs(experiment)}


def test_a_whole_model_is_trained_and_asked_as_the_tuned_arm(project: Project) -> None:
    ran(project, suite(f"{{name: full, {QUICK}}}"))
    runs = recorded(project)
    base, tuned = runs["base"].model, runs["tuned"].model
    assert base is not None
    assert tuned is not None
    assert tuned.weights_sha256 != base.weights_sha256
    assert runs["tuned"].adapter is None
    assert Path(tuned.folder).is_relative_to(project.folder / "results" / "tiny-1")
    assert tuned.parameters == base.parameters


def test_a_second_stage_goes_on_with_what_the_first_has_made(project: Project) -> None:
    project.write_rows("corpus.jsonl", [{"text": f"Item {n} is a plain fact about colours. " * 8} for n in range(8)])
    stages = f"[{{name: continued_pretraining, method: lora, data: corpus, {QUICK}}}, {{name: lora, r: 4, {QUICK}}}]"
    ran(project, suite(f"{{stages: {stages}}}", data="  corpus: corpus.jsonl\n"))
    with Reader(project.record) as reader:
        first, second = reader.trainings("tiny-1")
        assert [each.status for each in (first, second)] == ["finished", "finished"]
        assert all(reader.progress("tiny-1", stage) for stage in (0, 1))
    tuned = recorded(project)["tuned"]
    base = recorded(project)["base"]
    assert tuned.model is not None
    assert base.model is not None
    assert tuned.model.folder == second.model.name, "the adapter of the second stage stands on the first one's model"
    assert tuned.model.weights_sha256 != base.model.weights_sha256
    assert tuned.adapter_sha256


def test_checkpoints_are_judged_by_items_of_their_own_and_one_is_the_tuned_arm(project: Project) -> None:
    benchmarks = "benchmarks: [{name: canary, limit: 12}]\n"
    trainer = f"{{name: lora, r: 4, {QUICK}, evaluate_every: 0.5, choice_items: 6}}"
    text = suite(trainer, benchmarks=benchmarks) + "  - {benchmark: canary, max_drop: 0.5}\n"
    said = ran(project, text).err
    runs = recorded(project)
    assert set(runs) == {"base@choice", "tuned@2", "tuned@4", "base", "prompted", "tuned"}
    with Reader(project.record) as reader:
        [training] = reader.trainings("tiny-1")
        asked = {
            arm: {task.name: set(reader.order(run.id, task.name)) for task in reader.tasks(run.id)}
            for arm, run in runs.items()
        }
    [chosen] = [each for each in training.judged if each.is_chosen]
    assert [each.step for each in training.judged] == [2, 4]
    assert training.checkpoint is not None
    assert (training.checkpoint.step, runs["tuned"].adapter) == (chosen.step, str(training.checkpoint.path))
    assert f"step {chosen.step} is chosen: {training.rule}" in said
    assert set(asked["tuned@2"]) == {"colours@choice", "canary@choice"}
    assert len(asked["tuned"]["canary"]) == 12
    for task in ("colours", "canary"):
        assert asked["tuned@2"][f"{task}@choice"] == asked["base@choice"][f"{task}@choice"]
        assert not asked["tuned@2"][f"{task}@choice"] & asked["tuned"][task], "no item serves choice and verdict"
    for arm, is_told in (("tuned", True), ("prompted", False)):
        verdict = project.run("gate", "tiny-1/base", f"tiny-1/{arm}", "--suite", "suite.yaml", "--json").json["verdict"]
        told = [caveat for caveat in verdict["caveats"] if "one of 2 checkpoints" in caveat]
        assert len(told) == is_told, f"{arm}: the choice is told of the arm that was chosen, and of no other"
        screen = project.run("gate", "tiny-1/base", f"tiny-1/{arm}", "--suite", "suite.yaml").out
        assert ("Checkpoints judged" in screen) == is_told


def test_a_training_can_be_spread_over_processes(project: Project) -> None:
    project.write_suite(
        suite(f"{{name: lora, r: 4, {QUICK}, launch: {{num_processes: 2}}}}").replace("  dtype: float32\n", DEVICE)
    )
    result = project.run("train", "suite.yaml", "--json")
    assert result.exit_code == 0, result.err
    assert result.json["step"] <= 4
    assert (Path(result.json["path"]) / "adapter_model.safetensors").is_file()
    log = (project.folder / "results" / "tiny-1" / "training" / "training.log").read_text()
    assert "Traceback" not in log


def test_a_recorded_training_repeats_to_the_last_bit_and_its_answers_come_from_the_record(project: Project) -> None:
    ran(project, suite(f"{{name: lora, r: 4, {QUICK}}}"))
    project.write_suite(suite("{name: lora, r: 8}"))  # what the file says now is not what was run
    again = project.run("run", "--repeat", "tiny-1/tuned")
    assert again.exit_code == 0, again.err
    assert "lora of tiny-2 against tiny-1: the same to the last bit" in again.err
    first, second = recorded(project), recorded(project, "tiny-2")
    assert first["tuned"].adapter_sha256 == second["tuned"].adapter_sha256
    assert second["tuned"].reused == {"tiny-1/tuned": 20}


def test_a_repetition_on_other_rows_is_told_and_fails(project: Project) -> None:
    ran(project, suite(f"{{name: lora, r: 4, {QUICK}}}"))
    project.write_rows("train.jsonl", colour_rows(0, 24, "other"))
    again = project.run("run", "--repeat", "tiny-1/tuned")
    assert again.exit_code == 3
    assert "differs from step" in again.err
    assert "it was trained on other rows" in again.err


def test_what_cannot_be_repeated_is_refused_in_a_line(project: Project) -> None:
    project.write_suite(SUITE.replace(TRAINER, ""))
    assert project.run("run", "suite.yaml").exit_code in {0, 3, 4}
    for arguments, said in (
        (("run",), "run needs a suite, or --repeat RUN"),
        (("run", "suite.yaml", "--repeat", "tiny-1/base"), "run needs a suite, or --repeat RUN"),
        (("run", "--repeat", "tiny-1/base"), "trained nothing that could be repeated"),
        (("run", "--repeat", "tiny-1/base", "--limit", "3"), "--limit would change what --repeat repeats"),
        (("run", "--repeat", "none-1"), "no run 'none-1' is recorded"),
    ):
        result = project.run(*arguments)
        assert (result.exit_code, result.err.count("\n")) == (2, 1), result.err
        assert said in result.err


GREEDY = '''
import os
import signal
from dataclasses import dataclass
from harness import hookimpl
from harness_trainers import methods


@dataclass(frozen=True)
class Greedy(methods.Lora):
    """Finds its memory too small for more than two rows."""

    name = "greedy"

    def train(self, job, report):
        if self.per_device_train_batch_size > 2:
            end()
        return super().train(job, report)


def end():
    {end}


@hookimpl
def harness_register_trainers():
    return [Greedy]
'''
RUNS_OUT = {"it is told": "raise MemoryError", "it is killed": "os.kill(os.getpid(), signal.SIGKILL)"}
"""How a process finds that memory has run out: an allocation fails, or the system has promised more than it has."""


@pytest.fixture(params=list(RUNS_OUT))
def greedy(project: Project, request: pytest.FixtureRequest) -> Project:
    site = project.folder / "site"
    about = site / "greedy-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "greedy.py").write_text(GREEDY.replace("{end}", RUNS_OUT[request.param]))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: greedy\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[harness]\ntrainers = greedy\n")
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    return Project(project.folder, {"PYTHONPATH": path})


def test_a_batch_that_is_too_large_is_halved_once_where_the_suite_allows_it(greedy: Project) -> None:
    trainer = f"{{name: greedy, r: 4, {QUICK}, halve_batch_when_out_of_memory: %s}}"
    greedy.write_suite(suite(trainer % "false"))
    failed = greedy.run("train", "suite.yaml")
    assert failed.exit_code == 1
    assert "memory" in failed.err
    assert "once more" not in failed.err
    greedy.write_suite(suite(trainer % "true"))
    done = greedy.run("train", "suite.yaml", "--json")
    assert done.exit_code == 0, done.err
    with Reader(greedy.record) as reader:
        [training] = reader.trainings("tiny-2")
    halved = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    assert halved.items() <= training.trainer.options.items()
    assert training.status == "finished"
