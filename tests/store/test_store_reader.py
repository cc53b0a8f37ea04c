from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from recorded import METRICS, ORIGIN, TASK, batch, estimate, generation, run, sample, started, suite

from harness.errors import UsageError
from harness.store import Reader, Writer
from harness.values import (
    Comparison,
    Delta,
    Fault,
    GateRule,
    GenerationSettings,
    Item,
    Pair,
    Ref,
    Ruling,
    Score,
    Task,
    Verdict,
)


@pytest.fixture
def three_arms(writer: Writer) -> str:
    experiment = writer.new_experiment(suite(), "key")
    for arm in ("base", "prompted", "tuned"):
        writer.start_run(run(experiment, arm))
    return experiment


def test_the_newest_runs_come_first(path: Path, writer: Writer, three_arms: str) -> None:
    other = started(writer, [], name="other")
    writer.add_estimates(f"{three_arms}/tuned", [estimate()])
    with Reader(path) as reader:
        assert [each.id for each in reader.runs(limit=2)] == [other.id, f"{three_arms}/tuned"]
        assert [each.arm for each in reader.runs(suite="support-tickets")] == ["tuned", "prompted", "base"]
        assert reader.runs()[1].estimates == (estimate(),)
        assert [each.arm for each in reader.experiment_runs(three_arms)] == ["base", "prompted", "tuned"]


def test_a_run_is_found_by_id_beginning_or_experiment(path: Path, writer: Writer, three_arms: str) -> None:
    single = started(writer, [], name="single")
    with Reader(path) as reader:
        assert reader.run("support-tickets-1/tuned").arm == "tuned"
        assert reader.run("support-tickets-1/p").arm == "prompted"
        assert reader.run(single.experiment).id == single.id
        assert reader.run("sin").id == single.id


def test_an_experiment_is_not_taken_for_the_beginning_of_another(path: Path, writer: Writer) -> None:
    runs = [started(writer, []) for _ in range(11)]
    with Reader(path) as reader:
        assert reader.run("support-tickets-1") == runs[0]


def test_a_run_that_is_not_clear_is_asked_back(path: Path, three_arms: str) -> None:
    with Reader(path) as reader, pytest.raises(UsageError, match="is more than one run; which of") as error:
        reader.run(three_arms)
    assert f"{three_arms}/base, {three_arms}/prompted, {three_arms}/tuned?" in str(error.value)


def test_an_unknown_run_is_told_with_the_near_ones(path: Path, three_arms: str) -> None:
    with Reader(path) as reader:
        with pytest.raises(UsageError, match="did you mean 'support-tickets-1/tuned'"):
            reader.run("support-tickets-1/tund")
        with pytest.raises(UsageError, match="the newest are support-tickets-1/tuned, support"):
            reader.run("%")


def test_an_empty_record_says_so(path: Path, writer: Writer) -> None:
    with Reader(path) as reader:
        assert reader.runs() == []
        with pytest.raises(UsageError, match="no run is recorded yet"):
            reader.run("x")


def test_unfinished_experiments_are_found_by_their_key(path: Path, writer: Writer) -> None:
    first, second, third = (writer.new_experiment(suite(), "key") for _ in range(3))
    other = writer.new_experiment(suite(), "other key")
    writer.finish_experiment(first, "failed", "2026")
    writer.finish_experiment(second, "finished", "2026")
    with Reader(path) as reader:
        assert reader.unfinished("key") == [third, first]
        assert reader.unfinished("other key") == [other]
        assert reader.unfinished("no key") == []


def test_a_sample_is_done_with_all_answers_and_scores(path: Path, writer: Writer) -> None:
    samples = [sample(n) for n in range(5)]
    header = started(writer, samples)
    answers, scores = batch(samples)
    writer.add_batch(header.id, "tickets", *batch(samples[:1]))
    writer.add_batch(header.id, "tickets", answers[1:2], {})
    writer.add_batch(header.id, "tickets", answers[2:3], {"f1": scores["f1"][2:3]})
    writer.add_batch(header.id, "tickets", [], {name: each[3:4] for name, each in scores.items()})
    with Reader(path) as reader:
        assert reader.done(header.id, "tickets") == {samples[0].id}
        assert reader.done(header.id, "no task") == set()


def test_a_missing_score_is_done_too(path: Path, writer: Writer) -> None:
    header = started(writer, [sample(1)])
    scores = {name: [Score("s00001", None, "judge timed out", {"tries": 3})] for name in METRICS}
    writer.add_batch(header.id, "tickets", [generation("s00001")], scores)
    with Reader(path) as reader:
        assert reader.done(header.id, "tickets") == {"s00001"}
        assert reader.scores(header.id, "tickets", "f1") == scores["f1"]


