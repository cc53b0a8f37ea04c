"""What a format can hold comes back from it as it was; what it cannot hold is refused."""

from __future__ import annotations

import json
import string
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.formats import SHAPES, to_object
from harness.data.formats.objects import row_of
from harness.data.formats.recognise import fitting
from harness.rows import Format, Row, ToolMessage

FORMATS: tuple[Format, ...] = get_args(Format)
Object = dict[str, Any]

# the texts of people: blank lines within, odd letters, markup, all but half characters
said = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30).filter(str.strip) | st.sampled_from(
    [
        "Blue.",
        "a\n\nb",
        "<|im_start|>user\n",
        '{"name": "f"}',
        '[{"role": "user"}]',
        " \u202e x ",
        "\x1b[31mred",
        "true",
    ]
)
words = st.text(string.ascii_lowercase, min_size=1, max_size=8)
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | said,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
extras = st.dictionaries(
    st.sampled_from(["id", "synthetic", "source", "score", "label", "input", "system", "alpaca_input_at", "text"]),
    plain_json,
    max_size=2,
)
tags = st.just({}) | st.fixed_dictionaries({"tags": st.lists(words, min_size=1, max_size=2)})
arguments = st.dictionaries(words, plain_json, max_size=3)
functions = st.lists(
    st.fixed_dictionaries({"name": words}, optional={"description": said, "parameters": arguments}),
    min_size=1,
    max_size=2,
)


@st.composite
def chat_turns(draw: st.DrawFn, *, system: bool = True) -> list[Object]:
    """A conversation as OpenAI has it, with tools or without."""
    start = draw(st.lists(st.just("system"), max_size=1)) if system else []
    turns: list[Object] = [{"role": role, "content": draw(said)} for role in start]
    count = 0
    for _ in range(draw(st.integers(1, 3))):
        turns.append({"role": "user", "content": draw(said)})
        if draw(st.booleans()):
            made = []
            for _ in range(draw(st.integers(1, 2))):
                count += 1
                identity = f"call{count:05}" if draw(st.booleans()) else draw(words) + str(count)
                function = {"name": draw(words), "arguments": json.dumps(draw(arguments), ensure_ascii=False)}
                made.append({"id": identity, "type": "function", "function": function})
            text = draw(st.none() | said)
            turns.append({"role": "assistant", "content": text, "tool_calls": made})
            turns += [
                {
                    "role": "tool",
                    "content": draw(said | st.just("")),
                    "tool_call_id": each["id"],
                    "name": each["function"]["name"],
                }
                for each in made
            ]
        last: Object = {"role": "assistant", "content": draw(said)}
        turns.append({**last, **draw(st.just({}) | st.fixed_dictionaries({"weight": st.integers(0, 1)}))})
    return turns


