"""What passes between the harness and its training process: values as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.values import Checkpoint, Kept, ModelRef, Progress, Ref, TrainJob


def to_line(kind: str, value: object) -> str:
    """One line of JSON, its end included: ``{"<kind>": value}``."""
    return json.dumps({kind: value}, default=str) + "\n"


def progress_line(progress: Progress) -> str:
    """A report as one line."""
    return to_line("progress", asdict(progress))


def checkpoint_line(checkpoint: Checkpoint) -> str:
    """A checkpoint as one line."""
    return to_line("checkpoint", asdict(checkpoint) | {"facts": dict(checkpoint.facts)})


def read_checkpoint(value: Mapping[str, Any]) -> Checkpoint:
    """The checkpoint of a line."""
    kept = tuple(Kept(**{**each, "path": Path(each["path"])}) for each in value["kept"])
    return Checkpoint(**{**value, "path": Path(value["path"]), "kept": kept})


def trainer_line(trainer: Ref) -> str:
    """What a process that begins early is told first: who will train."""
    return to_line("trainer", asdict(trainer))


def read_trainer(line: str) -> Ref:
    """The trainer of that line."""
    return Ref(**json.loads(line)["trainer"])


def job_line(job_file: Path, log: Path) -> str:
    """What it is told then: the file with its job, and where what is printed belongs."""
    return to_line("job", [job_file, log])


def read_job_line(line: str) -> tuple[Path, Path]:
    """The two files of that line."""
    job_file, log = json.loads(line)["job"]
    return Path(job_file), Path(log)


def job_text(job: TrainJob) -> str:
    """A job as the text of a file."""
    return json.dumps(asdict(job), default=str, indent=2) + "\n"


def read_job(text: str) -> TrainJob:
    """The job of such a text."""
    value = json.loads(text)
    return TrainJob(
        experiment=value["experiment"],
        model=ModelRef(**value["model"]),
        trainer=Ref(**value["trainer"]),
        train=Path(value["train"]),
        validation=Path(value["validation"]) if value["validation"] else None,
        output=Path(value["output"]),
        seed=value["seed"],
        keep=tuple(value["keep"]),
    )
