"""Accuracy and macro F1 against scikit-learn, and how a label is read out of an answer."""

from __future__ import annotations

import json
import math
import time
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness import GenerationSettings, Item, Sample, Score, ScoringContext, UsageError, hookimpl
from harness.catalog import Catalog
from harness.host import Host
from harness.testing import MetricContract, text_item
from harness.values import Origin, Ref
from harness_metrics.labels import Accuracy, MacroF1

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "metrics" / "labels.json").read_text(encoding="utf-8"))
SETS = GOLDEN["sets"]
ISSUES = ("late", "refund", "wrong item")

Metric = Accuracy | MacroF1


def scored(metric: Metric, *items: Item) -> list[Score]:
    return list(metric.score(items, ScoringContext()))


def answered(text: str, labels: Sequence[str] = ISSUES, **options: Any) -> str | None:  # noqa: ANN401 - the metric's own options
    """The label that is read out of the answer."""
    (score,) = scored(Accuracy(tuple(labels), **options), text_item("s", text, labels[0]))
    predicted: str | None = score.details["predicted"]
    return predicted


def items_of(golden: dict[str, Any]) -> list[Item]:
    return [text_item(f"s{at}", answers, target) for at, (target, answers) in enumerate(golden["items"])]


def made(metric: str, **options: Any) -> Any:  # noqa: ANN401 - as the catalog gives it
    """The metric as a suite gets it."""
    plugin = types.ModuleType("labels")
    plugin.harness_register_metrics = hookimpl(lambda: [Accuracy, MacroF1])  # type: ignore[attr-defined]
    host = Host([("test:labels", Origin("test", "1", "labels"), lambda: plugin)])
    return Catalog.build(host).make("metric", Ref(metric, options)).instance


# against scikit-learn


@pytest.mark.parametrize("golden", SETS, ids=lambda golden: golden["name"])
def test_accuracy_is_scikit_learns(golden: dict[str, Any]) -> None:
    metric = Accuracy(tuple(golden["labels"]))
    scores = scored(metric, *items_of(golden))

    assert all(score.value is not None for score in scores)
    assert metric.aggregate(scores) == pytest.approx(golden["accuracy"], abs=1e-9)


@pytest.mark.parametrize("golden", SETS, ids=lambda golden: golden["name"])
def test_macro_f1_is_scikit_learns_with_all_items_and_with_one_left_out(golden: dict[str, Any]) -> None:
    metric = MacroF1(tuple(golden["labels"]))
    scores = scored(metric, *items_of(golden))
    table = [metric.parts(score) for score in scores]
    sums = [sum(column) for column in zip(*table, strict=True)]
    without = [
        metric.whole([total - part for total, part in zip(sums, table[at], strict=True)]) for at in golden["left_out"]
    ]

    assert metric.aggregate(scores) == pytest.approx(golden["macro_f1"], abs=1e-9)
    assert without == pytest.approx(golden["without"], abs=1e-9)


@pytest.mark.parametrize("golden", SETS, ids=lambda golden: golden["name"])
def test_precision_recall_and_f1_of_each_class_are_scikit_learns(golden: dict[str, Any]) -> None:
    metric = MacroF1(tuple(golden["labels"]))
    breakdown = metric.breakdown(scored(metric, *items_of(golden)))
    columns = dict(zip(breakdown.columns, zip(*breakdown.rows[:-1], strict=True), strict=True))

    assert columns["label"] == tuple(golden["labels"])
    for name, reference in (("precision", "precision"), ("recall", "recall"), ("F1", "f1")):
        assert list(columns[name]) == [
            each if each is None else pytest.approx(each, abs=1e-9) for each in golden[reference]
        ]


@pytest.mark.parametrize("golden", SETS, ids=lambda golden: golden["name"])
def test_the_goldens_hold_right_wrong_and_unparsable_answers(golden: dict[str, Any]) -> None:
    scores = scored(Accuracy(tuple(golden["labels"])), *items_of(golden))
    wrong = [score for score in scores if score.value != 1.0 and "unparsable" not in score.details]

    assert len(scores) >= 60
    assert 0.2 < golden["accuracy"] < 0.9
    assert len(wrong) >= 5
    assert sum("unparsable" in score.details for score in scores) >= 5
    assert len(set(golden["without"])) > 5


def test_macro_f1_by_hand() -> None:
    metric = MacroF1(("a1", "b1", "c1"))
    pairs = [("a1", "a1"), ("b1", "a1"), ("b1", "b1"), ("none", "b1")]
    scores = scored(metric, *(text_item(f"s{n}", answer, target) for n, (answer, target) in enumerate(pairs)))

    # a1: precision 1, recall 1/2; b1: precision 1/2, recall 1/2; c1: neither predicted nor there
    assert metric.aggregate(scores) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert [score.value for score in scores] == [1.0, 0.0, 1.0, 0.0]


