"""Rows of training data, drawn at random, for a rater who says which are good."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.data.formats import read
from harness.errors import HarnessError, UsageError
from harness.identity import drawn, row_digest
from harness.review.sheet import Choice, Page, Pane, next_open
from harness.rows import Row, ToolMessage
from harness.store.database import now
from harness.values import Message

ITEMS = 50
"""Rows that are drawn unless told otherwise."""

CHOICES = (Choice("good", "good", "g"), Choice("bad", "bad", "b"), Choice("skip", "skip", "s"))
VALUES: Mapping[str, float | None] = {"good": 1.0, "bad": 0.0, "skip": None}
"""What each choice is worth in the share of good rows."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rater said of one row: a line of the file of verdicts."""

    line: int
    """Where the row stood then."""
    row: str
    """Digest of what it says: a row that is changed is another one."""
    choice: str
    note: str
    rater: str
    time: str


class Verdicts:
    """The file beside the data that holds all verdicts, each a JSON object a line; nothing in it is ever changed.

    Opening raises ``UsageError`` where it cannot be written or holds what is no verdict. A line that was cut off, as by
    a power cut, is passed over.
    """

    def __init__(self, data: Path) -> None:
        self.path = data.with_name(f"{data.name}.spot-check.jsonl")

    def read(self) -> list[Verdict]:
        """All of them, the earliest first."""
        if not self.path.exists():
            return []
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", path=self.path) from None
        return [found for number, line in enumerate(lines, start=1) if (found := self._verdict(line, number))]

    def refuse_unwritable(self) -> None:
        """Ask now, not after the first verdict."""
        try:
            with self.path.open("ab"):
                pass
        except OSError as error:
            raise UsageError(
                f"cannot be written: {error.strerror}", path=self.path, remedy="copy the data to where you may write"
            ) from None

    def append(self, verdict: Verdict) -> None:
        """Add one at the end; it is on the disk when this returns."""
        try:
            with self.path.open("ab+") as file:
                # in one piece, so that two raters at once do not mix theirs; what was cut off stays a line of its own
                start = b"" if self._ends_well(file.fileno()) else b"\n"
                file.write(start + json.dumps(asdict(verdict)).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise HarnessError(f"{self.path}: the verdict cannot be saved: {error.strerror}") from None

    @staticmethod
    def _ends_well(file: int) -> bool:
        size = os.lseek(file, 0, os.SEEK_END)
        if size == 0:
            return True
        os.lseek(file, size - 1, os.SEEK_SET)
        return os.read(file, 1) == b"\n"

    def _verdict(self, line: bytes, number: int) -> Verdict | None:
        try:
            value = json.loads(line)
        except ValueError:
            return None
        kinds = {"line": int, "row": str, "choice": str, "note": str, "rater": str, "time": str}
        fits = isinstance(value, dict) and all(isinstance(value.get(name), kind) for name, kind in kinds.items())
        if not fits or value["choice"] not in VALUES:
            raise UsageError("is no verdict of a spot check", path=self.path, line=number, remedy="move the file away")
        return Verdict(**{name: value[name] for name in kinds})


class RowSheet:
    """One rater's pages of a spot check.

    The draw is by what the rows say, so that it is the same wherever they stand. A verdict belongs to what a row says:
    of two equal rows one is asked about, and a row that was changed is asked about anew.
    """

    def __init__(self, path: Path, rater: str, items: int = ITEMS) -> None:
        """Open the spot check of a data file, or go on with it."""
        self.path, self.rater, self.choices = path, rater, CHOICES
        self.title = f"{path.name}: is this row good to learn from?"
        self.verdicts = Verdicts(path)
        _, rows = read("spot-check", path)
        named = dict(_named(rows))
        self.rows = len(named)
        """Of the file."""
        self._names = drawn(named, items)
        self._drawn = [named[name] for name in self._names]
        self._digests = [row_digest(row) for row in self._drawn]
        self._given = self._recorded()

    def __len__(self) -> int:
        """How many rows are drawn."""
        return len(self._drawn)

    @property
    def drawn(self) -> Sequence[str]:
        """The digests of the drawn rows; equal rows have the same."""
        return self._digests

    def page(self, index: int) -> Page:
        """The row at an index."""
        row = self._drawn[index]
        context = tuple(Pane(message.role, _said(message)) for message in row.prompt)
        return Page(self._names[index], context, _learned(row))

    def given(self, index: int) -> tuple[str, str] | None:
        """What this rater said of the row, as far as is known since ``next_open`` was asked."""
        verdict = self._given.get(self._digests[index])
        return None if verdict is None else (verdict.choice, verdict.note)

    def give(self, index: int, choice: str, note: str) -> None:
        """Save a choice."""
        verdict = Verdict(self._drawn[index].line, self._digests[index], choice, note, self.rater, now())
        self.verdicts.append(verdict)
        self._given = {**self._given, verdict.row: verdict}

    def next_open(self, after: int = -1) -> int | None:
        """The next row that this rater has said nothing of, in any terminal."""
        self._given = self._recorded()
        return next_open(self, after)

    def _recorded(self) -> dict[str, Verdict]:
        return {each.row: each for each in self.verdicts.read() if each.rater == self.rater}


def _named(rows: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    """Each row with a name of its own, the second of two equal ones ``<digest>-2``."""
    seen: Counter[str] = Counter()
    for row in rows:
        name = row_digest(row)
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name}-{seen[name]}"), row


def _learned(row: Row) -> tuple[Pane, ...]:
    """What a model would learn to say; in a preference pair what it would learn to say less, too."""
    if row.text is not None:
        return (Pane(f"text (line {row.line})", row.text),)
    if row.choices:
        marked = (f"{'→' if index == row.answer else ' '} {text}" for index, text in enumerate(row.choices))
        return (Pane(f"choices (line {row.line})", "\n".join(marked)),)
    answer = "\n".join(map(_said, row.answers))
    if row.rejected:
        worse = "\n".join(map(_said, row.rejected))
        return Pane(f"chosen (line {row.line})", answer), Pane("rejected", worse)
    liked = "" if row.form != "kto" else ", liked" if row.label else ", not liked"
    return (Pane(f"answer (line {row.line}{liked})", answer),)


def _said(message: Message) -> str:
    """A turn's text, and what it calls of tools."""
    calls = message.calls if isinstance(message, ToolMessage) else ()
    return "\n".join([*filter(None, [message.content]), *(f"→ {call.name}({call.arguments})" for call in calls)])
