"""A model that is asked to think first: what it is asked, what counts as its answer, and what is kept of the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness import GenerationSettings, Prompt, experiment, plan
from harness.catalog import Catalog
from harness.cli.main import cli
from harness.cli.progress import QuietObserver
from harness.errors import UsageError
from harness.execution.prompting import INSTRUCTION, MARKER, REASONING_TOKENS, answered, assemble, with_thoughts
from harness.experiment import Setting
from harness.host import Host
from harness.store import Reader
from harness.suite.load import load
from harness.testing.project import Project
from harness.values import Generation, Message, Prompting, Run
from harness_backends.transformers_model import TransformersModel

ASKED = (Message("user", "an earlier question"), Message("assistant", "so"), Message("user", "question"))
SHOT = (Message("user", "like this"), Message("assistant", "red"))
THINKS = Prompting("Be brief.", (SHOT,), chain_of_thought=True)

SUITE = """\
suite: tiny
seed: 3
model: {name: model, dtype: float32}
batch_size: 4
data: {train: train.jsonl, test: test.jsonl, quiz: quiz.jsonl}
prompted: {system: Answer with one word., chain_of_thought: true}
tasks:
  - {name: colours, data: test, limit: 6, generation: {max_new_tokens: 3, stop: ["\\n"]}, metrics: [exact_match]}
  - {name: quiz, data: quiz, mode: choose, metrics: [acc]}
gates:
  - {task: colours, max_drop: 0.5}
