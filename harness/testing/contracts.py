"""What every metric and every judge promises, as tests that a plugin's author inherits.

    from harness.testing import MetricContract

    class TestBrevity(MetricContract):
        metric = Brevity

A judge's author also says what a model would reply:

    class TestTone(JudgeContract):
        judge = Tone
        options = {"model": {"name": "any"}}

        def reply(self, prompt):
            return '{"tone": 3}'

Nothing here needs more than plain ``assert``-style errors, so any test runner will do.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, get_args

from harness.catalog import Catalog, Offer
from harness.host import Host
from harness.protocols import Judge, JudgingContext, Metric, MetricOverSums, ScoringContext
from harness.testing.demands import demand, is_needed, told_options
from harness.testing.examples import CASES, EXAMPLES, UNANSWERED, UNTARGETED
from harness.testing.isolation import heavy_imports
from harness.values import Case, Item, JudgeModel, Mode, Origin, Prompt, Ref, Reply, Score


class MetricContract:
    """The promises of a metric, one test each; subclass it, name the ``metric``, and add ``examples`` of your own."""

    metric: ClassVar[type[Metric]]
    options: ClassVar[Mapping[str, Any]] = {}
    """What the metric is made with; needed where an option has no default."""
    examples: ClassVar[Sequence[Item]] = ()
    """Items that show what this metric is about, besides those that every metric gets."""
    tolerance: ClassVar[float] = 0.0
    """How far the same item's score may lie apart in another batch; for neural metrics, about 1e-4."""

    def test_it_has_a_docstring(self) -> None:
        """``harness plugins`` shows the first line."""
        own = self.metric.__dict__.get("__doc__") or ""
        signature = f"{self.metric.__name__}("  # what dataclass writes where nobody wrote anything
        demand(bool(own.strip()) and not own.startswith(signature), f"{self._who} has no docstring")

    def test_it_is_a_frozen_dataclass(self) -> None:
        """Its fields are its options, and no score can change them."""
        parameters = getattr(self.metric, "__dataclass_params__", None)
        demand(bool(parameters and parameters.frozen), f"{self._who} is not a @dataclass(frozen=True)")

    def test_its_facts_stand_in_the_class(self) -> None:
        """Name, direction, bounds and modes are of the right kind, and the packages are distribution names."""
        metric = self.metric
        bounds = metric.bounds
        demand(
            bool(re.fullmatch(r"[a-z][a-z0-9_@.-]*", metric.name)), f"{metric.name!r} is not a plain lower-case name"
        )
        demand(isinstance(metric.higher_is_better, bool), "higher_is_better is neither True nor False")
        demand(bounds is None or bounds[0] < bounds[1], f"the bounds {bounds} hold nothing")
        known = bool(metric.modes) and set(metric.modes) <= set(get_args(Mode))
        demand(known, f"modes are some of {get_args(Mode)}, not {metric.modes}")
        demand(isinstance(metric.requires_packages, tuple), "requires_packages is not a tuple")

    def test_each_option_has_a_default_or_a_docstring(self) -> None:
        """A user who reads ``harness plugins`` can tell what to write."""
        bare = {option.name for option in dataclasses.fields(self.metric) if is_needed(option)}  # type: ignore[arg-type]
        untold = sorted(bare - told_options(self.metric)) if bare else []
        demand(not untold, f"{self._who} has options without default and docstring: {', '.join(untold)}")

    def test_it_imports_nothing_heavy(self) -> None:
        """Importing and making it leaves torch and its kin alone: every command would wait for them."""
        heavy = heavy_imports(self.metric, self.options)
        demand(not heavy, f"making {self._who} imports {', '.join(heavy)}; import it in the method that needs it")

    def test_each_item_gets_one_score_in_order(self) -> None:
        """Whatever the batch, the empty one included."""
        for items in ((), self._answered[:1], self._all):
            got, expected = [score.sample_id for score in self._scores(items)], [item.sample.id for item in items]
            demand(got == expected, f"{self._who} was given the items {expected} and scored {got}")

    def test_the_order_of_the_items_does_not_matter(self) -> None:
        """An item's score is the same from either end."""
        self._same(self._scores(self._all), self._scores(self._all[::-1])[::-1], "in reverse order")

    def test_the_size_of_the_batch_does_not_matter(self) -> None:
        """An item alone scores as among others."""
        alone = [score for item in self._all for score in self._scores([item])]
        self._same(self._scores(self._all), alone, "alone")

    def test_the_same_seed_gives_the_same_scores(self) -> None:
        """Twice, and from a new instance."""
        self._same(self._scores(self._all), self._scores(self._all), "a second time")

    def test_values_lie_within_the_bounds(self) -> None:
        """Each is a finite number, and at least one example has one."""
        values = [score.value for score in self._scores(self._all) if score.value is not None]
        demand(bool(values), f"{self._who} scores none of the examples; add some of its own to `examples`")
        for value in values:
            self._within(value, "a score")

    def test_an_empty_answer_is_an_answer(self) -> None:
        """Where a text has a value, no text has one too: an empty answer is a bad answer, not a missing one."""
        items = [item for item in self._answered if item.generations and item.text and _is_written(item)]
        scored = [item for item, score in zip(items, self._scores(items), strict=True) if score.value is not None]
        emptied = [_emptied(item, text) for item in scored for text in ("", " \n")]
        for score in self._scores(emptied):
            demand(score.value is not None, f"{self._who} has no value for an empty answer ({score.why_missing})")
            self._within(score.value or 0.0, "the score of an empty answer")

    def test_what_is_missing_says_why(self) -> None:
        """No answer recorded: no value, never a 0. A score has a value or a reason, not both."""
        for score in self._scores([item for mode in self.metric.modes for item in UNANSWERED[mode]]):
            demand(score.value is None, f"{self._who} gives {score.value} to an item that has no answer")
        for score in self._scores(self._all):
            told = bool(score.why_missing)
            demand(told == (score.value is None), f"{self._who}: value {score.value}, reason {score.why_missing!r}")

    def test_details_can_be_recorded(self) -> None:
        """The record keeps them as JSON in UTF-8."""
        for score in self._scores(self._all):
            json.dumps(dict(score.details), ensure_ascii=False, allow_nan=False).encode()

    def test_the_aggregate_lies_within_the_bounds(self) -> None:
        """Of all scores, of one, and whatever their order."""
        scores = [score for score in self._scores(self._all) if score.value is not None]
        metric = self._make()
        for some in (scores, scores[:1], scores[-1:]):
            self._within(metric.aggregate(some), "the aggregate")
        there, back = metric.aggregate(scores), metric.aggregate(scores[::-1])
        demand(math.isclose(there, back), f"{self._who} aggregates to {there} and in reverse order to {back}")

    def test_the_aggregate_is_the_whole_of_the_sums(self) -> None:
        """Of a metric over sums: the comparison adds up the recorded parts itself, with each item left out in turn."""
        metric = self._make()
        scores = [_recorded(score) for score in self._scores(self._all) if score.value is not None]
        if not isinstance(metric, MetricOverSums) or not scores:
            return
        parts = [tuple(metric.parts(score)) for score in scores]
        lengths = sorted({len(each) for each in parts})
        demand(len(lengths) == 1, f"{self._who} gives {lengths} parts: every score needs as many as the others")
        sums = [math.fsum(column) for column in zip(*parts, strict=True)]
        aggregate, whole = metric.aggregate(scores), metric.whole(sums)
        same = math.isclose(aggregate, whole, rel_tol=1e-9, abs_tol=1e-12)
        demand(same, f"{self._who} aggregates to {aggregate}, and the whole of its sums is {whole}")
        self._within(metric.whole([0.0] * len(sums)), "the whole of no items")
        for own in parts:
            rest = [everything - part for everything, part in zip(sums, own, strict=True)]
            self._within(metric.whole(rest), "the whole without one item")

    @classmethod
    def promises(cls) -> tuple[str, ...]:
        """The names of the tests."""
        return tuple(name for name in dir(cls) if name.startswith("test_"))

    @property
    def _who(self) -> str:
        return f"metric {self.metric.name!r}"

    @property
    def _answered(self) -> list[Item]:
        return [*self.examples, *(item for mode in self.metric.modes for item in EXAMPLES[mode])]

    @property
    def _all(self) -> list[Item]:
        rest = [item for mode in self.metric.modes for item in (*UNANSWERED[mode], *UNTARGETED[mode])]
        return self._answered + rest

    def _make(self) -> Metric:
        return self.metric(**self.options)

    def _scores(self, items: Sequence[Item]) -> list[Score]:
        scores = list(self._make().score(items, ScoringContext(task="contract", seed=7)))
        demand(len(scores) == len(items), f"{self._who} was given {len(items)} items and gave {len(scores)} scores")
        return scores

    def _same(self, here: Sequence[Score], there: Sequence[Score], how: str) -> None:
        for one, other in zip(here, there, strict=True):
            equal = one.sample_id == other.sample_id and (
                one.value == other.value
                if one.value is None or other.value is None
                else abs(one.value - other.value) <= self.tolerance
            )
            demand(equal, f"{self._who} scores {one.sample_id!r} as {one.value}, and {how} as {other.value}")

    def _within(self, value: float, what: str) -> None:
        low, high = self.metric.bounds or (-math.inf, math.inf)
        inside = math.isfinite(value) and low <= value <= high
        demand(inside, f"{self._who}: {what} is {value}, outside {low:g} to {high:g}")


