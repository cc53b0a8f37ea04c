"""The runs that a candidate is held to."""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import UsageError
from harness.store.reader import Reader
from harness.values import RELEASE, GateRule, Run


def stand_ins(reader: Reader, baseline: Run) -> dict[str, Run]:
    """The runs that a suite's ``against`` means when ``baseline`` is named on the command line.

    ``baseline`` takes the place of ``base``; ``prompted`` is ``baseline`` itself if it is such a run, and otherwise the
    prompted run of the same experiment, if there is one.
    """
    siblings = {run.arm: run for run in reader.experiment_runs(baseline.experiment)}
    chosen = {"base": baseline}
    if baseline.arm == "prompted":
        chosen["prompted"] = baseline
    elif "prompted" in siblings and siblings["prompted"].status == "finished":
        chosen["prompted"] = siblings["prompted"]
    return chosen


def recorded_baselines(
    reader: Reader, suite: str, rules: Iterable[GateRule], candidate: Run | None = None
) -> dict[str, Run]:
    """The recorded runs that rules name: an id must be there and finished, a release may not exist yet.

    The ``candidate``, where it is known already, is not its own release.
    """
    found: dict[str, Run] = {}
    for rule in rules:
        if rule.against == RELEASE:
            released = reader.released(suite, candidate)
            found |= {RELEASE: released} if released else {}
        elif rule.is_against_the_record:
            run = reader.run(rule.against)
            if run.status != "finished":
                raise UsageError(f"a gate is against {run.id}, which is {run.status}", remedy="name a finished run")
            found[rule.against] = run
    return found


def no_run(rule: GateRule) -> str:
    """Why a rule has nobody to be held against."""
    if rule.against == RELEASE:
        return "this suite has passed no candidate yet, so there is no release to compare with"
    return f"there is no run of the arm {rule.against!r} to compare with"
