"""What a model thought before it answered stands beside its answer, and older records get the place for it."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from recorded import FACTS, TASK, batch, estimate, generation, run, sample, started, suite

from harness.store import Reader, Writer, open_database
from harness.store.costs import Cost
from harness.store.migrations import MIGRATIONS
from harness.values import Generation, Provenance

ANSWER = b"INSERT INTO generations VALUES (1, 1, 0, 'an older answer', 'stop', 12, 3, 0.25, NULL, NULL, NULL, NULL)"


def thought(sample_id: str, reasoning: str | None, text: str = "red") -> Generation:
    return replace(generation(sample_id, text=text), reasoning=reasoning)


def test_a_record_of_before_keeps_its_answers_and_takes_thoughts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.store.database.MIGRATIONS", MIGRATIONS[:1])
    with contextlib.closing(open_database(path)) as db:
        assert "reasoning" not in db.table("generations").columns_dict
    with Writer(path) as writer:
        header = started(writer, [sample(0), sample(1)])
    with contextlib.closing(sqlite3.connect(path)) as plain:
        plain.execute(ANSWER.decode())
        plain.commit()
    monkeypatch.undo()
    with Writer(path) as writer, Reader(path) as reader:
        writer.add_batch(header.id, "tickets", [thought("s00001", "first this")], {})
        told = [(each.text, each.reasoning) for item in reader.items(header.id, "tickets") for each in item.generations]
    assert told == [("an older answer", None), ("red", "first this")]


def test_an_answer_that_is_given_again_brings_its_thoughts_along(path: Path) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        for _ in range(2):
            header = run(writer.new_experiment(suite(), "key"), model=FACTS)
            writer.start_run(header)
            writer.start_task(header.id, TASK, [sample(0)], "test.jsonl", b"conditions")
            places = reader.answerable(header.id, "tickets")
            if not places:
                origin = Provenance(b"request")
                writer.add_batch(header.id, "tickets", [thought("s00000", "first this")], {}, [origin])
        [(given, _)] = reader.answers(list(places.values())).values()
        [share] = reader.reusable()
    assert (given.text, given.reasoning) == ("red", "first this")
    assert share.text_bytes == len("red") + len("first this")


def test_what_an_answer_took_in_the_mean_counts_those_that_are_still_thoughts(path: Path) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        header = started(writer, [sample(0), sample(1)])
        assert reader.cost_per_answer(header.id, "tickets") is None
        assert reader.cost_per_answer(header.id, "no such task") is None
        cut = Generation("s00001", 0, "", "length", 20, 9, 0.75, reasoning="and then")
        writer.add_batch(header.id, "tickets", [generation("s00000"), cut], {})
        assert reader.cost_per_answer(header.id, "tickets") == Cost(16.0, 6.0, 0.5, 20, 1, 2)


def test_the_newest_finished_run_of_each_arm_is_found_by_what_its_suite_was(path: Path) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        ids = []
        for digest, status in [("one", "finished"), ("one", "finished"), ("one", "failed"), ("two", "finished")]:
            header = run(writer.new_experiment(suite(), "key"), suite_digest=digest)
            writer.start_run(header)
            writer.start_task(header.id, TASK, [sample(0)], "test.jsonl")
            writer.add_batch(header.id, "tickets", *batch([sample(0)]))
            writer.add_estimates(header.id, [estimate()])
            writer.finish_run(header.id, status, "2026-01-02T00:00:00+00:00")  # type: ignore[arg-type]
            ids.append(header.id)
        assert {arm: each.id for arm, each in reader.finished("support-tickets", "one").items()} == {"base": ids[1]}
        assert reader.finished("support-tickets", "one")["base"].estimates == (estimate(),)
        assert reader.finished("other", "one") == {}
