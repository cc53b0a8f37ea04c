"""A judge held to people: their rate over all pairs by the judge's help, and how far the judge is to be trusted.

A judge's own rate is about the judge. People's labels on a random draw of the pairs say how far it is off: the rate
that is reported and gated is people's, and the judge only makes it surer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from harness.comparison.agreement import kappa, kappa_lower, preference
from harness.comparison.clusters import Design
from harness.comparison.evidence import Evidence, as_array, sides
from harness.comparison.statistics import Array, Side, Values, is_within, p_value
from harness.values import Calibration, ClassAgreement, Preference

FEWEST = 3
"""Labels below which nothing can be said of how far they spread about the judge's word."""
BOUNDS = (-1.0, 1.0)
"""What a preference can be."""

_EACH_END = 0.025
"""A two-sided 95 % interval is two one-sided bounds."""
_ROUNDING = 1e-9
_CLASSES: tuple[Preference, ...] = ("candidate", "tie", "baseline")


@dataclass(frozen=True, slots=True)
class Corrected:
    """People's mean preference over all pairs, from their labels of a random draw and a judge's word on all.

    Student's t with this error alone was wrong in up to 22 % of runs, instead of 5, where nearly all labels are ties
    and the rest point one way: the fault of every error that few flips must show. So the test of the gates has a say
    too (``statistics.p_value``): of the labels, moved to have the estimate for their mean, as if they were so many as
    have its error. The larger p counts, and the wider bound.
    """

    estimate: float
    standard_error: float
    degrees_of_freedom: int
    labels: Array = field(compare=False, repr=False)

    @classmethod
    def of(cls, people: Values, judge: Values, everywhere: Values) -> Corrected:
        """From people's and the judge's preferences on the ``n`` drawn pairs and the judge's on all ``N``, -1 to 1.

            lam = cov(people, judge) / var(judge)                     0 where the judge always says the same
            estimate = mean(people) - lam (mean(judge) - mean(everywhere))
            se^2 = v (1/n - 1/N) + var(people) / N                    v: variance of people - lam judge

        This is the regression estimator of double sampling (Cochran 1977), PPI++ with its labels nested in the whole.
        ``v`` counts two more residuals of size 1, which keeps few labels honest. Where every pair has a label the
        judge has no part in it: mean and error are those of the labels. Raises ``ValueError`` for fewer than three.
        """
        labels, beside, words = (np.asarray(each, dtype=np.float64) for each in (people, judge, everywhere))
        n, whole = len(labels), len(words)
        if n < FEWEST or whole < n or len(beside) != n:
            raise ValueError(f"{n} labels with {len(beside)} judgements beside them, of {whole} pairs, tell no rate")
        if not is_within(labels, BOUNDS):
            raise ValueError(f"a label lies outside {BOUNDS}")
        slope = _slope(labels, beside)
        estimate = float(labels.mean()) - slope * float(beside.mean() - words.mean())
        spread = (float((labels - slope * beside).var(ddof=1)) * (n - 1) + 2) / (n + 1)
        variance = spread * (1 / n - 1 / whole) + float(labels.var(ddof=1)) / whole
        return cls(min(max(estimate, BOUNDS[0]), BOUNDS[1]), math.sqrt(variance), n - 2, labels)

    def p_value(self, null: float, side: Side) -> float:
        """Small is evidence that people's rate lies above (``side=+1``) or below (``-1``) ``null``."""
        return max(self._by_t(null, side), self._by_score(null, side))

    def bound(self, alpha: float, side: Side) -> float:
        """The bound of people's rate at level 1 - ``alpha``, lower for ``side=+1``: where ``p_value`` is ``alpha``."""
        edge = BOUNDS[0] if side > 0 else BOUNDS[1]
        by_t = self.estimate + side * float(scipy.special.stdtrit(self.degrees_of_freedom, alpha)) * self.standard_error
        if side * (by_t - edge) <= 0 or self._by_score(edge, side) >= alpha:
            return edge
        if self._by_score(by_t, side) <= alpha:
            return by_t
        return float(scipy.optimize.brentq(lambda null: self._by_score(null, side) - alpha, edge, by_t, xtol=1e-9))

    def _by_t(self, null: float, side: Side) -> float:
        distance = side * (self.estimate - null)
        if self.standard_error == 0:
            return float(distance <= 0)
        return float(scipy.special.stdtr(self.degrees_of_freedom, -distance / self.standard_error))

    def _by_score(self, null: float, side: Side) -> float:
        """Nor is it below the chance that none was drawn of a share of pairs that, lost whole, would make it true."""
        n, spread = len(self.labels), float(self.labels.var(ddof=1))
        inflation = self.standard_error**2 * n / spread if spread > 0 else 1.0
        as_many = Design(n, n, inflation, skew=1.0)
        return p_value(self.labels, null - self.estimate + float(self.labels.mean()), side, BOUNDS, as_many)


