"""Metrics of classification: an answer names one label of a set that the suite knows."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, get_args

from harness import (
    Breakdown,
    Cell,
    GenerationSettings,
    Item,
    MeanOfScores,
    Mode,
    OverSums,
    Sample,
    Score,
    ScoringContext,
    UsageError,
    why_unscored,
)

Parse = Literal["exact", "only", "first", "last"]

UNPARSABLE = "(unparsable)"
"""How a breakdown calls answers that name no label."""
_COLUMNS = ("label", "items", "predicted", "precision", "recall", "F1", "confused with", "times")
_AROUND = " '\"`*\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u300c\u300d"
_STOPS = ".\u3002"
_HYPHENS = "-\u2010\u2011"
_LONGEST_WORD = 1_000
_NOTHING = 1e-9
"""What is less is a rounding error that was left when sums were taken from sums."""


@dataclass(frozen=True)
class _Classification:
    """Reads the label out of each answer and holds it to the target's.

    Two texts are the same label if they differ only in case, in the length of gaps, and in what stands around them:
    quotes, the marks of Markdown's bold, italics and code, a full stop at the end. An answer that names no label is
    wrong, not missing. ``details`` hold the ``label``, what was ``predicted`` (a list where there are several answers),
    and ``unparsable`` where an answer named none.
    """

    higher_is_better: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float] | None] = (0.0, 1.0)
    modes: ClassVar[tuple[Mode, ...]] = ("generate",)
    requires_packages: ClassVar[tuple[str, ...]] = ()
    name: ClassVar[str]

    labels: tuple[str, ...]
    """Every label that there is, e.g. ``[refund, late, broken]``; numbers, ``yes`` and ``no`` in quotes. One that the
    data do not have is a class all the same."""
    ignore_case: bool = True
    """``Refund`` is ``refund``."""
    parse: Parse = "only"
    """How the label is found. ``exact``: it is the whole answer. Else it may stand in the answer, as a whole word or
    phrase: ``only`` takes no answer that names two different ones, ``first`` and ``last`` take the one that is named
    first or last. ``not late`` names ``late``; ``non-late`` does not."""

    def __post_init__(self) -> None:
        if self.parse not in get_args(Parse):
            raise ValueError(f"parse is one of {', '.join(get_args(Parse))}, not {self.parse!r}")
        if len(self.labels) < 2:
            raise ValueError("labels needs at least two, e.g. [refund, late]: a class is told from another")
        _vocabulary(tuple(self.labels), self.ignore_case)

    def check(self, samples: Sequence[Sample], settings: GenerationSettings) -> None:
        """Raise ``UsageError`` if the targets are not labels; cheap, called when the plan is made."""
        told = [why for sample in samples if sample.targets and (why := self._target(sample)[1])]
        if told:
            problem = f"metric {self.name!r} cannot score {len(told):,} of {len(samples):,} samples: {told[0]}"
            raise UsageError(problem, remedy="correct 'labels' or the data")

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        """One score an item, in order: 1 for the right label, else 0; the mean of several answers."""
        return [self._score(item) for item in items]

    def _score(self, item: Item) -> Score:
        if why := why_unscored(item):
            return Score(item.sample.id, None, why)
        label, why_not = self._target(item.sample)
        if label is None:
            return Score(item.sample.id, None, why_not)
        predicted = [self._predicted(each.text) for each in item.generations]
        details: dict[str, Any] = {"label": label, "predicted": predicted if len(predicted) > 1 else predicted[0]}
        if None in predicted:
            details["unparsable"] = True
        return Score(item.sample.id, predicted.count(label) / len(predicted), None, details)

    def _target(self, sample: Sample) -> tuple[str | None, str | None]:
        """The sample's label, or why it has none."""
        if not sample.targets:
            return None, "no target to compare with: the sample has none"
        found: dict[str, None] = {}
        for target in sample.targets:
            label = self._vocabulary.named(target)
            if label is None:
                return None, f"the target {_short(target)} is none of the labels"
            found[label] = None
        first, *others = found
        if others:
            return None, f"the sample has two labels, {_short(first)} and {_short(others[0])}, and may have one"
        return first, None

    def _predicted(self, text: str) -> str | None:
        named = self._vocabulary.named(text)
        if named is not None or self.parse == "exact":
            return named
        found = self._vocabulary.within(text)
        if not found or (self.parse == "only" and len(set(found)) > 1):
            return None
        return found[-1] if self.parse == "last" else found[0]

    @property
    def _vocabulary(self) -> _Vocabulary:
        return _vocabulary(tuple(self.labels), self.ignore_case)


