"""What a later verdict needs from the record: controls, releases, how items were asked, and whom they have judged."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import FACTS, METRICS, TASK, batch, run, sample, started, suite

from harness.errors import HarnessError
from harness.store import Reader, Writer
from harness.store.records import control_of, control_row, ruling_of, ruling_row
from harness.store.rows import task_of, task_row
from harness.values import (
    Comparison,
    Control,
    GateRule,
    Outcome,
    Rate,
    Ref,
    Repeat,
    RuleControl,
    Ruling,
    Run,
    Sample,
    Stopping,
    Target,
    Task,
    Verdict,
)

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
SHARES = st.floats(0, 1)
COUNTS = st.integers(0, 2**40)
RATES = st.builds(Rate, SHARES, SHARES, SHARES)
REPEATS = st.builds(Repeat, TEXT, TEXT, TEXT, TEXT, COUNTS, COUNTS, st.booleans())
TRIED = st.builds(RuleControl, TEXT, SHARES, COUNTS, TEXT, SHARES, RATES, st.none() | RATES, RATES)
CONTROLS = st.builds(
    Control,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    COUNTS,
    st.lists(REPEATS, max_size=3).map(tuple),
    st.lists(TRIED, max_size=3).map(tuple),
    st.dictionaries(TEXT, TEXT, max_size=3),
)
RATE = Rate(0.05, 0.03, 0.08)
CONTROL = Control(
    "support-tickets",
    "digest",
    "2026-03-14T09:26:53+00:00",
    "support-tickets-1/base",
    400,
    (Repeat("batch_size 16 -> 8", "support-tickets-2/base", "tickets", "f1", 200, 3, False),),
    (RuleControl("tickets f1 drops at most 0.1", 0.05, 200, "a and b", 0.03, RATE, None, RATE),),
    {"tickets f1 is at least 0.5": "it is about one run, which has no label to swap"},
)


@settings(max_examples=60, deadline=None)
@given(CONTROLS)
def test_any_control_comes_back(control: Control) -> None:
    assert control_of(control_row(control)) == control


def test_a_control_is_read_as_it_was_written(path: Path, writer: Writer) -> None:
    with Reader(path) as reader:
        assert reader.control(CONTROL.suite) is None
        writer.add_control(CONTROL)
        assert reader.control(CONTROL.suite) == CONTROL
        assert reader.control("another suite") is None


def test_the_last_control_of_a_suite_counts(path: Path, writer: Writer) -> None:
    last = dataclasses.replace(CONTROL, swaps=800, rules=())
    for each in (CONTROL, last, dataclasses.replace(CONTROL, suite="other")):
        writer.add_control(each)
    with Reader(path) as reader:
        assert reader.control(CONTROL.suite) == last


@given(st.none() | st.builds(Stopping, st.sampled_from(["population", "this_benchmark"]), COUNTS, st.tuples(COUNTS)))
def test_how_far_a_task_is_asked_fits_a_row(stopping: Stopping | None) -> None:
    task = dataclasses.replace(TASK, stopping=stopping)
    assert task_of(task_row(1, task, 0, "source")) == task


@pytest.mark.parametrize("target", ["population", "this_benchmark"])
def test_the_looks_of_a_task_come_back_before_and_after_a_restart(path: Path, writer: Writer, target: Target) -> None:
    header = started(writer, [])
    task = Task("mmlu", "choose", (Ref("acc"),), stopping=Stopping(target, 5700, (152, 193, 5700)))
    with Reader(path) as reader:
        for _ in range(2):
            writer.start_task(header.id, task, [sample(1)], "pack")
            assert reader.tasks(header.id) == [TASK, task]


RULES = st.builds(
    GateRule,
    st.just("tickets"),
    st.none() | st.just("f1"),
    max_drop=SHARES,
    relative=st.booleans(),
    against=st.sampled_from(["base", "release", "other-3/tuned"]),
    tier=st.sampled_from(["critical", "supporting", "advisory"]),
    alpha=SHARES,
    only_below=st.none() | st.floats(-10, 10),
    max_missing=st.none() | SHARES,
    min_items=st.none() | COUNTS,
)


@settings(max_examples=60, deadline=None)
@given(RULES, st.sampled_from(["passed", "failed", "inconclusive"]), TEXT, st.none() | SHARES, st.none() | COUNTS)
def test_any_ruling_comes_back(
    rule: GateRule, outcome: Outcome, reason: str, p_value: float | None, items: int | None
) -> None:
    ruling = Ruling(rule, outcome, reason, p_value, p_value, 7, items)
    assert ruling_of(ruling_row(ruling)) == ruling


def test_a_verdict_keeps_what_its_gates_asked_beyond_their_limits(path: Path, writer: Writer) -> None:
    header = started(writer, [])
    rules = (
        GateRule("mmlu", "acc", max_drop=0.05, relative=True, only_below=0.4, against="release"),
        GateRule("mmlu", "acc", max_drop=0.02, max_missing=0.0, min_items=1000, against="other-3/tuned"),
        GateRule("mmlu", None, at_least=0.5, only_below=math.inf),
        GateRule("tickets", "latency", at_most=2.5),
    )
    verdict = Verdict("passed", "ok", tuple(Ruling(rule, "passed", "ok") for rule in rules))
    writer.add_verdict(header.experiment, Comparison(header.experiment, (), ()), verdict)
    with Reader(path) as reader:
        found = reader.verdict(header.experiment)
    assert found is not None
    assert found[1] == verdict


def verdict(outcome: Outcome) -> Verdict:
    return Verdict(outcome, "r", ())


def judged(
    writer: Writer, outcome: Outcome, name: str = "support-tickets", arm: str = "tuned", **changes: object
) -> tuple[Run, Run]:
    """A new experiment's base run and its candidate, that one with changes, with a verdict on them."""
    experiment = writer.new_experiment(suite(name), "key")
    base, other = run(experiment), run(experiment, arm, **changes)
    for each in (base, other):
        writer.start_run(each)
    writer.add_verdict(experiment, Comparison(experiment, (base, other), ()), verdict(outcome))
    return base, other


