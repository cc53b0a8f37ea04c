"""What people found of pairs of answers, in a file: labels are read, and blind sheets to be filled in are written.

A file is JSONL, or CSV where its name ends so, with one label a row. A label says whose answer is the better one, or
gives a grade from 0 to 1 to each::

    {"sample": "9f2c41d07be3a856", "label": "candidate", "rater": "ada", "note": "the shorter one is right too"}
    {"sample": "9f2c41d07be3a856", "baseline": 0.25, "candidate": 0.75}

A sheet hides whose answers it shows, and is read back as ``left``, ``right`` and ``tie``.
"""

from __future__ import annotations

import csv
import difflib
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import UsageError, did_you_mean
from harness.identity import digest
from harness.values import Opinion

Side = Literal["baseline", "candidate"]
Row = Mapping[str, Any]

CHOICES = ("candidate", "baseline", "tie", "both_bad", "left", "right", "skip")
"""What a label may be; an empty one is of a pair that was drawn and is not labelled yet."""
_GRADES = ("baseline", "candidate")
_BLIND_GRADES = ("left_grade", "right_grade")
_SAYS = ("label", *_GRADES, *_BLIND_GRADES)
_COLUMNS = ("sample", *_SAYS, "rater", "note", "sheet", "prompt", "left", "right")
_SHOULD = "give 'label' (candidate, baseline or tie), or grades from 0 to 1 as 'baseline' and 'candidate'"
_MISSPELT = 0.8
"""How alike two names of columns must be for one to be taken for a slip of the other."""
_SHOWN = 60
_SIGNS = r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]"  # the wide ones begin a formula too
_FORMULA = re.compile(rf"[\t\r]|{_SIGNS}")
"""A cell that begins so may be run by a spreadsheet rather than shown."""
_AFTER_SEMICOLON = re.compile(f";(?={_SIGNS})")
"""Where a language's spreadsheets part cells by semicolons, what stands after one begins a cell as well."""


