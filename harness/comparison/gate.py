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
from harness.values import Calibration, GateRule, Outcome, Ruling, Verdict

__all__ = ["Evidence", "decide"]


def decide(
    rules: Sequence[GateRule],
    evidence: Callable[[GateRule], Evidence],
    calibrations: Sequence[Calibration] = (),
) -> Verdict:
    """Whether the candidate may ship, with a ruling on each rule in the order given.

    Passed: every critical rule passed, no supporting rule failed, and something was shown at all. Failed: a critical
    or supporting rule failed. Else inconclusive. A rule that was not measured is inconclusive, never passed.
    ``Ruling.p_failed`` is the rule's own p-value, before Holm. ``calibrations`` of the judges that the rules are about
    go with the verdict; a ruling rests on its own evidence.
    """
    readings = [read(rule, evidence(rule), len(rules)) for rule in rules]
    # A rule without a measurement, or with a level of its own, still counts as one of the suite's.
    adjusted = holm_adjusted([_p_for_holm(reading) for reading in readings])
    rulings = tuple(_rule_on(*each, len(rules)) for each in zip(readings, adjusted, strict=True))
    outcome = _together(rulings)
    return Verdict(outcome, summary(rulings, outcome), rulings, caveats(readings), tuple(calibrations))


def is_certain(rule: GateRule, evidence: Evidence, rules: int) -> bool:
    """Whether the rule, one of so many, is passed or failed by this evidence whatever the other rules turn out to be.

    Where Holm will weigh the rule, it is failed for certain at its part of the level. A rule that cannot be measured is
    certain to stay so.
    """
    if evidence.why_not is not None:
        return True
    reading = read(rule, evidence, rules)
    if reading.p_passed is None or reading.p_failed is None:
        return False
    if reading.p_passed <= reading.level_passed:
        return reading.may_pass
    return reading.p_failed <= (rule.alpha / rules if reading.level_failed is None else reading.level_failed)


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
    if reading.p_passed <= reading.level_passed:
        return "passed" if reading.may_pass else "inconclusive"
    return "failed" if _is_failed(reading, p_failed) else "inconclusive"


def _p_for_holm(reading: Reading) -> float:
    return 1.0 if reading.p_failed is None or reading.level_failed is not None else reading.p_failed


def _is_failed(reading: Reading, adjusted: float) -> bool:
    if reading.level_failed is not None and reading.p_failed is not None:
        return reading.p_failed <= reading.level_failed
    return adjusted <= reading.rule.alpha


def _together(rulings: Sequence[Ruling]) -> Outcome:
    binding = [ruling for ruling in rulings if ruling.rule.tier != "advisory"]
    if any(ruling.outcome == "failed" for ruling in binding):
        return "failed"
    critical = [ruling for ruling in binding if ruling.rule.tier == "critical"]
    shown = any(ruling.outcome == "passed" for ruling in binding)
    return "passed" if shown and all(ruling.outcome == "passed" for ruling in critical) else "inconclusive"
