"""How an arm asks, and how a metric's missteps become values."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness import MeanOfScores, Sample, Score, ScoringContext
from harness.catalog import Planned
from harness.execution.claim import claim
from harness.execution.evaluate import chunks
from harness.execution.prompting import assemble
from harness.execution.score import score
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.suite.load import load
from harness.testing.project import SUITE
from harness.values import Fault, Generation, Item, Message, Origin, Prompting, Ref

ASKED = (Message("system", "own"), Message("user", "question"))
SHOT = (Message("user", "like this"), Message("assistant", "so"))


def test_the_arms_system_text_takes_the_place_of_the_rows_own() -> None:
    prompt = assemble(Prompting("Be brief.", (SHOT,)), ASKED)
    assert prompt == (Message("system", "Be brief."), *SHOT, ASKED[1])


def test_without_a_system_text_the_rows_own_stays_first() -> None:
    assert assemble(Prompting(None, (SHOT,)), ASKED) == (ASKED[0], *SHOT, ASKED[1])
    assert assemble(Prompting(), ASKED) == ASKED


def test_raw_text_is_never_prompted() -> None:
    assert assemble(Prompting("Be brief.", (SHOT,)), "Question: 2 + 2\nAnswer:") == "Question: 2 + 2\nAnswer:"


def parts_of(*strata: str | None, size: int) -> list[int]:
    samples = [Sample(str(number), "q", ("t",), stratum=stratum) for number, stratum in enumerate(strata)]
    made = list(chunks(samples, size))
    assert [sample for chunk in made for sample in chunk] == samples
    return [len(chunk) for chunk in made]


def test_a_chunk_grows_until_its_subject_ends_but_not_beyond_twice_its_size() -> None:
    assert parts_of(*["law"] * 6, *["art"] * 5, size=4) == [6, 5]
    assert parts_of(*["law"] * 11, "art", size=4) == [8, 4]
    assert parts_of(*[None] * 9, size=4) == [4, 4, 1]
    assert parts_of(*"abcdefghi", size=4) == [4, 4, 1]
    assert parts_of(size=4) == []


class Metric(MeanOfScores):
    """Gives what it is told to."""

    bounds = (0.0, 1.0)

    def __init__(self, scores: Callable[[Sequence[Item]], Sequence[Score]]) -> None:
        self._scores = scores

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        return self._scores(items)


ITEMS = [Item(Sample(name, "q", ("t",)), (Generation(name, 0, "t", "stop", 1, 1, 0.0),)) for name in ("a", "b")]


def scored(give: Callable[[Sequence[Item]], Sequence[Score]]) -> tuple[list[str | None], list[Fault]]:
    faults: list[Fault] = []
    metric = Planned(Ref("odd"), Metric(give), Origin("odd", "1", "metrics"), "odd")
    scores = score(metric, ITEMS, ScoringContext(), faults.append)
    assert [each.sample_id for each in scores] == ["a", "b"]
    return [each.why_missing for each in scores], faults


@pytest.mark.parametrize(
    ("give", "why"),
    [
        (lambda items: [Score("a", 1.0)], "the metric gave 1 scores for 2 items"),
        (lambda items: [Score("b", 1.0), Score("a", 1.0)], "the metric gave scores that are not in the items' order"),
        (lambda items: [1.0, 2.0], "the metric gave something else than scores"),
        (lambda items: [Score("a", 1.0, details=[1]), Score("b", 1.0)], "the metric gave details that are no mapping"),
        (lambda items: sys.exit(0), "the metric raised SystemExit: 0"),
        (lambda items: 1 / 0, "the metric raised ZeroDivisionError: division by zero"),
        (lambda items: None, "the metric raised TypeError"),
    ],
)
def test_a_misstep_is_a_fault_and_missing_scores(give: Callable[[Sequence[Item]], Sequence[Score]], why: str) -> None:
    reasons, faults = scored(give)
    assert all(reason and reason.startswith(why) for reason in reasons)
    assert len(faults) == 1


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.nan, "the score is nan"),
        (math.inf, "the score is inf"),
        (1.5, "the score 1.5 lies outside 0 to 1"),
        ("x", "the score 'x' is no number"),
        (10**400, f"the score 1{'0' * 39} is no number"),
        (None, "the metric gave no reason"),
    ],
)
def test_a_value_that_cannot_be_is_missing_and_the_others_stand(value: float | None, why: str) -> None:
    assert scored(lambda items: [Score("a", value), Score("b", 1.0)]) == ([why, None], [])


@pytest.mark.parametrize(("value", "meant"), [(1.0000001, 1.0), (-1e-12, 0.0), (0.25, 0.25)])
def test_what_rounding_puts_beyond_the_scale_is_its_end_and_not_missing(value: float, meant: float) -> None:
    odd = Metric(lambda items: [Score("a", value), Score("b", 1.0)])
    metric = Planned(Ref("odd"), odd, Origin("odd", "1", "metrics"), "odd")
    found = score(metric, ITEMS, ScoringContext(), pytest.fail)
    assert [each.value for each in found] == [meant, 1.0]


def test_an_experiment_that_somebody_works_on_is_left_alone_and_a_cut_off_one_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE, encoding="utf-8")
    suite, results = load(path), tmp_path / "results"
    with Writer(results / "harness.db") as writer, Reader(results / "harness.db") as reader:
        with (
            claim(results, suite, "key", writer, reader) as first,
            claim(results, suite, "key", writer, reader) as second,
        ):
            assert (first, second) == (("tiny-1", False), ("tiny-2", False))
        with claim(results, suite, "key", writer, reader) as again:
            assert again == ("tiny-2", True)
        with claim(results, suite, "another key", writer, reader) as other:
            assert other == ("tiny-3", False)
