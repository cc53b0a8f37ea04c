"""Writes the record while an experiment goes on: each call is one transaction, so that a crash costs one call."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import HarnessError
from harness.rows import CheckedTable
from harness.store import datachecks, opinions, reuse, trainings
from harness.store.codec import json_cell, text_cell
from harness.store.database import TIMEOUT, now, open_database, transaction
from harness.store.datachecks import NOTHING_SEEN
from harness.store.records import (
    calibrations_cell,
    control_row,
    delta_row,
    estimate_row,
    facts_row,
    fault_row,
    header_row,
    ruling_row,
)
from harness.store.rows import (
    Row,
    generation_row,
    judges_cell,
    judges_of,
    place_row,
    sample_row,
    score_row,
    task_row,
)
from harness.values import (
    Checkpoint,
    Comparison,
    Control,
    Estimate,
    Fault,
    Generation,
    JudgedCheckpoint,
    Opinion,
    Progress,
    Provenance,
    Ref,
    Reply,
    Run,
    RunStatus,
    Sample,
    Score,
    Suite,
    Task,
    TrainJob,
    Verdict,
    labels,
)

# A sample with a known id and other content breaks NOT NULL here, rather than being taken for the one that is stored.
_SAMPLE = """
INSERT INTO samples (id, prompt, targets, choices) VALUES (?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET id = NULL
WHERE prompt <> excluded.prompt OR targets <> excluded.targets OR choices <> excluded.choices
"""
_PLACE = """
INSERT OR IGNORE INTO task_samples (task, position, answer, stratum, cluster, tags, attempts, sample)
SELECT ?, ?, ?, ?, ?, ?, ?, key FROM samples WHERE id = ?
"""
_GENERATION = """
INSERT OR REPLACE INTO generations (task, attempt, text, finish_reason, prompt_tokens, output_tokens, seconds,
                                    log_likelihood, is_greedy, request, reused_from, reasoning, sample)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT key FROM samples WHERE id = ?))
"""
_SCORE = """
INSERT OR REPLACE INTO scores (task, metric, value, why_missing, details, sample)
VALUES (?, ?, ?, ?, ?, (SELECT key FROM samples WHERE id = ?))
"""
_ESTIMATE = """
INSERT INTO estimates (run, task, metric, value, low, high, scored, missing) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = excluded.value, low = excluded.low, high = excluded.high,
                          scored = excluded.scored, missing = excluded.missing
