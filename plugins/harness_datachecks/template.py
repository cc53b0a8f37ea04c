"""What the chat template of the model that will be trained makes of the rows."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import DataContext, Finding, Message, Row, Severity, Spot, Table, ToolMessage
from harness_datachecks.rendering import NotOpenedError, Rendered, Renderer, whole
from harness_datachecks.wording import counted, excerpt

REFUSED, NO_TOOLS, NO_END, INJECTED = "refused by the template", "tools are lost", "no stop token", "special tokens"
_IS_LOST = " turns are lost"
_SAID = {
    REFUSED: ("makes the chat template fail", "make the chat template fail"),
    NO_TOOLS: ("loses tools or calls in the chat template", "lose tools or calls in the chat template"),
    NO_END: ("has no stop token after the answer", "have no stop token after the answer"),
    INJECTED: ("holds special tokens of the tokenizer as text", "hold special tokens of the tokenizer as text"),
}
_REMEDIES = {
    REFUSED: "write the rows as the template wants them, or train with another template",
    NO_TOOLS: "take a chat template that shows tools, or rows without them",
    NO_END: "the chat template must end the assistant's turn with the end token, or the model never learns to stop",
    INJECTED: "take the tokens out of the texts: the tokenizer reads them as the end of a turn, not as text",
}


@dataclass(frozen=True)
class Template:
    """Rows that the model's chat template refuses or shortens, answers without a stop token, special tokens as text."""

    name: ClassVar[str] = "template"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = True

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """One finding for each kind of fault; raw text goes through no template."""
        rows = [row for row in table.rows if row.messages and not row.choices]
        if not rows:
            return ()
        try:
            renderer = Renderer.of(context.tokenizer)
        except NotOpenedError as error:
            message = f"the chat template was not looked at: {excerpt(str(error), 200)}"
            remedy = "name the folder of the model that will be trained: --tokenizer FOLDER"
            return (Finding("template not looked at", "info", message, remedy),)
        found = _injected(renderer, rows)
        if renderer.has_template:
            found = (*_rendered(renderer, rows), *found)
        else:
            message = f"{excerpt(renderer.folder.name)} has no chat template, and the rows are conversations"
            remedy = "take the model's instruct version, or train on raw text"
            found = (Finding("no chat template", "error", message, remedy), *found)
        return found


def _injected(renderer: Renderer, rows: Sequence[Row]) -> tuple[Finding, ...]:
    special = _special(renderer.tokenizer)
    if not special:
        return ()
    # few texts hold the first two characters of any, and looking for these is many times faster
    hints = tuple({each[:2] for each in special})
    pattern = re.compile("|".join(re.escape(each) for each in sorted(special, key=lambda each: (-len(each), each))))
    spots = []
    for row in rows:
        for message in row.messages:
            if not any(hint in message.content for hint in hints):
                continue
            if token := pattern.search(message.content):
                around = message.content[max(0, token.start() - 30) : token.end() + 30]
                spots.append(Spot(row.line, f"{message.role}: {excerpt(around, 90)}"))
                break
    return (_finding(INJECTED, "warning", spots, len(rows)),) if spots else ()


def _special(tokenizer: Any) -> set[str]:  # noqa: ANN401 - a tokenizer of whatever class
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    found = {str(each) for each in added if each.special} | set(tokenizer.all_special_tokens)
    return {each for each in found if len(each) > 1}


def _rendered(renderer: Renderer, rows: Sequence[Row]) -> Iterator[Finding]:
    ends = renderer.ends()
    if not ends:
        message = "the tokenizer names no end token, so no answer can end with one"
        yield Finding(NO_END, "error", message, _REMEDIES[NO_END])
    spots = defaultdict[str, list[Spot]](list)
    for row, rendered in zip(rows, renderer.rendered(rows), strict=True):
        for kind, evidence in _faults(row, rendered, ends).items():
            spots[kind].append(Spot(row.line, evidence))
    yield from (_finding(kind, "error", spots[kind], len(rows)) for kind in sorted(spots))


def _finding(kind: str, severity: Severity, spots: Sequence[Spot], rows: int) -> Finding:
    role = kind.removesuffix(_IS_LOST)
    lost = (f"loses what the {role} says", f"lose what the {role} says")
    message = counted(len(spots), rows, *_SAID.get(kind, lost))
    remedy = _REMEDIES.get(kind, "move it into a turn of another role, or train with a template that keeps it")
    figures = {"rows": float(len(spots)), "share": len(spots) / rows}
    # what befalls every row is the template's doing
    is_whole = kind == NO_END and len(spots) == rows
    return Finding(kind, severity, message, remedy, () if is_whole else tuple(spots), figures)


def _faults(row: Row, rendered: Rendered, ends: Sequence[str]) -> dict[str, str]:
    """What is wrong with one row, by kind, each with its evidence."""
    if rendered.refused:
        return {REFUSED: excerpt(rendered.refused, 110)}
    found: dict[str, str] = {}
    text = rendered.text
    for message in row.messages:
        content = _content(message)
        if content not in text and json.dumps(content, ensure_ascii=False)[1:-1] not in text:
            found.setdefault(f"{message.role}{_IS_LOST}", excerpt(content, 110))
    names = [name for name in _names(row) if name not in text]
    if names:
        found[NO_TOOLS] = excerpt(", ".join(names), 110)
    answer = _content(row.messages[-1]) or next(_called(row.messages[-1:]), "")
    place = text.rfind(answer) if answer else -1
    if ends and place >= 0 and not any(end in text[place + len(answer) :] for end in ends):
        found[NO_END] = f"after the answer: {text[place + len(answer) :][:40]!a}"
    return found


def _content(message: Message) -> str:
    """What must stand in the rendered text: templates trim it, and leave out what a model has thought earlier."""
    return whole(message.content).rpartition("</think>")[2].strip()


def _names(row: Row) -> Iterator[str]:
    """Of the tools that are offered and called."""
    for tool in row.tools:
        inner = tool.get("function")
        name = inner.get("name") if isinstance(inner, Mapping) else tool.get("name")
        if isinstance(name, str):
            yield whole(name)
    yield from _called(row.messages)


def _called(messages: Sequence[Message]) -> Iterator[str]:
    for message in messages:
        if isinstance(message, ToolMessage):
            yield from (whole(call.name) for call in message.calls)
