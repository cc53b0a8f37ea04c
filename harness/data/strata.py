"""What a split must know of the rows of a file: what each asks, the group that it belongs to, and its label."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.data import readable
from harness.data.sides import Unit
from harness.errors import UsageError, did_you_mean
from harness.identity import digest, row_digest
from harness.rows import Row

AUTO = "auto"
"""As the column of labels: the label of classified rows, else the answer where few different ones are given."""
NO_LABEL = "(none)"

_NOTHING = (None, "")

_MOST_ANSWERS = 20
"""More different answers are answers, and no labels."""
_LEAST_PER_ANSWER = 5
"""Rows that give each of them, on average; fewer and they are no labels either."""
_LONGEST = 60
"""Characters of a label; a longer one is cut, with a digest that keeps it apart from others."""


@dataclass(frozen=True, slots=True)
class Known:
    """The rows of a file as far as a split must know them."""

    units: tuple[Unit, ...]
    labels: Mapping[int, str]
    """Line -> label; the empty one everywhere if labels do not matter."""


@dataclass(frozen=True, slots=True)
class _Alike:
    """Rows of one group that ask the same."""

    asked: str
    text: str
    group: str | None
    lines: list[int]


def asked(row: Row) -> str:
    """What a row asks, without what does not tell rows apart: letter case and spacing."""
    return " ".join(row.asked.lower().split())


def known(path: Path, group: str | None, stratify: str | None) -> Known:
    """Of every row of a file; ``UsageError`` where one cannot be read, or no row has a column that is named."""
    column = None if stratify == AUTO else stratify
    seen: dict[str, None] = {}
    filled: set[str] = set()
    found: dict[tuple[str, str | None], _Alike] = {}
    labels: dict[int, str | None] = {}
    answers: dict[int, str] = {}
    for content, row in readable.pairs(path):
        seen |= dict.fromkeys(content)
        values = {name: _word(content[name]) for name in (group, column) if name and content.get(name) not in _NOTHING}
        filled |= values.keys()
        text, of = asked(row), values.get(group or "")
        key = (digest(text)[:16] if text else row_digest(row), None if of is None else digest(["group", of])[:16])
        found.setdefault(key, _Alike(key[0], row.asked, key[1], [])).lines.append(row.line)
        labels[row.line] = values.get(column) if column else ""
        if stratify == AUTO:
            labels[row.line] = None if row.label is None else _word(row.label)
            answers[row.line] = _short(row.answered)
    for name in (group, column):
        if name and name not in filled:
            raise UsageError(f"no row has a {name!r}", path=path, remedy=did_you_mean(name, map(str, seen)))
    if stratify == AUTO and all(label is None for label in labels.values()):
        labels = dict(_as_labels(answers, path))
    told = {line: NO_LABEL if label is None else label for line, label in labels.items()}
    return Known(tuple(_units(found.values(), told)), told)


def _units(found: Iterable[_Alike], labels: Mapping[int, str]) -> Iterator[Unit]:
    for each in found:
        counts = Counter(labels[line] for line in each.lines)
        label = min(counts, key=lambda label: (-counts[label], label))
        yield Unit(each.asked, each.text, tuple(each.lines), each.group, label)


def _word(value: object) -> str:
    return _short(value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… {digest(text)[:8]}"


def _as_labels(answers: Mapping[int, str], path: Path) -> Mapping[int, str]:
    different = len(set(answers.values()))
    if different > _MOST_ANSWERS or different * _LEAST_PER_ANSWER > len(answers):
        raise UsageError(
            f"the rows have no labels: they are not classified, and give {different:,} different answers",
            path=path,
            remedy="leave --stratify out, or name the column that holds labels",
        )
    return answers
