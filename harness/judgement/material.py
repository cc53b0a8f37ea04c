"""What the record holds of a candidate and its baselines: tasks, scorers, pairs of scores."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.catalog import Catalog
from harness.errors import UsageError
from harness.judgement.choosing import BestOf, serves_choosing
from harness.opinions import Opinions
from harness.protocols import GRADES, Metric, Scale
from harness.store.reader import Reader
from harness.values import PEOPLE, Pair, Ref, Run, Task, labels


@dataclass(frozen=True, slots=True)
class Material:
    """A candidate run, and the runs that it is held to, as recorded."""

    reader: Reader
    catalog: Catalog
    candidate: Run
    baselines: Mapping[str, Run]
    """Arm, ``release`` or id -> the run that stands for it."""
    choice: BestOf | None = None
    """How the candidate was chosen among several, where it was."""
    _read: dict[tuple[str, str, str], tuple[Pair, ...]] = field(default_factory=dict, compare=False, repr=False)
    """What was read for the comparison, kept for the verdict: with 200,000 samples each reading is seconds."""
    _trained_on: dict[str, Mapping[str, str]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def opinions(self) -> Opinions:
        """What judges and people say of the candidate."""
        return Opinions(self.reader, self.catalog, self.candidate)

    def tasks(self) -> Sequence[Task]:
        """What the candidate was asked."""
        return self.reader.tasks(self.candidate.id)

    def scorers(self, task: Task) -> Iterator[tuple[str, Metric | Scale]]:
        """Metrics, judges, and people where answers can be read, each by its label."""
        names = labels(task.scorers)
        for label, ref in zip(names, task.metrics, strict=False):
            yield label, self._metric(ref)
        yield from ((label, GRADES) for label in names[len(task.metrics) :])
        if task.mode == "generate":
            yield PEOPLE, GRADES

    def compared(self) -> Iterator[tuple[str, Task, str, Run]]:
        """What stands on one scale in the candidate's run and a baseline's: arm, task, label, the baseline."""
        for arm, baseline in self.baselines.items():
            asked = {task.name for task in self.reader.tasks(baseline.id)}
            for task in self.tasks():
                for label, _ in self.scorers(task) if task.name in asked else ():
                    if self.why_not_comparable(task, label, baseline) is None:
                        yield arm, task, label, baseline

    def pairs(self, task: Task, label: str, baseline: Run) -> tuple[Pair, ...]:
        """Every item asked; where the asking could end early, those that both runs have answered, in their order."""
        asked = (baseline.id, task.name, label)
        if asked not in self._read:
            about_pairs = self.opinions.is_about_pairs(task, label)
            read = self.opinions.pairs if about_pairs else self._score_pairs
            self._read[asked] = tuple(read(task, label, baseline))
        pairs = self._read[asked]
        if self.choice and self.choice.on_fresh_items and task.benchmark is None:
            pairs = tuple(pair for pair in pairs if not serves_choosing(pair))
        if task.stopping is None:
            return pairs
        both = self.reader.done(baseline.id, task.name) & self.reader.done(self.candidate.id, task.name)
        found = {pair.sample_id: pair for pair in pairs}
        order = self.reader.order(self.candidate.id, task.name)
        return tuple(found[each] for each in itertools.takewhile(both.__contains__, order))

    def seen(self, task: Task) -> Mapping[str, str]:
        """The task's items that stand in what the candidate was trained on, each with where."""
        if self.candidate.arm in ("base", "prompted"):
            return {}
        if task.name not in self._trained_on:
            self._trained_on[task.name] = self.reader.seen(self.candidate, task.name)
        return self._trained_on[task.name]

    def why_not_comparable(self, task: Task, label: str, baseline: Run) -> str | None:
        """Why two scores of one name are not on one scale."""
        if self.opinions.is_about_pairs(task, label):
            return self.opinions.why_none(task, label, baseline)
        other = next(each for each in self.reader.tasks(baseline.id) if each.name == task.name)
        ours = dict(zip(labels(task.scorers), task.scorers, strict=True)).get(label)
        theirs = dict(zip(labels(other.scorers), other.scorers, strict=True)).get(label)
        if theirs != ours:
            return f"{baseline.id} has no {ours}, and its {theirs or 'other metrics'} are another scale"
        if other.version != task.version:
            return f"{baseline.id} was asked {task.name} {other.version}, the candidate {task.version}"
        return None

    def why_not_measured(self, task: str, baseline: Run | None) -> str | None:
        """What the runs say themselves of a benchmark that could not be had."""
        runs = (self.candidate, *((baseline,) if baseline else ()))
        return next((run.not_measured[task] for run in runs if task in run.not_measured), None)

    def _score_pairs(self, task: Task, label: str, baseline: Run) -> Sequence[Pair]:
        return self.reader.pairs(baseline.id, self.candidate.id, task.name, label)

    def _metric(self, ref: Ref) -> Metric:
        try:
            metric: Metric = self.catalog.make("metric", ref).instance
        except UsageError as error:
            raise UsageError(f"the record needs it: {error.problem}", remedy=error.remedy) from None
        return metric
