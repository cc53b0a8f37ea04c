"""Reads the record; every value comes back as it was written."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.errors import UsageError
from harness.rows import CheckedTable
from harness.store import costs, datachecks, opinions, reuse, trainings
from harness.store.codec import json_of, text_of
from harness.store.costs import Cost
from harness.store.database import TIMEOUT, open_readonly, reading
from harness.store.datachecks import Known
from harness.store.records import calibrations_of, control_of, delta_of, fault_of, ruling_of, run_of
from harness.store.rows import Row, generation_of, pair_of, sample_of, score_of, task_of
from harness.values import (
    Comparison,
    Control,
    Delta,
    Fault,
    Generation,
    Item,
    Opinion,
    Pair,
    Progress,
    Provenance,
    Reply,
    Reusable,
    Run,
    Sample,
    Score,
    Spent,
    Task,
    Training,
    Verdict,
)

_SAMPLES = """
SELECT samples.id, prompt, targets, choices, answer, stratum, cluster, tags
FROM task_samples JOIN samples ON samples.key = task_samples.sample
WHERE task = ? {only} ORDER BY position
"""
_GENERATIONS = """
SELECT samples.id, attempt, text, finish_reason, prompt_tokens, output_tokens, seconds, log_likelihood, is_greedy,
       reasoning
FROM task_samples JOIN samples ON samples.key = task_samples.sample
JOIN generations ON generations.task = task_samples.task AND generations.sample = task_samples.sample
WHERE task_samples.task = ? {only} ORDER BY position, attempt
"""
_SCORES = """
SELECT samples.id, value, why_missing, details
FROM task_samples JOIN samples ON samples.key = task_samples.sample
JOIN scores ON scores.task = task_samples.task AND scores.sample = task_samples.sample
WHERE task_samples.task = ? AND metric = ? {only} ORDER BY position
"""
_ONLY = "AND task_samples.sample IN (SELECT key FROM samples WHERE id IN (SELECT value FROM json_each(?)))"
# Both runs in one query: with 200,000 samples, joining them here takes a third of what Python would take.
# Groups are as the candidate's suite names them, the newer one; what it does not name, the baseline's may.
_PAIRS = """
SELECT samples.id, before.value, after.value,
       coalesce(newer.stratum, older.stratum), coalesce(newer.cluster, older.cluster)
FROM (
    SELECT sample, 0 AS side, position FROM task_samples WHERE task = :baseline
    UNION ALL
    SELECT sample, 1 AS side, position FROM task_samples
    WHERE task = :candidate AND sample NOT IN (SELECT sample FROM task_samples WHERE task = :baseline)
) AS asked JOIN samples ON samples.key = asked.sample
LEFT JOIN task_samples AS older ON older.task = :baseline AND older.sample = asked.sample
LEFT JOIN task_samples AS newer ON newer.task = :candidate AND newer.sample = asked.sample
LEFT JOIN scores AS before ON before.task = :baseline AND before.sample = asked.sample AND before.metric = :metric
LEFT JOIN scores AS after ON after.task = :candidate AND after.sample = asked.sample AND after.metric = :metric
ORDER BY side, asked.position
"""
_TAGS = """
SELECT samples.id, tags FROM task_samples JOIN samples ON samples.key = task_samples.sample
WHERE task = ? AND tags IS NOT NULL ORDER BY position
"""
_ANSWERED = """
SELECT samples.id
FROM task_samples JOIN samples ON samples.key = task_samples.sample
JOIN (SELECT sample, count(*) AS answers FROM generations WHERE task = :task GROUP BY sample) AS answered
    ON answered.sample = task_samples.sample
LEFT JOIN (SELECT sample, count(*) AS marks FROM scores WHERE task = :task GROUP BY sample) AS scored
    ON scored.sample = task_samples.sample
WHERE task = :task AND answers >= attempts AND coalesce(marks, 0) >= :metrics
"""

_ORDER = """
SELECT samples.id FROM task_samples JOIN samples ON samples.key = sample WHERE task = ? ORDER BY position
"""
_RELEASED = """
SELECT runs.* FROM verdicts JOIN experiments ON experiments.id = verdicts.experiment
JOIN runs ON runs.key = (SELECT run FROM verdict_runs WHERE verdict = verdicts.key ORDER BY position DESC LIMIT 1)
WHERE experiments.suite = :suite AND verdicts.outcome = 'passed'
    AND verdicts.key IN (SELECT max(key) FROM verdicts GROUP BY experiment)
    AND runs.id IS NOT :run AND (:content IS NULL
        OR coalesce(runs.adapter_sha256, json_extract(runs.model, '$.weights_sha256')
            || CASE runs.arm WHEN 'prompted' THEN runs.suite_digest ELSE '' END) IS NOT :content)