@dataclass(frozen=True, slots=True)
class Blind:
    """How a sheet hides which run answered: by the digest of the sample, so that nothing need be kept."""

    task: str
    baseline: str
    """The id of the run."""
    candidate: str

    @property
    def mark(self) -> str:
        """What every row of the sheet bears, so that it is never read as one of other runs."""
        return "sheet-" + digest([self.task, *sorted((self.baseline, self.candidate))])[:12]

    def left(self, sample: str) -> Side:
        """Whose answer to this sample stands left; it is the same run's, whichever of the two is called baseline."""
        order = sorted((self.baseline, self.candidate))
        chosen = order[int(digest([self.mark, sample])[:8], 16) % 2]
        return "baseline" if chosen == self.baseline else "candidate"


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A pair of answers as a sheet shows it; the texts are written as they are, so they should be inert."""

    sample: str
    prompt: str
    left: str
    right: str


def read(path: Path, samples: Collection[str], blind: Blind) -> list[Opinion]:
    """The labels of a file, one a row, in the file's order.

    ``samples`` are those that may be labelled. A label's rater is the row's, or else the file's name without its
    ending. Grades give a preference too: the better grade's. A row whose label is empty or ``skip`` is an opinion
    without a value. Raises ``UsageError`` with file, line, what is wrong and what would be right.
    """
    known = frozenset(samples)
    lines: dict[tuple[str, str], int] = {}
    found = []
    for line, row in _rows(path):
        try:
            opinion = _opinion(row, path.stem, known, blind)
            first = lines.setdefault((opinion.sample_id, opinion.rater), line)
            if first != line:
                by = f"sample {_shown(opinion.sample_id)} is labelled twice by {_shown(opinion.rater)}"
                raise UsageError(by, remedy=f"line {first} has it already; name the raters where there are several")
        except UsageError as error:
            raise error.at(path, line) from None
        found.append(opinion)
    if all(each.value is None for each in found):
        problem = "no row has a label yet" if found else "the file holds no labels"
        raise UsageError(problem, path=path, remedy=_SHOULD)
    return found


def write(path: Path, rows: Iterable[SheetRow], blind: Blind, *, grades: bool = False) -> None:
    """A sheet to be filled in: ``label`` with left, right or tie, or with ``grades`` a grade for each answer.

    Two equal answers are a tie already, about which nobody need think.
    Never over a file that is there, in which labels may stand: that is a ``UsageError``.
    """
    to_fill_in = [*(_BLIND_GRADES if grades else ("label",)), "note"]
    heads = ["sample", "sheet", "prompt", "left", "right", *to_fill_in]
    cells = ([row.sample, blind.mark, row.prompt, row.left, row.right, *_filled(row, to_fill_in)] for row in rows)
    is_csv = _is_csv(path)
    try:
        # the mark at the beginning of the file tells spreadsheets that it is UTF-8
        with path.open("x", encoding="utf-8-sig" if is_csv else "utf-8", newline="") as file:
            if is_csv:
                table = csv.writer(file)
                table.writerow(heads)
                table.writerows([f"#{sample}", *map(_no_formula, rest)] for sample, *rest in cells)
            else:
                for each in cells:
                    file.write(json.dumps(dict(zip(heads, each, strict=True)), ensure_ascii=False) + "\n")
    except FileExistsError:
        raise UsageError("is there already, and may hold labels", path=path, remedy="name another file") from None
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", path=path) from None


def _filled(row: SheetRow, names: Sequence[str]) -> list[str]:
    return ["tie" if name == "label" and row.left == row.right else "" for name in names]


def _opinion(row: Row, rater: str, samples: frozenset[str], blind: Blind) -> Opinion:
    """What one row says; ``UsageError`` without a place says what is wrong with it."""
    _refuse_misspelt(row)
    sample, label, note = _sample(row, samples), _cell(row, "label").lower(), _cell(row, "note")
    rater = _cell(row, "rater") or rater
    details: dict[str, Any] = {"note": note} if note else {}
    grades = _grades(row, sample, blind)
    if grades and label:
        raise UsageError("the row has a label and grades", remedy="grades say already which answer is better")
    if grades:
        before, after = grades
        better = 0.5 + 0.5 * ((after > before) - (after < before))
        return Opinion(sample, rater, better, None, {"baseline": before, "candidate": after, **details})
    if label not in ("", *CHOICES):
        raise UsageError(f"label {_shown(label)} is not known", remedy=did_you_mean(label[:_SHOWN], CHOICES))
    if label in ("", "skip"):
        return Opinion(sample, rater, None, "skipped" if label else "left empty", details)
    if label in ("left", "right"):
        _refuse_other_sheet(row, blind)
        label = blind.left(sample) if label == "left" else _other(blind.left(sample))
    if label == "both_bad":
        details["both_bad"] = True
    return Opinion(sample, rater, {"candidate": 1.0, "baseline": 0.0}.get(label, 0.5), None, details)


def _grades(row: Row, sample: str, blind: Blind) -> tuple[float, float] | None:
    """The baseline's and the candidate's grade, ``None`` where there are none."""
    for names in (_GRADES, _BLIND_GRADES):
        cells = [_cell(row, name) for name in names]
        if not any(cells):
            continue
        if not all(cells):
            missing = names[cells.index("")]
            raise UsageError(f"{missing!r} has no grade", remedy="grade both answers, or neither")
        first, second = (_grade(cell, name) for cell, name in zip(cells, names, strict=True))
        if names == _BLIND_GRADES:
            _refuse_other_sheet(row, blind)
            return (first, second) if blind.left(sample) == "baseline" else (second, first)
        return first, second
    return None


def _grade(cell: str, name: str) -> float:
    try:
        grade = float(cell)
    except ValueError:
        grade = math.nan
    if not 0 <= grade <= 1:
        raise UsageError(f"{name!r} is {_shown(cell)}", remedy="a grade is a number from 0 to 1, as 0.75")
    return grade


def _sample(row: Row, samples: frozenset[str]) -> str:
    name = _cell(row, "sample")
    if not name:
        raise UsageError("the row names no sample", remedy="'sample' is the id that 'harness show RUN --json' gives")
    # a sheet's ids begin with a mark, for a spreadsheet would take some of them for numbers
    found = next((each for each in (name, name.removeprefix("#")) if each in samples), None)
    if found is None:
        near = difflib.get_close_matches(name[:_SHOWN], samples, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else "'harness show RUN --samples --json' gives the ids"
        raise UsageError(f"both runs have no sample {_shown(name)}", remedy=remedy)
    return found


def _refuse_misspelt(row: Row) -> None:
    for name in row:
        near = [] if name in _COLUMNS else difflib.get_close_matches(name[:_SHOWN], _COLUMNS, n=1, cutoff=_MISSPELT)
        if near:
            raise UsageError(f"column {_shown(name)} is not known", remedy=f"did you mean {near[0]!r}?")
    if not any(name in row for name in _SAYS):
        raise UsageError("the row has no label", remedy=_SHOULD)


def _refuse_other_sheet(row: Row, blind: Blind) -> None:
    """Left and right mean something only for the two runs of which the sheet was made."""
    mark = _cell(row, "sheet")
    if mark != blind.mark:
        problem = "the sheet is of other runs" if mark else "left and right are a sheet's, and the row has no 'sheet'"
        raise UsageError(problem, remedy="name the runs for which 'harness judge labels' wrote it, and keep its rows")


def _other(side: Side) -> Side:
    return "candidate" if side == "baseline" else "baseline"


def _cell(row: Row, name: str) -> str:
    """A cell as text; empty where there is none."""
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UsageError(f"{name!r} is neither a text nor a number", remedy=_SHOULD)
    return str(value).strip()


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Each row with the line on which it begins."""
    reader: Callable[[Path], Iterator[tuple[int, Row]]] = _csv_rows if _is_csv(path) else _json_rows
    try:
        yield from reader(path)
    except FileNotFoundError:
        raise UsageError("no such file", path=path) from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", path=path) from None
    except UnicodeDecodeError:
        raise UsageError("is not UTF-8 text", path=path, remedy="save it as UTF-8") from None


