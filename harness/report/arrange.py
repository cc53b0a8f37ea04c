"""A comparison put in the order in which a person reads it; screen and Markdown draw from the same rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.values import Comparison, Delta, Estimate, GateRule, Outcome, Run, Verdict

EXIT_STATUS: dict[Outcome, int] = {"passed": 0, "failed": 3, "inconclusive": 4}
EXIT_MEANING: dict[Outcome, str] = {
    "passed": "every gate that must pass has passed",
    "failed": "a gate failed",
    "inconclusive": "it cannot be told yet",
}
MARK: dict[Outcome, str] = {"passed": "✓", "failed": "✗", "inconclusive": "?"}


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one task over all runs."""

    task: str
    metric: str
    estimates: tuple[Estimate | None, ...]
    """In the order of the comparison's runs; ``None`` where the run did not measure it."""
    delta: Delta | None
    """The candidate against the arm that the gate speaks of."""

    @property
    def baseline(self) -> float | None:
        """The baseline's value over the pairs, or over its own samples where no pair exists."""
        return self.delta.baseline if self.delta else _value(self.estimates[0])

    @property
    def candidate(self) -> float | None:
        """The candidate's value, likewise."""
        return self.delta.candidate if self.delta else _value(self.estimates[-1])


def task_rows(comparison: Comparison, verdict: Verdict) -> tuple[Row, ...]:
    """The suite's own tasks, a row a metric."""
    return tuple(row for row in _rows(comparison, verdict) if row.task not in comparison.benchmarks)


def forgetting_rows(comparison: Comparison, verdict: Verdict) -> tuple[Row, ...]:
    """The benchmarks, a row a metric."""
    return tuple(row for row in _rows(comparison, verdict) if row.task in comparison.benchmarks)


def not_measured(comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """Each task that some run could not measure, with the reason."""
    return tuple(dict.fromkeys(pair for run in comparison.runs for pair in run.not_measured.items()))


def columns(runs: Sequence[Run]) -> tuple[str, ...]:
    """A heading for each run: its arm, or its id where two runs have the same arm."""
    times = Counter(run.arm for run in runs)
    return tuple(run.arm if times[run.arm] == 1 else run.id for run in runs)


def caveats(comparison: Comparison, verdict: Verdict) -> tuple[str, ...]:
    """What limits the answer: the verdict's caveats, the runs' notes, and runs that did not finish; each once."""
    return tuple(dict.fromkeys([*verdict.caveats, *remarks(comparison.runs)]))


def remarks(runs: Sequence[Run]) -> tuple[str, ...]:
    """Runs that did not finish, and what the runs' notes say; each once."""
    notes = (note for run in runs for note in run.notes)
    return tuple(dict.fromkeys([*_unfinished(runs), *notes]))


def reused(run: Run) -> str:
    """``114 of 178 items answered by tickets-1/base``; empty where every item was asked."""
    if not run.reused:
        return ""
    count = sum(run.reused.values())
    of = f" of {run.items:,}" if run.status == "finished" else ""
    shares = [name if len(run.reused) == 1 else f"{name} ({items:,})" for name, items in run.reused.items()]
    return f"{count:,}{of} items answered by " + " and ".join(shares)


def all_reused(runs: Sequence[Run]) -> tuple[str, ...]:
    """The same for each run that took items over, its column's heading before it."""
    headed = zip(columns(runs), map(reused, runs), strict=True)
    return tuple(f"{heading}: {words}" for heading, words in headed if words)


def common_baseline(rows: Iterable[Row]) -> str | None:
    """The arm that all changes are measured against, or ``None`` when they differ."""
    names = {row.delta.against for row in rows if row.delta}
    return names.pop() if len(names) == 1 else None


def _rows(comparison: Comparison, verdict: Verdict) -> list[Row]:
    found = [{(each.task, each.metric): each for each in run.estimates} for run in comparison.runs]
    keys = dict.fromkeys(key for estimates in found for key in estimates)
    keys.update(dict.fromkeys((delta.task, delta.metric) for delta in comparison.deltas))
    rules = [ruling.rule for ruling in verdict.rulings]
    return [
        Row(task, metric, tuple(each.get((task, metric)) for each in found), _delta(comparison, rules, task, metric))
        for task, metric in keys
    ]


def _delta(comparison: Comparison, rules: Sequence[GateRule], task: str, metric: str) -> Delta | None:
    """The change that matters: against the arm of the metric's gate, else of the task's, else ``prompted``."""
    deltas = {each.against: each for each in comparison.deltas if (each.task, each.metric) == (task, metric)}
    relative = [rule for rule in rules if rule.task == task and rule.level is None]
    gated = [rule.against for rule in sorted(relative, key=lambda rule: rule.metric != metric)]
    wanted = [*gated, "prompted", "base", *deltas]
    return next((deltas[name] for name in wanted if name in deltas), None)


def _unfinished(runs: Sequence[Run]) -> list[str]:
    return [f"{run.id} is {run.status}: its figures are not whole" for run in runs if run.status != "finished"]


def _value(estimate: Estimate | None) -> float | None:
    return estimate.value if estimate else None
