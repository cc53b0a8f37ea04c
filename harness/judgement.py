"""Recorded runs, side by side and judged; needs no model, so that a run and ``harness gate`` judge by one code."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.catalog import Catalog
from harness.comparison import gate, whole
from harness.comparison.calibration import calibrate
from harness.comparison.compare import delta
from harness.comparison.control import told
from harness.errors import UsageError
from harness.identity import digest
from harness.opinions import Opinions
from harness.protocols import GRADES, Metric, MetricOverSums, Scale, item_bounds
from harness.store.reader import Reader
from harness.values import (
    PEOPLE,
    RELEASE,
    Calibration,
    Comparison,
    Delta,
    GateRule,
    Pair,
    Ref,
    Run,
    Task,
    Verdict,
    labels,
)


@dataclass(frozen=True, slots=True)
class BestOf:
    """A candidate that is the best of several, and what keeps its verdict honest."""

    task: str
    among: int
    on_fresh_items: bool
    """Whether the choice was made on one half of the items and the verdict rests on the other; else each gate is held
    to a part of its level, whatever its task: two tasks may ask the same items."""


def serves_choosing(pair: Pair) -> bool:
    """The half of the items that choosing may look at: by digest, so that it is always the same, groups undivided."""
    name = ["sample", pair.sample_id] if pair.cluster is None else ["cluster", pair.cluster]
    return int(digest(["choosing", *name])[:8], 16) % 2 == 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """A candidate run against the runs that it is held to."""

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

    def comparison(self) -> Comparison:
        """Every metric that both sides have, for every baseline."""
        runs = (*{run.id: run for run in self.baselines.values()}.values(), self.candidate)
        benchmarks = tuple(task.name for task in self.tasks() if task.benchmark)
        told_apart = [task.name for task in self.tasks() if self._seen(task) and not task.stopping]
        unseen = tuple(each for name in told_apart for each in self._deltas(unseen_of=name))
        return Comparison(self.candidate.experiment, runs, tuple(self._deltas()), benchmarks, unseen)

    def verdict(self, rules: Sequence[GateRule]) -> Verdict:
        """What the rules say; a rule without a metric is about the task's first."""
        verdict = gate.decide(self.settled(rules), self.evidence, tuple(self._calibrations()))
        about_choices = (*self._about_the_choice(), *self._about_the_checkpoint())
        about_data, about_judges = tuple(self._seen_in_training()), tuple(self._judges_own_words())
        further = (*about_data, *about_judges, *self._often_used(), *self._other_versions(), *self._last_control())
        return replace(verdict, caveats=(*verdict.caveats, *about_choices, *further))

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
        if (why_not := self._why_not_comparable(asked, judge, baseline)) is not None:
            raise UsageError(why_not)
        evidence = self._measured(asked, judge, GRADES, against, baseline)
        details = self.opinions.details(asked, judge, baseline)
        return calibrate(evidence, details=details, longer=self.opinions.longer(asked, baseline))

    def _calibrations(self) -> Iterator[Calibration]:
        """Every judge of every task against every baseline that it was shown."""
        for arm, task, label, _ in self._compared():
            if label in self.opinions.judges(task):
                yield self.calibration(task.name, label, arm)

    def _deltas(self, unseen_of: str | None = None) -> Iterator[Delta]:
        """Over all items; or of one task, over those that do not stand in the training data."""
        for arm, task, label, baseline in self._compared():
            if unseen_of in (None, task.name):
                scale = dict(self._scorers(task))[label]
                yield delta(self._measured(task, label, scale, arm, baseline, unseen=unseen_of is not None))

    def _compared(self) -> Iterator[tuple[str, Task, str, Run]]:
        """What stands on one scale in the candidate's run and a baseline's: arm, task, label, the baseline."""
        for arm, baseline in self.baselines.items():
            asked = {task.name for task in self.reader.tasks(baseline.id)}
            for task in self.tasks():
                for label, _ in self._scorers(task) if task.name in asked else ():
                    if self._why_not_comparable(task, label, baseline) is None:
                        yield arm, task, label, baseline

    def settled(self, rules: Sequence[GateRule]) -> Sequence[GateRule]:
        """The rules with the metric filled in where they name none."""
        return [self._settled(rule) for rule in rules]

    def evidence(self, rule: GateRule) -> gate.Evidence:
        """The pairs that a settled rule is about, or why there are none."""
        baseline = self.baselines.get(rule.against)
        why_not = self._why_not_measured(rule.task, baseline)
        task = next((task for task in self.tasks() if task.name == rule.task), None)
        if baseline is None:
            why_not = why_not or _no_run(rule)
        elif task is None:
            why_not = why_not or f"the candidate's run has no task {rule.task!r}"
        elif all(each.name != rule.task for each in self.reader.tasks(baseline.id)):
            why_not = why_not or f"{baseline.id} has no task {rule.task!r}"
        scale = dict(self._scorers(task)).get(rule.metric or "") if task else None
        if task and scale is None:
            why_not = why_not or f"the recorded {rule.task} has no metric {rule.metric!r}"
        if task and baseline:
            why_not = why_not or self._why_not_comparable(task, rule.metric or "", baseline)
        if why_not or task is None or baseline is None or scale is None:
            return gate.Evidence(rule.task, rule.metric or "", rule.against, (), True, (0.0, 1.0), why_not)
        measured = self._measured(task, rule.metric or "", scale, rule.against, baseline)
        if rule.level is None or self.opinions.is_about_pairs(task, rule.metric or ""):
            return measured
        own = set(self.reader.order(self.candidate.id, task.name))  # it is about the candidate's items alone
        return replace(measured, pairs=tuple(pair for pair in measured.pairs if pair.sample_id in own))

    def _measured(
        self, task: Task, label: str, scale: Metric | Scale, against: str, baseline: Run, *, unseen: bool = True
    ) -> gate.Evidence:
        """The pairs of all items, or of those alone that do not stand in the training data: what a rule rests on."""
        pairs, why_not = self._pairs(task, label, baseline), None
        people = self.opinions.people(task, label, baseline)
        if unseen and (seen := self._seen(task)):
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

    def _pairs(self, task: Task, label: str, baseline: Run) -> tuple[Pair, ...]:
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

    def _score_pairs(self, task: Task, label: str, baseline: Run) -> Sequence[Pair]:
        return self.reader.pairs(baseline.id, self.candidate.id, task.name, label)

    @property
    def opinions(self) -> Opinions:
        """What judges and people say of the candidate."""
        return Opinions(self.reader, self.catalog, self.candidate)

    def _judges_own_words(self) -> Iterator[str]:
        """What the judges say of their scores, as how often the order of two answers turned their word."""
        for arm, task, label, baseline in self._compared():
            for note in self.opinions.notes(task, label, baseline):
                yield f"{task.name} {label} against {arm}: {note}"

    def _seen(self, task: Task) -> Mapping[str, str]:
        """The task's items that stand in what the candidate was trained on, each with where."""
        if self.candidate.arm in ("base", "prompted"):
            return {}
        if task.name not in self._trained_on:
            self._trained_on[task.name] = self.reader.seen(self.candidate, task.name)
        return self._trained_on[task.name]

    def _seen_in_training(self) -> Iterator[str]:
        for task in self.tasks():
            asked = set(self.reader.order(self.candidate.id, task.name)) if self._seen(task) else set()
            if seen := len(asked & set(self._seen(task))):
                yield (
                    f"{task.name}: {seen:,} of {len(asked):,} items stand in the training data, and measure memory; "
                    "the gates rest on the others"
                )

    def _last_control(self) -> Iterator[str]:
        control = self.reader.control(self.candidate.suite)
        if control is not None:
            yield from told(control, self.candidate.suite_digest)

    def _about_the_choice(self) -> Iterator[str]:
        if self.choice and self.choice.on_fresh_items:
            yield (
                f"the candidate is the best of {self.choice.among} on one half of {self.choice.task}'s items, and the "
                "gates of the suite's own tasks rest on the other half"
            )

    def _about_the_checkpoint(self) -> Iterator[str]:
        """A candidate that was chosen among the checkpoints of its training, by items that judge nothing here."""
        for training in self.reader.trainings(self.candidate.experiment):
            chosen = training.checkpoint
            if training.judged and chosen and str(chosen.path) in self._folders():
                yield f"the candidate is step {chosen.step}, one of {len(training.judged)} checkpoints: {training.rule}"

    def _folders(self) -> tuple[str | None, ...]:
        """What the candidate stands on: its adapter, or the whole model where it has none."""
        model = self.candidate.model
        return (self.candidate.adapter, model.folder if model and not self.candidate.adapter else None)

    def _often_used(self) -> Iterator[str]:
        """A test set that has judged many candidates has begun to choose them."""
        for task in self.tasks():
            if task.benchmark is None and (others := self.reader.judged_before(self.candidate.id, task.name)):
                times = "one other candidate" if others == 1 else f"{others} other candidates"
                yield f"{task.name}: these items have judged {times}; the best of many looks better than it is"

    def _why_not_comparable(self, task: Task, label: str, baseline: Run) -> str | None:
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

    def _other_versions(self) -> Iterator[str]:
        """Plugins that scored the baseline and the candidate in different versions."""
        for baseline in self.baselines.values():
            for plugin, origin in baseline.origins.items():
                ours = self.candidate.origins.get(plugin)
                if ours is not None and ours != origin:
                    yield f"{plugin}: {baseline.id} was measured with {origin}, the candidate with {ours}"

    def _why_not_measured(self, task: str, baseline: Run | None) -> str | None:
        """What the runs say themselves of a benchmark that could not be had."""
        runs = (self.candidate, *((baseline,) if baseline else ()))
        return next((run.not_measured[task] for run in runs if task in run.not_measured), None)

    def _settled(self, rule: GateRule) -> GateRule:
        if rule.metric is not None:
            return rule
        task = next((task for task in self.tasks() if task.name == rule.task), None)
        return replace(rule, metric=labels(task.scorers)[0]) if task else rule

    def tasks(self) -> Sequence[Task]:
        """What the candidate was asked."""
        return self.reader.tasks(self.candidate.id)

    def _scorers(self, task: Task) -> Iterator[tuple[str, Metric | Scale]]:
        """Metrics, judges, and people where answers can be read, each by its label."""
        names = labels(task.scorers)
        for label, ref in zip(names, task.metrics, strict=False):
            yield label, self._metric(ref)
        yield from ((label, GRADES) for label in names[len(task.metrics) :])
        if task.mode == "generate":
            yield PEOPLE, GRADES

    def _metric(self, ref: Ref) -> Metric:
        try:
            metric: Metric = self.catalog.make("metric", ref).instance
        except UsageError as error:
            raise UsageError(f"the record needs it: {error.problem}", remedy=error.remedy) from None
        return metric


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


