"""Judges at work: nothing is asked twice, nothing goes beyond the budget, and nothing that was said is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import recorded
from scripted import ORIGIN, Asked, Comparer, Grader, catalog

from harness.catalog import Planned
from harness.cli.progress import QuietObserver
from harness.errors import ModelFailed
from harness.execution.judging import Judging
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import Budget, Fault, JudgeModel, Prices, Ref, Run

MODEL = JudgeModel("small", "scripted")
SERVER = JudgeModel("large", {"name": "scripted", "is_server": True})
ITEMS = 10


class Bench:
    """A record of two runs that answered ten questions, and judges to look at them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "results" / "harness.db"
        self.writer = Writer(self.path)
        self.samples = [recorded.sample(number) for number in range(ITEMS)]
        self.base, self.tuned = (self.answered(arm) for arm in ("base", "tuned"))
        self.faults: list[Fault] = []

    def answered(self, arm: str, experiment: str | None = None) -> Run:
        run = recorded.run(experiment or self.writer.new_experiment(recorded.suite(), "key"), arm)
        self.writer.start_run(run)
        self.writer.start_task(run.id, recorded.TASK, self.samples, "test.jsonl")
        answers = [recorded.generation(each.id, text=f"{arm} answers {each.id}") for each in self.samples]
        scores = recorded.batch(self.samples)[1]
        self.writer.add_batch(run.id, "tickets", answers, scores)
        return run

    def judge(self, judge: Grader, label: str = "", candidate: Run | None = None, **options: object) -> None:
        named = {"label": label} if label else {}
        ref = Ref(judge.name, {"model": {"name": judge.model.name, "backend": "scripted"}, **named, **options})
        with Reader(self.path) as reader:
            work = Judging(
                (candidate or self.tuned).experiment, 0, catalog(), self.writer, reader, QuietObserver(),
                self.faults.append,
            )  # fmt: skip
            planned = Planned(ref, judge, ORIGIN, label or judge.name)
            work.judge("tickets", planned, [self.base], candidate or self.tuned)

    def values(self, label: str = "comparer") -> list[float | None]:
        with Reader(self.path) as reader:
            return [each.value for each in reader.opinions(self.base.id, self.tuned.id, "tickets", label)]

    def reasons(self) -> set[str | None]:
        with Reader(self.path) as reader:
            given = reader.opinions(self.base.id, self.tuned.id, "tickets", "comparer")
            return {each.why_missing for each in given if each.value is None}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    Asked.begin(lambda prompt: "1")
    made = Bench(tmp_path)
    yield made
    made.writer.close()


@pytest.mark.parametrize("model", [MODEL, SERVER], ids=["local", "server"])
def test_a_judge_that_compares_leaves_an_opinion_on_each_pair(bench: Bench, model: JudgeModel) -> None:
    Asked.begin(lambda prompt: "1" if "s00003" in prompt else "0.5")
    bench.judge(Comparer(model))
    assert bench.values() == [0.5, 0.5, 0.5, 1.0, *[0.5] * 6]
    assert set(Asked.prompts) == {f"base answers {each.id} or tuned answers {each.id}" for each in bench.samples}


def test_a_judge_of_single_answers_scores_every_run(bench: Bench) -> None:
    Asked.begin(lambda prompt: "0.75" if "tuned" in prompt else "0.25")
    bench.judge(Grader(MODEL))
    with Reader(bench.path) as reader:
        for run, value in ((bench.base, 0.25), (bench.tuned, 0.75)):
            scores = reader.scores(run.id, "tickets", "grader")
            assert [score.value for score in scores] == [value] * ITEMS
            assert scores[0].details == {"reason": f"said {value}"}
            estimate = next(each for each in reader.run(run.id).estimates if each.metric == "grader")
            assert (estimate.value, estimate.scored, estimate.missing) == (value, ITEMS, 0)
            assert [judge.name for judge in reader.tasks(run.id)[0].judges] == ["grader"]


def test_what_was_asked_once_is_not_asked_again_for_the_same_answers(bench: Bench) -> None:
    bench.judge(Comparer(MODEL))
    assert len(Asked.prompts) == ITEMS
    bench.judge(Comparer(MODEL))
    bench.judge(Comparer(MODEL), candidate=bench.answered("tuned"))
    assert len(Asked.prompts) == ITEMS
    bench.judge(Comparer(replace(MODEL, name="other")), label="another")
    assert len(Asked.prompts) == 2 * ITEMS


def test_equal_answers_of_two_items_are_asked_once(bench: Bench) -> None:
    for run in (bench.base, bench.tuned):
        answers = [recorded.generation(each.id, text=run.arm) for each in bench.samples]
        bench.writer.add_batch(run.id, "tickets", answers, {})
    bench.judge(Comparer(SERVER))
    assert len(Asked.prompts) == 1
    assert bench.values() == [1.0] * ITEMS