def check_metric(
    metric: type[Metric], *, options: Mapping[str, Any] | None = None, examples: Sequence[Item] = ()
) -> None:
    """Every promise at once; ``AssertionError`` with the first that is broken."""
    facts = {"metric": metric, "options": options or {}, "examples": examples}
    contract = type("Contract", (MetricContract,), facts)()
    for promise in MetricContract.promises():
        getattr(contract, promise)()


_NO_VERDICTS = (
    "",
    " \n",
    "As a language model I would rather not say.",
    "null",
    "{",
    "[" * 50_000,
    "\x1b[2J\x00 \u202e <|im_end|>",
    "half \ud83d of one",
    "and so on " * 20_000,
)
"""Replies that no judge can read as a grade."""


class JudgeContract:
    """The promises of a judge, one test each; subclass it, name the ``judge``, and write ``reply``."""

    judge: ClassVar[type[Judge]]
    options: ClassVar[Mapping[str, Any]] = {}
    """What the judge is made with, as a suite writes it: ``{"model": {"name": "any"}}``."""
    examples: ClassVar[Sequence[Case]] = ()
    """Cases of two answers, besides those that every judge gets; who grades single ones is shown the second."""

    def reply(self, prompt: Prompt) -> str:
        """What a model that judges well would reply to this prompt; pure."""
        raise NotImplementedError("a judge's contract needs reply(prompt): what a model would say")

    def test_it_has_a_docstring(self) -> None:
        """``harness plugins`` shows the first line."""
        own = self.judge.__dict__.get("__doc__") or ""
        signature = f"{self.judge.__name__}("
        demand(bool(own.strip()) and not own.startswith(signature), f"{self._who} has no docstring")

    def test_it_is_a_frozen_dataclass(self) -> None:
        """Its fields are its options, and no case can change them."""
        parameters = getattr(self.judge, "__dataclass_params__", None)
        demand(bool(parameters and parameters.frozen), f"{self._who} is not a @dataclass(frozen=True)")

    def test_its_facts_can_be_told(self) -> None:
        """A plain name, distribution names, whom it asks, and whether it compares."""
        name = self.judge.name
        demand(bool(re.fullmatch(r"[a-z][a-z0-9_@.-]*", name)), f"{name!r} is not a plain lower-case name")
        demand(isinstance(self.judge.requires_packages, tuple), "requires_packages is not a tuple")
        judge = self._make()
        models = list(judge.models)
        told = bool(models) and all(isinstance(each, JudgeModel) for each in models)
        demand(told, f"{self._who} does not say whom it asks: models is {models}")
        demand(isinstance(judge.compares, bool), "compares is neither True nor False")

    def test_each_option_has_a_default_or_a_docstring(self) -> None:
        """A user who reads ``harness plugins`` can tell what to write."""
        bare = {option.name for option in dataclasses.fields(self.judge) if is_needed(option)}  # type: ignore[arg-type]
        untold = sorted(bare - told_options(self.judge)) if bare else []
        demand(not untold, f"{self._who} has options without default and docstring: {', '.join(untold)}")

    def test_it_imports_nothing_heavy(self) -> None:
        """Importing and making it leaves torch and its kin alone: every command would wait for them."""
        heavy = heavy_imports(self.judge, self.options)
        demand(not heavy, f"making {self._who} imports {', '.join(heavy)}; import it in the method that needs it")

    def test_each_case_gets_one_score_in_order(self) -> None:
        """However many there are, none included."""
        for cases in ((), self._all[:1], self._all):
            got, expected = [score.sample_id for score in self._scores(cases)], [case.sample.id for case in cases]
            demand(got == expected, f"{self._who} was given the cases {expected} and graded {got}")

    def test_a_score_does_not_depend_on_the_other_cases(self) -> None:
        """An answer is worth the same alone, in reverse order, and when it is graded again."""
        together = self._scores(self._all)
        self._same(together, self._scores(self._all[::-1])[::-1], "in reverse order")
        self._same(together, [score for case in self._all for score in self._scores([case])], "alone")
        self._same(together, self._scores(self._all), "a second time")

    def test_values_are_grades(self) -> None:
        """From 0 to 1, at least one of them; a score has a value or a reason, not both."""
        scores = self._scores(self._all)
        demand(any(score.value is not None for score in scores), f"{self._who} grades none of the examples")
        for score in scores:
            if score.value is not None:
                inside = 0 <= score.value <= 1
                demand(inside, f"{self._who} gives {score.value} to {score.sample_id!r}, outside 0 to 1")
            told = bool(score.why_missing)
            demand(told == (score.value is None), f"{self._who}: value {score.value}, reason {score.why_missing!r}")

    def test_it_asks_the_models_that_it_names(self) -> None:
        """Each of them, and nobody else: what is asked costs money."""
        judge, asked = self._make(), []

        def ask(model: JudgeModel, prompts: Sequence[Prompt]) -> list[Reply]:
            asked.append(model)
            return [Reply(self.reply(prompt)) for prompt in prompts]

        list(judge.grade(self._all, JudgingContext(ask, "contract", 7)))
        strangers = [model.name for model in asked if model not in judge.models]
        demand(not strangers, f"{self._who} asks {', '.join(strangers)}, which is none of its models")
        silent = [model.name for model in judge.models if model not in asked]
        demand(not silent, f"{self._who} never asks {', '.join(silent)}")

    def test_a_reply_that_says_nothing_is_no_grade(self) -> None:
        """Never a middling one either; two equal answers may be a tie without asking."""
        cases = [case for case in self._all if len(set(case.answers)) == len(case.answers)]
        for nonsense in _NO_VERDICTS:
            for score in self._scores(cases, _always(Reply(nonsense))):
                shown = repr(nonsense[:30])
                demand(score.value is None, f"{self._who} gives {score.value} where the model replied {shown}")
                demand(bool(score.why_missing), f"{self._who} does not say why {score.sample_id!r} has no grade")
                demand(_can_be_recorded(score), f"the score of a reply {shown} cannot be recorded")

    def test_a_reply_that_cannot_be_had_is_missing(self) -> None:
        """With the reason that was given for it."""
        cases = [case for case in self._all if len(set(case.answers)) == len(case.answers)]
        for score in self._scores(cases, _always(Reply(None, "the server is on fire"))):
            told = score.value is None and "the server is on fire" in (score.why_missing or "")
            demand(told, f"{self._who}: value {score.value}, reason {score.why_missing!r} where no reply could be had")

    def test_details_can_be_recorded(self) -> None:
        """The record keeps them as JSON in UTF-8."""
        for score in self._scores(self._all):
            demand(_can_be_recorded(score), f"{self._who}: the details of {score.sample_id!r} cannot be recorded")

    def test_notes_are_sentences(self) -> None:
        """Of no scores, of graded and of missing ones, as they are read back from the record."""
        graded = [_recorded(score) for score in self._scores(self._all)]
        missing = [_recorded(score) for score in self._scores(self._all, _always(Reply("?")))]
        for scores in ([], graded, missing, [*graded, *missing]):
            for note in self._make().notes(scores):
                told = isinstance(note, str) and bool(note.strip()) and len(note.splitlines()) == 1
                demand(told, f"{self._who} has a note that is no sentence: {note!r}")

    @classmethod
    def promises(cls) -> tuple[str, ...]:
        """The names of the tests."""
        return tuple(name for name in dir(cls) if name.startswith("test_"))

    @property
    def _who(self) -> str:
        return f"judge {self.judge.name!r}"

    @property
    def _all(self) -> list[Case]:
        cases = [*self.examples, *CASES]
        if self._make().compares:
            return cases
        return [Case(case.sample, case.answers[1:]) for case in cases]

    def _make(self) -> Judge:
        """As a suite's judge is made."""
        offer = Offer("judge", self.judge.name, self.judge, Origin("contract", "0", "contract"))
        made: Judge = Catalog((offer,), Host(())).make("judge", Ref(self.judge.name, self.options)).instance
        return made

    def _scores(self, cases: Sequence[Case], reply: Callable[[Prompt], Reply] | None = None) -> list[Score]:
        def ask(model: JudgeModel, prompts: Sequence[Prompt]) -> list[Reply]:
            return [reply(prompt) if reply else Reply(self.reply(prompt)) for prompt in prompts]

        scores = list(self._make().grade(cases, JudgingContext(ask, "contract", 7)))
        demand(len(scores) == len(cases), f"{self._who} was given {len(cases)} cases and gave {len(scores)} scores")
        return scores

    def _same(self, here: Sequence[Score], there: Sequence[Score], how: str) -> None:
        for one, other in zip(here, there, strict=True):
            equal = one.sample_id == other.sample_id and one.value == other.value
            demand(equal, f"{self._who} grades {one.sample_id!r} with {one.value}, and {how} with {other.value}")


