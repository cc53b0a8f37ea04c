"""``harness merge``: a run's adapter in its base weights, proved, with a card; and a quantised copy, judged."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import cli
from harness.cli.progress import QuietObserver
from harness.errors import UsageError
from harness.execution import merging, places
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.testing.project import SUITE, Project, Result, tiny_project
from harness.testing.tiny import tiny_adapter
from harness.values import ModelRef
from harness_backends.transformers_backend import Transformers

TASK = "  - {name: planets, data: planets, mode: choose, metrics: [acc]}"
GATE = "  - {task: colours, metric: f1, min_gain: 0.1}"
WITH_CHOICES = SUITE.replace("gates:", f"{TASK}\ngates:\n{GATE}")
WITH_CHOICES = WITH_CHOICES.replace("  test: test.jsonl", "  test: test.jsonl\n  planets: planets.jsonl")
PLANETS = [
    {"prompt": f"Question: is planet {number} near?\nAnswer:", "choices": [" yes", " no"], "answer": number % 2}
    for number in range(12)
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a recorded evaluation of base, prompted and an adapter."""
    project = tiny_project(tmp_path_factory.mktemp("merge"))
    project.write_suite(WITH_CHOICES)
    project.write_rows("planets.jsonl", PLANETS)
    tiny_adapter(project.folder / "model", project.folder / "adapter")
    done = project.run("eval", "--suite", "suite.yaml", "--adapter", "adapter", "--arm", "base", "--arm", "prompted")
    assert done.exit_code == 0, done.err
    return project


@pytest.fixture
def reader(project: Project) -> Iterator[Reader]:
    with Reader(project.record) as opened:
        yield opened


def merged(project: Project, *arguments: str) -> Result:
    return project.run("merge", "tiny-1/tuned", *arguments)


@pytest.fixture(scope="module")
def told(project: Project) -> dict[str, Any]:
    """What a merge into ``out/whole`` says to a script."""
    done = merged(project, "--output", "out/whole", "--json")
    assert done.exit_code == 0, done.err
    found: dict[str, Any] = done.json
    return found


def test_a_script_is_told_what_was_found(project: Project, told: dict[str, Any]) -> None:
    assert told["is_proved"] is True
    assert told["folder"] == str(project.folder / "out" / "whole")
    assert told["proof"]["equal"] == told["proof"]["texts"] == 20
    assert told["proof"]["likelihoods"] == 24
    assert told["proof"]["apart"] < 1e-3
    assert [each.name for each in (project.folder / "out").iterdir()] == ["whole"]


def test_a_merged_model_is_evaluated_like_any_other(project: Project, told: dict[str, Any]) -> None:
    again = project.run("eval", "--suite", "suite.yaml", "--model", told["folder"], "--arm", "tuned", "--json")
    assert again.exit_code == 0, again.err
    tuned = project.run("show", "tiny-1/tuned", "--json").json["run"]
    assert again.json["estimates"] == tuned["estimates"]
    assert again.json["model"]["weights_sha256"] != tuned["model"]["weights_sha256"]


def test_the_card_tells_lineage_scores_and_proof(told: dict[str, Any], reader: Reader) -> None:
    card = (Path(told["folder"]) / "README.md").read_text()
    run = reader.run("tiny-1/tuned")
    assert card.startswith("---\nlibrary_name: transformers\nbase_model: ")
    for fact in (run.model and run.model.weights_sha256, run.adapter_sha256, run.suite_digest, "tiny-1/tuned"):
        assert str(fact) in card
    assert "| task | metric | base | prompted | tuned |" in card
    assert "| colours | exact\\_match |" in card
    assert "20 of 20 greedy texts are equal" in card


def test_a_quantised_copy_is_held_to_the_merged_model_and_to_the_baselines(project: Project) -> None:
    done = merged(project, "--output", "small", "--quantize", "nf4", "--json")
    assert done.exit_code in (0, 3, 4), done.err
    told = done.json["quantised"]
    assert [run["arm"] for run in told["comparison"]["runs"]] == ["base", "prompted", "merged", "nf4"]
    assert told["folder"] == str(project.folder / "small-nf4")
    held = [(each["rule"]["against"], each["rule"]["min_gain"]) for each in told["verdict"]["rulings"]]
    assert held == [("base", 0.1), ("merged", None)]
    assert done.exit_code == {"passed": 0, "failed": 3, "inconclusive": 4}[told["verdict"]["outcome"]]
    assert {each["pairs"] for each in told["comparison"]["deltas"] if each["against"] == "merged"} == {20, 12}
    card = (project.folder / "small-nf4" / "README.md").read_text()
    assert "## Quantised: nf4" in card
    assert "Verdict on the quantised copy" in card


def test_the_screen_of_a_quantised_copy_ends_with_its_verdict(project: Project) -> None:
    done = merged(project, "--output", "seen", "--quantize", "int8")
    assert "the merged model answers as the adapter does" in done.out
    outcome = {0: "PASSED", 3: "FAILED", 4: "INCONCLUSIVE"}[done.exit_code]
    assert outcome in done.out.split("seen-int8", 1)[1]
    again = project.run("eval", "--suite", "suite.yaml", "--model", "seen-int8", "--arm", "tuned", "--json")
    assert "weights in int8" in again.json["model"]["dtype"], again.err


