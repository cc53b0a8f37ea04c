"""What people think of answers, and a judge held to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Preference = Literal["baseline", "candidate", "tie"]
"""Which of two answers is the better one."""

PEOPLE = "people"
"""What a gate calls the preferences that people gave in a review, as if it were a metric of every task."""

LABELS_NEEDED = 100
"""Pairs of answers that people must have labelled before a rule on a judge says anything."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one rater thinks of a sample's two answers."""

    sample_id: str
    rater: str
    value: float | None
    """1 where the candidate's answer is better, 0 where the baseline's is, 0.5 for a tie."""
    why_missing: str | None = None
    """E.g. that the rater skipped it."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """A note, that both are bad, which stood left; grades of both where a person gave such."""


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """How often people and a judge chose one class, and how often both did on the same sample."""

    name: Preference
    people: int
    judge: int
    both: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """A judge held to people's labels of the same pairs of answers.

    Rates are means of a preference d: 1 where the candidate's answer is better, -1 where the baseline's is, 0 for a
    tie; (1 + d) / 2 is the share of wins with ties as half. For a judge that grades single answers d is the candidate's
    grade minus the baseline's.
    """

    task: str
    metric: str
    against: str
    compares: bool
    """Whether the judge was shown two answers side by side."""
    items: int
    """Pairs that the judge was shown."""
    missing: int
    """Of them without a judgement."""
    labels: int
    """Pairs that people labelled."""
    unlabelled: int
    """Pairs that were drawn for people and have no label yet, or were skipped."""
    raw: float | None
    """The judge's own rate over all pairs."""
    corrected: float | None
    """People's rate over all pairs, by the judge's help; ``None`` with fewer than three labels."""
    low: float | None
    """Two-sided 95 % interval of ``corrected``; drawn pairs without a label are taken at their worst and best."""
    high: float | None
    agreement: float | None = None
    """Share of the labelled pairs on which both chose the same class."""
    kappa: float | None = None
    """Cohen's, over the three classes."""
    kappa_low: float | None = None
    """Its one-sided 95 % lower bound."""
    classes: tuple[ClassAgreement, ...] = ()
    order_disagreement: float | None = None
    """Share of pairs where the judge's word turned with the order of the answers."""
    first_place: float | None = None
    """How often the judge preferred what stood first, of all the times that it preferred one; 0.5 is no bias."""
    longer_judge: float | None = None
    """How often the judge preferred the longer answer, of all the times that it preferred one."""
    longer_people: float | None = None
    """How often people did, on the pairs that they labelled."""
