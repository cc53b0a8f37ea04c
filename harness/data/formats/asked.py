"""Formats with a ``prompt``: completions, preference pairs, completions that were judged (KTO), choices.

A prompt or an answer is a text or a list of turns. A row is written as it was read, and as texts where texts will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.data.formats import calls, turns
from harness.data.formats.chat import tools_column
from harness.data.formats.faults import LossError, RowError, kind, text, whole
from harness.data.formats.shape import CHAT, Object, Parts, Shape
from harness.data.formats.turns import Turns
from harness.rows import Format, Row
from harness.values import Message

PROMPTED: tuple[Format, ...] = ("prompt_completion", "preference", "kto", "multiple_choice")
"""The formats that write a prompt either way."""


def is_plain(row: Row) -> bool:
    """Whether a row's prompt and answers can be written as texts."""
    answers = [row.answers, row.rejected] if row.rejected else [row.answers]
    of_one = all(len(each) == 1 and type(each[0]) is Message for each in answers) or bool(row.choices)
    return of_one and [each.role for each in row.prompt] == ["user"] and not row.tools and not row.aside


def _is_written_plain(row: Row) -> bool:
    return (row.is_plain or row.form not in PROMPTED) and is_plain(row)


def _prompt(value: object) -> Turns:
    if isinstance(value, list):
        return turns.read(value, "prompt")
    return Turns([Message("user", text(value, "prompt"))])


def _add_answer(found: Turns, value: object, column: str) -> int:
    """The messages of an answer are added; their number."""
    if not isinstance(value, list):
        found.messages.append(Message("assistant", text(value, column)))
        return 1
    more = turns.read(value, column)
    roles = [message.role for message in more.messages]
    if roles[0] != "assistant" or roles[-1] != "assistant" or not set(roles) <= {"assistant", "tool"}:
        raise RowError(f"{column!r} is not an answer of the assistant")
    for index, message in enumerate(more.messages):
        found.add(message, more.aside.get(index))
    return len(more.messages)


def _from_completion(row: Object) -> Parts:
    found = _prompt(row["prompt"])
    if _add_answer(found, row["completion"], "completion") != 1:
        raise RowError("'completion' is not one message of the assistant")
    plain = not isinstance(row["prompt"], list) and not isinstance(row["completion"], list)
    messages = calls.settled(found.messages)
    if not any(message.role == "user" for message in messages):
        raise RowError("'prompt' has no turn of the user")
    return {
        "messages": messages,
        "tools": calls.read_tools(row.get("tools")),
        "aside": found.aside,
        "is_plain": plain,
    }


def _to_completion(row: Row) -> dict[str, Any]:
    if row.completion != 1:
        raise LossError("answers of several messages, which prompt_completion cannot hold")
    if _is_written_plain(row):
        return {"prompt": row.messages[0].content, "completion": row.messages[1].content}
    written = turns.write(row.messages, row.aside)
    return {"prompt": written[:-1], "completion": written[-1:], **tools_column(row)}


def _is_kto(row: Object) -> bool:
    return _liked(row.get("label")) is not None


def _liked(label: object) -> bool | None:
    """What a label says; in a table of texts it is a text too."""
    if isinstance(label, str):
        return {"true": True, "false": False}.get(label.lower())
    return label if isinstance(label, bool) else None


def _from_kto(row: Object) -> Parts:
    liked = _liked(row["label"])
    if liked is None:
        raise RowError(f"'label' is {kind(row['label'])}, not true or false")
    return {**_from_completion(row), "label": liked}


def _to_kto(row: Row) -> dict[str, Any]:
    return {**_to_completion(row), "label": row.label}


def _from_preference(row: Object) -> Parts:
    chosen, rejected = row["chosen"], row["rejected"]
    if isinstance(chosen, list) and isinstance(rejected, list) and _begins_with_the_prompt(chosen):
        return _from_conversations(row)
    if row.get("prompt") is None:
        raise RowError("the row has no 'prompt', and 'chosen' and 'rejected' are no whole conversations")
    better, worse = _prompt(row["prompt"]), _prompt(row["prompt"])
    asked = len(better.messages)
    length = _add_answer(better, chosen, "chosen")
    _add_answer(worse, rejected, "rejected")
    plain = not any(isinstance(each, list) for each in (row["prompt"], chosen, rejected))
    return _pair(row, better, worse, length, asked) | {"is_plain": plain}


def _begins_with_the_prompt(chosen: object) -> bool:
    first = chosen[0] if isinstance(chosen, list) and chosen else None
    return isinstance(first, dict) and first.get("role") not in ("assistant", "tool")


