"""What the schema check calls wrong, what it leaves alone, and which rows may be cleaned away."""

from __future__ import annotations

from typing import Any

import pytest

from harness import DataContext, Finding, Message, Row, Table, ToolCall, ToolMessage, Unreadable
from harness.testing import chat_row, table_of
from harness_datachecks.schema import Schema

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {}}}
CALL = ToolMessage("assistant", "", (ToolCall("c1", "weather", '{"place": "Leeds"}'),))
RESULT = ToolMessage("tool", "rain", (), "c1")
ASKED, SAID = Message("user", "Is it raining?"), Message("assistant", "Yes, it is.")


def checked(*rows: Row, unreadable: tuple[Unreadable, ...] = ()) -> dict[str, Finding]:
    findings = Schema().check(table_of(*rows, unreadable=unreadable), DataContext())
    return {finding.kind: finding for finding in findings}


def of(*messages: Message, **facts: Any) -> Row:  # noqa: ANN401 - fields of a row
    return Row(7, messages, **facts)


@pytest.mark.parametrize(
    "row",
    [
        of(ASKED, SAID),
        of(Message("system", "Be brief."), ASKED, SAID, ASKED, SAID),
        of(ASKED, CALL, RESULT, SAID, tools=(WEATHER,)),
        of(ASKED, CALL, RESULT, CALL, RESULT, SAID, tools=({"name": "weather"},)),
        of(ASKED, Message("assistant", "def f():\n    return 1")),
        of(ASKED, Message("assistant", "    return 1\n    # done")),
        of(ASKED, Message("assistant", "Use <b>bold</b>, a[INDEX] and x <|y|> z.")),
        of(Message("user", "User: hi\nAssistant: hello\n\nSum this up."), Message("assistant", "A greeting.")),
        of(ASKED, SAID, rejected=(Message("assistant", "No."),), form="preference"),
        of(Message("user", "yes"), Message("assistant", " yes"), label="yes", form="classification"),
        Row(7, (ASKED,), (" yes", " no"), 0, form="multiple_choice"),
        Row(7, (), text="User: hi\nAssistant: hello", form="text"),
    ],
)
def test_a_row_as_it_should_be_has_no_fault(row: Row) -> None:
    assert checked(row) == {}


@pytest.mark.parametrize(
    ("row", "kind", "severity", "remove"),
    [
        (of(ASKED), "no answer at the end", "error", True),
        (of(ASKED, CALL, RESULT, tools=(WEATHER,)), "no answer at the end", "error", True),
        (of(Message("system", "Be brief."), SAID), "no question", "error", True),
        (of(ASKED, Message("assistant", " \n")), "empty answers", "error", True),
        (Row(7, (), text=" ", form="text"), "empty answers", "error", True),
        (of(Message("system", ""), ASKED, SAID), "empty turns", "warning", False),
        (of(ASKED, SAID, Message("system", "Be brief."), ASKED, SAID), "system turn not first", "warning", False),
        (of(ASKED, ASKED, SAID), "roles do not alternate", "warning", False),
        (of(ASKED, SAID, SAID), "roles do not alternate", "warning", False),
        (of(SAID, ASKED, SAID), "begins without the user", "warning", False),
        (of(ASKED, RESULT, SAID), "result without a call", "error", False),
        (of(ASKED, CALL, RESULT, RESULT, SAID, tools=(WEATHER,)), "result without a call", "error", False),
        (of(ASKED, CALL, ASKED, SAID, tools=(WEATHER,)), "call without a result", "warning", False),
        (of(ASKED, CALL, tools=(WEATHER,)), "ends with a call", "info", False),
        (of(ASKED, CALL, RESULT, SAID), "tools not offered", "warning", False),
        (
            of(Message("user", "Say  YES"), Message("assistant", "say yes")),
            "answer repeats the prompt",
            "warning",
            False,
        ),
        (
            of(ASKED, SAID, Message("user", "And?"), Message("assistant", "and?")),
            "answer repeats the prompt",
            "warning",
            False,
        ),
        (of(ASKED, Message("assistant", "Yes.\nUser: and now?")), "leaked template marks", "warning", False),
        (of(ASKED, Message("assistant", "### Response:\nYes.")), "leaked template marks", "warning", False),
        (of(Message("user", "Hi<|im_end|>"), SAID), "leaked template marks", "warning", False),
        (of(ASKED, SAID, rejected=(Message("assistant", "Yes, it is. "),)), "chosen equals rejected", "error", True),
        (of(ASKED, SAID, rejected=(Message("assistant", "yes it IS"),)), "chosen hardly differs", "warning", False),
        (of(ASKED, SAID, rejected=(Message("assistant", ""),)), "empty rejected answers", "warning", False),
        (Row(7, (ASKED,), ("yes", " yes", "no"), 1), "right choice twice", "error", False),
        (Row(7, (ASKED,), ("yes", " yes", "no"), 2), "equal choices", "warning", False),
        (Row(7, (ASKED,), ("yes", " "), 0), "empty choices", "warning", False),
    ],
)
def test_a_fault_is_found_alone_with_its_severity(row: Row, kind: str, severity: str, remove: bool) -> None:
    found = checked(row)

    assert set(found) == {kind}
    assert (found[kind].severity, [spot.line for spot in found[kind].spots]) == (severity, [7])
    assert found[kind].spots[0].remove is remove
    assert found[kind].message.startswith("1 of 1 row ")


