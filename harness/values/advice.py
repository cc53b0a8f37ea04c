"""What a team says of its job, for ``harness advise``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Lack = Literal["knowledge", "format", "style", "behaviour", "vocabulary", "reasoning"]
"""What a base model's answers want for."""

Complexity = Literal["simple", "default", "complex"]
"""Of a job: a format or a label; most jobs; reasoning, code, or a new domain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteAdvice:
    """What the team says for ``harness advise``; ``None`` is what nobody has said."""

    threshold: float = 0.90
    """What the best prompt must reach for tuning to be needless."""
    prompts: tuple[str, ...] = ()
    """More system texts to try, besides that of ``prompted``."""
    compliance: float | None = None
    lacks: tuple[Lack, ...] | None = None
    knowledge_changes: bool | None = None
    knowledge_tokens: int | None = None
    requests_per_day: float | None = None
    latency: float | None = None
    max_latency: float | None = None
    is_too_dear: bool | None = None
    larger_model: bool | None = None
    complexity: Complexity | None = None
    prompt_tokens: float | None = None
    """Of a request with the prompt that does the job untuned, where the suite's own is not what is served."""
    short_prompt_tokens: float | None = None
    """Of a request to a tuned model."""
    answer_tokens: float | None = None
    api: str | None = None
    """The model behind an API that does the job now, or would; by its name in the list of prices."""
    gpu: str | None = None
    """What would train and serve; by its name in the list of prices."""
    months: int = 12
    """Over which a training is written off."""
    prices: Path | None = None
    """A list of prices of the team's own."""