def test_a_model_that_answers_otherwise_is_not_kept(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def careless(_: Transformers, model: ModelRef, adapter: Path, output: Path) -> None:
        shutil.copytree(model.name, output, dirs_exist_ok=True)

    monkeypatch.setattr(Transformers, "merge", careless)
    monkeypatch.chdir(project.folder)
    status = cli.main(["merge", "tiny-1/tuned", "--output", "careless", "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert status == 3
    assert told["is_proved"] is False
    assert told["folder"] is None
    assert told["proof"]["apart"] > 1e-3
    assert not list(project.folder.glob("careless*"))


def test_what_cannot_be_merged_is_one_line(project: Project) -> None:
    for arguments, message in [
        (
            ("tiny-1/base", "--output", "x"),
            "tiny-1/base has no adapter, so there is nothing to merge: its weights lie ",
        ),
        (("tiny-9/tuned", "--output", "x"), "no run 'tiny-9/tuned' is recorded"),
        (("tiny-1/tuned", "--output", "adapter"), "is there already and not empty"),
        (("tiny-1/tuned",), "Missing option '--output'"),
    ]:
        done = project.run("merge", *arguments)
        assert done.exit_code == 2
        assert message in done.err
    assert not list(project.folder.glob("x*"))


def test_a_learnt_prompt_is_refused_before_anything_is_asked(project: Project) -> None:
    from peft import PrefixTuningConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(project.folder / "model")
    config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    get_peft_model(base, config).save_pretrained(str(project.folder / "prefix"))
    measured = project.run("eval", "--suite", "suite.yaml", "--adapter", "prefix", "--json")
    assert measured.exit_code == 0, measured.err
    done = project.run("merge", measured.json["id"], "--output", "y")
    assert done.exit_code == 2
    assert "has learnt a prompt (prefix_tuning)" in done.err
    assert not list(project.folder.glob("y*"))


def test_another_adapter_in_the_place_of_the_measured_one_is_refused(
    project: Project, reader: Reader, tmp_path: Path
) -> None:
    run = reader.run("tiny-1/tuned")
    model = ModelRef(str(project.folder / "model"))
    other = tiny_adapter(project.folder / "model", tmp_path / "other", seed=5)
    with pytest.raises(UsageError, match="not the one that tiny-1/tuned was measured with"):
        merging.lineage(replace(run, adapter=str(other)), Transformers(), model)
    with pytest.raises(UsageError, match="no longer there"):
        merging.lineage(replace(run, adapter=str(tmp_path / "gone")), Transformers(), model)


@pytest.mark.parametrize(
    ("name", "words"), [("chat_template.jinja", "chat template"), ("config.json", "configuration")]
)
def test_another_file_of_the_base_model_than_the_measured_one_is_refused(
    name: str, words: str, project: Project, reader: Reader, tmp_path: Path
) -> None:
    run = reader.run("tiny-1/tuned")
    assert run.model is not None
    other = shutil.copytree(project.folder / "model", tmp_path / "other")
    (other / name).write_text((other / name).read_text() + "\n")
    moved = replace(run, model=replace(run.model, folder=str(other)))
    made_of = merging.lineage(moved, Transformers(), ModelRef(str(other), device="cpu"))
    asked = merging.questions(reader, run)
    with (
        places.claimed(tmp_path / "z") as place,
        pytest.raises(UsageError, match=f"base model's {words} changed since"),
    ):
        merging.merge(made_of, asked, Transformers(), place, QuietObserver(), lambda _: "")
    assert not list(tmp_path.glob("z*"))


def test_items_of_a_missing_kind_are_made_of_the_other(project: Project, reader: Reader) -> None:
    run = reader.run("tiny-1/prompted")
    both = merging.questions(reader, run)
    assert [len(samples) for _, samples in both.prompts] == [20]
    assert len(both.pairs) == 24
    tasks = {task.mode: task for task in reader.tasks(run.id)}

    class Half:
        """The record as if the run had been asked one task only."""

        def __init__(self, mode: str) -> None:
            self.mode = mode

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the reader has
            return getattr(reader, name)

        def tasks(self, _: str) -> list[Any]:
            return [tasks[self.mode]]

    texts = merging.questions(Half("generate"), run)  # type: ignore[arg-type]
    assert [target for _, target in texts.pairs][:3] == ["red", "green", "blue"]
    choices = merging.questions(Half("choose"), run)  # type: ignore[arg-type]
    assert [len(samples) for _, samples in choices.prompts] == [12]


def killed_when(project: Project, there: Path, *arguments: str) -> None:
    """The merge is killed as soon as a path is there."""
    process = subprocess.Popen(project.command("merge", *arguments), cwd=project.folder, env=project.variables)
    while not there.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def files(folder: Path) -> dict[str, bytes]:
    """All but the line of the card that tells when it was written."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    card = found["README.md"].decode().splitlines()
    return {**found, "README.md": "\n".join(each for each in card if "**Merged:**" not in each).encode()}


def recorded(project: Project) -> tuple[list[str], int]:
    """The runs, and how often test items have served a verdict."""
    with sqlite3.connect(project.record) as record:
        judgements = int(record.execute("SELECT count(*) FROM judgements").fetchone()[0])
    with Reader(project.record) as reader:
        return [f"{run.id} {run.status}" for run in reader.runs()], judgements


def test_however_often_it_is_killed_the_same_command_comes_to_the_same_end(project: Project) -> None:
    arguments = ("tiny-1/tuned", "--output", "once", "--quantize", "int8")
    whole, copy = project.folder / "once", project.folder / "once-int8"
    runs, judgements = recorded(project)
    killed_when(project, whole.with_name("once.unfinished") / "model", *arguments)
    assert not whole.exists()
    killed_when(project, whole, *arguments)
    assert (whole / "README.md").is_file()
    assert not copy.exists()
    killed_when(project, copy, *arguments)
    assert not (copy / "README.md").exists()
    done = project.run("merge", *arguments, "--json")
    assert done.exit_code in (0, 3, 4), done.err
    assert sorted(each.name for each in project.folder.glob("once*")) == ["once", "once-int8"]
    experiment = done.json["quantised"]["comparison"]["runs"][-1]["experiment"]
    after = [f"{experiment}/int8 finished", f"{experiment}/merged finished", *runs], judgements + 1
    assert recorded(project) == after

    found = files(whole), files(copy)
    for each in (whole, copy):
        shutil.rmtree(each)
    undisturbed = project.run("merge", *arguments, "--json")
    assert (undisturbed.exit_code, undisturbed.json) == (done.exit_code, done.json)
    assert (files(whole), files(copy)) == found
    assert recorded(project) == after, "the same models are asked once, and their items are used up once"


def test_two_merges_into_one_folder_at_once_are_one_and_a_refusal(project: Project) -> None:
    first = subprocess.Popen(
        project.command("merge", "tiny-1/tuned", "--output", "twice"),
        cwd=project.folder,
        env=project.variables,
        stdout=subprocess.DEVNULL,
    )
    while not (project.folder / "twice.unfinished").exists():
        time.sleep(0.005)
    second = merged(project, "--output", "twice")
    assert (second.exit_code, second.err.count("\n")) == (2, 1), second.err
    assert "another merge is at work on it" in second.err
    assert first.wait() == 0
    assert (project.folder / "twice" / "README.md").is_file()


def test_a_folder_that_was_changed_or_is_of_another_run_is_not_taken_for_the_merge(project: Project) -> None:
    assert merged(project, "--output", "kept").exit_code == 0
    (project.folder / "kept" / "README.md").write_text("a card of our own")
    assert merged(project, "--output", "kept").exit_code == 0
    assert (project.folder / "kept" / "README.md").read_text() == "a card of our own"
    with (project.folder / "kept" / "model.safetensors").open("r+b") as weights:
        weights.seek(-4, 2)
        weights.write(b"\0\0\0\0")
    changed = merged(project, "--output", "kept", "--quantize", "int8")
    assert (changed.exit_code, changed.err.count("\n")) == (2, 1), changed.err
    assert "model.safetensors is not as it was when this model was made" in changed.err
    receipt = project.folder / "kept" / "merge.json"
    receipt.write_text(receipt.read_text().replace("tiny-1/tuned", "tiny-7/tuned"))
    other = merged(project, "--output", "kept")
    assert (other.exit_code, other.err.count("\n")) == (2, 1), other.err
    assert "is there already and holds the model of tiny-7/tuned" in other.err
    assert sorted(each.name for each in project.folder.glob("kept*")) == ["kept"]


def test_a_full_disk_is_one_line_and_leaves_nothing_but_what_was_recorded(project: Project) -> None:
    before = recorded(project)
    command = shlex.join(project.command("merge", "tiny-1/tuned", "--output", "full"))
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 64; exec {command}"],
        cwd=project.folder,
        env=project.variables,
        capture_output=True,
        text=True,
    )
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("harness: ")
    assert "File too large" in last
    assert "Traceback" not in done.stderr
    assert not list(project.folder.glob("full*"))
    assert recorded(project) == before


def test_what_the_demo_suite_trains_can_be_merged_by_the_experiments_name(tmp_path: Path) -> None:
    project = tiny_project(tmp_path)
    assert project.run("run", "suite.yaml").exit_code in (0, 3, 4)
    with Reader(project.record) as reader, Writer(project.record) as writer:
        first = reader.order("tiny-1/tuned", "colours")[0]
        writer.add_data_checks("tiny-1", "as if one item stood in the training data", (), {"colours": {first: "train"}})
    done = project.run("merge", "tiny-1", "--output", "shipped", "--quantize", "int8")
    assert done.exit_code in (0, 3, 4), done.err
    assert "1 of 20 items stand in the training data" in " ".join(done.out.split()), "the copy has seen it too"
    card = (project.folder / "shipped" / "README.md").read_text()
    assert "## Training: lora" in card
    assert "learning\\_rate=0.01" in card
    assert "Rows of train" in card
    assert "## Verdict" in card