"""
HOST = Host.load()
CATALOG = Catalog.build(HOST)


def written(text: str, finish_reason: str = "stop") -> Generation:
    return Generation("s", 0, text, finish_reason, 40, 20, 2.0)  # type: ignore[arg-type]


def told(text: str, finish_reason: str = "stop", stop: Sequence[str] = ()) -> tuple[str, str | None, str]:
    found = answered(written(text, finish_reason), stop)
    return found.text, found.reasoning, found.finish_reason


def test_the_request_to_think_stands_at_the_end_of_the_last_question() -> None:
    assert assemble(replace(THINKS, few_shot=()), ASKED) == (
        Message("system", "Be brief."),
        *ASKED[:2],
        Message("user", f"question\n\n{INSTRUCTION}"),
    )


def test_the_examples_show_where_the_answer_stands_and_no_thoughts() -> None:
    prompt = assemble(THINKS, ASKED[2:])
    assert prompt[1:3] == (SHOT[0], Message("assistant", f"{MARKER}\nred"))


def test_a_model_that_only_weighs_texts_is_not_asked_to_think() -> None:
    plain = replace(THINKS, chain_of_thought=False)
    assert assemble(THINKS, ASKED, "choose") == assemble(plain, ASKED)
    assert assemble(THINKS, ASKED, "likelihood") == assemble(plain, ASKED)
    assert assemble(THINKS, "raw text") == "raw text"


@pytest.mark.parametrize(
    ("text", "answer", "thoughts"),
    [
        ("It glows.\nANSWER:\nred", "red", "It glows."),
        ("It glows.\nANSWER: red", "red", "It glows."),
        ("It glows.\n**ANSWER:** red", "red", "It glows."),
        ("It glows.\n  ## Answer: red", "red", "It glows."),
        ("ANSWER: red", "red", None),
        ("I shall say ANSWER: at the end.\nANSWER: red", "red", "I shall say ANSWER: at the end."),
        ("It glows.\nANSWER:\nred\nANSWER:\nred\nANSWER:\nred", "red", "It glows."),
        ("It glows.\nANSWER:\nred\nor rather\nblue", "red\nor rather\nblue", "It glows."),
        ("It glows.\nANSWER:", "", "It glows."),
        ("red", "red", None),
    ],
)
def test_the_answer_is_what_stands_after_the_first_marker(text: str, answer: str, thoughts: str | None) -> None:
    assert told(text) == (answer, thoughts, "stop")


def test_without_a_marker_what_stands_there_is_the_answer_as_a_user_would_see_it() -> None:
    assert told("The lamp is red.") == ("The lamp is red.", None, "stop")


def test_a_model_that_was_cut_off_in_its_thoughts_has_not_answered() -> None:
    assert told("It glows, so", "length") == ("", "It glows, so", "length")


def test_an_answer_that_was_cut_off_says_so() -> None:
    assert told("It glows.\nANSWER: a very lo", "length") == ("a very lo", "It glows.", "length")


def test_stop_strings_end_the_answer_and_not_the_thoughts() -> None:
    assert told("It glows.\n\nSo.\nANSWER:\nred\nblue", "length", ["\n", ""]) == ("red", "It glows.\n\nSo.", "stop")
    assert told("red\nblue", stop=["\n"]) == ("red", None, "stop")
    roomy = with_thoughts(GenerationSettings(max_new_tokens=30, stop=("\n",)), None)
    assert (roomy.max_new_tokens, roomy.stop) == (30 + REASONING_TOKENS, ())


def test_a_small_window_keeps_half_its_room_for_the_prompt() -> None:
    assert with_thoughts(GenerationSettings(max_new_tokens=30), 400).max_new_tokens == 200
    assert with_thoughts(GenerationSettings(max_new_tokens=300), 400).max_new_tokens == 300


def test_the_tokens_and_seconds_are_those_of_thoughts_and_answer_together() -> None:
    found = answered(written("It glows.\nANSWER: red"), ())
    assert (found.prompt_tokens, found.output_tokens, found.seconds) == (40, 20, 2.0)


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    project.write_suite(SUITE)
    question = {"prompt": "Which colour has it?", "choices": [" red", " green"], "answer": 0}
    project.write_rows("quiz.jsonl", [question])
    monkeypatch.chdir(project.folder)
    return project


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[GenerationSettings]:
    """The settings of each call of a model that thinks aloud; the tokens and times are the real model's."""
    calls: list[GenerationSettings] = []
    generate = TransformersModel.generate

    def generated(
        self: TransformersModel, prompts: Sequence[Prompt], settings: GenerationSettings, *, sample_ids: Sequence[str]
    ) -> Sequence[Generation]:
        calls.append(settings)
        real = generate(self, prompts, replace(settings, max_new_tokens=4), sample_ids=sample_ids)
        is_asked = [INSTRUCTION in prompt[-1].content for prompt in prompts if not isinstance(prompt, str)]
        said = ["It [b]glows[/].\n\nSo.\nANSWER:\nred\nor blue" if thinks else "red" for thinks in is_asked]
        return [replace(each, text=text, output_tokens=9) for each, text in zip(real, said, strict=True)]

    monkeypatch.setattr(TransformersModel, "generate", generated)
    return calls


def evaluated(project: Project, arm: str = "prompted") -> Run:
    planned = plan.make(load(project.suite), CATALOG)
    setting = Setting(project.folder / "results", HOST, CATALOG, QuietObserver())
    [run] = experiment.evaluate(planned, setting, [next(each for each in planned.arms if each.name == arm)])
    return run


def answers(project: Project, run: Run, task: str = "colours") -> list[Generation]:
    with Reader(project.record) as reader:
        return [each for item in reader.items(run.id, task) for each in item.generations]


def test_only_the_answer_is_scored_and_the_thoughts_are_kept_beside_it(
    project: Project, asked: list[GenerationSettings]
) -> None:
    given = answers(project, evaluated(project))
    assert {(each.text, each.reasoning, each.output_tokens) for each in given} == {("red", "It [b]glows[/].\n\nSo.", 9)}
    assert {(each.max_new_tokens, each.stop) for each in asked} == {(3 + REASONING_TOKENS, ())}


