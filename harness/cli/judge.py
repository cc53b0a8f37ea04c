"""Commands about judges: how far one can be trusted, and the sheet on which people say so."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import ask_judges, options
from harness.cli.exits import Exit
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
_label = click.option("--judge", "label", metavar="LABEL", help="The judge, by its label.  [default: the only one]")
_task = click.option("--task", metavar="NAME", help="The judge's task.  [default: the only one with this judge]")


@click.group()
def judge() -> None:
    """Hold a judge to people: write a sheet for their labels, see how far it agrees with them."""


@judge.command()
@click.argument("baseline")
@click.argument("candidate")
@_label
@_task
@click.option(
    "--labels",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take people's labels of this file into the record first: JSONL, or CSV.",
)
@options.output
@options.as_json
@click.pass_context
def calibrate(
    context: click.Context,
    /,
    baseline: str,
    candidate: str,
    label: str | None,
    task: str | None,
    file: Path | None,
    output: Path,
    as_json: bool,
) -> int:
    """Hold a judge to people's labels.

    They are people's words on the answers of the same two recorded runs: those of 'harness review', or of a file with a
    label a row: 'sample' and 'label' (candidate, baseline or tie), or grades from 0 to 1 as 'baseline' and 'candidate'
    for a judge that grades single answers; 'rater' and 'note' may be given. All rows are taken, or none. The labelled
    pairs must be a random draw.
    """
    from rich.console import Console

    from harness.report import export
    from harness.report.calibration import calibration_screen
    from harness.store.database import RECORD
    from harness.store.reader import Reader

    _, catalog = options.hosts(context)
    with Reader(output / RECORD) as reader:
        judged = _judged(reader, catalog, (baseline, candidate), task, label)
        if file:
            judged.calibration()  # what cannot be held to people is told before anything is written
            judged.take_in(file, output / RECORD)
        held = judged.held(from_file=file is not None)
        next_commands = judged.next_commands(held.calibration, output)
    if as_json:
        facts = {"baseline": held.baseline.id, "candidate": held.candidate.id, "calibration": held.calibration}
        people = {"raters": held.raters, "raters_alpha": held.alpha}
        click.echo(export.json_text({**facts, **people, "meaning": held.meaning, "warnings": held.warnings}))
    else:
        Console().print(calibration_screen(held, next_commands=next_commands))
    return Exit.DONE


@judge.command("labels")
@click.argument("baseline")
@click.argument("candidate")
@click.option(
    "--to",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The sheet: CSV for a spreadsheet if its name ends so, else JSONL.",
)
@click.option("--items", type=click.IntRange(min=1), default=LABELS_NEEDED, show_default=True, help="Pairs to draw.")
@_label
@_task
@options.output
@click.pass_context
def write_labels(
    context: click.Context,
    /,
    baseline: str,
    candidate: str,
    file: Path,
    items: int,
    label: str | None,
    task: str | None,
    output: Path,
) -> int:
    """Write a blind sheet for people's labels.

    It shows pairs of two runs' answers, drawn at random, and not whose they are. People write left, right or tie into
    'label', or for a judge of single answers a grade from 0 to 1 for each; 'harness judge calibrate --labels' reads it.
    The draw is that of 'harness review', and it is recorded: a pair of it without a label could have said either.
    """
    from harness.labels import write
    from harness.store.database import RECORD
    from harness.store.reader import Reader
    from harness.store.writer import Writer

    _, catalog = options.hosts(context)
    with Reader(output / RECORD) as reader:
        judged = _judged(reader, catalog, (baseline, candidate), task, label)
        rows = judged.sheet(items)
        write(file, rows, judged.blind, grades=not judged.compares)
        with Writer(output / RECORD) as writer:
            writer.start_review(judged.baseline.id, judged.candidate.id, judged.task.name, items)
    fill = "left, right or tie into 'label'" if judged.compares else "a grade from 0 to 1 for each answer"
    click.echo(f"{len(rows)} pairs drawn at random, in {file}: write {fill}, and then run")
    click.echo(f"  harness judge calibrate {judged.named(output)} --labels {shlex.quote(str(file))}")
    return Exit.DONE


judge.add_command(ask_judges.run)


@dataclass(frozen=True)  # no slots: they would leave no place for what is read once
class _Judged:
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


def _judged(reader: Reader, catalog: Catalog, runs: tuple[str, str], task: str | None, label: str | None) -> _Judged:
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
    return _Judged(reader, catalog, before, after, *found[0], is_only=len(known) == 1)


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
