"""Answers that break off are found, and texts that end as they like are not."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Sequence

import pytest

from harness import DataContext, Finding, Message, Row
from harness.testing import chat_row, table_of
from harness_datachecks.truncated import Truncated

WORDS = ["box", "our", "shop", "lid", "closes", "clips", "keeps", "bread", "fresh", "many", "days", "two", "sturdy"]


def prose(count: int, seed: int = 0, end: str = ".") -> list[str]:
    """Answers of two or three sentences."""
    draw = random.Random(seed)

    def sentence() -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(8, 20))).capitalize()

    return [". ".join(sentence() for _ in range(draw.randint(2, 3))) + end for _ in range(count)]


def checked(answers: Sequence[str], **options: float) -> dict[str, Finding]:
    rows = [chat_row(line, f"Question {line}?", answer) for line, answer in enumerate(answers, start=1)]
    return {finding.kind: finding for finding in Truncated(**options).check(table_of(*rows), DataContext())}


def lines(found: dict[str, Finding]) -> list[int]:
    return [spot.line for finding in found.values() for spot in finding.spots]


@pytest.mark.parametrize(
    ("answer", "sign"),
    [
        ("Here is the code that you want:\n\n```python\ndef f():\n    return", "a code fence is open"),
        ('{"product": "lamp", "parts": ["bulb", "sho', "the JSON is not closed"),
        ('[{"product": "lamp"}, {"product":', "the JSON is not closed"),
        ("The box has a lid that closes well. It keeps bread, cheese,", "it ends with a comma"),
        ("The box has a lid that closes well and", "it ends with 'and'"),
        ("The box has a lid that closes well. It is made of the", "it ends with 'the'"),
        ("The box has a lid (which closes with two clips", "a bracket is open"),
        ("The box has a lid. As he said: \u201cIt closes well", "a quotation is open"),
        ("The box has a lid that closes well. It keeps...", "it ends with three points"),
        ("The box has a lid that closes well. [truncated]", "it says that there is more"),
        ("The box has a lid that closes well. (continued)", "it says that there is more"),
        ("The box has a lid that closes well. To be continued", "it says that there is more"),
        ("The box comes with the following parts, which are in the bag:", "it announces what does not come"),
        ("The box has a lid that closes well. It is won-", "it ends in the middle of a word"),
    ],
)
def test_an_answer_shows_by_itself_that_it_breaks_off(answer: str, sign: str) -> None:
    found = checked([answer])["answers that break off"]

    assert found.severity == "warning"
    assert [(spot.line, spot.remove) for spot in found.spots] == [(1, False)]
    assert found.spots[0].evidence.startswith(f"{sign}: ")


@pytest.mark.parametrize(
    "answer",
    [
        "Paris",
        "yes and",
        "positive",
        "42",
        "The answer is 42",
        "I use it to go to Leeds",
        "def f(x):\n    return x + 1",
        "Use this:\n\n```python\nprint(1)\n```",
        "SELECT name FROM people WHERE age > 3 AND city = 'Leeds' ORDER BY name",
        "for (let i = 0; i < 3; i++) { console.log(i) }",
        "git commit -m message && git push origin main --force-with-lease",
        "The parts are:\n\n- the lid\n- the box with its two clips\n- a bag",
        "The parts are:\n1. the lid of the box and its clips\n2. the box that we sell in our shop",
        "| part | count |\n| --- | --- |\n| lid | 1 |",
        "Dear Ann,\n\nthe box has left our shop today. It should be there soon.\n\nBest regards\nBob",
        '{"product": "lamp", "text": "a { in a string"}',
        "[link] goes to the page of our shop, and {name} is filled in.",
        "[Verse]\nAll the boxes in the shop\nNever ever seem to stop",
        "See the page at https://shop.example/boxes/lids-and-clips/with-bread",
        "The box has a lid that closes well :) and it keeps bread fresh (for days).",
        "\u7bb1\u5b50\u6709\u4e00\u4e2a\u76d6\u5b50\u3002\u5b83\u53ef\u4ee5\u4fdd\u6301\u9762\u5305\u65b0\u9c9c\u3002"
        * 3,
        "\u0e01\u0e25\u0e48\u0e2d\u0e07\u0e21\u0e35\u0e1d\u0e32\u0e1b\u0e34\u0e14 " * 9,
        "",
    ],
)
def test_what_ends_as_it_likes_is_left_alone_even_among_sentences(answer: str) -> None:
    assert checked([*prose(60), answer]) == {}


def test_a_missing_mark_tells_where_the_table_has_the_habit_of_one() -> None:
    whole, bare = prose(60), prose(5, seed=1, end="")

    assert lines(checked([*whole, *bare])) == [61, 62, 63, 64, 65]
    assert "no mark ends the last sentence (5)" in checked([*whole, *bare])["answers that break off"].message
    assert checked([*whole[:30], *prose(30, seed=1, end="")]) == {}
    assert lines(checked([*whole[:30], *prose(30, seed=1, end="")], habit=0.5)) == list(range(31, 61))


def test_a_missing_mark_tells_in_chinese_too() -> None:
    whole = "\u7bb1\u5b50\u6709\u4e00\u4e2a\u76d6\u5b50\u3002\u5b83\u53ef\u4ee5\u4fdd\u6301\u9762\u5305\u65b0\u9c9c"

    ended = whole + "\u3002\u4e5f\u5f88\u8f7b\u3002" * 3

    assert lines(checked([*[ended] * 30, whole * 3])) == [31]


def test_a_word_that_is_only_the_beginning_of_another_is_cut() -> None:
    bare = prose(30, end="")
    cut = "The box has a lid. It keeps the bread in our shop fre"
    inflected = "The box has a lid. It closes with a clip"

    assert lines(checked([*bare, cut, inflected])) == [31]


@pytest.mark.parametrize("unit", ["characters", "words"])
def test_answers_cut_at_one_length_are_a_spike(unit: str) -> None:
    draw = random.Random(3)
    texts = [" ".join(prose(draw.randint(1, 8), seed=seed)) for seed in range(600)]
    cut = [text[:300] if unit == "characters" else " ".join(text.split()[:60]) for text in texts]

    found = checked(cut)["answers of one length"]

    assert f"exactly {300 if unit == 'characters' else 60} {unit}" in found.message
    assert found.figures["answers"] > 100
    assert "answers of one length" not in checked(texts)


def test_answers_of_one_length_that_end_well_are_no_cut() -> None:
    draw = random.Random(0)
    keys = ["The key of this box is " + "".join(draw.choices(string.ascii_lowercase, k=40)) + "." for _ in range(200)]

    assert checked(keys) == {}


def test_only_answers_that_a_model_shall_give_are_looked_at() -> None:
    open_answer = "The box has a lid that closes well and"
    rows = [
        chat_row(1, "Is it?", open_answer, label="open", form="classification"),
        chat_row(2, "Is it?", open_answer, label=False, form="kto"),
        Row(3, (Message("user", open_answer),), (open_answer, "no"), 0, form="multiple_choice"),
        chat_row(4, "Is it?", "Yes, it is.", rejected=(Message("assistant", open_answer),), form="preference"),
        Row(5, (), text=open_answer, form="text"),
        chat_row(6, "Is it?", open_answer, label=True, form="kto"),
    ]

    (found,) = Truncated().check(table_of(*rows), DataContext())

    assert [spot.line for spot in found.spots] == [6]


@pytest.mark.parametrize("habit", [0, -1, 1.5])
def test_a_habit_that_is_no_share_is_refused(habit: float) -> None:
    with pytest.raises(ValueError, match="habit is a share"):
        Truncated(habit=habit)


def test_json_whose_text_never_ends_takes_no_time() -> None:
    began = time.process_time()

    assert lines(checked(['{"' + '\\"' * 500_000, '["' + "\\" * 999_999])) == [1, 2]
    assert time.process_time() - began < 5
