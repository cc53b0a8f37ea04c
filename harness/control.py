"""The A/A control: the base model against itself through the whole path, and its rules on scores without a difference.

A gate that calls a model worse than itself is of no use, whatever its formulas promise. So the base model is asked
again under what really varies, and the labels of real scores are swapped at random at the suite's own size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness import experiment
from harness.comparison import swaps
from harness.comparison.evidence import Evidence, finite, why_no_question
from harness.errors import UsageError
from harness.experiment import Setting
from harness.judgement import Judgement
from harness.plan import Plan
from harness.store.database import now
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import Control, GateRule, Repeat, RuleControl, Run

Again = Callable[[], str]
"""Asks the base model once more, whatever the record holds, and gives the id of the run."""


def run(plan: Plan, setting: Setting, again: Mapping[str, Again], count: int) -> Control:
    """Ask the base model, ask it again in each of these ways, and try the suite's rules on ``count`` label swaps.

    The first answers may be taken over from an earlier run with the very same settings; ``again`` must really ask.
    The control is recorded, and stands beside every later verdict on this suite. With nothing to ask again and no
    verdict in the record there are no two runs to swap: ``UsageError``.
    """
    reference = base(plan, setting)
    runs = {}
    for varied, ask in again.items():
        setting.observer.stage(f"once more, {varied}")
        runs[varied] = ask()
    setting.observer.stage(f"swapping labels {count} times")
    with Reader(setting.record) as reader:
        repeated = {varied: _judgement(reader, setting, reference, reader.run(each)) for varied, each in runs.items()}
        repeats = tuple(found for varied, judged in repeated.items() for found in _repeats(varied, judged))
        sources = [*_recorded(reader, setting, plan.suite.name), *repeated.values()]
        if not sources:
            raise UsageError(
                "there are no two runs whose labels could be swapped", remedy="leave --vary out, or run the suite first"
            )
        rules, not_controlled = _rules(plan, sources, count)
    control = Control(
        plan.suite.name, plan.suite.digest, now(), reference.id, count, repeats, tuple(rules), not_controlled
    )
    with Writer(setting.record) as writer:
        writer.add_control(control)
    return control


def base(plan: Plan, setting: Setting) -> Run:
    """The base model asked all of the suite, as an experiment of its own."""
    arm = next(arm for arm in plan.arms if arm.name == "base")
    (reference,) = experiment.evaluate(plan, setting, [arm])
    return reference


def _judgement(reader: Reader, setting: Setting, baseline: Run, candidate: Run) -> Judgement:
    return Judgement(reader, setting.catalog, candidate, {"base": baseline})


def _recorded(reader: Reader, setting: Setting, suite: str) -> Iterator[Judgement]:
    """The newest verdict's runs: real flips of a real candidate, whose direction the swaps take away."""
    runs = reader.judged_last(suite)
    if len(runs) > 1:
        yield Judgement(reader, setting.catalog, runs[-1], {run.arm: run for run in runs[:-1]})


def _repeats(varied: str, judged: Judgement) -> Iterator[Repeat]:
    for delta in judged.comparison().deltas:
        evidence = judged.evidence(GateRule(delta.task, delta.metric))
        flips = delta.fixed + delta.broken
        yield Repeat(varied, judged.candidate.id, delta.task, delta.metric, delta.pairs, flips, swaps.differs(evidence))


def _rules(plan: Plan, sources: Sequence[Judgement], count: int) -> tuple[list[RuleControl], dict[str, str]]:
    found: list[RuleControl] = []
    not_controlled: dict[str, str] = {}
    for index, rule in enumerate(plan.gates):
        found_for = [(judged, _evidence(judged, rule)) for judged in sources]
        measured = [(judged, evidence) for judged, evidence in found_for if why_no_question(rule, evidence) is None]
        if rule.level is not None:
            not_controlled[str(rule)] = "it is about one run, which has no label to swap"
        elif any(evidence.people is not None for _, evidence in found_for):
            not_controlled[str(rule)] = "it rests on what people find of these very answers"
        elif not measured:
            not_controlled[str(rule)] = why_no_question(rule, found_for[0][1]) or "nothing was measured"
        elif finite(measured[0][1].bounds) is None:
            not_controlled[str(rule)] = "its metric has no bounds, so no model at the limit can be made"
        else:
            # The first source is the newest verdict; another takes its place only where nothing flips there.
            judged, evidence = max(measured, key=lambda each: swaps.flipped(each[1]) > 0)
            found.append(_controlled(rule, judged, evidence, count, plan.suite.seed + index))
    return found, not_controlled


def _evidence(judged: Judgement, rule: GateRule) -> Evidence:
    return judged.evidence(replace(rule, against=rule.against if rule.against in judged.baselines else "base"))


def _controlled(rule: GateRule, judged: Judgement, evidence: Evidence, count: int, seed: int) -> RuleControl:
    rates = swaps.swap_rates(rule, evidence, count, seed)
    against = judged.baselines.get(rule.against, judged.baselines["base"])
    return RuleControl(
        rule=str(rule),
        alpha=rule.alpha,
        items=len(evidence.pairs),
        source=f"{against.id} and {judged.candidate.id}",
        flips=swaps.flipped(evidence),
        false_alarms=rates.false_alarms,
        false_passes=rates.false_passes,
        passes=rates.passes,
    )
