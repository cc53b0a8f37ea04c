"""Which checkpoint becomes the tuned arm: the best at the job among those that have not forgotten too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import plan
from harness.catalog import Catalog
from harness.execution.benchmarks import _apart
from harness.execution.choosing import CheckpointChoice
from harness.execution.repetition import compare
from harness.host import Host
from harness.suite.load import load
from harness.testing.project import Project
from harness.values import Environment, Estimate, Message, Progress, Run, Sample

SUITE = """\
suite: tiny
model: {name: model}
data: {train: train.jsonl, validation: validation.jsonl, test: test.jsonl}
trainer: {name: lora, evaluate_every: 0.5, choice_items: 6}
tasks:
  - {name: colours, data: test, metrics: [exact_match, f1]}
benchmarks:
  - {name: canary, limit: 10}
gates:
  - {task: colours, metric: f1, min_gain: 0.1}
  - {benchmark: canary, max_drop: 0.10}
"""


def sample(number: int, stratum: str | None = None) -> Sample:
    return Sample(f"s{number}", (Message("user", f"{number}"),), ("yes",), stratum=stratum)


@pytest.fixture
def choice(project: Project) -> CheckpointChoice:
    made = plan.make(load(project.write_suite(SUITE)), Catalog.build(Host.load()))
    return CheckpointChoice.among(made, {"canary": [sample(n) for n in range(6)]})


def run(arm: str, gain: float | None, canary: float | None) -> Run:
    environment = Environment("3.11", "linux", "x", 2, "cpu", {}, None)
    estimates = tuple(
        Estimate(task, metric, value, None, None, 6, 0)
        for task, metric, value in (
            ("colours@choice", "exact_match", 0.0),
            ("colours@choice", "f1", gain),
            ("canary@choice", "contains", canary),
        )
    )
    return Run(f"e-1/{arm}", "e-1", "tiny", "d", arm, 0, "finished", "", None, environment, {}, estimates=estimates)


def chosen(choice: CheckpointChoice, *steps: tuple[int, float | None, float | None]) -> tuple[int, str]:
    runs = {step: run(f"tuned@{step}", gain, canary) for step, gain, canary in steps}
    judged, rule = choice.judge(run("base@choice", 0.0, 0.8), runs)
    assert [each.step for each in judged] == sorted(runs)
    [best] = [each.step for each in judged if each.is_chosen]
    return best, rule


def test_the_checkpoints_are_asked_validation_items_and_spare_ones(choice: CheckpointChoice) -> None:
    colours, canary = choice.plan.tasks
    assert (colours.name, len(colours.samples), colours.source) == ("colours@choice", 6, "data.validation")
    assert all("check item" in each.prompt[0].content for each in colours.samples)  # type: ignore[union-attr]
    assert (canary.name, len(canary.samples)) == ("canary@choice", 6)
    assert choice.plan.benchmarks == ()


def test_the_best_of_those_within_the_gates_is_chosen(choice: CheckpointChoice) -> None:
    best, rule = chosen(choice, (10, 0.5, 0.8), (20, 0.7, 0.71), (30, 0.9, 0.5))
    assert best == 20, "30 is better at the job and has forgotten too much"
    assert "6 validation items" in rule
    assert "6 other items of canary" in rule


def test_of_equals_the_earliest_is_chosen(choice: CheckpointChoice) -> None:
    assert chosen(choice, (10, 0.7, 0.8), (20, 0.7, 0.8))[0] == 10


def test_where_all_have_forgotten_too_much_the_one_that_lost_least_is_chosen(choice: CheckpointChoice) -> None:
    best, rule = chosen(choice, (10, 0.9, 0.1), (20, 0.2, 0.4))
    assert best == 20
    assert rule.endswith("loses least")


def test_a_checkpoint_that_was_not_measured_is_never_better(choice: CheckpointChoice) -> None:
    assert chosen(choice, (10, None, 0.8), (20, 0.1, 0.8))[0] == 20
    assert chosen(choice, (10, 0.9, None), (20, 0.1, 0.8))[0] == 20


def test_each_metric_counts_on_its_own_scale(project: Project) -> None:
    text = SUITE.replace("metrics: [exact_match, f1]", "metrics: [f1, bleu]").replace(
        "gates:", "gates:\n  - {task: colours, metric: bleu, min_gain: 5}"
    )
    made = plan.make(load(project.write_suite(text)), Catalog.build(Host.load()))
    told = run("tuned@1", 0.4, 1.0)
    bleu = Estimate("colours@choice", "bleu", 20.0, None, None, 6, 0)
    scored = replace(told, estimates=(*told.estimates, bleu))
    judged, _ = CheckpointChoice.among(made, {}).judge(run("base", 0.0, 1.0), {1: scored})
    assert judged[0].gain == pytest.approx((0.4 + 0.2) / 2)


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    limit=st.none() | st.integers(1, 60),
    wanted=st.integers(1, 30),
)
def test_no_item_serves_the_choice_and_the_verdict(sizes: Sequence[int], limit: int | None, wanted: int) -> None:
    samples = [sample(100 * part + n, str(part)) for part, size in enumerate(sizes) for n in range(size)]
    verdict, choosing = _apart(samples, limit, wanted)
    assert not {each.id for each in verdict} & {each.id for each in choosing}
    assert len(choosing) <= wanted
    if limit is None:
        assert len(verdict) + len(choosing) == len(samples)
        assert not choosing or len(samples) >= 5 * wanted
    else:
        assert len(verdict) == min(limit, len(samples)), "the verdict has as many items as the suite asks for"


def test_a_repeated_curve_is_the_same_or_says_where_it_is_not() -> None:
    curve = [Progress(1, 3, 0.1, loss=2.0), Progress(2, 3, 0.5, validation_loss=1.5), Progress(3, 3, 1.0, loss=1.0)]
    assert compare(curve, curve).is_the_same
    assert compare(curve, curve).sentence == "the same to the last bit, 3 losses"
    other = [*curve[:2], Progress(3, 3, 1.0, loss=1.25)]
    assert not compare(curve, other).is_the_same
    assert compare(curve, other).sentence == "differs from step 3 on: 1 then, 1.25 now; by 0.25 at most"
    assert compare(curve, curve[:2]).sentence == "differs from step 3 on: 1 then, no loss now; by 0 at most"
    assert not compare([], []).is_the_same