def test_macro_f1_is_a_number_for_any_sums() -> None:
    metric = MacroF1(("a1", "b1"))

    assert metric.whole([0.0] * 6) == 0.0
    assert metric.whole([-1e-17, 0.0, 1e-17, 0.0, 1e-17, 0.0]) == 0.0
    assert metric.whole([1e-17, 0.0, 1e-17, 0.0, 1e-17, 0.0]) == 0.0
    assert metric.whole([1.0 + 1e-16, 2.0, 1.0, 2.0, 1.0, 2.0]) == 1.0


# reading the label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("late", "late"),
        ("  Late\n", "late"),
        ("LATE.", "late"),
        ('"late"', "late"),
        ("“late”.", "late"),
        ("**late**", "late"),
        ("`late`", "late"),
        ("'late.'", "late"),
        ("wrong  item", "wrong item"),
        ("Wrong\nItem", "wrong item"),
        ("The label is: late, I think", "late"),
        ('{"issue": "late"}', "late"),
        ("late late late", "late"),
        ("It is not late", "late"),
        ("", None),
        (" \n", None),
        ("no idea", None),
        ("lately", None),
        ("chocolate", None),
        ("non-late", None),
        ("late-ish", None),
        ("wrong_item", None),
        ("wrong", None),
        ("late or refund", None),
        ("\ud800 late \x00", "late"),
    ],
)
def test_the_label_that_an_answer_names(text: str, label: str | None) -> None:
    assert answered(text) == label


@pytest.mark.parametrize(
    ("parse", "several", "one", "whole"),
    [
        ("exact", None, None, "refund"),
        ("only", None, "late", "refund"),
        ("first", "late", "late", "refund"),
        ("last", "refund", "late", "refund"),
    ],
)
def test_the_ways_to_find_the_label(parse: str, several: str | None, one: str | None, whole: str) -> None:
    assert answered("late, not wrong item but a refund", parse=parse) == several
    assert answered("it came late", parse=parse) == one
    assert answered(" Refund. ", parse=parse) == whole


def test_of_labels_within_each_other_the_longest_is_named() -> None:
    assert answered("That is not urgent.", ("urgent", "not urgent")) == "not urgent"
    assert answered("That is urgent.", ("urgent", "not urgent")) == "urgent"
    assert answered("urgent, not urgent", ("urgent", "not urgent")) is None


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I give it a 4", "4"),
        ("4", "4"),
        ("4.", "4"),
        ("It is 4, no doubt", "4"),
        ("4.5", None),
        ("1,4", None),
        ("14", None),
        ("-4", None),
        ("3-4", None),
        ("-1", "-1"),
        ("I say \N{MINUS SIGN}1 here", "-1"),
        ("1 or 4", None),
    ],
)
def test_numbers_are_labels_only_as_whole_numbers(text: str, label: str | None) -> None:
    assert answered(text, ("-1", "1", "4")) == label


def test_labels_of_any_script_are_found() -> None:
    assert answered("これは肯定です。", ("肯定", "否定")) == "肯定"
    assert answered("это жалоба", ("жалоба", "вопрос")) == "жалоба"
    assert answered("cafe\u0301 noir", ("café", "thé")) == "café"
    assert answered("STRASSE", ("Straße", "Weg")) == "Straße"
    assert answered("I write C++ code", ("C", "C++")) == "C++"


def test_case_can_count() -> None:
    assert answered("us", ("US", "us"), ignore_case=False) == "us"
    assert answered("Us", ("US", "us"), ignore_case=False) is None


def test_a_label_with_signs_of_a_pattern_stands_for_itself() -> None:
    assert answered("it is axb", ("a.b", "c|d")) is None
    assert answered("it is c|d", ("a.b", "c|d")) == "c|d"


@pytest.mark.parametrize("text", ["a" * 2_000_000, "late " * 200_000, "e" + "\u0300\u0323" * 500_000, '"' * 2_000_000])
def test_an_endless_answer_is_read_in_seconds(text: str) -> None:
    began = time.process_time()
    answered(text)

    assert time.process_time() - began < 5


# what the score says


def test_an_answer_that_names_no_label_is_wrong_and_not_missing() -> None:
    for metric in (Accuracy(ISSUES), MacroF1(ISSUES)):
        right, wrong, unread = scored(
            metric, *(text_item("s", text, "Late") for text in ("late", "refund", "I cannot tell"))
        )

        assert right == Score("s", 1.0, None, {"label": "late", "predicted": "late"})
        assert wrong == Score("s", 0.0, None, {"label": "late", "predicted": "refund"})
        assert unread == Score("s", 0.0, None, {"label": "late", "predicted": None, "unparsable": True})


def test_several_answers_score_their_mean_and_are_all_told() -> None:
    (got,) = scored(Accuracy(ISSUES), text_item("s", ("late", "?", "late", "refund"), "late"))

    assert got.value == 0.5
    assert got.details == {"label": "late", "predicted": ["late", None, "late", "refund"], "unparsable": True}


