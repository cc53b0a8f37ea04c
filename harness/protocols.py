"""What a plugin implements.

A plugin class is a frozen dataclass: its fields are its options, so that name, type, default and help stand in one
place and are checked before anything heavy loads. Heavy imports belong inside the method that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol, runtime_checkable

from harness.rows import DataContext, Finding, Table
from harness.values import (
    Breakdown,
    Case,
    Checkpoint,
    Generation,
    GenerationSettings,
    Item,
    JudgeModel,
    LogLikelihood,
    MaskedToken,
    Mode,
    ModelFacts,
    ModelRef,
    Progress,
    Prompt,
    Reply,
    Sample,
    Score,
    TrainJob,
    TrainsOn,
)

Report = Callable[[Progress], None]
"""How a trainer tells its progress."""

Quantization = Literal["nf4", "int8"]
"""The 4-bit NormalFloat of QLoRA, or LLM.int8."""


@dataclass(frozen=True, slots=True)
class ScoringContext:
    """What a metric may know besides its items."""

    task: str = ""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class BenchmarkContext:
    """What a benchmark may know when it loads its items."""

    seed: int = 0
    pack: Path | None = None
    """An offline pack from ``HARNESS_BENCHMARK_PACK``; an option of the suite goes before it."""


@dataclass(frozen=True, slots=True)
class BenchmarkItems:
    """The items of a benchmark with where they come from."""

    samples: tuple[Sample, ...]
    source: str
    """In words: ``hub cais/mmlu``, ``pack /data/pack``."""
    version: str
    notes: tuple[str, ...] = field(default=())
    """What a reader must know, e.g. that this is a stand-in of the real benchmark."""


@runtime_checkable
class Metric(Protocol):
    """Scores items one by one and sums the scores up."""

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]
    bounds: ClassVar[tuple[float, float] | None]
    modes: ClassVar[tuple[Mode, ...]]
    requires_packages: ClassVar[tuple[str, ...]]

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        """One score an item, in the same order; a score must not depend on the other items of the call."""
        ...

    def aggregate(self, scores: Sequence[Score]) -> float:
        """The value of the whole; called with the scores that have a value, at least one."""
        ...


@runtime_checkable
class MetricOverSums(Metric, Protocol):
    """A metric whose value is reckoned from sums over all its items, rather than the mean of its scores."""

    def parts(self, score: Score) -> Sequence[float]:
        """What the item adds to the sums: equally many numbers for every item, and pure."""
        ...

    def whole(self, sums: Sequence[float]) -> float:
        """The value of the whole; quick and pure, and a number for the sums of any items, of none as well."""
        ...


@runtime_checkable
class MetricWithBreakdown(Metric, Protocol):
    """A metric that tells more than its value, which ``harness show`` shows as a table."""

    def breakdown(self, scores: Sequence[Score]) -> Breakdown:
        """Of all scores of a task in one run, those that are missing too."""
        ...


@runtime_checkable
class MetricWithCheck(Metric, Protocol):
    """A metric that cannot score everything that its mode has."""

    def check(self, samples: Sequence[Sample], settings: GenerationSettings) -> None:
        """Raise ``UsageError`` if these cannot be scored; cheap, called when the plan is made."""
        ...


@runtime_checkable
class MetricWithPreparation(Metric, Protocol):
    """A metric that needs something that may have to be fetched first, as an encoder."""

    def prepare(self) -> None:
        """Have it at hand; called once before anything is asked, so that it cannot be missing after hours of asking.

        Raises ``ModelFailed`` with the ways out.
        """
        ...


def item_bounds(metric: Metric) -> tuple[float, float] | None:
    """The least and greatest that one item can be in the metric's value; ``None`` where nothing is certain of it."""
    return None if isinstance(metric, MetricOverSums) else metric.bounds


