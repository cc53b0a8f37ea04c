"""The built-in metrics against reference implementations, and where the meaning of a score could be argued."""

from __future__ import annotations

import collections
import re
import string
from collections.abc import Sequence
from typing import Any

import pytest
from rouge_score.rouge_scorer import RougeScorer

from harness import Score, ScoringContext
from harness.catalog import Catalog
from harness.errors import UsageError
from harness.host import Host
from harness.testing import text_item
from harness.values import Ref

CATALOG = Catalog.build(Host.load())

PAIRS: list[tuple[str, tuple[str, ...]]] = [
    ("Paris", ("Paris",)),
    ("paris.", ("Paris",)),
    ("The capital of France is Paris, of course.", ("Paris",)),
    ("the cat sat on the mat", ("a cat was sitting on a mat",)),
    ("a b c a b", ("a a b d",)),
    ("", ("Paris",)),
    ("", ("",)),
    ("something", ("",)),
    ("the", ("a",)),
    (" \n\t ", ("Paris",)),
    ("New York City", ("New York", "NYC", "New York City, NY")),
    ("Holland", ("The Netherlands", "Holland")),
    ("naïve café in Zürich", ("naive cafe in Zurich", "naïve café in Zürich!")),
    ("東京 は 日本 の 首都", ("日本 の 首都",)),
    ("Москва — столица России", ("Москва", "Столица России")),
    ("1,024 items at 3.50 each", ("1024 items at $3.50",)),
    ("running runners ran quickly", ("the runner runs quick",)),
    ("line one\nline two\nline three", ("line two\nline one", "line three")),
    ("word " * 300, ("word " * 7 + "other " * 90,)),
    ("🙂 fine", ("🙂", "fine")),
    ("don't stop", ("dont stop",)),
    ("state-of-the-art", ("state of the art",)),
]


def score(metric: str, text: str, *targets: str, **options: Any) -> Score:  # noqa: ANN401 - a metric's own options
    instance = CATALOG.make("metric", Ref(metric, options)).instance
    (result,) = instance.score([text_item("s", text, *targets)], ScoringContext())
    assert isinstance(result, Score)
    return result


def value(metric: str, text: str, *targets: str, **options: Any) -> float | None:  # noqa: ANN401
    return score(metric, text, *targets, **options).value


# f1


def squad_f1(prediction: str, truth: str) -> float:
    """SQuAD 2.0's F1, written from its description."""

    def tokens(text: str) -> list[str]:
        without_marks = "".join(char for char in text.lower() if char not in string.punctuation)
        return [word for word in re.split(r"\s+", without_marks) if word and word not in ("a", "an", "the")]

    guessed, gold = tokens(prediction), tokens(truth)
    if len(guessed) == 0 or len(gold) == 0:
        return 1.0 if guessed == gold else 0.0
    left, hits = collections.Counter(gold), 0
    for word in guessed:
        if left[word] > 0:
            left[word] -= 1
            hits += 1
    if hits == 0:
        return 0.0
    precision, recall = hits / len(guessed), hits / len(gold)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(("text", "targets"), PAIRS)
def test_f1_is_squads(text: str, targets: tuple[str, ...]) -> None:
    assert value("f1", text, *targets) == pytest.approx(max(squad_f1(text, target) for target in targets), abs=1e-12)


def test_f1_by_hand() -> None:
    assert value("f1", "the quick brown fox", "A quick fox!") == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))
    assert value("f1", "yes yes yes", "yes") == pytest.approx(0.5)


# rouge


