"""What a suite's gates will be able to tell, before anything is run: its plan joined with what earlier runs recorded.

No model is opened, no benchmark loaded and nothing written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.comparison import foretelling
from harness.comparison.prospect import FLIP_RATES, POWER, TYPICAL, Given, Past, Prospect, prospect
from harness.errors import UsageError
from harness.plan import Plan, PlannedTask
from harness.protocols import Scale
from harness.values import LABELS_NEEDED, RELEASE, GateRule, Run, Sample

if TYPE_CHECKING:
    from harness.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Foresight:
    """The whole suite before anything is run."""

    prospects: tuple[Prospect, ...]
    """One a gate, in the suite's order."""
    seconds: tuple[float | None, ...]
    """For each gate: one item of its task asked of all arms, as recorded; ``None`` where one arm never was."""
    seconds_as_planned: float | None
    """All tasks and benchmarks with the items that they have."""
    seconds_together: float | None
    """The same with items enough for all critical gates together."""
    experiment: str | None
    """Where the recorded rates are from."""

    @property
    def critical(self) -> int:
        """How many gates must pass."""
        return sum(seen.rule.tier == "critical" for seen in self.prospects)

    @property
    def chance(self) -> float:
        """That a release that meets them all passes, each at 90 % and independent of the others."""
        return POWER**self.critical

    @property
    def power_together(self) -> float:
        """The power that each critical gate needs for all of them to pass with 90 % chance, whatever their ties."""
        return _power_together(self.critical)

    @property
    def rates(self) -> tuple[float, ...]:
        """The flip rates that ``Prospect.needed_by_rate`` is for."""
        return FLIP_RATES

    @property
    def source(self) -> str:
        """Where the flip rates that are reckoned with come from, in words."""
        usual = f"{100 * TYPICAL[0]:g} to {100 * TYPICAL[1]:g} % of the items"
        if self.experiment is None:
            return f"none is recorded yet; {usual} are usual"
        if all(seen.is_recorded for seen in self.prospects):
            return f"as recorded in {self.experiment}"
        return f"as recorded in {self.experiment}; where it has none, {usual}"

    @property
    def reasons(self) -> tuple[str, ...]:
        """What each gate's items can show, in a sentence."""
        return tuple(map(foretelling.reason, self.prospects))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the numbers rest on."""
        return foretelling.assumptions(self.prospects)


def foresee(plan: Plan, reader: Reader | None = None) -> Foresight:
    """The foresight of a plan, with the flip rates and times of the record where there is one.

    Of its gates on metrics: what judges and people can show depends on the labels that people will give. Raises
    ``UsageError`` if the suite has no such gate.
    """
    gates = [rule for rule in plan.gates if _is_by_metric(plan, rule)]
    if not gates:
        raise UsageError(
            "the suite has no gates on metrics, so there is nothing to plan items for",
            path=plan.suite.path,
            remedy="add 'gates:'",
        )
    record = _Record(reader, plan) if reader else None
    power = _power_together(sum(rule.tier == "critical" for rule in plan.gates))
    prospects = tuple(
        prospect(rule, _given(plan, rule, record), power if rule.tier == "critical" else POWER) for rule in gates
    )
    costs = {planned.name: _cost(plan, planned, record) for planned in plan.measured}
    items = {planned.name: _items(planned, record)[0] for planned in plan.measured}

    enough = {name: _enough(items[name], [seen for seen in prospects if seen.rule.task == name]) for name in items}
    return Foresight(
        prospects,
        tuple(costs[rule.task] for rule in gates),
        _sum(_product(costs[name], items[name]) for name in costs),
        _sum(_product(costs[name], enough[name]) for name in costs),
        record.experiment if record else None,
    )


def warnings(plan: Plan) -> tuple[str, ...]:
    """The gates that cannot pass with the items that the suite gives them, each in a sentence; cheap."""
    by_metric = [rule for rule in plan.gates if _is_by_metric(plan, rule)]
    return (
        *foretelling.warnings([prospect(rule, _given(plan, rule, None)) for rule in by_metric]),
        *(each for rule in plan.gates if (each := _too_few_for_labels(plan, rule))),
    )


def _is_by_metric(plan: Plan, rule: GateRule) -> bool:
    planned = next(each for each in plan.measured if each.name == rule.task)
    return any(metric.label == rule.metric for metric in planned.metrics)


def _too_few_for_labels(plan: Plan, rule: GateRule) -> str | None:
    """A judge's rule counts with enough labels by people only, and so with enough items."""
    planned = next(each for each in plan.measured if each.name == rule.task)
    if all(judge.label != rule.metric for judge in planned.judges) or len(planned.samples) >= LABELS_NEEDED:
        return None
    items = f"{planned.name} has {len(planned.samples)} items"
    return f"{rule}: it needs {LABELS_NEEDED} labels by people to hold the judge to, and {items}"


