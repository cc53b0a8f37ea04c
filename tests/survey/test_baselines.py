"""The base model asked in several ways, with a tiny real model: what is asked, on what, and what is known later."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness import GenerationSettings, MeanOfScores, Metric, Prompt, experiment, foresight, plan
from harness.catalog import Catalog
from harness.cli.progress import QuietObserver
from harness.errors import UsageError
from harness.execution.prompting import INSTRUCTION, REASONING_TOKENS, assemble
from harness.experiment import Setting
from harness.host import Host
from harness.plan import Plan
from harness.store import Reader
from harness.suite.load import load
from harness.survey import baselines
from harness.survey.asking import asking, upward
from harness.survey.baselines import Measured
from harness.testing.project import Project, colour_rows
from harness.values import Generation, Message, PromptedBaseline
from harness_backends.transformers_model import TransformersModel

SUITE = """\
suite: tiny
seed: 3
model: {name: model, dtype: float32}
batch_size: 4
data: {train: train.jsonl, validation: validation.jsonl, test: test.jsonl}
prompted: {system: Answer with one word., few_shot: 2}
tasks:
  - {name: colours, data: test, generation: {max_new_tokens: 4}, metrics: [exact_match, f1]}
gates:
  - {task: colours, metric: exact_match, max_drop: 0.5}
  - {task: colours, metric: f1, min_gain: 0.1}
