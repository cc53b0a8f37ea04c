"""Prompt, retrieve, read along, tune, distil or pretrain: what the field's guides say in situations of teams."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.advice.route.strategy import Route, Step, Strategy, advise
from harness.advice.situation import Baseline, Situation
from harness.values import Lack

MEASURED = ("zero-shot", "system", "3 examples", "5 examples", "10 examples", "chain of thought")


def baseline(name: str, value: float, low: float | None = None, high: float | None = None, **rest: object) -> Baseline:
    given: dict[str, object] = {"task": "tickets", "metric": "exact_match", "items": 200, **rest}
    return Baseline(name=name, value=value, low=low, high=high, **given)  # type: ignore[arg-type]


def measured(
    value: float, low: float | None = None, high: float | None = None, items: int = 200
) -> tuple[Baseline, ...]:
    """All prompts of which the one with five examples is the best."""
    others = tuple(baseline(name, value - 0.2) for name in MEASURED if name != "5 examples")
    return (*others, baseline("5 examples", value, low, high, items=items))


@dataclass(frozen=True)
class Case:
    """A situation with the right answer and why it is right."""

    name: str
    situation: Situation
    route: Route
    why: str
    says: tuple[str, ...] = ()
    """Phrases that stand in the reason, beside it or in what would change it."""


def case(name: str, route: Route, why: str, *says: str, **situation: object) -> Case:
    return Case(name, Situation(**situation), route, why, says)  # type: ignore[arg-type]


CASES = (
    # ---- the prompt is enough, or all there is
    case(
        "nothing at all is known", "prompt",
        "prompts cost nothing and show what is lacking, so every guide begins with them",
        "Measure the prompts", "Read 50 wrong answers",
    ),
    case(
        "five examples in the prompt reach 0.94", "prompt",
        "OpenAI and Google: tune only when prompting does not reach the goal",
        "nothing to train for",
        baselines=measured(0.94, 0.91, 0.965), rows=20_000, lacks=(), is_too_dear=False,
    ),
    case(
        "a good prompt though there are 20,000 rows", "prompt",
        "rows that are there are no reason to train: what is enough is enough",
        baselines=measured(0.95, 0.92, 0.97), rows=20_000, lacks=("format",),
    ),
    case(
        "exactly at the threshold", "prompt",
        "the threshold is what the prompt must reach, and it does",
        baselines=measured(0.90, 0.90, 0.90),
    ),
    case(
        "above the threshold but the interval reaches below it", "prompt",
        "the value decides, and more items are cheaper than a training",
        "Ask about", "items instead of 100",
        baselines=measured(0.92, 0.85, 0.96, items=100), rows=5_000, lacks=("format",),
    ),
    case(
        "by the team's word the prompt is right in 95 of 100 cases", "prompt",
        "where nothing was measured the team's word stands, and measuring is advised",
        "Measure the prompts",
        compliance=0.95, rows=3_000, lacks=("style",),
    ),
    case(
        "nothing is wrong with the answers", "prompt",
        "there is nothing that training could teach",
        lacks=(), rows=10_000,
    ),
    case(
        "50 examples", "prompt",
        "the issue's case: below 100 rows nothing is trained; they serve as examples in the prompt",
        "50 rows are too few", "Collect rows",
        rows=50,
    ),
    case(
        "50 examples and the prompt falls short of the format", "prompt",
        "below 100 rows the prompt is improved and rows are collected",
        "Collect rows", "100 rows", "schema",
        rows=50, compliance=0.7, lacks=("format",), larger_model=False,
    ),
    case(
        "no rows, style is off, no larger model", "prompt",
        "style is shown by examples in the prompt until there are rows",
        "1,000 are to be aimed at",
        rows=0, compliance=0.6, lacks=("style",), larger_model=False,
    ),
    case(
        "99 rows", "prompt", "the bound is 100", "100 rows with the right answer instead of 99: then tune",
        rows=99, compliance=0.8, lacks=("behaviour",), larger_model=False,
    ),
    case(
        "the prompt falls short, nobody says why and nobody counted rows", "prompt",
        "what is lacking is found by reading wrong answers, which costs an hour and not a GPU",
        "Read 50 wrong answers",
        baselines=measured(0.6, 0.53, 0.67),
    ),
    case(
        "missed by far yet nothing is wrong with the answers", "prompt",
        "then the test is wrong: a model cannot be trained towards wrong targets",
        "Look at targets and metric",
        baselines=measured(0.4, 0.33, 0.47), lacks=(), rows=5_000,
    ),
    case(
        "too dear, 40 rows, and no model may be learnt from", "prompt",
        "nothing to learn from: shorten, cache and quantise instead",
        "Shorten the prompt of 3,000 tokens",
        compliance=0.95, is_too_dear=True, rows=40, larger_model=False, prompt_tokens=3_000.0,
    ),
    case(
        "reasoning is lacking and there is nothing but the prompt", "prompt",
        "chain of thought is free and raises reasoning (Wei and others 2022)",
        "Try chain of thought",
        compliance=0.5, lacks=("reasoning",), rows=10, larger_model=False,
    ),
    case(
        "little traffic makes cost no reason", "prompt",
        "at a few hundred requests a day no training pays for itself",
        baselines=measured(0.93, 0.91, 0.95), requests_per_day=200.0, max_latency=5.0, latency=1.0,
    ),
    case(
        "quick enough", "prompt", "1 s of 2 s is no reason to train a smaller model",
        compliance=0.95, latency=1.0, max_latency=2.0, is_too_dear=False, rows=5_000,
    ),
    case(
        "60 pairs and 40 rows", "prompt", "neither makes 100 answers to learn from",
        "40 rows and 60 pairs are below the 100",
        compliance=0.8, lacks=("style",), rows=40, preference_pairs=60, larger_model=False,
    ),
    case(
        "the weaker of two tasks is below the threshold and there are no rows", "prompt",
        "a release needs all its tasks, so the weakest decides",
        "0.70 where 0.90 is asked for",
        baselines=(baseline("system", 0.98), baseline("system", 0.70, task="routing")), rows=0, lacks=("format",),
        larger_model=False,
    ),
    # ---- facts that change
    case(
        "policy texts that change every quarter", "retrieve",
        "the issue's case: what is trained in cannot be corrected when the policy changes (Lewis and others 2020)",
        "they change", "Measure the search by itself",
        lacks=("knowledge",), knowledge_changes=True,
    ),
    case(
        "policy texts that change every quarter, 20,000 rows, prompt at 0.55", "retrieve",
        "rows do not help against facts that change; new facts tuned in make models invent (Gekhman and others 2024)",
        "Do not tune the facts in",
        baselines=measured(0.55, 0.48, 0.62), lacks=("knowledge",), knowledge_changes=True, rows=20_000,
    ),
    case(
        "prices and stock of a shop", "retrieve", "they change daily, and every answer must be right today",
        compliance=0.3, lacks=("knowledge",), knowledge_changes=True, knowledge_tokens=50_000, window=128_000,
    ),
    case(
        "answers that must cite their source", "retrieve",
        "weights name no source: citing needs the passage in the prompt",
        compliance=0.7, lacks=("knowledge", "format"), knowledge_changes=True, rows=500,
    ),
    case(
        "facts that must be deleted on request", "retrieve", "an entry of an index is deleted, a weight is not",
        compliance=0.7, lacks=("knowledge",), knowledge_changes=True, corpus_tokens=3_000_000_000,
    ),
    case(
        "customers' documents that must be kept apart", "retrieve",
        "a search can be held to what the reader may see, a model cannot",
        lacks=("knowledge",), knowledge_changes=True, larger_model=True,
    ),
    case(
        "facts are lacking and nobody says whether they change", "retrieve",
        "retrieval is right in both cases and beat training throughout (Ovadia and others 2023)",
        "facts that stay as they are",
        compliance=0.5, lacks=("knowledge",), knowledge_tokens=10_000, window=32_000,
    ),
    case(
        "facts that change, and the tone is off", "retrieve",
        "facts first; a tune on rows with passages goes beside it (Zhang and others 2024, RAFT)",
        "Tune for style besides",
        compliance=0.5, lacks=("knowledge", "style"), knowledge_changes=True, rows=2_000,
    ),
    case(
        "facts that change, JSON is broken, 30 rows", "retrieve",
        "facts first; for the format the prompt and a schema, until there are rows",
        "Ask for format in the prompt", "schema",
        compliance=0.5, lacks=("format", "knowledge"), knowledge_changes=True, rows=30,
    ),
    case(
        "facts that change, and the model is too dear", "retrieve",
        "a smaller model knows even fewer facts; few and short passages keep it cheap",
        "few and short passages",
        compliance=0.6, lacks=("knowledge",), knowledge_changes=True, is_too_dear=True, larger_model=True,
    ),
    # ---- facts that stay: small
    case(
        "a staff handbook of 30,000 tokens", "long_context",
        "Anthropic 2024: below 200,000 tokens the whole text goes into the prompt, without retrieval",
        "more than 64,000 tokens", "cached",
        compliance=0.5, lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=30_000, window=128_000,
    ),
    case(
        "a price list of two pages, window unknown", "long_context", "any model of today takes a thousand tokens",
        lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=1_000,
    ),
    case(
        "a glossary of 3,000 tokens, too dear already", "long_context",
        "so little text is not worth an index, whatever the price",
        lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=3_000, window=8_192, is_too_dear=True,
    ),
    case(
        "exactly half of the window", "long_context", "half of it is for the text, the rest for question and answer",
        lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=16_000, window=32_000,
    ),
    case(
        "100,000 tokens in a window of a million", "long_context", "at the bound that is set for open models",
        lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=100_000, window=1_000_000,
    ),
    case(
        "a manual of 40,000 tokens and 8,000 rows", "long_context",
        "facts are not tuned in while they can be read (Gekhman and others 2024)",
        baselines=measured(0.5, 0.43, 0.57), lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=40_000,
        window=128_000, rows=8_000,
    ),
    case(
        "a manual of 40,000 tokens and answers in the wrong form", "long_context",
        "the facts first, the form beside them",
        "Tune for format besides",
        compliance=0.5, lacks=("format", "knowledge"), knowledge_changes=False, knowledge_tokens=40_000, window=128_000,
        rows=1_500,
    ),
    # ---- facts that stay: small enough, yet retrieved
    case(
        "a manual of 40,000 tokens at a million requests a day that are too dear", "retrieve",
        "Li and others 2024: reading along is the better, retrieving by far the cheaper",
        "too slow or too dear", "a price that can be borne",
        compliance=0.5, lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=40_000, window=128_000,
        is_too_dear=True, requests_per_day=1e6,
    ),
    case(
        "a manual of 40,000 tokens and answers wanted within 0.5 s", "retrieve",
        "reading 40,000 tokens takes longer than is allowed",
        compliance=0.5, lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=40_000, window=128_000,
        latency=2.0, max_latency=0.5,
    ),
    case(
        "20,000 tokens and a window of 8,192", "retrieve", "the text does not fit, and is too small a corpus",
        "a model that takes 40,000 tokens: then put the text into every prompt",
        lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=20_000, window=8_192, corpus_tokens=0,
    ),
    case(
        "20,000 tokens and nobody knows the window", "retrieve", "retrieval works in any window",
        lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=20_000,
    ),
    case(
        "3,000 tokens and a window of 2,048", "retrieve", "a small model of old cannot hold even little text",
        lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=3_000, window=2_048,
    ),
    case(
        "facts that stand in no text", "retrieve", "what is not written down can be neither looked up nor learnt",
        "Write the facts down",
        lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=0,
    ),
    case(
        "facts that stay, and nobody knows how many", "retrieve", "retrieval works at any size",
        "tokens that hold the facts",
        lacks=("knowledge",), knowledge_changes=False,
    ),
    # ---- facts that stay: large
    case(
        "an archive of five million tokens", "retrieve",
        "too large for a prompt, far too small to be learnt by heart (Yang and others 2024)",
        "100,000,000 tokens of raw text instead of 5,000,000: then continue pretraining",
        compliance=0.4, lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=5_000_000, corpus_tokens=0,
    ),
    case(
        "an archive of five million tokens and 50,000 rows", "retrieve",
        "questions with answers teach facts slowly and make models invent (Gekhman and others 2024)",
        baselines=measured(0.4, 0.33, 0.47), lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=5_000_000,
        corpus_tokens=5_000_000, rows=50_000,
    ),
    case(
        "two billion tokens of patents that stay as they are", "pretrain",
        "Gururangan and others 2020 had gains with 2 to 8 billion tokens a domain",
        "Mix general text in", "Measure retrieval against it",
        compliance=0.4, lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=2_000_000_000,
    ),
    case(
        "a million tokens of facts within 500 million of the domain", "pretrain",
        "the corpus around the facts repeats them in many forms, which is how they are learnt",
        lacks=("knowledge",), knowledge_changes=False, knowledge_tokens=1_000_000, corpus_tokens=500_000_000,
    ),
    case(
        "two billion tokens of case law and a tone to learn", "pretrain",
        "raw text teaches words and facts; how to answer is tuned afterwards",
        "Tune for style after the pretraining",
        lacks=("knowledge", "style"), knowledge_changes=False, knowledge_tokens=2_000_000_000, rows=4_000,
    ),
    case(
        "two billion tokens of news", "retrieve", "what changes is retrieved, however much text there is",
        lacks=("knowledge",), knowledge_changes=True, knowledge_tokens=2_000_000_000, corpus_tokens=2_000_000_000,
    ),
    # ---- behaviour, format, style, vocabulary
    case(
        "strict JSON at 100,000 requests a day with 85 % compliance", "tune",
        "the issue's case: format is behaviour, a prompt does not reach it, and the traffic brings rows",
        "0.85 where 0.90 is asked for", "100,000 requests a day", "schema",
        compliance=0.85, lacks=("format",), requests_per_day=100_000.0,
    ),
    case(
        "strict JSON at 100,000 requests a day with 85 % compliance and 5,000 rows", "tune",
        "with the rows counted it is the plain case for tuning",
        compliance=0.85, lacks=("format",), requests_per_day=100_000.0, rows=5_000,
    ),
    case(
        "tickets into JSON, ten examples reach 0.85, 2,000 rows", "tune",
        "prompting was tried with up to ten examples and measured; rows are viable",
        "a prompt that reaches 0.90 on these items instead of 0.85: then stay with the prompt", "5 examples",
        baselines=measured(0.85, 0.80, 0.89), lacks=("format",), rows=2_000,
    ),
    case(
        "100 rows", "tune", "from 100 on it can be done, with care", "Train with care",
        compliance=0.8, lacks=("behaviour",), rows=100,
    ),
    case(
        "420 rows in the house style", "tune",
        "LIMA (Zhou and others 2023): style needs few rows if they are good; below 1,000 with care",
        "Train with care", "1,000 rows instead of 420",
        baselines=measured(0.7, 0.63, 0.76), lacks=("style",), rows=420,
    ),
    case(
        "420 rows and a larger model that does the job", "tune",
        "the team's own rows are right; the larger model adds to them",
        "Let the larger model write more rows",
        compliance=0.7, lacks=("behaviour",), rows=420, larger_model=True,
    ),
    case(
        "30,000 labelled tickets to route", "tune", "classification with many rows is what tuning does best",
        baselines=measured(0.78, 0.72, 0.83), lacks=("behaviour",), rows=30_000,
    ),
    case(
        "a model that must refuse what it may not answer", "tune", "refusing is behaviour",
        compliance=0.6, lacks=("behaviour",), rows=1_500,
    ),
    case(
        "abbreviations of a hospital in 3,000 rows", "tune", "words of a domain are tuned where there are rows",
        compliance=0.65, lacks=("vocabulary",), rows=3_000,
    ),
    case(
        "abbreviations of a hospital in 3,000 rows and a billion tokens of notes", "tune",
        "rows tune; pretraining before it helps further (Gururangan and others 2020)",
        "continued pretraining on the raw text before",
        compliance=0.65, lacks=("vocabulary",), rows=3_000, corpus_tokens=1_000_000_000,
    ),
    case(
        "not certain: 0.88 of 0.90 on 100 items", "tune",
        "the value decides; that more items may show the prompt to be enough stands first beside it",
        "Ask about", "instead of 100",
        baselines=measured(0.88, 0.80, 0.93, items=100), lacks=("format",), rows=2_000,
    ),
    case(
        "the prompt falls short, nobody says why, 2,000 rows", "tune",
        "ten examples did not do it and the rows show what is wanted; facts would lead elsewhere, and that is said",
        "Read 50 wrong answers", "facts being what the answers lack: then retrieve",
        baselines=measured(0.6, 0.53, 0.67), rows=2_000,
    ),
    case(
        "format is off, 3,000 rows, no prompt measured", "tune",
        "the path goes on where the prompt is not known, and says so",
        "Measure the prompts",
        lacks=("format",), rows=3_000,
    ),
    case(
        "4,000 pairs and no rows", "tune",
        "the better answers are rows; pairs are trained on after them (Rafailov and others 2023)",
        "on the better answers first, then on the 4,000 pairs",
        compliance=0.7, lacks=("style",), rows=0, preference_pairs=4_000,
    ),
    case(
        "5,000 rows and 2,000 pairs", "tune", "rows first, preferences after them",
        "Tune on the rows first, then on the 2,000 pairs",
        compliance=0.7, lacks=("behaviour",), rows=5_000, preference_pairs=2_000,
    ),
    case(
        "reasoning with 8,000 worked solutions and no larger model", "tune",
        "rows that show the steps teach them",
        "Let the rows show the steps",
        compliance=0.5, lacks=("reasoning",), rows=8_000, larger_model=False,
    ),
    case(
        "the weaker of two tasks is below the threshold", "tune",
        "a mean of 0.91 hides a task at 0.84; a release needs both",
        "0.84 where 0.90 is asked for",
        baselines=(baseline("system", 0.98), baseline("system", 0.84, task="routing")), rows=4_000,
        lacks=("behaviour",),
    ),
    case(
        "chain of thought is enough but takes 8 s of 1 s, 6,000 rows", "tune",
        "the job is done too slowly: a smaller model learns it from the rows",
        "takes 8 s where at most 1 s is allowed",
        baselines=(*measured(0.7), baseline("chain of thought", 0.93, 0.91, 0.95)), latency=8.0, max_latency=1.0,
        rows=6_000, larger_model=False,
    ),
    case(
        "a good prompt of 3,000 tokens, too dear at a million requests, 10,000 rows", "tune",
        "a tuned small model needs no long prompt; no other model may be learnt from",
        "costs too much",
        compliance=0.95, is_too_dear=True, requests_per_day=1e6, prompt_tokens=3_000.0, rows=10_000, larger_model=False,
    ),
    case(
        "a good prompt, too dear at a million requests, rows not counted, and no model may be learnt from", "tune",
        "so much traffic brings rows that people have checked, and a smaller model learns from them",
        "1,000,000 requests a day bring the rows",
        compliance=0.95, is_too_dear=True, requests_per_day=1e6, larger_model=False,
    ),
    # ---- a larger model's answers
    case(
        "a large model does the job but is too dear", "distil",
        "common practice: prove it with a large model, then train a small one on its answers",
        "See that the terms",
        compliance=0.96, is_too_dear=True, requests_per_day=1e6, larger_model=True,
    ),
    case(
        "a good prompt and still too dear, and nobody mentions another model", "distil",
        "the model in use does the job, so it is the one to learn from, if its terms allow",
        "no model whose answers may be learnt from",
        baselines=measured(0.95, 0.92, 0.97), is_too_dear=True,
    ),
    case(
        "a large model does the job but takes 6 s of 1 s", "distil", "a small model answers sooner",
        "6 s where at most 1 s is allowed",
        compliance=0.95, latency=6.0, max_latency=1.0, larger_model=True, rows=300,
    ),
    case(
        "format is off, 30 rows and a larger model that does it", "distil",
        "its answers become the rows that are missing (Hsieh and others 2023)",
        "Keep the 30 rows",
        compliance=0.6, lacks=("format",), rows=30, larger_model=True,
    ),
    case(
        "style is off, rows not counted, a larger model that does it", "distil",
        "its answers become the rows",
        compliance=0.6, lacks=("style",), larger_model=True,
    ),
    case(
        "reasoning is lacking and a larger model can be asked", "distil",
        "Hsieh and others 2023: the steps of a larger model taught small ones what labels alone did not",
        "Let the rows show the steps",
        compliance=0.5, lacks=("reasoning",), rows=2_000, larger_model=True,
    ),
    case(
        "the small model fails, the one in use is too dear, 60 rows", "distil",
        "the one in use does the job, so its answers are rows",
        baselines=measured(0.5, 0.43, 0.57), lacks=("format",), is_too_dear=True, rows=60,
    ),
    # ---- raw text and nothing else
    case(
        "words of a trade, no rows, 300 million tokens of its texts", "pretrain",
        "Gururangan and others 2020: raw text of the domain helps where rows are few",
        compliance=0.5, lacks=("vocabulary",), rows=20, corpus_tokens=300_000_000, larger_model=False,
    ),
    case(
        "words of a trade, no rows, one million tokens of its texts", "prompt",
        "so little raw text does not teach; a glossary in the prompt does",
        "100,000,000 tokens of raw text instead of 1,000,000: then continue pretraining",
        compliance=0.5, lacks=("vocabulary",), rows=20, corpus_tokens=1_000_000, larger_model=False,
    ),
    case(
        "a tone to learn and a billion tokens of raw text but no rows", "prompt",
        "raw text does not show how to answer",
        compliance=0.6, lacks=("style",), rows=0, corpus_tokens=1_000_000_000, larger_model=False,
    ),
)  # fmt: skip


def said(strategy: Strategy) -> str:
    evidence = tuple(line for step in strategy.path for line in step.evidence)
    return "\n".join((strategy.reason, *strategy.beside, *strategy.would_change, *evidence))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_advice_is_what_the_guides_say(case: Case) -> None:
    strategy = advise(case.situation)
    assert strategy.route == case.route, f"{case.why}; but: {strategy.reason}"
    for phrase in case.says:
        assert phrase in said(strategy), f"{phrase!r} is missing in:\n{said(strategy)}"


def test_the_cases_are_many_distinct_and_lead_everywhere() -> None:
    assert len(CASES) >= 55
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({case.situation for case in CASES}) == len(CASES)
    assert {case.route for case in CASES} == set(get_args(Route))
    assert all(case.why for case in CASES)


def taken(strategy: Strategy) -> list[str]:
    return [branch.answer for step in strategy.path for branch in step.branches if branch.is_taken]


def test_the_tree_shows_every_branch_and_names_what_follows() -> None:
    strategy = advise(Situation(baselines=measured(0.85, 0.80, 0.89), lacks=("format",), rows=420))
    assert taken(strategy) == ["no, 0.85 of 0.90", "behaviour, format, style, words", "100 to 1,000: with care, 420"]
    assert [branch.leads_to for branch in strategy.path[1].branches] == [
        "do the facts change?",
        "is there a larger model?",
        "are there rows to tune on?",
        "is it quick and cheap enough?",
        "are there rows to tune on?",
        "is it quick and cheap enough?",
    ]


def test_evidence_has_the_value_the_interval_and_the_items() -> None:
    step = advise(Situation(baselines=measured(0.85, 0.80, 0.89))).path[0]
    assert step.evidence[0] == "best prompt, 5 examples: 0.850 (0.800 to 0.890) exact_match of tickets on 200 items"
    assert "zero-shot 0.650" in step.evidence[1]


def test_a_value_just_below_the_threshold_is_not_rounded_up_to_it() -> None:
    strategy = advise(Situation(compliance=0.8999, lacks=("format",), rows=2_000))
    assert strategy.route == "tune"
    assert "0.8999 where 0.90" in strategy.reason


def test_an_uncertain_verdict_says_how_many_items_would_tell() -> None:
    """The half-width 0.05 must shrink to the gap 0.02: (5/2)² = 6.25 times as many items."""
    strategy = advise(Situation(baselines=measured(0.88, 0.83, 0.93, items=100), rows=2_000, lacks=("format",)))
    assert "about 630 items would tell" in strategy.path[0].evidence[2]
    assert "Ask about 630 items instead of 100: the interval holds 0.90" in strategy.beside[0]
    assert strategy.path[0].is_known


def test_a_value_at_the_threshold_itself_cannot_be_told_by_any_test_set() -> None:
    strategy = advise(Situation(baselines=measured(0.90, 0.85, 0.95)))
    assert "no test set of a usual size would tell" in said(strategy)


def test_what_was_measured_decides_over_what_was_said() -> None:
    strategy = advise(Situation(baselines=measured(0.6, 0.53, 0.67), compliance=0.95, rows=2_000, lacks=("style",)))
    assert strategy.route == "tune"
    assert "the team said 0.95; what was measured decides" in strategy.path[0].evidence


def test_the_prompt_whose_weakest_task_is_best_is_the_best_prompt() -> None:
    uneven = (baseline("system", 1.0), baseline("system", 0.80, task="routing"))
    even = (baseline("3 examples", 0.90), baseline("3 examples", 0.88, task="routing"))
    assert "3 examples: 0.880" in said(advise(Situation(baselines=(*uneven, *even))))


def test_a_score_that_is_missing_is_no_zero() -> None:
    missing = baseline("10 examples", float("nan"))
    assert advise(Situation(baselines=(missing, *measured(0.95)))).route == "prompt"
    assert advise(Situation(baselines=(missing,), compliance=0.95)).path[0].evidence[0].startswith("by the team's word")


def test_the_team_sets_the_threshold() -> None:
    situation = Situation(compliance=0.92, lacks=("format",), rows=2_000)
    assert advise(situation).route == "prompt"
    assert advise(replace(situation, threshold=0.95)).route == "tune"


def test_what_is_not_known_is_named_in_the_order_of_the_path() -> None:
    assert advise(Situation()).unknown == ("compliance", "lacks", "is_too_dear", "max_latency")
    assert [step.is_known for step in advise(Situation()).path] == [False, False, False]
    facts = Situation(compliance=0.5, lacks=("knowledge",), knowledge_changes=False)
    assert advise(facts).unknown == ("knowledge_tokens",)


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        (99, "below 100: none, 99"),
        (100, "100 to 1,000: with care, 100"),
        (999, "100 to 1,000: with care, 999"),
        (1_000, "above 1,000: viable, 1,000"),
        (9_999, "above 1,000: viable, 9,999"),
        (10_000, "above 10,000: effective, 10,000"),
    ],
)
def test_rows_fall_into_four_bands(rows: int, answer: str) -> None:
    assert answer in taken(advise(Situation(compliance=0.5, lacks=("format",), rows=rows)))


# ---- promises about every situation

shares = st.floats(0, 1)


@st.composite
def baseline_sets(draw: st.DrawFn) -> tuple[Baseline, ...]:
    found = []
    for name in draw(st.lists(st.sampled_from(MEASURED), unique=True, max_size=3)):
        for task in draw(st.lists(st.sampled_from(("tickets", "routing")), unique=True, min_size=1)):
            value, wide = draw(shares), draw(st.none() | st.floats(0, 0.3))
            ends = (None, None) if wide is None else (max(0.0, value - wide), min(1.0, value + wide))
            found.append(baseline(name, value, *ends, task=task, items=draw(st.integers(0, 5_000))))
    return tuple(found)


counts = st.none() | st.sampled_from((0, 1, 99, 100, 999, 1_000, 9_999, 10_000)) | st.integers(0, 10**6)
tokens = st.none() | st.sampled_from((0, 4_000, 4_001, 100_000, 100_001, 10**8)) | st.integers(0, 10**10)
flags = st.none() | st.booleans()
amounts = st.none() | st.floats(0, 1e7)
lacks = st.none() | st.lists(st.sampled_from(get_args(Lack)), unique=True).map(tuple)

situations = st.builds(
    Situation,
    threshold=st.floats(0.05, 1),
    baselines=st.just(()) | baseline_sets(),
    compliance=st.none() | shares,
    lacks=lacks,
    knowledge_changes=flags,
    knowledge_tokens=tokens,
    window=st.none() | st.integers(1, 10**7),
    rows=counts,
    preference_pairs=counts,
    corpus_tokens=tokens,
    requests_per_day=amounts,
    prompt_tokens=amounts,
    latency=st.none() | st.floats(0, 100),
    max_latency=st.none() | st.floats(0.01, 100),
    is_too_dear=flags,
    larger_model=flags,
)


@given(situations)
@settings(deadline=None, max_examples=150)
def test_every_situation_has_one_recommendation_with_its_path(situation: Situation) -> None:
    strategy = advise(situation)
    assert strategy == advise(situation)
    assert strategy.route in get_args(Route)
    assert strategy.reason
    assert strategy.path
    for step in strategy.path:
        assert step.question.endswith("?")
        assert sum(branch.is_taken for branch in step.branches) == 1
        assert len({branch.answer for branch in step.branches}) == len(step.branches) > 1
        assert step.evidence
        assert step.source
    assert len({step.question for step in strategy.path}) == len(strategy.path)


@given(situations)
@settings(deadline=None, max_examples=150)
def test_only_what_is_missing_is_called_unknown_and_a_guess_names_it(situation: Situation) -> None:
    strategy = advise(situation)
    names = {field.name for field in fields(Situation)}
    assert set(strategy.unknown) <= names
    assert all(getattr(situation, name) is None for name in strategy.unknown)
    assert len(set(strategy.unknown)) == len(strategy.unknown)
    if not all(step.is_known for step in strategy.path):
        assert strategy.unknown


@given(situations)
@settings(deadline=None, max_examples=150)
def test_no_sentence_holds_a_gap(situation: Situation) -> None:
    strategy = advise(situation)
    sentences = (strategy.reason, *strategy.beside, *strategy.would_change)
    assert len(set(sentences)) == len(sentences)
    for text in (*sentences, *(line for step in strategy.path for line in step.evidence)):
        assert text == text.strip()
        for gap in ("None", "nan", "  ", "( ", " ,", "{", "nothing is lacking", "nothing are lacking"):
            assert gap not in text


@given(situations, st.integers(0, 10**6))
@settings(deadline=None, max_examples=200)
def test_more_rows_never_lead_from_a_training_back_to_the_prompt(situation: Situation, more: int) -> None:
    if situation.rows is not None and advise(situation).route in {"tune", "distil"}:
        assert advise(replace(situation, rows=situation.rows + more)).route in {"tune", "distil"}


@given(situations, st.integers(0, 10**6))
@settings(deadline=None, max_examples=150)
def test_once_rows_are_tuned_on_more_of_them_are_too(situation: Situation, more: int) -> None:
    if situation.rows is not None and advise(situation).route == "tune":
        assert advise(replace(situation, rows=situation.rows + more)).route == "tune"


@given(situations, st.floats(0, 1))
@settings(deadline=None, max_examples=200)
def test_a_better_prompt_never_leads_from_the_prompt_to_a_tune(situation: Situation, gain: float) -> None:
    better = tuple(replace(each, value=min(1.0, each.value + gain)) for each in situation.baselines)
    word = None if situation.compliance is None else min(1.0, situation.compliance + gain)
    if advise(situation).route == "prompt":
        assert advise(replace(situation, baselines=better, compliance=word)).route != "tune"


@given(situations)
@settings(deadline=None, max_examples=150)
def test_facts_are_never_tuned_in(situation: Situation) -> None:
    strategy = advise(replace(situation, baselines=(), compliance=0.0, lacks=("knowledge", *(situation.lacks or ()))))
    assert strategy.route in {"retrieve", "long_context", "pretrain"}


@given(situations)
@settings(deadline=None, max_examples=150)
def test_facts_that_change_are_retrieved_whatever_else_is_there(situation: Situation) -> None:
    lacking = replace(situation, baselines=(), compliance=0.0, lacks=("knowledge",), knowledge_changes=True)
    assert advise(lacking).route == "retrieve"


@given(situations)
@settings(deadline=None, max_examples=150)
def test_a_prompt_that_is_good_quick_and_cheap_is_kept(situation: Situation) -> None:
    good = replace(situation, baselines=(), compliance=1.0, is_too_dear=False, latency=1.0, max_latency=2.0)
    assert advise(good).route == "prompt"


@given(situations)
@settings(deadline=None, max_examples=150)
def test_nothing_is_tuned_below_100_answers_that_were_counted(situation: Situation) -> None:
    few = replace(situation, rows=99, preference_pairs=99)
    assert advise(few).route != "tune"


def _end(steps: tuple[Step, ...]) -> str:
    return next(branch.leads_to for branch in steps[-1].branches if branch.is_taken)


@given(situations)
@settings(deadline=None, max_examples=200)
def test_the_last_branch_that_is_taken_names_the_recommendation(situation: Situation) -> None:
    names = {
        "prompt": "stay with the prompt",
        "retrieve": "retrieve",
        "long_context": "put the text into every prompt",
        "tune": "tune",
        "distil": "distil",
        "pretrain": "continue pretraining",
    }
    strategy = advise(situation)
    assert _end(strategy.path) == names[strategy.route]
    assert all(not sentence.endswith(f"then {names[strategy.route]}") for sentence in strategy.would_change)
