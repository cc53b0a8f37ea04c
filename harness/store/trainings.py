"""Trainings in the record: what they were given, how they went, and which checkpoint came of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from harness.identity import file_sha256
from harness.store.codec import (
    Cell,
    details_cell,
    details_of,
    fields_of,
    json_cell,
    json_of,
    number_cell,
    number_of,
    optional_text_cell,
    optional_text_of,
    text_cell,
    text_of,
)
from harness.store.rows import Row
from harness.values import Checkpoint, JudgedCheckpoint, Kept, ModelRef, Progress, Ref, Training, TrainJob

if TYPE_CHECKING:
    from sqlite_utils import Database

_OUTCOME = (
    "finished", "error", "path", "kind", "step", "sha256", "train_loss", "validation_loss", "seconds", "facts", "kept",
    "judged", "rule",
)  # fmt: skip
"""What becomes known at the end; a restart takes it back."""
_NUMBERS = ("epoch", "loss", "validation_loss", "learning_rate", "seconds", "tokens_per_second")
_PROGRESS = """
SELECT progress.* FROM progress JOIN trainings ON trainings.key = training
WHERE experiment = ? AND stage = ? ORDER BY progress.key
"""


def key_of(db: Database, experiment: str, stage: int) -> int | None:
    """The key of a training, ``None`` where there is none."""
    query = "SELECT key FROM trainings WHERE experiment = ? AND stage = ?"
    found = db.execute(query, [experiment, stage]).fetchone()
    return None if found is None else int(found[0])


def start(db: Database, job: TrainJob, stage: int, now: str) -> None:
    """A row for a training that begins, or the row of one that is gone on with."""
    row = _job_row(job) | {"stage": stage, "status": "running", "started": now}
    key = key_of(db, job.experiment, stage)
    if key is None:
        db.table("trainings").insert({"key": None, **row, "attempt": 1})
        return
    attempt = int(db.execute("SELECT attempt FROM trainings WHERE key = ?", [key]).fetchone()[0])
    db.table("trainings").update(key, row | dict.fromkeys(_OUTCOME) | {"attempt": attempt + 1})


def outcome(checkpoint: Checkpoint | None, error: str | None, now: str, folder: Path) -> dict[str, Cell]:
    """The columns of a training that has ended: ``finished`` with a checkpoint, ``failed`` without."""
    told: dict[str, Cell] = {"error": optional_text_cell(error), "finished": now}
    if checkpoint is None:
        return told | {"status": "failed"}
    return told | {"status": "finished"} | _checkpoint_row(checkpoint, folder)


def choice(judged: Sequence[JudgedCheckpoint], rule: str, chosen: Checkpoint, folder: Path) -> dict[str, Cell]:
    """The columns of a training one of whose checkpoints was chosen."""
    seen = [asdict(each) | {"drops": dict(each.drops)} for each in judged]
    return {"judged": json_cell(seen), "rule": text_cell(rule), **_checkpoint_row(chosen, folder)}


def trainings(db: Database, experiment: str, folder: Path) -> list[Training]:
    """The trainings of an experiment in their order; paths of checkpoints absolute."""
    rows = db.query("SELECT * FROM trainings WHERE experiment = ? ORDER BY stage", [experiment])
    return [_training_of(row, folder) for row in rows]


def add_progress(db: Database, training: int, progress: Progress) -> None:
    """One report of a trainer."""
    attempt = db.execute("SELECT attempt FROM trainings WHERE key = ?", [training]).fetchone()[0]
    row: dict[str, Cell] = {name: number_cell(getattr(progress, name)) for name in _NUMBERS}
    row |= {"step": int(progress.step), "total_steps": int(progress.total_steps)}
    row |= {"message": optional_text_cell(progress.message), "memory_bytes": progress.memory_bytes}
    db.table("progress").insert({"training": training, "attempt": attempt, **row})


def progress(db: Database, experiment: str, stage: int) -> list[Progress]:
    """The reports of a training as one curve, oldest first.

    Where a restart went back some steps, what the earlier start had told of these is left out.
    """
    kept: list[Row] = []
    for attempt in _attempts(db.query(_PROGRESS, [experiment, stage])):
        measured = [row["step"] for row in attempt if row["loss"] is not None or row["validation_loss"] is not None]
        if measured:
            kept = [row for row in kept if row["step"] < measured[0]]
        kept += attempt
    return [_progress_of(row) for row in kept]


def _attempts(rows: Iterator[Row]) -> list[list[Row]]:
    by_attempt: dict[int, list[Row]] = {}
    for row in rows:
        by_attempt.setdefault(row["attempt"], []).append(row)
    return list(by_attempt.values())


def _job_row(job: TrainJob) -> dict[str, Cell]:
    files = {"train": job.train} | ({"validation": job.validation} if job.validation else {})
    digests = {name: file_sha256(file) for name, file in files.items() if file.is_file()}
    return {
        "experiment": job.experiment,
        "model": json_cell(fields_of(job.model)),
        "trainer": json_cell(fields_of(job.trainer)),
        "train": text_cell(str(job.train)),
        "validation": None if job.validation is None else text_cell(str(job.validation)),
        "output": text_cell(str(job.output)),
        "seed": job.seed,
        "data": json_cell(digests),
    }


def _checkpoint_row(checkpoint: Checkpoint, folder: Path) -> dict[str, Cell]:
    kept = [asdict(each) | {"path": _portable(each.path, folder)} for each in checkpoint.kept]
    return {
        "path": text_cell(_portable(checkpoint.path, folder)),
        "kind": checkpoint.kind,
        "step": int(checkpoint.step),
        "sha256": checkpoint.sha256,
        "train_loss": number_cell(checkpoint.train_loss),
        "validation_loss": number_cell(checkpoint.validation_loss),
        "seconds": number_cell(checkpoint.seconds),
        "facts": details_cell(checkpoint.facts),
        "kept": json_cell(kept),
    }


def _portable(path: Path, folder: Path) -> str:
    """A path inside the record's folder relative to it, so that both may move."""
    path = path.absolute()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _training_of(row: Row, folder: Path) -> Training:
    trainer: Mapping[str, object] = json_of(row["trainer"])
    judged = json.loads(text_of(row["judged"])) if row["judged"] else []
    return Training(
        experiment=row["experiment"],
        stage=row["stage"],
        trainer=Ref(**trainer),  # type: ignore[arg-type]
        model=ModelRef(**json_of(row["model"])),
        seed=row["seed"],
        data=json_of(row["data"]),
        status=row["status"],
        attempt=row["attempt"],
        checkpoint=_checkpoint_of(row, folder),
        error=optional_text_of(row["error"]),
        judged=tuple(JudgedCheckpoint(**each) for each in judged),
        rule=optional_text_of(row["rule"]),
    )


def _checkpoint_of(row: Row, folder: Path) -> Checkpoint | None:
    if row["path"] is None:
        return None
    return Checkpoint(
        path=folder / text_of(row["path"]),
        kind=row["kind"],
        step=row["step"],
        sha256=row["sha256"],
        train_loss=number_of(row["train_loss"]),
        validation_loss=number_of(row["validation_loss"]),
        seconds=float(row["seconds"]),
        facts=details_of(row["facts"]),
        kept=tuple(Kept(**{**each, "path": folder / each["path"]}) for each in json_of(row["kept"])),
    )


def _progress_of(row: Row) -> Progress:
    return Progress(
        step=row["step"],
        total_steps=row["total_steps"],
        epoch=float(row["epoch"]),
        loss=number_of(row["loss"]),
        validation_loss=number_of(row["validation_loss"]),
        learning_rate=number_of(row["learning_rate"]),
        seconds=float(row["seconds"]),
        message=optional_text_of(row["message"]),
        tokens_per_second=number_of(row["tokens_per_second"]),
        memory_bytes=row["memory_bytes"],
    )
