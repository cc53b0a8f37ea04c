"""What the losses of a training show about it, in words and while it can still be helped.

Only a loss's size, its scatter and the learning rate are looked at, so the findings hold for every trainer that reports
them. Training losses are taken together to at most a hundred points, the means over each hundredth of the steps: a
trainer that reports ten thousand times is judged like one that reports a hundred times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from harness.values import FindingKind, Progress, TrainingFinding

_POINTS = 100
_UNSTABLE: frozenset[FindingKind] = frozenset({"divergence", "oscillation"})
"""Two faces of one illness with one remedy: the first to show is told."""


class Findings:
    """Shown each report of a training in turn, it tells what it sees, each kind once.

    The same reports give the same findings: what was told live can be told again from the record. Where a restart goes
    back some steps, what was reported of these is forgotten.
    """

    def __init__(self) -> None:
        self._losses: list[_Point] = []
        self._open: list[_Point] = []
        """The reports of the hundredth that is not over yet."""
        self._validations: list[_Point] = []
        self._rates: list[float] = []
        self._looked = 0
        self._told: set[FindingKind] = set()

    def see(self, progress: Progress) -> tuple[TrainingFinding, ...]:
        """What this report shows that was not told before; mostly nothing."""
        if progress.learning_rate is not None:
            self._rates = [*self._rates[-1:], progress.learning_rate]
        if progress.loss is None and progress.validation_loss is None:
            return ()
        self._forget_what_a_restart_undid(progress.step)
        if progress.loss is not None:
            self._add(_Point(progress.step, progress.loss), progress)
        if progress.validation_loss is not None:
            self._validations.append(_Point(progress.step, progress.validation_loss))
        look = _place(progress) // 2
        # one more report changes little, and each look goes through all points
        if look == self._looked and progress.validation_loss is None and progress.step < progress.total_steps:
            return ()
        self._looked = look
        return tuple(self._told_now(self._seen(progress)))

    def _forget_what_a_restart_undid(self, step: int) -> None:
        known = [*self._losses[-1:], *self._open[-1:], *self._validations[-1:]]
        if any(point.step > step for point in known):
            self._losses, self._open, self._validations = (
                [point for point in points if point.step < step]
                for points in (self._losses, self._open, self._validations)
            )

    def _add(self, point: _Point, progress: Progress) -> None:
        if self._open and _place(progress, self._open[0].step) < _place(progress):
            self._losses.append(_mean(self._open))
            self._open = []
        self._open.append(point)

    def _seen(self, progress: Progress) -> _Seen:
        over = progress.total_steps <= _POINTS or progress.step >= progress.total_steps
        points = [*self._losses, _mean(self._open)] if over and self._open else self._losses
        rising = len(self._rates) == 2 and self._rates[0] < self._rates[1]
        return _Seen(points, self._validations, progress, self._rates[-1] if self._rates else None, rising)

    def _told_now(self, seen: _Seen) -> list[TrainingFinding]:
        found = []
        for kind, check in _CHECKS.items():
            unstable = bool(self._told & _UNSTABLE)
            if kind in self._told or (unstable and kind in {*_UNSTABLE, "no movement"}):
                continue
            if sentence := check(seen):
                self._told.add(kind)
                found.append(TrainingFinding(kind, seen.last.step, sentence))
        return found


def findings_of(progress: Sequence[Progress]) -> tuple[TrainingFinding, ...]:
    """All that was to be seen in a training, in the order in which it showed."""
    findings = Findings()
    return tuple(finding for each in progress for finding in findings.see(each))


@dataclass(frozen=True, slots=True)
class _Point:
    step: int
    loss: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """All that is known of a training up to one of its reports."""

    losses: Sequence[_Point]
    """At most a hundred, each for a hundredth of the steps that is over."""
    validations: Sequence[_Point]
    last: Progress
    learning_rate: float | None
    is_warming_up: bool

    @property
    def width(self) -> int:
        """How many points make a level: a tenth of the training, at least five, of which the median is taken."""
        return max(5, min(self.last.total_steps, _POINTS) // 10)

    def level(self, step: int | None = None) -> float | None:
        """The training loss as it was lately, or around a step; ``None`` where too few points tell."""
        end = len(self.losses)
        if step is not None:
            # points on both sides: those before it alone lie higher as long as the loss falls
            end = sum(point.step <= step for point in self.losses) + self.width // 2
        losses = [point.loss for point in self.losses[max(0, end - self.width) : end]]
        return median(losses) if len(losses) >= 5 else None

    @property
    def too_high(self) -> str:
        rate = self.learning_rate
        return "learning_rate is too high" + (f": it is {rate:.1e}, try {rate / 3:.1e}" if rate else ": try a third")


def _overfitting(seen: _Seen) -> str | None:
    """The validation loss has risen twice in a row, by more than 3 % in all, while the training loss fell.

    One rise is chance. Measured on the same rows, neighbouring losses differ by about 1 % once a training has settled;
    where eight or more show that they differ by more, the rise must be four times their scatter. It is counted from the
    median of the lowest and its neighbours: the lowest of many that scatter lies below what they scatter about.
    """
    losses = [point.loss for point in seen.validations]
    if len(losses) < 3 or not losses[-3] < losses[-2] < losses[-1]:
        return None
    at = losses.index(min(losses))
    best, bottom = seen.validations[at], median(losses[max(0, at - 1) : at + 2])
    jitter = _scatter(losses) if len(losses) >= 8 else 0.0
    then, now = seen.level(best.step), seen.level()
    if losses[-1] - bottom <= max(0.03 * bottom, 4 * jitter) or then is None or now is None or now >= then:
        return None
    return (
        f"overfitting since step {best.step}: the validation loss has risen from {best.loss:.3f} to {losses[-1]:.3f} "
        f"while the training loss fell from {then:.3f} to {now:.3f}; the checkpoint of step {best.step} is the better "
        "one, and more rows or fewer epochs help"
    )


def _memorisation(seen: _Seen) -> str | None:
    """Rows that were trained on surprise the model three times less than others, and it was not so from the start.

    Nothing can be known by heart before it has been seen, so the first epoch is left out. A third, and 0.3 nats (a
    token of the validation rows is a quarter less likely): an easy task takes both losses near 0, where their ratio
    alone means nothing. The gap must have grown by as much since the first validation, for rows of another kind have
    a gap from the start. As long as the validation loss still falls, what is learnt holds for other rows too, and
    fewer epochs would lose some of it. Without validation rows a loss below 0.02 (tokens are foreseen with 98 %) is
    worth a word.
    """
    level = seen.level()
    if level is None or seen.last.epoch <= 1:
        return None
    if not seen.validations:
        if level >= 0.02:
            return None
        return (
            f"at step {seen.last.step} the training loss is {level:.3f}: every row is known, and without validation "
            "rows nobody can tell whether it was understood or learnt by heart; give validation rows"
        )
    first, last = seen.validations[0], seen.validations[-1]
    if first is last or last.loss < 0.98 * min(point.loss for point in seen.validations[:-1]):
        return None
    at_first = seen.level(first.step)
    grown = last.loss - level - max(0.0, first.loss - (first.loss if at_first is None else at_first))
    if grown < 0.3 or level > last.loss / 3:
        return None
    return (
        f"rows are learnt by heart: at step {seen.last.step} the training loss is {level:.3f} and the validation loss "
        f"{last.loss:.3f}; fewer epochs or more varied rows help"
    )


def _divergence(seen: _Seen) -> str | None:
    """The training loss stands well above its best: by 0.3 of what it fell, a tenth of that best, and beyond chance.

    The median of n points of scatter s strays by about 1.25 s / sqrt(n), and the highest of all levels of a training
    lies some five times that above the lowest; 8 s / sqrt(n) is beyond it.
    """
    losses, width = [point.loss for point in seen.losses], seen.width
    if worse := _worse_than_at_first(seen):
        return worse
    if len(losses) < 2 * width:
        return None
    levels = _levels(losses, width)
    # a swing is high for a moment only
    best, now = min(levels), min(levels[-(width // 2) :])
    if now - best <= max(0.1 * best, 0.3 * (levels[0] - best), 8 * _scatter(losses) / math.sqrt(width)):
        return None
    since = seen.losses[levels.index(best) + width - 1].step
    return f"the training diverges: since step {since} its loss has risen from {best:.3f} to {now:.3f}; {seen.too_high}"


def _worse_than_at_first(seen: _Seen) -> str | None:
    """The training loss stands above that of the first batches, when next to nothing was learnt yet.

    Too high a rate can spoil a model within a few steps, and what falls from there on is never below a best of its own.
    By three quarters, and by four times the scatter of logarithms: a loss scatters by a share of its own size.
    """
    losses, width = [point.loss for point in seen.losses], seen.width
    if len(losses) <= width or min(losses) <= 0:
        return None
    first, now = losses[0], median(losses[-width:])
    if math.log(now / first) <= max(math.log(1.75), 4 * _scatter([math.log(loss) for loss in losses])):
        return None
    since = seen.losses[0].step
    return (
        f"the training diverges: since step {since} its loss has risen from {first:.3f} to {now:.3f}; {seen.too_high}"
    )


def _oscillation(seen: _Seen) -> str | None:
    """The training loss has risen and fallen back three times, each time by a quarter of all that it fell.

    Medians of five points are compared, which single bad batches do not move. Their own scatter is half that of the
    points, and the whole range of a hundred of them three times that of the points; 3.5 times is beyond it.
    """
    losses = [point.loss for point in seen.losses]
    if len(losses) < 15:
        return None
    levels = _levels(losses, 5)
    lowest = min(levels)
    size = max(0.1 * lowest, 0.25 * (levels[0] - lowest), 3.5 * _scatter(losses))
    swings = _swings(levels, size)
    if swings < 3:
        return None
    return (
        f"the training loss swings: up to step {seen.last.step} it has risen by {size:.3f} or more and fallen back "
        f"{swings} times; {seen.too_high}"
    )


def _no_movement(seen: _Seen) -> str | None:
    """After a third of the steps the training loss has fallen by less than 2 %, or than chance explains.

    And surely by less than 10 %: where the batches scatter too much to tell, nothing is said until more points do. The
    first fifth of the points is held against the last half. A fall in the first points alone counts as movement:
    much is learnt there in a long training. So does a validation loss that has fallen, which scatters less; and as long
    as the learning rate rises nothing is said.
    """
    losses = [point.loss for point in seen.losses]
    if seen.last.step * 3 < seen.last.total_steps or len(losses) < 12 or seen.is_warming_up:
        return None
    validations = [point.loss for point in seen.validations]
    if validations and min(validations) < 0.98 * validations[0]:
        return None
    recent, scatter = losses[len(losses) // 2 :], _scatter(losses)
    now = median(recent)
    # a median strays a quarter more than a mean, but not by a single bad batch
    falls = [
        (median(losses[:count]), 1.25 * math.sqrt(1 / count + 1 / len(recent))) for count in (1, 4, len(losses) // 5)
    ]
    start, doubt = falls[-1]
    if any(first - now > 0.02 * first + 2.5 * scatter * beyond for first, beyond in falls):
        return None
    chance = scatter * doubt
    if start - now >= max(0.02 * start, 1.5 * chance) or abs(start - now) + 2 * chance >= 0.1 * start:
        return None
    return (
        f"the training loss has hardly moved: {start:.3f} at first, {now:.3f} by step {seen.last.step} of "
        f"{seen.last.total_steps}; learning_rate is too low, or the rows hold nothing that the model does not know"
    )


_CHECKS: Mapping[FindingKind, Callable[[_Seen], str | None]] = {
    "overfitting": _overfitting,
    "memorisation": _memorisation,
    "divergence": _divergence,
    "oscillation": _oscillation,
    "no movement": _no_movement,
}


def _place(progress: Progress, step: int | None = None) -> int:
    """Which hundredth of the training a step lies in; a step is one of its own where there are fewer than a hundred."""
    return (progress.step if step is None else step) * _POINTS // max(progress.total_steps, _POINTS)


def _mean(points: Sequence[_Point]) -> _Point:
    return _Point(points[-1].step, fmean(point.loss for point in points))


def _levels(losses: Sequence[float], width: int) -> list[float]:
    """The median of each ``width`` neighbours."""
    return [median(losses[at : at + width]) for at in range(len(losses) - width + 1)]


def _scatter(losses: Sequence[float]) -> float:
    """The standard deviation of losses about a smooth curve.

    From second differences, in which a steady fall has no part, and their median, on which single spikes have little:
    those of normal noise of standard deviation 1 are normal with sqrt(6), and half of them lie within 0.6745 of that.
    """
    bends = [abs(a - 2 * b + c) for a, b, c in zip(losses, losses[1:], losses[2:], strict=False)]
    return median(bends) / (0.6745 * math.sqrt(6)) if bends else 0.0


def _swings(levels: Sequence[float], size: float) -> int:
    """How often a curve rose by more than ``size`` above its last low and then fell by as much below that high."""
    count, rising, turn = 0, False, levels[0]
    for level in levels:
        turn = max(turn, level) if rising else min(turn, level)
        if abs(level - turn) > size:
            count += rising
            rising, turn = not rising, level
    return count
