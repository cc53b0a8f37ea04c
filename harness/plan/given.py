"""What a plan is made of: the suite, the catalog, and the rows as they are read; each error names its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from harness.catalog import Catalog, Planned
from harness.data import formats
from harness.errors import UsageError, did_you_mean
from harness.rows import Row
from harness.values import GENERAL, Dataset, GeneralData, Kind, Ref, Suite

T = TypeVar("T")
Where = tuple[str | int, ...]
"""A key of the suite file by its path: ``("tasks", 0, "data")``."""
Read = tuple[Dataset, tuple[Row, ...]]
"""A data file with its rows."""


@dataclass(frozen=True, slots=True)
class Given:
    """The suite and the catalog on their way through the steps; a file is read once."""

    suite: Suite
    catalog: Catalog
    limit: int | None
    """At most so many items of every task and benchmark."""
    _read: dict[tuple[str, str | None], Read] = field(default_factory=dict)
    """Data set and column of clusters -> what was read."""

    @property
    def by_name(self) -> Mapping[str, Read]:
        """What has been read so far, in the order in which it was first asked for."""
        return {dataset.name: (dataset, rows) for dataset, rows in self._read.values()}

    def rows(self, name: str, where: Where, cluster: str | None = None) -> tuple[Row, ...]:
        """The rows of one of the suite's data sets, which ``where`` asks for."""
        if name not in self.suite.data:
            raise self.error(f"data has no {name!r}", *where, remedy=did_you_mean(name, self.suite.data))
        if (name, cluster) not in self._read:
            self._read[name, cluster] = formats.read(name, self.suite.data[name], cluster=cluster)
        return self._read[name, cluster][1]

    def general_rows(self, general: GeneralData, where: Where) -> tuple[Row, ...]:
        """The rows that a training mixes in."""
        self._read[GENERAL, None] = self.located(where, formats.read, GENERAL, general.path)
        return self._read[GENERAL, None][1]

    def plugin(self, kind: Kind, ref: Ref, *where: str | int) -> Planned:
        """The plugin that the suite names there, with its options."""
        return self.located(where, self.catalog.make, kind, ref)

    def located(self, where: Where, call: Callable[..., T], *arguments: object) -> T:
        """What ``call`` returns; its errors get the file and line of what they are about."""
        try:
            return call(*arguments)
        except UsageError as error:
            if error.path is not None:
                raise
            raise error.at(self.suite.path, self.suite.line(*where)) from None

    def error(self, problem: str, *where: str | int, remedy: str = "") -> UsageError:
        """What is wrong, at its line of the suite file."""
        return UsageError(problem, path=self.suite.path, line=self.suite.line(*where), remedy=remedy)

    def refuse_preferences(self, rows: Sequence[Row], name: str, where: Where) -> None:
        """Rows whose answer may be the worse one have nothing that is right."""
        doubtful = next((row for row in rows if row.rejected or row.form == "kto"), None)
        if doubtful is not None:
            words = "completions with thumbs up and down" if doubtful.form == "kto" else "preference pairs"
            problem = f"{name} holds {words} (line {doubtful.line}), which say more than what is right"
            raise self.error(problem, *where, remedy="give it rows with the right answers alone")