def test_the_release_is_the_candidate_that_passed_last(path: Path, writer: Writer) -> None:
    with Reader(path) as reader:
        judged(writer, "failed")
        assert reader.released("support-tickets") is None
        judged(writer, "passed")
        _, second = judged(writer, "passed")
        judged(writer, "inconclusive")
        judged(writer, "passed", "other")
        assert reader.released("support-tickets") == second
        assert reader.released("nothing") is None


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ({"adapter_sha256": "a" * 64, "model": FACTS}, {"adapter_sha256": "b" * 64, "model": FACTS}),
        ({"model": FACTS}, {"model": dataclasses.replace(FACTS, weights_sha256="x" * 64)}),
        ({"model": FACTS}, {"adapter_sha256": "a" * 64, "model": FACTS}),
    ],
    ids=["adapters", "whole models", "a whole model and an adapter on it"],
)
def test_a_candidate_is_no_release_of_itself_however_often_it_passed(
    path: Path, writer: Writer, own: dict[str, object], other: dict[str, object]
) -> None:
    with Reader(path) as reader:
        _, first = judged(writer, "passed", **own)
        assert reader.released("support-tickets", first) is None
        _, again = judged(writer, "passed", **own)
        assert reader.released("support-tickets", again) is None
        _, better = judged(writer, "inconclusive", **other)
        assert reader.released("support-tickets", better) == again


def test_the_runs_of_the_newest_verdict_come_with_the_candidate_last(path: Path, writer: Writer) -> None:
    with Reader(path) as reader:
        assert reader.judged_last("support-tickets") == []
        judged(writer, "passed")
        newest = judged(writer, "failed")
        judged(writer, "passed", "other")
        assert reader.judged_last("support-tickets") == list(newest)


SAMPLES = [sample(n) for n in range(4)]


def candidate(writer: Writer, adapter: str | None, samples: list[Sample] = SAMPLES, **changes: object) -> Run:
    """A run of its own of an adapter, its items asked."""
    header = run(writer.new_experiment(suite(), "key"), "tuned", adapter_sha256=adapter, **changes)
    writer.start_run(header)
    writer.start_task(header.id, TASK, samples, "test.jsonl")
    writer.add_batch(header.id, TASK.name, *batch(samples))
    return header


