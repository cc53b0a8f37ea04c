"""Everything that was found out before a training, put together for one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.advice.devices import Device
from harness.advice.memory.memory import MemoryRow
from harness.advice.model.shape import ModelShape
from harness.advice.money.cost import BreakEven, Offer, Prices, Traffic
from harness.advice.route.strategy import Strategy
from harness.advice.situation import Situation
from harness.advice.time.duration import Duration, Evaluation
from harness.advice.training.hyperparameters import Lengths, TrainingAdvice


@dataclass(frozen=True, slots=True, kw_only=True)
class Counsel:
    """The recommendation with all that it rests on; what nobody could find out is ``None`` or empty."""

    name: str
    """Of the suite, or of the model where there is none."""
    model: str
    shape: ModelShape | None = None
    device: Device | None = None
    """The one at hand."""
    situation: Situation
    strategy: Strategy
    measured_on: str = ""
    """Which items the baselines were asked; empty where nothing was measured."""
    training: TrainingAdvice | None = None
    lengths: Lengths | None = None
    current: Mapping[str, object] = field(default_factory=dict)
    """Options that the suite's own trainer has now, and under ``name`` its name; empty where the suite has none."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """What the advised trainer takes where nobody says otherwise; empty where that is not known."""
    memory: tuple[MemoryRow, ...] = ()
    largest: tuple[tuple[str, int, int], ...] = ()
    """Method, length and the largest batch that the device at hand has room for; 0: not even one row."""
    evaluation_memory: int | None = None
    """Bytes that answering takes at its largest moment."""
    duration: Duration | None = None
    evaluation: Evaluation | None = None
    """Of asking all arms."""
    peak_memory: int | None = None
    """Bytes that the steps that were timed took at their largest moment."""
    prices: Prices | None = None
    offers: tuple[Offer, ...] = ()
    traffic: Traffic | None = None
    break_even: tuple[BreakEven, ...] = ()
    pays: BreakEven | None = None
    """The one to name first: of the API or the GPU that the team named; ``None`` where it named none."""
    notes: tuple[str, ...] = ()
    """What could not be found out, and how to find it out; a sentence each."""
