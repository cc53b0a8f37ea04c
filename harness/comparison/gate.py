"""The release gate: rules and evidence in, one verdict out; pure.

Each rule is tested at its own level. That every critical rule must pass needs no correction: the chance to pass
although one is truly missed is at most its level. That any one rule may fail the release does: *failed* goes by Holm
over all rules of the suite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.comparison.evidence import Evidence
from harness.comparison.reading import Reading, read
from harness.comparison.statistics import holm_adjusted
from harness.comparison.wording import caveats, reason, summary
from harness.values import GateRule, Outcome, Ruling, Verdict

__all__ = ["Evidence", "decide"]


def decide(rules: Sequence[GateRule], evidence: Callable[[GateRule], Evidence]) -> Verdict:
    """Whether the candidate may ship, with a ruling on each rule in the order given.

    Passed: every critical rule passed, no supporting rule failed, and something was shown at all. Failed: a critical
    or supporting rule failed. Else inconclusive. A rule that was not measured is inconclusive, never passed.
    ``Ruling.p_failed`` is the rule's own p-value, before Holm.
    """
    readings = [read(rule, evidence(rule)) for rule in rules]
    # A rule without a measurement still counts as one of the suite's.
    adjusted = holm_adjusted([1.0 if reading.p_failed is None else reading.p_failed for reading in readings])
    rulings = tuple(_rule_on(*each, len(rules)) for each in zip(readings, adjusted, strict=True))
    outcome = _together(rulings)
    return Verdict(outcome, summary(rulings, outcome), rulings, caveats(readings))


def _rule_on(reading: Reading, p_failed: float, rules: int) -> Ruling:
    outcome = _outcome(reading, p_failed)
    return Ruling(
        rule=reading.rule,
        outcome=outcome,
        reason=reason(reading, outcome, rules),
        p_passed=reading.p_passed,
        p_failed=reading.p_failed,
        items=reading.asked,
        items_needed=reading.items_needed if outcome == "inconclusive" else None,
    )


def _outcome(reading: Reading, p_failed: float) -> Outcome:
    if reading.p_passed is None:
        return "inconclusive"
    if reading.p_passed <= reading.rule.alpha:
        return "passed"
    return "failed" if p_failed <= reading.rule.alpha else "inconclusive"


def _together(rulings: Sequence[Ruling]) -> Outcome:
    binding = [ruling for ruling in rulings if ruling.rule.tier != "advisory"]
    if any(ruling.outcome == "failed" for ruling in binding):
        return "failed"
    critical = [ruling for ruling in binding if ruling.rule.tier == "critical"]
    shown = any(ruling.outcome == "passed" for ruling in binding)
    return "passed" if shown and all(ruling.outcome == "passed" for ruling in critical) else "inconclusive"