"""
WAYS = ["zero-shot", "system", "3 examples", "5 examples", "10 examples", "chain of thought", "prompted"]
SYSTEM = "Answer with one word."
ITEMS = 6
HOST = Host.load()
CATALOG = Catalog.build(HOST)


@dataclass
class Told(QuietObserver):
    """What a person was told."""

    stages: list[str] = field(default_factory=list)
    progressed: dict[str, int] = field(default_factory=dict)

    def stage(self, title: str) -> None:
        self.stages.append(title)

    def task_progressed(self, arm: str, task: str, done: int, total: int, running: Mapping[str, float]) -> None:
        self.progressed[f"{arm} {task}"] = done


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    project.write_suite(SUITE)
    monkeypatch.chdir(project.folder)
    return project


def planned(project: Project, suite: str | None = None) -> Plan:
    if suite is not None:
        project.write_suite(suite)
    return plan.make(load(project.suite), CATALOG)


def setting(project: Project, **how: Any) -> Setting:  # noqa: ANN401 - handed on as they are
    return Setting(project.folder / "results", HOST, CATALOG, **{"observer": QuietObserver(), **how})


def names(plan: Plan) -> list[str]:
    return [each.name for each in baselines.candidates(plan)]


def known(project: Project, plan: Plan, items: int = ITEMS) -> Measured | None:
    with Reader(project.record) as reader:
        return baselines.recorded(plan, reader, items=items)


def test_a_suite_is_asked_plainly_with_its_system_text_with_examples_and_with_thoughts(project: Project) -> None:
    asked = {each.name: each.asked for each in baselines.candidates(planned(project))}
    assert list(asked) == WAYS
    assert asked == {
        "zero-shot": PromptedBaseline(),
        "system": PromptedBaseline(SYSTEM),
        "3 examples": PromptedBaseline(SYSTEM, 3),
        "5 examples": PromptedBaseline(SYSTEM, 5),
        "10 examples": PromptedBaseline(SYSTEM, 10),
        "chain of thought": PromptedBaseline(SYSTEM, chain_of_thought=True),
        "prompted": PromptedBaseline(SYSTEM, 2),
    }


def test_the_examples_are_those_that_the_suite_would_show_if_it_asked_so(project: Project) -> None:
    found = {each.name: each.prompting for each in baselines.candidates(planned(project))}
    for shots in (3, 5, 10):
        arms = planned(project, SUITE.replace("few_shot: 2", f"few_shot: {shots}")).arms
        assert found[f"{shots} examples"] == arms[1].prompting
        assert len(arms[1].prompting.few_shot) == shots
    thoughtful = planned(project, SUITE.replace("few_shot: 2", "chain_of_thought: true"))
    assert found["chain of thought"] == thoughtful.arms[1].prompting


def test_what_the_suite_asks_already_is_not_asked_twice(project: Project) -> None:
    assert names(planned(project, SUITE.replace("few_shot: 2", "few_shot: 5"))) == WAYS[:-1]
    assert names(planned(project, SUITE.replace(", few_shot: 2", ""))) == WAYS[:-1]


def test_every_further_system_text_is_tried(project: Project) -> None:
    more = f'advice: {{prompts: ["Be brief.", "{SYSTEM}", "Name the colour."]}}\n'
    found = {each.name: each.asked for each in baselines.candidates(planned(project, SUITE + more))}
    assert (found["system 2"], found["system 3"]) == (
        PromptedBaseline("Be brief."),
        PromptedBaseline("Name the colour."),
    )
    assert "system 4" not in found


def test_without_a_system_text_of_its_own_the_first_further_one_takes_its_place(project: Project) -> None:
    bare = SUITE.replace(f"prompted: {{system: {SYSTEM}, few_shot: 2}}\n", "")
    assert names(planned(project, bare)) == ["zero-shot", "3 examples", "5 examples", "10 examples", "chain of thought"]
    found = {
        each.name: each.asked for each in baselines.candidates(planned(project, bare + "advice: {prompts: [Hm]}\n"))
    }
    assert (found["system"], found["3 examples"]) == (PromptedBaseline("Hm"), PromptedBaseline("Hm", 3))


def test_there_are_no_more_examples_than_the_training_rows_allow(project: Project) -> None:
    project.write_rows("train.jsonl", colour_rows(0, 7, "train"))
    assert [name for name in names(planned(project)) if "examples" in name] == ["3 examples", "5 examples"]
    none = SUITE.replace("train: train.jsonl, ", "").replace(", few_shot: 2", "")
    assert names(planned(project, none)) == ["zero-shot", "system", "chain of thought"]
    project.write_rows("train.jsonl", [{"text": "raw text"}])
    assert names(planned(project, SUITE.replace(", few_shot: 2", ""))) == ["zero-shot", "system", "chain of thought"]


def test_the_items_are_of_the_validation_split_and_in_no_example_and_no_test(project: Project) -> None:
    ways = baselines.candidates(planned(project))
    shown = [shot for way in ways for shot in way.prompting.few_shot]
    example = {"messages": [{"role": each.role, "content": each.content} for each in shown[0]]}
    mixed = [*colour_rows(0, 5, "check"), *colour_rows(7, 1, "test"), example]
    project.write_rows("validation.jsonl", mixed)
    made = planned(project, SUITE + "checks: [{name: leakage, severity: warning}]\n")
    asked = asking(made, ways, 100)
    [task] = asked.tasks
    assert {str(each.prompt) for each in task.samples} == {
        str((Message("user", row["messages"][0]["content"]),)) for row in mixed[:5]
    }
    assert asked.source == task.source == "5 of data.validation"


def test_more_items_begin_with_those_that_fewer_would_ask(project: Project) -> None:
    made = planned(project)
    fewer, more = (asking(made, baselines.candidates(made), items).tasks[0].samples for items in (3, 8))
    assert (len(fewer), len(more)) == (3, 8)
    assert more[:3] == fewer


def test_without_a_validation_split_training_rows_are_asked_that_are_nobodys_examples(project: Project) -> None:
    made = planned(project, SUITE.replace("validation: validation.jsonl, ", ""))
    ways = baselines.candidates(made)
    asked = asking(made, ways, 100)
    shown = {shot[0] for way in ways for shot in way.prompting.few_shot}
    questions = {sample.prompt[-1] for sample in asked.tasks[0].samples if not isinstance(sample.prompt, str)}
    assert not questions & shown
    assert len(questions | shown) == 24, "all training rows"
    assert asked.source == f"{len(questions)} of data.train that are nobody's examples"
    assert any("there is no validation split" in note for note in asked.notes)
    project.write_rows("train.jsonl", colour_rows(0, 14, "train"))
    assert "10 examples" not in names(planned(project)), (
        "at most half of the rows are examples where they are asked too"
    )


def test_a_suite_without_items_or_without_a_fitting_task_says_what_to_add(project: Project) -> None:
    bare = SUITE.replace("train: train.jsonl, validation: validation.jsonl, ", "").replace(", few_shot: 2", "")
    with pytest.raises(UsageError, match="there are no items to try prompts on; add 'validation: FILE' under 'data:'"):
        baselines.measure(planned(project, bare), setting(project), items=ITEMS)
    project.write_rows("quiz.jsonl", [{"prompt": "Which?", "choices": [" a", " b"], "answer": 0}])
    quiz = SUITE[: SUITE.index("tasks:")].replace("test.jsonl", "quiz.jsonl")
    quiz += "tasks: [{name: quiz, data: test, mode: choose, metrics: [acc]}]\n"
    with pytest.raises(UsageError, match="no task of the suite can tell prompts apart; add a task of mode generate"):
        baselines.measure(planned(project, quiz), setting(project), items=ITEMS)
    assert not project.record.exists()


def test_tasks_that_cannot_tell_prompts_apart_are_left_out_and_named(project: Project) -> None:
    project.write_rows("quiz.jsonl", [{"prompt": "Which?", "choices": [" a", " b"], "answer": 0}])
    more = SUITE.replace("test: test.jsonl", "test: test.jsonl, quiz: quiz.jsonl").replace(
        "gates:", "  - {name: quiz, data: quiz, mode: choose, metrics: [acc]}\ngates:"
    )
    asked = asking(planned(project, more), (), ITEMS)
    assert [task.name for task in asked.tasks] == ["colours@prompts"]
    assert asked.notes == ("quiz was left out: its mode is choose",)


@pytest.mark.parametrize(
    ("gates", "metric"),
    [
        (
            "  - {task: colours, metric: exact_match, max_drop: 0.5}\n  - {task: colours, metric: f1, min_gain: 0.1}",
            "f1",
        ),
        ("  - {task: colours, metric: f1, at_least: 0.5}\n  - {task: colours, min_gain: 0.1}", "f1"),
        ("  - {task: colours, metric: f1, max_drop: 0.5}", "exact_match"),
    ],
)
def test_the_metric_of_the_first_gate_that_demands_something_decides(project: Project, gates: str, metric: str) -> None:
    made = planned(project, SUITE[: SUITE.index("  - {task")] + gates + "\n")
    assert [each.label for each in asking(made, (), ITEMS).tasks[0].metrics] == [metric]


@pytest.mark.parametrize(
    ("bounds", "higher", "value", "told"),
    [
        ((0.0, 1.0), True, 0.75, 0.75),
        ((-1.0, 1.0), True, 0.75, 0.75),
        ((0.0, 100.0), True, 75.0, 0.75),
        ((0.0, 1.0), False, 0.25, 0.75),
        ((0.0, 100.0), False, 25.0, 0.75),
        (None, True, 75.0, 75.0),
        (None, False, 75.0, -75.0),
        ((0.0, float("inf")), False, 75.0, -75.0),
    ],
)
def test_up_is_better_and_the_best_is_1_wherever_a_scale_ends(
    bounds: tuple[float, float] | None, higher: bool, value: float, told: float
) -> None:
    metric: Metric = type("Made", (MeanOfScores,), {"bounds": bounds, "higher_is_better": higher})()
    assert upward(metric, value) == told


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def measured(tiny_template: Project, tmp_path_factory: pytest.TempPathFactory, told: Told) -> tuple[Project, Measured]:
    """A project whose base model was asked in every way; what it says with three examples is what is right."""
    folder = tmp_path_factory.mktemp("measured") / "project"
    shutil.copytree(tiny_template.folder, folder)
    project = Project(folder)
    project.write_suite(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_what_it_says(project, "3 examples")
        return project, baselines.measure(planned(project), setting(project, observer=told), items=ITEMS)


def write_what_it_says(project: Project, way: str) -> None:
    made = planned(project)
    prompting = next(each.prompting for each in baselines.candidates(made) if each.name == way)
    rows = colour_rows(0, 8, "check")
    questions = [(Message("user", row["messages"][0]["content"]),) for row in rows]
    backend = made.backend.instance
    with backend.open(replace(made.suite.model, name=str(backend.folder(made.suite.model)))) as model:
        prompts: list[Prompt] = [assemble(prompting, question) for question in questions]
        asked = made.tasks[0].task.generation
        said = model.generate(prompts, asked, sample_ids=[str(number) for number in range(len(rows))])
    for row, answer in zip(rows, said, strict=True):
        row["messages"][1]["content"] = answer.text
    project.write_rows("validation.jsonl", rows)


def test_every_way_is_told_with_the_interval_that_is_recorded(measured: tuple[Project, Measured]) -> None:
    project, found = measured
    assert [(each.name, each.task, each.metric) for each in found.baselines] == [(way, "colours", "f1") for way in WAYS]
    assert found.source == f"{ITEMS} of data.validation"
    with Reader(project.record) as reader:
        for each in found.baselines:
            [estimate] = reader.run(each.run).estimates
            assert (each.value, each.low, each.high) == (estimate.value, estimate.low, estimate.high)
            assert each.items == estimate.scored == ITEMS
            answers = [answer for item in reader.items(each.run, estimate.task) for answer in item.generations]
            assert each.prompt_tokens == sum(answer.prompt_tokens for answer in answers) / ITEMS
            assert each.seconds == pytest.approx(sum(answer.seconds for answer in answers) / ITEMS)


def test_the_way_with_the_best_score_is_the_best(measured: tuple[Project, Measured]) -> None:
    _, found = measured
    values = {each.name: each.value for each in found.baselines}
    assert values.pop("3 examples") == 1.0
    assert max(values.values()) < 1.0
    assert found.best is not None
    assert (found.best.name, found.best.asked) == ("3 examples", PromptedBaseline(SYSTEM, 3))
    assert "the best of 7 on the same items looks better than it is on others" in found.notes


def test_what_was_asked_is_what_the_way_says(measured: tuple[Project, Measured]) -> None:
    project, found = measured
    tokens = {each.name: each.prompt_tokens or 0.0 for each in found.baselines}
    longer = ["zero-shot", "system", "prompted", "3 examples", "5 examples", "10 examples"]
    assert sorted(longer, key=tokens.__getitem__) == longer
    assert tokens["system"] < tokens["chain of thought"]
    thoughtful = next(each for each in found.baselines if each.name == "chain of thought")
    with Reader(project.record) as reader:
        items = reader.items(thoughtful.run, "colours@prompts")
        assert any(item.generations[0].reasoning for item in items)
        unfinished = sum(not item.text for item in items)
    assert unfinished, "the tiny model has learnt to stop: the case tells nothing"
    limit = REASONING_TOKENS + 4
    thinking = f"in {unfinished} of {ITEMS} answers the model was still thinking after {limit} tokens"
    assert f"chain of thought: {thinking}; they count as empty" in found.notes


def test_a_person_sees_how_far_it_is(measured: tuple[Project, Measured], told: Told) -> None:
    assert told.stages[0] == f"asking the base model in 7 ways, {ITEMS} of data.validation each"
    assert told.progressed == {f"base@{way.replace(' ', '-')} colours@prompts": ITEMS for way in WAYS}


@pytest.fixture
def again(measured: tuple[Project, Measured], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the measured project."""
    folder = tmp_path / "again"
    shutil.copytree(measured[0].folder, folder)
    monkeypatch.chdir(folder)
    return Project(folder)


