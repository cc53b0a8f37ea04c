"""The whole experiment as one page: load, train, ask every arm, compare, judge, record."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import __version__
from harness.catalog import Catalog
from harness.data import formats
from harness.errors import TrainingFailed, UsageError
from harness.execution import benchmarks
from harness.execution.arms import Arms, folder_digest, now
from harness.execution.claim import claim
from harness.execution.train import train as train_in_a_child
from harness.host import Host
from harness.identity import digest
from harness.judgement import Judgement, recorded_baselines
from harness.plan import Plan, PlannedTask
from harness.protocols import Backend, Observer
from harness.store.database import RECORD
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import RELEASE, Arm, Checkpoint, Comparison, Fault, ModelRef, Progress, Run, TrainJob, Verdict


@dataclass(frozen=True, slots=True)
class Setting:
    """Where an experiment takes place and who takes part."""

    results: Path
    host: Host
    catalog: Catalog
    observer: Observer
    reuse: bool = True
    """Whether what an earlier run has asked is taken from the record instead of being asked again."""

    @property
    def record(self) -> Path:
        """The database."""
        return self.results / RECORD


def run(plan: Plan, setting: Setting) -> tuple[Comparison, Verdict]:
    """Train, evaluate every arm, compare and judge. The same command after a crash goes on where it stopped."""
    if len(plan.arms) < 2:
        raise UsageError(
            "the suite has only a base model, so there is nothing to compare",
            path=plan.suite.path,
            remedy="add 'trainer:' or 'prompted:', or evaluate it alone with 'harness eval'",
        )
    with _session(plan, setting, "run") as session:
        checkpoint = session.train() if plan.trainer else None
        arms = [
            replace(arm, adapter=checkpoint.path) if arm.name == "tuned" and checkpoint else arm for arm in plan.arms
        ]
        runs = session.evaluate(arms)
        return session.judge(runs)


def train(plan: Plan, setting: Setting) -> Checkpoint:
    """Train only; the checkpoint lies in the experiment's folder."""
    with _session(replace(plan, tasks=(), benchmarks=()), setting, "train") as session:
        return session.train()


def evaluate(plan: Plan, setting: Setting, arms: Sequence[Arm]) -> list[Run]:
    """Evaluate arms without judging them, e.g. checkpoints from elsewhere; their runs in the same order."""
    named = [f"{arm.name} {folder_digest(arm.adapter) if arm.adapter else None}" for arm in arms]
    # Nothing is held to anything here, so no gate can be certain before everything is asked.
    benchmarks = tuple(replace(each, stop_for=None) for each in plan.benchmarks)
    with _session(replace(plan, arms=tuple(arms), benchmarks=benchmarks), setting, f"eval {named}") as session:
        runs = session.evaluate(arms)
        return [runs[arm.name] for arm in arms]


@contextlib.contextmanager
def _session(plan: Plan, setting: Setting, what: str) -> Iterator[Session]:
    elsewhere = _elsewhere(plan, setting) if what == "run" else {}
    loaded = benchmarks.load(plan, setting.observer)
    setting.observer.stage(f"opening {plan.suite.model.name}")
    backend: Backend = plan.backend.instance
    model = replace(plan.suite.model, name=str(backend.folder(plan.suite.model)))
    with (
        Writer(setting.record) as writer,
        Reader(setting.record) as reader,
        claim(setting.results, plan.suite, _key(loaded, what, setting.reuse), writer, reader) as (experiment, resumed),
    ):
        if resumed:
            setting.observer.note(f"{experiment} was cut off; going on with what is recorded")
        session = Session(loaded, setting, model, experiment, writer, reader, elsewhere)
        try:
            yield session
        except Exception:
            writer.finish_experiment(experiment, "failed", now())
            raise
        writer.finish_experiment(experiment, "finished", now())


