"""The shape of a suite file: every key, its type and its default."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from harness.values import Complexity, Lack, Mode, Target, Tier


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Plugin(BaseModel):
    """``name`` alone, or ``{name: ..., option: ...}``; the options are checked against the plugin itself."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str


def _plugin(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _off(value: object) -> object:
    """What YAML makes of a bare ``off``."""
    return "off" if value is False else value


def _percent(value: object) -> object:
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return _Share(float(value.strip()[:-1]) / 100)
        except ValueError:
            return value
    return value


class _Share(float):
    """A share of the baseline's score, written with a per cent sign."""


class Benchmark(Plugin):
    """A benchmark with its own options, and how far it is asked."""

    stop: Literal["when_certain"] | None = None
    target: Target | None = None

    @model_validator(mode="after")
    def _target_of_a_stop(self) -> Benchmark:
        if self.target is not None and self.stop is None:
            raise ValueError("target says what an early stop is about; add 'stop: when_certain' or leave it out")
        return self


class Check(Plugin):
    """A data check with its own options, and how grave its findings are."""

    severity: Annotated[Literal["error", "warning", "info", "off"] | None, BeforeValidator(_off)] = None


CheckField = Annotated[Check, BeforeValidator(_plugin)]
BenchmarkField = Annotated[Benchmark, BeforeValidator(_plugin)]
PluginField = Annotated[Plugin, BeforeValidator(_plugin)]
Probability = Annotated[float, Field(gt=0, lt=0.5)]


class Model(_Strict):
    """Which weights, and how they are opened."""

    name: str
    backend: str = "transformers"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = "auto"
    revision: str | None = None
    trust_remote_code: bool = False


class Prompted(_Strict):
    """The prompting baseline."""

    system: str | None = None
    few_shot: NonNegativeInt = 0
    chain_of_thought: bool = False


class Advice(_Strict):
    """What only the team knows, for ``harness advise``."""

    threshold: Annotated[float, Field(gt=0)] = 0.90
    prompts: list[Annotated[str, Field(min_length=1)]] = []
    compliance: Annotated[float, Field(ge=0, le=1)] | None = None
    lacks: list[Lack] | None = None
    knowledge_changes: bool | None = None
    knowledge_tokens: NonNegativeInt | None = None
    requests_per_day: Annotated[float, Field(ge=0)] | None = None
    latency: Annotated[float, Field(gt=0)] | None = None
    max_latency: Annotated[float, Field(gt=0)] | None = None
    is_too_dear: bool | None = None
    larger_model: bool | None = None
    complexity: Complexity | None = None
    prompt_tokens: Annotated[float, Field(gt=0)] | None = None
    short_prompt_tokens: Annotated[float, Field(gt=0)] | None = None
    answer_tokens: Annotated[float, Field(gt=0)] | None = None
    api: str | None = None
    gpu: str | None = None
    months: PositiveInt = 12
    prices: str | None = None


class Generation(_Strict):
    """How answers are made."""

    max_new_tokens: PositiveInt = 256
    temperature: Annotated[float, Field(ge=0)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    stop: list[str] = []
    repeats: PositiveInt = 1

    @model_validator(mode="after")
    def _repeats_differ(self) -> Generation:
        if self.repeats > 1 and self.temperature == 0:
            raise ValueError("repeats needs a temperature above 0: greedy answers are all the same")
        return self


class Task(_Strict):
    """One task of the team's own."""

    name: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    data: str = "test"
    mode: Mode = "generate"
    generation: Generation = Generation()
    metrics: list[PluginField] = []
    judges: list[PluginField] = []
    limit: PositiveInt | None = None
    cluster: str | None = None

    @model_validator(mode="after")
    def _is_scored(self) -> Task:
        if not self.metrics and not self.judges:
            raise ValueError("a task has metrics, or judges; add 'metrics: [exact_match]'")
        return self


class Gate(_Strict):
    """One condition of the release."""

    task: str | None = None
    benchmark: str | None = None
    metric: str | None = None
    min_gain: Annotated[float, Field(ge=0)] | None = None
    max_drop: Annotated[Any, BeforeValidator(_percent)] = None
    max_relative_drop: Annotated[Any, BeforeValidator(_percent)] = None
    relative_guard_below: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    against: str = "base"
    tier: Tier = "critical"
    alpha: Probability = 0.05
    max_missing: Annotated[float, Field(ge=0, lt=1)] | None = None
    min_items: PositiveInt | None = None
    min_kappa: Annotated[float, Field(gt=-1, lt=1)] | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Gate:
        if (self.task is None) == (self.benchmark is None):
            raise ValueError("a gate names one of task and benchmark")
        drops = self.max_drop is not None or self.max_relative_drop is not None
        others = [each is not None for each in (self.min_gain, self.at_least, self.at_most)]
        if [drops, *others].count(True) != 1:
            raise ValueError("a gate has exactly one of min_gain, max_drop, at_least and at_most")
        for name in ("max_drop", "max_relative_drop"):
            if getattr(self, name) is not None:
                _check_margin(name, getattr(self, name))
        if self.max_relative_drop is not None and self.relative:
            raise ValueError("max_drop with a per cent sign and max_relative_drop are two limits of one kind; keep one")
        if self.relative_guard_below is not None and self.max_relative_drop is None:
            raise ValueError(
                "relative_guard_below needs max_relative_drop, which it switches off for baselines that score more"
            )
        return self

    @property
    def relative(self) -> bool:
        """Whether ``max_drop`` was written with a per cent sign."""
        return isinstance(self.max_drop, _Share)


class GeneralData(_Strict):
    """General examples that are mixed in."""

    path: str
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.3


class Launch(_Strict):
    """Several processes."""

    num_processes: PositiveInt | None = None
    config_file: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Launch:
        if self.num_processes is None and self.config_file is None:
            raise ValueError("launch needs num_processes or config_file")
        return self


class Stage(Plugin):
    """A trainer with its own options, and what it trains on."""

    data: str = "train"
    validation: str | None = None


StageField = Annotated[Stage, BeforeValidator(_plugin)]


class Trainer(Stage):
    """A trainer, or a row of them as ``stages``; what is not said here is an option of the trainer."""

    name: str = ""
    stages: Annotated[list[StageField], Field(min_length=1)] | None = None
    general_data: GeneralData | None = None
    evaluate_every: Annotated[float, Field(gt=0, lt=1)] | None = None
    choice_items: PositiveInt = 100
    launch: Launch | None = None
    halve_batch_when_out_of_memory: bool = False

    @model_validator(mode="after")
    def _one_or_several(self) -> Trainer:
        own = [*({"name", "data", "validation"} & self.model_fields_set), *(self.model_extra or {})]
        if self.stages is None and not self.name:
            raise ValueError("a trainer has a name, or stages; add 'name: lora'")
        if self.stages is not None and own:
            raise ValueError(f"{own[0]!r} belongs to one of the stages; write it there")
        if "choice_items" in self.model_fields_set and self.evaluate_every is None:
            raise ValueError("choice_items is about evaluate_every; add that or leave it out")
        return self


class SuiteFile(_Strict):
    """A whole suite file."""

    suite: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")]
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    model: Model
    batch_size: PositiveInt = 16
    data: dict[str, str] = {}
    prompted: Prompted | None = None
    trainer: Annotated[Trainer | None, BeforeValidator(_plugin)] = None
    tasks: list[Task] = []
    benchmarks: list[BenchmarkField] = []
    gates: list[Gate] = []
    checks: list[CheckField] = []
    advice: Advice = Advice()

    @model_validator(mode="after")
    def _measures_something(self) -> SuiteFile:
        if not self.tasks and not self.benchmarks:
            raise ValueError("a suite has at least one task or benchmark")
        return self


def _check_margin(name: str, margin: object) -> None:
    if isinstance(margin, bool) or not isinstance(margin, int | float):
        kinds = "points as 0.05, or a share of the baseline's score as 5%" if name == "max_drop" else "a share as 0.05"
        raise ValueError(f"{name} is {kinds}, not {margin!r}")
    is_share = isinstance(margin, _Share) or name == "max_relative_drop"
    if not (0 < margin < 1 if is_share else margin > 0):  # how many points there are, the metric says
        raise ValueError(f"{name} {margin:g} is not {'between 0 and 1' if is_share else 'above 0'}")
