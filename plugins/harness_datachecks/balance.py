"""Classes that have far more rows than others, or hardly any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness import DataContext, Finding, Row, Spot, Table
from harness_datachecks.classes import Classes, classes
from harness_datachecks.wording import excerpt

_SHOWN = 20
_NAMED = 5
_FAIR_SHARES = 2.0


@dataclass(frozen=True)
class Balance:
    """The classes of labelled rows, and of short answers that recur; the places of the right choice among choices."""

    name: ClassVar[str] = "balance"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    in_runs: ClassVar[bool] = True

    most: float = 0.8
    """The share of rows that the largest class may have; a model that always names it would be right as often."""
    fewest: int = 10
    """Rows that each class needs to be learnt, or to tell whether it was."""
    ratio: float = 10.0
    """How many times the rows of the smallest class the largest may have."""

    def __post_init__(self) -> None:
        if not 0 < self.most <= 1:
            raise ValueError(f"most is a share of rows above 0 and up to 1, not {self.most}")
        if self.fewest < 0:
            raise ValueError(f"fewest is a number of rows, 0 or more, not {self.fewest}")
        if not self.ratio >= 1:
            raise ValueError(f"ratio is how many times as large a class may be, at least 1, not {self.ratio}")

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """Classes out of balance, classes that are not trained on, and the right choice always in one place."""
        found = classes(table.rows)
        if found is None:
            return tuple(self._places(table.rows))
        return (*self._classes(found), *_not_trained(table, found, context))

    def _classes(self, found: Classes) -> Iterator[Finding]:
        counts = Counter(name for _, name in found.rows)
        ranked = counts.most_common()
        (largest, most), (smallest, least) = ranked[0], ranked[-1]
        share = most / len(found.rows)
        what = "answers, which look like classes, are" if found.are_guessed else "rows are"
        histogram = _histogram(counts)
        figures = {"classes": float(len(counts)), "largest": share, "ratio": most / least}
        if share > self.most:
            yield Finding(
                "one class outweighs",
                "warning",
                f"{most:,} of {len(found.rows):,} {what} {_quoted(largest)} ({share:.0%}, at most {self.most:.0%}): "
                "one who always says so is right as often",
                "add rows of the other classes, or judge by a metric that weighs classes alike, such as macro F1",
                figures=figures | {"limit": self.most},
                histogram=histogram,
            )
        elif most > self.ratio * least:
            yield Finding(
                "unequal classes",
                "warning",
                f"{_quoted(largest)} has {most:,} rows and {_quoted(smallest)} {least:,}, more than "
                f"{self.ratio:g} times as many",
                "add rows of the small classes, or judge by a metric that weighs classes alike, such as macro F1",
                figures=figures | {"limit": self.ratio},
                histogram=histogram,
            )
        yield from self._rare(found, counts, histogram)

    def _rare(
        self, found: Classes, counts: Mapping[str, int], histogram: tuple[tuple[str, int], ...]
    ) -> Iterator[Finding]:
        rare = sorted((name for name in counts if counts[name] < self.fewest), key=lambda name: (counts[name], name))
        if not rare:
            return
        rows = sorted(((counts[name], row) for row, name in found.rows if counts[name] < self.fewest), key=_by_count)
        named = {id(row): name for row, name in found.rows}
        yield Finding(
            "rare classes",
            # answers that only look like classes may have slips among them, which are no classes
            "info" if found.are_guessed else "warning",
            f"{len(rare):,} of {len(counts):,} classes {'has' if len(rare) == 1 else 'have'} fewer than "
            f"{self.fewest:,} rows: {_list(rare)}",
            "add rows of them, join them to another class, or correct the label where it is a slip",
            tuple(Spot(row.line, f"{_quoted(named[id(row)])}, {_rows(count)}") for count, row in rows),
            {"classes": float(len(rare)), "limit": float(self.fewest)},
            histogram,
        )

    def _places(self, rows: Sequence[Row]) -> Iterator[Finding]:
        """Where the right choice stands, for each number of choices; a model may learn the place for the answer."""
        choosing = [row for row in rows if row.choices and row.answer is not None]
        for number in sorted({len(row.choices) for row in choosing}):
            places = Counter(row.answer for row in choosing if len(row.choices) == number)
            total = places.total()
            counts = [places[place] for place in range(number)]
            most, least = max(counts), min(counts)
            if total < number * max(1, self.fewest):
                continue  # by chance alone a place may have none
            limit = min(self.most, _FAIR_SHARES / number)
            if most <= limit * total and most <= self.ratio * max(1, least):
                continue
            yield Finding(
                "one place for the answer",
                "warning",
                f"of {total:,} rows with {number} choices {most:,} have the right one in place "
                f"{counts.index(most) + 1} and {least:,} in place {counts.index(least) + 1}: the place gives it away",
                "shuffle the choices of each row",
                figures={"largest": most / total, "limit": limit},
                histogram=tuple((f"place {place + 1}", count) for place, count in enumerate(counts)),
            )


def _not_trained(table: Table, found: Classes, context: DataContext) -> Iterator[Finding]:
    """Classes of a held-out table that no table has which is trained on."""
    others = [other for name, other in context.others.items() if name not in context.held_out]
    trained = [known for other in others if (known := classes(other.rows)) is not None]
    if table.name not in context.held_out or not trained or len(trained) < len(others):
        return
    known_names = {name for known in trained for _, name in known.rows}
    lacking = Counter(name for _, name in found.rows if name not in known_names)
    if not lacking:
        return
    where = " and ".join(sorted(other.name for other in others))
    yield Finding(
        "classes not trained on",
        "warning",
        f"{lacking.total():,} of {len(found.rows):,} rows have a class that {where} lacks: {_list(list(lacking))}",
        f"add rows of it to {where}, or correct the label where it is a slip",
        tuple(Spot(row.line, _quoted(name)) for row, name in found.rows if name in lacking),
        {"rows": float(lacking.total()), "classes": float(len(lacking))},
    )


def _by_count(each: tuple[int, Row]) -> tuple[int, int]:
    return each[0], each[1].line


def _quoted(name: str) -> str:
    return f"'{excerpt(name, 60)}'"


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(map(_quoted, names[:_NAMED])) + more


def _rows(count: int) -> str:
    return "one row" if count == 1 else f"{count:,} rows"


def _histogram(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    """The largest classes by name, the rest together."""
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    rest = sum(count for _, count in ranked[_SHOWN:])
    shown = tuple((excerpt(name, 40), count) for name, count in ranked[:_SHOWN])
    return (*shown, (f"{len(ranked) - _SHOWN:,} others", rest)) if rest else shown