@runtime_checkable
class Model(Protocol):
    """An opened model with an adapter switched on, or none."""

    @property
    def facts(self) -> ModelFacts:
        """What the record keeps of this model."""
        ...

    def rendered(self, prompt: Prompt) -> str:
        """The text that this prompt puts to the model: raw text as it stands, messages through the chat template."""
        ...

    def generate(
        self, prompts: Sequence[Prompt], settings: GenerationSettings, *, sample_ids: Sequence[str]
    ) -> Sequence[Generation]:
        """One answer a prompt, in the same order."""
        ...

    def log_likelihoods(self, pairs: Sequence[tuple[Prompt, str]], *, batch_size: int) -> Sequence[LogLikelihood]:
        """For each (context, continuation) how likely the continuation is, in the same order."""
        ...

    def rolling_log_likelihoods(self, texts: Sequence[str], *, batch_size: int) -> Sequence[LogLikelihood]:
        """How likely each whole text is, in the same order; a text longer than the model goes through in windows."""
        ...

    def with_adapter(self, adapter: Path | None) -> Model:
        """The same weights in memory with this adapter on, or with none."""
        ...


@runtime_checkable
class Backend(Protocol):
    """Opens models."""

    name: ClassVar[str]
    requires_packages: ClassVar[tuple[str, ...]]

    def check(self, model: ModelRef) -> None:
        """Raise ``UsageError`` if this cannot be a model; cheap, called when the plan is made."""
        ...

    def folder(self, model: ModelRef) -> Path:
        """A local folder with the model, fetched or converted the first time; a trainer is given this folder.

        Raises ``ModelFailed`` with the remedies when the model cannot be had.
        """
        ...

    def open(self, model: ModelRef) -> AbstractContextManager[Model]:
        """The model, its memory freed at the end."""
        ...

    def merge(self, model: ModelRef, adapter: Path, output: Path) -> None:
        """A whole model in ``output``, there whole or not at all: the model with the adapter's change in its weights.

        Safetensors in float32, whatever the model's ``dtype``, with tokenizer, chat template and generation settings.
        Raises ``UsageError`` for an adapter that cannot be merged, as one that has learnt a prompt.
        """
        ...

    def quantize(self, model: ModelRef, kind: Quantization, output: Path) -> None:
        """A copy of the model in ``output``, there whole or not at all, its weights in fewer bits.

        Raises ``UsageError`` for what cannot be quantised in this way.
        """
        ...


@runtime_checkable
class BackendWithTokenizer(Backend, Protocol):
    """A backend that can count tokens without a model's weights."""

    def token_counter(self, folder: Path) -> Callable[[Prompt], int]:
        """How many tokens a text is, or a whole conversation through the chat template, by what lies in a folder.

        Raises ``UsageError`` where there is no tokenizer.
        """
        ...


@runtime_checkable
class BackendWithDescription(Backend, Protocol):
    """A backend that can tell of a model without its weights."""

    def description(self, model: ModelRef) -> Path:
        """A local folder with the model's ``config.json`` and tokenizer; weights are not fetched for it.

        Raises ``ModelFailed`` with the remedies when it cannot be had.
        """
        ...


@runtime_checkable
class Trainer(Protocol):
    """Trains; runs in a process of its own."""

    name: ClassVar[str]
    requires_packages: ClassVar[tuple[str, ...]]
    trains_on: ClassVar[TrainsOn]

    def train(self, job: TrainJob, report: Report) -> Checkpoint:
        """The trained checkpoint, in ``job.output``."""
        ...

    def masks(self, job: TrainJob, rows: int) -> Sequence[Sequence[MaskedToken]]:
        """The first rows as the model will see them, token by token; the weights are not loaded for it."""
        ...


@runtime_checkable
class Benchmark(Protocol):
    """A set of public items that shows what a model has forgotten."""

    name: ClassVar[str]
    mode: ClassVar[Mode]
    metrics: ClassVar[tuple[str, ...]]
    """The first is the one that a gate judges unless it names another."""
    requires_packages: ClassVar[tuple[str, ...]]

    def check(self, context: BenchmarkContext) -> None:
        """Raise ``UsageError`` if what is named cannot be read; cheap, called when the plan is made."""
        ...

    def load(self, context: BenchmarkContext) -> BenchmarkItems:
        """The items; raises ``NotMeasured`` with the reason when they cannot be had."""
        ...

    def settings(self) -> GenerationSettings:
        """How its items are answered."""
        ...