@pytest.fixture
def never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def generated(*_: object, **__: object) -> Sequence[Generation]:
        raise AssertionError("the model was asked")

    monkeypatch.setattr(TransformersModel, "generate", generated)


@pytest.mark.usefixtures("never_asked")
def test_a_second_time_the_record_answers(again: Project, measured: tuple[Project, Measured]) -> None:
    repeated = baselines.measure(planned(again), setting(again), items=ITEMS)
    first = measured[1]
    assert repeated.best == first.best
    assert repeated.notes == first.notes
    assert [replace(each, run="") for each in repeated.baselines] == [replace(each, run="") for each in first.baselines]


def test_what_is_recorded_is_told_without_opening_anything(again: Project, measured: tuple[Project, Measured]) -> None:
    made = planned(again)
    (again.folder / "model" / "model.safetensors").unlink()
    found, first = known(again, made), measured[1]
    assert found is not None
    assert (found.baselines, found.best, found.source) == (first.baselines, first.best, first.source)
    assert found.notes[:-1] == first.notes
    assert "whether the model's name stands for the same weights now was not looked at" in found.notes[-1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_drop: 0.5", "max_drop: 0.25"),
        ("gates:", "advice: {threshold: 0.5}\ngates:"),
        ("tasks:", "trainer: {name: lora, max_steps: 4}\ntasks:"),
    ],
)
def test_what_acts_on_no_prompt_leaves_the_record_valid(again: Project, old: str, new: str) -> None:
    assert known(again, planned(again, SUITE.replace(old, new))) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("one word", "a word"),
        ("seed: 3", "seed: 4"),
        ("max_new_tokens: 4", "max_new_tokens: 5"),
        ("dtype: float32", "dtype: bfloat16"),
        ("min_gain: 0.1", "max_drop: 0.1"),
        ("gates:", "advice: {prompts: [Hm]}\ngates:"),
    ],
)
def test_whatever_was_not_asked_so_is_not_taken_from_the_record(again: Project, old: str, new: str) -> None:
    assert old in SUITE
    assert known(again, planned(again, SUITE.replace(old, new))) is None