def test_choosing_is_done_with_every_choice(path: Path, writer: Writer) -> None:
    header = started(writer, [])
    asked = [sample(n, choices=(" A", " B"), answer=1, targets=()) for n in (1, 2)]
    writer.start_task(header.id, Task("mmlu", "choose", (Ref("acc"),), benchmark="mmlu"), asked, "hub cais/mmlu")
    answers = [generation("s00001", 0), generation("s00001", 1), generation("s00002", 0)]
    writer.add_batch(header.id, "mmlu", answers, {"acc": [Score("s00001", 1.0), Score("s00002", 1.0)]})
    with Reader(path) as reader:
        assert reader.done(header.id, "mmlu") == {"s00001"}
        assert reader.source(header.id, "mmlu") == "hub cais/mmlu"


def test_a_task_without_metrics_is_done_when_answered(path: Path, writer: Writer) -> None:
    header = started(writer, [])
    writer.start_task(header.id, Task("plain", "generate", ()), [sample(1), sample(2)], "x")
    writer.add_batch(header.id, "plain", [generation("s00002")], {})
    with Reader(path) as reader:
        assert reader.done(header.id, "plain") == {"s00002"}


def test_items_keep_the_order_of_the_samples(path: Path, writer: Writer) -> None:
    samples = [sample(n) for n in (3, 1, 2)]
    header = started(writer, samples)
    two = [generation("s00001", attempt, f"try {attempt}") for attempt in (1, 0)]
    writer.add_batch(header.id, "tickets", [generation("s00002"), *two], {})
    with Reader(path) as reader:
        assert reader.samples(header.id, "tickets") == samples
        assert reader.items(header.id, "tickets") == [
            Item(samples[0], ()),
            Item(samples[1], (two[1], two[0])),
            Item(samples[2], (generation("s00002"),)),
        ]


def test_a_few_samples_are_read_without_the_others(path: Path, writer: Writer) -> None:
    samples = [sample(n) for n in (3, 1, 2)]
    header = started(writer, samples)
    writer.add_batch(header.id, "tickets", *batch(samples))
    with Reader(path) as reader:
        some = ["s00002", "s00003", "s00009"]
        assert reader.samples(header.id, "tickets", some) == [samples[0], samples[2]]
        assert reader.items(header.id, "tickets", some) == [
            Item(samples[0], (generation("s00003"),)),
            Item(samples[2], (generation("s00002"),)),
        ]
        assert [each.sample_id for each in reader.scores(header.id, "tickets", "f1", some)] == ["s00003", "s00002"]
        assert reader.items(header.id, "tickets", []) == []


def test_tags_are_those_of_the_samples_that_have_some(path: Path, writer: Writer) -> None:
    header = started(writer, [sample(1, tags=("long", "french")), sample(2), sample(3, tags=("long",))])
    with Reader(path) as reader:
        assert reader.tags(header.id, "tickets") == {"s00001": ("long", "french"), "s00003": ("long",)}
        assert reader.tags(header.id, "no task") == {}


def test_pairs_take_their_groups_from_the_candidate_and_else_from_the_baseline(path: Path, writer: Writer) -> None:
    base = started(writer, [sample(1, stratum="old", cluster="p1"), sample(2, stratum="old"), sample(3)], "base")
    tuned = started(writer, [sample(4, cluster="p4"), sample(3), sample(1, stratum="new")], "tuned")
    with Reader(path) as reader:
        assert reader.pairs(base.id, tuned.id, "tickets", "f1") == [
            Pair("s00001", None, None, "new", "p1"),
            Pair("s00002", None, None, "old"),
            Pair("s00003", None, None),
            Pair("s00004", None, None, None, "p4"),
        ]


def test_tasks_come_back_with_their_settings(path: Path, writer: Writer) -> None:
    header = started(writer, [])
    settings = GenerationSettings(64, 0.5, 0.9, ("\n", "</s>"), 3, 8)
    task = Task("mmlu", "choose", (Ref("acc"), Ref("rouge", {"variant": "rougeL"})), settings, "mmlu", "2.1")
    writer.start_task(header.id, task, [], "pack")
    with Reader(path) as reader:
        assert reader.tasks(header.id) == [TASK, task]
        assert reader.tasks("nothing") == []


def test_pairs_name_the_samples_that_one_run_lacks(path: Path, writer: Writer) -> None:
    shared, left, right = sample(2, stratum="law", cluster="c1"), sample(1), sample(3, stratum="art")
    base, tuned = started(writer, [left, shared]), started(writer, [shared, right], "tuned")
    writer.add_batch(base.id, "tickets", *batch([left, shared], 0.25))
    writer.add_batch(tuned.id, "tickets", [], {"f1": [Score(shared.id, None, "why"), Score(right.id, 0.75)]})
    with Reader(path) as reader:
        assert reader.pairs(base.id, tuned.id, "tickets", "f1") == [
            Pair("s00001", 0.25, None),
            Pair("s00002", 0.25, None, "law", "c1"),
            Pair("s00003", None, 0.75, "art"),
        ]
        assert reader.pairs(base.id, "nothing", "tickets", "f1")[1].baseline == 0.25
        assert reader.pairs(base.id, tuned.id, "tickets", "no metric")[0] == Pair("s00001", None, None)


