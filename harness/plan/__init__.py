"""A suite and a catalog become a plan: all that can fail early fails here.

Names are resolved, options checked, packages looked for, data read and fingerprinted; no model is opened and nothing is
written.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.catalog import Catalog
from harness.checking.asked import asked
from harness.data import fingerprint, split
from harness.plan.arms import examples, planned_arms, prompting
from harness.plan.benchmarks import pack_folder, planned_benchmark
from harness.plan.given import Given
from harness.plan.planned import Plan, PlannedStage, PlannedTask, PlannedTraining
from harness.plan.tasks import planned_task
from harness.plan.training import items_of_the_choice, planned_training
from harness.rows import Table
from harness.rules import settled
from harness.values import GENERAL, Ref, Suite

__all__ = ["Plan", "PlannedStage", "PlannedTask", "PlannedTraining", "make", "pack_folder", "prompting"]


def make(suite: Suite, catalog: Catalog, *, limit: int | None = None) -> Plan:
    """The plan of a suite; ``limit`` caps the items of every task and benchmark.

    Raises ``UsageError`` with the file and line of what is wrong.
    """
    given = Given(suite, catalog, limit)
    backend = given.plugin("backend", Ref(suite.model.backend), "model", "backend")
    given.located(("model", "name"), backend.instance.check, suite.model)
    tasks = tuple(planned_task(given, index, each) for index, each in enumerate(suite.tasks))
    benchmarks = tuple(planned_benchmark(given, index, each) for index, each in enumerate(suite.benchmarks))
    _refuse_equal_names(given, [*tasks, *benchmarks])
    training = planned_training(given, suite.training) if suite.training else None
    shots = examples(given)
    validation = items_of_the_choice(given)
    _refuse_leakage(given)
    arms = planned_arms(given, shots, trained=training is not None)
    gates = settled(suite, [*tasks, *benchmarks], [arm.name for arm in arms])
    checks, unchecked = asked(catalog, suite.checks, in_run=True, suite=suite)
    read = given.by_name
    fingerprint.refuse_changed(fingerprint.lock_path(suite.path), tuple(dataset for dataset, _ in read.values()))
    return Plan(
        suite,
        backend,
        training,
        arms,
        tasks,
        benchmarks,
        gates,
        tuple(dataset for dataset, _ in read.values()),
        tuple(Table(dataset.name, dataset.path, rows[0].form, rows) for dataset, rows in read.values()),
        checks,
        unchecked,
        validation,
        pack_folder(),
    )


def _refuse_equal_names(given: Given, measured: Sequence[PlannedTask]) -> None:
    names = [planned.name for planned in measured]
    for name in names:
        if names.count(name) > 1:
            raise given.error(f"two tasks or benchmarks have the name {name!r}", "tasks", remedy="rename one")


def _refuse_leakage(given: Given) -> None:
    """One row in two splits is an error, unless the suite calls it less: then the gates do without such items."""
    milder = [each for each in given.suite.checks if each.severity in ("warning", "info")]
    if any(each.ref.name.rpartition("/")[2] == "leakage" for each in milder):
        return
    splits = {name: (dataset.path, rows) for name, (dataset, rows) in given.by_name.items()}
    order: list[str] = [name for name in (GENERAL, "train", "validation") if name in splits]
    order += [name for name in splits if name not in order]
    split.refuse_shared_rows({name: splits[name] for name in order})