"""
_ORIGIN = "INSERT OR REPLACE INTO run_origins VALUES (?, ?, ?, ?, ?)"


class Writer:
    """Writes one record; several may do so at once, in other processes.

    Opening makes or updates the database and raises ``UsageError`` as ``open_database`` does. Every method writes all
    that it is given or nothing, and raises ``HarnessError`` with one line when the disk is full, another process holds
    the record for longer than ``timeout`` seconds, or a value refers to what is not in the record.
    """

    def __init__(self, path: Path, *, timeout: float = TIMEOUT) -> None:
        self.path = path
        self.db = open_database(path, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the database."""
        self.db.close()

    def new_experiment(self, suite: Suite, key: str) -> str:
        """The id of a new experiment of this suite, ``<suite>-<n>``.

        ``n`` counts from 1, is given out once even when two processes ask at once, and passes over numbers whose
        folder beside the database is already there. ``key`` is what ``Reader.unfinished`` asks for.
        """
        with transaction(self.db, self.path):
            query = "SELECT coalesce(max(number), 0) FROM experiments WHERE suite = ?"
            number = int(self.db.execute(query, [suite.name]).fetchone()[0]) + 1
            while (self.path.parent / f"{suite.name}-{number}").exists():
                number += 1
            experiment = f"{suite.name}-{number}"
            row = {
                "id": experiment,
                "suite": suite.name,
                "number": number,
                "suite_digest": suite.digest,
                "suite_path": text_cell(str(suite.path.absolute())),
                "suite_text": text_cell(suite.text),
                "key": key,
                "folder": experiment,
                "started": now(),
                "status": "running",
            }
            self.db.table("experiments").insert(row)
        return experiment

    def finish_experiment(self, experiment: str, status: RunStatus, finished: str) -> None:
        """Close an experiment; one that failed may still be resumed."""
        with transaction(self.db, self.path):
            self._update("experiments", experiment, {"status": status, "finished": finished})

    def start_run(self, run: Run) -> None:
        """Record a run's header; a run that is there, from before an interruption, is kept and goes on."""
        with transaction(self.db, self.path):
            known = self.db.execute("SELECT status FROM runs WHERE id = ?", [run.id]).fetchone()
            if known is None:
                self._refer("experiments", run.experiment)
                self.db.table("runs").insert(header_row(run))
            elif known[0] != "finished":
                self._update("runs", self._run(run.id), {"status": "running", "finished": None})
            self._add_to_run(run)

    def update_run(self, run: Run) -> None:
        """Record what became known of a run: environment, model, adapter, notes, not measured, origins, estimates.

        Its status and times are left as they are.
        """
        with transaction(self.db, self.path):
            self._update("runs", self._run(run.id), facts_row(run))
            self._add_to_run(run)

    def finish_run(self, run_id: str, status: RunStatus, finished: str) -> None:
        """Close a run."""
        with transaction(self.db, self.path):
            self._update("runs", self._run(run_id), {"status": status, "finished": finished})

    def start_task(
        self, run_id: str, task: Task, samples: Sequence[Sample], source: str, conditions: bytes | None = None
    ) -> None:
        """Record a task of a run with its samples in order; again is harmless.

        ``conditions`` is the digest of all but the requests that the answers depend on; without it no later run finds
        them.
        """
        with transaction(self.db, self.path):
            row = task_row(self._run(run_id), task, len({sample.id for sample in samples}), source)
            row["conditions"] = conditions
            known = self.db.execute("SELECT key FROM tasks WHERE run = ? AND name = ?", [row["run"], task.name])
            if (found := known.fetchone()) is None:
                self.db.table("tasks").insert(row)
            else:
                self._update("tasks", found[0], row)
            key = self._task(run_id, task.name)
            try:
                self.db.conn.executemany(_SAMPLE, (sample_row(sample) for sample in samples))
            except sqlite3.IntegrityError as error:
                raise HarnessError(
                    f"{self.path}: a sample of task '{task.name}' has the id of a recorded sample and other content; "
                    "ids must be digests of the content"
                ) from error
            placed = enumerate(samples)
            places = (place_row(key, position, task.answers_to(sample), sample) for position, sample in placed)
            self.db.conn.executemany(_PLACE, places)

    def add_judge(self, run_id: str, task: str, judge: Ref, label: str) -> None:
        """Record who is shown a task's answers, in place of another judge of this label.

        What that one said is forgotten, unless the two differ by nothing but what they may spend.
        """
        with transaction(self.db, self.path):
            key = self._task(run_id, task)
            known = judges_of(self.db.execute("SELECT judges FROM tasks WHERE key = ?", [key]).fetchone()[0])
            others = [each for each in known if each != judge and labels([each]) != labels([judge])]
            if any(opinions.says_otherwise(each, judge) for each in known if each not in others):
                opinions.forget(self.db, key, label)
            if judge not in known:
                self._update("tasks", key, {"judges": judges_cell([*others, judge])})

    def add_batch(
        self,
        run_id: str,
        task: str,
        generations: Sequence[Generation],
        scores: Mapping[str, Sequence[Score]],
        provenance: Sequence[Provenance] = (),
    ) -> None:
        """Record answers and each metric's scores of them, all or none.

        The same sample again replaces what was there, so that nothing is counted twice. ``provenance`` is that of each
        answer in turn; without it no later run finds them.
        """
        with transaction(self.db, self.path):
            key = self._task(run_id, task)
            answers = zip(generations, provenance or repeat(None, len(generations)), strict=True)
            rows = (score_row(key, metric, score) for metric, each in scores.items() for score in each)
            try:
                self.db.conn.executemany(_GENERATION, (generation_row(key, *each) for each in answers))
                self.db.conn.executemany(_SCORE, rows)
            except sqlite3.IntegrityError as error:
                raise HarnessError(
                    f"{self.path}: an answer or a score is of a sample that task '{task}' of {run_id} does not hold"
                ) from error

    def forget_answers(self, asked_before: str | None = None, weights_sha256: str | None = None) -> int:
        """Let no later run be given these answers again; how many there were. Runs and scores stay as they are.

        Of the runs that began before ``asked_before`` and asked a model of these weights; ``None`` is any.
        """
        with transaction(self.db, self.path):
            return reuse.forget(self.db, asked_before, weights_sha256)

    def add_estimates(self, run_id: str, estimates: Sequence[Estimate]) -> None:
        """Record what metrics came to; a later word on the same task and metric replaces the earlier one."""
        with transaction(self.db, self.path):
            run = self._run(run_id)
            self.db.conn.executemany(_ESTIMATE, (estimate_row(run, each) for each in estimates))

    def add_reply(
        self, request: bytes, experiment: str, judge: str, model: str, reply: Reply, money: float = 0.0
    ) -> None:
        """Record what a judge's model said; the first word on a request stays."""
        with transaction(self.db, self.path):
            self._refer("experiments", experiment)
            opinions.add_reply(self.db, request, experiment, judge, model, reply, money, now())

    def add_opinions(self, baseline: str, candidate: str, task: str, judge: str, given: Sequence[Opinion]) -> None:
        """Record whose answer raters found better; a rater's later word on a sample replaces the earlier one."""
        with transaction(self.db, self.path):
            keys = self._task(candidate, task), self._task(baseline, task)
            try:
                opinions.add_opinions(self.db, *keys, judge, given, now())
            except sqlite3.IntegrityError as error:
                problem = f"an opinion is on a sample that task '{task}' of {candidate} does not hold"
                raise HarnessError(f"{self.path}: {problem}") from error

    def start_review(self, baseline: str, candidate: str, task: str, items: int) -> None:
        """Record how many pairs are drawn for people (``identity.drawn``); a smaller number changes nothing."""
        with transaction(self.db, self.path):
            opinions.start_review(self.db, self._task(candidate, task), self._task(baseline, task), items)

    def start_training(self, job: TrainJob, stage: int = 0) -> None:
        """Record that a training begins, or that it is gone on with; what it told before is kept."""
        with transaction(self.db, self.path):
            self._refer("experiments", job.experiment)
            trainings.start(self.db, job, stage, now())

    def add_progress(self, experiment: str, progress: Progress, stage: int = 0) -> None:
        """Record a report of the trainer."""
        with transaction(self.db, self.path):
            trainings.add_progress(self.db, self._training(experiment, stage), progress)

    def finish_training(
        self, experiment: str, checkpoint: Checkpoint | None, error: str | None, stage: int = 0
    ) -> None:
        """Record how a training ended: ``finished`` with a checkpoint, ``failed`` without."""
        with transaction(self.db, self.path):
            row = trainings.outcome(checkpoint, error, now(), self.path.absolute().parent)
            self._update("trainings", self._training(experiment, stage), row)

    def choose_checkpoint(
        self, experiment: str, judged: Sequence[JudgedCheckpoint], rule: str, chosen: Checkpoint, stage: int = 0
    ) -> None:
        """Record which checkpoint was chosen, by what rule, and how the others did; it is the outcome from now on."""
        with transaction(self.db, self.path):
            row = trainings.choice(judged, rule, chosen, self.path.absolute().parent)
            self._update("trainings", self._training(experiment, stage), row)

    def add_verdict(self, experiment: str, comparison: Comparison, verdict: Verdict) -> None:
        """Record a comparison and the verdict on it; an experiment may be judged again, and the last one counts."""
        with transaction(self.db, self.path):
            self._refer("experiments", experiment)
            row = {
                "experiment": experiment,
                "decided": now(),
                "outcome": verdict.outcome,
                "reason": text_cell(verdict.reason),
                "caveats": json_cell(verdict.caveats),
                "calibrations": calibrations_cell(verdict.calibrations),
            }
            self.db.table("verdicts").insert(row)
            key = int(self.db.execute("SELECT last_insert_rowid()").fetchone()[0])
            self._insert_in_order("verdict_runs", key, ({"run": self._run(run.id)} for run in comparison.runs))
            deltas = [delta_row(each) | {"unseen": 0} for each in comparison.deltas]
            deltas += [delta_row(each) | {"unseen": 1} for each in comparison.unseen]
            self._insert_in_order("comparisons", key, deltas)
            self._insert_in_order("rulings", key, map(ruling_row, verdict.rulings))

    def add_judgement(self, candidate: Run, verdict: Verdict) -> None:
        """Record that this candidate's items have served a verdict, whoever asked for it."""
        with transaction(self.db, self.path):
            row = {
                "decided": now(),
                "suite": candidate.suite,
                "candidate": self._run(candidate.id),
                "outcome": verdict.outcome,
            }
            self.db.table("judgements").insert(row)

    def add_control(self, control: Control) -> None:
        """Record an A/A control; the last one of a suite stands beside its verdicts."""
        with transaction(self.db, self.path):
            self.db.table("controls").insert(control_row(control))

    def add_data_checks(
        self,
        experiment: str,
        key: str,
        checked: Sequence[CheckedTable],
        seen: Mapping[str, Mapping[str, str]] = NOTHING_SEEN,
    ) -> None:
        """Record what the checks said of an experiment's data; ``key`` is what ``Reader.data_checks`` finds it by.

        ``seen`` is, for each task, which of its samples stand in what is trained on, each with where.
        """
        with transaction(self.db, self.path):
            datachecks.add(self.db, key, checked, seen, now())
            self._update("experiments", experiment, {"data_checks": key})

    def add_fault(self, experiment: str, run_id: str | None, fault: Fault) -> None:
        """Record a plugin's misstep."""
        with transaction(self.db, self.path):
            self._refer("experiments", experiment)
            run = None if run_id is None else self._run(run_id)
            self.db.table("faults").insert({"experiment": experiment, "run": run, "noted": now(), **fault_row(fault)})

    def _add_to_run(self, run: Run) -> None:
        key = self._run(run.id)
        origins = ((key, name, each.distribution, each.version, each.entry_point) for name, each in run.origins.items())
        self.db.conn.executemany(_ORIGIN, origins)
        self.db.conn.executemany(_ESTIMATE, (estimate_row(key, each) for each in run.estimates))

    def _insert_in_order(self, table: str, verdict: int, rows: Iterable[Row]) -> None:
        places = ({"verdict": verdict, "position": position, **row} for position, row in enumerate(rows))
        self.db.table(table).insert_all(places)

    def _update(self, table: str, key: str | int, row: Row) -> None:
        from sqlite_utils.db import NotFoundError

        try:
            self.db.table(table).update(key, dict(row))
        except NotFoundError:
            raise self._missing(table, key) from None

    def _refer(self, table: str, key: str) -> None:
        if not self.db.table(table).count_where(f"{self.db.table(table).pks[0]} = ?", [key]):
            raise self._missing(table, key)

    def _run(self, run_id: str) -> int:
        found = self.db.execute("SELECT key FROM runs WHERE id = ?", [run_id]).fetchone()
        if found is None:
            raise self._missing("runs", run_id)
        return int(found[0])

    def _task(self, run_id: str, task: str) -> int:
        query = "SELECT tasks.key FROM tasks JOIN runs ON runs.key = tasks.run WHERE runs.id = ? AND tasks.name = ?"
        found = self.db.execute(query, [run_id, task]).fetchone()
        if found is None:
            raise self._missing("tasks", f"{run_id} {task}")
        return int(found[0])

    def _training(self, experiment: str, stage: int) -> int:
        found = trainings.key_of(self.db, experiment, stage)
        if found is None:
            raise self._missing("trainings", experiment)
        return found

    def _missing(self, table: str, value: str | int) -> HarnessError:
        return HarnessError(f"{self.path}: {value!r} is not in table {table}; it must be started first")