@dataclass(frozen=True)
class Accuracy(_Classification, MeanOfScores):
    """Share of answers that name the right one of the ``labels``; an answer that names none is wrong."""

    name: ClassVar[str] = "accuracy"


@dataclass(frozen=True)
class MacroF1(_Classification, OverSums):
    """Mean over the ``labels`` of each one's F1, so that a rare class counts as much as a frequent one.

    As scikit-learn's ``f1_score(average="macro", labels=labels, zero_division=0)``: a label that no item has and no
    answer names has F1 0, so that every arm is divided by the same number of labels. An answer that names none counts
    against its target's recall and for no label's precision. Several answers to one item count as one, in parts. A
    single item's score is whether it is right.
    """

    name: ClassVar[str] = "macro_f1"

    def parts(self, score: Score) -> Sequence[float]:
        """For each label whether it is rightly predicted, then for each whether predicted, then whether the target."""
        size = len(self.labels)
        parts = [0.0] * (3 * size)
        actual = self.labels.index(score.details["label"])
        parts[2 * size + actual] = 1.0
        for label, weight in _predictions(score):
            if label is not None:
                predicted = self.labels.index(label)
                parts[size + predicted] += weight
                parts[predicted] += weight if predicted == actual else 0.0
        return parts

    def whole(self, sums: Sequence[float]) -> float:
        """Between 0 and 1."""
        return math.fsum(_f1(*each) for each in self._classes(sums)) / len(self.labels)

    def breakdown(self, scores: Sequence[Score]) -> Breakdown:
        """A row a label, in the suite's order, and a last one for the answers that name none.

        ``confused with`` is what items of the label are most often taken for instead. Precision is ``None`` where
        nothing was predicted, and recall where there is no item. Several answers to one item count as one, in parts.
        """
        known = [score for score in scores if score.value is not None]
        taken_for = _taken_for(known)
        sums = [math.fsum(column) for column in zip(*map(self.parts, known), strict=True)]
        classes = self._classes(sums or [0.0] * (3 * len(self.labels)))
        rows: list[tuple[Cell, ...]] = [
            (label, *_figures(*counts), *self._confusion(label, taken_for))
            for label, counts in zip(self.labels, classes, strict=True)
        ]
        unparsable = math.fsum(weight for (_, other), weight in taken_for.items() if other == UNPARSABLE)
        rows.append((UNPARSABLE, None, _count(unparsable), None, None, None, None, None))
        return Breakdown("classes", _COLUMNS, tuple(rows))

    def _classes(self, sums: Sequence[float]) -> Iterator[tuple[float, float, float]]:
        """Of each label how often it was rightly predicted, predicted at all, and the target."""
        size = len(self.labels)
        return zip(sums[:size], sums[size : 2 * size], sums[2 * size :], strict=True)

    def _confusion(self, label: str, taken_for: Mapping[tuple[str, str], float]) -> tuple[str | None, float | None]:
        others = [other for other in (*self.labels, UNPARSABLE) if other != label and (label, other) in taken_for]
        if not others:
            return None, None
        most = max(others, key=lambda other: taken_for[label, other])
        return most, _count(taken_for[label, most])


