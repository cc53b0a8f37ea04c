"""What data checks found: table by table, the gravest first, with the rows that show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.report import layout, numbers
from harness.report.text import head, inert, plain
from harness.rows import CheckedTable, Finding, Spot
from harness.values import Severity

EXAMPLES = 3
"""Rows that are shown of a finding, the worst first."""

_COLOUR: Mapping[Severity, str] = {"error": "red", "warning": "yellow", "info": "blue"}
_INDENT = max(map(len, _COLOUR)) + 2
_EVIDENCE = 120
_BAR = 32
_BLOCK, _HALF = "█", "▌"


def findings_screen(tables: Sequence[CheckedTable], *, examples: int = EXAMPLES) -> RenderableType:
    """What the checks say of each table, at most ``examples`` rows a finding; at the end how much it is in all.

    What was not looked for in any of several tables stands once, below them.
    """
    everywhere = _everywhere(tables)
    return layout.spaced(*(_table(table, examples, everywhere) for table in tables), _of_all(everywhere), _sum(tables))


def removable(table: CheckedTable) -> int:
    """How many rows may be left out; without them there may be fewer reasons to leave others out, or more."""
    return len({spot.line for finding in table.findings for spot in finding.spots if spot.remove})


class Remedied(NamedTuple):
    """What one check's remedy for one kind of fault came to."""

    check: str
    kind: str
    removed: int
    replaced: int


def cleaned_screen(
    source: Path,
    rows: tuple[int, int],
    remedied: Sequence[Remedied],
    written: Sequence[tuple[str, str]],
    not_checked: Mapping[str, str],
) -> RenderableType:
    """How many rows there were and are, whose remedies made it so, and the files ``(what, path)`` that tell more."""
    before, after = rows
    table = layout.columns(["check", "kind"], ["removed", "replaced"])
    shown = ""
    for each in remedied:
        name = plain(each.check if each.check != shown else "", "bold")
        table.add_row(name, plain(each.kind), _count(each.removed), _count(each.replaced))
        shown = each.check
    changes = f"{before:,} before, {after:,} after"
    return layout.spaced(
        layout.section("Cleaned", inert(str(source))),
        table if remedied else Text("nothing to remove or to replace", style="green"),
        layout.facts([("rows", changes), *written]),
        _not_checked(not_checked),
    )


class _Everywhere(NamedTuple):
    """What is said of every one of several tables in the same words."""

    remarks: tuple[Finding, ...] = ()
    not_checked: frozenset[tuple[str, str]] = frozenset()


def _everywhere(tables: Sequence[CheckedTable]) -> _Everywhere:
    if len(tables) < 2:
        return _Everywhere()
    first, *rest = tables
    remarks = [each for each in first.findings if each.severity == "info" and not (each.spots or each.histogram)]
    shared = tuple(each for each in remarks if all(each in table.findings for table in rest))
    reasons = frozenset(first.not_checked.items()).intersection(*(table.not_checked.items() for table in rest))
    return _Everywhere(shared, reasons)


def _of_all(everywhere: _Everywhere) -> RenderableType | None:
    if not (everywhere.remarks or everywhere.not_checked):
        return None
    title = layout.section("All of them")
    remarks = [_finding(each, 0) for each in everywhere.remarks]
    return layout.spaced(title, *remarks, _not_checked(dict(sorted(everywhere.not_checked))))


def _table(table: CheckedTable, examples: int, everywhere: _Everywhere) -> RenderableType:
    rows = f"{table.rows:,}"
    if table.unreadable:
        rows = f"{rows}, and {table.unreadable:,} more that cannot be read"
    about = layout.facts([("file", str(table.path)), ("format", table.form or numbers.MISSING), ("rows", rows)])
    findings = [_finding(each, examples) for each in table.findings if each not in everywhere.remarks]
    reasons = {name: why for name, why in table.not_checked.items() if (name, why) not in everywhere.not_checked}
    nothing = Text("nothing was found", style="green")
    return layout.spaced(
        Group(layout.section(inert(table.name)), about), *(findings or [nothing]), _not_checked(reasons)
    )


