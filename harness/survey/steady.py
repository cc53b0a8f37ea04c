"""What the reports of a short training say of its pace: the step, the measurement of the loss, beginning and end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from harness.values import Progress

_WARM_UP = 2
"""Steps that are not counted: memory is taken for the first time, and kernels are chosen."""
_ENOUGH_FOR_A_LINE = 6
"""Our choice: a line through the lengths of fewer steps would follow chance."""
_SPREAD_OF_LENGTHS = 0.05
"""Our choice: steps that are more alike than this, as a share of their mean length, say nothing of longer ones."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A report, and when it came."""

    at: float
    """Seconds since the process was started."""
    progress: Progress


@dataclass(frozen=True, slots=True)
class Interval:
    """The steps between two reports."""

    first: int
    """The number of the first of them."""
    steps: int
    seconds: float
    """Of one of them in the mean."""
    tokens: float | None
    """Likewise; ``None`` where the trainer does not tell them."""
    saves: bool
    """Whether the training's state was saved before the first of them."""


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds of a step by its tokens: some of the time goes by them, and some does not."""

    base: float
    slope: float
    middle: float
    """Tokens of the steps that it rests on, in the mean."""
    spread: float
    """Sum of their squared distances from it."""

    def at(self, tokens: float | None) -> float:
        """Seconds of a step of so many; of one of mean length where that is not known."""
        return self.base + self.slope * (self.middle if tokens is None else tokens)

    def error(self, steady: Sequence[Interval], tokens: float | None) -> float:
        """The standard error of ``at(tokens)``; of a step or two it is as large as the value."""
        free = len(steady) - (2 if self.slope else 1)
        if free < 1:
            return self.at(tokens)
        squares = sum((each.seconds - self.at(each.tokens)) ** 2 for each in steady)
        apart = (tokens - self.middle) ** 2 / self.spread if tokens and self.spread else 0.0
        return math.sqrt(squares / free * (1 / len(steady) + apart))


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of a training by what it does."""

    steps: int
    """That were seen."""
    starting: float
    """Until the first step, with what the first steps took longer than others."""
    step: float
    """Of mean length."""
    error: float
    """Standard error of it."""
    tokens: float | None
    """Of a step of mean length."""
    measuring: float | None
    """Of one measurement of the validation loss; ``None`` where there was none."""
    saving: float
    """Of the state, once."""
    ending: float
    """After the last report, the last saving left out."""
    memory: int | None
    """The most bytes that were taken."""


def pace(reports: Sequence[Seen], ended: float | None, *, tokens: float | None, saves_every: int) -> Pace | None:
    """How long what takes; ``None`` where no two reports tell it.

    ``tokens`` are those of a step of mean length over the whole training, to which the time is scaled: these few steps
    may have had longer rows than others. Without them the mean of those that were seen is taken. ``ended`` is ``None``
    where the training was ended before its time.
    """
    seen = [each for each in reports if each.progress.step and not each.progress.message]
    found = intervals(seen, saves_every)
    if not found:
        return None
    steady = [each for each in found if not each.saves and each.first > _WARM_UP] or found
    known = [each for each in (_first_tokens(seen[0]), *(each.tokens for each in found)) if each]
    mean = tokens or (fmean(known) if known else None)
    line = fitted(steady)
    more = [each.steps * (each.seconds - line.at(each.tokens)) for each in found if each.saves and each not in steady]
    saving = max(0.0, median(more)) if more else 0.0
    return Pace(
        steps=seen[-1].progress.step,
        starting=_starting(seen[0], line),
        step=line.at(mean),
        error=line.error(steady, mean),
        tokens=mean,
        measuring=_measuring(seen),
        saving=saving,
        ending=0.0 if ended is None else max(0.0, ended - seen[-1].at - saving),
        memory=max(each.progress.memory_bytes or 0 for each in seen) or None,
    )


def intervals(seen: Sequence[Seen], saves_every: int) -> list[Interval]:
    """Those that end with a report of the loss; the state is saved every so many steps, and after each measurement."""
    found = []
    for before, after in pairwise(seen):
        earlier, later = before.progress, after.progress
        steps = later.step - earlier.step
        if steps < 1 or later.loss is None:
            continue
        rate = later.tokens_per_second
        found.append(
            Interval(
                first=earlier.step + 1,
                steps=steps,
                seconds=(after.at - before.at) / steps,
                tokens=rate * (later.seconds - earlier.seconds) / steps if rate else None,
                saves=earlier.validation_loss is not None or earlier.step % saves_every == 0,
            )
        )
    return found


def fitted(steady: Sequence[Interval]) -> Line:
    """By least squares where the steps differ in length; else through zero, or flat where lengths are not known."""
    mean = fmean(each.seconds for each in steady)
    sized = [(each.tokens, each.seconds) for each in steady if each.tokens]
    if len(sized) < len(steady):
        return Line(mean, 0.0, 0.0, 0.0)
    middle = fmean(size for size, _ in sized)
    spread = sum((size - middle) ** 2 for size, _ in sized)
    through_zero = mean / middle
    if len(sized) < _ENOUGH_FOR_A_LINE or spread < len(sized) * (_SPREAD_OF_LENGTHS * middle) ** 2:
        return Line(0.0, through_zero, middle, 0.0)
    slope = sum((size - middle) * (seconds - mean) for size, seconds in sized) / spread
    # longer steps are not faster, and an empty one takes no less than no time
    slope = min(max(slope, 0.0), through_zero)
    return Line(mean - slope * middle, slope, middle, spread)


def _starting(first: Seen, line: Line) -> float:
    return max(0.0, first.at - first.progress.step * line.at(_first_tokens(first)))


def _first_tokens(first: Seen) -> float | None:
    """Of a step up to the first report, about: a trainer counts its seconds from shortly before the first step on."""
    told = first.progress
    return told.seconds * told.tokens_per_second / told.step if told.tokens_per_second else None


def _measuring(seen: Sequence[Seen]) -> float | None:
    rounds = [
        after.at - before.at
        for before, after in pairwise(seen)
        if after.progress.validation_loss is not None and before.progress.step == after.progress.step
    ]
    return median(rounds) if rounds else None
