"""Tables that say the same again and again are told from those that do not."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

import pytest

from harness import DataContext, Finding, Row
from harness.testing import chat_row, table_of
from harness_datachecks.diversity import Diversity

TOPICS = {
    "kitchen": ["kettle", "stove", "oven", "spoon", "plate", "bread", "butter", "flour", "sugar", "honey"],
    "garden": ["rose", "tulip", "spade", "soil", "hedge", "lawn", "seed", "worm", "bee", "apple"],
    "harbour": ["ship", "anchor", "sailor", "rope", "harbour", "wave", "storm", "lighthouse", "captain", "deck"],
}


def words(draw: random.Random, topic: str, count: int = 12) -> str:
    return " ".join(draw.choices(TOPICS[topic], k=count))


def varied(count: int, seed: int = 0) -> list[Row]:
    """Rows of which no two begin alike; half of them speak of the harbour."""
    draw = random.Random(seed)
    topics = ["kitchen", "garden", "harbour", "harbour"]
    return [
        chat_row(line, words(draw, topics[line % 4]) + "?", words(draw, topics[line % 4], 20) + ".")
        for line in range(1, count + 1)
    ]


def checked(rows: Sequence[Row], seed: int = 0, **options: float) -> dict[str, Finding]:
    found = Diversity(**options).check(table_of(*rows), DataContext(seed=seed))  # type: ignore[arg-type]
    return {finding.kind: finding for finding in found}


def numbered(rows: Sequence[Row]) -> list[Row]:
    import dataclasses

    return [dataclasses.replace(row, line=line) for line, row in enumerate(rows, start=1)]


def test_varied_rows_have_no_fault() -> None:
    assert set(checked(varied(200))) == {"variety"}


@pytest.mark.parametrize(("share", "found"), [(0.25, False), (0.4, True)])
def test_prompts_of_one_template_are_found_beyond_a_share(share: float, found: bool) -> None:
    rows = varied(200)
    for place in range(round(200 * share)):
        asked = f'Order {place}: what is the price of "{place} things" that we sold to Mr Smith{place}?'
        rows[place] = chat_row(place + 1, asked, rows[place].answered)

    findings = checked(rows)

    assert ("same prompt template" in findings) is found
    if found:
        told = findings["same prompt template"]
        assert (told.severity, len(told.spots), told.figures["share"]) == ("warning", 80, 0.4)
        assert "is of one template" in told.message or "are of one template" in told.message
        assert "order 0: what is the price of" in told.message
    assert "same prompt template" not in checked(rows, most_same_template=0.4)


@pytest.mark.parametrize("place", ["begin", "end"])
def test_prompts_and_answers_that_begin_or_end_alike_are_found(place: str) -> None:
    phrase = "of course here is what you asked for"
    draw = random.Random(1)

    def text(topic: str) -> str:
        free = words(draw, topic, 15)
        return f"{phrase} {free}" if place == "begin" else f"{free} {phrase}"

    rows = [chat_row(row.line, row.asked, text("garden")) for row in varied(100)]
    asked = [chat_row(row.line, text("garden"), row.answered) for row in varied(100)]

    assert f"{place} with the same words" in checked(rows)["same answer template"].message
    assert "same prompt template" not in checked(rows)
    assert f"{place} with the same words" in checked(asked)["same prompt template"].message


def test_labels_and_json_have_no_template() -> None:
    labels = [chat_row(row.line, row.asked, "late", label="late", form="classification") for row in varied(100)]
    short = [chat_row(row.line, row.asked, "late") for row in varied(100)]
    objects = [chat_row(row.line, row.asked, '{"product": "lamp", "priority": "high"}') for row in varied(100)]

    for rows in (labels, short, objects):
        assert set(checked(rows)) == {"variety"}


@pytest.mark.parametrize(("count", "severity"), [(8, "info"), (40, "warning")])
def test_one_answer_to_many_prompts_is_found(count: int, severity: str) -> None:
    same = "We have looked into it and will write to you soon."
    rows = [chat_row(row.line, row.asked, same) if row.line <= count else row for row in varied(400)]

    found = checked(rows)["same answer to many prompts"]

    assert (found.severity, [spot.line for spot in found.spots]) == (severity, list(range(1, count + 1)))
    assert same in found.message


def test_one_answer_to_one_prompt_is_a_duplicate_and_not_told_here() -> None:
    rows = [*varied(100), *numbered([varied(1)[0]] * 20)]

    assert "same answer to many prompts" not in checked(numbered(rows))


def test_the_largest_topic_is_told_with_its_words() -> None:
    found = checked(varied(400), topics=3)["variety"]

    assert found.severity == "info"
    assert found.figures["topics"] == 3
    assert 0.45 < found.figures["largest_topic"] < 0.55
    assert sum(count for _, count in found.histogram) == 400
    assert any(word in found.message for word in TOPICS["harbour"])


def test_distinct_words_fall_where_texts_repeat() -> None:
    repeated = [
        chat_row(row.line, row.asked, "one two three four five six seven eight nine ten") for row in varied(100)
    ]

    varied_figures, same_figures = (checked(rows, topics=0)["variety"].figures for rows in (varied(100), repeated))

    assert same_figures["distinct_1"] == pytest.approx(10 / 1_000)
    assert same_figures["distinct_3"] == pytest.approx(8 / 800)
    assert varied_figures["distinct_3"] > 0.5


def test_the_sample_is_drawn_by_the_seed_whatever_the_order() -> None:
    rows = varied(300)
    there = checked(rows, sample=100)["variety"]

    assert checked(numbered(rows[::-1]), sample=100)["variety"] == there
    assert checked(rows, seed=1, sample=100)["variety"].figures != there.figures
    assert there.figures["sample"] == 100


def test_without_scikit_learn_it_says_that_it_did_not_look_for_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)

    found = checked(varied(100))["variety"]

    assert "topics were not looked for: scikit-learn is not installed" in found.message
    assert found.histogram == ()


def test_a_handful_of_rows_is_not_judged() -> None:
    assert checked([chat_row(line, "Same?", "Always the same, word by word.") for line in range(1, 11)]) == {}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"most_same_template": 0}, "most_same_template is a share"),
        ({"sample": 0}, "sample is a number of rows"),
        ({"topics": -1}, "topics is a number of clusters"),
    ],
)
def test_bad_options_are_refused(options: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Diversity(**options)  # type: ignore[arg-type]
