"""What a suite's rules say where nothing differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened, with a two-sided 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Repeat:
    """The base model asked again with nothing changed that should matter, against its first answers."""

    varied: str
    """What was different, e.g. ``batch_size 32 -> 16``."""
    run: str
    task: str
    metric: str
    pairs: int
    flips: int
    """Samples whose score changed: below this share a change of the tuned model means nothing."""
    false_alarm: bool
    """Whether the scores are said to differ, at a level of one in a hundred."""


@dataclass(frozen=True, slots=True)
class RuleControl:
    """What one rule says of data whose truth is known, made of real scores by swapping labels at random."""

    rule: str
    alpha: float
    items: int
    source: str
    """The two runs whose scores were swapped."""
    flips: float
    """Share of items whose score differs between the two."""
    false_alarms: Rate
    """An unchanged model is called worse."""
    false_passes: Rate | None
    """A model exactly at the limit passes; ``None`` where such a model cannot be made of these scores."""
    passes: Rate
    """An unchanged model passes."""


@dataclass(frozen=True, slots=True)
class Control:
    """An A/A control: what a suite's rules say where nothing differs."""

    suite: str
    suite_digest: str
    decided: str
    reference: str
    """The run of the base model that was asked again."""
    swaps: int
    repeats: tuple[Repeat, ...]
    rules: tuple[RuleControl, ...]
    not_controlled: Mapping[str, str] = field(default_factory=dict)
    """Rule -> why it could not be tried."""
