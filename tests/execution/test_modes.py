"""Texts that are weighed, and questions that are asked several times, from the suite file to the verdict."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.store.reader import Reader
from harness.testing.project import Project, tiny_project
from harness.values import Run

TEXTS = [f"The {name} lies north of the river, and {number} boats pass it a day." for number, name in
         enumerate(("mill", "old town", "harbour", "garden", "bridge", "market", "school", "tower"))]  # fmt: skip
SUITE = """\
suite: modes
seed: 3
model: {name: model, dtype: float32}
batch_size: 4
data: {train: train.jsonl, test: test.jsonl, texts: texts.jsonl}
prompted: {system: Answer with one word., few_shot: 2}
trainer: {name: lora, r: 4, learning_rate: 1.0e-2, max_steps: 4}
tasks:
  - {name: colours, data: test, metrics: [exact_match], generation: {max_new_tokens: 4, temperature: 0.9, repeats: 3}}
  - {name: texts, data: texts, mode: likelihood, metrics: [bits_per_byte, perplexity]}
  - {name: answers, data: test, mode: likelihood, metrics: [bits_per_byte]}
gates:
  - {task: texts, metric: bits_per_byte, max_drop: 5}
  - {task: texts, metric: perplexity, max_drop: 90%}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = tiny_project(tmp_path_factory.mktemp("modes"))
    made.write_rows("texts.jsonl", [{"text": text} for text in TEXTS])
    made.write_suite(SUITE)
    return made


@pytest.fixture(scope="module")
def verdict(project: Project) -> Any:  # noqa: ANN401 - JSON has no narrower type
    done = project.run("run", "suite.yaml", "--json")
    assert done.exit_code in (0, 3, 4), done.err
    return done.json


def runs(record: Path, experiment: str) -> dict[str, Run]:
    with Reader(record) as reader:
        return {run.arm: run for run in reader.experiment_runs(experiment)}


def texts_of(record: Path, run: str, task: str) -> dict[str, Sequence[str]]:
    with Reader(record) as reader:
        return {item.sample.id: [each.text for each in item.generations] for item in reader.items(run, task)}


@pytest.mark.usefixtures("verdict")
def test_raw_text_is_weighed_by_base_and_tuned_and_never_by_the_prompted_arm(project: Project) -> None:
    told = runs(project.record, "modes-1")
    assert {arm: sorted({each.task for each in run.estimates}) for arm, run in told.items()} == {
        "base": ["answers", "colours", "texts"],
        "prompted": ["answers", "colours"],
        "tuned": ["answers", "colours", "texts"],
    }


@pytest.mark.usefixtures("verdict")
def test_bits_per_byte_are_those_of_the_sums(project: Project) -> None:
    with Reader(project.record) as reader:
        weights = [item.generations[0] for item in reader.items("modes-1/base", "texts")]
        found = next(
            e for e in reader.run("modes-1/base").estimates if (e.task, e.metric) == ("texts", "bits_per_byte")
        )
    assert [each.text for each in weights] == TEXTS
    lost = -math.fsum(each.log_likelihood or 0.0 for each in weights)
    assert found.value == pytest.approx(lost / math.log(2) / sum(len(text.encode()) for text in TEXTS), rel=1e-12)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


def test_a_gate_on_the_whole_is_read_with_its_interval_and_not_called_certain(verdict: Any) -> None:  # noqa: ANN401
    rulings = {(each["rule"]["task"], each["rule"]["metric"]): each for each in verdict["verdict"]["rulings"]}
    ruling = rulings["texts", "bits_per_byte"]
    assert ruling["outcome"] == "passed"
    assert "not certified: the metric is reckoned from sums over all items" in ruling["reason"]
    assert rulings["texts", "perplexity"]["p_passed"] is not None


@pytest.mark.usefixtures("verdict")
def test_a_right_answer_is_weighed_after_the_arms_own_prompt(project: Project) -> None:
    base, prompted = (texts_of(project.record, f"modes-1/{arm}", "answers") for arm in ("base", "prompted"))
    assert base == prompted
    with Reader(project.record) as reader:
        tokens = [
            {item.generations[0].prompt_tokens for item in reader.items(f"modes-1/{arm}", "answers")}
            for arm in ("base", "prompted")
        ]
    assert max(tokens[0]) < min(tokens[1])


@pytest.mark.usefixtures("verdict")
def test_each_question_is_asked_as_often_as_the_suite_says(project: Project) -> None:
    answers = texts_of(project.record, "modes-1/base", "colours")
    assert {len(texts) for texts in answers.values()} == {3}
    assert any(len(set(texts)) > 1 for texts in answers.values())


@pytest.mark.usefixtures("verdict")
def test_fewer_attempts_are_taken_over_and_more_are_asked_anew(project: Project) -> None:
    project.write_suite(SUITE.replace("repeats: 3", "repeats: 2"))
    assert project.run("eval", "--suite", "suite.yaml").exit_code == 0
    first = texts_of(project.record, "modes-1/base", "colours")
    fewer = texts_of(project.record, "modes-2/base", "colours")
    assert fewer == {sample: texts[:2] for sample, texts in first.items()}
    assert runs(project.record, "modes-2")["base"].reused == {"modes-1/base": 48}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", temperature: 0.9", "", "repeats needs a temperature above 0: greedy answers are all the same"),
        (", mode: likelihood, metrics: [bits_per_byte, perplexity]", ", metrics: [f1]", "data.texts is raw text"),
        ("max_drop: 5}", "max_drop: 5, against: prompted}", "texts is raw text, which is asked of base and tuned only"),
        ("metrics: [bits_per_byte]", "metrics: [f1]", "metric 'f1' cannot score mode 'likelihood'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_before_anything_is_asked(
    project: Project, tmp_path: Path, old: str, new: str, said: str
) -> None:
    other = Project(shutil.copytree(project.folder, tmp_path / "other", ignore=shutil.ignore_patterns("results")))
    other.write_suite(SUITE.replace(old, new, 1))
    done = other.run("check", "suite.yaml")
    assert done.exit_code == 2
    assert said in done.err.replace("\n", " ")


def test_what_a_metric_needs_is_fetched_before_anything_is_asked(project: Project, tmp_path: Path) -> None:
    other = Project(shutil.copytree(project.folder, tmp_path / "other", ignore=shutil.ignore_patterns("results")))
    other.write_suite(
        SUITE.replace("metrics: [exact_match]", "metrics: [{name: bertscore, model: no/such, num_layers: 2}]")
    )
    done = other.run("run", "suite.yaml")
    assert done.exit_code == 1
    assert "no/such" in done.err
    with Reader(other.record) if other.record.exists() else contextlib.nullcontext() as reader:
        assert reader is None or reader.runs() == []
