"""Contamination: what models are judged by is found in training rows, and ordinary text is not taken for it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness import DataContext, Finding, Message, Row, Sample, Table, ToolCall, ToolMessage
from harness_datachecks.benchmark_items import of_row, of_sample
from harness_datachecks.contamination import Contamination
from harness_datachecks.phrases import Part, PhraseIndex, words_of

QUESTION = "Which organelle of a plant cell turns the energy of sunlight into sugar that the cell can store?"
OPTIONS = ("The mitochondrion", "The chloroplast in the leaf", "The Golgi apparatus", "The vacuole of the stem")
SHOTS = (
    "The following are multiple choice questions (with answers) about biology.\n\n"
    "How many legs does a grown honey bee walk on when it is in the hive?\n"
    "A. four\nB. six\nC. eight\nD. ten\nAnswer: B\n\n"
)
PROSE = (
    "The library was closed on Monday, so we walked along the river and talked about the book that she was writing. "
    "Nobody had asked her yet which of the following chapters she liked best, and she did not say."
)


def choice(question: str, options: Sequence[str], answer: int, name: str = "s1", shots: str = "") -> Sample:
    """An item as lm-eval puts MMLU's: the options in the prompt, their labels the choices."""
    lines = "\n".join(f"{label}. {option}" for label, option in zip("ABCD", options, strict=False))
    labels = tuple(f" {label}" for label in "ABCD"[: len(options)])
    return Sample(name, f"{shots}{question}\n{lines}\nAnswer:", (labels[answer],), labels, answer, "biology")


def scene(context: str, endings: Sequence[str], answer: int, name: str = "h1") -> Sample:
    """An item as lm-eval puts HellaSwag's: the activity before the scene, the endings as choices."""
    choices = tuple(f" {ending}" for ending in endings)
    return Sample(name, f"Raking leaves: {context}", (choices[answer],), choices, answer, "Raking leaves")


CELL = choice(QUESTION, OPTIONS, 1, shots=SHOTS)
LEAVES = scene(
    "A boy in a striped jersey pushes a rusty rake over the lawn. he",
    ("eats the rake.", "fills three paper bags with wet leaves.", "swims to the fence.", "plays the violin."),
    1,
)


def row(asked: str, answered: str = "I see.", line: int = 1) -> Row:
    return Row(line, (Message("user", asked), Message("assistant", answered)))


def table(*rows: Row, name: str = "train") -> Table:
    numbered = tuple(replace(each, line=line) for line, each in enumerate(rows, start=1))
    return Table(name, Path(f"{name}.jsonl"), "messages", numbered)


def found(rows: Sequence[Row], *samples: Sample, **options: object) -> Sequence[Finding]:
    context = DataContext(benchmarks={"mmlu": samples})
    return Contamination(**options).check(table(*rows), context)


def hit(asked: str, answered: str = "I see.", *, sample: Sample = CELL) -> bool:
    """Whether the item is found in a row among other ones."""
    findings = found((row(PROSE), row(asked, answered), row(PROSE[::-1])), sample)
    spots = [(spot.line, spot.sample) for finding in findings for spot in finding.spots]
    assert spots in ([], [(2, sample.id)])
    return bool(spots)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (f"{QUESTION}\nA. {OPTIONS[0]}\nB. {OPTIONS[1]}\nC. {OPTIONS[2]}\nD. {OPTIONS[3]}\nAnswer:", "B"),
        ("Q: " + QUESTION.upper().replace(" ", "\n  ").replace("?", ""), "the chloroplast, in the leaf"),
        (f"{QUESTION} A) {OPTIONS[3]} B) {OPTIONS[1]} C) {OPTIONS[0]} D) {OPTIONS[2]}", "B"),
        (f"{QUESTION}\n- (i) {OPTIONS[0]}\n- (ii) {OPTIONS[1]}\n- (iii) {OPTIONS[2]}\n- (iv) {OPTIONS[3]}", "ii"),
        (QUESTION, "I do not know."),
        (QUESTION.replace("plant cell", "green cell"), "The chloroplast in the leaf"),
        ("Tell me of cells.", f"{PROSE} {QUESTION} {OPTIONS[1]} {PROSE}"),
        (f"{PROSE}\n\n**Question**: _{QUESTION}_\n\n{PROSE}", ""),
    ],
    ids=["verbatim", "reflowed", "reordered", "relabelled", "no options", "a word changed", "in the answer", "markup"],
)
def test_an_item_is_found_however_it_was_put_down(asked: str, answered: str) -> None:
    assert hit(asked, answered)


def test_a_scene_is_found_with_its_right_ending_and_without_its_activity() -> None:
    text = "A boy in a striped jersey pushes a rusty rake over the lawn. He fills three paper bags with wet leaves."
    assert hit("Go on.", text, sample=LEAVES)


def test_the_few_shot_examples_of_a_prompt_are_not_the_item() -> None:
    assert not hit(SHOTS)
    assert not hit("How many legs does a grown honey bee walk on when it is in the hive?", "six")


