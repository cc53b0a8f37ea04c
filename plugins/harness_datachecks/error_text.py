"""Answers that are an error, a placeholder or a refusal, and rests of a model's output in answers."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness import DataContext, Finding, Message, Row, Spot, Table
from harness_datachecks.error_patterns import ERROR, PLACEHOLDER, REFUSAL, seen_in
from harness_datachecks.marks import stop_mark
from harness_datachecks.texts import is_taught
from harness_datachecks.wording import counted, excerpt

REST = "rests of a model's output"

_SAID = {
    ERROR: ("answers with an error message", "answer with an error message"),
    PLACEHOLDER: ("answers with a placeholder", "answer with a placeholder"),
    REFUSAL: ("refuses to answer", "refuse to answer"),
    REST: ("holds a token that no text should hold", "hold a token that no text should hold"),
}
_REMEDIES = {
    ERROR: "ask for these answers again, or leave the rows out",
    PLACEHOLDER: "write the answers, or leave the rows out",
    REFUSAL: "leave the rows out, unless the model shall refuse just these",
    REST: "drop the tokens: harness data clean does it where they end an answer",
}


@dataclass(frozen=True)
class ErrorText:
    """Answers that are no answers: error messages, placeholders, refusals, end tokens that a model left behind."""

    name: ClassVar[str] = "error_text"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = True

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """One finding for each kind of text."""
        spots = defaultdict[str, list[Spot]](list)
        taught = 0
        for row in table.rows:
            if not is_taught(row):
                continue
            taught += 1
            for kind, spot in _seen(row):
                spots[kind].append(spot)
        return tuple(_finding(kind, spots[kind], taught) for kind in _SAID if kind in spots)


def _finding(kind: str, spots: Sequence[Spot], rows: int) -> Finding:
    message = counted(len(spots), rows, *_SAID[kind])
    figures = {"rows": float(len(spots)), "share": len(spots) / rows}
    return Finding(kind, "warning", message, _REMEDIES[kind], tuple(spots), figures)


def _seen(row: Row) -> Iterator[tuple[str, Spot]]:
    """Each kind once, the turn that comes first; the row may go where its last turn is nothing but the error."""
    kinds = set[str]()
    last = len(row.messages) - 1
    for number, message in enumerate(row.messages):
        if message.role != "assistant":
            continue
        asked = row.messages[number - 1].content if number else ""
        found = seen_in(message.content, asked)
        if found and found.kind not in kinds:
            kinds.add(found.kind)
            remove = found.is_nothing_else and number == last
            yield found.kind, Spot(row.line, excerpt(message.content, 110), remove=remove)
        mark = stop_mark(message.content)
        if mark and REST not in kinds and not any(mark[0] in each.content for each in row.messages[:number]):
            kinds.add(REST)
            around = message.content[max(0, mark.start() - 40) : mark.end() + 40]
            yield REST, Spot(row.line, excerpt(around, 110), replacement=_without(mark[0], row))


def _without(mark: str, row: Row) -> Row | None:
    """The row without the token where it only ends the answers; ``None`` where it stands within a text as well."""
    messages = tuple(_shortened(mark, message) for message in row.messages)
    for now, then in zip(messages, row.messages, strict=True):
        if now.role == "assistant" and (mark in now.content or (then.content and not now.content)):
            return None
    return dataclasses.replace(row, messages=messages)


def _shortened(mark: str, message: Message) -> Message:
    if message.role != "assistant" or mark not in message.content:
        return message
    content = message.content.rstrip()
    while content.endswith(mark):
        content = content.removesuffix(mark).rstrip()
    return dataclasses.replace(message, content=content)
