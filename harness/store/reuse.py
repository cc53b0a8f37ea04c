"""The record as a cache: answers found again by what was asked, what finding them takes, and how they are forgotten.

Nothing is kept twice: an answer that may be given again is a row of a recorded run with the digest of its request.
There is no index of these digests: they come in random order, and keeping one in order would be a third of the time
that recording takes. A task reads those of the tasks that were asked under its own conditions, once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from harness.store.codec import json_of
from harness.store.rows import generation_of
from harness.values import Generation, Provenance, Reusable

if TYPE_CHECKING:
    from sqlite_utils import Database

_AT_ONCE = 900
"""SQLite takes 999 parameters wherever it was built."""
_ANSWERABLE = """
SELECT request, generations.rowid FROM tasks JOIN generations ON generations.task = tasks.key
WHERE tasks.conditions = ? AND tasks.key <> ? AND request IS NOT NULL ORDER BY tasks.key
"""
_ANSWERS = """
SELECT request, coalesce(reused_from, task), samples.id, attempt, text, finish_reason, prompt_tokens, output_tokens,
       seconds, log_likelihood, is_greedy, reasoning
FROM generations JOIN samples ON samples.key = sample
WHERE generations.rowid IN ({}) AND request IS NOT NULL
"""
_REUSED = """
SELECT runs.id, count(*)
FROM tasks AS own JOIN generations ON generations.task = own.key AND attempt = 0 AND reused_from IS NOT NULL
JOIN tasks AS origin ON origin.key = reused_from JOIN runs ON runs.key = origin.run
WHERE own.run = ? GROUP BY runs.key ORDER BY runs.key
"""
_ASKED_BY = """
SELECT tasks.key, runs.model, runs.adapter_sha256, runs.started
FROM tasks JOIN runs ON runs.key = tasks.run
WHERE tasks.key IN (SELECT DISTINCT coalesce(reused_from, task) FROM generations WHERE request IS NOT NULL)
"""
_SIZE = """
SELECT count(DISTINCT request), sum(length(CAST(text AS BLOB)) + coalesce(length(CAST(reasoning AS BLOB)), 0))
FROM generations WHERE request IS NOT NULL AND coalesce(reused_from, task) IN (SELECT value FROM json_each(?))
"""
_COUNT = "SELECT count(DISTINCT request) FROM generations WHERE request IS NOT NULL"
_FORGET = """
UPDATE generations SET request = NULL
WHERE request IS NOT NULL AND coalesce(reused_from, task) IN (SELECT value FROM json_each(?))
"""


class Asker(NamedTuple):
    """A task that asked for answers which may be given again."""

    task: int
    model: str
    weights: str
    adapter: str | None
    started: str


def answerable(db: Database, conditions: bytes, besides: int) -> dict[bytes, int]:
    """Request -> the row with its newest answer, of all tasks under these conditions but the task ``besides``."""
    return dict(db.execute(_ANSWERABLE, [conditions, besides]))


def answers(db: Database, rows: Sequence[int]) -> dict[bytes, tuple[Generation, Provenance]]:
    """By request, the answers that these rows still hold; one may have been forgotten or replaced meanwhile.

    Each as it was recorded; its origin is the task that asked, also where a later run has taken the answer over.
    """
    found = {}
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        for row in db.execute(_ANSWERS.format(", ".join("?" * len(some))), some):
            found[row[0]] = (generation_of(row[2:]), Provenance(row[0], row[1]))
    return found


def reused(db: Database, run: int) -> dict[str, int]:
    """Run -> how many items of this one were taken over from it."""
    return dict(db.execute(_REUSED, [run]).fetchall())


def reusable(db: Database) -> list[Reusable]:
    """What can be given again, a value for each model and adapter; the one with the most answers first."""
    groups: dict[tuple[str, str | None], list[Asker]] = {}
    for asker in _askers(db):
        groups.setdefault((asker.weights, asker.adapter), []).append(asker)
    shares = (_share(db, askers) for askers in groups.values())
    return sorted(shares, key=lambda share: -share.answers)


def forget(db: Database, asked_before: str | None, weights_sha256: str | None) -> int:
    """Let no later run find these answers; how many can no longer be given again.

    Of the asking runs that began before the one and have the other; ``None`` is any.
    """
    tasks = [
        asker.task
        for asker in _askers(db)
        if (asked_before is None or asker.started < asked_before) and weights_sha256 in (None, asker.weights)
    ]
    before = db.execute(_COUNT).fetchone()[0]
    db.execute(_FORGET, [json.dumps(tasks)])
    return int(before - db.execute(_COUNT).fetchone()[0])


def _askers(db: Database) -> list[Asker]:
    found = []
    for task, model, adapter, started in db.execute(_ASKED_BY):
        facts = json_of(model)
        found.append(Asker(task, facts["name"], facts["weights_sha256"], adapter, started))
    return found


def _share(db: Database, askers: Sequence[Asker]) -> Reusable:
    count, size = db.execute(_SIZE, [json.dumps([asker.task for asker in askers])]).fetchone()
    newest = max(askers, key=lambda asker: asker.started)
    return Reusable(newest.model, newest.weights, newest.adapter, count, size, newest.started)