def stand_ins(reader: Reader, baseline: Run) -> dict[str, Run]:
    """The runs that a suite's ``against`` means when ``baseline`` is named on the command line.

    ``baseline`` takes the place of ``base``; ``prompted`` is ``baseline`` itself if it is such a run, and otherwise the
    prompted run of the same experiment, if there is one.
    """
    siblings = {run.arm: run for run in reader.experiment_runs(baseline.experiment)}
    chosen = {"base": baseline}
    if baseline.arm == "prompted":
        chosen["prompted"] = baseline
    elif "prompted" in siblings and siblings["prompted"].status == "finished":
        chosen["prompted"] = siblings["prompted"]
    return chosen


def recorded_baselines(
    reader: Reader, suite: str, rules: Iterable[GateRule], candidate: Run | None = None
) -> dict[str, Run]:
    """The recorded runs that rules name: an id must be there and finished, a release may not exist yet.

    The ``candidate``, where it is known already, is not its own release.
    """
    found: dict[str, Run] = {}
    for rule in rules:
        if rule.against == RELEASE:
            released = reader.released(suite, candidate)
            found |= {RELEASE: released} if released else {}
        elif rule.is_against_the_record:
            run = reader.run(rule.against)
            if run.status != "finished":
                raise UsageError(f"a gate is against {run.id}, which is {run.status}", remedy="name a finished run")
            found[rule.against] = run
    return found


def _no_run(rule: GateRule) -> str:
    if rule.against == RELEASE:
        return "this suite has passed no candidate yet, so there is no release to compare with"
    return f"there is no run of the arm {rule.against!r} to compare with"
