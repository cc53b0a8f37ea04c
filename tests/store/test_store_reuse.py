"""The record as a cache: what it gives again, what it tells of that, and what it forgets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from recorded import FACTS, TASK, batch, generation, run, sample, suite

from harness.store import Reader, Writer
from harness.values import Generation, ModelFacts, Provenance, Reusable, Run, Sample

SAMPLES = [sample(number) for number in range(5)]
ALIKE = b"computes"
"""The conditions that most of these tasks are asked under."""
OTHER = ModelFacts("org/other", "/models/o", "v" * 64, None, "t" * 64, "c" * 64, "float32", "cpu", 1, "plain")


def request(name: object) -> bytes:
    return hashlib.sha256(str(name).encode()).digest()[:16]


def asks(writer: Writer, samples: Sequence[Sample] = SAMPLES, conditions: bytes | None = ALIKE, **about: object) -> Run:
    """A run that is about to ask these samples."""
    header = run(writer.new_experiment(suite(), "key"), **{"model": FACTS, **about})
    writer.start_run(header)
    writer.start_task(header.id, TASK, samples, "test.jsonl", conditions)
    return header


def ran(writer: Writer, samples: Sequence[Sample] = SAMPLES, *, text: str = "an answer", **about: object) -> Run:
    """A run that asked these samples, each by the request of its id."""
    header = asks(writer, samples, **about)
    answers = [generation(each.id, text=text) for each in samples]
    origins = [Provenance(request(each.id)) for each in samples]
    writer.add_batch(header.id, "tickets", answers, batch(list(samples))[1], origins)
    return header


def takes_over(writer: Writer, reader: Reader, samples: Sequence[Sample] = SAMPLES) -> Run:
    """A run that asked nothing."""
    header = asks(writer, samples)
    found = known(reader, header)
    given = [found[request(each.id)] for each in samples]
    scores = batch(list(samples))[1]
    writer.add_batch(header.id, "tickets", [answer for answer, _ in given], scores, [origin for _, origin in given])
    return header


def known(reader: Reader, header: Run) -> dict[bytes, tuple[Generation, Provenance]]:
    """All that the record can answer in the place of this run's model."""
    return reader.answers(list(reader.answerable(header.id, "tickets").values()))


def found(reader: Reader, header: Run, *names: str) -> dict[str, str]:
    answers = known(reader, header)
    return {name: answers[request(name)][0].text for name in names if request(name) in answers}


def test_an_answer_is_found_by_its_request_and_by_nothing_else(path: Path, writer: Writer) -> None:
    ran(writer)
    asking = asks(writer)
    with Reader(path) as reader:
        assert found(reader, asking, "s00001", "s00009") == {"s00001": "an answer"}
        assert reader.answers([]) == {}
        assert reader.answerable(asking.id, "no task") == {}


def test_what_was_asked_under_other_conditions_is_not_even_looked_at(path: Path, writer: Writer) -> None:
    ran(writer)
    ran(writer, conditions=None)
    with Reader(path) as reader:
        assert reader.answerable(asks(writer, conditions=b"computes otherwise").id, "tickets") == {}
        assert reader.answerable(asks(writer, conditions=None).id, "tickets") == {}


def test_an_answer_that_was_forgotten_after_it_was_found_is_not_given(path: Path, writer: Writer) -> None:
    ran(writer)
    with Reader(path) as reader:
        places = reader.answerable(asks(writer).id, "tickets")
        assert len(places) == len(SAMPLES)
        writer.forget_answers()
        assert reader.answers(list(places.values())) == {}


def test_an_answer_comes_back_whole(path: Path, writer: Writer) -> None:
    first = asks(writer)
    chosen = Generation("s00001", 3, " \ud800", "choice", 12, 3, 0.1 + 0.2, -1.0000000000000002, is_greedy=False)
    writer.add_batch(first.id, "tickets", [chosen], {}, [Provenance(request("x"))])
    asking = asks(writer)
    with Reader(path) as reader:
        [(answer, _)] = known(reader, asking).values()
    assert answer == chosen


def test_the_newest_answer_is_given_and_never_the_tasks_own(path: Path, writer: Writer) -> None:
    ran(writer, text="old")
    newer = ran(writer, text="new")
    with Reader(path) as reader:
        assert found(reader, asks(writer), "s00001") == {"s00001": "new"}
        assert found(reader, newer, "s00001") == {"s00001": "old"}


