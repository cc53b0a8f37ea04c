"""Normal forms are Unicode's, and an answer of nothing but accents does not stop the scoring."""

from __future__ import annotations

import random
import time
import unicodedata
from typing import get_args

import pytest

from harness_metrics.normal_forms import Form, normalized
from harness_metrics.symptoms import LengthRatio
from harness_metrics.text import Contains, ExactMatch

FORMS = get_args(Form)
LETTERS = "aeoA \nßéễǖﬁｶωשक\u0bc7\u0bbeᄀ가각ᅡᆨ①㎏"
"""Some compose with marks, some with each other, some fall apart into several."""
MARKS = "\u0300\u0301\u0308\u030a\u0323\u031b\u0345\u0344\u05b4\u05bc\u093c\u3099\uff9e\u0f71\u0f73\u1161"
"""Of several classes and of none; two are two marks in one, one is a mark only where width does not count."""
ASSIGNED = [chr(code) for code in range(0x30000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]


def texts(longest_run: int, count: int) -> list[str]:
    """Letters with up to so many marks each, among enough others to be looked at closely."""
    chosen = random.Random(7)
    made = []
    for _ in range(count):
        pieces = ["".join(chosen.choices(MARKS, k=chosen.randint(0, 3)))]
        for _ in range(60):
            run = chosen.choices(MARKS, k=chosen.randint(0, longest_run))
            pieces += [*chosen.choices(LETTERS, k=chosen.randint(1, 4)), *run]
        made.append("".join(pieces) + "x" * 1_000)
    return made


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("longest_run", [3, 30, 200])
def test_a_text_is_what_unicodedata_makes_of_it(form: Form, longest_run: int) -> None:
    for text in texts(longest_run, 12):
        assert normalized(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
def test_any_characters_at_all_are_what_unicodedata_makes_of_them(form: Form) -> None:
    chosen = random.Random(form)
    marks = [char for char in ASSIGNED if unicodedata.combining(char)]
    for _ in range(200):
        run = chosen.choices(marks, k=40)
        text = "".join([*chosen.choices(ASSIGNED, k=900), *run, *chosen.choices(ASSIGNED, k=100)])
        assert normalized(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
def test_every_letter_takes_its_marks_though_too_many_follow(form: Form) -> None:
    """Each character of Unicode that is a letter with marks, written apart, under a heap of more."""
    for char in ASSIGNED:
        apart = unicodedata.normalize("NFD", char)
        if len(apart) > 1 and not unicodedata.combining(apart[0]):
            text = apart + "\u0334\u0301" * 20
            long = "x" * 1_000 + text
            assert normalized(form, long) == "x" * 1_000 + unicodedata.normalize(form, text), f"U+{ord(char):04X}"


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("e" + 64_000 * "\u0301", id="one accent"),
        pytest.param("e" + 64_000 * "\u0308", id="an accent that may join others"),
        pytest.param("e" + 32_000 * "\u0301\u0323", id="out of order"),
        pytest.param(64_000 * "\u0323", id="no letter"),
        pytest.param("ｶ" + 64_000 * "\uff9e", id="narrow"),
        pytest.param(2_000 * ("o" + 31 * "\u0323\u0302"), id="many letters"),
    ],
)
def test_64_000_accents_are_scored_within_a_second(hostile: str) -> None:
    for metric in (ExactMatch(), Contains(), LengthRatio(unit="characters")):
        began = time.process_time()
        score = metric.score_one(hostile, ("e\u0301",))
        assert score is not None
        assert time.process_time() - began < 1, metric.name


def test_an_answer_under_a_heap_of_accents_is_still_compared() -> None:
    one, other = "e" + 2_000 * "\u0323\u0301", "é" + 2_000 * "\u0323" + 1_999 * "\u0301"
    assert ExactMatch().score_one(one, (other,)) == 1.0
    assert ExactMatch().score_one(one, (other + "\u0301",)) == 0.0
    assert Contains().score_one("Paris" + 5_000 * "\u0301", ("Páris",)) == 1.0
