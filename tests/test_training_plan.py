"""What a suite says of its training, checked before anything is trained."""

from __future__ import annotations

import pytest

from harness import plan
from harness.catalog import Catalog
from harness.errors import UsageError
from harness.execution.stages import _with_half_the_batch, shares
from harness.host import Host
from harness.plan import Plan
from harness.suite.load import load
from harness.testing.project import SUITE, Project, colour_rows
from harness.values import GeneralData, Launch, Suite

TRAINER = SUITE[SUITE.index("trainer:") : SUITE.index("tasks:")]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.build(Host.load())


def planned(project: Project, catalog: Catalog, trainer: str, data: str = "") -> Plan:
    text = SUITE.replace(TRAINER, f"trainer: {trainer}\n").replace("data:\n", f"data:\n{data}", 1)
    return plan.make(load(project.write_suite(text)), catalog)


def refused(project: Project, catalog: Catalog, trainer: str, data: str = "") -> str:
    with pytest.raises(UsageError) as caught:
        planned(project, catalog, trainer, data)
    assert "suite.yaml:" in str(caught.value) or ".jsonl:" in str(caught.value)
    return str(caught.value)


def test_a_method_is_a_word(project: Project, catalog: Catalog) -> None:
    made = planned(project, catalog, "full")
    assert made.training is not None
    [stage] = made.training.stages
    assert (stage.trainer.ref.name, len(stage.train), len(stage.validation)) == ("full", 24, 8)


def test_general_examples_are_mixed_into_the_rows_that_are_trained_on(project: Project, catalog: Catalog) -> None:
    project.write_rows("general.jsonl", colour_rows(0, 40, "general"))
    made = planned(project, catalog, "{name: lora, general_data: {path: general.jsonl, ratio: 0.25}}")
    assert made.training is not None
    assert made.training.settings.general == GeneralData(project.folder / "general.jsonl", 0.25)
    texts = [row.messages[0].content for row in made.training.stages[0].train]
    assert (len(texts), sum(text.startswith("general") for text in texts)) == (32, 8)
    assert all("general" not in shot[0].content for shot in made.arms[1].prompting.few_shot), "the prompt has its own"


def test_general_examples_must_not_hold_test_items(project: Project, catalog: Catalog) -> None:
    project.write_rows("general.jsonl", [*colour_rows(0, 40, "general"), *colour_rows(3, 1, "test")])
    said = refused(project, catalog, "{name: lora, general_data: {path: general.jsonl}}")
    assert "test shares 1 row with trainer.general_data" in said


def with_a_split_named_general(project: Project) -> Suite:
    """The items of ``test`` as ``data.general``, and general examples from another file."""
    project.write_rows("general.jsonl", colour_rows(0, 40, "general"))
    text = SUITE.replace("test: test.jsonl", "general: test.jsonl").replace("data: test", "data: general")
    text = text.replace(TRAINER, "trainer: {name: lora, general_data: {path: general.jsonl}}\n")
    return load(project.write_suite(text))


def test_a_split_may_be_named_general_beside_general_examples(project: Project, catalog: Catalog) -> None:
    made = plan.make(with_a_split_named_general(project), catalog)
    files = {dataset.name: dataset.path.name for dataset in made.datasets}
    assert files["general"] == "test.jsonl"
    assert "general.jsonl" in files.values()


def test_a_split_named_general_must_not_be_trained_on(project: Project, catalog: Catalog) -> None:
    project.write_rows("train.jsonl", [*colour_rows(0, 24, "train"), *colour_rows(3, 1, "test")])
    with pytest.raises(UsageError, match=r"test.jsonl:4: general shares 1 row with train "):
        plan.make(with_a_split_named_general(project), catalog)


def test_stages_follow_one_another_each_with_its_own_rows(project: Project, catalog: Catalog) -> None:
    project.write_rows("corpus.jsonl", [{"text": f"Item {n} is a fact."} for n in range(9)])
    trainer = "{stages: [{name: continued_pretraining, data: corpus}, {name: lora, r: 4}], evaluate_every: 0.5}"
    made = planned(project, catalog, trainer, "  corpus: corpus.jsonl\n")
    assert made.training is not None
    first, second = made.training.stages
    assert (first.trainer.ref.name, len(first.train), first.validation) == ("continued_pretraining", 9, ())
    assert (second.trainer.instance.r, len(second.train), len(second.validation)) == (4, 24, 8)
    assert set(made.origins) >= {"trainer:continued_pretraining", "trainer:lora"}
    assert len(made.validation) == 8, "the items that choose among checkpoints"


