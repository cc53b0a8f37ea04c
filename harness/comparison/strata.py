"""The parts of a benchmark one by one: which of them fell, though the whole may have held.

A screen, not a ruling: a drop of ten points in one of MMLU's 57 subjects is seen in about one of six runs, one of
twenty points in five of six. What it names has fallen; what it does not name may have fallen too.
"""

from __future__ import annotations

from collections import defaultdict

from harness.comparison.evidence import Evidence, change, sides
from harness.comparison.statistics import holm, p_value
from harness.values import GateRule, Pair

FALLEN = 0.05
"""The drop that is held against each part, as a share of the metric's range."""


def fallen(rule: GateRule, evidence: Evidence) -> tuple[str, ...]:
    """The strata that surely fell by more than ``FALLEN``, the chance to name even one wrongly at most ``rule.alpha``.

    Missing scores count as they would at best. Nothing for rules about one run, metrics without bounds, and whole
    tasks without strata.
    """
    parts: dict[str, list[Pair]] = defaultdict(list)
    for pair in evidence.pairs:
        if pair.stratum is not None:
            parts[pair.stratum].append(pair)
    if rule.level is not None or len(parts) < 2:
        return ()
    p_values = [_p_fallen(pairs, evidence) for pairs in parts.values()]
    return tuple(name for name, is_so in zip(parts, holm(p_values, rule.alpha), strict=True) if is_so)


def _p_fallen(pairs: list[Pair], evidence: Evidence) -> float:
    asked = change(sides(pairs, evidence.higher_is_better, evidence.bounds))
    if asked.bounds is None:
        return 1.0
    width = (asked.bounds[1] - asked.bounds[0]) / 2
    return p_value(asked.best, -FALLEN * width, -1, asked.bounds)