def check_judge(
    judge: type[Judge],
    reply: Callable[[Prompt], str],
    *,
    options: Mapping[str, Any] | None = None,
    examples: Sequence[Case] = (),
) -> None:
    """Every promise at once; ``AssertionError`` with the first that is broken."""
    facts = {"judge": judge, "options": options or {}, "examples": examples, "reply": staticmethod(reply)}
    contract = type("Contract", (JudgeContract,), facts)()
    for promise in JudgeContract.promises():
        getattr(contract, promise)()


def _always(reply: Reply) -> Callable[[Prompt], Reply]:
    return lambda prompt: reply


def _can_be_recorded(score: Score) -> bool:
    try:
        json.dumps([dict(score.details), score.why_missing], ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError):
        return False
    return True


def _emptied(item: Item, text: str) -> Item:
    """The item with this text in the place of each answer; the time and the tokens that it took stay as they were."""
    return dataclasses.replace(
        item, generations=tuple(dataclasses.replace(each, text=text) for each in item.generations)
    )


def _is_written(item: Item) -> bool:
    """Whether the model wrote the answers: not where it was given them, to say how likely they are."""
    return all(each.finish_reason in ("stop", "length") for each in item.generations)


def _recorded(score: Score) -> Score:
    """The score as it is read back from the record."""
    return dataclasses.replace(score, details=json.loads(json.dumps(dict(score.details))))
