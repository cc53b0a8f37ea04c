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
