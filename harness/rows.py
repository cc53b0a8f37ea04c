"""Rows of data, and what checks find in them: what crosses the border to a data check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from harness.values import Message, Origin, Sample, Severity

Format = Literal[
    "messages",
    "anthropic",
    "alpaca",
    "sharegpt",
    "prompt_completion",
    "input_output",
    "preference",
    "kto",
    "classification",
    "multiple_choice",
    "text",
]
"""The shapes that rows come in (``harness.data.formats``)."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What an assistant asks a tool for."""

    id: str
    name: str
    arguments: str
    """As it was written: JSON, if the model wrote it well."""


@dataclass(frozen=True, slots=True)
class ToolMessage(Message):
    """A turn that calls tools, or that holds what one of them gave back."""

    calls: tuple[ToolCall, ...] = ()
    answers: str | None = None
    """The id of the call that this is the result of."""
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a data file as a conversation, a question with choices, or raw text."""

    line: int
    """Of the file, counted from 1; in a table the number of the row."""
    messages: tuple[Message, ...]
    """What one learns to say stands at the end; a multiple-choice row is only the question, raw text has none."""
    choices: tuple[str, ...] = ()
    answer: int | None = None
    cluster: str | None = None
    tags: tuple[str, ...] = ()
    text: str | None = None
    """Raw text, which asks nothing: it can be trained on, or weighed."""
    completion: int = 1
    """How many of the last messages are the answer."""
    rejected: tuple[Message, ...] = ()
    """In a preference pair the answer that is the worse one; the chosen one ends ``messages``."""
    label: str | int | None = None
    """The class of a classified text, or whether people liked a completion (KTO): a ``bool``."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """The functions that the assistant may call, as JSON schemas."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Columns that the format does not speak of, such as an id, kept as they are."""
    form: Format = "messages"
    aside: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """Keys of single turns that no format speaks of, such as a weight, by the index of the turn; those of rejected
    turns follow those of ``messages``."""
    is_plain: bool = field(default=False, compare=False)
    """Whether prompt and answer were written as texts, where the format has lists of turns for them too."""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """All that stands before the answer."""
        return self.messages if self.choices else self.messages[: len(self.messages) - self.completion]

    @property
    def answers(self) -> tuple[Message, ...]:
        """The messages that one learns to say; none in raw text and in a multiple-choice row."""
        return () if self.choices or self.text is not None else self.messages[len(self.messages) - self.completion :]

    @property
    def asked(self) -> str:
        """What is asked, as one text: the turns before the answer but for the system's; raw text itself."""
        if self.text is not None:
            return self.text
        return "\n".join(message.content for message in self.prompt if message.role != "system")

    @property
    def answered(self) -> str:
        """What is answered, as one text: the right choice in a multiple-choice row, nothing in raw text."""
        if self.choices:
            return "" if self.answer is None else self.choices[self.answer]
        return "\n".join(message.content for message in self.answers)

    @property
    def is_synthetic(self) -> bool:
        """Whether a model wrote it, as far as the row says."""
        return self.extra.get("synthetic") is True


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that could not be read as a row."""

    line: int
    problem: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A data file as a check sees it."""

    name: str
    """What the suite calls it (``train``, ``validation``, ``test``, ...), else the file's stem."""
    path: Path
    form: Format | None
    """``None`` where no line could be read."""
    rows: tuple[Row, ...]
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Spot:
    """One row that shows a finding."""

    line: int
    evidence: str = ""
    """What was seen there, a short text; of the data, so it may hold anything."""
    other: str | None = None
    """Another table or a benchmark in which the like stands; with ``other_line`` alone: this table."""
    other_line: int | None = None
    sample: str | None = None
    """The benchmark's item, by its id."""
    remove: bool = False
    """Whether ``harness data clean`` may leave the row out."""
    replacement: Row | None = None
    """What ``harness data clean`` may put in its place."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, of one kind, in the rows of one table."""

    kind: str
    """In two or three words: ``exact duplicates``, ``e-mail addresses``."""
    severity: Severity
    message: str
    """One sentence with the counts: ``12 of 300 rows repeat another``."""
    remedy: str = ""
    """What to do, in the imperative."""
    spots: tuple[Spot, ...] = ()
    """All rows concerned, worst first where there is a worst; none where it is about the whole table."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was measured, by name: ``{"share": 0.04, "limit": 0.01}``."""
    histogram: tuple[tuple[str, int], ...] = ()
    """How many rows there are of each, in order, where a picture tells more: ``(("0-9", 12), ("10-99", 240))``."""
    check: str = ""
    """The check's name; filled in by the harness."""


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """All that the checks said of one table."""

    name: str
    path: Path
    form: Format | None
    rows: int
    unreadable: int
    findings: tuple[Finding, ...]
    """Errors first, then warnings, then what only tells; in each the order of the checks."""
    not_checked: Mapping[str, str] = field(default_factory=dict)
    """Check -> why it said nothing: a package that is missing, an exception that it raised."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Check -> who offered it."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Check -> how long it took."""

    @property
    def worst(self) -> Severity | None:
        """The gravest severity; ``None`` where nothing was found."""
        found = {finding.severity for finding in self.findings}
        order: Sequence[Severity] = ("error", "warning", "info")
        return next((severity for severity in order if severity in found), None)


@dataclass(frozen=True, slots=True)
class DataContext:
    """What a data check may know besides the table before it."""

    others: Mapping[str, Table] = field(default_factory=dict)
    """The other tables that are checked together with it, by name."""
    held_out: frozenset[str] = frozenset()
    """Names of the tables that models are judged by, such as ``validation`` and ``test``; the table may be one."""
    benchmarks: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    """The items of public benchmarks that the data must not hold, by name."""
    benchmarks_missing: Mapping[str, str] = field(default_factory=dict)
    """Benchmark -> why its items could not be had."""
    tokenizer: Path | None = None
    """The folder of the model that will be trained, with its tokenizer and chat template; perhaps without weights."""
    max_length: int | None = None
    """Tokens at which training cuts a row."""
    seed: int = 0