@pytest.mark.parametrize("arguments", ["{", "[1]", "[" * 100_000, "7"])
def test_arguments_must_be_a_json_object(arguments: str) -> None:
    call = ToolMessage("assistant", "", (ToolCall("c1", "weather", arguments),))

    assert set(checked(of(ASKED, call, RESULT, SAID, tools=(WEATHER,)))) == {"arguments are no JSON object"}


def test_a_call_without_arguments_is_whole() -> None:
    call = ToolMessage("assistant", "", (ToolCall("c1", "weather", ""),))

    assert checked(of(ASKED, call, RESULT, SAID, tools=(WEATHER,))) == {}


def test_calls_without_ids_are_answered_in_order() -> None:
    two = ToolMessage("assistant", "", (ToolCall("", "weather", "{}"), ToolCall("", "weather", "{}")))
    result = ToolMessage("tool", "rain")

    assert checked(of(ASKED, two, result, result, SAID, tools=(WEATHER,))) == {}
    assert set(checked(of(ASKED, two, result, SAID, tools=(WEATHER,)))) == {"call without a result"}


def test_results_may_come_in_another_order_than_their_calls() -> None:
    two = ToolMessage("assistant", "", (ToolCall("a", "weather", "{}"), ToolCall("b", "weather", "{}")))
    results = ToolMessage("tool", "rain", (), "b"), ToolMessage("tool", "sun", (), "a")

    assert checked(of(ASKED, two, *results, SAID, tools=(WEATHER,))) == {}


@pytest.mark.parametrize(
    ("answer", "trimmed"),
    [
        (" Yes, it is.", "Yes, it is."),
        ("\n\nYes, it is.\n", "Yes, it is."),
        ("\n    return 1\n", "    return 1"),
        ("\tx = 1\n\n", "\tx = 1"),
        ("Yes.\u00a0", "Yes."),
    ],
)
def test_an_answer_is_trimmed_but_code_keeps_its_indentation(answer: str, trimmed: str) -> None:
    row = chat_row(3, "Is it raining?", answer, extra={"id": 5})

    (spot,) = checked(row)["white space around answers"].spots

    assert spot.replacement == chat_row(3, "Is it raining?", trimmed, extra={"id": 5})
    assert checked(spot.replacement) == {}


def test_unreadable_lines_are_told_by_their_problem_and_may_be_left_out() -> None:
    lines = (
        Unreadable(2, "not valid JSON: Expecting value (column 7)", "one JSON object a line"),
        Unreadable(3, "the row has no 'answer'"),
        Unreadable(5, "not valid JSON: Expecting value (column 90)", "one JSON object a line"),
    )

    found = Schema().check(table_of(chat_row(1, "Is it raining?", "Yes."), unreadable=lines), DataContext())

    assert [(finding.severity, finding.message) for finding in found] == [
        ("error", "2 of 4 lines cannot be read: not valid JSON: Expecting value (column 7)"),
        ("error", "1 of 4 lines cannot be read: the row has no 'answer'"),
    ]
    assert [(spot.line, spot.remove) for spot in found[0].spots] == [(2, True), (5, True)]
    assert found[0].remedy == "one JSON object a line"


def test_problems_of_very_many_kinds_become_few_findings() -> None:
    lines = tuple(Unreadable(line, "x" * line) for line in range(1, 101))

    found = Schema().check(Table("train", table_of().path, None, (), lines), DataContext())

    assert len(found) <= 15
    assert sum(len(finding.spots) for finding in found) == 100


def test_completions_that_all_have_one_label_teach_no_difference() -> None:
    liked = [chat_row(line, f"Is it {line}?", "Yes.", label=True, form="kto") for line in (1, 2)]
    disliked = chat_row(3, "Is it 3?", "No.", label=False, form="kto")

    assert checked(*liked)["one kind of label"].message == "all 2 completions have the label true"
    assert checked(*liked, disliked) == {}


def test_rows_of_several_forms_do_not_belong_into_one_table() -> None:
    rows = [chat_row(line, f"Is it {line}?", "Yes.") for line in (1, 2)]
    text = Row(3, (), text="A text.", form="text")

    found = checked(*rows, text)["mixed forms"]

    assert (found.severity, [(spot.line, spot.evidence) for spot in found.spots]) == ("error", [(3, "text")])
