"""Several models judge the same answers: their common word, and how far they agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from harness import Case, JudgeModel, JudgingContext, Sample, Score
from harness_judges.asking import malformed
from harness_judges.pairwise import Pairwise
from harness_judges.rubric import Criteria, Rubric

Values = Sequence[float | None]


@dataclass(frozen=True)
class Panel:
    """Several models, each asked as ``pairwise`` or ``rubric`` would ask it; they see nothing of each other.

    Side by side the value is what more than half of those say who give one, 0.5 where no value has so many; of single
    answers it is the mean. ``details``: the ``members``' values by model, their ``reasons``, ``why_missing`` of those
    who gave none; and ``orders`` as in ``pairwise``, the members' common word in each order.
    """

    name: ClassVar[str] = "panel"
    requires_packages: ClassVar[tuple[str, ...]] = ("krippendorff",)

    models: tuple[JudgeModel, ...] = ()
    """The members, two or more, each written as a judge's ``model``. Models of different makers err less alike."""
    of: Literal["pairwise", "rubric"] = "pairwise"
    """How each member judges: two answers side by side, or single ones."""
    criteria: Criteria | None = None
    """With ``of: rubric``: what an answer is graded on, written as for ``rubric``."""
    instructions: str | None = None
    """What each member is told, as in ``pairwise`` and in ``rubric``."""
    show_references: bool = True
    """Whether the members see the sample's targets, each as one right answer among others; at most five of them."""
    max_answer_chars: int = 20_000
    """Of an answer, a turn of the task or a reference longer than this, the members see the first and the last half of
    so many characters."""
    quorum: int | None = None
    """How many members must give a value, or the score is missing; without it more than half of them."""
    label: str = ""
    """What the report and gates call it, where a task has two of a kind; without it the judge's own name."""

    def __post_init__(self) -> None:
        if len(self.models) < 2:
            raise ValueError("a panel has two models or more; for one, use 'pairwise' or 'rubric'")
        names = [model.name for model in self.models]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]!r} sits on the panel twice; name different models, or each vote counts double")
        if self.quorum is not None and not 1 <= self.quorum <= len(self.models):
            raise ValueError(f"quorum is from 1 to {len(self.models)}, the number of models, not {self.quorum}")
        if self.of == "pairwise" and self.criteria is not None:
            raise ValueError("criteria are for 'of: rubric'; with 'of: pairwise' say in instructions what is better")
        self._members()

    @property
    def compares(self) -> bool:
        """Whether the members are shown two answers side by side."""
        return self.of == "pairwise"

    def grade(self, cases: Sequence[Case], context: JudgingContext) -> Sequence[Score]:
        """One score a case, in order; every member judges every case."""
        by_member = {name: member.grade(cases, context) for name, member in self._members().items()}
        return [
            self._together(case.sample, {name: scores[place] for name, scores in by_member.items()})
            for place, case in enumerate(cases)
        ]

    def notes(self, scores: Sequence[Score]) -> Sequence[str]:
        """How far the members agree beyond chance, and who gave no value how often."""
        return list(self._notes(scores))

    def _notes(self, scores: Sequence[Score]) -> Iterator[str]:
        asked = [score.details for score in scores if "members" in score.details]
        names = [model.name for model in self.models]
        if asked:
            yield self._agreement([[details["members"].get(name) for details in asked] for name in names])
        if self.compares and (orders := [each["orders"] for each in asked if "orders" in each]):
            turned = sum(one != other for one, other in orders)
            share = f"{turned:,} of {len(orders):,} pairs ({turned / len(orders):.0%})"
            yield f"panel: the members' common word in the two orders disagrees on {share}"
        for name in names:
            if gone := sum(details["members"].get(name) is None for details in asked):
                yield f"panel: {name} gave no value on {gone:,} of {len(asked):,} items"
        bad = Counter(name for details in asked for name in details.get("malformed", ()))
        yield from malformed({f"panel, {name}": bad[name] for name in names}, len(asked))

    def _members(self) -> dict[str, Pairwise | Rubric]:
        return {model.name: self._member(model) for model in self.models}

    def _member(self, model: JudgeModel) -> Pairwise | Rubric:
        shared: dict[str, Any] = {"show_references": self.show_references, "max_answer_chars": self.max_answer_chars}
        if self.instructions is not None:
            shared["instructions"] = self.instructions
        if self.of == "pairwise":
            return Pairwise(model, **shared)
        return Rubric(model, **shared) if self.criteria is None else Rubric(model, self.criteria, **shared)

    def _together(self, sample: Sample, scores: Mapping[str, Score]) -> Score:
        given = {name: score.value for name, score in scores.items() if score.value is not None}
        first = next(iter(scores.values()))
        if "not_asked" in first.details:
            return Score(sample.id, first.value, None, first.details)
        details = _details(scores)
        quorum = self.quorum or len(self.models) // 2 + 1
        if len(given) < quorum:
            silent, why = next((name, score.why_missing) for name, score in scores.items() if score.value is None)
            counted = f"{len(given)} of {len(scores)} members gave a value and {quorum} are needed"
            return Score(sample.id, None, f"{counted}; {silent}: {why}", details)
        values = list(given.values())
        if not self.compares:
            return Score(sample.id, math.fsum(values) / len(values), None, details)
        orders = [scores[name].details["orders"] for name in given]
        details["orders"] = [_majority(column) for column in zip(*orders, strict=True)]
        return Score(sample.id, _majority(values), None, details)

    def _agreement(self, rows: Sequence[Values]) -> str:
        """Krippendorff's alpha (2011, "Computing Krippendorff's Alpha-Reliability"); one row of values a member.

        Nominal where the values are three classes, interval where they are grades.
        """
        told = [column for column in zip(*rows, strict=True) if sum(value is not None for value in column) > 1]
        items = f"{len(self.models)} judges, {len(told):,} items that two or more of them judged"
        if len({value for column in told for value in column if value is not None}) < 2:
            return f"panel: how far the judges agree cannot be told: no two values differ ({items})"
        import krippendorff

        data = [[math.nan if value is None else value for value in row] for row in zip(*told, strict=True)]
        level: Literal["nominal", "interval"] = "nominal" if self.compares else "interval"
        alpha = float(krippendorff.alpha(reliability_data=data, level_of_measurement=level))
        return f"panel: Krippendorff's alpha is {alpha:.2f}, {level} ({items}; 1 is full agreement, 0 is chance)"


def _details(scores: Mapping[str, Score]) -> dict[str, Any]:
    """What each member said."""
    details: dict[str, Any] = {"members": {name: score.value for name, score in scores.items()}}
    for key in ("reasons", "levels"):
        if said := {name: score.details[key] for name, score in scores.items() if key in score.details}:
            details[key] = said
    if silent := {name: score.why_missing for name, score in scores.items() if score.value is None}:
        details["why_missing"] = silent
    if bad := [name for name, score in scores.items() if score.details.get("malformed")]:
        details["malformed"] = bad
    if left_out := next(iter(scores.values())).details.get("left_out"):
        details["left_out"] = left_out
    return details


def _majority(values: Sequence[float]) -> float:
    """What more than half say; 0.5 if nothing is."""
    value, count = Counter(values).most_common(1)[0]
    return value if 2 * count > len(values) else 0.5
