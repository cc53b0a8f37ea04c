"""What the checks said of the data of an experiment, and which items its training had seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.identity import merged_adapter
from harness.rows import CheckedTable, Finding, Spot
from harness.store.codec import fields_of, json_cell, json_of
from harness.values import Origin, Run

if TYPE_CHECKING:
    from sqlite_utils import Database


class Known(NamedTuple):
    """What was said of an experiment's data."""

    tables: tuple[CheckedTable, ...]
    seen: Mapping[str, Mapping[str, str]]
    """Task -> sample -> where it stands in what is trained on."""


MOST_SPOTS = 1_000
"""Rows that are kept of a finding; its sentence counts them all."""

NOTHING_SEEN: Mapping[str, Mapping[str, str]] = MappingProxyType({})
"""Of data that holds no item of any task."""

_SEEN = """
SELECT seen FROM experiments JOIN data_checks ON data_checks.key = experiments.data_checks
WHERE experiments.id IN (
    SELECT :experiment
    UNION SELECT experiment FROM trainings WHERE sha256 = :adapter
    UNION SELECT experiment FROM runs WHERE adapter_sha256 = :adapter  -- a checkpoint that was chosen before the last
)
   OR experiments.folder = :folder
"""


def add(
    db: Database, key: str, checked: Sequence[CheckedTable], seen: Mapping[str, Mapping[str, str]], now: str
) -> None:
    """Keep what was said; the same rows under the same checks say the same."""
    found = {task: dict(samples) for task, samples in seen.items()}
    row = (key, now, json_cell([_plain(table) for table in checked]), json_cell(found))
    db.conn.execute("INSERT OR IGNORE INTO data_checks (key, checked, tables, seen) VALUES (?, ?, ?, ?)", row)


def known(db: Database, key: str) -> Known | None:
    """What was said of these rows by these checks, ``None`` where they were not checked yet."""
    row = db.execute("SELECT tables, seen FROM data_checks WHERE key = ?", [key]).fetchone()
    return None if row is None else Known(tuple(map(_table_of, json_of(row[0]))), json_of(row[1]))


def of_experiment(db: Database, experiment: str) -> tuple[CheckedTable, ...]:
    """What was said of an experiment's data; empty where it was not checked."""
    row = db.execute("SELECT data_checks FROM experiments WHERE id = ?", [experiment]).fetchone()
    found = None if row is None or row[0] is None else known(db, row[0])
    return () if found is None else found.tables


def seen(db: Database, run: Run, task: str, results: Path) -> dict[str, str]:
    """Sample -> where it stands in what was trained on by a run's experiment, or by the one that made its weights.

    These are known by the digest of the adapter, merged or not, or because they lie in that experiment's folder.
    """
    weights = run.adapter or (run.model.folder if run.model else "")
    adapter = run.adapter_sha256 or merged_adapter(Path(weights))
    inside = Path(weights).absolute().is_relative_to(results)
    folder = Path(weights).absolute().relative_to(results).parts[:1] if inside else ()
    asked = {"experiment": run.experiment, "adapter": adapter, "folder": "".join(folder)}
    found: dict[str, str] = {}
    for (cell,) in db.execute(_SEEN, asked):
        found |= json_of(cell).get(task, {})
    return found


def _plain(table: CheckedTable) -> dict[str, Any]:
    return {
        **fields_of(table),
        "path": str(table.path),
        "findings": [_plain_finding(finding) for finding in table.findings],
        "not_checked": dict(table.not_checked),
        "seconds": dict(table.seconds),
        "origins": {name: fields_of(origin) for name, origin in table.origins.items()},
    }


def _plain_finding(finding: Finding) -> dict[str, Any]:
    spots = [fields_of(spot) | {"replacement": None} for spot in finding.spots[:MOST_SPOTS]]
    return {**fields_of(finding), "spots": spots, "figures": dict(finding.figures)}


def _table_of(value: dict[str, Any]) -> CheckedTable:
    origins = {name: Origin(**each) for name, each in value["origins"].items()}
    findings = tuple(_finding_of(each) for each in value["findings"])
    return CheckedTable(**value | {"path": Path(value["path"]), "findings": findings, "origins": origins})


def _finding_of(value: dict[str, Any]) -> Finding:
    spots = tuple(Spot(**each) for each in value["spots"])
    bins = tuple((name, count) for name, count in value["histogram"])
    return Finding(**value | {"spots": spots, "histogram": bins})