def test_the_time_of_an_item_is_that_of_all_its_answers(path: Path, writer: Writer) -> None:
    samples = [sample(n) for n in range(3)]
    header = started(writer, samples)
    with Reader(path) as reader:
        assert reader.seconds_per_item(header.id, "tickets") is None
        answers = [generation(each.id, attempt) for each in samples[:2] for attempt in range(4)]
        writer.add_batch(header.id, "tickets", answers, {})
        assert reader.seconds_per_item(header.id, "tickets") == 4 * 0.25
        assert reader.seconds_per_item(header.id, "nothing") is None


def test_the_last_verdict_counts_and_comes_back_whole(path: Path, writer: Writer, three_arms: str) -> None:
    rules = (GateRule("tickets", None, min_gain=0.1, against="prompted"), GateRule("mmlu", "acc", max_drop=0.05))
    relative = GateRule("mmlu", "acc", max_drop=0.05, relative=True, tier="advisory", alpha=0.01)
    delta = Delta("tickets", "f1", "base", 0.1, 0.9, 0.8, 0.7, 0.9, 200, 160, 1, 0, 0.98)
    nothing = Delta("mmlu", "acc", "base", None, None, None, None, None, 0, 0, 0, 5)
    first = Verdict("failed", "no", (Ruling(rules[0], "failed", "gains too little", 0.5, 0.01, 200),))
    last = Verdict(
        "inconclusive",
        "mmlu cannot tell",
        (Ruling(rules[1], "inconclusive", "r", None, None, 0, 640), Ruling(relative, "passed", "\ud800 ok")),
        ("wide margin",),
    )
    with Reader(path) as reader:
        assert reader.verdict(three_arms) is None
        compared = Comparison(three_arms, tuple(reader.experiment_runs(three_arms)), (delta, nothing))
        writer.add_verdict(three_arms, Comparison(three_arms, (), ()), first)
        assert reader.verdict(three_arms) == (Comparison(three_arms, (), ()), first)
        writer.add_verdict(three_arms, compared, last)
        assert reader.verdict(three_arms) == (compared, last)


def test_faults_are_kept_with_and_without_a_run(path: Path, writer: Writer, three_arms: str) -> None:
    faults = [
        Fault(ORIGIN, "harness_run_started", "ValueError: x", "Traceback\n \x1b[31m"),
        Fault(ORIGIN, "h", "e", ""),
    ]
    writer.add_fault(three_arms, f"{three_arms}/base", faults[0])
    writer.add_fault(three_arms, None, faults[1])
    with Reader(path) as reader:
        assert reader.faults(three_arms) == faults
        assert reader.faults("none-1") == []


def test_the_views_answer_any_sqlite_tool(path: Path, writer: Writer) -> None:
    samples = [sample(1, stratum="law"), sample(2)]
    runs = [started(writer, samples, arm) for arm in ("base", "tuned", "tuned")]
    for header, value in zip(runs, (0.25, 0.5, 1.0), strict=True):
        writer.add_batch(header.id, "tickets", *batch(samples, value))
    writer.add_batch(runs[2].id, "tickets", [], {"f1": [Score("s00002", None, "why")]})
    writer.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        latest = connection.execute("SELECT id FROM latest_runs ORDER BY arm").fetchall()
        assert latest == [(runs[0].id,), (runs[2].id,)]
        pairs = connection.execute(
            "SELECT sample, baseline, candidate, stratum FROM score_pairs"
            " WHERE baseline_run = ? AND candidate_run = ? AND task = 'tickets' AND metric = 'f1' ORDER BY sample",
            (runs[0].id, runs[2].id),
        ).fetchall()
        assert pairs == [("s00001", 0.25, 1.0, "law"), ("s00002", 0.25, None, None)]
        query = "SELECT count(*), avg(candidate - baseline) FROM score_pairs WHERE baseline_run = ? AND metric = 'f1'"
        assert connection.execute(query, (runs[0].id,)).fetchone() == (4, 1.25 / 3)


def test_a_record_is_read_while_it_is_written(path: Path, writer: Writer) -> None:
    header = started(writer, [sample(1)])
    with Reader(path) as reader:
        assert reader.done(header.id, "tickets") == set()
        writer.add_batch(header.id, "tickets", *batch([sample(1)]))
        assert reader.done(header.id, "tickets") == {"s00001"}