class _Vocabulary:
    """The labels as they can be met in a text; ``ValueError`` where two cannot be told apart."""

    def __init__(self, labels: Sequence[str], *, ignore_case: bool) -> None:
        self.ignore_case = ignore_case
        self.by_form: dict[str, str] = {}
        for label in labels:
            form = self._form(label)
            if not form:
                raise ValueError(f"the label {_short(label)} has nothing that an answer could name; leave it out")
            if form in self.by_form:
                raise ValueError(
                    f"the labels {_short(self.by_form[form])} and {_short(label)} are the same; leave one out"
                )
            self.by_form[form] = label
        # the longest first, so that what says "not urgent" does not say "urgent"
        forms = sorted(self.by_form, key=len, reverse=True)
        self._anywhere = re.compile("|".join(map(_whole, forms)))

    def named(self, text: str) -> str | None:
        """The label that the whole text is."""
        return self.by_form.get(self._form(text))

    def within(self, text: str) -> list[str]:
        """The labels that stand in the text, as often as they do."""
        return [self.by_form[match[0]] for match in self._anywhere.finditer(self._form(text))]

    def _form(self, text: str) -> str:
        words = (text.casefold() if self.ignore_case else text).split()
        plain = " ".join(map(_composed, words)).replace("\N{MINUS SIGN}", "-")
        return plain.lstrip(_AROUND).rstrip(_AROUND + _STOPS)


@cache
def _vocabulary(labels: tuple[str, ...], ignore_case: bool) -> _Vocabulary:
    return _Vocabulary(labels, ignore_case=ignore_case)


def _composed(word: str) -> str:
    # Unicode sorts the accents of a letter pair by pair: on one letter with a million of them that takes hours
    return word if word.isascii() or len(word) > _LONGEST_WORD else unicodedata.normalize("NFC", word)


def _whole(form: str) -> str:
    """The pattern of a label with nothing at its edges that would make it another word or number."""
    before, after = "", ""
    if _bounded(form[0]) or re.match(r"-\d", form):
        before = rf"(?<!\w)(?<!\w[{_HYPHENS}])"
    if _bounded(form[-1]):
        after = rf"(?!\w|[{_HYPHENS}]\w)"
    if form[0].isdecimal():
        before += rf"(?<![{_HYPHENS}])(?<!\d[.,])"
    if form[-1].isdecimal():
        after += r"(?![.,]\d)"
    return before + re.escape(form) + after


def _bounded(char: str) -> bool:
    # scripts without case often set no spaces between words
    return (char.isalnum() or char == "_") and unicodedata.category(char) != "Lo"


def _predictions(score: Score) -> Iterator[tuple[str | None, float]]:
    """What was predicted for an item, each answer with its part of the whole."""
    predicted = score.details["predicted"]
    answers = predicted if isinstance(predicted, list) else [predicted]
    return ((label, 1 / len(answers)) for label in answers)


def _taken_for(scores: Sequence[Score]) -> Mapping[tuple[str, str], float]:
    """How often items of one label were taken for another, or for none."""
    found: defaultdict[tuple[str, str], float] = defaultdict(float)
    for score in scores:
        for label, weight in _predictions(score):
            found[score.details["label"], UNPARSABLE if label is None else label] += weight
    return found


def _figures(right: float, predicted: float, actual: float) -> tuple[float | None, ...]:
    """Items, predicted, precision, recall, F1."""
    precision, recall = _share(right, predicted), _share(right, actual)
    return _count(actual), _count(predicted), precision, recall, _f1(right, predicted, actual)


def _f1(right: float, predicted: float, actual: float) -> float:
    return _share(2 * right, predicted + actual) or 0.0


def _share(part: float, whole: float) -> float | None:
    return min(1.0, max(0.0, part / whole)) if whole > _NOTHING else None


def _count(weight: float) -> float:
    """A whole number where it is one but for rounding."""
    nearest = round(weight)
    return nearest if math.isclose(weight, nearest, abs_tol=_NOTHING) else weight


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}\N{HORIZONTAL ELLIPSIS}")
