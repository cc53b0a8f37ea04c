"""A quantised copy of a merged model, recorded and judged like any candidate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.identity import digest
from harness.values import Arm, Comparison, GateRule, ModelRef, Ref, Run, Suite, Verdict

if TYPE_CHECKING:
    from harness.catalog import Catalog
    from harness.execution.merging import Lineage
    from harness.execution.places import Place
    from harness.experiment import Setting
    from harness.plan import Plan, PlannedTask
    from harness.protocols import Backend, Quantization
    from harness.store.reader import Reader

MERGED = "merged"
"""What gates and screens call the merged model."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A quantised copy with what the gates say of it."""

    kind: Quantization
    merged: Run
    comparison: Comparison
    """The experiment's baselines, the merged model, and the copy last."""
    verdict: Verdict | None
    """``None`` where the suite has no gates."""


def names(made_of: Lineage, model: ModelRef, kind: Quantization) -> Mapping[str, str | None]:
    """What tells a copy from every other; ``model`` is the suite's, in whose type all but the packed weights are."""
    return {**made_of.names, "kind": kind, "dtype": model.dtype}


def judge(
    reader: Reader, setting: Setting, suite: Suite, made_of: Lineage, merged: Place, copy: Place, kind: Quantization
) -> Judged:
    """Write the copy, ask both models what the run was asked, and hold the copy to the merged model.

    A gate that limits a drop is about what quantising lost; one that demands a gain, or a score, is as the suite has
    it: against the base model and its prompt as they were measured with the run. What an earlier call has written or
    recorded is neither written nor asked again.
    """
    from harness.judgement import Judgement, recorded_baselines

    run, ref = made_of.run, replace(suite.model, name=str(merged.folder), revision=None)
    backend: Backend = setting.catalog.make("backend", Ref(suite.model.backend)).instance
    if copy.made_before(names(made_of, suite.model, kind)) is None:
        setting.observer.stage(f"quantising to {kind}")
        backend.quantize(ref, kind, copy.workplace / "model")
        copy.keep(copy.workplace / "model", names(made_of, suite.model, kind), {})
    plan = _plan(reader, setting.catalog, replace(suite, model=ref), run)
    plan = replace(plan, suite=replace(plan.suite, digest=_digest(plan, made_of, merged, copy, kind)))
    arms = (Arm(MERGED, ref), Arm(kind, replace(ref, name=str(copy.folder))))
    whole, candidate = _asked(reader, setting, plan, arms)
    rules = [_held_to_the_merged(rule) for rule in suite.gates]
    baselines = {arm.arm: arm for arm in _baselines(reader, run)} | {MERGED: whole}
    baselines |= recorded_baselines(reader, suite.name, rules, candidate)
    judgement = Judgement(reader, setting.catalog, candidate, baselines)
    verdict = judgement.verdict(rules) if rules else None
    if verdict and not reader.is_judged(candidate.id):
        _note_the_look(setting, candidate, verdict)
    return Judged(kind, whole, judgement.comparison(), verdict)


def _digest(plan: Plan, made_of: Lineage, merged: Place, copy: Place, kind: Quantization) -> str:
    """What two calls share that ask the same of the same models, and no other two."""
    from harness.execution.cache import source_of

    metrics = [metric for planned in plan.tasks for metric in planned.metrics]
    scoring = [[each.label, each.origin, source_of(type(each.instance))] for each in metrics]
    models = [merged.content, copy.content, str(merged.folder), plan.suite.model]
    return digest([names(made_of, plan.suite.model, kind), models, scoring])


def _asked(reader: Reader, setting: Setting, plan: Plan, arms: Sequence[Arm]) -> list[Run]:
    """The runs of the merged model and its copy: as they are recorded, gone on with, or begun."""
    from harness import experiment

    recorded = reader.finished(plan.suite.name, plan.suite.digest)
    found = [recorded[arm.name] for arm in arms if arm.name in recorded]
    if len(found) == len(arms) and all(reader.is_finished(run.experiment) for run in found):
        setting.observer.note(f"{found[-1].experiment} has asked both before")
        return found
    return experiment.evaluate(plan, setting, arms)


def _plan(reader: Reader, catalog: Catalog, suite: Suite, run: Run) -> Plan:
    """The run's recorded tasks once more, with the very items that it answered."""
    from harness.plan import Plan

    return Plan(
        suite=suite,
        backend=catalog.make("backend", Ref(suite.model.backend)),
        training=None,
        arms=(),
        tasks=tuple(_tasks(reader, catalog, run)),
        benchmarks=(),
        gates=(),
        datasets=(),
        tables=(),
        checks=(),
        unchecked={},
        validation=(),
        pack=None,
    )


def _tasks(reader: Reader, catalog: Catalog, run: Run) -> Iterator[PlannedTask]:
    from harness.plan import PlannedTask
    from harness.values import labels

    for task in reader.tasks(run.id):
        metrics = (catalog.make("metric", ref) for ref in task.metrics)
        labelled = tuple(
            replace(metric, label=label) for metric, label in zip(metrics, labels(task.metrics), strict=True)
        )
        answered = reader.done(run.id, task.name)
        samples = tuple(sample for sample in reader.samples(run.id, task.name) if sample.id in answered)
        # Asked whole: where the run could stop early, it is the items that it came to.
        yield PlannedTask(
            replace(task, stopping=None), labelled, samples, source=reader.source(run.id, task.name) or ""
        )


def _baselines(reader: Reader, run: Run) -> Sequence[Run]:
    return [
        each
        for each in reader.experiment_runs(run.experiment)
        if each.arm in ("base", "prompted") and each.status == "finished"
    ]


def _held_to_the_merged(rule: GateRule) -> GateRule:
    return replace(rule, against=MERGED) if rule.max_drop is not None else rule


def _note_the_look(setting: Setting, candidate: Run, verdict: Verdict) -> None:
    """The copy has used the test items up a little, as every candidate does."""
    from harness.store.writer import Writer

    try:
        with Writer(setting.record) as writer:
            writer.add_judgement(candidate, verdict)
    except HarnessError as error:
        setting.observer.note(f"this look at the test items is not recorded: {error}")