@dataclass(frozen=True, slots=True)
class Held:
    """A judge's evidence as numbers, NaN where missing."""

    people: Array
    """What people found of the pairs that were drawn for them."""
    judge: Array
    """What the judge said of the same."""
    everywhere: Array
    """What it said of all."""

    @classmethod
    def of(cls, evidence: Evidence) -> Held:
        """The labels that belong to pairs of this evidence, in the pairs' order."""
        labels = evidence.people or {}
        both = sides(evidence.pairs, evidence.higher_is_better, evidence.bounds)
        everywhere: Array = both.candidate - both.baseline
        drawn = np.array([pair.sample_id in labels for pair in evidence.pairs], dtype=np.bool_)
        people = as_array(labels[pair.sample_id] for pair in evidence.pairs if pair.sample_id in labels)
        return cls(people, everywhere[drawn], everywhere)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which of the drawn pairs have a label."""
        return ~np.isnan(self.people)

    @property
    def labels(self) -> int:
        """How many have one."""
        return int(self.known.sum())

    @property
    def unlabelled(self) -> int:
        """How many have none: not answered yet, or skipped."""
        return len(self.people) - self.labels

    def corrected(self, unlabelled: float | None = None) -> Corrected:
        """People's rate, with drawn pairs that have no label taken at this value; with none given they are left out.

        A missing judgement counts as a tie, here and over all pairs. The correction takes out whatever one rule of
        reckoning, applied to all pairs alike, is off by in the mean: a poor rule costs width, never truth.
        """
        kept = self.known if unlabelled is None else np.ones(len(self.people), dtype=np.bool_)
        people = self.people if unlabelled is None else np.nan_to_num(self.people, nan=unlabelled)
        return Corrected.of(people[kept], np.nan_to_num(self.judge[kept]), np.nan_to_num(self.everywhere))

    def classes(self) -> tuple[list[Preference], list[Preference]]:
        """People's and the judge's classes of the pairs that both have a word on."""
        both = self.known & ~np.isnan(self.judge)
        return [preference(each) for each in self.people[both]], [preference(each) for each in self.judge[both]]


def calibrate(
    evidence: Evidence,
    *,
    details: Mapping[str, Mapping[str, Any]] | None = None,
    longer: Mapping[str, int] | None = None,
) -> Calibration:
    """A judge held to people's labels of the same pairs of answers; what cannot be told is ``None``.

    ``details``: by sample, those of the judge's score; ``orders`` there are its values with the baseline's answer first
    and with the candidate's first. ``longer``: by sample, 1 where the candidate's answer is the longer one, -1 where
    the baseline's is, 0 where neither. Agreement and kappa are of the pairs that both have a word on.
    """
    held = Held.of(evidence)
    words = held.everywhere[~np.isnan(held.everywhere)]
    people, judge = held.classes()
    enough = held.labels >= FEWEST
    orders = list(_orders(details or {}, evidence))
    lengths = longer or {}
    judged = dict(zip((pair.sample_id for pair in evidence.pairs), held.everywhere.tolist(), strict=True))
    return Calibration(
        task=evidence.task,
        metric=evidence.metric,
        against=evidence.against,
        compares=evidence.are_preferences,
        items=len(evidence.pairs),
        missing=len(held.everywhere) - len(words),
        labels=held.labels,
        unlabelled=held.unlabelled,
        raw=float(words.mean()) if len(words) else None,
        corrected=held.corrected().estimate if enough else None,
        low=held.corrected(BOUNDS[0]).bound(_EACH_END, 1) if enough else None,
        high=held.corrected(BOUNDS[1]).bound(_EACH_END, -1) if enough else None,
        agreement=_share(one == other for one, other in zip(people, judge, strict=True)),
        kappa=kappa(people, judge),
        kappa_low=kappa_lower(people, judge),
        classes=tuple(_class(name, people, judge) for name in _CLASSES),
        order_disagreement=_share(preference(first) != preference(second) for first, second in _both(orders)),
        first_place=_share(_went_first(orders)),
        longer_judge=_share(_went_longer(judged, lengths)),
        longer_people=_share(_went_longer(evidence.people or {}, lengths)),
    )


def _slope(labels: Array, beside: Array) -> float:
    """By how much people's preference goes with the judge's."""
    if float(np.ptp(beside)) <= _ROUNDING:
        return 0.0
    return float(((labels - labels.mean()) * (beside - beside.mean())).sum() / ((beside - beside.mean()) ** 2).sum())


def _class(name: Preference, people: Sequence[Preference], judge: Sequence[Preference]) -> ClassAgreement:
    both = sum(one == other == name for one, other in zip(people, judge, strict=True))
    return ClassAgreement(name, people.count(name), judge.count(name), both)


_Orders = tuple[float | None, float | None]
"""The judge's preference with the baseline's answer first, and with the candidate's first."""


def _orders(details: Mapping[str, Mapping[str, Any]], evidence: Evidence) -> Iterator[_Orders]:
    for pair in evidence.pairs:
        match details.get(pair.sample_id, {}).get("orders"):
            case [first, second]:
                yield _preferred(first), _preferred(second)


def _preferred(value: object) -> float | None:
    return 2 * value - 1 if isinstance(value, int | float) and math.isfinite(value) else None


def _both(orders: Iterable[_Orders]) -> Iterator[tuple[float, float]]:
    return ((first, second) for first, second in orders if first is not None and second is not None)


def _went_first(orders: Iterable[_Orders]) -> Iterator[bool]:
    """Whether what stood first was preferred, for each single word that preferred one."""
    for orderings in orders:
        for value, chosen in zip(orderings, ("baseline", "candidate"), strict=True):
            if value is not None and (found := preference(value)) != "tie":
                yield found == chosen


def _went_longer(preferred: Mapping[str, float | None], longer: Mapping[str, int]) -> Iterator[bool]:
    """Whether the longer answer was preferred, for each pair of unlike lengths where one was."""
    for sample, value in preferred.items():
        sign = longer.get(sample, 0)
        if sign and value is not None and not math.isnan(value) and (found := preference(value)) != "tie":
            yield found == ("candidate" if sign > 0 else "baseline")


def _share(happened: Iterable[bool]) -> float | None:
    found = list(happened)
    return sum(found) / len(found) if found else None
