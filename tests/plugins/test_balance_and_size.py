"""Classes out of balance are found, and tables with too few rows; what is in order is not told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness import DataContext, Finding, Message, Row
from harness.testing import chat_row, table_of
from harness_datachecks.balance import Balance
from harness_datachecks.size import Size


def labelled(**counts: int) -> list[Row]:
    names = [name for name, count in counts.items() for _ in range(count)]
    return [said(line, name, label=name, form="classification") for line, name in enumerate(names, start=1)]


def said(line: int, answer: str, **facts: object) -> Row:
    return chat_row(line, f"Question {line}?", answer, **facts)


def chosen(*answers: int, number: int = 4) -> list[Row]:
    asked, choices = (Message("user", "Which?"),), tuple("abcdef"[:number])
    return [Row(line, asked, choices, answer, form="multiple_choice") for line, answer in enumerate(answers, start=1)]


def balance(
    rows: Sequence[Row], context: DataContext | None = None, name: str = "train", **options: object
) -> dict[str, Finding]:
    found = Balance(**options).check(table_of(*rows, name=name), context or DataContext())
    return {finding.kind: finding for finding in found}


def size(
    rows: Sequence[Row], name: str = "train", held_out: Sequence[str] = ("test",), **options: object
) -> Finding | None:
    found = Size(**options).check(table_of(*rows, name=name), DataContext(held_out=frozenset(held_out)))
    assert len(found) <= 1
    return found[0] if found else None


# balance


def test_classes_in_balance_are_not_told() -> None:
    assert balance(labelled(good=60, bad=40)) == {}


def test_one_class_that_outweighs_is_told_with_its_share_and_all_classes() -> None:
    [(kind, finding)] = balance(labelled(bad=15, good=85)).items()
    assert (kind, finding.severity) == ("one class outweighs", "warning")
    assert "85 of 100 rows are 'good' (85%, at most 80%)" in finding.message
    assert finding.figures["largest"] == 0.85
    assert finding.histogram == (("good", 85), ("bad", 15))
    assert balance(labelled(good=85, bad=15), most=0.85) == {}


def test_a_class_ten_times_as_large_as_another_is_told() -> None:
    rows = labelled(a=110, b=100, c=10)
    finding = balance(rows)["unequal classes"]
    assert "'a' has 110 rows and 'c' 10, more than 10 times as many" in finding.message
    assert finding.figures["ratio"] == 11
    assert balance(rows, ratio=11) == {}


def test_the_rows_of_rare_classes_are_named_the_rarest_first() -> None:
    rows = labelled(rare=3, a=50, b=40, slip=1)
    finding = balance(rows, ratio=100)["rare classes"]
    assert [spot.line for spot in finding.spots] == [94, 1, 2, 3]
    assert finding.spots[0].evidence == "'slip', one row"
    assert "2 of 4 classes have fewer than 10 rows: 'slip', 'rare'" in finding.message
    assert not any(spot.remove for spot in finding.spots)
    assert balance(rows, ratio=100, fewest=1) == {}


def test_one_class_alone_outweighs() -> None:
    assert "one class outweighs" in balance(labelled(good=30))


def test_short_answers_that_recur_are_classes_and_texts_are_not() -> None:
    yes_or_no = [said(line, "no" if line % 10 else "yes\n") for line in range(1, 201)]
    assert "answers, which look like classes" in balance(yes_or_no)["one class outweighs"].message
    numbers = [said(line, str(line)) for line in range(1, 201)]
    assert balance(numbers) == {}
    texts = [said(line, "No, that would be far too long for the name of a class.") for line in range(1, 201)]
    assert balance(texts) == {}
    assert balance(yes_or_no[:15]) == {}


def test_a_slip_among_answers_that_only_look_like_classes_is_no_warning() -> None:
    rows = [said(line, ("yes", "no")[line % 2]) for line in range(200)] + [said(200, "yess")]
    assert balance(rows, ratio=1_000)["rare classes"].severity == "info"


def test_likes_of_people_are_classes() -> None:
    rows = [said(line, f"Answer {line}", label=line > 5, form="kto") for line in range(100)]
    assert "94 of 100 rows are 'liked'" in balance(rows)["one class outweighs"].message


@pytest.mark.parametrize(
    ("answers", "number", "told"),
    [
        ([0, 1, 2, 3] * 20, 4, None),
        ([0] * 50 + [1, 2, 3] * 10, 4, "50 have the right one in place 1 and 10 in place 2"),
        ([0, 1, 2] * 30, 4, "30 have the right one in place 1 and 0 in place 4"),
        ([0, 1] * 20 + [0] * 15, 2, None),
        ([1] * 50, 2, "50 have the right one in place 2 and 0 in place 1"),
        ([0] * 8, 4, None),
    ],
)
def test_a_place_that_gives_the_right_choice_away_is_told(answers: list[int], number: int, told: str | None) -> None:
    found = balance(chosen(*answers, number=number))
    if told is None:
        assert found == {}
    else:
        assert told in found["one place for the answer"].message
        assert sum(count for _, count in found["one place for the answer"].histogram) == len(answers)


def test_a_place_is_held_against_questions_with_as_many_choices() -> None:
    rows = chosen(*[0, 1] * 20, number=2) + chosen(*[0, 1, 2, 3] * 10, number=4)
    assert balance(rows) == {}


def test_classes_of_a_held_out_table_that_training_lacks_are_told_there_with_their_rows() -> None:
    train, test = table_of(*labelled(a=50, b=50)), labelled(a=20, b=20, c=12)
    context = DataContext(others={"train": train}, held_out=frozenset({"test"}))
    finding = balance(test, context, "test")["classes not trained on"]
    assert finding.message == "12 of 52 rows have a class that train lacks: 'c'"
    assert [spot.line for spot in finding.spots] == list(range(41, 53))
    assert balance(labelled(a=20, b=20), context, "test") == {}


def test_tables_that_say_nothing_of_each_others_classes_are_not_held_against_each_other() -> None:
    test = labelled(a=20, c=20)
    chat = table_of(*prose(50))
    validation = table_of(*labelled(a=50), name="validation")
    both = frozenset({"test", "validation"})
    for context in (
        DataContext(others={"train": chat}, held_out=both),
        DataContext(others={"validation": validation}, held_out=both),
        DataContext(others={"train": table_of(*labelled(a=50))}),
    ):
        assert balance(test, context, "test") == {}


def test_names_of_classes_may_hold_anything() -> None:
    evil = "\x1b[31m\ud83d</td>" + "x" * 10_000
    rows = [replace(row, label=evil, messages=(row.messages[0], Message("assistant", evil))) for row in labelled(a=3)]
    for finding in balance(rows + labelled(b=50)).values():
        told = [finding.message, *(spot.evidence for spot in finding.spots), *(name for name, _ in finding.histogram)]
        assert all(each.isprintable() for each in told)
        assert all(len(spot.evidence) <= 120 for spot in finding.spots)


def test_many_classes_are_told_in_short() -> None:
    finding = balance(labelled(**{f"class{number}": 2 for number in range(400)}))["rare classes"]
    assert finding.message.endswith("and 395 more")
    assert finding.histogram[-1] == ("380 others", 760)


@pytest.mark.parametrize(
    "options", [{"most": 0}, {"most": 1.5}, {"fewest": -1}, {"ratio": 0.5}, {"ratio": float("nan")}]
)
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(options))} is .*not"):
        Balance(**options)


# size


def prose(count: int) -> list[Row]:
    return [said(line, f"Answer {line} in a sentence that is no class.") for line in range(count)]


def texts(count: int) -> list[Row]:
    return [Row(line, (), text=f"Text {line}.", form="text") for line in range(count)]


def extracted(count: int) -> list[Row]:
    return [said(line, json.dumps({"name": f"n{line}", "price": line})) for line in range(count)]


def coded(count: int) -> list[Row]:
    return [said(line, f"Like this:\n```python\nprint({line})\n```") for line in range(count)]


def classified(count: int) -> list[Row]:
    return labelled(a=count // 2, b=count - count // 2)


@pytest.mark.parametrize(
    ("make", "task", "least", "good"),
    [
        (classified, "classification", 50, 500),
        (extracted, "extraction", 100, 1_000),
        (prose, "style", 200, 1_000),
        (texts, "domain", 500, 5_000),
        (coded, "code", 1_000, 10_000),
    ],
)
def test_the_task_is_guessed_and_its_limits_are_told(
    make: Callable[[int], list[Row]], task: str, least: int, good: int
) -> None:
    below, at, enough = size(make(least - 1)), size(make(least)), size(make(good))
    assert below is not None
    assert at is not None
    assert enough is None
    assert (below.severity, at.severity) == ("warning", "info")
    assert f"{least - 1:,} rows to train on; {task} (guessed from the rows) takes at least {least:,}" in below.message
    assert f"{good:,} are good" in at.message
    assert f"until there are {good:,}" in at.remedy
    assert below.spots == ()


def test_a_task_that_is_named_is_not_guessed() -> None:
    finding = size(prose(300), task="code")
    assert finding is not None
    assert finding.severity == "warning"
    assert "code takes at least 1,000 rows" in finding.message
    assert "guess" not in finding.message + finding.remedy
    assert size(prose(1_000), task="classification") is None


def test_a_table_to_judge_by_needs_rows_to_tell() -> None:
    finding = size(prose(40), name="test")
    assert finding is not None
    assert (finding.kind, finding.severity) == ("too few rows to tell", "warning")
    assert "within ±15 points" in finding.message
    assert size(prose(100), name="test") is None
    assert size(prose(40), name="test", least_held_out=40) is None
    one = size(prose(1), name="test")
    assert one is not None
    assert one.message.startswith("one row to judge by")


def test_json_that_is_cut_or_deep_is_not_taken_for_json() -> None:
    for answer in ('{"a": ', "[" * 100_000, "{}x"):
        finding = size([said(line, answer + " " * 50) for line in range(10)])
        assert finding is not None
        assert "style" in finding.message


def test_no_rows_say_nothing() -> None:
    assert size([]) is None
    assert balance([]) == {}


@pytest.mark.parametrize(
    ("options", "told"), [({"task": "styel"}, "did you mean 'style'"), ({"least_held_out": 0}, "at least 1")]
)
def test_options_of_the_size_that_mean_nothing_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Size(**options)
