"""What a judge is shown, which model stands behind it, and what it may spend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.values.answers import GenerationSettings
from harness.values.items import Sample
from harness.values.models import ModelRef
from harness.values.plugins import Ref


@dataclass(frozen=True, slots=True)
class Case:
    """What a judge is shown of one sample."""

    sample: Sample
    answers: tuple[str, ...]
    """One answer; or the baseline's and the candidate's, in this order, for a judge that compares."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What a server asks for a million tokens, in whatever money its budget is in."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    input: float = 0.0
    output: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a judge may ask in one experiment; ``None`` is without end.

    What has been sent when it is spent is still waited for and kept.
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    calls: int | None = None
    tokens: int | None = None
    """Read and written together."""
    money: float | None = None


@dataclass(frozen=True, slots=True)
class JudgeModel:
    """The model behind a judge, and how it is asked."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    name: str
    """A hub id, a folder, a ``.gguf`` file, or what a server calls it."""
    backend: str | Mapping[str, Any] = "transformers"
    """A backend's name, or ``{name: openai, base_url: ...}`` with the backend's own options."""
    dtype: str = "float32"
    device: str = "auto"
    revision: str | None = None
    trust_remote_code: bool = False
    max_new_tokens: int = 512
    temperature: float = 0.0
    batch_size: int = 16
    """Prompts that a local model answers at once."""
    prices: Prices = Prices()
    budget: Budget = Budget()

    def __post_init__(self) -> None:
        if not isinstance(self.backend, str) and not isinstance(self.backend.get("name"), str):
            raise ValueError("backend is a name, or a mapping with a 'name': {name: openai, base_url: ...}")
        for name in ("max_new_tokens", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        amounts = {"temperature": self.temperature, "prices.input": self.prices.input}
        amounts |= {"prices.output": self.prices.output}
        for name, amount in amounts.items():
            if not 0 <= amount < math.inf:
                raise ValueError(f"{name} is a number from 0 on, not {amount:g}")
        for name in ("calls", "tokens", "money"):
            limit = getattr(self.budget, name)
            if limit is not None and not 0 < limit < math.inf:
                raise ValueError(f"budget.{name} is a number above 0, not {limit:g}; leave it out for no limit")
        if self.budget.money is not None and self.prices == Prices():
            raise ValueError("budget.money needs prices: {input: ..., output: ...} for a million tokens")

    @property
    def backend_ref(self) -> Ref:
        """The backend with its options."""
        if isinstance(self.backend, str):
            return Ref(self.backend)
        return Ref(str(self.backend["name"]), {key: value for key, value in self.backend.items() if key != "name"})

    @property
    def ref(self) -> ModelRef:
        """The model for its backend."""
        return ModelRef(
            self.name, self.backend_ref.name, self.dtype, self.device, self.revision, self.trust_remote_code
        )

    @property
    def settings(self) -> GenerationSettings:
        """How it answers."""
        return GenerationSettings(
            max_new_tokens=self.max_new_tokens, temperature=self.temperature, batch_size=self.batch_size
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge's model said to one prompt; without a text it says why."""

    text: str | None
    why_missing: str | None = None
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What a judge has used up."""

    calls: int = 0
    tokens: int = 0
    money: float = 0.0