def test_an_answer_without_provenance_is_never_found(path: Path, writer: Writer) -> None:
    first = asks(writer)
    writer.add_batch(first.id, "tickets", *batch(SAMPLES))
    with Reader(path) as reader:
        assert known(reader, asks(writer)) == {}
        assert reader.reusable() == []
        assert reader.run(first.id).reused == {}


def test_as_many_requests_as_a_large_batch_makes_are_found_at_once(path: Path, writer: Writer) -> None:
    samples = [sample(number) for number in range(2_500)]
    ran(writer, samples)
    with Reader(path) as reader:
        assert len(known(reader, asks(writer, samples))) == 2_500


def test_a_run_says_how_many_items_it_took_over_and_who_asked(path: Path, writer: Writer) -> None:
    first = ran(writer)
    with Reader(path) as reader:
        second = takes_over(writer, reader)
        third = takes_over(writer, reader, SAMPLES[:2])
        assert [reader.run(each.id).reused for each in (first, second, third)] == [{}, {first.id: 5}, {first.id: 2}]
        assert reader.items(second.id, "tickets") == reader.items(first.id, "tickets")


def test_an_item_with_several_answers_counts_once(path: Path, writer: Writer) -> None:
    first, second = asks(writer), asks(writer)
    answers = [generation("s00001", attempt) for attempt in range(4)]
    writer.add_batch(first.id, "tickets", answers, {}, [Provenance(request(each)) for each in range(4)])
    with Reader(path) as reader:
        given = known(reader, second)
        origins = [given[request(each)][1] for each in range(4)]
        writer.add_batch(second.id, "tickets", answers, {}, origins)
        assert reader.run(second.id).reused == {first.id: 1}


def test_what_can_be_given_again_is_counted_once_by_model_and_adapter(path: Path, writer: Writer) -> None:
    ran(writer, text="four")
    ran(writer, SAMPLES[:2], text="four", started="2026-02-02T00:00:00+00:00")
    ran(writer, [sample(7)], model=OTHER, adapter_sha256="a" * 64, text="ünï")
    with Reader(path) as reader:
        takes_over(writer, reader)
        base, tuned = reader.reusable()
    assert (base.answers, base.text_bytes, base.newest) == (5, 12 * 4, "2026-02-02T00:00:00+00:00")
    assert tuned == Reusable("org/other", "v" * 64, "a" * 64, 1, 5, "2026-01-01T00:00:00+00:00")


def test_what_is_forgotten_is_asked_again_and_the_runs_stay(path: Path, writer: Writer) -> None:
    first = ran(writer)
    ran(writer, [sample(7)], model=OTHER)
    with Reader(path) as reader:
        second = takes_over(writer, reader)
        before = [reader.items(each.id, "tickets") for each in (first, second)]
        assert writer.forget_answers(weights_sha256=OTHER.weights_sha256) == 1
        assert [share.model for share in reader.reusable()] == ["org/model"]
        assert writer.forget_answers() == 5
        assert writer.forget_answers() == 0
        assert reader.reusable() == []
        assert found(reader, asks(writer), "s00001") == {}
        assert [reader.items(each.id, "tickets") for each in (first, second)] == before
        assert reader.run(second.id).reused == {first.id: 5}, "what was taken over stays told"


def test_an_old_answer_is_as_old_as_its_asking(path: Path, writer: Writer) -> None:
    ran(writer, SAMPLES[:3], started="2026-01-01T00:00:00+00:00")
    ran(writer, SAMPLES[3:], started="2026-03-03T00:00:00+00:00")
    with Reader(path) as reader:
        takes_over(writer, reader)
        assert writer.forget_answers("2026-01-01T00:00:00+00:00") == 0
        assert writer.forget_answers("2026-02-02T00:00:00+00:00", OTHER.weights_sha256) == 0
        assert writer.forget_answers("2026-02-02T00:00:00+00:00") == 3
        assert found(reader, asks(writer), "s00001", "s00004") == {"s00004": "an answer"}


def test_answers_and_their_provenance_go_together(path: Path, writer: Writer) -> None:
    header = asks(writer)
    with pytest.raises(ValueError, match="argument 2"):
        writer.add_batch(header.id, "tickets", *batch(SAMPLES), [Provenance(request(1))])
    with Reader(path) as reader:
        assert reader.done(header.id, "tickets") == set()
