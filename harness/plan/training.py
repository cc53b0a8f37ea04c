"""The training of a plan: stage by stage the rows that its trainer can learn from, and what will choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.catalog import Planned
from harness.data import formats, mix
from harness.plan.given import Given, Where
from harness.plan.planned import PlannedStage, PlannedTraining
from harness.rows import Row
from harness.values import GeneralData, Sample, SuiteStage, SuiteTraining


def planned_training(given: Given, asked: SuiteTraining) -> PlannedTraining:
    """Every stage with its trainer and rows; what is mixed in is mixed into the last."""
    places: list[Where] = [("trainer", "stages", index) for index in range(len(asked.stages))]
    if ("trainer", "stages") not in given.suite.lines:
        places = [("trainer",)]
    stages = [_stage(given, stage, place) for stage, place in zip(asked.stages, places, strict=True)]
    for stage, place in zip(stages[:-1], places[:-1], strict=True):
        if getattr(stage.trainer.instance, "learns_a_prompt", False):
            problem = f"{stage.trainer.ref.name} learns a prompt, which the next stage cannot begin with"
            raise given.error(problem, *place, remedy="make it the last stage")
    if asked.general:
        stages[-1] = _with_general(given, stages[-1], asked.general)
    if asked.launch and asked.launch.config_file and not asked.launch.config_file.is_file():
        raise given.error(f"there is no file {asked.launch.config_file}", "trainer", "launch", "config_file")
    return PlannedTraining(tuple(stages), asked)


def items_of_the_choice(given: Given) -> tuple[Sample, ...]:
    """The validation items that choose among checkpoints: the test items must not."""
    asked = given.suite.training
    if asked is None or asked.evaluate_every is None:
        return ()
    where = ("trainer", "evaluate_every")
    if "validation" not in given.suite.data:
        remedy = "add 'validation: FILE' under 'data:'; the test items must not choose"
        raise given.error("evaluate_every chooses among checkpoints by data.validation", *where, remedy=remedy)
    if not any(task.mode == "generate" and task.metrics for task in given.suite.tasks):
        raise given.error("evaluate_every needs a task of mode generate with a metric to choose by", *where)
    rows = given.rows("validation", ("data", "validation"))
    if rows[0].text is not None or rows[0].choices:
        raise given.error("evaluate_every needs conversations in data.validation", *where)
    return given.located(where, formats.samples, rows)


def _stage(given: Given, stage: SuiteStage, where: Where) -> PlannedStage:
    trainer = given.plugin("trainer", stage.trainer, *where)
    train = _rows_to_train_on(given, stage.data, trainer, (*where, "data"))
    validation = stage.validation
    if validation is None and stage.data == "train" and "validation" in given.suite.data:
        validation = "validation"
    rows = _rows_to_train_on(given, validation, trainer, (*where, "validation")) if validation else ()
    return PlannedStage(trainer, train, rows)


def _rows_to_train_on(given: Given, name: str, trainer: Planned, where: Where) -> tuple[Row, ...]:
    if name not in given.suite.data:
        remedy = f"add '{name}: FILE' under 'data:'"
        raise given.error(f"{trainer.ref.name} needs data.{name}", *where, remedy=remedy)
    rows = given.rows(name, ("data", name))
    if rows[0].choices:
        raise given.error(f"data.{name} has choices, which a trainer cannot learn from", "data", name)
    _check_kind(given, rows, f"data.{name}", trainer, where)
    return rows


def _with_general(given: Given, stage: PlannedStage, general: GeneralData) -> PlannedStage:
    where = ("trainer", "general_data")
    rows = given.general_rows(general, where)
    _check_kind(given, rows, "general_data", stage.trainer, where)
    mixed = mix.mixed(stage.train, rows, general.ratio, seed=given.suite.seed, path=general.path)
    return replace(stage, train=mixed)


def _check_kind(given: Given, rows: Sequence[Row], name: str, trainer: Planned, where: Where) -> None:
    given.refuse_preferences(rows, name, where)
    kind = "messages" if rows[0].text is None else "text"
    wanted = trainer.instance.trains_on
    if kind != wanted:
        words = {"messages": "conversations", "text": "raw text"}
        remedy = "continued_pretraining takes raw text" if kind == "text" else "give it rows with a 'text' column"
        problem = f"{name} holds {words[kind]}, and {trainer.ref.name} trains on {words[wanted]}"
        raise given.error(problem, *where, remedy=remedy)
