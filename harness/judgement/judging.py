"""A candidate judged: what changed against each baseline, and what the rules say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.comparison import gate, whole
from harness.comparison.calibration import calibrate
from harness.comparison.compare import delta
from harness.errors import UsageError
from harness.judgement.baselines import no_run
from harness.judgement.caveats import caveats
from harness.judgement.choosing import BestOf, serves_choosing
from harness.judgement.material import Material
from harness.protocols import GRADES, Metric, MetricOverSums, Scale, item_bounds
from harness.values import Calibration, Comparison, Delta, GateRule, Pair, Run, Task, Verdict, labels


@dataclass(frozen=True, slots=True)
class Judgement(Material):
    """A candidate run against the runs that it is held to."""

    def comparison(self) -> Comparison:
        """Every metric that both sides have, for every baseline."""
        runs = (*{run.id: run for run in self.baselines.values()}.values(), self.candidate)
        benchmarks = tuple(task.name for task in self.tasks() if task.benchmark)
        told_apart = [task.name for task in self.tasks() if self.seen(task) and not task.stopping]
        unseen = tuple(each for name in told_apart for each in self._deltas(unseen_of=name))
        return Comparison(self.candidate.experiment, runs, tuple(self._deltas()), benchmarks, unseen)

    def verdict(self, rules: Sequence[GateRule]) -> Verdict:
        """What the rules say; a rule without a metric is about the task's first."""
        verdict = gate.decide(self.settled(rules), self.evidence, tuple(self._calibrations()))
        return replace(verdict, caveats=(*verdict.caveats, *caveats(self)))

    def observed(self, rule: GateRule, only: Callable[[Pair], bool]) -> float:
        """The mean change that a rule speaks of over some of the items, up is better; for choosing, not for judging."""
        evidence = self.evidence(self._settled(rule))
        kept = tuple(pair for pair in evidence.pairs if only(pair))
        change = delta(replace(evidence, pairs=kept, stopping=None)).change
        return -math.inf if change is None else change

    def is_decided(self, rules: Sequence[GateRule], task: str) -> bool:
        """Whether every rule on the task is certain by what is recorded so far; the suite has all of these rules."""
        settled = self.settled([rule for rule in rules if rule.task == task])
        return all(gate.is_certain(rule, self.evidence(rule), len(rules)) for rule in settled)

    def calibration(self, task: str, judge: str, against: str) -> Calibration:
        """The judge of this label held to people.

        Raises ``UsageError`` if there is no such judge, or nothing that it has said.
        """
        asked = next((each for each in self.tasks() if each.name == task), None)
        if asked is None or judge not in self.opinions.judges(asked):
            raise UsageError(f"{self.candidate.id} has no judge {judge!r} of {task!r}")
        baseline = self.baselines[against]
        if (why_not := self.why_not_comparable(asked, judge, baseline)) is not None:
            raise UsageError(why_not)
        evidence = self._measured(asked, judge, GRADES, against, baseline)
        details = self.opinions.details(asked, judge, baseline)
        return calibrate(evidence, details=details, longer=self.opinions.longer(asked, baseline))

    def settled(self, rules: Sequence[GateRule]) -> Sequence[GateRule]:
        """The rules with the metric filled in where they name none."""
        return [self._settled(rule) for rule in rules]

    def evidence(self, rule: GateRule) -> gate.Evidence:
        """The pairs that a settled rule is about, or why there are none."""
        baseline = self.baselines.get(rule.against)
        why_not = self.why_not_measured(rule.task, baseline)
        task = next((task for task in self.tasks() if task.name == rule.task), None)
        if baseline is None:
            why_not = why_not or no_run(rule)
        elif task is None:
            why_not = why_not or f"the candidate's run has no task {rule.task!r}"
        elif all(each.name != rule.task for each in self.reader.tasks(baseline.id)):
            why_not = why_not or f"{baseline.id} has no task {rule.task!r}"
        scale = dict(self.scorers(task)).get(rule.metric or "") if task else None
        if task and scale is None:
            why_not = why_not or f"the recorded {rule.task} has no metric {rule.metric!r}"
        if task and baseline:
            why_not = why_not or self.why_not_comparable(task, rule.metric or "", baseline)
        if why_not or task is None or baseline is None or scale is None:
            return gate.Evidence(rule.task, rule.metric or "", rule.against, (), True, (0.0, 1.0), why_not)
        measured = self._measured(task, rule.metric or "", scale, rule.against, baseline)
        if rule.level is None or self.opinions.is_about_pairs(task, rule.metric or ""):
            return measured
        own = set(self.reader.order(self.candidate.id, task.name))  # it is about the candidate's items alone
        return replace(measured, pairs=tuple(pair for pair in measured.pairs if pair.sample_id in own))

    def _calibrations(self) -> Iterator[Calibration]:
        """Every judge of every task against every baseline that it was shown."""
        for arm, task, label, _ in self.compared():
            if label in self.opinions.judges(task):
                yield self.calibration(task.name, label, arm)

    def _deltas(self, unseen_of: str | None = None) -> Iterator[Delta]:
        """Over all items; or of one task, over those that do not stand in the training data."""
        for arm, task, label, baseline in self.compared():
            if unseen_of in (None, task.name):
                scale = dict(self.scorers(task))[label]
                yield delta(self._measured(task, label, scale, arm, baseline, unseen=unseen_of is not None))

    def _measured(
        self, task: Task, label: str, scale: Metric | Scale, against: str, baseline: Run, *, unseen: bool = True
    ) -> gate.Evidence:
        """The pairs of all items, or of those alone that do not stand in the training data: what a rule rests on."""
        pairs, why_not = self.pairs(task, label, baseline), None
        people = self.opinions.people(task, label, baseline)
        if unseen and (seen := self.seen(task)):
            pairs = tuple(pair for pair in pairs if pair.sample_id not in seen)
            people = people and {sample: value for sample, value in people.items() if sample not in seen}
            if task.stopping:
                why_not = "items of the training data were among those asked before it stopped; ask it whole"
            elif not pairs:
                why_not = "every item stands in the training data"
        if over_sums := isinstance(scale, MetricOverSums):
            try:
                pairs = self._as_shares(task, label, scale, baseline, pairs)
            except Exception as error:  # the plugin's own sums: what it cannot reckon was not measured
                why_not = f"metric {label} could not be summed up: {type(error).__name__}: {error}"
        return gate.Evidence(
            task.name,
            label,
            against,
            pairs,
            scale.higher_is_better,
            scale.bounds if isinstance(scale, Scale) else item_bounds(scale),
            why_not,
            stopping=task.stopping,
            choices=self.choice.among if self.choice and not self.choice.on_fresh_items else 1,
            over_sums=over_sums,
            people=people,
            are_preferences=self.opinions.is_about_pairs(task, label),
        )

    def _as_shares(
        self, task: Task, label: str, metric: MetricOverSums, baseline: Run, pairs: Sequence[Pair]
    ) -> tuple[Pair, ...]:
        """The pairs with each item's share in the value of all complete ones in the place of its own score."""
        complete = [pair for pair in pairs if pair.baseline is not None and pair.candidate is not None]
        shares = []
        for run in (baseline, self.candidate):
            scores = {score.sample_id: score for score in self.reader.scores(run.id, task.name, label)}
            parts = [metric.parts(scores[pair.sample_id]) for pair in complete]
            shares.append(whole.shares(parts, metric.whole).tolist() if parts else [])
        found = {
            pair.sample_id: replace(pair, baseline=before, candidate=after, own=(pair.baseline, pair.candidate))
            for pair, before, after in zip(complete, *shares, strict=True)
        }
        return tuple(found.get(pair.sample_id, pair) for pair in pairs)

    def _settled(self, rule: GateRule) -> GateRule:
        if rule.metric is not None:
            return rule
        task = next((task for task in self.tasks() if task.name == rule.task), None)
        return replace(rule, metric=labels(task.scorers)[0]) if task else rule


def best_of(judgements: Sequence[Judgement], rules: Sequence[GateRule], *, on_fresh_items: bool) -> Judgement:
    """The candidate with the largest change on what the first gate asks, prepared for a verdict that pays for choosing.

    Choosing among k by the scores that also judge gives chance k tries: the verdict rests on items that had no part in
    the choice, or each gate is held to a k-th of its level (Bonferroni).
    """
    first = next((rule for rule in rules if rule.level is None), None)
    if first is None:
        raise UsageError("no gate compares runs, so there is nothing to choose by", remedy="add min_gain or max_drop")
    if on_fresh_items and any(task.benchmark for task in judgements[0].tasks() if task.name == first.task):
        raise UsageError(
            f"the first gate is on the benchmark {first.task}, which is asked as a whole",
            remedy="put a gate on a task of yours first, or use --pay correction",
        )
    only = serves_choosing if on_fresh_items else lambda _: True
    best = max(judgements, key=lambda each: each.observed(first, only))
    return replace(best, choice=BestOf(first.task, len(judgements), on_fresh_items))