class _Record:
    """What earlier runs of a suite say."""

    def __init__(self, reader: Reader, plan: Plan) -> None:
        self._reader = reader
        self._runs = reader.runs(suite=plan.suite.name)
        judged = map(reader.verdict, dict.fromkeys(run.experiment for run in self._runs))
        newest = next((each for each in judged if each is not None), None)
        self._compared: Sequence[Run] = newest[0].runs if newest else ()
        self.experiment = newest[0].experiment if newest else None

    def items(self, task: str) -> tuple[int | None, str]:
        """How many items a task had in the newest run that measured it, and which run that was."""
        for run in self._runs:
            settled = next((each for each in self._reader.tasks(run.id) if each.name == task), None)
            if settled is not None and settled.stopping is not None:
                return settled.stopping.total, run.id
            for estimate in run.estimates:
                if estimate.task == task:
                    return estimate.scored + estimate.missing, run.id
        return None, ""

    def seconds(self, arm: str, task: str) -> float | None:
        """For one item of a task, by the newest run of the arm that answered some."""
        runs = (run for run in self._runs if run.arm == arm)
        means = (self._reader.seconds_per_item(run.id, task) for run in runs)
        return next((mean for mean in means if mean is not None), None)

    def past(self, rule: GateRule, scale: Scale) -> Past | None:
        """What the newest judged experiment saw of the rule's task."""
        if self.experiment is None or rule.metric is None:
            return None
        *others, candidate = self._compared
        values = {(each.task, each.metric): each.value for each in candidate.estimates}
        score = values.get((rule.task, rule.metric))
        # The last release is an earlier run of the candidate's own arm.
        against = candidate.arm if rule.against == RELEASE else rule.against
        baseline = next((run for run in others if against in (run.arm, run.id)), None)
        pairs = self._reader.pairs(baseline.id, candidate.id, rule.task, rule.metric) if baseline else []
        known = [(p.baseline, p.candidate) for p in pairs if p.baseline is not None and p.candidate is not None]
        if not known:
            return Past(self.experiment, candidate=score)
        sign = 1.0 if scale.higher_is_better else -1.0
        changes = [sign * (after - before) for before, after in known]
        bounds = scale.bounds
        width = bounds[1] - bounds[0] if bounds else math.inf
        return Past(
            self.experiment,
            len(known),
            flips=_mean([(change / width) ** 2 for change in changes]),
            gain=_mean(changes),
            baseline=_mean([before for before, _ in known]),
            candidate=score,
        )


def _given(plan: Plan, rule: GateRule, record: _Record | None) -> Given:
    planned = next(each for each in plan.measured if each.name == rule.task)
    scale = planned.scale(rule.metric or "")
    items, source = _items(planned, record)
    groups, needed = _groups(planned.samples)
    return Given(
        items,
        source,
        scale.bounds,
        scale.higher_is_better,
        groups,
        needed,
        stop_for=planned.stop_for,
        past=record.past(rule, scale) if record else None,
    )


def _items(planned: PlannedTask, record: _Record | None) -> tuple[int | None, str]:
    """How many items a task will have, and in words how that is known."""
    if planned.benchmark is None:
        return len(planned.samples), ""
    limit = planned.benchmark.ref.options.get("limit")
    if isinstance(limit, int):
        return limit, "its limit"
    items, run = record.items(planned.name) if record else (None, "")
    return items, f"as in {run}" if run else ""


def _groups(samples: Sequence[Sample]) -> tuple[float | None, int]:
    """How many groups of equal size the samples are as good as, and how many a ruling needs."""
    names = [f"sample {each.id}" if each.cluster is None else f"cluster {each.cluster}" for each in samples]
    if len(set(names)) == len(names):
        return None, 0
    # Only suites with groups wait for numpy.
    from harness.comparison.clusters import NEEDED, effective_clusters

    return effective_clusters(names), NEEDED


def _cost(plan: Plan, planned: PlannedTask, record: _Record | None) -> float | None:
    """Seconds for one item of a task, asked of every arm that is asked it."""
    if record is None:
        return None
    arms = [arm.name for arm in plan.arms if planned in plan.tasks_of(arm.name)]
    return _sum(record.seconds(arm, planned.name) for arm in arms)


def _enough(items: int | None, prospects: Sequence[Prospect]) -> int | None:
    """Items with which all gates of a task pass together, as many as it has at least; ``None`` if that is not known."""
    needed = [seen.needed_together for seen in prospects]
    if None in needed:
        return None
    return max((count for count in (items, *needed) if count is not None), default=None)


def _power_together(critical: int) -> float:
    return 1 - (1 - POWER) / max(critical, 1)


def _sum(parts: Iterator[float | None]) -> float | None:
    """``None`` where a part is not known."""
    known = list(parts)
    return math.fsum(part for part in known if part is not None) if None not in known else None


def _product(cost: float | None, items: int | None) -> float | None:
    return None if cost is None or items is None else cost * items


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
