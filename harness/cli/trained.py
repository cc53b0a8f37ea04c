"""Recorded trainings, as the screens take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.report.training import Trained
    from harness.store.reader import Reader
    from harness.values import Run


def trained_of(reader: Reader, run: Run) -> list[Trained]:
    """The stages of the training that this run is the outcome of; the other arms have nothing of it."""
    return stages_of(reader, run.experiment) if run.adapter or run.arm.startswith("tuned") else []


def stages_of(reader: Reader, experiment: str) -> list[Trained]:
    """The stages of an experiment's training, with what was to be seen in each."""
    from harness.execution.findings import findings_of
    from harness.report.training import Trained

    found = []
    for training in reader.trainings(experiment):
        progress = tuple(reader.progress(experiment, training.stage))
        found.append(Trained(training, progress, findings_of(progress)))
    return found
