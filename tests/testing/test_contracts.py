"""The contract is worth something only if it catches each fault: every metric below breaks one promise."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import Item, PerSample, Score, ScoringContext
from harness.testing import check_metric
from harness.testing.isolation import heavy_imports

COUNTER = itertools.count()


@dataclass(frozen=True)
class Fine(PerSample):
    """1 if the answer is a target."""

    name = "fine"

    def score_one(self, text: str, targets: Sequence[str]) -> float | Score:
        return float(text in targets)


@dataclass(frozen=True)
class Undocumented(PerSample):
    name = "undocumented"

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        return 0.0


@dataclass
class NotFrozen(PerSample):
    """Not frozen."""

    name = "not_frozen"

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        return 0.0


@dataclass(frozen=True)
class NameOfTwoWords(Fine):
    """Its name cannot be written in a suite without quotes."""

    name = "Two Words"


@dataclass(frozen=True)
class UntoldOption(Fine):
    """Nobody can tell what its option means."""

    weight: float


@dataclass(frozen=True)
class ToldOption(Fine):
    """Its option has no default, but says what it is."""

    weight: float
    """How much a match counts."""


@dataclass(frozen=True)
class Short(Fine):
    """Loses the last score."""

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        return super().score(items, context)[:-1]


@dataclass(frozen=True)
class Backwards(Fine):
    """Gives the scores in reverse order."""

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        return super().score(items, context)[::-1]


@dataclass(frozen=True)
class RelativeToTheBatch(Fine):
    """Divides by the number of items."""

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        return [Score(item.sample.id, 1 / len(items)) for item in items]


@dataclass(frozen=True)
class Moody(Fine):
    """Scores otherwise at each call."""

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        return next(COUNTER) % 97 / 97


@dataclass(frozen=True)
class Percent(Fine):
    """Leaves its bounds."""

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        return 100.0 * (text in targets)


@dataclass(frozen=True)
class NotANumber(Fine):
    """Divides nothing by nothing."""

    bounds = None

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        return float("nan")


@dataclass(frozen=True)
class EmptyIsMissing(Fine):
    """Calls an empty answer missing."""

    def score_one(self, text: str, targets: Sequence[str]) -> float | Score:
        return 1.0 if text.strip() else Score("", None, "empty")


@dataclass(frozen=True)
class ZeroForNoAnswer(Fine):
    """Calls a missing answer wrong."""

    def score(self, items: Sequence[Item], context: ScoringContext) -> Sequence[Score]:
        return [Score(item.sample.id, 0.0) for item in items]


@dataclass(frozen=True)
class NoReason(Fine):
    """Does not say why a score is missing."""

    def score_one(self, text: str, targets: Sequence[str]) -> float | Score:
        return Score("", None) if text == "42" else 1.0


@dataclass(frozen=True)
class DetailsOfAnyKind(Fine):
    """Keeps what JSON cannot."""

    def score_one(self, text: str, targets: Sequence[str]) -> Score:
        return Score("", 1.0, None, {"words": set(text.split())})


@dataclass(frozen=True)
class OffTheScale(Fine):
    """Aggregates to more than its bounds hold."""

    def aggregate(self, scores: Sequence[Score]) -> float:
        return 1.0 + len(scores)


@pytest.mark.parametrize(("metric", "options"), [(Fine, {}), (ToldOption, {"weight": 1.0})])
def test_a_metric_that_keeps_every_promise_passes(metric: type[Fine], options: dict[str, Any]) -> None:
    check_metric(metric, options=options)


@pytest.mark.parametrize(
    ("metric", "options", "complaint"),
    [
        (Undocumented, {}, "metric 'undocumented' has no docstring"),
        (NotFrozen, {}, r"is not a @dataclass\(frozen=True\)"),
        (NameOfTwoWords, {}, "'Two Words' is not a plain lower-case name"),
        (UntoldOption, {"weight": 1.0}, "options without default and docstring: weight"),
        (Short, {}, r"was given \d+ items and gave \d+ scores"),
        (Backwards, {}, "was given the items .* and scored"),
        (RelativeToTheBatch, {}, "and alone as 1.0|to an item that has no answer"),
        (Moody, {}, "and (a second time|alone|in reverse order) as"),
        (Percent, {}, "is 100.0, outside 0 to 1|the aggregate is"),
        (NotANumber, {}, "is nan"),
        (EmptyIsMissing, {}, "has no value for an empty answer"),
        (ZeroForNoAnswer, {}, "gives 0.0 to an item that has no answer"),
        (NoReason, {}, "value None, reason None"),
        (DetailsOfAnyKind, {}, "set is not JSON serializable"),
        (OffTheScale, {}, "the aggregate is .* outside 0 to 1"),
    ],
)
def test_a_broken_promise_is_told(metric: type[Any], options: dict[str, Any], complaint: str) -> None:
    with pytest.raises((AssertionError, TypeError), match=complaint):
        check_metric(metric, options=options)


def test_a_heavy_import_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("")
    (tmp_path / "heavy_metric.py").write_text("import torch\n\nclass Heavy:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    heavy = type("Heavy", (), {"__module__": "heavy_metric", "__qualname__": "Heavy"})  # not imported in this process

    assert heavy_imports(heavy, {}) == ["torch"]


def test_a_metric_that_cannot_be_made_alone_is_told() -> None:
    nowhere = type("Gone", (), {"__module__": "no_such_module", "__qualname__": "Gone"})

    with pytest.raises(AssertionError, match=r"no_such_module.Gone cannot be made alone: ModuleNotFoundError"):
        heavy_imports(nowhere, {})
