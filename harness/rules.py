"""The rules of a suite, held against what it measures: one that could never be decided is refused with its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from harness.catalog import Planned
from harness.errors import UsageError, did_you_mean
from harness.protocols import GRADES, Judge, Scale
from harness.values import PEOPLE, RELEASE, GateRule, Suite, Target, Task

_AGAINST = ("base", "prompted", RELEASE)


class Measured(Protocol):
    """What a rule must know of the task or benchmark that it is about."""

    @property
    def task(self) -> Task:
        """What is asked."""
        ...

    @property
    def metrics(self) -> Sequence[Planned]:
        """Who scores it."""
        ...

    @property
    def judges(self) -> Sequence[Planned]:
        """Who is shown the answers."""
        ...

    @property
    def benchmark(self) -> Planned | None:
        """The benchmark that it is, or ``None`` for a task."""
        ...

    @property
    def stop_for(self) -> Target | None:
        """What must be certain for the asking to end early; ``None`` asks everything."""
        ...

    @property
    def is_raw_text(self) -> bool:
        """Whether texts are weighed as they stand."""
        ...


def settled(suite: Suite, measured: Iterable[Measured], arms: Iterable[str]) -> tuple[GateRule, ...]:
    """The suite's rules in its order, each with its metric filled in; ``arms`` are the names of those that it asks.

    Raises ``UsageError`` with the line of the first rule that speaks of what is not measured, or of what cannot be.
    """
    by_name = {each.task.name: each for each in measured}
    baselines = {*arms} - {"tuned"}
    return tuple(_Check(suite, index, rule).settled(by_name, baselines) for index, rule in enumerate(suite.gates))


@dataclass(frozen=True, slots=True)
class _Check:
    """One rule with its place in the suite, which its errors tell."""

    suite: Suite
    index: int
    rule: GateRule

    def settled(self, measured: Mapping[str, Measured], baselines: set[str]) -> GateRule:
        if self.rule.task not in measured:
            raise self._error(
                f"gate on {self.rule.task!r}, which the suite does not measure",
                remedy=did_you_mean(self.rule.task, measured),
            )
        about = measured[self.rule.task]
        metric = self._metric(about)
        self._refuse_baseline(about, baselines)
        scored = next((each.instance for each in about.metrics if each.label == metric), None)
        if scored is None:
            self._refuse_share(metric)
        scale = GRADES if scored is None else Scale(scored.higher_is_better, scored.bounds)
        self._refuse_wrong_way(metric, scale)
        self._refuse_beyond(metric, scale)
        self._refuse_of_judges(metric, next((each.instance for each in about.judges if each.label == metric), None))
        return replace(self.rule, metric=metric)

    def _metric(self, about: Measured) -> str:
        names = [each.label for each in (*about.metrics, *about.judges)]
        known = [*names, PEOPLE] if about.task.mode == "generate" else names
        metric = names[0] if self.rule.metric is None else self.rule.metric
        if metric == PEOPLE and PEOPLE not in known:
            raise self._error(
                f"gate on what people prefer, and {self.rule.task} has no answers for them to read",
                "metric",
                remedy="gate a task of mode generate",
            )
        if metric not in known:
            raise self._error(
                f"gate on metric {metric!r}, which {self.rule.task} does not measure",
                "metric",
                remedy=did_you_mean(metric, known),
            )
        return metric

    def _refuse_baseline(self, about: Measured, baselines: set[str]) -> None:
        against = self.rule.against
        if against not in baselines and not self.rule.is_against_the_record:
            raise self._error(
                f"gate against {against!r}, but the suite has no such arm",
                "against",
                remedy="add 'prompted:'" if against == "prompted" else did_you_mean(against, _AGAINST),
            )
        if (about.benchmark or about.is_raw_text) and against == "prompted":
            which = "benchmarks are" if about.benchmark else f"{about.task.name} is raw text, which is"
            raise self._error(f"{which} asked of base and tuned only", "against", remedy="write 'against: base'")
        if about.stop_for and self.rule.is_against_the_record:
            raise self._error(
                f"{self.rule.task} may stop early, and a recorded run has other items then",
                "against",
                remedy="leave 'stop' out, or gate against base",
            )

    def _refuse_share(self, metric: str) -> None:
        """Judges and people say how much better one answer is than the other, whatever the baseline's score is."""
        if self.rule.relative:
            written = ("gates", self.index, "max_relative_drop") in self.suite.lines
            raise self._error(
                f"{metric} says how much better one answer is than the other, and that is no share of a score",
                "max_relative_drop" if written else "max_drop",
                remedy="write points: 'max_drop: 0.05'",
            )

    def _refuse_of_judges(self, metric: str, judge: Judge | None) -> None:
        if self.rule.min_kappa is not None and judge is None:
            raise self._error(
                f"min_kappa is about how far a judge agrees with people, and {metric} is no judge",
                "min_kappa",
                remedy="leave it out",
            )
        if self.rule.level is not None and judge is not None and not judge.compares:
            raise self._error(
                f"{metric} grades single answers, and people's labels correct only the difference of two",
                "at_least",
                remedy="ask for min_gain or max_drop",
            )

    def _refuse_wrong_way(self, metric: str, scale: Scale) -> None:
        written, right = ("at_most", "at_least") if scale.higher_is_better else ("at_least", "at_most")
        level = getattr(self.rule, written)
        if level is not None:
            better = "higher" if scale.higher_is_better else "lower"
            problem = f"{written} would ask {metric} to be bad: {better} is better there"
            raise self._error(problem, written, remedy=f"write '{right}: {level:g}'")

    def _refuse_beyond(self, metric: str, scale: Scale) -> None:
        """A score or a distance that the scale does not have."""
        if scale.bounds is None:
            return
        low, high = scale.bounds
        level = self.rule.level
        if level is not None and not low <= level <= high:
            key = "at_least" if self.rule.at_least is not None else "at_most"
            raise self._error(f"no score is {level:g}", key, remedy=f"it goes from {low:g} to {high:g}")
        points = self.rule.min_gain if self.rule.max_drop is None or self.rule.relative else self.rule.max_drop
        if points is None or points < (width := high - low):
            return
        key = "max_drop" if self.rule.max_drop is not None else "min_gain"
        remedy = f"{metric} goes from {low:g} to {high:g}" + ("; write 0.05 for 5 points" if width == 1 else "")
        raise self._error(f"{key} {points:g} is not between 0 and {width:g}", key, remedy=remedy)

    def _error(self, problem: str, key: str = "", *, remedy: str) -> UsageError:
        where = ("gates", self.index, key) if key else ("gates", self.index)
        return UsageError(problem, path=self.suite.path, line=self.suite.line(*where), remedy=remedy)