def test_other_arms_and_modes_have_no_thoughts(project: Project, asked: list[GenerationSettings]) -> None:
    base = evaluated(project, "base")
    assert {each.reasoning for each in answers(project, base)} == {None}
    assert {(each.max_new_tokens, each.stop) for each in asked} == {(3, ("\n",))}
    weighed = answers(project, evaluated(project), "quiz")
    project.write_suite(SUITE.replace(", chain_of_thought: true", ""))
    assert [replace(each, seconds=0.0) for each in answers(project, evaluated(project), "quiz")] == [
        replace(each, seconds=0.0) for each in weighed
    ]


def test_answers_after_thoughts_are_given_again_and_never_for_answers_without(
    project: Project, asked: list[GenerationSettings]
) -> None:
    first = evaluated(project)
    calls = len(asked)
    again = evaluated(project)
    assert len(asked) == calls
    assert again.reused == {first.id: 7}
    assert answers(project, again) == answers(project, first)
    # Questions that ask for thoughts in the very same words are other requests: all that is said is their answer.
    rows = [json.loads(line) for line in (project.folder / "test.jsonl").read_text().splitlines()]
    for row in rows:
        row["messages"][0]["content"] += f"\n\n{INSTRUCTION}"
    project.write_rows("test.jsonl", rows)
    project.write_suite(SUITE.replace(", chain_of_thought: true", ""))
    plain = evaluated(project)
    assert plain.reused == {first.id: 1}, "only what was weighed: there nobody thinks"
    assert {each.text.splitlines()[0] for each in answers(project, plain)} == {"It [b]glows[/]."}


def test_another_stop_string_is_asked_anew(project: Project, asked: list[GenerationSettings]) -> None:
    first = evaluated(project)
    project.write_suite(SUITE.replace('stop: ["\\n"]', 'stop: ["r blue"]'))
    other = evaluated(project)
    assert other.reused == {first.id: 1}
    assert {each.text for each in answers(project, other)} == {"red\no"}


def test_a_person_sees_the_thoughts_above_the_answer_and_they_act_on_nothing(
    project: Project, asked: list[GenerationSettings], capsys: pytest.CaptureFixture[str]
) -> None:
    run = evaluated(project)
    cli.main(["show", run.id, "--samples", "--limit", "1"], standalone_mode=False)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    start = next(index for index, line in enumerate(lines) if "thinking: It [b]glows[/]." in line)
    assert [line for line in lines[start + 1 : start + 4] if line] == ["So.", "red"]


def test_a_real_model_that_never_answers_has_thoughts_and_no_answer(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    run = evaluated(project)
    given = answers(project, run)
    assert max(each.output_tokens for each in given) > 3, "it may write more than the task's own tokens"
    cut = [each for each in given if each.finish_reason == "length"]
    assert cut, "the tiny model has learnt to stop: the case tells nothing"
    assert {each.text for each in cut} == {""}
    assert all(each.reasoning for each in cut)
    cli.main(["show", run.id, "--samples"], standalone_mode=False)
    assert capsys.readouterr().out.count("(no answer: cut at the length limit)") == len(cut)


def test_thoughts_that_nothing_can_follow_are_refused_with_their_line(project: Project) -> None:
    start, end = SUITE.index("  - {name: colours"), SUITE.index("  - {name: quiz")
    text = SUITE[:start] + SUITE[end:].replace("colours", "quiz")
    project.write_suite(text)
    with pytest.raises(UsageError) as error:
        plan.make(load(project.suite), CATALOG)
    assert str(error.value).endswith(
        "suite.yaml:6: chain_of_thought asks for thoughts before an answer, and no task has mode generate; leave it out"
    )


def test_the_plan_asks_the_prompted_arm_to_think_as_the_suite_says(project: Project) -> None:
    planned = plan.make(load(project.suite), CATALOG)
    assert {arm.name: arm.prompting.chain_of_thought for arm in planned.arms} == {"base": False, "prompted": True}
