"""What can be wrong with the shape of a single row: its turns, tools, edges, choices and pairs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from harness import Message, Row, Severity, ToolCall, ToolMessage, folded
from harness_datachecks.marks import turn_mark
from harness_datachecks.texts import has_calls, is_class
from harness_datachecks.wording import excerpt, printable


class Fault(NamedTuple):
    """One way in which rows are wrong."""

    kind: str
    severity: Severity
    one: str
    """What one row does: ``ends with ...``."""
    many: str
    remedy: str
    remove: bool = False
    """Whether such a row teaches nothing, so that leaving it out loses nothing."""


class Seen(NamedTuple):
    """A fault in a row."""

    fault: Fault
    evidence: str
    replacement: Row | None = None


NO_ANSWER = Fault(
    "no answer at the end", "error", "does not end with the assistant", "do not end with the assistant",
    "end each conversation with the assistant's answer, or leave it out", remove=True,
)  # fmt: skip
NO_QUESTION = Fault(
    "no question", "error", "has no turn of the user", "have no turn of the user",
    "add what the user asks, or train on raw text", remove=True,
)  # fmt: skip
EMPTY_ANSWER = Fault(
    "empty answers", "error", "has an empty answer", "have an empty answer",
    "write the answer, or leave the row out", remove=True,
)  # fmt: skip
EMPTY_TURN = Fault(
    "empty turns", "warning", "has an empty turn", "have an empty turn", "write what is missing, or drop the turn"
)  # fmt: skip
LATE_SYSTEM = Fault(
    "system turn not first", "warning", "has a system turn after the first turn",
    "have a system turn after the first turn", "move it to the front: most chat templates refuse it elsewhere",
)  # fmt: skip
SAME_ROLE = Fault(
    "roles do not alternate", "warning", "has two turns of one role in a row", "have two turns of one role in a row",
    "join them, or add the turn that is missing between them",
)  # fmt: skip
NOT_BEGUN = Fault(
    "begins without the user", "warning", "begins with the assistant or a tool",
    "begin with the assistant or a tool", "begin with what the user asks, after the system's turn",
)  # fmt: skip
RESULT_OF_NOTHING = Fault(
    "result without a call", "error", "has a tool's result that answers no call",
    "have a tool's result that answers no call", "give result and call the same id, and the call before its result",
)  # fmt: skip
NO_RESULT = Fault(
    "call without a result", "warning", "goes on after a call without its result",
    "go on after a call without its result", "add the tool's result after the call",
)  # fmt: skip
ENDS_CALLING = Fault(
    "ends with a call", "info", "ends with a call of a tool", "end with a call of a tool",
    "add result and answer if the model shall learn to use what comes back",
)  # fmt: skip
NOT_OFFERED = Fault(
    "tools not offered", "warning", "calls a tool that it does not offer", "call a tool that they do not offer",
    "list the tool in the row's tools, or mend its name",
)  # fmt: skip
ARGUMENTS = Fault(
    "arguments are no JSON object", "warning", "calls a tool with arguments that are no JSON object",
    "call a tool with arguments that are no JSON object", "write the arguments as a JSON object",
)  # fmt: skip
ECHO = Fault(
    "answer repeats the prompt", "warning", "answers with the prompt itself", "answer with the prompt itself",
    "leave them out unless nothing to change is the right answer",
)  # fmt: skip
EDGES = Fault(
    "white space around answers", "warning", "has white space around the answer", "have white space around the answer",
    "trim the answers: harness data clean does it",
)  # fmt: skip
MARKS = Fault(
    "leaked template marks", "warning", "holds marks of a chat template", "hold marks of a chat template",
    "split the text into turns and drop the marks: the template writes its own",
)  # fmt: skip
EQUAL_PAIR = Fault(
    "chosen equals rejected", "error", "has the same answer as chosen and as rejected",
    "have the same answer as chosen and as rejected", "leave them out: they say nothing of what is better",
    remove=True,
)  # fmt: skip
NEARLY_EQUAL_PAIR = Fault(
    "chosen hardly differs", "warning", "prefers an answer to the same one in other case, punctuation or white space",
    "prefer an answer to the same one in other case, punctuation or white space",
    "leave them out, unless just that is to be learnt",
)  # fmt: skip
EMPTY_REJECTED = Fault(
    "empty rejected answers", "warning", "has an empty rejected answer", "have an empty rejected answer",
    "write what a worse answer is, or leave the row out",
)  # fmt: skip
EQUAL_ANSWER = Fault(
    "right choice twice", "error", "offers the right choice twice", "offer the right choice twice",
    "write different choices: a model that picks the other one is called wrong",
)  # fmt: skip
EQUAL_CHOICES = Fault(
    "equal choices", "warning", "offers a wrong choice twice", "offer a wrong choice twice", "write different choices"
)  # fmt: skip
EMPTY_CHOICE = Fault(
    "empty choices", "warning", "offers an empty choice", "offer an empty choice", "write the choice"
)  # fmt: skip


def faults(row: Row) -> Iterator[Seen]:
    """Each fault of the row, the same one once."""
    if row.text is not None:
        if _is_blank(row.text):
            yield Seen(EMPTY_ANSWER, "the text is empty")
        yield from _marks((Message("user", row.text),))
        return
    yield from _turns(row)
    yield from _tools(row)
    yield from _marks(row.messages)
    if row.choices:
        yield from _choices(row)
        return
    yield from _end(row)
    if row.rejected:
        yield from _pair(row)
    if not is_class(row):
        yield from _answer(row)


def _is_blank(text: str) -> bool:
    return not text or text.isspace()


def _turns(row: Row) -> Iterator[Seen]:
    found: dict[Fault, str] = {}
    before, last = "", len(row.messages) - 1
    for number, message in enumerate(row.messages):
        role = message.role
        if _is_blank(message.content) and role != "tool" and not has_calls(message):
            is_answer = number == last and role == "assistant"
            found.setdefault(EMPTY_ANSWER if is_answer else EMPTY_TURN, f"turn {number + 1} ({role}) is empty")
        if role == "system":
            if number:
                found.setdefault(LATE_SYSTEM, f"turn {number + 1} of {last + 1}: {excerpt(message.content, 60)}")
            continue
        if not before and role != "user" and any(each.role == "user" for each in row.messages):
            found.setdefault(NOT_BEGUN, f"turn {number + 1} ({role}): {excerpt(message.content, 60)}")
        if role == before and role != "tool":
            found.setdefault(SAME_ROLE, f"turns {number} and {number + 1} of {last + 1} are both of {role}")
        before = role
    yield from (Seen(fault, evidence) for fault, evidence in found.items())


def _end(row: Row) -> Iterator[Seen]:
    if not row.messages or row.messages[-1].role != "assistant":
        yield Seen(NO_ANSWER, f"ends with {row.messages[-1].role}" if row.messages else "no turns")
    if row.messages and not any(message.role == "user" for message in row.messages):
        yield Seen(NO_QUESTION, ", ".join(message.role for message in row.messages[:6]))
    if row.messages and has_calls(row.messages[-1]):
        yield Seen(ENDS_CALLING, "")


def _tools(row: Row) -> Iterator[Seen]:
    if not any(message.role == "tool" or isinstance(message, ToolMessage) for message in row.messages):
        return
    found: dict[Fault, str] = {}
    offered, waiting = {_name_of(tool) for tool in row.tools}, list[ToolCall]()
    for number, message in enumerate(row.messages, start=1):
        if message.role == "tool":
            answers = message.answers if isinstance(message, ToolMessage) else None
            call = next((each for each in waiting if not answers or each.id in ("", answers)), None)
            if call is None:
                found.setdefault(RESULT_OF_NOTHING, f"turn {number}: {printable(repr(answers)[:60])}")
            else:
                waiting.remove(call)
            continue
        if waiting:
            found.setdefault(NO_RESULT, f"turn {number} follows the call of {excerpt(waiting[0].name, 60)}")
            waiting.clear()
        for call in message.calls if isinstance(message, ToolMessage) else ():
            waiting.append(call)
            if call.name not in offered:
                there = f"of {len(offered)} offered" if offered else "and none is offered"
                found.setdefault(NOT_OFFERED, f"calls {excerpt(call.name, 60)}, {there}")
            if not _is_object(call.arguments):
                found.setdefault(ARGUMENTS, f"{excerpt(call.name, 40)}: {excerpt(call.arguments, 60)}")
    yield from (Seen(fault, evidence) for fault, evidence in found.items())


def _name_of(tool: Mapping[str, object]) -> object:
    """Of a function as OpenAI writes it, in a wrapper, or plainly."""
    inner = tool.get("function")
    return inner.get("name") if isinstance(inner, Mapping) else tool.get("name")


def _is_object(arguments: str) -> bool:
    """Whether it is a JSON object; nothing at all stands for a call without arguments."""
    if _is_blank(arguments):
        return True
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _marks(messages: tuple[Message, ...]) -> Iterator[Seen]:
    for number, message in enumerate(messages, start=1):
        found = turn_mark(message.content, roles=message.role == "assistant")
        if found:
            around = message.content[max(0, found.start() - 20) : found.end() + 30]
            yield Seen(MARKS, f"turn {number} ({message.role}): {excerpt(around, 70)}")
            return


def _choices(row: Row) -> Iterator[Seen]:
    choices = [choice.strip() for choice in row.choices]
    if not all(choices):
        yield Seen(EMPTY_CHOICE, f"choice {choices.index('') + 1} of {len(choices)}")
    if len(set(choices)) == len(choices):
        return
    if row.answer is not None and choices.count(choices[row.answer]) > 1:
        yield Seen(EQUAL_ANSWER, excerpt(choices[row.answer]))
    else:
        yield Seen(EQUAL_CHOICES, excerpt(next(choice for choice in choices if choices.count(choice) > 1)))


def _pair(row: Row) -> Iterator[Seen]:
    if [_said(message) for message in row.answers] == [_said(message) for message in row.rejected]:
        yield Seen(EQUAL_PAIR, excerpt(row.rejected[-1].content))
    elif any(_is_blank(message.content) and not has_calls(message) for message in row.rejected):
        yield Seen(EMPTY_REJECTED, f"chosen: {excerpt(row.messages[-1].content)}")
    elif [_meant(message) for message in row.answers] == [_meant(message) for message in row.rejected]:
        yield Seen(NEARLY_EQUAL_PAIR, excerpt(row.rejected[-1].content))


_Said = tuple[str, str, tuple[ToolCall, ...]]


def _said(message: Message) -> _Said:
    return message.role, message.content.strip(), message.calls if isinstance(message, ToolMessage) else ()


def _meant(message: Message) -> _Said:
    """The same without what tells no texts apart."""
    role, content, calls = _said(message)
    return role, folded(content), calls


def _answer(row: Row) -> Iterator[Seen]:
    if not row.answers or not row.prompt or _is_blank(row.answers[-1].content):
        return
    asked = row.prompt[-1].content if row.prompt[-1].role == "user" else ""
    answered = row.answers[-1].content
    if abs(len(asked) - len(answered)) <= 20 and asked.casefold().split() == answered.casefold().split():
        yield Seen(ECHO, excerpt(answered))
    trimmed = [_trimmed(message) for message in row.messages]
    if any(now is not then for now, then in zip(trimmed, row.messages, strict=True)):
        seen = next(then.content for now, then in zip(trimmed, row.messages, strict=True) if now is not then)
        evidence = f"{printable(ascii(seen[:12]))} … {printable(ascii(seen[-12:]))}"
        yield Seen(EDGES, evidence, dataclasses.replace(row, messages=tuple(trimmed)))


def _trimmed(message: Message) -> Message:
    """The same message where nothing is to be trimmed."""
    content = message.content
    if message.role != "assistant" or not content or not (content[0].isspace() or content[-1].isspace()):
        return message
    if _is_blank(content):
        return message
    shorter = content.rstrip()
    begins = len(shorter) - len(shorter.lstrip())
    first_line = shorter.rfind("\n", 0, begins) + 1
    # two blanks or a tab before the first word may be the indentation of code
    kept = shorter[first_line:] if begins - first_line > 1 or "\t" in shorter[first_line:begins] else shorter[begins:]
    return message if kept == content else dataclasses.replace(message, content=kept)
