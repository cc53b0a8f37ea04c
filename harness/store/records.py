"""The rows that come one by one: runs, verdicts and faults; names of columns are names of fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from harness.store.codec import (
    Cell,
    fields_of,
    json_cell,
    json_of,
    number_cell,
    number_of,
    optional_text_cell,
    optional_text_of,
    text_cell,
    text_of,
)
from harness.store.rows import Row
from harness.values import (
    Calibration,
    ClassAgreement,
    Control,
    Delta,
    Environment,
    Estimate,
    Fault,
    GateRule,
    ModelFacts,
    Origin,
    Rate,
    Repeat,
    RuleControl,
    Ruling,
    Run,
)


def facts_row(run: Run) -> dict[str, Cell]:
    """The part of a run's header that becomes known while it goes on."""
    return {
        "environment": json_cell(fields_of(run.environment)),
        "model": None if run.model is None else json_cell(fields_of(run.model)),
        "adapter": optional_text_cell(run.adapter),
        "adapter_sha256": run.adapter_sha256,
        "not_measured": json_cell(dict(run.not_measured)),
        "notes": json_cell(run.notes),
    }


def header_row(run: Run) -> dict[str, Cell]:
    """The whole header of a new run."""
    fixed = ("id", "experiment", "suite", "suite_digest", "arm", "seed", "status", "started", "finished")
    return {name: getattr(run, name) for name in fixed} | facts_row(run)


def run_of(row: Row, origins: Iterable[Row], estimates: Iterable[Row], reused: Mapping[str, int]) -> Run:
    """A run with who offered its plugins, what it came to, and what it took over from other runs."""
    return Run(
        id=row["id"],
        experiment=row["experiment"],
        suite=row["suite"],
        suite_digest=row["suite_digest"],
        arm=row["arm"],
        seed=row["seed"],
        status=row["status"],
        started=row["started"],
        finished=row["finished"],
        environment=Environment(**json_of(row["environment"])),
        origins={each["plugin"]: origin_of(each) for each in origins},
        model=None if row["model"] is None else ModelFacts(**json_of(row["model"])),
        adapter=optional_text_of(row["adapter"]),
        adapter_sha256=row["adapter_sha256"],
        estimates=tuple(estimate_of(each) for each in estimates),
        not_measured=json_of(row["not_measured"]),
        notes=tuple(json_of(row["notes"])),
        reused=reused,
    )


def origin_of(row: Row) -> Origin:
    """Who offered a plugin."""
    return Origin(row["distribution"], row["version"], row["entry_point"])


def estimate_row(run: int, estimate: Estimate) -> tuple[Cell, ...]:
    """In the order of the table's columns."""
    numbers = (number_cell(each) for each in (estimate.value, estimate.low, estimate.high))
    return (run, estimate.task, estimate.metric, *numbers, int(estimate.scored), int(estimate.missing))


def estimate_of(row: Row) -> Estimate:
    """One metric over a task."""
    value, low, high = (number_of(row[name]) for name in ("value", "low", "high"))
    return Estimate(row["task"], row["metric"], value, low, high, row["scored"], row["missing"])


_DELTA_NAMES = ("task", "metric", "against", "pairs", "fixed", "broken", "missing")
_DELTA_NUMBERS = ("baseline", "candidate", "change", "low", "high", "preserved")
_RULE_NAMES = ("task", "metric", "against", "tier", "min_items")
_RULE_NUMBERS = ("min_gain", "max_drop", "at_least", "at_most", "alpha", "only_below", "max_missing", "min_kappa")


def delta_row(delta: Delta) -> dict[str, Cell]:
    """All columns but the verdict and the position."""
    return {**fields_of(delta), **{name: number_cell(getattr(delta, name)) for name in _DELTA_NUMBERS}}


def delta_of(row: Row) -> Delta:
    """The candidate against the baseline."""
    return Delta(**_values(row, _DELTA_NAMES, _DELTA_NUMBERS))


def ruling_row(ruling: Ruling) -> dict[str, Cell]:
    """All columns but the verdict and the position; the rule's fields stand beside what became of it."""
    rule = ruling.rule
    return {
        **fields_of(rule),
        **{name: number_cell(getattr(rule, name)) for name in _RULE_NUMBERS},
        "relative": int(rule.relative),
        "outcome": ruling.outcome,
        "reason": text_cell(ruling.reason),
        "p_passed": number_cell(ruling.p_passed),
        "p_failed": number_cell(ruling.p_failed),
        "items": int(ruling.items),
        "items_needed": ruling.items_needed,
    }


def ruling_of(row: Row) -> Ruling:
    """What the evidence says on one rule."""
    return Ruling(
        rule=GateRule(**_values(row, _RULE_NAMES, _RULE_NUMBERS), relative=bool(row["relative"])),
        outcome=row["outcome"],
        reason=text_of(row["reason"]),
        p_passed=number_of(row["p_passed"]),
        p_failed=number_of(row["p_failed"]),
        items=row["items"],
        items_needed=row["items_needed"],
    )


def calibrations_cell(calibrations: Iterable[Calibration]) -> str | bytes:
    """The judges held to people, as JSON."""
    return json_cell([asdict(each) for each in calibrations])


def calibrations_of(cell: str | bytes) -> tuple[Calibration, ...]:
    """The judges held to people."""
    return tuple(
        Calibration(**{**each, "classes": tuple(ClassAgreement(**one) for one in each["classes"])})
        for each in json_of(cell)
    )


def control_row(control: Control) -> dict[str, Cell]:
    """Who and when in columns of their own, the whole as JSON."""
    return {
        "decided": control.decided,
        "suite": control.suite,
        "suite_digest": control.suite_digest,
        "control": json_cell(asdict(control)),
    }


def control_of(row: Row) -> Control:
    """An A/A control."""
    value = json_of(row["control"])
    rates = ("false_alarms", "false_passes", "passes")
    rules = [{**each, **{name: each[name] and Rate(**each[name]) for name in rates}} for each in value["rules"]]
    whole = {
        **value,
        "repeats": tuple(Repeat(**each) for each in value["repeats"]),
        "rules": tuple(RuleControl(**each) for each in rules),
    }
    return Control(**whole)


def fault_row(fault: Fault) -> dict[str, Cell]:
    """All columns but the experiment, the run and the time."""
    return {
        **fields_of(fault.origin),
        "hook": fault.hook,
        "error": text_cell(fault.error),
        "traceback": text_cell(fault.traceback),
    }


def fault_of(row: Row) -> Fault:
    """A plugin's misstep."""
    return Fault(origin_of(row), row["hook"], text_of(row["error"]), text_of(row["traceback"]))


def _values(row: Row, names: Iterable[str], numbers: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names} | {name: number_of(row[name]) for name in numbers}
