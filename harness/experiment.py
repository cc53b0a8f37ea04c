"""The whole experiment as one page: load, train, ask every arm, compare, judge, record."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import __version__
from harness.catalog import Catalog, Planned
from harness.data import formats
from harness.errors import UsageError
from harness.execution import benchmarks, data
from harness.execution.arms import Arms, folder_digest
from harness.execution.cache import source_of
from harness.execution.choosing import SUFFIX, CheckpointChoice
from harness.execution.claim import claim
from harness.execution.early import Early
from harness.execution.judging import Judging
from harness.execution.stages import Stages, Tuned, begun
from harness.host import Host
from harness.identity import digest
from harness.judgement import Judgement, recorded_baselines
from harness.plan import Plan, PlannedTask
from harness.protocols import Backend, MetricWithPreparation, Model, Observer, Trainer
from harness.store.database import RECORD, now
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import RELEASE, Arm, Comparison, Fault, MaskedToken, ModelRef, Run, TrainJob, Verdict


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
    with _session(plan, setting, "run", data_of=plan) as session:
        tuned = session.train() if plan.training else None
        arms = [tuned.arm("tuned") if tuned and arm.name == "tuned" else arm for arm in plan.arms]
        runs = session.evaluate(arms)
        session.ask_judges(runs)
        return session.judge(runs)


def train(plan: Plan, setting: Setting) -> Tuned:
    """Train only; the checkpoint lies in the experiment's folder."""
    chooses = plan.training and plan.training.settings.evaluate_every
    asks_nothing = replace(plan, tasks=(), benchmarks=())
    with _session(plan if chooses else asks_nothing, setting, "train", data_of=plan) as session:
        return session.train()


