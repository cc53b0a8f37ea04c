"""The shape of a suite file: every key, its type and its default."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from harness.values import Mode, Tier


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Plugin(BaseModel):
    """``name`` alone, or ``{name: ..., option: ...}``; the options are checked against the plugin itself."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str


def _plugin(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _percent(value: object) -> object:
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return _Share(float(value.strip()[:-1]) / 100)
        except ValueError:
            return value
    return value


class _Share(float):
    """A share of the baseline's score, written with a per cent sign."""


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


class Generation(_Strict):
    """How answers are made."""

    max_new_tokens: PositiveInt = 256
    temperature: Annotated[float, Field(ge=0)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    stop: list[str] = []


class Task(_Strict):
    """One task of the team's own."""

    name: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    data: str = "test"
    mode: Mode = "generate"
    generation: Generation = Generation()
    metrics: Annotated[list[PluginField], Field(min_length=1)]
    limit: PositiveInt | None = None
    cluster: str | None = None


class Gate(_Strict):
    """One condition of the release."""

    task: str | None = None
    benchmark: str | None = None
    metric: str | None = None
    min_gain: Annotated[float, Field(ge=0)] | None = None
    max_drop: Annotated[Any, BeforeValidator(_percent)] = None
    at_least: float | None = None
    against: Literal["base", "prompted"] = "base"
    tier: Tier = "critical"
    alpha: Probability = 0.05

    @model_validator(mode="after")
    def _one_of_each(self) -> Gate:
        if (self.task is None) == (self.benchmark is None):
            raise ValueError("a gate names one of task and benchmark")
        demands = [self.min_gain, self.max_drop, self.at_least]
        if sum(demand is not None for demand in demands) != 1:
            raise ValueError("a gate has exactly one of min_gain, max_drop and at_least")
        if self.max_drop is not None:
            _check_margin(self.max_drop)
        return self

    @property
    def relative(self) -> bool:
        """Whether ``max_drop`` was written with a per cent sign."""
        return isinstance(self.max_drop, _Share)


class SuiteFile(_Strict):
    """A whole suite file."""

    suite: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")]
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    model: Model
    batch_size: PositiveInt = 16
    data: dict[str, str] = {}
    prompted: Prompted | None = None
    trainer: Annotated[Plugin | None, BeforeValidator(_plugin)] = None
    tasks: list[Task] = []
    benchmarks: list[PluginField] = []
    gates: list[Gate] = []

    @model_validator(mode="after")
    def _measures_something(self) -> SuiteFile:
        if not self.tasks and not self.benchmarks:
            raise ValueError("a suite has at least one task or benchmark")
        return self


def _check_margin(margin: object) -> None:
    if isinstance(margin, bool) or not isinstance(margin, int | float):
        raise ValueError(f"max_drop is points as 0.05, or a share of the baseline's score as 5%, not {margin!r}")
    if not 0 < margin < 1:
        raise ValueError(f"max_drop {margin:g} is not between 0 and 1; write 0.05 for 5 points or 5% for a share")
