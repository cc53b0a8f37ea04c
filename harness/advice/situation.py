"""What the advice rests on: what was measured, what the suite and its data say, and what only the team knows."""

from __future__ import annotations

from dataclasses import dataclass

from harness.values import Lack


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A prompt as it was measured on items that the verdict does not rest on."""

    name: str
    """``zero-shot``, ``system``, ``3 examples``, ``5 examples``, ``10 examples``, ``chain of thought``."""
    task: str
    metric: str
    value: float
    """On the metric's scale, up being better."""
    low: float | None
    high: float | None
    items: int
    prompt_tokens: float | None = None
    """Of a prompt, in the mean."""
    seconds: float | None = None
    """Of one answer, in the mean: its share of its batch."""
    run: str = ""
    """The recorded run that holds every answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a recommendation rests on; ``None`` is what nobody knows yet."""

    threshold: float = 0.90
    """What the best prompt must reach for tuning to be needless."""
    baselines: tuple[Baseline, ...] = ()
    """As measured; empty where nothing was."""
    compliance: float | None = None
    """What the team says that the base model with its prompt reaches now, where nothing was measured."""
    lacks: tuple[Lack, ...] | None = None
    """What is wrong with the answers of the best prompt; empty where nothing is."""
    knowledge_changes: bool | None = None
    """Whether the facts that are missing change within a year, or must be cited, deleted or kept apart by reader."""
    knowledge_tokens: int | None = None
    """How much text holds the facts that are missing."""
    window: int | None = None
    """Tokens that the model takes at a time."""
    rows: int | None = None
    """Examples with the right answer to train on."""
    preference_pairs: int | None = None
    """Pairs of a better and a worse answer."""
    corpus_tokens: int | None = None
    """Raw text of the domain."""
    requests_per_day: float | None = None
    prompt_tokens: float | None = None
    """Of a request with the best prompt."""
    latency: float | None = None
    """Seconds that an answer takes now."""
    max_latency: float | None = None
    """Seconds that it may take."""
    is_too_dear: bool | None = None
    """Whether the model in use now does the job but costs too much at this many requests."""
    larger_model: bool | None = None
    """Whether a larger model that does the job well enough can be asked for answers to learn from."""