def test_other_items_are_not_those_of_the_record(again: Project) -> None:
    assert known(again, planned(again), items=5) is None
    again.write_rows("validation.jsonl", colour_rows(10, 8, "check"))
    assert known(again, planned(again)) is None


def test_one_that_was_cut_off_is_gone_on_with(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    generate = TransformersModel.generate

    def generated(
        self: TransformersModel, prompts: Sequence[Prompt], settings: GenerationSettings, *, sample_ids: Sequence[str]
    ) -> Sequence[Generation]:
        if len(asked) == stop_at:
            raise KeyboardInterrupt
        asked.append(str(prompts[0]))
        return generate(self, prompts, replace(settings, max_new_tokens=4), sample_ids=sample_ids)

    monkeypatch.setattr(TransformersModel, "generate", generated)
    stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        baselines.measure(planned(project), setting(project), items=ITEMS)
    assert known(project, planned(project)) is None, "half of it is nothing"
    stop_at = -1
    found = baselines.measure(planned(project), setting(project), items=ITEMS)
    assert {each.run.partition("/")[0] for each in found.baselines} == {"tiny@prompts-1"}
    assert len(asked) == len(set(asked)) == len(WAYS), "each way once"
    assert sum(INSTRUCTION in prompt for prompt in asked) == 1


def test_of_equals_the_shorter_prompt_is_the_best(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(
        self: TransformersModel, prompts: Sequence[Prompt], settings: GenerationSettings, *, sample_ids: Sequence[str]
    ) -> Sequence[Generation]:
        lengths = [sum(len(message.content) for message in prompt) for prompt in prompts if not isinstance(prompt, str)]
        return [Generation(each, 0, "", "stop", size, 0, 0.0) for each, size in zip(sample_ids, lengths, strict=True)]

    monkeypatch.setattr(TransformersModel, "generate", silent)
    found = baselines.measure(planned(project), setting(project), items=ITEMS)
    assert {each.value for each in found.baselines} == {0.0}
    assert found.best is not None
    assert found.best.name == "zero-shot"


def test_prompts_that_do_not_fit_the_model_are_told(project: Project) -> None:
    answer = {"role": "assistant", "content": "x"}
    questions = [{"role": "user", "content": f"{number} " + "word " * 300} for number in range(12)]
    long = [{"messages": [question, answer]} for question in questions]
    project.write_rows("train.jsonl", long)
    made = planned(project)
    found = baselines.measure(made, setting(project), items=1)
    assert "10 examples: prompts of colours were cut to the model's window of 2,048 tokens" in found.notes
    assert not any(note.startswith("zero-shot: prompts") for note in found.notes)


Look = Callable[[Reader, Plan], object]


@pytest.mark.parametrize(
    "look",
    [
        lambda reader, made: reader.runs(suite="tiny"),
        lambda reader, made: foresight.foresee(made, reader),
        lambda reader, made: reader.released("tiny"),
        lambda reader, made: reader.judged_last("tiny"),
        lambda reader, made: reader.judged_before(reader.runs(suite="tiny")[0].id, "colours"),
        lambda reader, made: list(reader.db.query("SELECT * FROM latest_runs WHERE suite = 'tiny'")),
    ],
    ids=["runs", "foresight", "the release", "the last verdict", "earlier candidates", "latest_runs"],
)
def test_nothing_that_looks_up_the_suites_runs_meets_them(again: Project, project: Project, look: Look) -> None:
    made = planned(project)
    arms = [arm for arm in made.arms if arm.name == "base"]
    both = []
    for each in (project, again):  # one record without the measurement, one with it
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(each.folder)
            patch.setattr("harness.execution.arms.now", lambda: "2026-01-01T00:00:00+00:00")
            experiment.evaluate(planned(each), setting(each, reuse=False), arms)
        with Reader(each.record) as reader:
            assert [run.arm for run in reader.runs(suite="tiny")] == ["base"]
            both.append(_without_times(look(reader, made)))
    assert both[0] == both[1]


def _without_times(seen: object) -> object:
    if isinstance(seen, foresight.Foresight):
        assert seen.seconds_as_planned is None or seen.seconds_as_planned > 0
        return replace(seen, seconds=(), seconds_as_planned=None, seconds_together=None)
    return seen


def test_they_are_listed_under_a_name_of_their_own(again: Project) -> None:
    listed = again.run("runs", "--json").json
    assert {each["suite"] for each in listed} == {"tiny@prompts"}
    assert again.run("runs", "--suite", "tiny", "--json").json == []
    shown = again.run("show", "tiny@prompts-1/base@3-examples", "--samples")
    assert shown.exit_code == 0, shown.err


def test_how_long_it_takes_is_reckoned_from_what_the_base_model_took(project: Project) -> None:
    made = planned(project)
    ways = baselines.candidates(made)
    assert baselines.seconds_expected(made, ways, items=ITEMS, reader=None) is None
    arms = [arm for arm in made.arms if arm.name == "prompted"]
    experiment.evaluate(made, setting(project), arms)
    with Reader(project.record) as reader:
        assert baselines.seconds_expected(made, ways, items=ITEMS, reader=reader) is None
    [base] = experiment.evaluate(made, setting(project), [arm for arm in made.arms if arm.name == "base"])
    with Reader(project.record) as reader:
        cost = reader.cost_per_answer(base.id, "colours")
        assert cost is not None

        def expected(way: int, items: int = ITEMS) -> float:
            return baselines.seconds_expected(made, ways[way : way + 1], items=items, reader=reader) or 0.0

        whole = baselines.seconds_expected(made, ways, items=ITEMS, reader=reader)
        assert expected(0) == pytest.approx(ITEMS * cost.seconds)
        assert expected(0, 3) == pytest.approx(expected(0) / 2)
        assert expected(0) < expected(1) < expected(2) < expected(4) < expected(5)
        assert whole == pytest.approx(sum(map(expected, range(len(ways)))))
        read = cost.prompt_tokens / 20
        by_thoughts = (read + cost.output_tokens + REASONING_TOKENS) / (read + cost.output_tokens)
        assert expected(5) > expected(0) * by_thoughts