def test_a_short_question_counts_only_with_its_answer() -> None:
    sample = choice("What is 2+2?", ("3", "4", "5", "22"), 1)
    assert hit("What is 2 + 2?", "It is 4.", sample=sample)
    assert not hit("What is 2 + 2?", "I do not like sums.", sample=sample)


def test_common_phrases_are_not_taken_for_an_item() -> None:
    common = "Which of the following statements is true of the human body?"
    samples = [choice(common, (f"fact {one} of {one}", f"lie {one}", "no", "yes"), 0, f"s{one}") for one in range(8)]
    assert not found([row(common, "They say that all are.")], *samples)
    (finding,) = found([row(f"{common} I say: fact 3 of 3, not lie 3, no and yes.")], *samples)
    assert [spot.sample for spot in finding.spots] == ["s3"]


def test_a_passage_that_is_quoted_is_not_the_question_about_it() -> None:
    passage = (
        "We hold these truths to be self-evident, that all men are created equal, that they are endowed by their "
        "Creator with certain unalienable Rights, that among these are Life, Liberty and the pursuit of Happiness."
    )
    sample = choice(f"{passage} The author of these lines argues mainly against whom?", ("a king", "a pope"), 0)
    assert not hit("Quote the Declaration of Independence.", passage, sample=sample)
    assert hit("", f"{passage} The author of these lines argues mainly against whom?", sample=sample)


def test_the_same_task_with_another_number_is_another_item() -> None:
    text = (
        "A train leaves the old harbour at noon and runs at {} miles an hour for four hours; how far does it go then?"
    )
    sample = choice(text.format(40), ("160 miles", "80 miles"), 0)
    assert not hit(text.format(55), "220 miles", sample=sample)
    assert hit(text.format(40), "I do not know", sample=sample)


def test_of_two_items_that_begin_alike_the_one_is_told_that_stands_there() -> None:
    first = scene(
        "A man in a blue coat lifts a heavy box from the van. He", ("sits on it.", "drops it on his toes."), 1
    )
    after = "A man in a blue coat lifts a heavy box from the van. He drops it on his toes. The man"
    second = scene(after, ("laughs.", "hops about in pain."), 1, "h2")
    text = "A man in a blue coat lifts a heavy box from the van. He drops it on his toes. And so on."
    (finding,) = found([row("Go on.", text)], first, second)
    assert [spot.sample for spot in finding.spots] == ["h1"]


def test_a_finding_names_rows_items_and_what_to_do() -> None:
    (finding,) = found([row(PROSE), row(QUESTION), row(PROSE + "!"), row(f"{PROSE} {QUESTION}")], CELL, LEAVES)
    assert finding.severity == "error"
    assert finding.message == "2 of 4 rows hold an item of mmlu"
    assert "leave these rows out" in finding.remedy
    assert dict(finding.figures) == {"rows": 2, "items": 1, "share": 0.5, "overlap": 0.8}
    assert [(spot.line, spot.other, spot.sample, spot.remove) for spot in finding.spots] == [
        (2, "mmlu", "s1", True),
        (4, "mmlu", "s1", True),
    ]
    assert finding.spots[0].evidence.startswith("which organelle of a plant cell")
    assert all(len(spot.evidence) <= 120 for spot in finding.spots)


def test_an_item_of_a_held_out_table_is_found_in_a_longer_row_by_its_line() -> None:
    asked = "Why does our invoice of the ninth of March show a delivery fee twice although we collected the goods?"
    held = table(row("Hello, how are you?"), row(asked, "It was our mistake."), name="test")
    context = DataContext(others={"test": held, "more": held}, held_out=frozenset({"test"}))
    raw = Row(1, (), text=f"{PROSE}\n{asked}\n{PROSE}")
    (finding,) = Contamination().check(table(row(PROSE), raw), context)
    assert [(spot.line, spot.other, spot.other_line) for spot in finding.spots] == [(2, "test", 2)]


def test_a_row_that_is_the_like_of_a_held_out_row_is_left_to_the_leakage_check() -> None:
    asked = "Why does our invoice of the ninth of March show a delivery fee twice although we collected the goods?"
    held = table(row(asked, "It was our mistake."), name="test")
    context = DataContext(others={"test": held}, held_out=frozenset({"test"}))
    assert not Contamination().check(table(row(asked, "It was our mistake.")), context)
    assert Contamination().check(table(row("Invent a question.", asked)), context)


def test_what_judges_is_not_searched() -> None:
    context = DataContext(held_out=frozenset({"test"}), benchmarks={"mmlu": (CELL,)})
    assert Contamination().check(table(row(QUESTION), name="test"), context) == ()


def test_a_benchmark_that_could_not_be_had_is_said() -> None:
    context = DataContext(benchmarks={"mmlu": (CELL,)}, benchmarks_missing={"hellaswag": "the hub does not answer"})
    (finding,) = Contamination().check(table(row(PROSE)), context)
    assert (finding.severity, finding.spots) == ("info", ())
    assert finding.message == "hellaswag was not looked for: the hub does not answer"


def test_with_nothing_to_look_for_it_says_what_to_give() -> None:
    (finding,) = Contamination().check(table(row(PROSE)), DataContext())
    assert finding.severity == "info"
    assert "nothing was looked for" in finding.message
    assert "name benchmarks" in finding.remedy