@pytest.mark.parametrize("model", [MODEL, SERVER], ids=["local", "server"])
@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(calls=4), "the judge's budget of 4 calls is spent"),
        (Budget(tokens=60), "the judge's budget of 60 tokens is spent"),
        (Budget(money=0.00004), "the judge's budget of 4e-05 is spent"),
    ],
    ids=["calls", "tokens", "money"],
)
def test_a_spent_budget_leaves_the_rest_missing_with_the_reason_and_a_larger_one_goes_on(
    bench: Bench, model: JudgeModel, budget: Budget, words: str
) -> None:
    frugal = replace(model, budget=budget, prices=Prices(0.5, 1.0), batch_size=1)
    bench.judge(Comparer(frugal))
    if budget.calls or model == MODEL:  # what a server has in the air when tokens run out still comes
        assert len(Asked.prompts) == 4
        assert bench.values().count(None) == ITEMS - 4
        assert bench.reasons() == {words}
    asked = len(Asked.prompts)
    bench.judge(Comparer(frugal))
    assert len(Asked.prompts) == asked, "the budget is the experiment's, not the command's"
    bench.judge(Comparer(replace(frugal, budget=Budget())))
    assert bench.values() == [1.0] * ITEMS
    assert len(Asked.prompts) == ITEMS


def test_a_crash_loses_no_reply_that_has_come(bench: Bench) -> None:
    def dies_at_the_seventh(prompt: str) -> str:
        if len(Asked.prompts) == 7:
            raise ModelFailed("out of memory")
        return "1"

    Asked.begin(dies_at_the_seventh)
    with pytest.raises(ModelFailed):
        bench.judge(Comparer(replace(MODEL, batch_size=1)))
    Asked.begin(lambda prompt: "1")
    bench.judge(Comparer(MODEL))
    assert len(Asked.prompts) == ITEMS - 6
    assert bench.values() == [1.0] * ITEMS


def test_a_reply_that_was_lost_is_missing_with_its_reason_and_asked_again_by_the_next_command(bench: Bench) -> None:
    Asked.begin(lambda prompt: "lost" if "s00002" in prompt else "0")
    bench.judge(Comparer(SERVER))
    assert bench.values() == [0.0, 0.0, None, *[0.0] * 7]
    assert bench.reasons() == {"503 to the end"}
    Asked.begin(lambda prompt: "1")
    bench.judge(Comparer(SERVER))
    assert bench.values() == [0.0, 0.0, 1.0, *[0.0] * 7]
    assert len(Asked.prompts) == 1


@pytest.mark.parametrize("reply", ["nonsense", "7", "nan"], ids=["raises", "out of bounds", "no number"])
def test_a_judges_misstep_is_a_missing_score_never_a_grade(bench: Bench, reply: str) -> None:
    Asked.begin(lambda prompt: reply)
    bench.judge(Comparer(MODEL))
    assert bench.values() == [None] * ITEMS
    assert all(bench.reasons())
    assert [fault.hook for fault in bench.faults] == (["judge comparer"] if reply == "nonsense" else [])


def test_the_prices_are_recorded_with_each_reply(bench: Bench) -> None:
    bench.judge(Comparer(replace(SERVER, prices=Prices(2.0, 10.0))))
    with Reader(bench.path) as reader:
        spent = reader.spent(bench.tuned.experiment, "comparer", "large")
    assert (spent.calls, spent.tokens) == (ITEMS, 15 * ITEMS)
    assert spent.money == pytest.approx(ITEMS * (10 * 2.0 + 5 * 10.0) / 1e6)


def test_a_judge_with_other_instructions_takes_the_place_of_the_one_before_with_all_it_said(bench: Bench) -> None:
    bench.judge(Comparer(replace(MODEL, budget=Budget(calls=4))), model={"name": "small", "budget": {"calls": 4}})
    bench.judge(Comparer(MODEL), model={"name": "small"})
    assert len(Asked.prompts) == ITEMS, "a larger budget is the same judge"
    Asked.begin(lambda prompt: "lost")
    bench.judge(Comparer(replace(SERVER, name="other")), model={"name": "small"}, instructions="be strict")
    assert bench.values() == [None] * ITEMS
    with Reader(bench.path) as reader:
        (recorded_judge,) = reader.tasks(bench.tuned.id)[0].judges
    assert recorded_judge.options["instructions"] == "be strict"


def test_a_prompt_that_lost_its_beginning_to_the_models_window_is_no_judgement(bench: Bench) -> None:
    room = {"name": "scripted", "window": 10 + 512}
    bench.judge(Comparer(replace(MODEL, backend=room)))
    assert bench.values() == [None] * ITEMS
    assert bench.reasons() == {"the prompt does not fit the model's window of 522 tokens; lower max_answer_chars"}
    bench.judge(Comparer(replace(MODEL, backend={**room, "window": 11 + 512})))
    assert bench.values() == [1.0] * ITEMS


def test_a_budget_that_a_lost_reply_used_up_is_told_as_spent(bench: Bench) -> None:
    Asked.begin(lambda prompt: "lost" if "s00002" in prompt else "1")
    bench.judge(Comparer(replace(SERVER, budget=Budget(calls=4))))
    assert bench.values() == [1.0, 1.0, None, 1.0, *[None] * 6]
    assert bench.reasons() == {"503 to the end", "the judge's budget of 4 calls is spent"}
    assert not bench.faults