@pytest.mark.parametrize("variant", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
@pytest.mark.parametrize("use_stemmer", [False, True])
def test_rouge_is_the_package_s(variant: str, use_stemmer: bool) -> None:
    reference = RougeScorer([variant], use_stemmer=use_stemmer)
    for text, targets in PAIRS:
        countable = [target for target in targets if re.search("[a-z0-9]", target.lower())]
        expected = max((reference.score(target, text)[variant].fmeasure for target in countable), default=None)

        assert value("rouge", text, *targets, variant=variant, use_stemmer=use_stemmer) == expected


def test_rouge_by_hand() -> None:
    assert value("rouge", "the cat sat", "the cat sat on the mat") == pytest.approx(2 * 1 * 0.5 / 1.5)
    assert value("rouge", "cat the sat", "the cat sat", variant="rouge1") == 1.0
    assert value("rouge", "cat the sat", "the cat sat", variant="rouge2") == 0.0
    assert value("rouge", "cat the sat", "the cat sat") == pytest.approx(2 / 3)


def test_rouge_does_not_call_a_target_wrong_that_it_cannot_read() -> None:
    unread = score("rouge", "東京", "東京")

    assert unread.value is None
    assert "ROUGE" in str(unread.why_missing)


def test_an_unknown_variant_is_told_before_anything_is_scored() -> None:
    with pytest.raises(UsageError, match=r"variant.*'rouge1', 'rouge2', 'rougeL' or 'rougeLsum'"):
        CATALOG.make("metric", Ref("rouge", {"variant": "rougeX"}))
    with pytest.raises(ValueError, match="variant is one of rouge1, rouge2, rougeL, rougeLsum, not 'rougeX'"):
        CATALOG.find("metric", "rouge").plugin_class(variant="rougeX")


# exact_match


@pytest.mark.parametrize(
    ("text", "targets", "options", "expected"),
    [
        ("Paris", ("Paris",), {}, 1.0),
        ("  Paris\n", ("Paris",), {}, 1.0),
        ("  Paris\n", ("Paris",), {"strip": False}, 0.0),
        ("paris", ("Paris",), {}, 0.0),
        ("paris", ("Paris",), {"ignore_case": True}, 1.0),
        ("STRASSE", ("straße",), {"ignore_case": True}, 1.0),
        ("Paris.", ("Paris",), {}, 0.0),
        ("Paris.", ("Paris",), {"ignore_punctuation": True}, 1.0),
        ("well - known", ("well known",), {"ignore_punctuation": True}, 1.0),
        ("C++", ("C",), {"ignore_punctuation": True}, 0.0),
        ('{"a": 1}', ('{"a":1}',), {}, 0.0),
        ('{"a": 1}', ('{"a":1}',), {"ignore_whitespace": True}, 1.0),
        ("caf\u00e9", ("cafe\u0301",), {}, 1.0),
        ("cafe", ("café",), {}, 0.0),
        ("", ("Paris",), {}, 0.0),
        ("", ("",), {}, 1.0),
        ("東京", ("大阪", "東京"), {}, 1.0),
        ("Paris and London", ("Paris", "London"), {}, 0.0),
    ],
)
def test_exact_match(text: str, targets: tuple[str, ...], options: dict[str, bool], expected: float) -> None:
    assert value("exact_match", text, *targets, **options) == expected


def test_a_misspelt_option_is_told_with_the_right_one() -> None:
    with pytest.raises(UsageError, match="no option 'ignore_cse'; did you mean 'ignore_case'"):
        CATALOG.make("metric", Ref("exact_match", {"ignore_cse": True}))


# contains


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("The capital of France is Paris.", "paris", 1.0),
        ("It is Romeo and Juliet.", "Rome", 0.0),
        ("It was Leonardo\n da  Vinci!", "Leonardo da Vinci", 1.0),
        ("São Paulo", "Sao Paulo", 1.0),
        ("7 + 5 = 12.", "12", 1.0),
        ("12, 13 and 14", "12", 1.0),
        ("5-12", "12", 1.0),
        ("-12", "12", 0.0),
        ("\N{MINUS SIGN}12", "-12", 1.0),
        ("5-12", "-12", 0.0),
        ("12.5", "12", 0.0),
        ("3.12", "12", 0.0),
        ("112", "12", 0.0),
        ("1,012", "12", 0.0),
        ("There are 14,042 of them", "14042", 1.0),
        ("I write C++ daily", "C++", 1.0),
        ("日本の首都は東京です。", "東京", 1.0),
        ("", "Paris", 0.0),
        ("I do not know", "Paris", 0.0),
        ("a.c", "abc", 0.0),
        ("abc", "a.c", 0.0),
    ],
)
def test_contains(text: str, target: str, expected: float) -> None:
    assert value("contains", text, target) == expected
    assert value("contains", text, "something else", target) == expected


def test_contains_does_not_find_a_blank_in_every_answer() -> None:
    assert value("contains", "anything", "", "thing") == 0.0
    assert score("contains", "anything", " ").why_missing == "no target to compare with: every target is blank"


# json_fields

TICKET = '{"product": "kettle", "count": 2, "urgent": true, "note": null}'


