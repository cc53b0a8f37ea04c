"""What a training is foreseen to do, held to what the trainer itself plans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import advised_epochs
from harness.advice.training.hyperparameters import Lengths
from harness.catalog import Catalog
from harness.execution.stages import job_of, shares
from harness.host import Host
from harness.plan import Plan, PlannedStage, make
from harness.suite.load import load
from harness.survey.schedule import epochs_of, rows_a_step, rows_of, schedule
from harness.testing.project import SUITE, Project
from harness.values import Launch, Ref

LENGTHS = Lengths(counted=24, median=50, p95=90, p99=98, longest=100, total=24 * 50, answers=48)
TRAINER = SUITE[SUITE.index("trainer:") : SUITE.index("tasks:")]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.build(Host.load())


@pytest.fixture
def plan(project: Project, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(project.folder)
    return make(load(project.suite), catalog)


def training(plan: Plan, **settings: Any) -> Plan:  # noqa: ANN401 - of the suite's training
    assert plan.training is not None
    return replace(plan, training=replace(plan.training, settings=replace(plan.training.settings, **settings)))


@pytest.mark.parametrize(
    ("options", "every"),
    [
        ({"num_train_epochs": 3.0, "per_device_train_batch_size": 5}, None),
        ({"num_train_epochs": 1.5, "per_device_train_batch_size": 5, "gradient_accumulation_steps": 2}, None),
        ({"max_steps": 7, "per_device_train_batch_size": 4, "evals_per_epoch": 3}, None),
        ({"num_train_epochs": 2.0, "per_device_train_batch_size": 4, "evals_per_epoch": 1}, 0.3),
    ],
)
def test_steps_and_measurements_are_those_that_the_trainer_plans(
    plan: Plan, catalog: Catalog, tmp_path: Path, options: dict[str, Any], every: float | None
) -> None:
    from harness_trainers.sft_loop import build

    planned = catalog.make("trainer", Ref("lora", {"r": 2, **options}))
    train_rows, validation = rows_of(plan)
    stage = PlannedStage(planned, train_rows, validation)
    model = replace(plan.suite.model, name="model", device="cpu")
    job = job_of(stage, tmp_path, experiment="e-1", model=model, seed=3, keep=shares(every))
    trainer: Any = build(planned.instance, job)
    total = trainer.set_initial_training_values(trainer.args, trainer.get_train_dataloader())[-1]
    regular = {step for step in range(1, total + 1) if step % trainer.args.eval_steps == 0}
    found = schedule(training(plan, evaluate_every=every), planned.instance, LENGTHS)
    assert found.steps == total
    assert found.validations == len({*regular, total, *trainer.kept_steps})


def test_rows_tokens_and_epochs_are_those_of_the_suite(plan: Plan, catalog: Catalog) -> None:
    trainer = catalog.trainer(Ref("lora", {"num_train_epochs": 2.0, "per_device_train_batch_size": 4}))
    found = schedule(plan, trainer, LENGTHS)
    assert (found.rows, found.tokens, found.epochs, found.rows_a_step) == (24, 24 * 50, 2.0, 4)
    assert found.validation_tokens == pytest.approx(8 * 50, rel=0.02), "they are as long as the training's rows"


def test_what_max_length_cuts_off_is_not_counted(plan: Plan, catalog: Catalog) -> None:
    whole, cut, short = (
        schedule(plan, catalog.trainer(Ref("lora", {"max_length": most})), LENGTHS).tokens for most in (100, 80, 20)
    )
    assert whole == 24 * 50
    assert 0.9 * whole < cut < whole
    assert short <= 24 * 20


def test_packs_are_as_many_as_their_length_asks_for(plan: Plan, catalog: Catalog) -> None:
    options = {"max_length": 120, "packing": True, "per_device_train_batch_size": 2}
    found = schedule(plan, catalog.trainer(Ref("lora", options)), LENGTHS)
    assert found.rows == 24 * 50 / 120
    text = schedule(plan, catalog.trainer(Ref("continued_pretraining", {"max_length": 60})), LENGTHS)
    assert (text.tokens, text.rows) == (24 * 50, 20), "raw text goes on in the next pack"


def test_processes_that_train_together_share_a_step(plan: Plan, catalog: Catalog) -> None:
    trainer = catalog.trainer(Ref("lora", {"per_device_train_batch_size": 3, "gradient_accumulation_steps": 2}))
    assert rows_a_step(plan, trainer) == 6
    assert rows_a_step(training(plan, launch=Launch(2)), trainer) == 12


def test_a_suite_that_trains_nothing_yet_has_rows_all_the_same(
    project: Project, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    bare = SUITE.replace(TRAINER, "").replace("prompted:\n  system: Answer with one word.\n  few_shot: 2\n", "")
    plan = make(load(project.write_suite(bare)), catalog)
    assert plan.training is None
    assert [len(rows) for rows in rows_of(plan)] == [24, 8]
    assert schedule(plan, catalog.trainer(Ref("full", {"num_train_epochs": 1.0})), LENGTHS).rows == 24


def test_where_nobody_says_how_often_the_number_of_rows_does(catalog: Catalog) -> None:
    assert epochs_of(catalog.trainer(Ref("lora", {"num_train_epochs": 2.5})), 500) == 2.5
    assert epochs_of(catalog.trainer(Ref("auto")), 500) == advised_epochs(500)[0]