def test_items_that_are_too_short_are_counted() -> None:
    sample = Sample("s", "Rome?", ("Italy",))
    (finding,) = found([row("Rome? Italy")], sample)
    assert finding.severity == "info"
    assert "1 item was not looked for" in finding.message


def test_all_that_a_row_teaches_is_searched() -> None:
    call = ToolMessage("assistant", "", (ToolCall("1", "ask", f'{{"q": "{QUESTION}"}}'),))
    pair = Row(1, (Message("user", "Hm?"), Message("assistant", "Well.")), rejected=(Message("assistant", QUESTION),))
    assert found([Row(1, (Message("user", "Ask."), call))], CELL)
    assert found([pair], CELL)
    assert found([Row(1, (Message("user", "Choose."),), choices=(QUESTION, "no"), answer=0)], CELL)


def test_the_overlap_decides_how_many_words_may_be_others() -> None:
    asked = QUESTION.replace("plant cell", "green alga").replace("turns", "makes").replace("store", "keep")
    assert not found([row(asked, OPTIONS[1])], CELL, overlap=0.95)
    assert found([row(asked, OPTIONS[1])], CELL, overlap=0.6)


def test_the_length_of_the_phrases_decides_what_is_compared() -> None:
    words = QUESTION.split()
    asked = " ".join("some" if place % 9 == 4 else word for place, word in enumerate(words))
    assert found([row(asked, OPTIONS[1])], CELL, words=5)
    assert not found([row(asked, "chloroplast")], CELL, words=13)


@pytest.mark.parametrize("options", [{"words": 2}, {"words": 51}, {"overlap": 0.4}, {"overlap": 1.1}])
def test_options_that_cannot_work_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="write"):
        Contamination(**options)


def test_a_template_that_all_rows_follow_tells_nothing() -> None:
    template = "Read the ticket of our customer with care and then name its one category in a word: "
    nouns = ("printer", "invoice", "password", "screen", "parcel", "keyboard", "battery", "login", "refund", "cable")
    held = table(*(row(f"{template}my {noun} is gone", "lost") for noun in nouns[:3]), name="test")
    train = [row(f"{template}the {noun} {number} broke", "broken") for noun in nouns for number in range(20)]
    context = DataContext(others={"test": held}, held_out=frozenset({"test"}))
    assert not Contamination().check(table(*train), context)


def test_an_item_deep_in_a_long_row_is_found() -> None:
    draw = random.Random(0)
    noise = " ".join("".join(draw.choices("abcdefgh", k=5)) for _ in range(60_000))
    assert hit("Read.", f"{noise} {QUESTION} {noise}")
    for cut in (199_950, 180_020):  # where one piece ends and the next begins
        assert hit("Read.", f"{noise[:cut]} {QUESTION} {noise}")


def test_hostile_rows_neither_crash_nor_hang() -> None:
    begin = time.perf_counter()
    rows = [row("a" * 2_000_000), row("\ud800 " + QUESTION + " \udfff"), row("\x00\x1b[31m" * 1000), row(""), row("?!")]
    (finding,) = found([*rows, row("a " * 500_000)], CELL)
    assert [spot.line for spot in finding.spots] == [2]
    items = (Sample("x", "\ud800", ("",)), Sample("y", "", ()), Sample("z", "\n" * 100_000, ()))
    assert [finding.severity for finding in found([row(QUESTION)], *items)] == ["info"]
    assert time.perf_counter() - begin < 10


def test_texts_without_spaces_are_found_too() -> None:
    sample = Sample("z", "植物细胞中哪一种细胞器把阳光的能量变成糖?", ("叶绿体",))
    assert hit("请回答:植物细胞中哪一种细胞器,把阳光的能量变成糖", "叶绿体", sample=sample)
    assert not hit("今天天气很好,我们去公园散步,然后回家吃饭。", sample=sample)


def test_the_item_is_what_is_asked_last() -> None:
    item = of_sample("mmlu", CELL)
    assert (item.question, item.options, item.right) == (QUESTION, OPTIONS, (OPTIONS[1],))
    turns = (Message("system", "Be brief."), Message("user", "Q: Why is the sky blue? Answer:"))
    assert of_sample("own", Sample("s", turns, ("air",))).question == "Why is the sky blue?"
    chosen = of_row("test", row("Pick one.\nA) a cat\nB) a dog", "(B)"))
    assert (chosen.question, chosen.options, chosen.right) == ("Pick one.", ("a cat", "a dog"), ("a dog",))
    assert of_row("test", row("What does it hold? data:", "AB")).question == "What does it hold? data:"


def test_phrases_of_many_owners_of_one_source_are_common_and_those_of_two_sources_are_not() -> None:
    said = words_of("one two three four five")
    for sources, is_common in (((0, 0, 0), True), ((0, 1, 2), False)):
        parts = [Part(said, owner, source) for owner, source in enumerate(sources)]
        index = PhraseIndex(parts, 5, most_owners=2)
        assert bool(index.common[0].all()) is is_common
        assert len(index.hits([["zero", *said]], 10).texts) == (0 if is_common else 3)