def _finding(finding: Finding, examples: int) -> RenderableType:
    """Its gravity and its sentence, and indented beneath it all that shows it."""
    colour = _COLOUR[finding.severity]
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(width=_INDENT - 2, no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    title = Text().append_text(plain(finding.check, "bold")).append("  ").append_text(plain(finding.kind, colour))
    if finding.spots:
        title.append(f"  {_rows(len({spot.line for spot in finding.spots}))}", style="dim")
    grid.add_row(Text(finding.severity, style=f"bold {colour}"), title)
    below: list[RenderableType] = [plain(head(finding.message, 1_000))]
    if finding.spots and examples:
        below.append(_spots(finding.spots, examples))
    if finding.histogram:
        below.append(_Bars(finding.histogram))
    if finding.remedy:
        below.append(Text("→ ", style="green").append_text(plain(finding.remedy, "default")))
    return Group(grid, *(Padding(each, (0, 0, 0, _INDENT)) for each in below))


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _spots(spots: Sequence[Spot], examples: int) -> RenderableType:
    """The first rows: which, what was seen, and where the like stands."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for spot in spots[:examples]:
        # spread over lines of its own a text would not be one row's any more
        words = plain(head(" ".join(spot.evidence.split()), _EVIDENCE))
        if place := _place(spot):
            words.append("  " if words else "").append_text(plain(f"like {place}", "dim"))
        grid.add_row(f"line {spot.line:,}", words)
    if len(spots) > examples:
        grid.add_row("", Text(f"… and {len(spots) - examples:,} more", style="dim"))
    return grid


def _place(spot: Spot) -> str:
    parts = [spot.other] if spot.other is not None else []
    parts += [f"line {spot.other_line:,}"] if spot.other_line is not None else []
    parts += [f"item {spot.sample}"] if spot.sample is not None else []
    return " ".join(parts)


class _Bars:
    """How many there are of each, in their order, as long as there is room for it."""

    def __init__(self, counts: Sequence[tuple[str, int]]) -> None:
        self.counts = [(inert(head(label, 40)), max(0, count)) for label, count in counts]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        figures = [f"{count:,}" for _, count in self.counts]
        grid = Table.grid(padding=(0, 1, 0, 0))
        for justify in ("right", "right"):
            grid.add_column(style="dim", justify=justify, no_wrap=True)
        grid.add_column(no_wrap=True)
        room = options.max_width - max((len(label) for label, _ in self.counts), default=0) - max(map(len, figures)) - 3
        most = max(count for _, count in self.counts)
        for (label, count), figure in zip(self.counts, figures, strict=True):
            grid.add_row(label, figure, Text(_bar(count, most, max(4, min(_BAR, room))), style="blue"))
        yield grid


def _bar(count: int, most: int, width: int) -> str:
    """Half a block where anything is there at all."""
    halves = max(1, round(2 * width * count / most)) if count else 0
    return _BLOCK * (halves // 2) + _HALF * (halves % 2)


def _not_checked(reasons: Mapping[str, str]) -> RenderableType | None:
    if not reasons:
        return None
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", overflow="fold")
    grid.add_column(overflow="fold")
    for name, reason in reasons.items():
        grid.add_row(plain(name), Text("not checked: ", style="yellow").append_text(plain(reason, "default")))
    return grid


def _sum(tables: Sequence[CheckedTable]) -> RenderableType:
    """All in one line: so much of each gravity, and what can be done about it at once."""
    severities = [finding.severity for table in tables for finding in table.findings]
    words = Text()
    for part in _parts(severities):
        words.append(", " if words else "").append_text(part)
    if not words:
        words = Text("nothing was found", style="green")
    words.append(" in 1 file" if len(tables) == 1 else f" in {len(tables):,} files")
    rows = sum(map(removable, tables))
    if rows:
        of_one = [str(table.path) for table in tables if removable(table)]
        file = of_one[0] if len(of_one) == 1 else "FILE"
        words.append("; ").append_text(plain(f"harness data clean {file} --output OUT", "bold"))
        words.append(f" would remove {_rows(rows)}")
    return words


def _parts(severities: Sequence[Severity]) -> Iterator[Text]:
    for severity, colour in _COLOUR.items():
        if count := severities.count(severity):
            word = "remark" if severity == "info" else severity
            yield Text(f"{count:,} {word}" if count == 1 else f"{count:,} {word}s", style=colour)


def _count(count: int) -> Text:
    return Text(f"{count:,}") if count else Text(numbers.MISSING, style="dim")
