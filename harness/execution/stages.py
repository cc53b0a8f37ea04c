"""The trainings of an experiment in a row, each on what the one before has made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.data import formats
from harness.errors import OutOfMemory, TrainingFailed
from harness.execution.early import Early
from harness.execution.findings import Findings
from harness.execution.train import processes_of, train
from harness.host import Host
from harness.plan import PlannedStage, PlannedTraining
from harness.protocols import Backend, Observer
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import Arm, Checkpoint, Fault, ModelRef, Progress, Ref, TrainJob


@dataclass(frozen=True, slots=True)
class Tuned:
    """What the trainings came to, as the tuned arm opens it."""

    checkpoint: Checkpoint
    base: ModelRef
    """What the last training began with."""

    @property
    def model(self) -> ModelRef:
        """The weights below the adapter, or the checkpoint itself where it is a whole model."""
        if self.checkpoint.kind == "adapter":
            return self.base
        return replace(self.base, name=str(self.checkpoint.path), revision=None)

    @property
    def adapter(self) -> Path | None:
        """The adapter's folder."""
        return self.checkpoint.path if self.checkpoint.kind == "adapter" else None

    def arm(self, name: str) -> Arm:
        """An arm that asks it."""
        return Arm(name, self.model, self.adapter)


@contextmanager
def begun(training: PlannedTraining | None, device: str) -> Iterator[Early | None]:
    """The process of the first of these trainings, ended with the block; none where several train together."""
    launch = training.settings.launch if training else None
    if training is None or launch or processes_of(device, launch) != 1:
        yield None
        return
    early = Early.begin(training.stages[0].trainer.ref, device)
    try:
        yield early
    finally:
        early.end()


@dataclass(frozen=True, slots=True)
class Stages:
    """The trainings of one experiment at work."""

    training: PlannedTraining
    experiment: str
    model: ModelRef
    """The suite's model as the suite names it."""
    local: ModelRef
    """The same as a local folder."""
    folder: Path
    seed: int
    backend: Backend
    writer: Writer
    reader: Reader
    host: Host
    observer: Observer
    record_fault: Callable[[Fault], None]
    early: Early | None = None
    """The process of the first training, which waits for its job."""

    def train(self) -> Tuned:
        """The last stage's checkpoint; a stage that an earlier start has finished is taken as it is."""
        base = self.model
        for number, stage in enumerate(self.training.stages[:-1]):
            base = self._as_model(self._trained(number, stage, base), base)
        last = len(self.training.stages) - 1
        return Tuned(self._trained(last, self.training.stages[last], base), base)

    def _trained(self, number: int, stage: PlannedStage, base: ModelRef) -> Checkpoint:
        recorded = self.reader.trainings(self.experiment)
        if number < len(recorded) and recorded[number].status == "finished":
            checkpoint = recorded[number].checkpoint
            if checkpoint and checkpoint.path.is_dir():
                return checkpoint
        job = self._job(number, stage, base)
        several = f" ({number + 1} of {len(self.training.stages)})" if len(self.training.stages) > 1 else ""
        self.observer.stage(f"training {job.trainer.name}{several}")
        try:
            return self._train(number, job)
        except OutOfMemory as error:
            smaller = _with_half_the_batch(stage, job.trainer)
            if smaller is None or not self.training.settings.halve_batch_when_out_of_memory:
                raise
            self.observer.note(f"{error}; once more with {smaller.options['per_device_train_batch_size']} rows a batch")
            return self._train(number, replace(job, trainer=smaller, output=job.output.with_name("checkpoint-halved")))

    def _train(self, number: int, job: TrainJob) -> Checkpoint:
        self.writer.start_training(job, number)
        findings = Findings()

        def progressed(progress: Progress) -> None:
            self.writer.add_progress(self.experiment, progress, number)
            self.observer.training_progressed(progress)
            for finding in findings.see(progress):
                self.observer.note(finding.sentence)
            about = {"job": job, "progress": progress}
            self.host.watch("harness_training_progressed", about, self.record_fault)

        for earlier in self.reader.progress(self.experiment, number):
            findings.see(earlier)  # told when it was seen
        log = job.output.parent / "training.log"
        try:
            launch = self.training.settings.launch
            checkpoint = train(job, on_progress=progressed, log=log, launch=launch, early=self.early)
        except TrainingFailed as error:
            self.writer.finish_training(self.experiment, None, str(error), number)
            raise
        self.writer.finish_training(self.experiment, checkpoint, None, number)
        return checkpoint

    def _job(self, number: int, stage: PlannedStage, base: ModelRef) -> TrainJob:
        return job_of(
            stage,
            self._folder(number),
            experiment=self.experiment,
            model=self.local if base == self.model else base,
            seed=self.seed,
            keep=shares(self.training.settings.evaluate_every) if number == len(self.training.stages) - 1 else (),
        )

    def _as_model(self, checkpoint: Checkpoint, base: ModelRef) -> ModelRef:
        """What the next stage starts from: a whole model, the adapter's change in its weights."""
        if checkpoint.kind == "model":
            return Tuned(checkpoint, base).model
        merged = checkpoint.path.with_name("merged")
        if not merged.is_dir():
            self.observer.stage("merging the adapter into the weights")
            self.backend.merge(self.local if base == self.model else base, checkpoint.path, merged)
        return replace(base, name=str(merged), revision=None)

    def _folder(self, number: int) -> Path:
        if len(self.training.stages) == 1:
            return self.folder
        return self.folder / f"{number + 1}-{self.training.stages[number].trainer.label.rsplit('/', 1)[-1]}"


def job_of(
    stage: PlannedStage, folder: Path, *, experiment: str, model: ModelRef, seed: int, keep: tuple[float, ...] = ()
) -> TrainJob:
    """What the stage's trainer is given, its rows written into ``folder``; the checkpoint is to lie there too."""
    folder.mkdir(parents=True, exist_ok=True)
    train_file, validation_file = folder / "train.jsonl", folder / "validation.jsonl"
    formats.write(stage.train, train_file)
    formats.write(stage.validation, validation_file)
    return TrainJob(
        experiment=experiment,
        model=model,
        trainer=stage.trainer.ref,
        train=train_file,
        validation=validation_file if stage.validation else None,
        output=folder / "checkpoint",
        seed=seed,
        keep=keep,
    )


def shares(every: float | None) -> tuple[float, ...]:
    """After which shares of a training a checkpoint is kept: the end is always one, where there are some."""
    if every is None:
        return ()
    before = (number * every for number in range(1, int(1 / every) + 1))
    # what is nearly the end would be judged twice
    return (*(share for share in before if share < 1 - every / 4), 1.0)


def _with_half_the_batch(stage: PlannedStage, ref: Ref) -> Ref | None:
    """The trainer with half the rows in memory and as many a step; ``None`` where there is nothing to halve."""
    rows = getattr(stage.trainer.instance, "per_device_train_batch_size", 1)
    steps = getattr(stage.trainer.instance, "gradient_accumulation_steps", 1)
    if rows < 2:
        return None
    # a divisor keeps the number of rows a step, and with it the training, as it was
    size = max(each for each in range(1, rows // 2 + 1) if rows * steps % each == 0)
    halved = {"per_device_train_batch_size": size, "gradient_accumulation_steps": rows * steps // size}
    return Ref(ref.name, {**ref.options, **halved})
