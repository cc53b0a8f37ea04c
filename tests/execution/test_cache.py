"""What was asked once is not asked again, and whatever differs in a byte is asked anew; on a tiny real model."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness import GenerationSettings, LogLikelihood, ModelFacts, ModelFailed, Prompt, experiment, plan
from harness.catalog import Catalog, Planned
from harness.cli.main import cli
from harness.cli.progress import QuietObserver
from harness.execution import cache
from harness.execution.cache import Cache, what_computes
from harness.experiment import Setting
from harness.host import Host
from harness.store import Reader
from harness.suite.load import load
from harness.testing.project import Project
from harness.testing.tiny import tiny_adapter
from harness.values import Generation, Message, Origin, Prompting, Ref, Run, Sample, Task
from harness_backends.transformers_backend import Transformers
from harness_backends.transformers_model import TransformersModel
from harness_backends.weights import Weights

SUITE = """\
suite: tiny
seed: 3
model: {name: model, dtype: float32}
batch_size: 2
data: {train: train.jsonl, test: test.jsonl, quiz: quiz.jsonl}
prompted: {system: Answer with one word.}
tasks:
  - {name: colours, data: test, generation: {max_new_tokens: 3}, metrics: [exact_match, f1]}
  - {name: quiz, data: quiz, mode: choose, metrics: [acc]}
gates:
  - {task: colours, metric: f1, max_drop: 0.5}