@st.composite
def texts_only(draw: st.DrawFn) -> list[Object]:
    turns = [{"role": "system", "content": draw(said)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        turns += [{"role": "user", "content": draw(said)}, {"role": "assistant", "content": draw(said)}]
    return turns


def as_columns(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    return st.fixed_dictionaries(dict(columns))


openai_tools = functions.map(lambda all_: [{"type": "function", "function": each} for each in all_])
chats = chat_turns() | texts_only()
some_tools = st.just({}) | st.fixed_dictionaries({"tools": openai_tools})


def of_messages(form: Format) -> st.SearchStrategy[Object]:
    """Objects of a chat format, made of those of OpenAI where it can hold them."""

    def made(turns: list[Object], tools: Object) -> Object | None:
        try:
            return to_object(row_of("messages", {"messages": turns, **tools}, 1), form)
        except ValueError:
            return None

    return st.builds(made, chats, some_tools).filter(lambda each: each is not None)


BARE: dict[Format, st.SearchStrategy[Object]] = {
    "messages": st.builds(lambda turns, tools: {"messages": turns, **tools}, chats, some_tools),
    "anthropic": of_messages("anthropic"),
    "sharegpt": of_messages("sharegpt"),
    "alpaca": st.fixed_dictionaries(
        {"instruction": said, "input": said | st.just(""), "output": said},
        optional={"system": said, "history": st.lists(st.lists(said, min_size=2, max_size=2), min_size=1, max_size=2)},
    ),
    "prompt_completion": as_columns(prompt=said, completion=said) | of_messages("prompt_completion"),
    "input_output": as_columns(input=said, output=said),
    "classification": as_columns(text=said, label=said | st.integers() | st.booleans()),
    "text": as_columns(text=said),
    "kto": st.builds(
        lambda row, label: {**row, "label": label},
        as_columns(prompt=said, completion=said) | of_messages("prompt_completion"),
        st.booleans(),
    ),
    "preference": as_columns(prompt=said, chosen=said, rejected=said).filter(
        lambda row: row["chosen"] != row["rejected"]
    )
    | st.builds(
        lambda turns, chosen, rejected: {"prompt": turns[:-1], "chosen": [turns[-1]], "rejected": rejected + chosen},
        chats,
        said.map(lambda text: [{"role": "assistant", "content": text}]),
        said.map(lambda text: [{"role": "assistant", "content": text}, {"role": "tool", "content": "x"}]),
    ),
    "multiple_choice": as_columns(
        prompt=said, choices=st.lists(said, min_size=2, max_size=3), answer=st.integers(0, 1)
    ),
}


@st.composite
def objects(draw: st.DrawFn, form: Format) -> Object:
    """An object of a format, perhaps with columns besides, which no other format would be seen in."""
    bare = draw(BARE[form])
    more = {key: value for key, value in draw(extras).items() if key not in SHAPES[form].columns}
    if form == "alpaca":
        more.pop("alpaca_input_at", None)
    whole = {**bare, **more, **draw(tags)}
    fits = fitting(whole)
    if fits != (form,) and not (form == "anthropic" and fits == ("messages",)):
        whole = bare
    return whole


def read(form: Format, content: Object) -> Row:
    return row_of(form, content, 7)


def held(row: Row, target: Format) -> Object | None:
    """The row in another format, or ``None`` where that says what it cannot hold."""
    try:
        return to_object(row, target)
    except ValueError as refusal:
        if str(refusal).endswith((f"which {target} cannot hold", f"which {target} needs")):
            return None
        raise


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_row_comes_back_from_every_format_that_takes_it(form: Format, data: st.DataObject) -> None:
    row = read(form, data.draw(objects(form)))
    for target in FORMATS:
        there = held(row, target)
        if there is None:
            assert target != form
            continue
        back = read(form, to_object(read(target, json.loads(json.dumps(there))), form))
        assert back == row
        assert to_object(back, form) == to_object(row, form)


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_an_object_in_its_normal_form_is_written_as_it_was_read(form: Format, data: st.DataObject) -> None:
    content = data.draw(objects(form))
    normal = to_object(read(form, content), form)
    assert to_object(read(form, normal), form) == normal
    if form not in ("messages", "preference"):  # a content of null and of "" are one
        assert normal == content


HELD: tuple[tuple[str, Format, Object, str], ...] = (
    ("one turn", "messages", {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
     "messages anthropic sharegpt alpaca prompt_completion input_output classification"),
    ("a system text", "alpaca", {"instruction": "a", "input": "", "output": "b", "system": "s"},
     "messages anthropic sharegpt alpaca prompt_completion"),
    ("an input", "alpaca", {"instruction": "a", "input": "c", "output": "b"},
     "messages anthropic sharegpt alpaca prompt_completion input_output classification"),
    ("several turns", "alpaca", {"instruction": "a", "input": "", "output": "b", "history": [["c", "d"]]},
     "messages anthropic sharegpt alpaca prompt_completion"),
    ("a word for a label", "classification", {"text": "a", "label": "b"},
     "messages anthropic sharegpt alpaca prompt_completion input_output classification"),
    ("a number for a label", "classification", {"text": "a", "label": 3},
     "messages anthropic sharegpt alpaca prompt_completion input_output classification"),
    # with a label true or false a completion would be taken for one that was judged
    ("a truth for a label", "classification", {"text": "a", "label": False},
     "messages anthropic sharegpt alpaca input_output classification"),
    ("a judged answer", "kto", {"prompt": "a", "completion": "b", "label": True}, "kto"),
    ("a pair", "preference", {"prompt": "a", "chosen": "b", "rejected": "c"}, "preference"),
    ("choices", "multiple_choice", {"prompt": "a", "choices": ["b", "c"], "answer": 0}, "multiple_choice"),
    ("raw text", "text", {"text": "a"}, "text"),
    ("tool calls without ids", "sharegpt",
     {"conversations": [
         {"from": "human", "value": "a"},
         {"from": "function_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
         {"from": "observation", "value": "b"},
         {"from": "gpt", "value": "c"}]},
     "messages anthropic sharegpt prompt_completion"),
    ("tool calls with ids", "anthropic",
     {"messages": [
         {"role": "user", "content": "a"},
         {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]}]},
     "messages anthropic prompt_completion"),
)  # fmt: skip


@pytest.mark.parametrize(("form", "content", "takers"), [case[1:] for case in HELD], ids=[case[0] for case in HELD])
def test_each_format_takes_what_it_can_hold_and_nothing_else(form: Format, content: Object, takers: str) -> None:
    row = read(form, content)
    took = [target for target in FORMATS if held(row, target) is not None]
    assert sorted(took) == sorted(takers.split())


@pytest.mark.parametrize(
    "arguments",
    ['{"a":1}', '{ "a" : 1.50 }', '{"ä": "\\u00e4"}'],
)
def test_of_arguments_only_white_space_and_spelling_may_change(arguments: str) -> None:
    row = read("messages", calling(arguments))
    back = read("messages", to_object(read("anthropic", to_object(row, "anthropic")), "messages"))
    [call] = [call for message in back.messages if isinstance(message, ToolMessage) for call in message.calls]
    assert json.loads(call.arguments) == json.loads(arguments)
    assert to_object(row, "messages") == calling(arguments)


@pytest.mark.parametrize(
    "arguments",
    ['{"a": 1, "a": 2}', "{", "[1]", '{"a": NaN}', '{"a": 1e999}', '{"a": 0.1234567890123456789}', '{"a": "\\ud83d"}',
     "[" * 100_000, '{"a": 1e-99999999999999999999}', '{"a": ' + "9" * 5000 + "}"],
    ids=range(10),
)  # fmt: skip
def test_arguments_that_an_object_would_not_say_exactly_are_refused(arguments: str) -> None:
    row = read("messages", calling(arguments))
    for target in ("anthropic", "sharegpt"):
        with pytest.raises(ValueError, match="arguments that are no plain JSON object, which"):
            to_object(row, target)
    assert to_object(row, "messages") == calling(arguments)


def calling(arguments: str) -> Object:
    call = {"id": "call00001", "type": "function", "function": {"name": "f", "arguments": arguments}}
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    return {"messages": turns}