def training_masks(plan: Plan, setting: Setting, rows: int) -> Sequence[Sequence[MaskedToken]]:
    """The first rows of the last training as its model would see them; nothing is trained or recorded."""
    assert plan.training is not None
    stage = plan.training.stages[-1]
    backend: Backend = plan.backend.instance
    model = replace(plan.suite.model, name=str(backend.folder(plan.suite.model)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        formats.write(stage.train[:rows], folder / "train.jsonl")
        job = TrainJob("masks", model, stage.trainer.ref, folder / "train.jsonl", None, folder, plan.suite.seed)
        trainer: Trainer = stage.trainer.instance
        return trainer.masks(job, rows)


def evaluate(plan: Plan, setting: Setting, arms: Sequence[Arm]) -> list[Run]:
    """Evaluate arms without judging them, e.g. checkpoints from elsewhere; their runs in the same order."""
    named = [f"{arm.name} {folder_digest(arm.adapter) if arm.adapter else None}" for arm in arms]
    # Nothing is held to anything here, so no gate can be certain before everything is asked.
    benchmarks = tuple(replace(each, stop_for=None) for each in plan.benchmarks)
    with _session(replace(plan, arms=tuple(arms), benchmarks=benchmarks), setting, f"eval {named}") as session:
        runs = session.evaluate(arms)
        return [runs[arm.name] for arm in arms]


def judge_recorded(plan: Plan, setting: Setting, baseline: str, candidate: str) -> tuple[Run, Run]:
    """Let the suite's judges see the answers of two recorded runs, which may be older than the judges."""
    with Writer(setting.record) as writer, Reader(setting.record) as reader:
        before, after = reader.run(baseline), reader.run(candidate)

        def record_fault(fault: Fault) -> None:
            writer.add_fault(after.experiment, None, fault)
            setting.observer.note(f"{fault.origin}: {fault.hook}: {fault.error}")

        common = {each.name for each in reader.tasks(before.id)} & {each.name for each in reader.tasks(after.id)}
        judged = [planned for planned in plan.tasks if planned.judges and planned.name in common]
        if not judged:
            problem = f"the suite has no task with judges that both {before.id} and {after.id} answered"
            raise UsageError(problem, path=plan.suite.path, remedy="add 'judges:' to one of their tasks")
        setting.observer.stage("judging")
        judging = Judging(
            after.experiment, plan.suite.seed, setting.catalog, writer, reader, setting.observer, record_fault
        )
        for planned in judged:
            for judge in planned.judges:
                judging.judge(planned.name, judge, [before], after)
    return before, after


@contextlib.contextmanager
def _session(plan: Plan, setting: Setting, what: str, data_of: Plan | None = None) -> Iterator[Session]:
    """An experiment that is claimed for the time of the work; the data of ``data_of`` are checked before it.

    Where it will train, the training's process begins now: what it imports takes as long as the checks.
    """
    if what == "run":
        _refuse_unrecorded(plan, setting)
    will_train = plan.training if data_of is not None else None
    with begun(will_train, plan.suite.model.device) as early, _claimed(plan, setting, what, data_of, early) as session:
        yield session


@contextlib.contextmanager
def _claimed(plan: Plan, setting: Setting, what: str, data_of: Plan | None, early: Early | None) -> Iterator[Session]:
    loaded = benchmarks.load(plan, setting.observer)
    _prepare(plan)
    setting.observer.stage(f"opening {plan.suite.model.name}")
    backend: Backend = plan.backend.instance
    # wherever it was asked from: an adapter's file holds this path, and one training must give one adapter
    folder = backend.folder(plan.suite.model).absolute()
    model = replace(plan.suite.model, name=str(folder))
    checked = None
    if data_of is not None:
        checked = data.checked(data_of, loaded, folder, setting.record, setting.observer)
        loaded = checked.asked_whole(loaded)
    with (
        Writer(setting.record) as writer,
        Reader(setting.record) as reader,
        claim(setting.results, plan.suite, _key(loaded, what, setting.reuse), writer, reader) as (experiment, resumed),
    ):
        if resumed:
            setting.observer.note(f"{experiment} was cut off; going on with what is recorded")
        if checked is not None:
            _record_checks(checked, experiment, writer, setting.observer)
        session = Session(loaded, setting, model, experiment, writer, reader, early)
        try:
            yield session
        except Exception:
            writer.finish_experiment(experiment, "failed", now())
            raise
        writer.finish_experiment(experiment, "finished", now())


def _record_checks(checked: data.Checked, experiment: str, writer: Writer, observer: Observer) -> None:
    writer.add_data_checks(experiment, checked.key, checked.tables, checked.seen)
    for task, seen in checked.seen.items():
        items = "1 item stands" if len(seen) == 1 else f"{len(seen):,} items stand"
        observer.note(f"{task}: {items} in the training data; the gates rest on the others")
    for line in checked.summary:
        observer.note(line)


def _prepare(plan: Plan) -> None:
    """What metrics need is fetched before a model opens."""
    for planned in plan.measured:
        for metric in planned.metrics:
            if isinstance(metric.instance, MetricWithPreparation):
                metric.instance.prepare()


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
    early: Early | None
    """The training's process, which waits for its job."""

    @property
    def plan(self) -> Plan:
        """The plan with its benchmarks' items."""
        return self.loaded.plan

    def train(self) -> Tuned:
        """What the training came to; of its checkpoints the one that was chosen, where the suite asks for a choice."""
        assert self.plan.training is not None
        try:
            tuned = self._stages(self.setting.results.resolve() / self.experiment / "training").train()
        finally:
            if self.early:
                self.early.end()  # an earlier start may have left it nothing to train
        if self.plan.training.settings.evaluate_every is None:
            return tuned
        if not tuned.checkpoint.kept:
            name = self.plan.training.stages[-1].trainer.ref.name
            problem = f"trainer {name!r} keeps no checkpoints, so there is nothing to choose among"
            raise UsageError(problem, path=self.plan.suite.path, remedy="leave 'evaluate_every' out")
        return self._chosen(tuned)

    def evaluate(self, arms: Sequence[Arm]) -> dict[str, Run]:
        """Every arm's run; each model's weights are opened once for all arms that stand on them."""
        work = self._arms(self.loaded)
        recorded = work.recorded()
        if all(arm.name in recorded and recorded[arm.name].status == "finished" for arm in arms):
            return {arm.name: recorded[arm.name] for arm in arms}
        self.setting.observer.stage("evaluating")
        return self._asked(work, arms)

    def ask_judges(self, runs: Mapping[str, Run]) -> None:
        """Let the tasks' judges see the arms' answers; what judges said before is not asked again."""
        judged = [planned for planned in self.plan.tasks if planned.judges]
        if not judged:
            return
        self.setting.observer.stage("judging")
        judgement = self._judgement(runs)
        for planned in judged:
            for judge in planned.judges:
                shown = self._shown(planned, judge, judgement.baselines)
                self._judging.judge(planned.name, judge, shown, judgement.candidate)

    def _shown(self, planned: PlannedTask, judge: Planned, baselines: Mapping[str, Run]) -> list[Run]:
        """The baselines that a judge sees: where it compares, those that its gates name if there are such."""
        named = {rule.against for rule in self.plan.gates if (rule.task, rule.metric) == (planned.name, judge.label)}
        gated = [run for arm, run in baselines.items() if arm in named]
        return gated if gated and judge.instance.compares else list(baselines.values())

    @property
    def _judging(self) -> Judging:
        return Judging(
            self.experiment,
            self.plan.suite.seed,
            self.setting.catalog,
            self.writer,
            self.reader,
            self.setting.observer,
            self._record_fault,
        )

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

    def _chosen(self, tuned: Tuned) -> Tuned:
        """The kept checkpoint that the choice falls on; recorded with how the others did."""
        assert self.plan.training is not None
        stage = len(self.plan.training.stages) - 1
        if self.reader.trainings(self.experiment)[stage].judged:
            return tuned  # an earlier start has chosen
        kept = {each.step: each for each in tuned.checkpoint.kept}
        choice = CheckpointChoice.among(self.plan, self.loaded.spare)
        self.setting.observer.stage(f"choosing among {len(kept)} checkpoints")
        arms = {
            step: Tuned(replace(tuned.checkpoint, path=each.path), tuned.base).arm(f"tuned@{step}")
            for step, each in kept.items()
        }
        base = Arm(f"base{SUFFIX}", self.plan.suite.model)
        runs = self._asked(self._arms(replace(self.loaded, plan=choice.plan)), [base, *arms.values()])
        judged, rule = choice.judge(runs[base.name], {step: runs[arm.name] for step, arm in arms.items()})
        best = kept[next(each.step for each in judged if each.is_chosen)]
        chosen = replace(
            tuned.checkpoint,
            path=best.path,
            step=best.step,
            sha256=folder_digest(best.path),
            validation_loss=best.validation_loss,
        )
        self.writer.choose_checkpoint(self.experiment, judged, rule, chosen, stage)
        self.setting.observer.note(f"step {best.step} is chosen: {rule}")
        return Tuned(chosen, tuned.base)

    def _asked(self, work: Arms, arms: Sequence[Arm]) -> dict[str, Run]:
        """The arms' runs in the same order; models are opened one after the other where no task asks them in turn."""
        models = list(dict.fromkeys(arm.model for arm in arms))
        in_turn = any(planned.task.stopping for planned in work.plan.benchmarks)
        runs: dict[str, Run] = {}
        for group in [models] if in_turn else [[model] for model in models]:
            with contextlib.ExitStack() as opened:
                views = {ref: opened.enter_context(self._open(ref)) for ref in group}
                runs |= work.evaluate([arm for arm in arms if arm.model in group], views)
        return {arm.name: runs[arm.name] for arm in arms}

    def _open(self, ref: ModelRef) -> contextlib.AbstractContextManager[Model]:
        backend: Backend = self.plan.backend.instance
        return backend.open(self.model if ref == self.plan.suite.model else ref)

    def _arms(self, loaded: benchmarks.LoadedBenchmarks) -> Arms:
        return Arms(
            loaded,
            self.experiment,
            self.writer,
            self.reader,
            self.setting.host,
            self.setting.observer,
            self._is_decided,
            self.setting.reuse,
        )

    def _stages(self, folder: Path) -> Stages:
        assert self.plan.training is not None
        return Stages(
            self.plan.training,
            self.experiment,
            self.plan.suite.model,
            self.model,
            folder,
            self.plan.suite.seed,
            self.plan.backend.instance,
            self.writer,
            self.reader,
            self.setting.host,
            self.setting.observer,
            self._record_fault,
            self.early,
        )

    def _is_decided(self, planned: PlannedTask, runs: Mapping[str, Run]) -> bool:
        return self._judgement(runs).is_decided(self.plan.gates, planned.name)

    def _judgement(self, runs: Mapping[str, Run]) -> Judgement:
        """The last arm held to the others, and to the recorded runs that gates name."""
        *others, candidate = runs.values()
        baselines = {run.arm: run for run in others}
        # asked for this candidate, which is not its own release
        baselines |= recorded_baselines(self.reader, self.plan.suite.name, self.plan.gates, candidate)
        return Judgement(self.reader, self.setting.catalog, candidate, baselines)

    def _record_fault(self, fault: Fault) -> None:
        self.writer.add_fault(self.experiment, None, fault)
        self.setting.observer.note(f"{fault.origin}: {fault.hook}: {fault.error}")


def _refuse_unrecorded(plan: Plan, setting: Setting) -> None:
    """The runs that gates name must be recorded: looked up before anything is fetched or trained."""
    for index, rule in enumerate(plan.gates):
        if not rule.is_against_the_record or (rule.against == RELEASE and not setting.record.exists()):
            continue
        try:
            with Reader(setting.record) as reader:
                recorded_baselines(reader, plan.suite.name, [rule])
        except UsageError as error:
            line = plan.suite.line("gates", index, "against")
            problem = f"gate against {rule.against!r}: {error.problem}"
            raise UsageError(problem, path=plan.suite.path, line=line, remedy=error.remedy) from None


def _key(loaded: benchmarks.LoadedBenchmarks, what: str, reuse: bool) -> str:
    """What makes two commands the same experiment: its suite, data, items, arms, what scores, and our own version.

    And whether it may take answers over: a run that is to ask everything must not go on from one that did not.
    """
    plan = loaded.plan
    asked = {planned.name: [sample.id for sample in planned.samples] for planned in plan.measured}
    files = {dataset.name: dataset.sha256 for dataset in plan.datasets}
    arms = [[arm.name, str(arm.adapter)] for arm in plan.arms]
    metrics = [metric for planned in plan.measured for metric in planned.metrics]
    judges = [judge for planned in plan.tasks for judge in planned.judges]
    scoring = [[each.label, each.origin, source_of(type(each.instance))] for each in (*metrics, *judges)]
    missing = dict(loaded.not_measured)
    return digest([__version__, what, reuse, plan.suite.digest, files, asked, missing, arms, scoring])
