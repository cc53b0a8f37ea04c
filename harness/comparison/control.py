"""What the last A/A control says to the reader of a verdict."""

from __future__ import annotations

from collections.abc import Iterator

from harness.values import Control, Rate, Repeat, RuleControl


def told(control: Control, suite_digest: str) -> Iterator[str]:
    """A line on the rates, one for each rule that errs more than it claims, one for each metric that is not steady."""
    of = "" if control.suite_digest == suite_digest else " of another version of this suite"
    if control.rules:
        alarms = max(control.rules, key=lambda rule: rule.false_alarms.value)
        share = percent(alarms.false_alarms)
        line = f"an unchanged model was called worse in at most {share} of {control.swaps} label swaps"
        tried = [rule for rule in control.rules if rule.false_passes is not None]
        if tried:
            worst = max(rule.false_passes.value for rule in tried if rule.false_passes)
            line += f", and a model at the limit of its gate passed in at most {100 * worst:.3g} %"
        yield f"A/A control of {control.decided[:10]}{of}: {line}"
    for rule in control.rules:
        for what, rate in excesses(rule):
            claimed = f"more than the {100 * rule.alpha:.3g} % that the gate claims"
            yield f"WARNING, {rule.rule}: the A/A control saw {what} in {percent(rate)}, {claimed}"
    for repeat in control.repeats:
        if repeat.flips:
            yield floor(repeat)


def excesses(rule: RuleControl) -> Iterator[tuple[str, Rate]]:
    """The errors that were seen more often than the rule claims, beyond what chance explains."""
    if rule.false_alarms.low > rule.alpha:
        yield "false alarms", rule.false_alarms
    if rule.false_passes is not None and rule.false_passes.low > rule.alpha:
        yield "false passes", rule.false_passes


def floor(repeat: Repeat) -> str:
    """How unsteady a metric is where nothing that should matter was changed."""
    share = f"{repeat.flips:,} of {repeat.pairs:,} scores"
    line = f"{repeat.task} {repeat.metric} is not steady: with {repeat.varied} the base model changed {share}"
    return line + ", and is said to differ from itself" if repeat.false_alarm else line


def percent(rate: Rate) -> str:
    """``4.5 % (2.9 to 6.9)``."""
    return f"{100 * rate.value:.3g} % ({100 * rate.low:.2g} to {100 * rate.high:.2g})"
