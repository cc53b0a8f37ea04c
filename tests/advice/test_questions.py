"""What is asked is what can still change the recommendation, and an answer that cannot be is told what can."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.advice.route.questions import TRIES, Question, answered, open_questions
from harness.advice.route.strategy import advise
from harness.advice.situation import Baseline, Situation
from harness.errors import UsageError


def asked(situation: Situation) -> list[str]:
    return [question.field for question in open_questions(situation)]


def test_where_nothing_is_known_the_prompt_comes_first() -> None:
    assert asked(Situation())[0] == "compliance"


def test_after_a_prompt_that_falls_short_it_is_asked_what_is_lacking() -> None:
    assert asked(Situation(compliance=0.6))[0] == "lacks"


def test_a_good_prompt_is_only_asked_whether_it_is_quick_and_cheap_enough() -> None:
    questions = asked(Situation(compliance=0.95, larger_model=True))
    assert questions == ["is_too_dear", "max_latency", "latency"]


def test_what_changes_nothing_is_not_asked() -> None:
    policy = Situation(compliance=0.5, lacks=("knowledge",), knowledge_changes=True)
    assert asked(policy) == []
    tuned = Situation(compliance=0.5, lacks=("format",), rows=5_000)
    assert asked(tuned) == []


def test_facts_are_asked_about_from_change_to_size() -> None:
    facts = Situation(compliance=0.5, lacks=("knowledge",))
    assert asked(facts)[0] == "knowledge_changes"
    assert asked(replace(facts, knowledge_changes=False))[0] == "knowledge_tokens"
    assert asked(replace(facts, knowledge_changes=False, knowledge_tokens=20_000))[0] == "window"
    assert asked(replace(facts, knowledge_changes=False, knowledge_tokens=5_000_000)) == ["corpus_tokens"]


def test_pairs_and_a_larger_model_are_asked_for_where_rows_are_few() -> None:
    situation = Situation(compliance=0.5, lacks=("style",), rows=20)
    assert set(asked(situation)) >= {"preference_pairs", "larger_model"}
    assert "larger_model" not in asked(replace(situation, rows=2_000))


def test_raw_text_is_asked_for_where_words_are_lacking() -> None:
    few = Situation(compliance=0.5, rows=20, preference_pairs=0, larger_model=False)
    assert asked(replace(few, lacks=("vocabulary",), is_too_dear=False)) == ["corpus_tokens"]
    assert asked(replace(few, lacks=("style",), is_too_dear=False)) == []


def test_traffic_matters_as_long_as_rows_are_not_counted() -> None:
    situation = Situation(compliance=0.5, lacks=("style",), larger_model=False)
    assert asked(situation)[0] == "rows"
    assert "requests_per_day" in asked(situation)
    assert "requests_per_day" not in asked(replace(situation, rows=20))


def test_what_was_measured_is_not_asked() -> None:
    baseline = Baseline(name="system", task="t", metric="m", value=0.5, low=None, high=None, items=100)
    assert "compliance" not in asked(Situation(baselines=(baseline,)))


def test_questions_name_the_threshold_of_the_team() -> None:
    assert "At 0.75 or more" in open_questions(Situation(threshold=0.75))[0].why


def test_answering_first_what_is_asked_first_comes_to_an_end() -> None:
    situation, count = Situation(), 0
    while questions := open_questions(situation):
        name = questions[0].field
        situation = answered(situation, name, TRIES[name](situation)[0])
        count += 1
    assert 1 <= count <= len(TRIES)


def well_formed(question: Question) -> bool:
    has_options = question.kind in {"choice", "choices"}
    return bool(question.text and question.why) and bool(question.options) == has_options


@pytest.mark.parametrize("name", sorted(TRIES))
def test_every_question_fills_a_field_that_may_be_unknown(name: str) -> None:
    assert name in {field.name for field in fields(Situation)}
    assert getattr(Situation(), name) is None
    for value in TRIES[name](Situation()):
        assert getattr(answered(Situation(), name, value), name) == value


def test_every_question_has_words_and_options_where_there_is_a_choice() -> None:
    seen: dict[str, Question] = {}
    for situation in (Situation(), Situation(compliance=0.5, lacks=("style",)), Situation(compliance=0.5, rows=0)):
        seen |= {question.field: question for question in open_questions(situation)}
    assert set(seen) == set(TRIES)
    assert all(map(well_formed, seen.values()))


# ---- promises about every situation

flags = st.none() | st.booleans()
counts = st.none() | st.sampled_from((0, 99, 100, 5_000))
texts = st.none() | st.sampled_from((0, 1_000, 50_000, 1_000_000, 10**9))
open_situations = st.builds(
    Situation,
    compliance=st.none() | st.floats(0, 1),
    lacks=st.none() | st.sampled_from(((), ("knowledge",), ("format",), ("reasoning",), ("vocabulary", "style"))),
    knowledge_changes=flags,
    knowledge_tokens=texts,
    window=st.none() | st.sampled_from((2_048, 131_072)),
    rows=counts,
    preference_pairs=counts,
    corpus_tokens=texts,
    requests_per_day=st.none() | st.sampled_from((10.0, 100_000.0)),
    latency=st.none() | st.just(3.0),
    max_latency=st.none() | st.sampled_from((1.0, 5.0)),
    is_too_dear=flags,
    larger_model=flags,
)


@given(open_situations)
@settings(deadline=None, max_examples=100)
def test_only_what_is_unknown_is_asked_and_each_thing_once(situation: Situation) -> None:
    names = asked(situation)
    assert len(set(names)) == len(names)
    assert all(getattr(situation, name) is None for name in names)
    assert open_questions(situation) == open_questions(situation)


answers = st.fixed_dictionaries(
    {
        "compliance": st.floats(0, 1),
        "lacks": st.sampled_from(((), ("knowledge",), ("format",), ("reasoning",), ("vocabulary",))),
        "knowledge_changes": st.booleans(),
        "knowledge_tokens": st.integers(0, 10**9),
        "window": st.integers(1_000, 10**6),
        "rows": st.integers(0, 20_000),
        "preference_pairs": st.integers(0, 20_000),
        "corpus_tokens": st.integers(0, 10**9),
        "requests_per_day": st.floats(0, 1e6),
        "latency": st.floats(0.01, 10),
        "max_latency": st.floats(0.01, 10),
        "is_too_dear": st.booleans(),
        "larger_model": st.booleans(),
    }
)


@given(open_situations, answers)
@settings(deadline=None, max_examples=200)
def test_answers_to_what_is_not_asked_change_nothing(situation: Situation, given_answers: dict[str, Any]) -> None:
    """Once all that is asked is answered, whatever else is said leaves the recommendation as it is."""
    told = situation
    while questions := open_questions(told):
        name = questions[0].field
        told = answered(told, name, given_answers[name])
    rest = {name: value for name, value in given_answers.items() if getattr(told, name) is None}
    assert advise(replace(told, **rest)).route == advise(told).route


@given(open_situations)
@settings(deadline=None, max_examples=100)
def test_what_decides_on_the_spot_is_always_asked(situation: Situation) -> None:
    route = advise(situation).route
    for name, tries in TRIES.items():
        if getattr(situation, name) is not None:
            continue
        after = [advise(answered(situation, name, value)).route for value in tries(situation)]
        assert after == [route] * len(after) or name in asked(situation)


# ---- answers as they are typed


@pytest.mark.parametrize(
    ("field", "typed", "value"),
    [
        ("compliance", "0.85", 0.85),
        ("compliance", "85 %", 0.85),
        ("compliance", 1, 1.0),
        ("rows", "1,200", 1_200),
        ("rows", "1_200", 1_200),
        ("rows", 0, 0),
        ("rows", "420.0", 420),
        ("knowledge_tokens", " 30000 ", 30_000),
        ("requests_per_day", "1e5", 100_000.0),
        ("max_latency", "0.5", 0.5),
        ("is_too_dear", "yes", True),
        ("is_too_dear", "N", False),
        ("larger_model", True, True),
        ("lacks", "format, style", ("format", "style")),
        ("lacks", ["knowledge"], ("knowledge",)),
        ("lacks", "format,format", ("format",)),
        ("lacks", "none", ()),
        ("lacks", [], ()),
        ("rows", None, None),
    ],
)
def test_an_answer_is_taken_as_it_is_typed(field: str, typed: object, value: object) -> None:
    found = getattr(answered(Situation(rows=7), field, typed), field)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("compliance", "85", "compliance cannot be '85'; give a share from 0 to 1, such as 0.85 or 85 %"),
        ("compliance", -0.1, "compliance cannot be -0.1; give a share from 0 to 1, such as 0.85 or 85 %"),
        ("compliance", "nan", "compliance cannot be 'nan'; give a share from 0 to 1, such as 0.85 or 85 %"),
        ("rows", "many", "rows cannot be 'many'; give a whole number from 0 up, such as 1200 or 1,200"),
        ("rows", 4.5, "rows cannot be 4.5; give a whole number from 0 up, such as 1200 or 1,200"),
        ("rows", -1, "rows cannot be -1; give a whole number from 0 up, such as 1200 or 1,200"),
        ("rows", True, "rows cannot be True; give a whole number from 0 up, such as 1200 or 1,200"),
        ("rows", "inf", "rows cannot be 'inf'; give a whole number from 0 up, such as 1200 or 1,200"),
        ("rows", [5], "rows cannot be [5]; give a whole number from 0 up, such as 1200 or 1,200"),
        ("window", 0, "window cannot be 0; give a whole number above 0, such as 8192"),
        ("max_latency", "0", "max_latency cannot be '0'; give seconds above 0, such as 0.5"),
        ("is_too_dear", "perhaps", "is_too_dear cannot be 'perhaps'; answer yes or no"),
        ("is_too_dear", 2, "is_too_dear cannot be 2; answer yes or no"),
        ("lacks", "fromat", "lacks cannot be 'fromat'; did you mean 'format'?"),
        ("lacks", "", "lacks cannot be ''; known are behaviour, format, knowledge, reasoning, style, vocabulary"),
        ("lacks", 3, "lacks cannot be 3; choose from knowledge, format, style, behaviour, vocabulary, reasoning"),
        ("row", 3, "there is no question about 'row'; did you mean 'rows'?"),
    ],
)
def test_an_answer_that_cannot_be_is_told_what_can(field: str, typed: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        answered(Situation(), field, typed)
    assert str(caught.value) == message


def test_what_is_asked_first_never_matters_less_than_what_follows() -> None:
    """Asked in turn, each question of the path comes before those that hang on it."""
    order = asked(Situation())
    for before, after in pairwise(("compliance", "lacks", "knowledge_changes", "knowledge_tokens", "window")):
        assert order.index(before) < order.index(after)
