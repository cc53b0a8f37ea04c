"""Which samples broke, which got fixed and which cannot be told, and where they gather; never netted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from harness.values import Pair

By = Literal["cluster", "stratum", "tag"]
"""What puts samples into one group."""


@dataclass(frozen=True, slots=True)
class Flips:
    """The ids of the samples that two runs score differently, on one metric."""

    compared: int
    """Samples with both scores."""
    broken: tuple[str, ...]
    """What the candidate does worse: the largest loss first, equal ones in the samples' order."""
    fixed: tuple[str, ...]
    """What the candidate does better, likewise."""
    missing: tuple[str, ...]
    """What lacks a score on either side: neither fixed nor broken."""


class Group(NamedTuple):
    """How the samples of one group fared."""

    by: By
    name: str
    compared: int
    fixed: int
    broken: int
    missing: int


def flips(pairs: Sequence[Pair], higher_is_better: bool) -> Flips:
    """The samples sorted out; where lower is better, one whose score rose is broken."""
    sign = 1.0 if higher_is_better else -1.0
    changes = {pair.sample_id: sign * change for pair in pairs if (change := _change(pair)) is not None}
    worst_first = sorted(changes, key=lambda sample: changes[sample])
    best_first = sorted(changes, key=lambda sample: -changes[sample])
    return Flips(
        compared=len(changes),
        broken=tuple(sample for sample in worst_first if changes[sample] < 0),
        fixed=tuple(sample for sample in best_first if changes[sample] > 0),
        missing=tuple(pair.sample_id for pair in pairs if pair.sample_id not in changes),
    )


def groups(found: Flips, pairs: Iterable[Pair], tags: Mapping[str, Sequence[str]]) -> tuple[Group, ...]:
    """The samples counted by cluster, by stratum and by tag; of each the group with the most broken ones first.

    Of two with as many broken the smaller one is worse. A sample counts in each of its groups; ``tags`` are those of
    the samples that have some.
    """
    members: dict[tuple[By, str], set[str]] = {}
    for pair in pairs:
        for group in _groups_of(pair, tags.get(pair.sample_id, ())):
            members.setdefault(group, set()).add(pair.sample_id)
    fixed, broken, missing = set(found.fixed), set(found.broken), set(found.missing)
    counted = [
        Group(by, name, len(ids - missing), len(ids & fixed), len(ids & broken), len(ids & missing))
        for (by, name), ids in members.items()
    ]
    return tuple(sorted(counted, key=lambda group: (group.by, -group.broken, group.compared, group.name)))


def _change(pair: Pair) -> float | None:
    before, after = pair.baseline, pair.candidate
    if before is None or after is None or math.isnan(before + after):
        return None
    # two infinite scores are equal, though their difference is no number
    return 0.0 if before == after else after - before


def _groups_of(pair: Pair, tags: Iterable[str]) -> Iterator[tuple[By, str]]:
    if pair.cluster is not None:
        yield "cluster", pair.cluster
    if pair.stratum is not None:
        yield "stratum", pair.stratum
    for tag in tags:
        yield "tag", tag
