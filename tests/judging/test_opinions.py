"""What judges and people say enters the same paired comparison as any metric, and a gate holds the judge to people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from scripted import Asked, Comparer, Grader, catalog
from test_judging_stage import MODEL, Bench

from harness.identity import drawn
from harness.judgement import Judgement
from harness.store.reader import Reader
from harness.values import PEOPLE, GateRule, Opinion, Ruling, Verdict


class Judged(Bench):
    """A record with opinions, and what the comparison makes of them."""

    def people(self, values: Mapping[str, float | None], rater: str = "ann", **details: object) -> None:
        given = [
            Opinion(each, rater, value, None if value is not None else "skipped", details)
            for each, value in values.items()
        ]
        self.writer.add_opinions(self.base.id, self.tuned.id, "tickets", PEOPLE, given)

    def draw(self, items: int) -> tuple[str, ...]:
        self.writer.start_review(self.base.id, self.tuned.id, "tickets", items)
        return drawn([each.id for each in self.samples], items)

    def judgement(self, reader: Reader) -> Judgement:
        return Judgement(reader, catalog(), reader.run(self.tuned.id), {"base": reader.run(self.base.id)})

    def pairs(self, metric: str) -> dict[str, tuple[float | None, float | None]]:
        with Reader(self.path) as reader:
            evidence = self.judgement(reader).evidence(GateRule("tickets", metric, min_gain=0.0))
            return {pair.sample_id: (pair.baseline, pair.candidate) for pair in evidence.pairs}

    def ruled(self, metric: str, **rule: object) -> Ruling:
        return self.verdict(metric, **rule).rulings[0]

    def verdict(self, metric: str, **rule: object) -> Verdict:
        with Reader(self.path) as reader:
            return self.judgement(reader).verdict([GateRule("tickets", metric, **(rule or {"min_gain": 0.0}))])  # type: ignore[arg-type]


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Judged]:
    Asked.begin(lambda prompt: "1")
    made = Judged(tmp_path)
    yield made
    made.writer.close()


def test_an_opinion_on_a_pair_is_a_pair_of_scores_that_sum_to_one(record: Judged) -> None:
    record.people({"s00001": 1.0, "s00002": 0.0, "s00003": 0.5})
    assert record.pairs(PEOPLE) == {"s00001": (0.0, 1.0), "s00002": (1.0, 0.0), "s00003": (0.5, 0.5)}


def test_several_raters_of_a_pair_count_as_their_mean(record: Judged) -> None:
    record.people({"s00001": 1.0, "s00002": None}, "ann")
    record.people({"s00001": 0.5, "s00002": 0.0}, "bob")
    assert record.pairs(PEOPLE) == {"s00001": (0.25, 0.75), "s00002": (1.0, 0.0)}


def test_a_pair_that_was_drawn_and_has_no_word_yet_is_missing_rather_than_left_out(record: Judged) -> None:
    first, second, third = record.draw(3)
    record.people({first: 1.0, third: None})
    assert record.pairs(PEOPLE) == {first: (0.0, 1.0), second: (None, None), third: (None, None)}
    assert record.ruled(PEOPLE).outcome == "inconclusive"


def test_a_rule_on_people_says_who_must_be_asked_where_nobody_was(record: Judged) -> None:
    reason = record.ruled(PEOPLE).reason
    assert f"harness review {record.base.id} {record.tuned.id}" in reason


def test_a_rule_on_a_judge_that_saw_nothing_says_how_it_is_asked(record: Judged) -> None:
    record.judge(Comparer(MODEL))
    with Reader(record.path) as reader:
        other = record.answered("tuned")
        asked = Judgement(reader, catalog(), reader.run(other.id), {"base": reader.run(record.base.id)})
        record.writer.add_judge(other.id, "tickets", reader.tasks(record.tuned.id)[0].judges[0], "comparer")
        (ruling,) = asked.verdict([GateRule("tickets", "comparer", min_gain=0.0)]).rulings
    assert ruling.outcome == "inconclusive"
    assert f"harness judge run {record.base.id} {other.id}" in ruling.reason


def test_a_judge_alone_decides_nothing_however_sure_it_is(record: Judged) -> None:
    record.judge(Comparer(MODEL))
    ruling = record.ruled("comparer")
    assert ruling.outcome == "inconclusive"
    assert "100" in ruling.reason
    assert "label" in ruling.reason


def test_the_comparison_shows_the_judges_raw_rate_beside_the_metrics(record: Judged) -> None:
    Asked.begin(lambda prompt: "1" if "s00000" in prompt else "0.5")
    record.judge(Comparer(MODEL))
    with Reader(record.path) as reader:
        deltas = {each.metric: each for each in record.judgement(reader).comparison().deltas}
    assert set(deltas) == {"exact_match", "f1", "comparer"}
    assert deltas["comparer"].change == pytest.approx(0.1)
    assert deltas["comparer"].candidate == pytest.approx(0.55)


def test_the_verdict_holds_each_judge_to_people_and_tells_its_notes(record: Judged) -> None:
    record.judge(Comparer(MODEL))
    record.people({"s00001": 1.0, "s00002": 0.5, "s00003": 0.0, "s00004": 1.0})
    verdict = record.verdict("exact_match", min_gain=0.0)
    (calibration,) = verdict.calibrations
    assert (calibration.metric, calibration.items, calibration.labels) == ("comparer", 10, 4)
    assert (calibration.raw, calibration.agreement) == (1.0, 0.5)
    assert "tickets comparer against base: comparer looked at 10 pairs" in verdict.caveats
    record.writer.add_verdict(record.tuned.experiment, *_stored(record, verdict))
    with Reader(record.path) as reader:
        found = reader.verdict(record.tuned.experiment)
    assert found is not None
    assert found[1] == verdict


def _stored(record: Judged, verdict: Verdict) -> tuple[object, Verdict]:
    with Reader(record.path) as reader:
        return record.judgement(reader).comparison(), verdict


def test_a_judge_of_single_answers_is_held_to_grades_not_to_preferences(record: Judged) -> None:
    Asked.begin(lambda prompt: "0.75" if "tuned" in prompt else "0.25")
    record.judge(Grader(MODEL))
    record.people({"s00001": 1.0})
    record.people({"s00002": 1.0}, baseline=0.0, candidate=0.75)
    (calibration,) = record.verdict("grader").calibrations
    assert (calibration.raw, calibration.labels) == (0.5, 1)


def test_two_judges_of_a_kind_are_told_apart_by_their_labels(record: Judged) -> None:
    record.judge(Comparer(MODEL), "tone")
    Asked.begin(lambda prompt: "0")
    record.judge(Comparer(replace(MODEL, name="other")), "facts")
    assert set(record.pairs("tone").values()) == {(0.0, 1.0)}
    assert set(record.pairs("facts").values()) == {(1.0, 0.0)}