def _json_rows(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                raise UsageError(
                    "is no JSON object", path=path, line=line, remedy="one a line, as {...}; CSV ends in .csv"
                )
            yield line, row


def _csv_rows(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        heading = file.readline()
        file.seek(0)
        # some languages' spreadsheets save semicolons
        table = csv.reader(file, delimiter=max(",;\t", key=heading.count))
        line = 0
        try:
            heads = [head.strip() for head in next(table, [])]
            _refuse_double(heads, path)
            line = table.line_num
            for cells in table:
                if any(cell.strip() for cell in cells):
                    yield line + 1, _csv_row(heads, cells, path, line + 1)
                line = table.line_num
        except csv.Error as error:
            raise UsageError(f"is not CSV: {error}", path=path, line=line + 1) from None


def _csv_row(heads: Sequence[str], cells: Sequence[str], path: Path, line: int) -> Row:
    if len(cells) > len(heads) and any(cell.strip() for cell in cells[len(heads) :]):
        problem = f"has {len(cells)} cells, and the first line names {len(heads)}"
        raise UsageError(problem, path=path, line=line, remedy="put a cell that holds the separator in quotes")
    return dict(zip(heads, cells, strict=False))


def _refuse_double(heads: Sequence[str], path: Path) -> None:
    for head in filter(None, heads):
        if heads.count(head) > 1:
            raise UsageError(f"column {_shown(head)} is there twice", path=path, line=1)


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _no_formula(text: str) -> str:
    marked = _AFTER_SEMICOLON.sub(";'", text)
    return f"'{marked}" if _FORMULA.match(text) else marked


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
