"""Two runs' answers side by side, drawn at random, for a rater who is not told whose is which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import UsageError, did_you_mean
from harness.identity import digest, drawn
from harness.review.sheet import Choice, Page, Pane, next_open
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.values import PEOPLE, Item, Opinion, Run, Sample

ITEMS = 50
"""Pairs that are drawn unless told otherwise."""

CHOICES = (
    Choice("left", "left is better", "1"),
    Choice("right", "right is better", "2"),
    Choice("tie", "as good as each other", "t"),
    Choice("both_bad", "both are bad", "b"),
    Choice("skip", "skip", "s"),
)

Side = Literal["baseline", "candidate"]
_VALUES: Mapping[Side, float] = {"candidate": 1.0, "baseline": 0.0}
_AT_ONCE = 50
"""Answers that are held in memory at a time."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two recorded runs and the task whose answers people compare."""

    record: Path
    baseline: str
    candidate: str
    task: str
    both: frozenset[str]
    """The samples that both runs answered."""

    @property
    def runs(self) -> tuple[str, str]:
        """Baseline and candidate."""
        return self.baseline, self.candidate

    @property
    def size(self) -> int | None:
        """How many pairs have been drawn for people so far; ``None`` where no review began."""
        with Reader(self.record) as reader:
            return reader.review_size(*self.runs, self.task)

    def drawn(self) -> tuple[str, ...]:
        """The samples that have been drawn for people so far."""
        return drawn(self.both, self.size or 0)

    def to_ask(self) -> tuple[str, ...]:
        """Of them those whose answers are not equal."""
        return tuple(before.sample.id for before, after in self.items(self.drawn()) if not _equal(before, after))

    def opinions(self) -> list[Opinion]:
        """What people said so far."""
        with Reader(self.record) as reader:
            return reader.opinions(*self.runs, self.task, PEOPLE)

    def items(self, only: Sequence[str]) -> Iterator[tuple[Item, Item]]:
        """Both runs' answers to these samples, in this order."""
        with Reader(self.record) as reader:
            for first in range(0, len(only), _AT_ONCE):
                some = only[first : first + _AT_ONCE]
                by_run = [{each.sample.id: each for each in reader.items(run, self.task, some)} for run in self.runs]
                yield from ((by_run[0][sample], by_run[1][sample]) for sample in some)


def pairing(record: Path, baseline: str, candidate: str, task: str | None = None) -> Pairing:
    """The pair of runs of these names; ``UsageError`` says why their answers cannot be put side by side.

    Without ``task`` it is the only one whose answers are texts, the suite's own before the benchmarks.
    """
    with Reader(record) as reader:
        before, after = reader.run(baseline), reader.run(candidate)
        if before.id == after.id:
            raise UsageError(f"{before.id} cannot be compared with itself", remedy="name two runs")
        name = _task(reader, before, after, task)
        both = _answered(reader, before, name) & _answered(reader, after, name)
    if not both:
        raise UsageError(
            f"{before.id} and {after.id} have no answered item of {name!r} in common",
            remedy="compare runs that were asked the same data",
        )
    return Pairing(record, before.id, after.id, name, frozenset(both))