def _from_conversations(row: Object) -> Parts:
    """Of two whole conversations what they begin with is the prompt."""
    better, worse = turns.read(row["chosen"], "chosen"), turns.read(row["rejected"], "rejected")
    shared = 0
    for one, other in zip(better.messages, worse.messages, strict=False):
        if one != other or better.aside.get(shared) != worse.aside.get(shared):
            break
        shared += 1
    prompt = row.get("prompt")
    if prompt is not None and not _is_beginning(_prompt(prompt).messages, better.messages[:shared]):
        raise RowError("'chosen' and 'rejected' do not begin with 'prompt'")
    for found, column in ((better, "chosen"), (worse, "rejected")):
        rest = [each.role for each in found.messages[shared:]]
        if shared == len(better.messages) == len(worse.messages):
            break  # said of the pair below
        if not rest or rest[0] != "assistant" or rest[-1] != "assistant" or not set(rest) <= {"assistant", "tool"}:
            raise RowError("'chosen' and 'rejected' are not answers to the same turns", f"look at how {column!r} ends")
    return _pair(row, better, worse, len(better.messages) - shared, shared)


def _is_beginning(prompt: Sequence[Message], shared: Sequence[Message]) -> bool:
    """Whether a prompt is what two conversations share, or the last turn of it, as when the system text is left out."""
    return list(prompt) == list(shared)[-len(prompt) :] if prompt else False


def _pair(row: Object, better: Turns, worse: Turns, length: int, asked: int) -> Parts:
    messages, other = calls.settled(better.messages), calls.settled(worse.messages)
    rejected = other[asked:]
    if rejected == messages[asked:]:
        raise RowError("'chosen' and 'rejected' say the same", "leave the row out: there is nothing to prefer")
    if not any(message.role == "user" for message in messages[:asked]):
        raise RowError("'prompt' has no turn of the user")
    aside = better.aside | {
        len(messages) - asked + index: each for index, each in worse.aside.items() if index >= asked
    }
    return {
        "messages": messages,
        "completion": length,
        "rejected": rejected,
        "tools": calls.read_tools(row.get("tools")),
        "aside": aside,
    }


def _to_preference(row: Row) -> dict[str, Any]:
    if _is_written_plain(row):
        return {
            "prompt": row.prompt[0].content,
            "chosen": row.answers[0].content,
            "rejected": row.rejected[0].content,
        }
    written = turns.write(row.messages, row.aside)
    asked = len(row.prompt)
    return {
        "prompt": written[:asked],
        "chosen": written[asked:],
        "rejected": turns.write(row.rejected, row.aside, first=len(row.messages)),
        **tools_column(row),
    }


def _from_multiple_choice(row: Object) -> Parts:
    choices, answer = row["choices"], row["answer"]
    if isinstance(choices, str) and choices.lstrip().startswith("["):
        choices = calls.json_of(choices, "choices")
    if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(each, str) for each in choices):
        raise RowError("'choices' is not a list of at least two texts")
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(choices):
        raise RowError(f"'answer' is not the index of a choice (0 to {len(choices) - 1}): {repr(answer)[:40]}")
    found = _prompt(row["prompt"])
    return {
        "messages": calls.settled(found.messages),
        "choices": tuple(whole(each, f"choices[{index}]") for index, each in enumerate(choices)),
        "answer": answer,
        "tools": calls.read_tools(row.get("tools")),
        "aside": found.aside,
        "is_plain": not isinstance(row["prompt"], list),
    }


def _to_multiple_choice(row: Row) -> dict[str, Any]:
    prompt = row.messages[0].content if _is_written_plain(row) else turns.write(row.messages, row.aside)
    return {"prompt": prompt, "choices": list(row.choices), "answer": row.answer, **tools_column(row)}


PROMPT_COMPLETION = Shape(
    "prompt_completion", ("prompt", "completion"), ("tools",), CHAT, _from_completion, _to_completion
)
KTO = Shape(
    "kto",
    ("prompt", "completion", "label"),
    ("tools",),
    CHAT | {"liking"},
    _from_kto,
    _to_kto,
    marks=_is_kto,
    must_have="liking",
)
PREFERENCE = Shape(
    "preference",
    ("chosen", "rejected"),
    ("prompt", "tools"),
    CHAT | {"pair"},
    _from_preference,
    _to_preference,
    must_have="pair",
)
MULTIPLE_CHOICE = Shape(
    "multiple_choice",
    ("prompt", "choices", "answer"),
    ("tools",),
    (CHAT - {"conversation"}) | {"choices"},
    _from_multiple_choice,
    _to_multiple_choice,
    must_have="choices",
)