"""
COLOURS, QUIZ, CHOICES = 20, 6, 3
ITEMS = COLOURS + QUIZ
QUESTIONS = [
    {"prompt": f"Which colour has item {n}?", "choices": [" red", " green", f" number {n}"], "answer": n % 3}
    for n in range(QUIZ)
]


@dataclass
class Asked:
    """What a model was really asked."""

    prompts: int = 0
    pairs: int = 0
    passes: int = 0
    """Forward passes of the whole process once the weights were open."""

    def since(self) -> Asked:
        """What was asked since the last time."""
        told, self.prompts, self.pairs, self.passes = replace(self), 0, 0, 0
        return told

    @property
    def items(self) -> int:
        return self.prompts + self.pairs // CHOICES


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    counted = Asked()
    load_weights, generate, weigh = Weights.load, TransformersModel.generate, TransformersModel.log_likelihoods

    def passed(*_: object) -> None:
        counted.passes += 1

    def loaded(*arguments: Any, **options: Any) -> Weights:  # noqa: ANN401 - handed on as they are
        weights = load_weights(*arguments, **options)
        weights.base.get_input_embeddings().register_forward_pre_hook(passed)  # type: ignore[union-attr]
        return weights

    def generated(
        self: TransformersModel, prompts: Sequence[Prompt], settings: GenerationSettings, *, sample_ids: Sequence[str]
    ) -> Sequence[Generation]:
        assert prompts, "a model was asked nothing"
        counted.prompts += len(prompts)
        return generate(self, prompts, settings, sample_ids=sample_ids)

    def weighed(
        self: TransformersModel, pairs: Sequence[tuple[Prompt, str]], *, batch_size: int
    ) -> Sequence[LogLikelihood]:
        assert pairs, "a model was asked nothing"
        counted.pairs += len(pairs)
        return weigh(self, pairs, batch_size=batch_size)

    monkeypatch.setattr(Weights, "load", loaded)
    monkeypatch.setattr(TransformersModel, "generate", generated)
    monkeypatch.setattr(TransformersModel, "log_likelihoods", weighed)
    return counted


@pytest.fixture
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    project.write_suite(SUITE)
    project.write_rows("quiz.jsonl", QUESTIONS)
    monkeypatch.chdir(project.folder)
    return project


HOST = Host.load()
CATALOG = Catalog.build(HOST)


def evaluated(project: Project, arm: str = "base", *, limit: int | None = None, **how: Any) -> Run:  # noqa: ANN401
    """One arm asked, in this process; ``how``: adapter, reuse, observer."""
    planned = plan.make(load(project.suite), CATALOG, limit=limit)
    chosen = replace(next(each for each in planned.arms if each.name == arm), adapter=how.get("adapter"))
    observer = how.get("observer") or QuietObserver()
    setting = Setting(project.folder / "results", HOST, CATALOG, observer, how.get("reuse", True))
    [run] = experiment.evaluate(planned, setting, [chosen])
    return run


def figures(run: Run) -> list[tuple[object, ...]]:
    return [dataclasses.astuple(each) for each in run.estimates]


def answers(project: Project, run: Run) -> list[Generation]:
    with Reader(project.record) as reader:
        items = [item for task in reader.tasks(run.id) for item in reader.items(run.id, task.name)]
    return [each for item in items for each in item.generations]


def test_a_second_experiment_makes_no_forward_pass_and_comes_to_the_same(project: Project, asked: Asked) -> None:
    first = evaluated(project)
    assert (asked.since().items, first.reused) == (ITEMS, {})
    second = evaluated(project)
    assert asked.since() == Asked(prompts=0, pairs=0, passes=0)
    assert second.id != first.id
    assert figures(second) == figures(first)
    assert answers(project, second) == answers(project, first), "times and log-likelihoods are those of the asking"
    assert second.reused == {first.id: ITEMS}


def test_the_record_tells_what_the_run_told(project: Project, asked: Asked) -> None:
    evaluated(project)
    second = evaluated(project)
    with Reader(project.record) as reader:
        assert reader.run(second.id) == second


def test_a_third_experiment_names_the_run_that_asked(project: Project, asked: Asked) -> None:
    first, _, third = evaluated(project), evaluated(project), evaluated(project)
    assert third.reused == {first.id: ITEMS}


def appended(*names: str) -> Callable[[Path], None]:
    """A blank at the end, which changes no token and no number, but the content."""

    def change(folder: Path) -> None:
        for name in names:
            with (folder / name).open("a", encoding="utf-8") as file:
                file.write("\n")

    return change


def one_byte(name: str, place: int = -4) -> Callable[[Path], None]:
    """The lowest byte of the last number."""

    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[place] ^= 1
        (folder / name).write_bytes(content)

    return change


@pytest.mark.parametrize(
    "change",
    [
        one_byte("model.safetensors"),
        appended("chat_template.jinja"),
        appended("tokenizer.json"),
        appended("tokenizer_config.json"),
        appended("config.json"),
        appended("generation_config.json"),
        lambda model: (model / "merges.txt").write_text("a b"),
    ],
    ids=["weights", "chat template", "tokenizer", "its configuration", "configuration", "ends", "a file more"],
)
def test_one_byte_of_the_model_is_asked_anew(project: Project, asked: Asked, change: Callable[[Path], None]) -> None:
    evaluated(project)
    asked.since()
    change(project.folder / "model")
    assert evaluated(project).reused == {}
    assert asked.since().items == ITEMS


@pytest.mark.parametrize("change", [one_byte("adapter_model.safetensors"), appended("adapter_config.json")])
def test_one_byte_of_an_adapter_is_asked_anew(project: Project, asked: Asked, change: Callable[[Path], None]) -> None:
    adapter = tiny_adapter(project.folder / "model", project.folder / "adapter")
    base = evaluated(project)
    tuned = evaluated(project, "base", adapter=adapter)
    assert (base.reused, tuned.reused) == ({}, {})
    moved = shutil.copytree(adapter, project.folder / "moved")
    assert evaluated(project, "base", adapter=moved).reused == {tuned.id: ITEMS}, "known by content, not by place"
    change(moved)
    assert evaluated(project, "base", adapter=moved).reused == {}
    assert evaluated(project).reused == {base.id: ITEMS}


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("dtype: float32", "dtype: bfloat16", ITEMS),
        ("dtype: float32", "dtype: float32, trust_remote_code: true", ITEMS),
        ("batch_size: 2", "batch_size: 3", ITEMS),
        ("max_new_tokens: 3", "max_new_tokens: 4", COLOURS),
        ("max_new_tokens: 3", "max_new_tokens: 3, stop: [a]", COLOURS),
        ("max_new_tokens: 3", "max_new_tokens: 3, temperature: 0.7", COLOURS),
    ],
)
def test_another_setting_is_asked_anew(project: Project, asked: Asked, old: str, new: str, again: int) -> None:
    first = evaluated(project)
    asked.since()
    assert old in SUITE
    project.write_suite(SUITE.replace(old, new))
    assert evaluated(project).reused == ({first.id: ITEMS - again} if again < ITEMS else {})
    assert asked.since().items == again


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("suite: tiny", "suite: other"),
        ("seed: 3", "seed: 4"),
        ("[exact_match, f1]", "[f1, contains]"),
        ("max_new_tokens: 3", "max_new_tokens: 3, top_p: 0.5"),
        ("data: test,", "data: again,"),
    ],
)
def test_what_acts_on_no_answer_is_not_asked_for(project: Project, asked: Asked, old: str, new: str) -> None:
    first = evaluated(project)
    asked.since()
    shutil.copy(project.folder / "test.jsonl", project.folder / "again.jsonl")
    project.write_suite(SUITE.replace(old, new).replace("test: test.jsonl", "again: again.jsonl, test: test.jsonl"))
    if "again" in new:
        project.write_suite((project.suite.read_text()).replace(", test: test.jsonl", ""))
    second = evaluated(project)
    assert second.reused == {first.id: ITEMS}
    assert asked.since() == Asked()


def test_scores_are_made_anew_of_the_answers_that_are_taken_over(project: Project, asked: Asked) -> None:
    first = evaluated(project)
    said = {each.sample_id: each.text for each in answers(project, first)}
    asked.since()
    rows = [
        {"messages": [{"role": "user", "content": message.content}, {"role": "assistant", "content": said[sample.id]}]}
        for sample in plan.make(load(project.suite), CATALOG).tasks[0].samples
        for message in sample.prompt
        if isinstance(message, Message)
    ]
    project.write_rows("test.jsonl", rows)
    second = evaluated(project)
    assert asked.since() == Asked()
    value = {(each.task, each.metric): each.value for each in second.estimates}
    assert value["colours", "exact_match"] == 1.0, "the targets are now what the model says"


def test_another_prompt_is_another_request(project: Project, asked: Asked) -> None:
    base = evaluated(project)
    asked.since()
    prompted = evaluated(project, "prompted")
    assert (prompted.reused, asked.since().prompts) == ({}, COLOURS)
    project.write_suite(SUITE.replace("Answer with one word.", "Answer with one word!"))
    assert (evaluated(project, "prompted").reused, asked.since().prompts) == ({}, COLOURS)
    assert evaluated(project).reused == {base.id: ITEMS}


def test_a_template_that_tells_the_time_makes_another_request_each_time(project: Project, asked: Asked) -> None:
    template = project.folder / "model" / "chat_template.jinja"
    template.write_text(template.read_text() + '{{ strftime_now("%f") }}')
    assert [evaluated(project).reused for _ in range(2)] == [{}, {}]


def test_only_what_is_new_is_asked(project: Project, asked: Asked) -> None:
    first = evaluated(project, limit=5)
    assert asked.since().items == 10
    second = evaluated(project)
    assert (asked.since().items, second.reused) == (ITEMS - 10, {first.id: 10})
    alone = Project(project.folder.parent / "alone")
    shutil.copytree(project.folder, alone.folder, ignore=shutil.ignore_patterns("results"))
    assert figures(evaluated(alone)) == figures(second)


def test_an_item_that_lacks_one_choice_is_asked_whole(project: Project, asked: Asked) -> None:
    first = evaluated(project)
    asked.since()
    changed = [{**QUESTIONS[0], "choices": [" red", " green", " white"]}, *QUESTIONS[1:]]
    project.write_rows("quiz.jsonl", changed)
    assert evaluated(project).reused == {first.id: ITEMS - 1}
    assert asked.since().pairs == CHOICES


def test_a_question_that_stands_twice_is_asked_twice_and_then_never(project: Project, asked: Asked) -> None:
    rows = (project.folder / "test.jsonl").read_text().splitlines(keepends=True)
    (project.folder / "test.jsonl").write_text("".join([rows[0], *rows, rows[0]]))
    first = evaluated(project)
    assert (asked.since().prompts, first.reused) == (COLOURS + 2, {})
    second = evaluated(project)
    assert (asked.since(), second.reused) == (Asked(), {first.id: ITEMS + 2})
    assert figures(second) == figures(first)


def test_a_second_task_over_the_same_questions_asks_nothing(project: Project, asked: Asked) -> None:
    again = "  - {name: again, data: test, generation: {max_new_tokens: 3}, metrics: [contains]}\ngates:"
    project.write_suite(SUITE.replace("gates:", again))
    run = evaluated(project)
    assert asked.since().items == ITEMS
    assert run.reused == {run.id: COLOURS}


SAMPLED = SUITE.replace("max_new_tokens: 3", "max_new_tokens: 3, temperature: 0.9")


def test_a_drawn_answer_is_that_of_its_seed_and_its_sample(project: Project, asked: Asked) -> None:
    project.write_suite(SAMPLED)
    first = evaluated(project)
    asked.since()
    assert evaluated(project).reused == {first.id: ITEMS}
    assert asked.since() == Asked()
    project.write_suite(SAMPLED.replace("seed: 3", "seed: 8"))
    assert evaluated(project).reused == {first.id: QUIZ}
    assert asked.since().prompts == COLOURS


def test_no_cache_asks_everything_and_what_it_records_serves_later_runs(project: Project, asked: Asked) -> None:
    evaluated(project)
    asked.since()
    second = evaluated(project, reuse=False)
    assert (asked.since().items, second.reused) == (ITEMS, {})
    third = evaluated(project)
    assert (asked.since(), third.reused) == (Asked(), {second.id: ITEMS}), "the newest answer is the one that is given"


class Killed(BaseException):
    """As little as ``kill -9`` leaves: nothing is closed, nothing is told."""


@dataclass
class KillAt(QuietObserver):
    """Kills when so many reports have been made."""

    reports: int
    notes: list[str] = field(default_factory=list)

    def task_progressed(self, arm: str, task: str, done: int, total: int, running: Mapping[str, float]) -> None:
        self.reports -= 1
        if not self.reports:
            raise Killed

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("reports", [2, 3, 5])
def test_a_kill_with_a_part_filled_cache_changes_nothing(project: Project, asked: Asked, reports: int) -> None:
    evaluated(project, limit=5)
    undisturbed = Project(project.folder.parent / "undisturbed")
    shutil.copytree(project.folder, undisturbed.folder)
    calm = evaluated(undisturbed)
    with pytest.raises(Killed):
        evaluated(project, observer=KillAt(reports))
    again = KillAt(0)
    resumed = evaluated(project, observer=again)
    assert "tiny-2 was cut off; going on with what is recorded" in again.notes
    assert "base: 10 of 26 items answered by the record" in again.notes
    assert figures(resumed) == figures(calm)
    assert resumed.reused == calm.reused == {"tiny-1/base": 10}

    def bits(project: Project) -> list[Generation]:
        return [replace(each, seconds=0.0) for each in answers(project, resumed)]

    assert bits(project) == bits(undisturbed)


def test_a_run_that_is_to_ask_everything_does_not_go_on_from_one_that_took_answers_over(
    project: Project, asked: Asked
) -> None:
    evaluated(project)
    with pytest.raises(Killed):
        evaluated(project, observer=KillAt(3))
    asked.since()
    fresh = evaluated(project, reuse=False)
    assert (asked.since().items, fresh.reused, fresh.experiment) == (ITEMS, {}, "tiny-3")


def test_a_run_does_not_go_on_with_another_template(project: Project, asked: Asked) -> None:
    with pytest.raises(Killed):
        evaluated(project, observer=KillAt(3))
    appended("chat_template.jinja")(project.folder / "model")
    with pytest.raises(ModelFailed, match="model: the chat template changed since tiny-1/base began; restore it"):
        evaluated(project)


def test_the_control_asks_again_whatever_is_recorded(project: Project, asked: Asked) -> None:
    first = evaluated(project)
    asked.since()
    command = ["aa", "suite.yaml", "--vary", "batch_size", "--vary", "dtype", "--swaps", "100"]
    for _ in range(2):
        cli.main(command, standalone_mode=False)
        assert asked.since().items == 2 * ITEMS, "both repeats, but the first answers are those of the record"
    cli.main([*command, "--no-cache"], standalone_mode=False)
    assert asked.since().items == 3 * ITEMS
    with Reader(project.record) as reader:
        reused = {run.id: run.reused for run in reader.runs()}
    assert reused["tiny-2/base"] == {first.id: ITEMS}
    assert [name for name, taken in reused.items() if taken] == ["tiny-5/base", "tiny-2/base"]


def test_the_controls_second_process_asks_too(project: Project) -> None:
    first = evaluated(project)
    result = project.run("aa", "suite.yaml", "--vary", "process", "--swaps", "100", "--json")
    assert result.exit_code == 0, result.err
    [repeat, *_] = result.json["repeats"]
    with Reader(project.record) as reader:
        assert reader.run(repeat["run"]).reused == {}
        assert reader.run(result.json["reference"]).reused == {first.id: ITEMS}


# What a request is known by.

FACTS = ModelFacts("m", "/models/m", "w", "t", "k", "c", "float32", "cuda:0", 100, "plain")
BACKEND = Planned(Ref("transformers"), Transformers(), Origin("finetune-harness", "0.1.0", "backends"))
OF_NO_MATTER = {"name", "folder", "parameters"}


def computes(
    facts: ModelFacts = FACTS, backend: Planned = BACKEND, adapter: str | None = None, *, trusted: bool = False
) -> str:
    return what_computes(backend, facts, adapter, trusted=trusted)


@pytest.mark.parametrize("fact", [each.name for each in dataclasses.fields(ModelFacts)])
def test_every_fact_of_the_model_but_its_names_makes_another_request(fact: str) -> None:
    value = getattr(FACTS, fact)
    changed = replace(FACTS, **{fact: value + 1 if isinstance(value, int) else f"other {value}"})
    assert (computes(changed) == computes()) == (fact in OF_NO_MATTER)


def test_the_kind_of_device_matters_and_its_number_does_not() -> None:
    first, second, cpu = (computes(replace(FACTS, device=device)) for device in ("cuda:0", "cuda:1", "cpu"))
    assert first == second != cpu


def test_the_adapter_the_backend_its_options_its_code_and_its_packages_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    known = computes()
    others = [
        computes(adapter="a"),
        computes(backend=replace(BACKEND, instance=Transformers(share_heads=False))),
        computes(backend=replace(BACKEND, origin=Origin("finetune-harness", "0.2.0", "backends"))),
    ]
    with monkeypatch.context() as patched:
        patched.setattr("importlib.metadata.version", lambda name: "9" if name == "torch" else "1")
        others.append(computes())
    with monkeypatch.context() as patched:
        patched.setattr(cache, "file_sha256", lambda file: "edited" if file.name == "answers.py" else "as it was")
        others.append(computes())
        patched.setattr(cache, "file_sha256", lambda file: "as it was")
        others.append(computes())
    assert len({known, *others}) == 1 + len(others)
    assert computes() == known


def test_whether_a_model_folders_own_code_may_compute_matters() -> None:
    assert computes(trusted=True) != computes(trusted=False)


class Echo:
    """Puts a prompt to nobody."""

    def rendered(self, prompt: Prompt) -> str:
        return prompt if isinstance(prompt, str) else "".join(turn.content for turn in prompt)


def requests(*samples: Sample, mode: str = "generate", **settings: Any) -> list[bytes]:  # noqa: ANN401
    task = Task("t", mode, (), GenerationSettings(**settings))  # type: ignore[arg-type]
    made = Cache(None, "run", Echo(), Prompting(), "computes", True).requests(task, samples)  # type: ignore[arg-type]
    return [request for sample in samples for request in made[sample.id]]


def different(found: Iterator[bytes] | Sequence[bytes]) -> bool:
    listed = list(found)
    return len(set(listed)) == len(listed)


def test_texts_never_run_into_one_another() -> None:
    assert different(
        [
            *requests(Sample("a", "xy", (), ("z",)), mode="choose"),
            *requests(Sample("a", "x", (), ("yz", "y", "")), mode="choose"),
            *requests(Sample("a", "x", ())),
            *requests(Sample("a", "", (), ("x",)), mode="choose"),
            *requests(Sample("a", (Message("user", "x"),), ())),
            *requests(Sample("a", "\ud800", ())),
        ]
    )


def test_equal_texts_are_one_request_unless_they_are_drawn() -> None:
    twins = Sample("a", "x", ("yes",)), Sample("a-2", "x", ("no",))
    assert not different(requests(*twins))
    assert different(requests(*twins, temperature=0.5))


@pytest.mark.parametrize("name", sorted({each.name for each in dataclasses.fields(GenerationSettings)} - {"repeats"}))
def test_every_setting_matters_where_it_acts(name: str) -> None:
    default = getattr(GenerationSettings(), name)
    changed = {name: (*default, "x") if isinstance(default, tuple) else default + 1}
    sample = Sample("a", "x", (), ("y",))

    def matters(**others: Any) -> bool:  # noqa: ANN401
        mode = others.pop("mode", "generate")
        both = others, {**others, **changed}
        return different([request for each in both for request in requests(sample, mode=mode, **each)])

    assert matters(temperature=0.5)
    assert matters() == (name not in {"top_p", "seed"}), "greedy answers are not drawn"
    assert matters(mode="choose") == (name == "batch_size")


def test_each_attempt_is_a_request_of_its_own_however_many_there_are() -> None:
    sample = Sample("a", "x", ("yes",))
    thrice = requests(sample, temperature=0.5, repeats=3)
    assert len(thrice) == 3
    assert different(thrice)
    assert requests(sample, temperature=0.5, repeats=2) == thrice[:2]
    assert requests(sample, temperature=0.5) == thrice[:1]


def test_a_request_is_known_in_microseconds() -> None:
    import time

    samples = [Sample(str(n), f"{n}" + "context " * 375, (), (" A", " B", " C", " D")) for n in range(2_000)]
    began = time.process_time()
    assert different(requests(*samples, mode="choose"))
    assert time.process_time() - began < 1.0, "57,000 pairs would take seven seconds and more"
