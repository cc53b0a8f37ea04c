"""What training has seen measures memory: the gates rest on the other items, and the verdict shows both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import goldens
import pytest
import recorded
import sample_values as values
from test_judging_stage import ITEMS, Bench

from harness.catalog import Catalog
from harness.host import Host
from harness.judgement import Judgement
from harness.report.export import json_text
from harness.report.markdown import verdict_markdown
from harness.report.verdict import verdict_screen
from harness.rows import CheckedTable
from harness.store.reader import Reader
from harness.values import PEOPLE, Comparison, GateRule, Opinion, Run, Score, Stopping, Verdict

TRAIN = CheckedTable("train", Path("train.jsonl"), "messages", 100, 0, ())
WHERE = "train line 7: near match"


class Record(Bench):
    """A record in which the base answers nothing right, and the tuned run what it was told to."""

    def score(self, run: Run, right: set[int]) -> None:
        scores = [Score(each.id, float(number in right)) for number, each in enumerate(self.samples)]
        answers = [recorded.generation(each.id) for each in self.samples]
        self.writer.add_batch(run.id, "tickets", answers, {"exact_match": scores, "f1": scores})

    def saw(self, *numbers: int, by: Run | None = None) -> None:
        seen = {self.samples[number].id: WHERE for number in numbers}
        self.writer.add_data_checks((by or self.tuned).experiment, "digest", [TRAIN], {"tickets": seen})

    def judged(self, rule: GateRule, candidate: Run | None = None) -> tuple[Comparison, Verdict]:
        with Reader(self.path) as reader:
            baselines: Mapping[str, Run] = {"base": reader.run(self.base.id)}
            judgement = Judgement(
                reader, Catalog.build(Host.load()), reader.run((candidate or self.tuned).id), baselines
            )
            return judgement.comparison(), judgement.verdict([rule])


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    made = Record(tmp_path)
    made.score(made.base, set())
    made.score(made.tuned, {0, 1, 2, 3, 4, 5})
    yield made
    made.writer.close()


GAIN = GateRule("tickets", "exact_match", min_gain=0.0)


def test_a_gate_rests_on_the_items_that_training_has_not_seen(record: Record) -> None:
    assert record.judged(GAIN)[1].rulings[0].items == ITEMS
    record.saw(0, 1, 2, 3)
    comparison, verdict = record.judged(GAIN)
    assert verdict.rulings[0].items == ITEMS - 4
    [everything] = [each for each in comparison.deltas if each.metric == "exact_match"]
    [unseen] = [each for each in comparison.unseen if each.metric == "exact_match"]
    assert (everything.pairs, everything.change) == (ITEMS, pytest.approx(0.6))
    assert (unseen.pairs, unseen.change) == (ITEMS - 4, pytest.approx(2 / 6))


def test_the_verdict_says_how_many_items_it_does_without(record: Record) -> None:
    record.saw(0, 1, 2, 3)
    told = "tickets: 4 of 10 items stand in the training data, and measure memory; the gates rest on the others"
    assert told in record.judged(GAIN)[1].caveats


def test_a_level_is_asked_of_unseen_items_too(record: Record) -> None:
    level = GateRule("tickets", "exact_match", at_least=0.5)
    record.saw(0, 1, 2, 3, 4, 5)
    assert record.judged(level)[1].rulings[0].items == ITEMS - 6


def test_a_gate_without_unseen_items_is_not_measured_rather_than_passed(record: Record) -> None:
    record.saw(*range(ITEMS))
    ruling = record.judged(GAIN)[1].rulings[0]
    assert ruling.outcome == "inconclusive"
    assert "every item stands in the training data" in ruling.reason


def test_an_asking_that_ended_early_on_seen_items_decides_nothing(record: Record) -> None:
    task = replace(recorded.TASK, stopping=Stopping("population", ITEMS, (5,)))
    record.writer.start_task(record.tuned.id, task, record.samples, "test.jsonl")
    record.saw(0)
    ruling = record.judged(GAIN)[1].rulings[0]
    assert ruling.outcome == "inconclusive"
    assert "ask it whole" in ruling.reason


def test_a_model_that_was_not_trained_has_seen_nothing(record: Record) -> None:
    prompted = record.answered("prompted", record.tuned.experiment)
    record.score(prompted, {0, 1})
    record.saw(0, 1, 2, 3)
    comparison, verdict = record.judged(GAIN, prompted)
    assert verdict.rulings[0].items == ITEMS
    assert comparison.unseen == ()


def test_peoples_words_on_seen_items_count_no_more_than_their_scores(record: Record) -> None:
    given = [Opinion(each.id, "ann", 1.0) for each in record.samples]
    record.writer.add_opinions(record.base.id, record.tuned.id, "tickets", PEOPLE, given)
    record.saw(0, 1, 2)
    assert record.judged(GateRule("tickets", PEOPLE, min_gain=0.0))[1].rulings[0].items == ITEMS - 3


def test_the_record_keeps_both_changes(record: Record) -> None:
    record.saw(0, 1, 2, 3)
    comparison, verdict = record.judged(GAIN)
    record.writer.add_verdict(record.tuned.experiment, comparison, verdict)
    with Reader(record.path) as reader:
        kept = reader.verdict(record.tuned.experiment)
    assert kept is not None
    assert kept[0].unseen == comparison.unseen
    assert kept[0].deltas == comparison.deltas


SEEN = replace(
    values.COMPARISON,
    unseen=tuple(
        replace(each, pairs=each.pairs - 12, change=0.1, low=-0.02, high=0.22)
        for each in values.DELTAS
        if each.task in ("tickets", "mmlu")
    ),
)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_screen_shows_each_metric_with_and_without_seen_items(width: int) -> None:
    screen = verdict_screen(SEEN, values.PASSED, record=values.RECORD, next_commands=values.NEXT)
    goldens.check(f"verdict-seen-{width}.txt", goldens.printed(screen, width))


def test_markdown_and_json_show_both_too() -> None:
    told = verdict_markdown(SEEN, values.PASSED)
    assert "change over unseen" in told
    assert told.count("+0.100 (-0.020 to +0.220)") == len(SEEN.unseen)
    assert json_text(SEEN).count('"pairs": 188') >= 1
    assert "change over unseen" not in verdict_markdown(values.COMPARISON, values.PASSED)