class PairSheet:
    """One rater's pages of a review, each choice recorded before it counts.

    Whose answer stands left is drawn for each item and rater by digest, so that it stays where it was when the review
    is gone on with. Pairs of equal answers are ties that nobody is asked about.
    """

    def __init__(self, pairing: Pairing, rater: str, items: int | None = None) -> None:
        """Open the review, or go on with it; a number of ``items`` below what is drawn already changes nothing."""
        self.pairing, self.rater, self.choices = pairing, rater, CHOICES
        self.title = f"{pairing.task}: which answer is better?"
        with Writer(pairing.record) as writer:
            writer.start_review(*pairing.runs, pairing.task, items or pairing.size or ITEMS)
        self._given = self._recorded()
        self._asked = pairing.to_ask()
        self._settle(set(pairing.drawn()) - set(self._asked))

    def __len__(self) -> int:
        """How many pairs there are to look at."""
        return len(self._asked)

    def page(self, index: int) -> Page:
        """The pair at an index."""
        before, after = next(self.pairing.items([self._asked[index]]))
        texts: dict[Side, str] = {"baseline": before.text, "candidate": after.text}
        left = self._left(before.sample.id)
        return Page(
            key=digest([*self.pairing.runs, self.pairing.task, before.sample.id])[:16],
            context=_asked(before.sample),
            answers=(Pane("left", texts[left]), Pane("right", texts[_other(left)])),
            hidden=_references(before.sample),
        )

    def given(self, index: int) -> tuple[str, str] | None:
        """What this rater said of the pair, as far as is known since ``next_open`` was asked."""
        opinion = self._given.get(self._asked[index])
        return None if opinion is None else (self._choice(opinion), str(opinion.details.get("note", "")))

    def give(self, index: int, choice: str, note: str) -> None:
        """Record a choice."""
        self._save([self._opinion(self._asked[index], choice, note)])

    def next_open(self, after: int = -1) -> int | None:
        """The next pair that this rater has said nothing of, in any terminal."""
        self._given = self._recorded()
        return next_open(self, after)

    def _left(self, sample: str) -> Side:
        return "candidate" if int(digest(["left", *self.pairing.runs, self.rater, sample])[-1], 16) % 2 else "baseline"

    def _opinion(self, sample: str, choice: str, note: str) -> Opinion:
        left = self._left(sample)
        details: dict[str, Any] = {"left": left}
        if choice == "both_bad":
            details["both_bad"] = True
        if note:
            details["note"] = note
        values = {"left": _VALUES[left], "right": _VALUES[_other(left)], "tie": 0.5, "both_bad": 0.5, "skip": None}
        why_missing = f"skipped by {self.rater}" if choice == "skip" else None
        return Opinion(sample, self.rater, values[choice], why_missing, details)

    def _choice(self, opinion: Opinion) -> str:
        if opinion.value is None:
            return "skip"
        if opinion.value == 0.5:
            return "both_bad" if opinion.details.get("both_bad") else "tie"
        better: Side = "candidate" if opinion.value > 0.5 else "baseline"
        return "left" if better == self._left(opinion.sample_id) else "right"

    def _settle(self, equal: Iterable[str]) -> None:
        if new := [sample for sample in equal if sample not in self._given]:
            self._save([Opinion(sample, self.rater, 0.5, None, {"equal": True}) for sample in new])

    def _recorded(self) -> dict[str, Opinion]:
        return {each.sample_id: each for each in self.pairing.opinions() if each.rater == self.rater}

    def _save(self, opinions: Sequence[Opinion]) -> None:
        with Writer(self.pairing.record) as writer:
            writer.add_opinions(*self.pairing.runs, self.pairing.task, PEOPLE, opinions)
        self._given = {**self._given, **{each.sample_id: each for each in opinions}}


def _task(reader: Reader, before: Run, after: Run, wanted: str | None) -> str:
    """The task that is reviewed: both runs answered it in words."""
    theirs, ours = ({each.name: each for each in reader.tasks(run.id)} for run in (before, after))
    shared = [task for name, task in ours.items() if name in theirs]
    written = [each for each in shared if each.mode == theirs[each.name].mode == "generate"]
    names = [each.name for each in written]
    if wanted is not None:
        if wanted in names:
            return wanted
        if wanted in [each.name for each in shared]:
            raise UsageError(
                f"the answers to {wanted!r} are no texts that a person could compare", remedy=_known(names)
            )
        raise UsageError(
            f"{before.id} and {after.id} do not share a task {wanted!r}", remedy=did_you_mean(wanted, names)
        )
    if not names:
        raise UsageError(f"{before.id} and {after.id} share no task whose answers are texts")
    own = [each.name for each in written if each.benchmark is None] or names
    if len(own) > 1:
        raise UsageError(f"{len(own)} tasks have texts to compare", remedy=f"--task is one of {', '.join(own)}")
    return own[0]


def _known(names: Sequence[str]) -> str:
    return "known are " + ", ".join(names) if names else "no task of these runs has such"


def _answered(reader: Reader, run: Run, task: str) -> set[str]:
    """The samples that the run answered. What is still to come would change the draw: it is waited for."""
    done = reader.done(run.id, task)
    if run.status != "finished" and len(done) < len(reader.order(run.id, task)):
        raise UsageError(
            f"{run.id} has not answered all of {task!r} yet ({run.status})",
            remedy="let it finish first ('harness run SUITE' goes on with it), or the draw would change",
        )
    return done


def _equal(before: Item, after: Item) -> bool:
    """Whether a person could see no difference."""
    return before.text.strip() == after.text.strip()


def _other(side: Side) -> Side:
    return "baseline" if side == "candidate" else "candidate"


def _asked(sample: Sample) -> tuple[Pane, ...]:
    """The prompt, and before it what was said before."""
    if isinstance(sample.prompt, str):
        return (Pane("prompt", sample.prompt),)
    *before, last = sample.prompt
    return (*(Pane(message.role, message.content) for message in before), Pane("prompt", last.content))


def _references(sample: Sample) -> tuple[Pane, ...]:
    many = len(sample.targets) > 1
    return tuple(
        Pane(f"reference {number}" if many else "reference", text)
        for number, text in enumerate(sample.targets, start=1)
    )