@dataclass(frozen=True, slots=True)
class Session:
    """One experiment at work."""

    loaded: benchmarks.LoadedBenchmarks
    setting: Setting
    model: ModelRef
    """The suite's model as a local folder."""
    experiment: str
    writer: Writer
    reader: Reader
    elsewhere: Mapping[str, Run]
    """What gates call recorded runs, each with its run."""

    @property
    def plan(self) -> Plan:
        """The plan with its benchmarks' items."""
        return self.loaded.plan

    def train(self) -> Checkpoint:
        """The trained checkpoint; one that an earlier start has finished is taken as it is."""
        finished, _, status = self.reader.training(self.experiment)
        if status == "finished" and finished and finished.path.is_dir():
            return finished
        job = self._job()
        self.setting.observer.stage(f"training {job.trainer.name}")
        self.writer.start_training(self.experiment, job)
        log = job.output.parent / "training.log"
        try:
            checkpoint = train_in_a_child(job, on_progress=lambda progress: self._progressed(job, progress), log=log)
        except TrainingFailed as error:
            self.writer.finish_training(self.experiment, None, str(error))
            raise
        self.writer.finish_training(self.experiment, checkpoint, None)
        return checkpoint

    def evaluate(self, arms: Sequence[Arm]) -> dict[str, Run]:
        """Every arm's run; the weights are opened once for all."""
        work = Arms(
            self.loaded,
            self.experiment,
            self.writer,
            self.reader,
            self.setting.host,
            self.setting.observer,
            self._is_decided,
            self.setting.reuse,
        )
        recorded = work.recorded()
        if all(arm.name in recorded and recorded[arm.name].status == "finished" for arm in arms):
            return {arm.name: recorded[arm.name] for arm in arms}
        self.setting.observer.stage("evaluating")
        with self.plan.backend.instance.open(self.model) as model:
            return work.evaluate(arms, model)

    def judge(self, runs: Mapping[str, Run]) -> tuple[Comparison, Verdict]:
        """The last arm held to the others; recorded, then told to the watchers."""
        judgement = self._judgement(runs)
        comparison, verdict = judgement.comparison(), judgement.verdict(self.plan.gates)
        self.writer.add_verdict(self.experiment, comparison, verdict)
        self.writer.add_judgement(comparison.runs[-1], verdict)
        self.setting.host.watch(
            "harness_gate_decided", {"comparison": comparison, "verdict": verdict}, self._record_fault
        )
        return comparison, verdict

    def _job(self) -> TrainJob:
        assert self.plan.trainer is not None
        folder = self.setting.results.resolve() / self.experiment / "training"
        folder.mkdir(parents=True, exist_ok=True)
        train_file, validation_file = folder / "train.jsonl", folder / "validation.jsonl"
        formats.write_messages(self.plan.train_rows, train_file)
        formats.write_messages(self.plan.validation_rows, validation_file)
        return TrainJob(
            experiment=self.experiment,
            model=self.model,
            trainer=self.plan.trainer.ref,
            train=train_file,
            validation=validation_file if self.plan.validation_rows else None,
            output=folder / "checkpoint",
            seed=self.plan.suite.seed,
        )

    def _progressed(self, job: TrainJob, progress: Progress) -> None:
        self.writer.add_progress(self.experiment, progress)
        self.setting.observer.training_progressed(progress)
        self.setting.host.watch("harness_training_progressed", {"job": job, "progress": progress}, self._record_fault)

    def _is_decided(self, planned: PlannedTask, runs: Mapping[str, Run]) -> bool:
        return self._judgement(runs).is_decided(self.plan.gates, planned.name)

    def _judgement(self, runs: Mapping[str, Run]) -> Judgement:
        """The last arm held to the others, and to the recorded runs that gates name."""
        *others, candidate = runs.values()
        baselines = {run.arm: run for run in others} | dict(self.elsewhere)
        return Judgement(self.reader, self.setting.catalog, candidate, baselines)

    def _record_fault(self, fault: Fault) -> None:
        self.writer.add_fault(self.experiment, None, fault)
        self.setting.observer.note(f"{fault.origin}: {fault.hook}: {fault.error}")


def _elsewhere(plan: Plan, setting: Setting) -> dict[str, Run]:
    """The recorded runs that gates name, looked up before anything is fetched or trained."""
    found: dict[str, Run] = {}
    for index, rule in enumerate(plan.gates):
        if not rule.is_against_the_record or (rule.against == RELEASE and not setting.record.exists()):
            continue
        try:
            with Reader(setting.record) as reader:
                found |= recorded_baselines(reader, plan.suite.name, [rule])
        except UsageError as error:
            line = plan.suite.line("gates", index, "against")
            problem = f"gate against {rule.against!r}: {error.problem}"
            raise UsageError(problem, path=plan.suite.path, line=line, remedy=error.remedy) from None
    return found


def _key(loaded: benchmarks.LoadedBenchmarks, what: str, reuse: bool) -> str:
    """What makes two commands the same experiment: its suite, data, items, arms and our own version.

    And whether it may take answers over: a run that is to ask everything must not go on from one that did not.
    """
    plan = loaded.plan
    asked = {planned.name: [sample.id for sample in planned.samples] for planned in plan.measured}
    data = {dataset.name: dataset.sha256 for dataset in plan.datasets}
    arms = [[arm.name, str(arm.adapter)] for arm in plan.arms]
    return digest([__version__, what, reuse, plan.suite.digest, data, asked, dict(loaded.not_measured), arms])
