"""The checks on rows that say the same: duplicates, contradictions and leakage."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness import DataContext, Finding, Message, Row, Table, ToolCall, ToolMessage
from harness.testing import chat_row, table_of
from harness_datachecks.contradictions import Contradictions
from harness_datachecks.duplicates import Duplicates
from harness_datachecks.leakage import Leakage

ASKED = "Which tools does a beginner need to repair a wooden chair?"
ASKED_NEARLY = f"Please tell me: {ASKED.replace('chair', 'chairs')}"
ANSWERED = (
    "You need wood glue, two clamps, fine sandpaper and a mallet; take the loose joint apart, clean it, put glue on "
    "both sides, press it together and leave it in the clamps over night."
)
ANSWERED_NEARLY = ANSWERED.replace("fine sandpaper", "sandpaper").replace("loose joint", "joint").lower()
OTHER = "Buy another one: a chair with a broken leg is dangerous, and joiners charge more than it is worth."
ELSE = ("How deep is the harbour of our town?", "About nine metres at low tide.")


def of_kind(findings: Sequence[Finding], kind: str) -> Finding:
    return next(finding for finding in findings if finding.kind == kind)


def lines(finding: Finding) -> list[tuple[int, str | None, int | None, bool]]:
    return [(spot.line, spot.other, spot.other_line, spot.remove) for spot in finding.spots]


def duplicates(*rows: Row, **options: float) -> Sequence[Finding]:
    return Duplicates(**options).check(table_of(*rows), DataContext())


def contradictions(*rows: Row, **options: float) -> Sequence[Finding]:
    return Contradictions(**options).check(table_of(*rows), DataContext())


def leakage(table: Table, *others: Table, held_out: Sequence[str] = ("validation", "test")) -> Sequence[Finding]:
    context = DataContext(others={other.name: other for other in others}, held_out=frozenset(held_out))
    return Leakage().check(table, context)


def rows_asking(*asked: str, answered: str = ANSWERED) -> list[Row]:
    return [chat_row(line, text, answered) for line, text in enumerate(asked, start=1)]


# duplicates


def test_every_later_copy_is_told_with_the_line_of_the_first_and_may_go() -> None:
    [found] = duplicates(
        chat_row(2, ASKED, ANSWERED),
        chat_row(4, *ELSE),
        chat_row(7, ASKED.upper(), f" {ANSWERED}!"),
        chat_row(9, ASKED, ANSWERED),
    )
    assert (found.kind, found.severity) == ("exact duplicates", "warning")
    assert lines(found) == [(7, None, 2, True), (9, None, 2, True)]
    assert found.message == "2 of 4 rows repeat another"
    assert found.figures == {"rows": 2.0, "share": 0.5, "limit": 0.0}


def test_a_nearly_same_row_is_told_apart_from_exact_copies() -> None:
    found = duplicates(
        chat_row(1, ASKED, ANSWERED),
        chat_row(2, ASKED, ANSWERED),
        chat_row(3, ASKED_NEARLY, ANSWERED_NEARLY),
        chat_row(4, *ELSE),
    )
    assert [finding.kind for finding in found] == ["exact duplicates", "near duplicates"]
    assert lines(found[0]) == [(2, None, 1, True)]
    assert lines(found[1]) == [(3, None, 1, True)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (chat_row(1, ASKED, "glue"), chat_row(2, ASKED, "nails")),
        (chat_row(1, ASKED, ANSWERED), chat_row(2, ASKED, OTHER)),
        (chat_row(1, ASKED, ANSWERED, system="Answer in French."), chat_row(2, ASKED, ANSWERED)),
        (chat_row(1, ASKED, ANSWERED, label=True), chat_row(2, ASKED, ANSWERED, label=False)),
        (
            chat_row(1, ASKED, ANSWERED, rejected=(Message("assistant", "nails"),)),
            chat_row(2, ASKED, ANSWERED, rejected=(Message("assistant", "paint"),)),
        ),
        (
            Row(1, (Message("user", ASKED),), choices=("glue", "nails"), answer=0),
            Row(2, (Message("user", ASKED),), choices=("glue", "ropes"), answer=0),
        ),
    ],
    ids=["short answer", "long answer", "system", "label", "rejected", "choices"],
)
def test_rows_that_differ_in_one_part_are_no_duplicates(one: Row, other: Row) -> None:
    assert duplicates(one, other) == ()


def test_calls_of_tools_are_part_of_what_a_row_says() -> None:
    def calling(line: int, city: str) -> Row:
        call = ToolCall("c1", "weather", f'{{"city": "{city}"}}')
        return Row(line, (Message("user", "Will it rain tomorrow?"), ToolMessage("assistant", "", (call,))))

    assert duplicates(calling(1, "Oslo"), calling(2, "Rome")) == ()
    assert lines(duplicates(calling(1, "Oslo"), calling(2, "Oslo"))[0]) == [(2, None, 1, True)]


def test_a_conversation_that_goes_on_is_no_duplicate_of_its_beginning() -> None:
    talk = [Message("user" if place % 2 == 0 else "assistant", f"{ANSWERED} {place}") for place in range(8)]
    longer = (*talk, Message("user", "And what does the glue cost?"), Message("assistant", ANSWERED))
    assert duplicates(Row(1, (*talk[:7], Message("assistant", ANSWERED))), Row(2, longer)) == ()


def test_raw_texts_are_compared_as_they_stand() -> None:
    texts = (ANSWERED, OTHER, ANSWERED_NEARLY, OTHER)
    found = duplicates(*(Row(line, (), text=text, form="text") for line, text in enumerate(texts, start=1)))
    assert lines(of_kind(found, "exact duplicates")) == [(4, None, 2, True)]
    assert lines(of_kind(found, "near duplicates")) == [(3, None, 1, True)]


def test_shares_up_to_the_limit_are_only_told() -> None:
    rows = [chat_row(1, ASKED, ANSWERED), chat_row(2, ASKED, ANSWERED), chat_row(3, ASKED_NEARLY, ANSWERED)]
    both = duplicates(*rows, most_exact=0.4, most_near=0.2)
    assert [(finding.kind, finding.severity) for finding in both] == [
        ("exact duplicates", "info"),
        ("near duplicates", "warning"),
    ]
    assert duplicates(*rows, most_near=0.5)[1].severity == "info"


def test_a_higher_similarity_finds_less() -> None:
    rows = (chat_row(1, ASKED, ANSWERED), chat_row(2, ASKED_NEARLY, ANSWERED))
    assert [finding.kind for finding in duplicates(*rows)] == ["near duplicates"]
    assert duplicates(*rows, near=0.995) == ()


def test_the_far_end_of_a_chain_is_told_but_not_removed() -> None:
    words = ANSWERED.rstrip(".").split()
    steps = [" ".join(words[: len(words) - drop]) for drop in (0, 6, 12)]
    rows = [Row(line, (), text=text, form="text") for line, text in enumerate(steps, start=1)]
    [found] = duplicates(*rows, near=0.85)
    assert lines(found) == [(2, None, 1, True), (3, None, 1, False)]


def test_the_order_of_rows_changes_no_count() -> None:
    draw = random.Random(2)
    rows = [chat_row(line, f"{ASKED} {'Really?' * (line % 3)}", ANSWERED) for line in range(1, 20)]
    rows += [chat_row(line, f"What is {line} times {line}?", str(line * line)) for line in range(20, 60)]
    told = {
        tuple((finding.kind, finding.message) for finding in duplicates(*draw.sample(rows, len(rows))))
        for _ in range(4)
    }
    assert len(told) == 1


# contradictions


@pytest.mark.parametrize("asked", [ASKED, ASKED.upper() + "?", ASKED_NEARLY], ids=["same", "folded", "near"])
def test_a_short_answer_that_differs_is_surely_a_contradiction(asked: str) -> None:
    [found] = contradictions(chat_row(3, ASKED, "glue"), chat_row(4, *ELSE), chat_row(8, asked, "Nails."))
    assert (found.kind, found.severity) == ("contradictions", "warning")
    assert lines(found) == [(3, None, 8, False), (8, None, 3, False)]
    assert "glue" in found.spots[0].evidence
    assert "Nails." in found.spots[0].evidence
    assert found.figures == {"rows": 2.0, "share": 2 / 3}


def test_a_class_or_a_choice_that_differs_is_surely_a_contradiction() -> None:
    classes = [chat_row(line, ANSWERED, label, label=label) for line, label in ((1, "advice"), (2, "complaint"))]
    assert lines(contradictions(*classes)[0]) == [(1, None, 2, False), (2, None, 1, False)]
    question = (Message("user", ASKED),)
    choices = [Row(line, question, choices=(ANSWERED, OTHER), answer=line - 1) for line in (1, 2)]
    assert contradictions(*choices)[0].kind == "contradictions"
    turned = replace(choices[1], choices=(OTHER, ANSWERED))
    assert contradictions(choices[0], turned) == ()


def test_long_answers_are_told_only_where_they_have_little_in_common() -> None:
    assert contradictions(chat_row(1, ASKED, ANSWERED), chat_row(2, ASKED, ANSWERED_NEARLY)) == ()
    [found] = contradictions(chat_row(1, ASKED, ANSWERED), chat_row(2, ASKED, OTHER))
    assert (found.kind, found.severity) == ("differing answers", "info")
    assert lines(found) == [(1, None, 2, False), (2, None, 1, False)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (chat_row(1, "Is it 3 or 4?", "yes"), chat_row(2, "Is it 3 or 5?", "no")),
        (chat_row(1, ASKED, "yes", system="Say yes."), chat_row(2, ASKED, "no", system="Say no.")),
        (chat_row(1, ASKED, "yes"), chat_row(2, ASKED, "Yes!")),
        (chat_row(1, f"{ANSWERED} Who needs it?", "Anna"), chat_row(2, f"{ANSWERED} When is it dry?", "tomorrow")),
    ],
    ids=["another question", "another system", "same answer", "another question on one passage"],
)
def test_what_is_no_contradiction_is_left_alone(one: Row, other: Row) -> None:
    assert contradictions(one, other) == ()


def test_every_row_of_every_wording_is_told() -> None:
    rows = [
        chat_row(1, ASKED, "glue"), chat_row(2, ASKED, "glue"), chat_row(3, ASKED_NEARLY, "nails"),
        chat_row(4, ASKED_NEARLY, "nails"),
    ]  # fmt: skip
    [found] = contradictions(*rows)
    assert lines(found) == [(1, None, 3, False), (2, None, 3, False), (3, None, 1, False), (4, None, 1, False)]


def test_a_question_that_asks_for_variety_is_no_contradiction() -> None:
    rows = [chat_row(line, "Name a number.", str(line)) for line in range(1, 40)]
    assert contradictions(*rows) == ()
    assert contradictions(*rows[:20])[0].figures["rows"] == 20


def test_a_completion_liked_and_disliked_is_a_contradiction_and_two_completions_are_none() -> None:
    liked = chat_row(1, ASKED, ANSWERED, label=True, form="kto")
    assert contradictions(liked, chat_row(2, ASKED, OTHER, label=False, form="kto")) == ()
    [found] = contradictions(liked, chat_row(2, ASKED, ANSWERED, label=False, form="kto"))
    assert (found.kind, found.spots[0].evidence) == ("contradictions", "True | there: False")
    long = f"{ANSWERED} {ANSWERED.upper()} {ASKED}"
    short = [chat_row(line, long, said, label=line == 1, form="kto") for line, said in ((1, "glue"), (2, "nails"))]
    assert contradictions(*short) == ()


def preference(line: int, chosen: str, rejected: str) -> Row:
    return chat_row(line, ASKED, chosen, rejected=(Message("assistant", rejected),), form="preference")


def test_preferences_contradict_each_other_only_where_they_are_turned_round() -> None:
    assert contradictions(preference(1, ANSWERED, OTHER), preference(2, OTHER, "nails")) == ()
    [found] = contradictions(preference(1, ANSWERED, OTHER), preference(2, "x", "y"), preference(3, OTHER, ANSWERED))
    assert lines(found) == [(1, None, 3, False), (3, None, 1, False)]


def test_a_preference_for_itself_is_for_the_check_of_single_rows_to_tell() -> None:
    assert contradictions(preference(1, ANSWERED, ANSWERED), preference(5, ANSWERED, ANSWERED.upper())) == ()


# leakage


def test_a_training_row_that_is_asked_in_the_test_is_an_error_whatever_the_answer() -> None:
    train = table_of(chat_row(1, *ELSE), chat_row(6, ASKED.lower(), OTHER))
    [found] = leakage(train, table_of(chat_row(3, ASKED, ANSWERED), name="test"))
    assert (found.kind, found.severity) == ("leaked rows", "error")
    assert lines(found) == [(6, "test", 3, True)]
    assert found.figures == {"rows": 1.0, "items": 1.0, "share": 0.5}


def test_a_nearly_same_question_is_a_warning() -> None:
    train = table_of(*rows_asking(ELSE[0], ASKED_NEARLY))
    [found] = leakage(train, table_of(*rows_asking(ASKED), name="test"))
    assert (found.kind, found.severity, lines(found)) == ("nearly leaked rows", "warning", [(2, "test", 1, True)])
    context = DataContext(others={"test": table_of(*rows_asking(ASKED), name="test")}, held_out=frozenset({"test"}))
    assert Leakage(near=0.995).check(train, context) == ()


def test_every_row_and_every_item_is_named_in_each_table() -> None:
    train = table_of(*rows_asking(ASKED, ASKED, ELSE[0]))
    held_out = [table_of(*rows_asking("What now?", ASKED, ASKED), name=name) for name in ("validation", "test")]
    found = leakage(train, *held_out)
    assert [finding.kind for finding in found] == ["leaked rows", "leaked rows"]
    for finding, name in zip(found, ("test", "validation"), strict=True):
        assert lines(finding) == [(1, name, 2, True), (1, name, 3, True), (2, name, 2, True)]
        assert finding.figures["rows"] == finding.figures["items"] == 2


def test_of_two_held_out_tables_the_lesser_is_told_once_and_test_rows_never_go() -> None:
    tables = {name: table_of(*rows_asking(ASKED), name=name) for name in ("dev", "test", "validation")}
    told = {
        name: [
            (spot.other, spot.remove)
            for finding in leakage(
                table, *(other for other in tables.values() if other is not table), held_out=[*tables]
            )
            for spot in finding.spots
        ]
        for name, table in tables.items()
    }
    assert told == {"dev": [("test", True), ("validation", True)], "validation": [("test", True)], "test": []}


def test_only_held_out_tables_are_kept_apart() -> None:
    rows = rows_asking(ASKED)
    assert leakage(table_of(*rows), table_of(*rows, name="general")) == ()
    assert leakage(table_of(*rows, name="test"), table_of(*rows)) == ()


def test_a_question_that_asks_for_variety_leaks_only_with_its_answer() -> None:
    train = table_of(*(chat_row(line, "Name a number.", str(line)) for line in range(1, 40)))
    test = table_of(chat_row(1, "Name a number.", "77"), chat_row(2, "Name a number.", "12"), name="test")
    [found] = leakage(train, test)
    assert lines(found) == [(12, "test", 2, True)]


def test_choices_are_part_of_the_question() -> None:
    def which(line: int, *choices: str) -> Row:
        return Row(line, (Message("user", "Which of these is true?"),), choices=choices, answer=0)

    test = table_of(which(1, "Seals are mammals.", "Crabs are birds."), name="test")
    assert leakage(table_of(which(1, "Iron floats.", "Gold rusts.")), test) == ()
    assert leakage(table_of(which(1, "Seals are mammals.", "Crabs are birds.")), test)[0].kind == "leaked rows"


def test_another_question_of_the_same_form_is_no_leak() -> None:
    train = table_of(*rows_asking("What is the capital of France?", "Order 17 is late.", "Is it safe?"))
    test = table_of(*rows_asking("What is the capital of Spain?", "Order 18 is late.", "Is it not safe?"), name="test")
    assert leakage(train, test) == ()


def test_conversations_that_end_with_another_question_are_no_leak() -> None:
    talk = (Message("user", ANSWERED), Message("assistant", ANSWERED))

    def ending(line: int, asked: str) -> Row:
        return Row(line, (*talk, Message("user", asked), Message("assistant", "Yes.")))

    test = table_of(ending(1, "Now translate it."), name="test")
    assert leakage(table_of(ending(1, "Now sum it up.")), test) == ()
    assert leakage(table_of(ending(1, "Now translate it.")), test)[0].kind == "leaked rows"


def test_raw_text_leaks_as_it_stands() -> None:
    train = table_of(Row(4, (), text=ANSWERED_NEARLY, form="text"), Row(5, (), text=OTHER, form="text"))
    test = table_of(Row(1, (), text=ANSWERED, form="text"), Row(2, (), text=OTHER.upper(), form="text"), name="test")
    found = leakage(train, test)
    assert [lines(finding) for finding in found] == [[(5, "test", 2, True)], [(4, "test", 1, True)]]


# all three


@pytest.mark.parametrize(
    ("check", "options"),
    [
        (Duplicates, {"near": 0}), (Duplicates, {"near": 1.5}), (Duplicates, {"most_exact": -0.1}),
        (Duplicates, {"most_near": 2}), (Contradictions, {"near": 0}), (Leakage, {"near": -1}),
    ],
)  # fmt: skip
def test_an_option_out_of_its_bounds_is_refused_by_name(check: type, options: dict[str, float]) -> None:
    [name] = options
    with pytest.raises(ValueError, match=rf"^{name} is a .*; .*0\.\d"):
        check(**options)


def test_hostile_and_empty_rows_break_nothing() -> None:
    texts = ("", " ", "\ud800", "\x1b[2J", "a" * 300_000, "?" * 300_000, "\u202e", "\x00", "[bold]" * 9)
    rows = [chat_row(line, text, text) for line, text in enumerate((*texts, *texts), start=1)]
    train, test = table_of(*rows), table_of(*rows[:9], name="test")
    found = [*duplicates(*rows), *contradictions(*rows), *leakage(train, test), *leakage(table_of(), test)]
    assert {spot.line for finding in found for spot in finding.spots} <= set(range(1, 19))
    assert all(spot.evidence.isprintable() and len(spot.evidence) <= 120 for each in found for spot in each.spots)
    assert duplicates(*rows[:2], *rows[9:11]) == ()


def test_many_answers_to_one_question_take_no_quadratic_time() -> None:
    rows = [chat_row(line, ASKED, f"{ANSWERED} {line}") for line in range(1, 3_000)]
    assert [finding.kind for finding in duplicates(*rows)] == []
    assert contradictions(*rows) == ()
    test = table_of(*rows[:1000], name="test")
    assert len(leakage(table_of(*rows), test)[0].spots) == 1000
