"""A suite and a catalog become a plan: all that can fail early fails here.

Names are resolved, options checked, packages looked for, data read and fingerprinted; no model is opened and nothing is
written.
"""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from harness import rules
from harness.catalog import Catalog, Planned
from harness.checking.asked import PlannedCheck, asked
from harness.data import fingerprint, formats, mix, split
from harness.errors import UsageError, did_you_mean
from harness.protocols import GRADES, BenchmarkContext, MetricWithCheck, Scale, item_bounds
from harness.rows import Row, Table
from harness.values import (
    GENERAL,
    Arm,
    Dataset,
    GateRule,
    GeneralData,
    GenerationSettings,
    Kind,
    Message,
    Origin,
    PromptedBaseline,
    Prompting,
    Ref,
    Sample,
    Suite,
    SuiteBenchmark,
    SuiteStage,
    SuiteTask,
    SuiteTraining,
    Target,
    Task,
    labels,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task with the metrics that score it and the items that it asks."""

    task: Task
    metrics: tuple[Planned, ...]
    samples: tuple[Sample, ...] = ()
    """Empty in a benchmark until ``execution.benchmarks`` has loaded it."""
    benchmark: Planned | None = None
    source: str = ""
    stop_for: Target | None = None
    """What must be certain for the asking to end early; ``None`` asks everything."""
    judges: tuple[Planned, ...] = ()
    data: str = ""
    """The data set that a task of the suite's own asks, by its name in the suite."""
    most: int | None = None
    """At most so many items of a benchmark that has no ``limit`` of its own; ``None`` takes all."""

    @property
    def name(self) -> str:
        """The task's name, unique in its suite."""
        return self.task.name

    def scale(self, label: str) -> Scale:
        """What the metric or judge of this label scores on, or people."""
        for metric in self.metrics:
            if metric.label == label:
                return Scale(metric.instance.higher_is_better, item_bounds(metric.instance))
        return GRADES

    @property
    def is_raw_text(self) -> bool:
        """Whether texts are weighed as they stand, so that no prompt of the team's can act on them."""
        return self.task.mode == "likelihood" and bool(self.samples) and not self.samples[0].targets


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """A trainer with the rows that it trains on."""

    trainer: Planned
    train: tuple[Row, ...]
    validation: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class PlannedTraining:
    """The training, every name resolved."""

    stages: tuple[PlannedStage, ...]
    settings: SuiteTraining


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, every name resolved."""

    suite: Suite
    backend: Planned
    training: PlannedTraining | None
    arms: tuple[Arm, ...]
    """``base`` and, as the suite has them, ``prompted`` and ``tuned``, the last one without its adapter yet."""
    tasks: tuple[PlannedTask, ...]
    benchmarks: tuple[PlannedTask, ...]
    gates: tuple[GateRule, ...]
    """Each with its metric filled in."""
    datasets: tuple[Dataset, ...]
    tables: tuple[Table, ...]
    """The rows of each, as data checks see them."""
    checks: tuple[PlannedCheck, ...]
    """What is looked for in the data before a model opens."""
    unchecked: Mapping[str, str]
    """Data check -> why it cannot be done here."""
    validation: tuple[Sample, ...]
    """The items of ``data.validation`` where checkpoints are chosen by them."""
    pack: Path | None

    @property
    def measured(self) -> tuple[PlannedTask, ...]:
        """Tasks and benchmarks."""
        return (*self.tasks, *self.benchmarks)

    @property
    def trained_on(self) -> frozenset[str]:
        """The names of the data sets that the training learns from."""
        return self.suite.trained_on

    @property
    def arms_of_benchmarks(self) -> tuple[Arm, ...]:
        """The arms that are asked the benchmarks."""
        return tuple(arm for arm in self.arms if arm.name != "prompted")

    def tasks_of(self, arm: str) -> tuple[PlannedTask, ...]:
        """What an arm is asked: a prompt for the team's job means nothing to a benchmark, nor to raw text."""
        return tuple(task for task in self.tasks if not task.is_raw_text) if arm == "prompted" else self.measured

    @property
    def origins(self) -> Mapping[str, Origin]:
        """``kind:name`` -> who offered it, of every plugin that takes part."""
        taking_part = [("backend", self.backend)]
        taking_part += [("trainer", stage.trainer) for stage in self.training.stages] if self.training else []
        for planned in self.measured:
            taking_part += [("metric", metric) for metric in planned.metrics]
            taking_part += [("judge", judge) for judge in planned.judges]
            taking_part += [("benchmark", planned.benchmark)] if planned.benchmark else []
        return {f"{kind}:{planned.ref.name}": planned.origin for kind, planned in taking_part}


def make(suite: Suite, catalog: Catalog, *, limit: int | None = None) -> Plan:
    """The plan of a suite; ``limit`` caps the items of every task and benchmark.

    Raises ``UsageError`` with the file and line of what is wrong.
    """
    maker = _Maker(suite, catalog, limit)
    return maker.plan()


def prompting(asked: PromptedBaseline, rows: Sequence[Row], seed: int) -> Prompting:
    """What a suite asks for with its examples drawn from ``rows``: once by the seed, the same for every question."""
    shots = random.Random(seed).sample(list(rows), asked.few_shot)  # noqa: S311 - repeatable, not secret
    return Prompting(asked.system, tuple(_without_system(row.messages) for row in shots), asked.chain_of_thought)


class _Maker:
    """Carries the suite and the catalog through the steps, so that each error can name its line."""

    def __init__(self, suite: Suite, catalog: Catalog, limit: int | None) -> None:
        self.suite, self.catalog, self.limit = suite, catalog, limit
        self._read: dict[tuple[str, str | None], tuple[Dataset, tuple[Row, ...]]] = {}

    def plan(self) -> Plan:
        backend = self._plugin("backend", Ref(self.suite.model.backend), "model", "backend")
        self._located(("model", "name"), backend.instance.check, self.suite.model)
        tasks = tuple(self._task(index, task) for index, task in enumerate(self.suite.tasks))
        benchmarks = tuple(self._benchmark(index, each) for index, each in enumerate(self.suite.benchmarks))
        self._refuse_equal_names([*tasks, *benchmarks])
        training = self._training(self.suite.training) if self.suite.training else None
        shots = self._shots()
        validation = self._items_of_the_choice()
        self._refuse_leakage()
        arms = self._arms(shots, trained=training is not None)
        gates = rules.settled(self.suite, [*tasks, *benchmarks], [arm.name for arm in arms])
        read = {dataset.name: (dataset, rows) for dataset, rows in self._read.values()}
        checks, unchecked = asked(self.catalog, self.suite.checks, in_run=True, suite=self.suite)
        lock = fingerprint.lock_path(self.suite.path)
        fingerprint.refuse_changed(lock, tuple(dataset for dataset, _ in read.values()))
        return Plan(
            self.suite,
            backend,
            training,
            arms,
            tasks,
            benchmarks,
            gates,
            tuple(dataset for dataset, _ in read.values()),
            tuple(Table(dataset.name, dataset.path, rows[0].form, rows) for dataset, rows in read.values()),
            checks,
            unchecked,
            validation,
            pack_folder(),
        )

    def _task(self, index: int, task: SuiteTask) -> PlannedTask:
        metrics = self._metrics(task.metrics, task.mode, ("tasks", index, "metrics"))
        judges = self._judges(index, task)
        both = labels([each.ref for each in (*metrics, *judges)])
        metrics = tuple(replace(each, label=label) for each, label in zip(metrics, both, strict=False))
        judges = tuple(replace(each, label=label) for each, label in zip(judges, both[len(metrics) :], strict=True))
        _, rows = self._rows(task.data, ("tasks", index, "data"), task.cluster)
        self._refuse_preferences(rows, f"data.{task.data}", ("tasks", index, "data"))
        if rows[0].text is not None and task.mode != "likelihood":
            problem = f"data.{task.data} is raw text, which asks nothing"
            raise self._error(problem, "tasks", index, "data", remedy="write 'mode: likelihood' to weigh it")
        if task.mode == "choose" and not rows[0].choices:
            raise self._error("mode 'choose' needs rows with prompt, choices and answer", "tasks", index, "mode")
        if task.mode != "choose" and rows[0].choices:
            raise self._error("these rows have choices", "tasks", index, "mode", remedy="write 'mode: choose'")
        limits = [limit for limit in (task.limit, self.limit) if limit is not None]
        whole = self._located(("tasks", index, "data"), formats.samples, rows)
        samples = whole[: min(limits)] if limits else whole
        self._check_scoring(metrics, samples, task.generation, ("tasks", index, "metrics"))
        settled = Task(
            task.name,
            task.mode,
            tuple(metric.ref for metric in metrics),
            task.generation,
            judges=tuple(judge.ref for judge in judges),
        )
        source = str(self.suite.data[task.data])
        return PlannedTask(settled, metrics, samples, source=source, judges=judges, data=task.data)

    def _judges(self, index: int, task: SuiteTask) -> tuple[Planned, ...]:
        """The task's judges, the models behind them looked at as far as that is cheap."""
        where = ("tasks", index, "judges")
        if task.judges and task.mode != "generate":
            raise self._error(f"judges read answers, and mode {task.mode!r} has none", *where)
        if task.judges and task.generation.repeats > 1:
            raise self._error("judges read one answer to each prompt", *where, remedy="leave 'repeats' out")
        judges = []
        for place, ref in enumerate(task.judges):
            judge = self._plugin("judge", ref, *where, place)
            for model in judge.instance.models:
                backend = self._plugin("backend", model.backend_ref, *where, place)
                self._located((*where, place), backend.instance.check, model.ref)
            judges.append(judge)
        return tuple(judges)

    def _benchmark(self, index: int, benchmark: SuiteBenchmark) -> PlannedTask:
        where, ref = ("benchmarks", index), benchmark.ref
        if benchmark.stop_for and not any(rule.task == ref.name for rule in self.suite.gates):
            raise self._error(
                f"{ref.name} stops when its gates are certain, and has none",
                *where,
                remedy=f"add a gate with 'benchmark: {ref.name}', or leave 'stop' out",
            )
        asked = self._beside_the_suite(ref)
        planned = self._plugin("benchmark", asked, *where)
        has_limit = any(each.name == "limit" for each in dataclasses.fields(planned.instance))
        if has_limit:
            planned = self._plugin("benchmark", self._limited(asked), *where)
        instance = planned.instance
        self._located(where, instance.check, BenchmarkContext(self.suite.seed, pack_folder()))
        # In full, so that no other package's metric of the same name can stand in for the benchmark's own.
        refs = tuple(Ref(f"{planned.origin.distribution}/{name}") for name in instance.metrics)
        metrics = self._metrics(refs, instance.mode, where)
        settings: GenerationSettings = replace(
            instance.settings(), seed=self.suite.seed, batch_size=self.suite.batch_size
        )
        task = Task(ref.name, instance.mode, tuple(m.ref for m in metrics), settings, benchmark=ref.name)
        most = None if has_limit else self.limit
        return PlannedTask(task, metrics, benchmark=planned, stop_for=benchmark.stop_for, most=most)

    def _beside_the_suite(self, ref: Ref) -> Ref:
        """An offline pack is found from the suite file, as the data files are."""
        pack = ref.options.get("pack")
        return (
            Ref(ref.name, {**ref.options, "pack": str(self.suite.path.parent / pack)}) if isinstance(pack, str) else ref
        )

    def _limited(self, ref: Ref) -> Ref:
        own = ref.options.get("limit")
        if self.limit is None or (isinstance(own, int) and own <= self.limit):
            return ref
        return Ref(ref.name, {**ref.options, "limit": self.limit})

    def _metrics(self, refs: Sequence[Ref], mode: str, where: tuple[str | int, ...]) -> tuple[Planned, ...]:
        metrics = []
        for index, ref in enumerate(refs):
            metric = self._plugin("metric", ref, *where, index)
            if mode not in metric.instance.modes:
                fitting = ", ".join(metric.instance.modes)
                raise self._error(
                    f"metric {ref.name!r} cannot score mode {mode!r}", *where, index, remedy=f"it scores {fitting}"
                )
            metrics.append(metric)
        return tuple(replace(metric, label=label) for metric, label in zip(metrics, labels(refs), strict=True))

    def _check_scoring(
        self,
        metrics: Sequence[Planned],
        samples: Sequence[Sample],
        settings: GenerationSettings,
        where: tuple[str | int, ...],
    ) -> None:
        """What a metric cannot score at all is told before anything is asked."""
        for index, metric in enumerate(metrics):
            if isinstance(metric.instance, MetricWithCheck):
                self._located((*where, index), metric.instance.check, samples, settings)

    def _training(self, asked: SuiteTraining) -> PlannedTraining:
        places: list[tuple[str | int, ...]] = [("trainer", "stages", index) for index in range(len(asked.stages))]
        if ("trainer", "stages") not in self.suite.lines:
            places = [("trainer",)]
        stages = [self._stage(stage, place) for stage, place in zip(asked.stages, places, strict=True)]
        for stage, place in zip(stages[:-1], places[:-1], strict=True):
            if getattr(stage.trainer.instance, "learns_a_prompt", False):
                problem = f"{stage.trainer.ref.name} learns a prompt, which the next stage cannot begin with"
                raise self._error(problem, *place, remedy="make it the last stage")
        if asked.general:
            stages[-1] = self._with_general(stages[-1], asked.general)
        if asked.launch and asked.launch.config_file and not asked.launch.config_file.is_file():
            raise self._error(f"there is no file {asked.launch.config_file}", "trainer", "launch", "config_file")
        return PlannedTraining(tuple(stages), asked)

    def _stage(self, stage: SuiteStage, where: tuple[str | int, ...]) -> PlannedStage:
        trainer = self._plugin("trainer", stage.trainer, *where)
        train = self._rows_to_train_on(stage.data, trainer, (*where, "data"))
        validation = stage.validation
        if validation is None and stage.data == "train" and "validation" in self.suite.data:
            validation = "validation"
        rows = self._rows_to_train_on(validation, trainer, (*where, "validation")) if validation else ()
        return PlannedStage(trainer, train, rows)

    def _rows_to_train_on(self, name: str, trainer: Planned, where: tuple[str | int, ...]) -> tuple[Row, ...]:
        if name not in self.suite.data:
            remedy = f"add '{name}: FILE' under 'data:'"
            raise self._error(f"{trainer.ref.name} needs data.{name}", *where, remedy=remedy)
        _, rows = self._rows(name, ("data", name))
        if rows[0].choices:
            raise self._error(f"data.{name} has choices, which a trainer cannot learn from", "data", name)
        self._check_kind(rows, f"data.{name}", trainer, where)
        return rows

    def _with_general(self, stage: PlannedStage, general: GeneralData) -> PlannedStage:
        where = ("trainer", "general_data")
        read = self._located(where, formats.read, GENERAL, general.path)
        self._read[GENERAL, None] = read
        _, rows = read
        self._check_kind(rows, "general_data", stage.trainer, where)
        mixed = mix.mixed(stage.train, rows, general.ratio, seed=self.suite.seed, path=general.path)
        return replace(stage, train=mixed)

    def _check_kind(self, rows: Sequence[Row], name: str, trainer: Planned, where: tuple[str | int, ...]) -> None:
        self._refuse_preferences(rows, name, where)
        kind = "messages" if rows[0].text is None else "text"
        wanted = trainer.instance.trains_on
        if kind != wanted:
            words = {"messages": "conversations", "text": "raw text"}
            remedy = "continued_pretraining takes raw text" if kind == "text" else "give it rows with a 'text' column"
            problem = f"{name} holds {words[kind]}, and {trainer.ref.name} trains on {words[wanted]}"
            raise self._error(problem, *where, remedy=remedy)

    def _refuse_preferences(self, rows: Sequence[Row], name: str, where: tuple[str | int, ...]) -> None:
        """Rows whose answer may be the worse one have nothing that is right."""
        doubtful = next((row for row in rows if row.rejected or row.form == "kto"), None)
        if doubtful is not None:
            words = "completions with thumbs up and down" if doubtful.form == "kto" else "preference pairs"
            problem = f"{name} holds {words} (line {doubtful.line}), which say more than what is right"
            raise self._error(problem, *where, remedy="give it rows with the right answers alone")

    def _shots(self) -> tuple[Row, ...]:
        """What the examples of the prompted arm are drawn from."""
        if not (self.suite.prompted and self.suite.prompted.few_shot):
            return ()
        if "train" not in self.suite.data:
            raise self._error("few_shot needs data.train", "data", remedy="add 'train: FILE' under 'data:'")
        _, rows = self._rows("train", ("data", "train"))
        if rows[0].text is not None or rows[0].choices:
            raise self._error("few_shot needs conversations in data.train", "data", "train")
        self._refuse_preferences(rows, "data.train", ("data", "train"))
        self._located(("data", "train"), formats.samples, rows)  # an example with tools cannot be shown
        return rows

    def _items_of_the_choice(self) -> tuple[Sample, ...]:
        """The validation items that choose among checkpoints: the test items must not."""
        asked = self.suite.training
        if asked is None or asked.evaluate_every is None:
            return ()
        where = ("trainer", "evaluate_every")
        if "validation" not in self.suite.data:
            remedy = "add 'validation: FILE' under 'data:'; the test items must not choose"
            raise self._error("evaluate_every chooses among checkpoints by data.validation", *where, remedy=remedy)
        if not any(task.mode == "generate" and task.metrics for task in self.suite.tasks):
            raise self._error("evaluate_every needs a task of mode generate with a metric to choose by", *where)
        _, rows = self._rows("validation", ("data", "validation"))
        if rows[0].text is not None or rows[0].choices:
            raise self._error("evaluate_every needs conversations in data.validation", *where)
        return self._located(where, formats.samples, rows)

    def _arms(self, train: Sequence[Row], *, trained: bool) -> tuple[Arm, ...]:
        arms = [Arm("base", self.suite.model)]
        if self.suite.prompted:
            arms.append(Arm("prompted", self.suite.model, None, self._prompting(train)))
        if trained:
            arms.append(Arm("tuned", self.suite.model))
        return tuple(arms)

    def _prompting(self, train: Sequence[Row]) -> Prompting:
        asked = self.suite.prompted
        assert asked is not None
        if asked.few_shot > len(train):
            raise self._error(
                f"few_shot {asked.few_shot} is more than train's {len(train)} rows", "prompted", "few_shot"
            )
        if asked.chain_of_thought and all(task.mode != "generate" for task in self.suite.tasks):
            problem = "chain_of_thought asks for thoughts before an answer, and no task has mode generate"
            raise self._error(problem, "prompted", "chain_of_thought", remedy="leave it out")
        return prompting(asked, train, self.suite.seed)

    def _refuse_leakage(self) -> None:
        """One row in two splits is an error, unless the suite calls it less: then the gates do without such items."""
        milder = [each for each in self.suite.checks if each.severity in ("warning", "info")]
        if any(each.ref.name.rpartition("/")[2] == "leakage" for each in milder):
            return
        splits = {dataset.name: (dataset.path, rows) for dataset, rows in self._read.values()}
        order: list[str] = [name for name in (GENERAL, "train", "validation") if name in splits]
        order += [name for name in splits if name not in order]
        split.refuse_shared_rows({name: splits[name] for name in order})

    def _refuse_equal_names(self, measured: Sequence[PlannedTask]) -> None:
        names = [planned.name for planned in measured]
        for name in names:
            if names.count(name) > 1:
                raise self._error(f"two tasks or benchmarks have the name {name!r}", "tasks", remedy="rename one")

    def _rows(
        self, name: str, where: tuple[str | int, ...], cluster: str | None = None
    ) -> tuple[Dataset, tuple[Row, ...]]:
        if name not in self.suite.data:
            raise self._error(f"data has no {name!r}", *where, remedy=did_you_mean(name, self.suite.data))
        if (name, cluster) not in self._read:
            self._read[name, cluster] = formats.read(name, self.suite.data[name], cluster=cluster)
        return self._read[name, cluster]

    def _plugin(self, kind: Kind, ref: Ref, *where: str | int) -> Planned:
        return self._located(where, self.catalog.make, kind, ref)

    def _located(self, where: tuple[str | int, ...], call: Callable[..., T], *arguments: object) -> T:
        """What ``call`` returns; its errors get the file and line of what they are about."""
        try:
            return call(*arguments)
        except UsageError as error:
            if error.path is not None:
                raise
            raise error.at(self.suite.path, self.suite.line(*where)) from None

    def _error(self, problem: str, *where: str | int, remedy: str = "") -> UsageError:
        return UsageError(problem, path=self.suite.path, line=self.suite.line(*where), remedy=remedy)


def _without_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(message for message in messages if message.role != "system")


def pack_folder() -> Path | None:
    """The offline pack of benchmarks that the environment names."""
    named = os.environ.get("HARNESS_BENCHMARK_PACK")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise UsageError(
            f"HARNESS_BENCHMARK_PACK names {named!r}, which is no folder", remedy="name a folder or unset it"
        )
    return folder
