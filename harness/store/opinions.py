"""What judges' models replied, and what raters, models or people, think of two runs' answers side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.store.codec import (
    details_cell,
    details_of,
    number_cell,
    number_of,
    optional_text_cell,
    optional_text_of,
    text_cell,
    text_of,
)
from harness.values import Opinion, Ref, Reply, Spent

if TYPE_CHECKING:
    from sqlite_utils import Database

_AT_ONCE = 900
"""SQLite takes 999 parameters wherever it was built."""
_REPLY = """
INSERT OR IGNORE INTO replies (request, experiment, judge, model, text, finish_reason, prompt_tokens, output_tokens,
                               seconds, money, asked)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_REPLIES = """
SELECT request, text, finish_reason, prompt_tokens, output_tokens, seconds
FROM replies WHERE request IN ({})
"""
_SPENT = """
SELECT count(*), coalesce(sum(prompt_tokens + output_tokens), 0), coalesce(sum(money), 0)
FROM replies WHERE experiment = ? AND judge = ? AND model = ?
"""
_OPINION = """
INSERT OR REPLACE INTO opinions (candidate, baseline, judge, rater, value, why_missing, details, given, sample)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT key FROM samples WHERE id = ?))
"""
_OPINIONS = """
SELECT samples.id, rater, value, why_missing, details
FROM opinions JOIN samples ON samples.key = opinions.sample
JOIN task_samples ON task_samples.task = candidate AND task_samples.sample = opinions.sample
WHERE candidate = ? AND baseline = ? AND judge = ? ORDER BY position, rater
"""
_REVIEW = """
INSERT INTO reviews (candidate, baseline, items) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET items = max(items, excluded.items)
"""


def add_reply(
    db: Database, request: bytes, experiment: str, judge: str, model: str, reply: Reply, money: float, asked: str
) -> None:
    """Keep what a model said; the first word on a request stays."""
    row = (
        request, experiment, judge, text_cell(model), text_cell(reply.text or ""), reply.finish_reason,
        int(reply.prompt_tokens), int(reply.output_tokens), number_cell(reply.seconds), number_cell(money), asked,
    )  # fmt: skip
    db.conn.execute(_REPLY, row)


def replies(db: Database, requests: Sequence[bytes]) -> dict[bytes, Reply]:
    """What is known of these requests."""
    found = {}
    for first in range(0, len(requests), _AT_ONCE):
        some = requests[first : first + _AT_ONCE]
        for row in db.execute(_REPLIES.format(", ".join("?" * len(some))), some):
            found[row[0]] = Reply(text_of(row[1]), None, row[2], row[3], row[4], float(row[5]))
    return found


def spent(db: Database, experiment: str, judge: str, model: str) -> Spent:
    """What an experiment's judge has used up of one model."""
    calls, tokens, money = db.execute(_SPENT, [experiment, judge, text_cell(model)]).fetchone()
    return Spent(int(calls), int(tokens), float(money))


def add_opinions(
    db: Database, candidate: int, baseline: int, judge: str, opinions: Iterable[Opinion], given: str
) -> None:
    """Keep opinions; a rater's later word on a sample replaces the earlier one."""
    db.conn.executemany(
        _OPINION,
        (
            (
                candidate, baseline, judge, text_cell(each.rater), number_cell(each.value),
                optional_text_cell(each.why_missing), details_cell(each.details), given, each.sample_id,
            )
            for each in opinions
        ),
    )  # fmt: skip


def opinions(db: Database, candidate: int, baseline: int, judge: str) -> list[Opinion]:
    """In the order of the candidate's samples."""
    return [opinion_of(row) for row in db.execute(_OPINIONS, [candidate, baseline, judge])]


def opinion_of(row: Sequence[Any]) -> Opinion:
    """From sample id, rater, value, why_missing, details."""
    return Opinion(row[0], text_of(row[1]), number_of(row[2]), optional_text_of(row[3]), details_of(row[4]))


def start_review(db: Database, candidate: int, baseline: int, items: int) -> None:
    """Keep how many pairs are drawn for people; it never shrinks."""
    db.conn.execute(_REVIEW, [candidate, baseline, items])


def review_size(db: Database, candidate: int, baseline: int) -> int | None:
    """How many pairs were drawn for people, ``None`` where no review began."""
    found = db.execute("SELECT items FROM reviews WHERE candidate = ? AND baseline = ?", [candidate, baseline])
    row = found.fetchone()
    return None if row is None else int(row[0])


def says_otherwise(one: Ref, other: Ref) -> bool:
    """Whether two judges of one label may say different things: what they cost and may spend is no part of that."""
    return (one.name, _speaking(one.options)) != (other.name, _speaking(other.options))


def forget(db: Database, task: int, judge: str) -> None:
    """Take back all that a judge said of a task's answers, alone or beside others."""
    db.conn.execute("DELETE FROM opinions WHERE judge = ? AND ? IN (candidate, baseline)", [judge, task])
    db.conn.execute("DELETE FROM scores WHERE metric = ? AND task = ?", [judge, task])


def _speaking(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _speaking(each) for key, each in value.items() if key not in {"budget", "prices"}}
    return [_speaking(each) for each in value] if isinstance(value, list | tuple) else value
