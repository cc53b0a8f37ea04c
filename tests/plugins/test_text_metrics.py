"""Metrics on words, patterns and symptoms: against reference implementations, by hand, and on hostile answers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from harness import PerSample, Score, ScoringContext
from harness.testing import text_item
from harness_metrics.symptoms import REFUSALS, LengthRatio, Refusal, Repetition, Unit
from harness_metrics.text import F1, ExactMatch, Regex

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics"
PAIRS = [json.loads(line) for line in (GOLDEN / "pairs.jsonl").read_text("utf-8").splitlines()]


def score(metric: PerSample, text: str, *targets: str) -> Score:
    (result,) = metric.score([text_item("s", text, *targets)], ScoringContext())
    return result


def value(metric: PerSample, text: str, *targets: str) -> float | None:
    return score(metric, text, *targets).value


WITHOUT_CASE = frozenset({458, 471})
"""Pairs whose sides differ by more than case for the reference, by none for us: two forms of an e, and a ligature."""


@pytest.mark.parametrize(
    ("golden", "metric", "ours_only"),
    [
        ("f1", F1, frozenset()),
        ("exact_match", ExactMatch, frozenset()),
        ("exact_match-money", ExactMatch, WITHOUT_CASE),
        ("exact_match-squad", ExactMatch, WITHOUT_CASE),
        ("regex-first", Regex, frozenset()),
        ("regex-last", Regex, frozenset()),
    ],
)
def test_every_pair_scores_as_the_reference_scores_it(
    golden: str, metric: type[PerSample], ours_only: frozenset[int]
) -> None:
    reference = json.loads((GOLDEN / f"{golden}.json").read_text("utf-8"))
    instance = metric(**reference["options"])

    for index, (pair, expected) in enumerate(zip(PAIRS, reference["values"], strict=True)):
        got = value(instance, pair["answer"], *pair["targets"])
        if index in ours_only:
            assert (got, expected) == (1.0, 0.0), pair
        else:
            assert got == pytest.approx(expected, abs=1e-9), pair
    assert len(set(reference["values"])) > 1


# exact_match


@pytest.mark.parametrize(
    ("text", "target", "patterns", "expected"),
    [
        ("$1,200", "1200", [",", "[$]"], 1.0),
        ("1200", "so:\n#### 1,200", [",", "(?s).*#### "], 1.0),
        ("$1,200", "1200", [","], 0.0),
        ("ab12", "ab34", ["[0-9]"], 1.0),
        ("The end", "end", [r"(?i)\b(a|an|the)\b"], 1.0),
        ("a-b", "ab", ["-"], 1.0),
    ],
)
def test_what_a_pattern_matches_does_not_count_on_either_side(
    text: str, target: str, patterns: list[str], expected: float
) -> None:
    assert value(ExactMatch(regexes_to_ignore=tuple(patterns)), text, target) == expected


# regex


@pytest.mark.parametrize(
    ("options", "text", "expected"),
    [
        ({"pattern": r"\d{4}"}, "in 1945, they say", 1.0),
        ({"pattern": r"\d{4}"}, "in '45", 0.0),
        ({"pattern": r"\d{4}", "full": True}, "in 1945", 0.0),
        ({"pattern": r"\d{4}", "full": True}, "1945", 1.0),
        ({"pattern": r"\d{4}", "full": True}, "1945\n", 0.0),
        ({"pattern": "paris"}, "Paris", 0.0),
        ({"pattern": "paris", "ignore_case": True}, "Paris", 1.0),
        ({"pattern": "^b$"}, "a\nb", 0.0),
        ({"pattern": "(?m)^b$"}, "a\nb", 1.0),
        ({"pattern": ""}, "", 1.0),
        ({"pattern": r"\p{Han}"}, "東京", 1.0),
    ],
)
def test_an_answer_matches_or_not(options: dict[str, Any], text: str, expected: float) -> None:
    assert value(Regex(**options), text) == expected
    assert value(Regex(**options), text, "any target") == expected


ANSWER = r"answer is (\w+)"


@pytest.mark.parametrize(
    ("options", "text", "targets", "expected", "extracted"),
    [
        ({"pattern": ANSWER, "extract": "first"}, "The answer is 7, no: the answer is 8", ("7",), 1.0, "7"),
        ({"pattern": ANSWER, "extract": "last"}, "The answer is 7, no: the answer is 8", ("7",), 0.0, "8"),
        ({"pattern": ANSWER, "extract": "last"}, "The answer is 7, no: the answer is 8", ("7", "8"), 1.0, "8"),
        ({"pattern": r"\d+", "extract": "last"}, "7 or 8", ("8",), 1.0, "8"),
        ({"pattern": r"(\d+) km|(\d+) m", "extract": "first"}, "about 30 m", ("30",), 1.0, "30"),
        ({"pattern": ANSWER, "extract": "first"}, "I do not know", ("I do not know",), 0.0, None),
        ({"pattern": "is( not)?", "extract": "first"}, "it is", ("",), 0.0, None),
        ({"pattern": ANSWER, "extract": "first"}, "answer is Paris", ("paris",), 0.0, "Paris"),
        ({"pattern": ANSWER, "extract": "first", "ignore_case": True}, "ANSWER IS PARIS", ("paris",), 1.0, "PARIS"),
        ({"pattern": ANSWER, "extract": "first", "full": True}, "the answer is 7", ("7",), 0.0, None),
        ({"pattern": ANSWER, "extract": "first", "full": True}, "answer is 7", ("7",), 1.0, "7"),
        (
            {"pattern": r"[\d,]+", "extract": "last", "regexes_to_ignore": (",",)},
            "in all 1,200",
            ("1200",),
            1.0,
            "1,200",
        ),
    ],
)
def test_what_the_pattern_extracts_is_compared(
    options: dict[str, Any], text: str, targets: tuple[str, ...], expected: float, extracted: str | None
) -> None:
    got = score(Regex(**options), text, *targets)

    assert (got.value, got.details) == (expected, {"extracted": extracted})


def test_only_what_is_compared_needs_a_target() -> None:
    assert value(Regex("a"), "a") == 1.0
    missing = score(Regex("a", extract="first"), "a")
    assert missing.why_missing == "no target to compare with: the sample has none"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"pattern": "a(b"}, r"'a\(b' is no regular expression: missing \) at position 3"),
        ({"pattern": "*"}, r"'\*' is no regular expression: nothing to repeat at position 0"),
        ({"pattern": "a", "extract": "second"}, "extract is 'first', 'last' or left out, not 'second'"),
        ({"pattern": "a", "regexes_to_ignore": (",",)}, "add 'extract: first' or 'extract: last'"),
        ({"pattern": "a", "extract": "last", "regexes_to_ignore": ("(",)}, r"'\(' is no regular expression"),
    ],
)
def test_a_regex_that_cannot_work_is_told_before_anything_is_scored(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Regex(**options)


def test_a_pattern_that_is_none_is_told_by_exact_match_too() -> None:
    with pytest.raises(ValueError, match=r"'\[a' is no regular expression"):
        ExactMatch(regexes_to_ignore=("[a",))


BACKTRACKS = "^(a|a)*$"


@pytest.mark.parametrize(
    "metric",
    [
        Regex(BACKTRACKS),
        Regex(BACKTRACKS, full=True),
        Regex(BACKTRACKS, extract="last"),
        Regex(r".+", extract="first", regexes_to_ignore=(BACKTRACKS,)),
        ExactMatch(regexes_to_ignore=(BACKTRACKS,)),
    ],
    ids=["search", "full", "extract", "extracted", "exact_match"],
)
def test_a_pattern_that_backtracks_for_ever_leaves_the_score_missing(metric: PerSample) -> None:
    begun = time.monotonic()

    got = score(metric, "a" * 40 + "b", "a")

    assert got.value is None
    assert "longer than 1 s" in str(got.why_missing)
    assert time.monotonic() - begun < 30


def test_what_is_extracted_is_told_in_a_form_that_can_be_stored() -> None:
    details = score(Regex(r"(?s).*", extract="first"), "\ud800" + "x" * 10_000, "7").details

    assert details["extracted"].startswith(r"\ud800xxx")
    assert len(details["extracted"]) < 300


# length_ratio


@pytest.mark.parametrize(
    ("unit", "text", "targets", "expected", "ratio"),
    [
        ("words", "one two three", ("a b c",), 1.0, 1.0),
        ("words", "one two", ("a b c d",), 0.5, 0.5),
        ("words", " a  b\nc d ", ("one two",), 0.5, 2.0),
        ("words", "one two", ("a b c d", "a b c"), 2 / 3, 2 / 3),
        ("words", "", ("a b",), 0.0, 0.0),
        ("words", "a b", ("",), 0.0, None),
        ("words", "", (" ",), 1.0, None),
        ("characters", " caf\u00e9\n", ("cafe\u0301 cafe\u0301",), 4 / 9, 4 / 9),
        ("characters", "東京", ("東京都",), 2 / 3, 2 / 3),
    ],
)
def test_length_ratio(unit: Unit, text: str, targets: tuple[str, ...], expected: float, ratio: float | None) -> None:
    got = score(LengthRatio(unit), text, *targets)

    assert got.value == pytest.approx(expected)
    assert got.details.get("ratio") == pytest.approx(ratio)


def test_length_ratio_is_the_same_for_half_and_twice_the_length() -> None:
    assert value(LengthRatio(), "a b", "a b c d") == value(LengthRatio(), "a b c d e f g h", "a b c d")


def test_an_unknown_unit_is_told() -> None:
    with pytest.raises(ValueError, match="unit is 'words' or 'characters', not 'tokens'"):
        LengthRatio("tokens")  # type: ignore[arg-type]


# repetition


@pytest.mark.parametrize(
    ("n", "text", "expected"),
    [
        (1, "a b a b", 0.5),
        (2, "a b a b", 1 / 3),
        (2, "a b a b a b", 3 / 5),
        (4, "a b a b", 0.0),
        (4, "one two three four five", 0.0),
        (4, "", 0.0),
        (1, "don't don't", 0.5),
        (1, "don\u2019t don't", 0.0),
        (4, "!!!!!!!!!!", 6 / 7),
        (4, "🌱" * 14, 10 / 11),
        (4, "東京は東京は東京は東京は", 6 / 9),
        (4, "ไป" * 10, 15 / 17),
        (4, "a" * 2_000, 96 / 97),
        (4, "no,no,no,no", 2 / 4),
        (1, "रेलगाड़ी रेलगाड़ी", 0.5),
    ],
)
def test_repetition_is_the_share_of_runs_that_came_before(n: int, text: str, expected: float) -> None:
    assert value(Repetition(n), text) == pytest.approx(expected)


def test_repetition_tells_the_run_that_came_most_often() -> None:
    got = score(Repetition(3), "so it is, so it is, so it is said")

    assert got.details == {"run": "so it is", "times": 3}
    assert score(Repetition(3), "no run of this comes twice").details == {}


def test_the_answers_that_loop_are_those_that_a_reader_would_name() -> None:
    loops = {41, 53, 54, 97, 104, 134, 141, 475, 485}  # read one by one

    found = {index for index, pair in enumerate(PAIRS) if (value(Repetition(), pair["answer"]) or 0) > 0.3}

    assert found == loops


@pytest.mark.parametrize("n", [0, -1, 101])
def test_a_run_of_no_words_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="n is a number of words from 1 to 100"):
        Repetition(n)


# refusal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I cannot help with that request.", 1.0),
        ("I can't help with that.", 1.0),
        ("I can\u2019t help with that.", 1.0),
        ("I CAN NOT HELP with that.", 1.0),
        ("I'm sorry, but I can't do that.", 1.0),
        ("I\u2019m sorry. I won\u2019t provide that.", 1.0),
        ("Unfortunately, I am unable to see your order.", 1.0),
        ("As an AI language model, I don't have opinions.", 1.0),
        ("I can't.", 1.0),
        ("  \n**I'm sorry**, but I'm not able to say.", 1.0),
        ("As an AI language model, I would say Paris.", 0.0),
        ("I can't wait to help! The answer is 7.", 0.0),
        ("I cannot recommend this book enough.", 0.0),
        ("I'm sorry to hear that. Your order is on its way.", 0.0),
        ("It is Paris. It lies on the Seine. I cannot help you with more.", 0.0),
        ("", 0.0),
        ("Die Antwort ist 7.", 0.0),
    ],
)
def test_refusal(text: str, expected: float) -> None:
    assert value(Refusal(), text) == expected


def test_every_phrase_is_found_in_an_answer_that_begins_with_it() -> None:
    for phrase in REFUSALS:
        assert value(Refusal(), f"{phrase} this.") == 1.0, phrase


def test_a_refusal_tells_its_phrase() -> None:
    assert score(Refusal(), "Sorry, I'm unable to do so.").details == {"phrase": "i am unable to"}


def test_the_answers_that_refuse_are_those_that_a_reader_would_name() -> None:
    """Of the base model's 120 answers to tickets, the first 40 answers to questions and the rest."""
    help_all_the_same = {41, 42, 43, 44, 47, 52, 53, 54, 55, 59, 68, 70, 71, 73, 78, 89, 91, 97, 100, 102, 103, 104}
    help_all_the_same |= {108, 112, 116, 118, 120, 122, 124, 134, 136, 137, 141, 142, 147, 149, 152, 157}
    refuse = (set(range(40, 160)) - help_all_the_same) | {482}  # read one by one

    assert {index for index, pair in enumerate(PAIRS) if value(Refusal(), pair["answer"])} == refuse


