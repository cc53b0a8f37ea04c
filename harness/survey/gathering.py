"""All that was found out, put together for one answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from harness.advice.counsel import Counsel
from harness.advice.money.cost import BreakEven, Prices
from harness.advice.route.strategy import advise
from harness.advice.time.duration import Probed
from harness.advice.training import hyperparameters
from harness.advice.training.hyperparameters import Means, TrainingAdvice
from harness.catalog import Catalog
from harness.errors import UsageError
from harness.store.reader import Reader
from harness.survey import money, room
from harness.survey.baselines import Measured
from harness.survey.evaluating import evaluation
from harness.survey.ground import Ground
from harness.survey.situating import situation
from harness.survey.subject import Subject
from harness.survey.timing import timing
from harness.values import Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was measured, or is on record."""

    measured: Measured | None = None
    probed: Probed | None = None
    evaluation_seconds: float | None = None
    """Of asking every arm everything, by what is recorded."""


def gather(
    subject: Subject, ground: Ground, found: Findings, catalog: Catalog, prices: Prices, reader: Reader | None
) -> Counsel:
    """The recommendation with everything that stands beside it; opens nothing."""
    baselines = found.measured.baselines if found.measured else ()
    seen = situation(subject, ground, baselines)
    training = trained(subject, ground, catalog)
    trainer = trainer_of(subject, training)
    notes = [*subject.notes, *ground.notes, *(found.measured.notes if found.measured else ())]
    try:
        time = timing(subject, ground, trainer, found.probed, catalog, reader)
    except UsageError as error:
        time = None
        notes.append(f"how long it takes is not reckoned: {error}")
    spending = money.reckon(subject, ground, baselines, lambda device: time.on(device) if time else None, prices)
    return Counsel(
        name=subject.name,
        model=subject.model.name if subject.model else "",
        shape=ground.shape,
        device=ground.device,
        situation=seen,
        strategy=advise(seen),
        measured_on=found.measured.source if found.measured else "",
        training=training,
        lengths=ground.lengths,
        current=_current(subject),
        defaults=_defaults(training, catalog),
        memory=room.table(subject, ground, training),
        largest=room.largest(subject, ground, training),
        evaluation_memory=room.evaluation(subject, ground),
        duration=time.here() if time else None,
        evaluation=evaluation(subject.plan, ground, baselines, found.evaluation_seconds, prices),
        peak_memory=found.probed.peak_memory if found.probed else None,
        prices=prices,
        offers=spending.offers,
        traffic=spending.traffic,
        break_even=spending.break_even,
        pays=_named(subject, spending.break_even),
        notes=(*notes, *spending.notes),
    )


def trained(subject: Subject, ground: Ground, catalog: Catalog) -> TrainingAdvice | None:
    """How to train, should it come to that; ``None`` where model or rows are not known."""
    if ground.shape is None or not subject.count:
        return None
    return hyperparameters.choose(
        Means(
            shape=ground.shape,
            rows=subject.count,
            lengths=ground.lengths,
            device=ground.device,
            dtype=subject.model.dtype if subject.model else "float32",
            complexity=subject.answers.complexity,
            preference_pairs=subject.pairs,
            keeps_general=subject.plan is None or bool(subject.plan.benchmarks),
            is_installed={
                offer.name: not offer.missing_packages() for offer in catalog.offers if offer.kind == "trainer"
            },
        )
    )


def trainer_of(subject: Subject, training: TrainingAdvice | None) -> Ref | None:
    """What time is reckoned for: the suite's own trainer, or the one that is advised."""
    if subject.plan and subject.plan.training:
        return subject.plan.training.stages[-1].trainer.ref
    return Ref(training.method, training.options) if training else None


def _current(subject: Subject) -> Mapping[str, object]:
    """What the suite's own trainer is told, what it leaves to the trainer included."""
    if subject.plan is None or subject.plan.training is None:
        return {}
    trainer = subject.plan.training.stages[-1].trainer
    options = {each.name: getattr(trainer.instance, each.name) for each in dataclasses.fields(trainer.instance)}
    return {"name": trainer.ref.name, **options}


def _defaults(training: TrainingAdvice | None, catalog: Catalog) -> Mapping[str, object]:
    if training is None:
        return {}
    found = dataclasses.fields(catalog.find("trainer", training.method).plugin_class)
    return {each.name: each.default for each in found if each.default is not dataclasses.MISSING}


def _named(subject: Subject, found: tuple[BreakEven, ...]) -> BreakEven | None:
    """Where what the team named pays: its API first, then its GPU."""
    said = subject.answers
    tuned = [each for each in found if said.api and each.offer.fixed == 0]
    hosted = [each for each in found if said.gpu and each.offer.fixed > 0]
    return next(iter([*tuned, *hosted]), None)
