"""The main job on the real thing: SmolLM2, real MMLU and HellaSwag rows, a real training, a verdict."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.testing.project import Project, Result

ROOT = Path(__file__).parents[1]
PACK = Path(os.environ.get("HARNESS_BENCHMARK_PACK", ROOT.parent / "shared" / "data"))

SUITE = f"""\
suite: real
seed: 7
model: {{name: HuggingFaceTB/SmolLM2-135M-Instruct}}
data:
  train: {ROOT}/suites/data/support_tickets.train.jsonl
  validation: {ROOT}/suites/data/support_tickets.validation.jsonl
  test: {ROOT}/suites/data/support_tickets.test.jsonl
prompted: {{system: Turn the ticket into JSON., few_shot: 3}}
trainer: {{name: lora, r: 8, lora_alpha: 16, learning_rate: 2.0e-3, max_steps: 40, per_device_train_batch_size: 4}}
tasks:
  - name: tickets
    generation: {{max_new_tokens: 48}}
    limit: 24
    metrics: [exact_match, json_fields, rouge]
benchmarks:
  - {{name: mmlu, num_fewshot: 5, limit: 8}}
  - {{name: hellaswag, limit: 8}}
  - {{name: canary}}
gates:
  - {{task: tickets, metric: json_fields, min_gain: 0.10, against: base}}
  - {{benchmark: mmlu, max_drop: 0.5, tier: advisory}}       # eight items decide nothing; that they are measured does
  - {{benchmark: hellaswag, max_drop: 0.5, tier: advisory}}
"""


@dataclass(frozen=True)
class Done:
    """The run, once for all tests of this file."""

    project: Project
    result: Result

    @property
    def out(self) -> Any:  # noqa: ANN401 - JSON has no narrower type
        return json.loads(self.result.out)

    def value(self, arm: str, task: str, metric: str) -> float:
        run = next(run for run in self.out["comparison"]["runs"] if run["arm"] == arm)
        return float(next(e["value"] for e in run["estimates"] if (e["task"], e["metric"]) == (task, metric)))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    if not (PACK / "mmlu").is_dir():
        pytest.skip(f"no benchmark pack in {PACK}: name one with HARNESS_BENCHMARK_PACK")
    folder = tmp_path_factory.mktemp("real")
    project = Project(folder, {"HARNESS_BENCHMARK_PACK": str(PACK)})
    project.write_suite(SUITE)
    return Done(project, project.run("run", "suite.yaml", "--json", timeout=1500))


@pytest.mark.slow
def test_the_tuned_model_learns_the_job_and_the_gates_pass(done: Done) -> None:
    assert done.result.exit_code == 0, done.result.err
    assert done.out["verdict"]["outcome"] == "passed"
    assert done.value("base", "tickets", "exact_match") <= 0.10
    assert done.value("tuned", "tickets", "json_fields") > done.value("base", "tickets", "json_fields") + 0.3


@pytest.mark.slow
def test_forgetting_is_measured_on_real_rows_one_by_one_with_their_strata(done: Done) -> None:
    shown = done.project.run("show", "real-1/tuned", "--task", "mmlu", "--limit", "100", "--json").json
    items = [answer["item"] for answer in shown["samples"]["mmlu"]]
    assert len(items) == 8
    assert len({item["sample"]["stratum"] for item in items}) == 8, "the limit is spread over the subjects"
    assert all(len(item["generations"]) == 4 for item in items)
    assert "The following are multiple choice questions" in items[0]["sample"]["prompt"]
    assert 0 <= done.value("base", "hellaswag", "acc_norm") <= 1
    assert [ruling["items"] for ruling in done.out["verdict"]["rulings"][1:]] == [8, 8]


@pytest.mark.slow
def test_the_canary_tells_the_share_that_was_kept(done: Done) -> None:
    deltas = done.out["comparison"]["deltas"]
    canary = next(delta for delta in deltas if delta["task"] == "canary")
    assert done.value("base", "canary", "contains") > 0.4
    assert 0 <= canary["preserved"] <= 1


@pytest.mark.slow
def test_the_adapter_acts_so_the_arms_do_not_answer_alike(done: Done) -> None:
    deltas = done.out["comparison"]["deltas"]
    tickets = next(d for d in deltas if (d["task"], d["metric"], d["against"]) == ("tickets", "rouge", "base"))
    assert tickets["fixed"] + tickets["broken"] > 0
