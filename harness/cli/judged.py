"""A judge of two recorded runs, held to people: what the commands about judges tell of it, and write down."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError, did_you_mean
from harness.values import LABELS_NEEDED, PEOPLE, Calibration, Message, Opinion, Pair, Run, Task, labels

if TYPE_CHECKING:
    from harness.catalog import Catalog
    from harness.judgement import Judgement
    from harness.labels import Blind, SheetRow
    from harness.report.calibration import Held
    from harness.store.reader import Reader

_RARE = 0.001
"""How seldom a random draw must look so for it to be called none."""
_CELL = 30_000
"""Characters of a text on a sheet: spreadsheets hold no more in a cell."""


@dataclass(frozen=True)  # no slots: they would leave no place for what is read once
class Judged:
    """A judge of one task, and the two runs that it was shown."""

    reader: Reader
    catalog: Catalog
    baseline: Run
    candidate: Run
    task: Task
    label: str
    is_only: bool
    """Whether the record has no other judge of these runs."""

    @property
    def judgement(self) -> Judgement:
        """Made anew each time: it keeps what it has read."""
        from harness.judgement import Judgement

        return Judgement(self.reader, self.catalog, self.candidate, {self.baseline.arm: self.baseline})

    @cached_property
    def compares(self) -> bool:
        """Whether it is shown two answers side by side."""
        return self.judgement.opinions.is_about_pairs(self.task, self.label)

    @property
    def blind(self) -> Blind:
        """How sheets hide who answered."""
        from harness.labels import Blind

        return Blind(self.task.name, self.baseline.id, self.candidate.id)

    @cached_property
    def answered(self) -> frozenset[str]:
        """The samples that both runs have answered."""
        before, after = (self.reader.done(run.id, self.task.name) for run in (self.baseline, self.candidate))
        return frozenset(before & after)

    def calibration(self) -> Calibration:
        """It held to people."""
        return self.judgement.calibration(self.task.name, self.label, self.baseline.arm)

    def take_in(self, file: Path, record: Path) -> None:
        """Record the labels of a file, all or none."""
        from harness.labels import read
        from harness.store.writer import Writer

        given = read(file, self.answered, self.blind)
        if not self.compares and not any(map(_is_graded, given)):
            remedy = "give a grade from 0 to 1 to each answer, as 'baseline' and 'candidate'"
            raise UsageError(f"{self.label} grades single answers, and no row has grades", path=file, remedy=remedy)
        with Writer(record) as writer:
            writer.add_opinions(self.baseline.id, self.candidate.id, self.task.name, PEOPLE, given)

    def held(self, *, from_file: bool) -> Held:
        """All that is to be told of it."""
        from harness.comparison.agreement import krippendorff_alpha
        from harness.report.calibration import Held

        given = self.reader.opinions(self.baseline.id, self.candidate.id, self.task.name, PEOPLE)
        labelled = [each for each in given if each.value is not None and (self.compares or _is_graded(each))]
        raters = Counter(each.rater for each in labelled)
        thought = _by_rater([each for each in labelled if not each.details.get("equal")])
        warnings = self._not_drawn()
        if from_file and not warnings:
            warnings.append("the rows of a file must be a random draw of the pairs; 'harness judge labels' makes one")
        return Held(
            self.calibration(),
            self.baseline,
            self.candidate,
            dict(raters.most_common()),
            krippendorff_alpha(thought, "ordinal") if thought else None,
            tuple(warnings),
        )

    def _not_drawn(self) -> list[str]:
        """That the labelled pairs are surely no random draw, where the judge's own values of them show it."""
        from harness.comparison.subset import chance_of_draw

        people = self.judgement.opinions.people(self.task, self.label, self.baseline) or {}
        values: tuple[list[float], list[float]] = ([], [])
        for pair in self._pairs():
            if pair.baseline is not None and pair.candidate is not None:
                values[people.get(pair.sample_id) is None].append(pair.candidate - pair.baseline)
        if chance_of_draw(*values) > _RARE:
            return []
        here, there = (sum(each) / len(each) for each in values)
        return [
            f"the labelled pairs are surely no random draw: {self.label} says {here:+.2f} of them in the mean and "
            f"{there:+.2f} of the others, as less than one draw in {round(1 / _RARE):,} would; the corrected rate and "
            "its interval hold for a random draw alone"
        ]

    def _pairs(self) -> Sequence[Pair]:
        if self.compares:
            return self.judgement.opinions.pairs(self.task, self.label, self.baseline)
        return self.reader.pairs(self.baseline.id, self.candidate.id, self.task.name, self.label)

    def sheet(self, items: int) -> list[SheetRow]:
        """So many pairs, drawn as for a review, in the order of the draw."""
        from harness.identity import drawn
        from harness.labels import SheetRow

        chosen = drawn(self.answered, items)
        before, after = (
            {item.sample.id: item for item in self.reader.items(run.id, self.task.name, chosen)}
            for run in (self.baseline, self.candidate)
        )
        rows = []
        for sample in chosen:
            texts = [_safe(before[sample].text), _safe(after[sample].text)]
            left, right = texts if self.blind.left(sample) == "baseline" else reversed(texts)
            rows.append(SheetRow(sample, _safe(_asked(before[sample].sample.prompt)), left, right))
        return rows

    def named(self, output: Path) -> str:
        """The arguments that mean this judge of these runs."""
        flags = "" if self.is_only else f" --judge {shlex.quote(self.label)} --task {shlex.quote(self.task.name)}"
        place = "" if output == Path("results") else f" --output {output}"
        return f"{self.baseline.id} {self.candidate.id}{flags}{place}"

    def next_commands(self, of: Calibration, output: Path) -> list[str]:
        """How more labels are had, where there are too few."""
        if of.labels >= LABELS_NEEDED:
            return []
        place = "" if output == Path("results") else f" --output {output}"
        runs = f"{self.baseline.id} {self.candidate.id}"
        by_hand = f"harness judge labels {self.named(output)} --items {LABELS_NEEDED} --to labels.csv"
        review = f"harness review {runs} --task {shlex.quote(self.task.name)} --items {LABELS_NEEDED}{place}"
        return [review, by_hand] if self.compares else [by_hand]