@pytest.mark.parametrize(
    ("trainer", "said"),
    [
        ("{r: 4}", "a trainer has a name, or stages"),
        ("{name: lora, stages: [{name: lora}]}", "'name' belongs to one of the stages"),
        ("{stages: [{name: lora}], r: 4}", "'r' belongs to one of the stages"),
        ("{stages: []}", "at least 1 item"),
        ("{stages: [{name: lora}, {name: lroa}]}", "unknown trainer 'lroa'; did you mean 'lora'"),
        ("{name: lora, evaluate_every: 1.5}", "evaluate_every"),
        ("{name: lora, general_data: {path: none.jsonl}}", "no such data file"),
        ("{name: lora, general_data: {path: x, rato: 1}}", "unknown key 'rato'; did you mean 'ratio'"),
        ("{name: lora, launch: {}}", "launch needs num_processes or config_file"),
        ("{name: lora, launch: {config_file: none.yaml}}", "there is no file"),
        ("{name: lora, data: corpus}", "lora needs data.corpus"),
        ("continued_pretraining", "data.train holds conversations, and continued_pretraining trains on raw text"),
    ],
)
def test_a_training_that_cannot_be_is_refused_with_its_place(
    project: Project, catalog: Catalog, trainer: str, said: str
) -> None:
    assert said in refused(project, catalog, trainer)


@pytest.mark.parametrize("method", ["prompt_tuning", "prefix_tuning"])
def test_a_learnt_prompt_is_no_model_that_another_stage_could_begin_with(
    project: Project, catalog: Catalog, method: str
) -> None:
    first, second = f"    - name: {method}\n", "    - name: lora\n"
    said = refused(project, catalog, f"\n  stages:\n{second}{first}{second}")
    line = project.suite.read_text().splitlines().index(first.rstrip()) + 1
    assert f"suite.yaml:{line}: {method} learns a prompt, which the next stage cannot begin with" in said
    assert planned(project, catalog, f"\n  stages:\n{second}{first}").training is not None


def test_raw_text_asks_nothing(project: Project, catalog: Catalog) -> None:
    project.write_rows("test.jsonl", [{"text": "A fact."}])
    assert "data.test is raw text, which asks nothing" in refused(project, catalog, "lora")


def test_checkpoints_are_not_chosen_by_test_items(project: Project, catalog: Catalog) -> None:
    text = SUITE.replace(TRAINER, "trainer: {name: lora, evaluate_every: 0.5}\n")
    text = text.replace("  validation: validation.jsonl\n", "")
    with pytest.raises(UsageError, match=r"suite.yaml:\d+: .*by data.validation; .*the test items must not choose"):
        plan.make(load(project.write_suite(text)), catalog)


@pytest.mark.parametrize(
    ("every", "expected"),
    [(None, ()), (0.25, (0.25, 0.5, 0.75, 1.0)), (0.3, (0.3, 0.6, 0.9, 1.0)), (0.5, (0.5, 1.0)), (0.9, (1.0,))],
)
def test_the_end_is_always_judged(every: float | None, expected: tuple[float, ...]) -> None:
    assert shares(every) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rows", "steps", "halved"), [(4, 1, (2, 2)), (3, 1, (1, 3)), (5, 2, (2, 5)), (2, 3, (1, 6)), (1, 4, None)]
)
def test_half_a_batch_leaves_as_many_rows_a_step(
    project: Project, catalog: Catalog, rows: int, steps: int, halved: tuple[int, int] | None
) -> None:
    sizes = f"per_device_train_batch_size: {rows}, gradient_accumulation_steps: {steps}"
    made = planned(project, catalog, f"{{name: lora, r: 4, {sizes}}}")
    assert made.training is not None
    [stage] = made.training.stages
    smaller = _with_half_the_batch(stage, stage.trainer.ref)
    if halved is None:
        assert smaller is None
        return
    assert smaller is not None
    options = {"r": 4, "per_device_train_batch_size": halved[0], "gradient_accumulation_steps": halved[1]}
    assert (smaller.name, smaller.options) == ("lora", options)


def test_a_launch_is_read_with_its_file_beside_the_suite(project: Project, catalog: Catalog) -> None:
    (project.folder / "fsdp.yaml").write_text("distributed_type: FSDP\n")
    made = planned(project, catalog, "{name: lora, launch: {num_processes: 2, config_file: fsdp.yaml}}")
    assert made.training is not None
    assert made.training.settings.launch == Launch(2, project.folder / "fsdp.yaml")
