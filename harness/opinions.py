"""What judges and people say of a candidate's answers beside a baseline's, as the comparison needs it.

An opinion v on a pair of answers (1: the candidate's is better, 0: the baseline's) is the pair of scores (1 - v, v):
its difference is the preference from -1 to 1, its mean the share of wins with ties as half.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.catalog import Catalog
from harness.identity import drawn
from harness.protocols import Judge
from harness.store.reader import Reader
from harness.values import PEOPLE, Opinion, Pair, Run, Score, Task, labels


@dataclass(frozen=True, slots=True)
class Opinions:
    """What the record holds of opinions on one candidate."""

    reader: Reader
    catalog: Catalog
    candidate: Run

    def judges(self, task: Task) -> dict[str, Judge]:
        """The task's judges by their labels."""
        names = labels(task.scorers)[len(task.metrics) :]
        return {name: self.catalog.make("judge", ref).instance for name, ref in zip(names, task.judges, strict=True)}

    def is_about_pairs(self, task: Task, label: str) -> bool:
        """Whether scores of this label are opinions on two answers side by side, rather than one run's own."""
        if label == PEOPLE:
            return True
        judge = self.judges(task).get(label)
        return judge is not None and judge.compares

    def why_none(self, task: Task, label: str, baseline: Run) -> str | None:
        """Why nothing is known of a pair of runs, with what helps."""
        if self._given(task, label, baseline) or (label == PEOPLE and self._size(task, baseline)):
            return None
        runs = f"{baseline.id} {self.candidate.id}"
        if label == PEOPLE:
            return f"nobody has compared the answers yet; run 'harness review {runs} --items 100'"
        return f"{label} was not shown the answers; run 'harness judge run {runs} --suite SUITE'"

    def pairs(self, task: Task, label: str, baseline: Run) -> list[Pair]:
        """Opinions on pairs as both runs' scores: of all items for a judge, of those that were drawn for people."""
        values = _means(self._given(task, label, baseline))
        samples = self.reader.samples(self.candidate.id, task.name)
        if label == PEOPLE:
            asked = {*self._drawn(task, baseline), *values}
            samples = [sample for sample in samples if sample.id in asked]
        found = []
        for sample in samples:
            value = values.get(sample.id)
            other = None if value is None else 1 - value
            found.append(Pair(sample.id, other, value, sample.stratum, sample.cluster))
        return found

    def people(self, task: Task, label: str, baseline: Run) -> dict[str, float | None] | None:
        """People's preference from -1 to 1 on the pairs that a judge saw, ``None`` for one drawn and not labelled.

        ``None`` as a whole where the label is no judge's. A judge of single answers is held to people's grades of both.
        """
        judge = self.judges(task).get(label)
        if judge is None:
            return None
        given = self._given(task, PEOPLE, baseline)
        # what was drawn, or put before somebody who said nothing, is missing until there is a word on it
        drawn_pairs: dict[str, float | None] = dict.fromkeys(self._drawn(task, baseline))
        drawn_pairs |= {each.sample_id: None for each in given if each.value is None}
        if judge.compares:
            return drawn_pairs | {sample: 2 * value - 1 for sample, value in _means(given).items()}
        graded = [each for each in given if {"baseline", "candidate"} <= each.details.keys()]
        differences: dict[str, list[float]] = {}
        for each in graded:
            differences.setdefault(each.sample_id, []).append(each.details["candidate"] - each.details["baseline"])
        return drawn_pairs | {sample: math.fsum(each) / len(each) for sample, each in differences.items()}

    def details(self, task: Task, label: str, baseline: Run) -> dict[str, Mapping[str, Any]]:
        """What a judge noted on each pair."""
        return {score.sample_id: score.details for score in self._scores(task, label, baseline)}

    def notes(self, task: Task, label: str, baseline: Run) -> tuple[str, ...]:
        """What a judge says of its scores, its own name left out; one that raises says that."""
        judge = self.judges(task).get(label)
        if judge is None:
            return ()
        try:
            notes = judge.notes(self._scores(task, label, baseline))
            return tuple(note.removeprefix(f"{judge.name}: ") for note in notes)
        except Exception as error:
            return (f"it could not tell of its scores: {type(error).__name__}: {error}",)

    def longer(self, task: Task, baseline: Run) -> dict[str, int]:
        """Sample -> 1 where the candidate's answer is the longer one, -1 where the baseline's is, 0 where neither."""
        before, after = (
            {item.sample.id: len(item.text) for item in self.reader.items(run.id, task.name) if item.generations}
            for run in (baseline, self.candidate)
        )
        return {
            sample: (length > before[sample]) - (length < before[sample])
            for sample, length in after.items()
            if sample in before
        }

    def _scores(self, task: Task, label: str, baseline: Run) -> list[Score]:
        if label != PEOPLE and not self.judges(task)[label].compares:
            return self.reader.scores(self.candidate.id, task.name, label)
        given = self._given(task, label, baseline)
        return [Score(each.sample_id, each.value, each.why_missing, each.details) for each in given]

    def _given(self, task: Task, label: str, baseline: Run) -> list[Opinion]:
        return self.reader.opinions(baseline.id, self.candidate.id, task.name, label)

    def _size(self, task: Task, baseline: Run) -> int:
        return self.reader.review_size(baseline.id, self.candidate.id, task.name) or 0

    def _drawn(self, task: Task, baseline: Run) -> tuple[str, ...]:
        """The pairs that were drawn for people: of the items that both runs answered."""
        size = self._size(task, baseline)
        if not size:
            return ()
        both = self.reader.done(baseline.id, task.name) & self.reader.done(self.candidate.id, task.name)
        return drawn(both, size)


def _means(given: Sequence[Opinion]) -> dict[str, float]:
    """Sample -> the mean of its raters' values; a sample without any is not there."""
    values: dict[str, list[float]] = {}
    for each in given:
        if each.value is not None:
            values.setdefault(each.sample_id, []).append(each.value)
    return {sample: math.fsum(each) / len(each) for sample, each in values.items()}