@pytest.mark.parametrize(
    ("targets", "why"),
    [
        ((), "no target to compare with: the sample has none"),
        (("lost",), "the target 'lost' is none of the labels"),
        (("it is late",), "the target 'it is late' is none of the labels"),
        (("late", "refund"), "the sample has two labels, 'late' and 'refund', and may have one"),
        (("\ud800",), r"the target '\ud800' is none of the labels"),
        (("x" * 999,), f"the target '{'x' * 60}…' is none of the labels"),
    ],
)
def test_a_target_that_is_no_label_is_missing_with_the_reason(targets: tuple[str, ...], why: str) -> None:
    for metric in (Accuracy(ISSUES), MacroF1(ISSUES)):
        assert scored(metric, text_item("s", "late", *targets)) == [Score("s", None, why)]


def test_targets_that_are_one_label_are_one() -> None:
    assert scored(Accuracy(ISSUES), text_item("s", "late", "late", "Late."))[0].value == 1.0


def test_a_target_that_is_no_label_is_told_before_anything_is_asked() -> None:
    fine, odd = Sample("a", "?", ("Late",)), Sample("b", "?", ("Refunds",))
    without = Sample("c", "?", ())

    Accuracy(ISSUES).check([fine, without], GenerationSettings())
    with pytest.raises(UsageError, match="metric 'macro_f1' cannot score 2 of 3 samples: the target 'Refunds' is none"):
        MacroF1(ISSUES).check([fine, odd, odd], GenerationSettings())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"labels": ["late"]}, "labels needs at least two"),
        ({"labels": []}, "labels needs at least two"),
        ({"labels": ["late", "Late."]}, r"the labels 'late' and 'Late\.' are the same; leave one out"),
        ({"labels": ["late", "..."]}, r"the label '\.\.\.' has nothing that an answer could name"),
        ({"labels": ["yes", False]}, "labels.1: Input should be a valid string"),
        ({"labels": "late"}, "labels"),
        ({"labels": ["late", "refund"], "parse": "any"}, "parse"),
        ({}, "labels"),
    ],
)
@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_bad_options_are_told_before_anything_is_scored(metric: str, options: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        made(metric, **options)


def test_a_bad_way_to_find_the_label_is_refused_without_the_catalog_too() -> None:
    with pytest.raises(ValueError, match="parse is one of exact, only, first, last, not 'any'"):
        Accuracy(ISSUES, parse="any")  # type: ignore[arg-type]


def test_a_suites_list_of_labels_is_taken() -> None:
    assert scored(made("macro_f1", labels=["late", "refund"]), text_item("s", "late", "late"))[0].value == 1.0


# the breakdown


def test_the_breakdown_by_hand() -> None:
    metric = MacroF1(ISSUES)
    answers = [
        ("late", "late"),
        ("late", "refund"),
        ("late", "refund"),
        ("refund", "?"),
        ("refund", "refund"),
        ("lost", "late"),
    ]
    breakdown = metric.breakdown(
        scored(metric, *(text_item(f"s{n}", text, target) for n, (target, text) in enumerate(answers)))
    )

    assert breakdown.columns == ("label", "items", "predicted", "precision", "recall", "F1", "confused with", "times")
    assert breakdown.rows == (
        ("late", 3, 1, 1.0, pytest.approx(1 / 3), pytest.approx(1 / 2), "refund", 2),
        ("refund", 2, 3, pytest.approx(1 / 3), 0.5, pytest.approx(2 / 5), "(unparsable)", 1),
        ("wrong item", 0, 0, None, None, 0.0, None, None),
        ("(unparsable)", None, 1, None, None, None, None, None),
    )
    assert all(isinstance(row[2], int) for row in breakdown.rows)


def test_the_mean_of_the_breakdowns_f1_is_the_metrics_value() -> None:
    golden = SETS[0]
    metric = MacroF1(tuple(golden["labels"]))
    scores = scored(metric, *items_of(golden))
    f1 = [row[5] for row in metric.breakdown(scores).rows[:-1]]

    assert math.fsum(f1) / len(f1) == pytest.approx(metric.aggregate(scores))


def test_of_no_scores_the_breakdown_has_every_label_and_no_count() -> None:
    rows = MacroF1(ISSUES).breakdown([Score("s", None, "no answer was recorded")]).rows

    assert [row[:3] for row in rows] == [
        ("late", 0, 0),
        ("refund", 0, 0),
        ("wrong item", 0, 0),
        ("(unparsable)", None, 0),
    ]


# the contract

SOME = ("Paris", "42", "7", "القاهرة", "Holland")
EXAMPLES = (text_item("one of several attempts", ("Paris", "", "42"), "Paris"), text_item("no label", "Paris", "Rome"))


class TestAccuracy(MetricContract):
    metric = Accuracy
    options = {"labels": SOME}  # noqa: RUF012 - a ClassVar of the contract
    examples = EXAMPLES


class TestMacroF1(MetricContract):
    metric = MacroF1
    options = {"labels": SOME, "parse": "last"}  # noqa: RUF012
    examples = EXAMPLES