@pytest.mark.parametrize(
    ("text", "expected", "details"),
    [
        (TICKET, 1.0, {}),
        ('{"note":null,"urgent":true,"count":2.0,"product":"\\u006bettle"}', 1.0, {}),
        (f"```json\n{TICKET}\n```", 1.0, {}),
        (f"Here it is:\n```\n{TICKET}\n```\nAnything else?", 1.0, {}),
        ('{"product": "kettle", "count": "2", "urgent": 1, "note": null}', 0.5, {"wrong": ["count", "urgent"]}),
        ('{"product": "Kettle", "count": 2, "urgent": true}', 0.5, {"wrong": ["product"], "missing": ["note"]}),
        (TICKET[:-1] + ', "colour": "red"}', 0.8, {"extra": ["colour"]}),
        ("{}", 0.0, {"missing": ["product", "count", "urgent", "note"]}),
        ("", 0.0, {"invalid": "not JSON: Expecting value at line 1, column 1"}),
        ("I cannot do that.", 0.0, {"invalid": "not JSON: Expecting value at line 1, column 1"}),
        (TICKET[:-1], 0.0, {"invalid": "not JSON: Expecting ',' delimiter at line 1, column 63"}),
        (TICKET + " Done!", 0.0, {"invalid": "not JSON: Extra data at line 1, column 65"}),
        ("[1, 2]", 0.0, {"invalid": "JSON, but not an object"}),
        ('{"count": NaN}', 0.0, {"invalid": "not JSON: NaN is no JSON value"}),
        ('{"count": 2, "count": 3}', 0.0, {"invalid": "the name 'count' stands twice in one object"}),
        ("[" * 100_000, 0.0, {"invalid": "not JSON that can be read: nested too deeply"}),
        ('{"\\ud800": 1}', 0.0, {"missing": ["product", "count", "urgent", "note"], "extra": ["\\ud800"]}),
    ],
)
def test_json_fields(text: str, expected: float, details: dict[str, Sequence[str]]) -> None:
    got = score("json_fields", text, TICKET)

    assert (got.value, got.details) == (expected, details)


def test_json_fields_options() -> None:
    extra = TICKET[:-1] + ', "colour": "red"}'

    assert value("json_fields", extra, TICKET, extra_fields_count=False) == 1.0
    assert value("json_fields", f"```\n{TICKET}\n```", TICKET, fenced=False) == 0.0


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ('{"a": {"b": [1, {"c": true}]}}', '{"a": {"b": [1.0, {"c": true}]}}', 1.0),
        ('{"a": {"b": [1, {"c": 1}]}}', '{"a": {"b": [1, {"c": true}]}}', 0.0),
        ('{"a": [1, 2]}', '{"a": [2, 1]}', 0.0),
        ('{"a": {"x": 1, "y": 2}}', '{"a": {"y": 2, "x": 1}}', 1.0),
        ('{"a": 1e400}', '{"a": 1e401}', 0.0),
        ('{"a": 0.10}', '{"a": 0.1}', 1.0),
        ('{"a": 12345678901234567890}', '{"a": 12345678901234567891}', 0.0),
        ('{"a": "é"}', '{"a": "\\u00e9"}', 1.0),
        ('{"a": "```\\n{}```"}', '{"a": "```\\n{}```"}', 1.0),
        ("{}", "{}", 1.0),
        ('{"a": 1}', "{}", 0.0),
    ],
)
def test_json_fields_compares_as_json_does(text: str, target: str, expected: float) -> None:
    assert value("json_fields", text, target) == expected


def test_json_fields_takes_the_best_target_and_blames_no_answer_for_a_bad_one() -> None:
    assert value("json_fields", '{"a": 2}', '{"a": 1}', "no JSON", '{"a": 2}') == 1.0
    assert score("json_fields", '{"a": 2}', "[]").why_missing == "no target to compare with: no target is a JSON object"


# what all share


@pytest.mark.parametrize("metric", ["exact_match", "f1", "contains", "json_fields", "rouge"])
def test_what_cannot_be_compared_is_missing_with_the_reason(metric: str) -> None:
    assert score(metric, "Paris").why_missing == "no target to compare with: the sample has none"


def test_several_attempts_score_their_mean() -> None:
    instance = CATALOG.make("metric", Ref("exact_match")).instance

    (got,) = instance.score([text_item("s", ("7", "8", "7", "9"), "7")], ScoringContext())

    assert got == Score("s", 0.5)
