"""What each format says becomes the same conversation; what is no row is told in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from harness.data.formats import to_object
from harness.data.formats.faults import RowError
from harness.data.formats.objects import row_of
from harness.rows import Format, Row, ToolCall, ToolMessage
from harness.values import Message

Object = dict[str, Any]

SYSTEM, ASK, SAY = Message("system", "s"), Message("user", "a"), Message("assistant", "b")
CALL = ToolMessage("assistant", "", (ToolCall("call00001", "f", '{"x": 1}'),))
RESULT = ToolMessage("tool", "r", (), "call00001", "f")
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
OWN_TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object"}}


def read(form: Format, **columns: Any) -> Row:  # noqa: ANN401 - of JSON
    return row_of(form, columns, 1)


def openai(*turns: tuple[str, str]) -> list[Object]:
    return [{"role": role, "content": content} for role, content in turns]


def shared_gpt(*turns: tuple[str, str]) -> list[Object]:
    return [{"from": who, "value": value} for who, value in turns]


def test_openai_roles_mean_what_they_meant_when_they_had_other_names() -> None:
    turns = openai(("developer", "s"), ("user", "a"), ("function", "r"), ("assistant", "b"))
    assert read("messages", messages=turns).messages == (SYSTEM, ASK, ToolMessage("tool", "r"), SAY)


@pytest.mark.parametrize(
    "call",
    [
        {"tool_calls": [{"id": "call00001", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]},
        {"tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]},  # as Hugging Face has it
        {"tool_calls": [{"name": "f", "arguments": {"x": 1}, "index": 0}]},
        {"function_call": {"name": "f", "arguments": '{"x": 1}'}, "tool_calls": None},  # as OpenAI had it first
    ],
)
@pytest.mark.parametrize("content", [{"content": None}, {"content": ""}, {}])
@pytest.mark.parametrize("result", [{"tool_call_id": "call00001"}, {"name": "f"}, {}])
def test_every_way_to_call_a_tool_is_one(call: Object, content: Object, result: Object) -> None:
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", **content, **call},
        {"role": "tool", "content": "r", **result},
        {"role": "assistant", "content": "b", "tool_calls": [], "refusal": None},
    ]
    row = read("messages", messages=turns, tools=[TOOL])
    assert row.messages == (ASK, CALL, RESULT, SAY)
    assert (row.tools, row.aside) == ((TOOL,), {})


@pytest.mark.parametrize(
    "tools", [[TOOL], [TOOL["function"]], '[{"name": "f", "description": "d", "parameters": {"type": "object"}}]']
)
def test_every_way_to_describe_a_function_is_one(tools: object) -> None:
    assert read("messages", messages=openai(("user", "a"), ("assistant", "b")), tools=tools).tools == (TOOL,)
    turns = shared_gpt(("human", "a"), ("gpt", "b"))
    assert read("sharegpt", conversations=turns, tools=tools).tools == (TOOL,)


def test_results_answer_the_calls_in_their_order() -> None:
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in ("f", "g")]
    results = [{"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}]
    turns = [*openai(("user", "a")), {"role": "assistant", "tool_calls": calls}, *results, *openai(("assistant", "b"))]
    _, _, first, second, _ = read("messages", messages=turns).messages
    assert first == ToolMessage("tool", "1", (), "call00001", "f")
    assert second == ToolMessage("tool", "2", (), "call00002", "g")


def test_parts_of_text_become_lines() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "c"}]
    turns = [{"role": "user", "content": parts}, *openai(("assistant", "b"))]
    assert read("messages", messages=turns).messages[0] == Message("user", "a\nc")


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file", "image"])
@pytest.mark.parametrize("form", ["messages", "anthropic"])
def test_images_and_sound_are_refused(form: Format, kind: str) -> None:
    turns = [{"role": "user", "content": [{"type": kind, kind: {"url": "x"}}]}, *openai(("assistant", "b"))]
    with pytest.raises(RowError, match=rf"holds more than text \({kind}\)"):
        read(form, messages=turns)


def test_anthropic_turns_with_blocks_become_the_turns_of_openai() -> None:
    turns = [
        {"role": "user", "content": "a"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "call00001", "name": "f", "input": {"x": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call00001", "content": [{"type": "text", "text": "r"}]},
                {"type": "text", "text": "a"},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
    ]
    row = read("anthropic", system=[{"type": "text", "text": "s"}], messages=turns, tools=[OWN_TOOL])
    said = ToolMessage("assistant", "I look.", CALL.calls)
    assert row.messages == (SYSTEM, ASK, said, RESULT, ASK, SAY)
    assert row.tools == (TOOL,)


@pytest.mark.parametrize(
    ("blocks", "problem"),
    [
        ([{"type": "thinking", "thinking": "hm"}], r"more than text \(thinking\)"),
        (
            [{"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}],
            "'cache_control', which is not known",
        ),
        ([{"type": "tool_use", "name": "f", "input": {}}, {"type": "text", "text": "b"}], "goes on after a tool call"),
        ([], "a turn of the assistant is empty"),
    ],
)
def test_blocks_that_would_be_lost_are_refused(blocks: list[Object], problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        read("anthropic", messages=[*openai(("user", "a")), {"role": "assistant", "content": blocks}])


def test_sharegpt_calls_and_observations_are_calls_and_results() -> None:
    call = '{"name": "f", "arguments": {"x": 1}}'
    for value in (call, f"[{call}]"):
        turns = shared_gpt(("system", "s"), ("user", "a"), ("function_call", value), ("tool", "r"), ("chatgpt", "b"))
        assert read("sharegpt", conversations=turns).messages == (SYSTEM, ASK, CALL, RESULT, SAY)


def test_a_sharegpt_system_text_may_be_a_column_and_not_two_things() -> None:
    turns = shared_gpt(("human", "a"), ("gpt", "b"))
    assert read("sharegpt", conversations=turns, system="s").messages == (SYSTEM, ASK, SAY)
    with pytest.raises(RowError, match="stands both in 'system' and among the turns"):
        read("sharegpt", conversations=[*shared_gpt(("system", "t")), *turns], system="s")


def test_results_that_stand_alone_are_read_and_have_no_place_at_anthropic() -> None:
    turns = shared_gpt(("human", "a"), ("gpt", "<tool_call>f</tool_call>"), ("tool", "r"), ("gpt", "b"))
    row = read("sharegpt", conversations=turns)
    assert row.messages[2] == ToolMessage("tool", "r")
    assert to_object(row, "messages")["messages"][2] == {"role": "tool", "content": "r"}
    with pytest.raises(ValueError, match="results of tools that nobody called, which anthropic cannot hold"):
        to_object(row, "anthropic")


def test_alpaca_turns_stand_in_their_order_and_input_comes_after_the_instruction() -> None:
    row = read("alpaca", instruction="a", input="i", output="b", system="s", history=[["c", "d"]])
    told = [(message.role, message.content) for message in row.messages]
    assert told == [("system", "s"), ("user", "c"), ("assistant", "d"), ("user", "a\n\ni"), ("assistant", "b")]


def test_an_instruction_that_was_changed_is_not_cut_in_the_wrong_place() -> None:
    from dataclasses import replace

    row = read("alpaca", instruction="call 555-1234", input="now", output="b")
    shorter = replace(row, messages=(Message("user", "call X\n\nnow"), row.messages[1]))
    assert to_object(shorter, "alpaca")["instruction"] == "call X\n\nnow"


@pytest.mark.parametrize(("label", "word"), [("pos", "pos"), (3, "3"), (True, "true"), (False, "false")])
def test_a_class_is_what_the_assistant_says_and_is_kept_as_it_is(label: object, word: str) -> None:
    row = read("classification", text="a", label=label)
    assert (row.messages[1].content, row.label, type(row.label)) == (word, label, type(label))


@pytest.mark.parametrize("label", [None, 1.5, "", " ", [], {}])
def test_a_class_is_a_word_or_a_whole_number(label: object) -> None:
    with pytest.raises(RowError, match="'label' is"):
        read("classification", text="a", label=label)


@pytest.mark.parametrize(
    "columns",
    [
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"prompt": openai(("user", "a")), "chosen": openai(("assistant", "b")), "rejected": openai(("assistant", "c"))},
        {"chosen": openai(("user", "a"), ("assistant", "b")), "rejected": openai(("user", "a"), ("assistant", "c"))},
        {
            "prompt": "a",
            "chosen": openai(("user", "a"), ("assistant", "b")),
            "rejected": openai(("user", "a"), ("assistant", "c")),
        },
    ],
    ids=["texts", "turns", "whole conversations", "a prompt besides"],
)
def test_every_way_to_write_a_pair_is_one(columns: Object) -> None:
    row = read("preference", **columns)
    assert (row.prompt, row.answers, row.rejected) == ((ASK,), (SAY,), (Message("assistant", "c"),))


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"chosen": "b", "rejected": "c"}, "no 'prompt', and 'chosen' and 'rejected' are no whole conversations"),
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, "'chosen' and 'rejected' say the same"),
        (
            {
                "chosen": openai(("user", "a"), ("assistant", "b")),
                "rejected": openai(("user", "x"), ("assistant", "c")),
            },
            "not answers to the same turns",
        ),
        (
            {"chosen": openai(("user", "a"), ("assistant", "b")), "rejected": openai(("user", "a"))},
            "not answers to the same turns",
        ),
        (
            {
                "prompt": "z",
                "chosen": openai(("user", "a"), ("assistant", "b")),
                "rejected": openai(("user", "a"), ("assistant", "c")),
            },
            "do not begin with 'prompt'",
        ),
        ({"prompt": "a", "chosen": openai(("assistant", "b"), ("user", "c")), "rejected": "d"}, "not an answer of the"),
    ],
)
def test_pairs_that_are_none_are_told(columns: Object, problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        read("preference", **columns)


def test_a_pair_keeps_what_single_turns_hold_besides() -> None:
    columns = {
        "prompt": [{"role": "user", "content": "a", "name": "Ada"}],
        "chosen": [{"role": "assistant", "content": "b", "weight": 1}],
        "rejected": [{"role": "assistant", "content": "c", "weight": 0}],
    }
    assert to_object(read("preference", **columns), "preference") == columns


def test_a_file_of_texts_says_true_and_false_in_words() -> None:
    assert read("kto", prompt="a", completion="b", label="True").label is True
    assert read("kto", prompt="a", completion="b", label="false").label is False


FAULTS: tuple[tuple[str, Format, Object, str], ...] = (
    (
        "no answer",
        "messages",
        {"messages": openai(("user", "a"))},
        "'messages' does not end with the assistant's answer",
    ),
    (
        "an answer to nobody",
        "messages",
        {"messages": openai(("system", "s"), ("assistant", "b"))},
        "no turn of the user",
    ),
    (
        "an empty turn",
        "messages",
        {"messages": openai(("user", "a"), ("assistant", "\n"))},
        "turn of the assistant is empty",
    ),
    ("null", "messages", {"messages": None}, "'messages' is not a list of messages"),
    ("nothing", "messages", {"messages": []}, "'messages' is not a list of messages"),
    ("a turn without content", "messages", {"messages": [{"role": "user"}]}, "holds what is no message"),
    (
        "a role that is a list",
        "messages",
        {"messages": [{"role": ["user"], "content": "a"}]},
        r"messages\[0\] has the role",
    ),
    (
        "content of a number",
        "messages",
        {"messages": [{"role": "user", "content": 5}]},
        "content of a turn is a number",
    ),
    (
        "calls of a text",
        "messages",
        {"messages": [*openai(("user", "a")), {"role": "assistant", "tool_calls": "f"}]},
        "is a text, not a list",
    ),
    (
        "a call of nothing",
        "messages",
        {"messages": [*openai(("user", "a")), {"role": "assistant", "tool_calls": [{"function": {}}]}]},
        "names no function",
    ),
    (
        "a custom call",
        "messages",
        {"messages": [*openai(("user", "a")), {"role": "assistant", "tool_calls": [{"type": "custom"}]}]},
        "no call of a function",
    ),
    (
        "tools that are a text",
        "messages",
        {"messages": openai(("user", "a"), ("assistant", "b")), "tools": "f"},
        "'tools' is a text that is not valid JSON",
    ),
    (
        "tools of no function",
        "messages",
        {"messages": openai(("user", "a"), ("assistant", "b")), "tools": [{"type": "function"}]},
        "a function without a name",
    ),
    (
        "a system role at anthropic",
        "anthropic",
        {"messages": openai(("system", "s"), ("user", "a"), ("assistant", "b"))},
        "has the role 'system'",
    ),
    (
        "openai turns at sharegpt",
        "sharegpt",
        {"conversations": openai(("user", "a"), ("assistant", "b"))},
        "these are 'messages': name the column so",
    ),
    ("an unknown speaker", "sharegpt", {"conversations": shared_gpt(("bot", "a"))}, "a turn is from 'bot'"),
    (
        "a call that is no JSON",
        "sharegpt",
        {"conversations": shared_gpt(("human", "a"), ("function_call", "f(x)"))},
        "no JSON of a call",
    ),
    (
        "a deep call",
        "sharegpt",
        {"conversations": shared_gpt(("human", "a"), ("function_call", "[" * 100_000))},
        "no JSON of a call",
    ),
    ("an empty output", "alpaca", {"instruction": "a", "output": ""}, "'output' is empty"),
    (
        "an input of a number",
        "alpaca",
        {"instruction": "a", "input": 4, "output": "b"},
        "'input' is a number, not text",
    ),
    ("a crooked history", "alpaca", {"instruction": "a", "output": "b", "history": [["c"]]}, "not a list of pairs"),
    (
        "a completion of two",
        "prompt_completion",
        {"prompt": "a", "completion": openai(("assistant", "b"), ("assistant", "c"))},
        "not one message of the assistant",
    ),
    (
        "a prompt of nobody",
        "prompt_completion",
        {"prompt": openai(("system", "s")), "completion": "b"},
        "'prompt' has no turn of the user",
    ),
    (
        "a liking of a number",
        "kto",
        {"prompt": "a", "completion": "b", "label": 1},
        "'label' is a number, not true or false",
    ),
    (
        "one choice",
        "multiple_choice",
        {"prompt": "a", "choices": ["b"], "answer": 0},
        "not a list of at least two texts",
    ),
    (
        "an answer beyond",
        "multiple_choice",
        {"prompt": "a", "choices": ["b", "c"], "answer": 2},
        r"not the index of a choice \(0 to 1\): 2",
    ),
    ("text of null", "text", {"text": None}, "'text' is null, not text"),
    ("crooked tags", "text", {"text": "a", "tags": "x"}, "'tags' is not a list of words"),
)


@pytest.mark.parametrize(
    ("form", "columns", "problem"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS]
)
def test_what_is_no_row_is_told(form: Format, columns: Object, problem: str) -> None:
    with pytest.raises(RowError, match=problem) as refused:
        row_of(form, columns, 1)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300