def test_items_count_the_other_candidates_that_they_have_judged(path: Path, writer: Writer) -> None:
    first, second, third = (candidate(writer, letter * 64) for letter in "abc")
    with Reader(path) as reader:
        assert reader.judged_before(first.id, TASK.name) == 0
        writer.add_judgement(first, verdict("failed"))
        assert reader.judged_before(first.id, TASK.name) == 0, "a candidate is no other than itself"
        assert reader.judged_before(second.id, TASK.name) == 1
        writer.add_judgement(first, verdict("passed"))
        assert reader.judged_before(second.id, TASK.name) == 1, "looking twice is no second candidate"
        writer.add_judgement(second, verdict("inconclusive"))
        assert reader.judged_before(third.id, TASK.name) == 2


def test_a_checkpoint_that_was_evaluated_twice_is_one_candidate(path: Path, writer: Writer) -> None:
    once, again, other = (candidate(writer, letter * 64) for letter in "aab")
    for each in (once, again):
        writer.add_judgement(each, verdict("failed"))
    with Reader(path) as reader:
        assert reader.judged_before(other.id, TASK.name) == 1
        assert reader.judged_before(again.id, TASK.name) == 0


def test_a_whole_model_is_known_by_its_weights_and_a_run_without_either_by_its_id(path: Path, writer: Writer) -> None:
    once, again = (candidate(writer, None, model=FACTS) for _ in range(2))
    other = candidate(writer, None, model=dataclasses.replace(FACTS, weights_sha256="x" * 64))
    nameless = candidate(writer, None)
    for each in (once, again, nameless):
        writer.add_judgement(each, verdict("failed"))
    with Reader(path) as reader:
        assert reader.judged_before(again.id, TASK.name) == 1
        assert reader.judged_before(other.id, TASK.name) == 2
        assert reader.judged_before(nameless.id, TASK.name) == 1


def test_a_model_whose_folder_is_no_utf_8_is_a_candidate_as_any_other(path: Path, writer: Writer) -> None:
    odd = candidate(writer, None, model=dataclasses.replace(FACTS, folder="/models/\udcff"))
    other = candidate(writer, "a" * 64)
    for each in (odd, other):
        writer.add_judgement(each, verdict("failed"))
    with Reader(path) as reader:
        assert reader.run(odd.id) == odd
        assert reader.judged_before(other.id, TASK.name) == 1
        assert reader.judged_before(odd.id, TASK.name) == 1


def test_candidates_judged_by_other_items_do_not_count(path: Path, writer: Writer) -> None:
    own = candidate(writer, "a" * 64)
    elsewhere = candidate(writer, "b" * 64, [sample(n) for n in range(10, 14)])
    overlapping = candidate(writer, "c" * 64, [sample(n) for n in range(3, 8)])
    with Reader(path) as reader:
        writer.add_judgement(elsewhere, verdict("failed"))
        assert reader.judged_before(own.id, TASK.name) == 0
        writer.add_judgement(overlapping, verdict("failed"))
        assert reader.judged_before(own.id, TASK.name) == 1
        assert reader.judged_before(own.id, "no task") == 0
        assert reader.judged_before("nobody-1/tuned", TASK.name) == 0


def test_a_look_at_a_run_that_is_not_recorded_is_refused(writer: Writer) -> None:
    with pytest.raises(HarnessError, match="'nothing-1/tuned' is not in table runs"):
        writer.add_judgement(run("nothing-1", "tuned"), verdict("passed"))


def test_counting_candidates_takes_no_time_at_all(path: Path, writer: Writer) -> None:
    samples = [sample(n) for n in range(3000)]
    headers = [candidate(writer, f"{number:064}", samples) for number in range(8)]
    for header in headers:
        writer.add_judgement(header, verdict("failed"))
    assert len(METRICS) == 2
    with Reader(path) as reader:
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        reader.db.conn.set_progress_handler(count, 1000)
        assert reader.judged_before(headers[0].id, TASK.name) == 7
    assert steps < 200, "every pair of items was compared"


def test_another_prompt_is_another_candidate(path: Path, writer: Writer) -> None:
    def asked(outcome: Outcome, prompt: str) -> Run:
        return judged(writer, outcome, arm="prompted", model=FACTS, suite_digest=prompt)[1]

    with Reader(path) as reader:
        first, again, other = asked("passed", "one"), asked("inconclusive", "one"), asked("inconclusive", "another")
        assert reader.released("support-tickets", again) is None
        assert reader.released("support-tickets", other) == first
