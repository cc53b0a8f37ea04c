"""The items of the benchmarks, loaded once for all arms, in the order in which they will be asked."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.errors import NotMeasured
from harness.execution import stopping
from harness.identity import with_unique_ids
from harness.plan import Plan, PlannedTask
from harness.protocols import Benchmark, BenchmarkContext, BenchmarkItems, Observer
from harness.values import Sample

_WHOLE_ENOUGH = 5
"""A benchmark that is asked whole gives items to the choice if it has so many times as many."""


@dataclass(frozen=True, slots=True)
class LoadedBenchmarks:
    """The plan with its benchmarks' items, and what could not be had."""

    plan: Plan
    not_measured: Mapping[str, str]
    """Benchmark -> why; reported as such, never as passed."""
    notes: tuple[str, ...]
    spare: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    """Benchmark -> items that are not asked for the verdict, for the choice among checkpoints."""


def load(plan: Plan, observer: Observer) -> LoadedBenchmarks:
    """Load every benchmark's items; heavy, for it imports what the benchmarks are made with."""
    loaded: list[PlannedTask] = []
    not_measured: dict[str, str] = {}
    notes: list[str] = []
    spare: dict[str, tuple[Sample, ...]] = {}
    settings = plan.training.settings if plan.training else None
    wanted = settings.choice_items if settings and settings.evaluate_every else 0
    for planned in plan.benchmarks:
        assert planned.benchmark is not None
        observer.stage(f"loading {planned.name}")
        context = BenchmarkContext(plan.suite.seed, plan.pack)
        judges = wanted if any(rule.task == planned.name and rule.max_drop is not None for rule in plan.gates) else 0
        limit = getattr(planned.benchmark.instance, "limit", None)
        try:
            items: BenchmarkItems = _with_more(planned.benchmark.instance, judges).load(context)
        except NotMeasured as why:
            not_measured[planned.name] = str(why)
            continue
        samples = with_unique_ids(items.samples)[: planned.most]
        if judges:
            verdict, spare[planned.name] = _apart(samples, limit, judges)
            notes += _about_the_choice(planned.name, len(spare[planned.name]), len(samples), limit)
            samples = verdict
        task = replace(planned.task, version=items.version)
        whole = replace(planned, task=task, samples=samples, source=items.source)
        loaded.append(stopping.prepare(whole, plan))
        notes.extend(f"{planned.name}: {note}" for note in items.notes)
    return LoadedBenchmarks(replace(plan, benchmarks=tuple(loaded)), not_measured, tuple(notes), spare)


def _with_more(benchmark: Any, more: int) -> Benchmark:  # noqa: ANN401 - a frozen dataclass of the plugin's own
    """The benchmark with a limit that leaves so many items over; as it is where it has none."""
    limit = getattr(benchmark, "limit", None)
    whole: Benchmark = benchmark if not more or limit is None else dataclasses.replace(benchmark, limit=limit + more)
    return whole


def _apart(samples: Sequence[Sample], limit: int | None, wanted: int) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """The items of the verdict, and others for the choice among checkpoints, from all parts alike.

    Where a limit leaves items over these choose. Of a benchmark that is asked whole some are taken out, unless they
    would be missed: it has no part in the choice then.
    """
    if limit is not None:
        taken = min(max(0, len(samples) - limit), wanted)
    else:
        taken = wanted if len(samples) >= _WHOLE_ENOUGH * wanted else 0
    places = _places(samples, taken)
    others = tuple(sample for place, sample in enumerate(samples) if place not in places)
    return others[:limit], tuple(samples[place] for place in sorted(places))


def _places(samples: Sequence[Sample], count: int) -> set[int]:
    """``count`` places that are spread over the parts: the last items of each, in turn."""
    parts: dict[str | None, list[int]] = {}
    for place, sample in enumerate(samples):
        parts.setdefault(sample.stratum, []).append(place)
    rounds = itertools.zip_longest(*(reversed(part) for part in parts.values()))
    return set(itertools.islice((place for each in rounds for place in each if place is not None), count))


def _about_the_choice(name: str, taken: int, total: int, limit: int | None) -> list[str]:
    if not taken:
        return [f"{name}: too few items to spare any, so it has no part in the choice among checkpoints"]
    if limit is None:
        return [f"{name}: {taken:,} of {total:,} items choose among checkpoints, and the verdict rests on the others"]
    return []