ORDER BY verdicts.key DESC LIMIT 1
"""
_JUDGED_LAST = """
SELECT verdicts.experiment FROM verdicts JOIN experiments ON experiments.id = verdicts.experiment
WHERE experiments.suite = ? ORDER BY verdicts.key DESC LIMIT 1
"""
# A checkpoint that was evaluated twice is one candidate.
_JUDGED_BEFORE = """
SELECT count(DISTINCT coalesce(others.adapter_sha256, json_extract(others.model, '$.weights_sha256'), others.id))
FROM runs AS own JOIN tasks AS own_task ON own_task.run = own.key AND own_task.name = :task
JOIN runs AS others ON others.key IN (SELECT candidate FROM judgements)
    AND coalesce(others.adapter_sha256, json_extract(others.model, '$.weights_sha256'), others.id)
        <> coalesce(own.adapter_sha256, json_extract(own.model, '$.weights_sha256'), own.id)
JOIN tasks AS other_task ON other_task.run = others.key AND other_task.name = :task
WHERE own.id = :run AND EXISTS (
    SELECT 1 FROM task_samples AS mine JOIN task_samples AS theirs ON theirs.sample = mine.sample
    WHERE mine.task = own_task.key AND theirs.task = other_task.key
)
"""


class Reader:
    """Reads one record, also while it is being written and from a folder that cannot be written.

    Opening raises ``UsageError`` as ``open_readonly`` does. A run that is not there is a ``UsageError``; a task, a
    metric or an experiment that is not there simply has no rows.
    """

    def __init__(self, path: Path, *, timeout: float = TIMEOUT) -> None:
        self.path = path
        self.db = open_readonly(path, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the database."""
        self.db.close()

    def runs(self, limit: int = 50, suite: str | None = None) -> list[Run]:
        """The newest runs, newest first, with their estimates."""
        query = "SELECT * FROM runs WHERE suite = coalesce(?, suite) ORDER BY key DESC LIMIT ?"
        return [self._run(row) for row in self._rows(query, suite, limit)]

    def finished(self, suite: str, suite_digest: str) -> dict[str, Run]:
        """The newest finished run of each arm of a suite, as long as the suite was this very one."""
        query = "SELECT * FROM runs WHERE suite = ? AND suite_digest = ? AND status = 'finished' ORDER BY key DESC"
        newest: dict[str, Row] = {}
        for row in self._rows(query, suite, suite_digest):
            newest.setdefault(row["arm"], row)
        return {arm: self._run(row) for arm, row in newest.items()}

    def run(self, run_id: str) -> Run:
        """The run of this id, of an unambiguous beginning of one, or of an experiment with one arm."""
        if row := next(self._rows("SELECT * FROM runs WHERE id = ?", run_id), None):
            return self._run(row)
        found = list(self._rows("SELECT * FROM runs WHERE experiment = ? ORDER BY key", run_id)) or list(
            self._rows("SELECT * FROM runs WHERE substr(id, 1, ?) = ? ORDER BY key", len(run_id), run_id)
        )
        if len(found) == 1:
            return self._run(found[0])
        if found:
            raise UsageError(f"{run_id!r} is more than one run", remedy="which of " + _listed(found) + "?")
        known = list(self._rows("SELECT id FROM runs ORDER BY key DESC"))
        near = difflib.get_close_matches(run_id, [row["id"] for row in known], n=3)
        if near:
            remedy = "did you mean " + " or ".join(map(repr, near)) + "?"
        else:
            remedy = "the newest are " + _listed(known) if known else "no run is recorded yet"
        raise UsageError(f"no run {run_id!r} is recorded", path=self.path, remedy=remedy)

    def experiment_runs(self, experiment: str) -> list[Run]:
        """The runs of an experiment in the order they began."""
        query = "SELECT * FROM runs WHERE experiment = ? ORDER BY key"
        return [self._run(row) for row in self._rows(query, experiment)]

    def unfinished(self, key: str) -> list[str]:
        """The experiments with this key that are running, were cut off or failed; newest first."""
        query = "SELECT id FROM experiments WHERE key = ? AND status <> 'finished' ORDER BY rowid DESC"
        return [row["id"] for row in self._rows(query, key)]

    def is_finished(self, experiment: str) -> bool:
        """Whether an experiment came to its end."""
        row = next(self._rows("SELECT status FROM experiments WHERE id = ?", experiment), None)
        return row is not None and row["status"] == "finished"

    def suite_file(self, experiment: str) -> tuple[Path, str]:
        """Where the suite file of an experiment lay, and what it said."""
        query = "SELECT suite_path, suite_text FROM experiments WHERE id = ?"
        row = next(self._rows(query, experiment), None)
        if row is None:
            raise UsageError(f"no experiment {experiment!r} is recorded", path=self.path)
        return Path(text_of(row["suite_path"])), text_of(row["suite_text"])

    def tasks(self, run_id: str) -> list[Task]:
        """The tasks of a run in the order they began."""
        query = "SELECT tasks.* FROM tasks JOIN runs ON runs.key = tasks.run WHERE runs.id = ? ORDER BY tasks.key"
        return [task_of(row) for row in self._rows(query, run_id)]

    def source(self, run_id: str, task: str) -> str | None:
        """Where the items of a task come from, in words."""
        row = self._task(run_id, task)
        return None if row is None else text_of(row["source"])

    def samples(self, run_id: str, task: str, only: Sequence[str] | None = None) -> list[Sample]:
        """The samples of a task in order, answered or not; with ``only`` those of these ids."""
        return [sample_of(row) for row in self._of_task(_SAMPLES, run_id, task, only=only)]

    def order(self, run_id: str, task: str) -> list[str]:
        """The ids of a task's samples in the order of asking."""
        return [row[0] for row in self._of_task(_ORDER, run_id, task)]

    def tags(self, run_id: str, task: str) -> dict[str, tuple[str, ...]]:
        """Sample -> its tags, of those samples of a task that have some."""
        return {row[0]: tuple(json_of(row[1])) for row in self._of_task(_TAGS, run_id, task)}

    def items(self, run_id: str, task: str, only: Sequence[str] | None = None) -> list[Item]:
        """A task's samples in order with the answers that are stored, which may be none; ``only`` as in ``samples``."""
        answers = map(generation_of, self._of_task(_GENERATIONS, run_id, task, only=only))
        by_sample: dict[str, tuple[Generation, ...]] = {
            sample: tuple(each) for sample, each in groupby(answers, attrgetter("sample_id"))
        }
        return [Item(sample, by_sample.get(sample.id, ())) for sample in self.samples(run_id, task, only)]

    def scores(self, run_id: str, task: str, metric: str, only: Sequence[str] | None = None) -> list[Score]:
        """One metric's scores in the samples' order, as far as they are stored; ``only`` as in ``samples``."""
        return [score_of(row) for row in self._of_task(_SCORES, run_id, task, metric, only=only)]

    def answerable(self, run_id: str, task: str) -> dict[bytes, int]:
        """Request -> where its newest recorded answer stands, for all that was asked under this task's conditions.

        What this task itself holds is left out: a question that stands in a task twice is asked twice.
        """
        row = self._task(run_id, task)
        if row is None or row["conditions"] is None:
            return {}
        with reading(self.path):
            return reuse.answerable(self.db, row["conditions"], row["key"])

    def answers(self, places: Sequence[int]) -> dict[bytes, tuple[Generation, Provenance]]:
        """By request, the answers that stand there, each with the task that asked for it.

        One that was forgotten since ``answerable`` told its place is not among them.
        """
        with reading(self.path):
            return reuse.answers(self.db, places)

    def replies(self, requests: Sequence[bytes]) -> dict[bytes, Reply]:
        """What judges' models said to these requests, as far as they were asked."""
        with reading(self.path):
            return opinions.replies(self.db, requests)

    def spent(self, experiment: str, judge: str, model: str) -> Spent:
        """What an experiment's judge has used up of one model so far."""
        with reading(self.path):
            return opinions.spent(self.db, experiment, judge, model)

    def opinions(self, baseline: str, candidate: str, task: str, judge: str) -> list[Opinion]:
        """Whose answer raters found better, in the order of the candidate's samples."""
        keys = self._both(baseline, candidate, task)
        with reading(self.path):
            return [] if keys is None else opinions.opinions(self.db, *keys, judge)

    def review_size(self, baseline: str, candidate: str, task: str) -> int | None:
        """How many pairs were drawn for people, ``None`` where no review began."""
        keys = self._both(baseline, candidate, task)
        with reading(self.path):
            return None if keys is None else opinions.review_size(self.db, *keys)

    def reusable(self) -> list[Reusable]:
        """What later runs need not ask for again, a value for each model and adapter."""
        with reading(self.path):
            return reuse.reusable(self.db)

    def seconds_per_item(self, run_id: str, task: str) -> float | None:
        """How long the model took for one item of a task in the mean, ``None`` where none is answered."""
        if (row := self._task(run_id, task)) is None:
            return None
        query = "SELECT sum(seconds) / count(DISTINCT sample) AS mean FROM generations WHERE task = ?"
        mean: float | None = next(self._rows(query, row["key"]))["mean"]
        return mean

    def cost_per_answer(self, run_id: str, task: str) -> Cost | None:
        """What one answer of a task took in the mean, ``None`` where none is recorded."""
        if (row := self._task(run_id, task)) is None:
            return None
        with reading(self.path):
            return costs.per_answer(self.db, row["key"])

    def done(self, run_id: str, task: str) -> set[str]:
        """The samples whose answers and scores are all stored.

        All answers: as many as there are choices, or one. All scores: one for each metric of the task.
        """
        row = self._task(run_id, task)
        if row is None:
            return set()
        needed = {"task": row["key"], "metrics": len(json_of(row["metrics"]))}
        with reading(self.path):
            return {each[0] for each in self.db.execute(_ANSWERED, needed)}

    def pairs(self, baseline: str, candidate: str, task: str, metric: str) -> list[Pair]:
        """Both runs' scores of each sample, in the baseline's order.

        A sample that only one run holds, or that has no score there, has ``None`` on that side.
        """
        rows = {"baseline": self._task(baseline, task), "candidate": self._task(candidate, task)}
        asked = {side: None if row is None else row["key"] for side, row in rows.items()} | {"metric": metric}
        with reading(self.path):
            return [pair_of(row) for row in self.db.execute(_PAIRS, asked)]

    def trainings(self, experiment: str) -> list[Training]:
        """The trainings of an experiment, each on what the one before has made; empty where nothing was trained."""
        with reading(self.path):
            return trainings.trainings(self.db, experiment, self.path.absolute().parent)

    def progress(self, experiment: str, stage: int = 0) -> list[Progress]:
        """The reports of a training as one curve, oldest first, whatever interrupted it."""
        with reading(self.path):
            return trainings.progress(self.db, experiment, stage)

    def verdict(self, experiment: str) -> tuple[Comparison, Verdict] | None:
        """The last verdict on an experiment with what it rests on, ``None`` before there is one."""
        query = "SELECT * FROM verdicts WHERE experiment = ? ORDER BY key DESC LIMIT 1"
        row = next(self._rows(query, experiment), None)
        if row is None:
            return None
        runs = "SELECT runs.* FROM verdict_runs JOIN runs ON runs.key = run WHERE verdict = ? ORDER BY position"
        deltas = self._rows("SELECT * FROM comparisons WHERE verdict = ? ORDER BY position", row["key"])
        rulings = self._rows("SELECT * FROM rulings WHERE verdict = ? ORDER BY position", row["key"])
        compared = tuple(self._run(each) for each in self._rows(runs, row["key"]))
        return (
            Comparison(experiment, compared, *_by_items(deltas)),
            Verdict(
                row["outcome"],
                text_of(row["reason"]),
                tuple(map(ruling_of, rulings)),
                tuple(json_of(row["caveats"])),
                calibrations_of(row["calibrations"]),
            ),
        )

    def released(self, suite: str, candidate: Run | None = None) -> Run | None:
        """The candidate of this suite that passed last and still does; not the given one, nor one of its weights.

        Prompted candidates all have the base's weights: there it is the suite's text that tells one from another.
        """
        asked = {"suite": suite, "run": None, "content": None}
        if candidate:
            weights = candidate.model.weights_sha256 if candidate.model else None
            prompt = candidate.suite_digest if candidate.arm == "prompted" else ""
            asked |= {"run": candidate.id, "content": candidate.adapter_sha256 or (weights and weights + prompt)}
        with reading(self.path):
            row = next(self.db.query(_RELEASED, asked), None)
        return None if row is None else self._run(row)

    def judged_before(self, run_id: str, task: str) -> int:
        """How many other candidates have been judged by items that this run's task holds."""
        with reading(self.path):
            return int(self.db.execute(_JUDGED_BEFORE, {"run": run_id, "task": task}).fetchone()[0])

    def is_judged(self, run_id: str) -> bool:
        """Whether this run's items have served a verdict on it."""
        query = "SELECT 1 FROM judgements JOIN runs ON runs.key = candidate WHERE runs.id = ?"
        return next(self._rows(query, run_id), None) is not None

    def control(self, suite: str) -> Control | None:
        """The last A/A control of a suite."""
        row = next(self._rows("SELECT control FROM controls WHERE suite = ? ORDER BY key DESC LIMIT 1", suite), None)
        return None if row is None else control_of(row)

    def judged_last(self, suite: str) -> list[Run]:
        """The runs of the newest verdict on this suite, the candidate last; empty before there is one."""
        row = next(self._rows(_JUDGED_LAST, suite), None)
        compared = None if row is None else self.verdict(row["experiment"])
        return [] if compared is None else list(compared[0].runs)

    def data_checks(self, key: str) -> Known | None:
        """What checks said of the same data, ``None`` where it was not checked yet."""
        with reading(self.path):
            return datachecks.known(self.db, key)

    def data_checks_of(self, experiment: str) -> tuple[CheckedTable, ...]:
        """What checks said of an experiment's data; empty where it was not checked."""
        with reading(self.path):
            return datachecks.of_experiment(self.db, experiment)

    def seen(self, run: Run, task: str) -> dict[str, str]:
        """The samples of a task that stand in what a run's model was trained on, in any experiment, each with where."""
        with reading(self.path):
            return datachecks.seen(self.db, run, task, self.path.absolute().parent)

    def faults(self, experiment: str) -> list[Fault]:
        """The plugins' missteps, oldest first."""
        query = "SELECT * FROM faults WHERE experiment = ? ORDER BY key"
        return [fault_of(row) for row in self._rows(query, experiment)]

    def _run(self, row: Row) -> Run:
        origins = self._rows("SELECT * FROM run_origins WHERE run = ? ORDER BY rowid", row["key"])
        estimates = self._rows("SELECT * FROM estimates WHERE run = ? ORDER BY rowid", row["key"])
        with reading(self.path):
            return run_of(row, origins, estimates, reuse.reused(self.db, row["key"]))

    def _both(self, baseline: str, candidate: str, task: str) -> tuple[int, int] | None:
        """The keys of the candidate's and the baseline's task."""
        rows = self._task(candidate, task), self._task(baseline, task)
        return None if rows[0] is None or rows[1] is None else (rows[0]["key"], rows[1]["key"])

    def _task(self, run_id: str, task: str) -> Row | None:
        query = "SELECT tasks.* FROM tasks JOIN runs ON runs.key = run WHERE runs.id = ? AND name = ?"
        return next(self._rows(query, run_id, task), None)

    def _of_task(
        self, query: str, run_id: str, task: str, *further: str, only: Sequence[str] | None = None
    ) -> Iterator[Sequence[Any]]:
        """Rows as tuples: a dictionary for each of 200,000 would cost more than the query."""
        if (row := self._task(run_id, task)) is not None:
            some = [] if only is None else [json.dumps(only)]
            with reading(self.path):
                # Not the cursor itself: a reading that is given up would close it, maybe after the record was closed.
                yield from iter(
                    self.db.execute(query.format(only=_ONLY if some else ""), (row["key"], *further, *some)).fetchone,
                    None,
                )

    def _rows(self, query: str, *parameters: object) -> Iterator[Row]:
        with reading(self.path):
            yield from self.db.query(query, parameters)


def _by_items(rows: Iterable[Row]) -> tuple[tuple[Delta, ...], tuple[str, ...], tuple[Delta, ...]]:
    """The changes over all items, no benchmarks, and those over the items that training has not seen."""
    found = [(row["unseen"], delta_of(row)) for row in rows]
    of_all, of_unseen = (tuple(delta for unseen, delta in found if bool(unseen) is wanted) for wanted in (False, True))
    return of_all, (), of_unseen


def _listed(rows: Sequence[Row], most: int = 5) -> str:
    names = ", ".join(row["id"] for row in rows[:most])
    return names + (f" and {len(rows) - most} more" if len(rows) > most else "")