def judged_of(reader: Reader, catalog: Catalog, runs: tuple[str, str], task: str | None, label: str | None) -> Judged:
    """The judge that is meant; ``UsageError`` where it is none, or more than one."""
    before, after = map(reader.run, runs)
    if before.id == after.id:
        raise UsageError(f"{after.id} cannot be compared with itself", remedy="name the baseline, then the candidate")
    theirs = {each.name for each in reader.tasks(before.id)}
    shared = [each for each in reader.tasks(after.id) if each.name in theirs]
    if task is not None and task not in [each.name for each in shared]:
        remedy = did_you_mean(task, [each.name for each in shared])
        raise UsageError(f"{before.id} and {after.id} share no task {task!r}", remedy=remedy)
    known = [(each, name) for each in shared for name in labels(each.scorers)[len(each.metrics) :]]
    if not known:
        remedy = "give a task of the suite 'judges'"
        raise UsageError(f"no answer of {after.id} was shown to a judge", remedy=remedy)
    found = [(each, name) for each, name in known if task in (None, each.name) and label in (None, name)]
    if not found:
        words = f"judge {label!r}" if label is not None else "judge"
        of = f" of {task!r}" if task is not None else ""
        remedy = did_you_mean(label, {name for _, name in known}) if label is not None else _listed(known)
        raise UsageError(f"{after.id} has no {words}{of}", remedy=remedy)
    if len(found) > 1:
        raise UsageError(
            f"{after.id} has {len(found)} judges", remedy=f"say which by --judge and --task: {_listed(found)}"
        )
    return Judged(reader, catalog, before, after, *found[0], is_only=len(known) == 1)


def _listed(judges: Sequence[tuple[Task, str]]) -> str:
    return ", ".join(f"{name} of {task.name}" for task, name in judges)


def _is_graded(opinion: Opinion) -> bool:
    return {"baseline", "candidate"} <= opinion.details.keys()


def _by_rater(given: Sequence[Opinion]) -> list[list[float | None]]:
    """A row each rater, with its value or ``None`` for every sample that anybody labelled."""
    values = {(each.rater, each.sample_id): each.value for each in given}
    samples = dict.fromkeys(each.sample_id for each in given)
    return [
        [values.get((rater, sample)) for sample in samples] for rater in dict.fromkeys(rater for rater, _ in values)
    ]


def _asked(prompt: str | tuple[Message, ...]) -> str:
    """The whole prompt, each message under its role."""
    return prompt if isinstance(prompt, str) else "\n\n".join(f"{each.role}: {each.content}" for each in prompt)


def _safe(text: str) -> str:
    """For a sheet: inert, and no longer than a spreadsheet can hold."""
    from harness.report.text import head, inert

    return head(inert(head(text, _CELL), lines=True), _CELL)