def test_phrases_of_ones_own_take_the_place_of_the_given() -> None:
    german = Refusal(("Das kann ich nicht", "申し訳"))

    assert value(german, "Es tut mir leid: das kann ich nicht.") == 1.0
    assert value(german, "誠に申し訳ありません。") == 1.0
    assert value(german, "I cannot help with that.") == 0.0


@pytest.mark.parametrize("phrases", [(), ("no", " ")])
def test_a_blank_phrase_would_stand_in_any_answer(phrases: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="give at least one, and none that is blank"):
        Refusal(phrases)


# what all share


@pytest.mark.parametrize(
    "metric",
    [
        Regex(r"\d+$"),
        Regex(r"(\w)\w*", extract="first"),
        ExactMatch(regexes_to_ignore=("[,$]",)),
        F1(),
        LengthRatio(),
        LengthRatio("characters"),
        Repetition(),
        Refusal(),
    ],
    ids=lambda metric: metric.name,
)
@pytest.mark.parametrize("text", ["x" * 10_000_000, "a b " * 2_500_000, "\ud800\x00\x1b[31m" * 100_000], ids=range(3))
def test_ten_megabytes_are_scored_in_seconds(metric: PerSample, text: str) -> None:
    begun = time.monotonic()

    got = score(metric, text, "target")

    assert got.value is not None
    assert time.monotonic() - begun < 30
    json.dumps(dict(got.details), ensure_ascii=False).encode()