@dataclass(frozen=True, slots=True)
class Scale:
    """What a comparison must know of whatever gives scores."""

    higher_is_better: bool
    bounds: tuple[float, float] | None
    """The least and greatest that one item can be in the value of the whole."""


GRADES = Scale(higher_is_better=True, bounds=(0.0, 1.0))
"""What judges and people give: how good an answer is, or by how much the candidate's is the better one."""


@dataclass(frozen=True, slots=True)
class JudgingContext:
    """What a judge may know and use besides its cases."""

    ask: Callable[[JudgeModel, Sequence[Prompt]], Sequence[Reply]]
    """Put prompts to a model: one reply each, in order. What was asked before, in any run, is taken from the record;
    a request that fails is repeated, and one that cannot be had, or goes beyond the budget, has a reason for a text."""
    task: str = ""
    seed: int = 0


@runtime_checkable
class Judge(Protocol):
    """Grades answers by asking models, or compares the baseline's and the candidate's."""

    name: ClassVar[str]
    requires_packages: ClassVar[tuple[str, ...]]

    @property
    def models(self) -> Sequence[JudgeModel]:
        """Whom it asks."""
        ...

    @property
    def compares(self) -> bool:
        """Whether it is shown two answers side by side, rather than one."""
        ...

    def grade(self, cases: Sequence[Case], context: JudgingContext) -> Sequence[Score]:
        """One score a case, in order, from 0 to 1: how good the answer is, or by how much the candidate's is better.

        Of two answers 1 says that the candidate's is better, 0 that the baseline's is, 0.5 that neither is. A reply
        that says nothing clear gives a missing score with the reason, never a middling grade. ``details`` hold the
        judge's reasons.
        """
        ...

    def notes(self, scores: Sequence[Score]) -> Sequence[str]:
        """What a reader of the verdict must know of these scores, a sentence each; may be none."""
        ...


@runtime_checkable
class RemoteModel(Model, Protocol):
    """A model behind a network: its answers come when they are ready, and single ones may fail."""

    def replies(
        self, prompts: Sequence[Prompt], settings: GenerationSettings, goes_on: Callable[[], bool]
    ) -> Iterator[tuple[int, Reply]]:
        """Each prompt's index with its reply, in the order in which they come; one that failed for good says why.

        ``goes_on`` is asked before each request; once it says no, what is not sent yet is not sent and has no reply.
        """
        ...


@runtime_checkable
class DataCheck(Protocol):
    """Finds faults in rows of data."""

    name: ClassVar[str]
    requires_packages: ClassVar[tuple[str, ...]]
    in_runs: ClassVar[bool]
    """Whether a run does it unasked. A slow one waits until a suite lists it, or ``harness data check`` is called."""

    def check(self, table: Table, context: DataContext) -> Sequence[Finding]:
        """What is wrong with the rows of a table, or none; pure: the same rows give the same findings.

        Rows that could not be read stand in ``table.unreadable``. What a check could not look for it says in a finding
        of severity ``info``. Texts of rows may hold anything.
        """
        ...


class Observer(Protocol):
    """What an experiment tells a person while it runs; tells only, decides nothing."""

    def stage(self, title: str) -> None:
        """A new part of the work begins."""
        ...

    def task_progressed(self, arm: str, task: str, done: int, total: int, running: Mapping[str, float]) -> None:
        """``done`` of ``total`` samples have their scores; ``running`` holds the means so far."""
        ...

    def training_progressed(self, progress: Progress) -> None:
        """The trainer reported."""
        ...

    def note(self, text: str) -> None:
        """One line that a person should see."""
        ...


Rows = Iterator[tuple[int, Mapping[str, object]]]
"""Rows of a data file, each with its line number."""
