"""A gate that could never be decided is refused before anything runs, with its line and what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from harness import plan
from harness.catalog import Catalog, Offer
from harness.errors import UsageError
from harness.host import Host
from harness.protocols import JudgingContext
from harness.suite.load import load
from harness.testing.project import SUITE, Project
from harness.values import Case, GateRule, JudgeModel, Origin, Score

TASKS = SUITE[: SUITE.index("gates:")].replace(
    "metrics: [exact_match, f1]",
    "metrics: [f1, repetition, latency]\n    judges: [grader, {name: grader, compares: true}]",
)
TASKS += """\
  - {name: quiz, data: quiz, mode: choose, metrics: [acc]}
  - {name: opinion, judges: [grader]}
"""
COMPARES = "metric: grader(compares=True)"


@dataclass(frozen=True)
class Grader:
    """Stands for any judge: nobody is asked while a plan is made."""

    name: ClassVar[str] = "grader"
    requires_packages: ClassVar[tuple[str, ...]] = ()
    models: ClassVar[tuple[JudgeModel, ...]] = ()

    compares: bool = False

    def grade(self, cases: Sequence[Case], context: JudgingContext) -> Sequence[Score]:
        raise AssertionError("a plan asks nobody")

    def notes(self, scores: Sequence[Score]) -> Sequence[str]:
        return ()


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    offers = Catalog.build(Host.load()).offers
    return Catalog((*offers, Offer("judge", "grader", Grader, Origin("finetune-harness", "1", "judges"))), Host([]))


def settled(project: Project, catalog: Catalog, *gates: str) -> tuple[GateRule, ...]:
    """The rules of a plan with these gates."""
    choices = [{"prompt": f"Which is {n}?", "choices": ["this", "that"], "answer": n % 2} for n in range(4)]
    project.write_rows("quiz.jsonl", choices)
    text = TASKS.replace("  test: test.jsonl\n", "  test: test.jsonl\n  quiz: quiz.jsonl\n")
    text += "gates:\n" + "".join(f"  - {{{gate}}}\n" for gate in gates)
    return plan.make(load(project.write_suite(text)), catalog).gates


def test_metrics_judges_and_people_can_be_gated(project: Project, catalog: Catalog) -> None:
    first, judge, pairs, people, quiz, opinion = settled(
        project,
        catalog,
        "task: colours, max_drop: 0.1",
        "task: colours, metric: grader, min_gain: 0.1, min_kappa: 0.4",
        f"task: colours, {COMPARES}, at_least: 0.55",
        "task: colours, metric: people, min_gain: 0.1, against: prompted",
        "task: quiz, max_drop: 0.1",
        "task: opinion, max_drop: 0.1, min_kappa: 0.4",
    )
    assert [each.metric for each in (first, quiz, opinion)] == ["f1", "acc", "grader"]
    assert judge == GateRule("colours", "grader", min_gain=0.1, min_kappa=0.4)
    assert pairs == GateRule("colours", "grader(compares=True)", at_least=0.55)
    assert people == GateRule("colours", "people", min_gain=0.1, against="prompted")


def test_a_level_is_asked_for_from_the_side_that_is_better(project: Project, catalog: Catalog) -> None:
    rules = settled(
        project,
        catalog,
        "task: colours, metric: f1, at_least: 0.5",
        "task: colours, metric: repetition, at_most: 0.2",
        "task: colours, metric: latency, at_most: 2.5",
    )
    assert [(rule.at_least, rule.at_most, rule.level) for rule in rules] == [
        (0.5, None, 0.5),
        (None, 0.2, 0.2),
        (None, 2.5, 2.5),
    ]
    assert str(rules[1]) == "colours repetition is at most 0.2"


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        (
            "task: colours, metric: graders, max_drop: 0.1",
            "gate on metric 'graders', which colours does not measure; did you mean 'grader'?",
        ),
        (
            "task: quiz, metric: people, min_gain: 0.1",
            "gate on what people prefer, and quiz has no answers for them to read; gate a task of mode generate",
        ),
        (
            "task: colours, metric: f1, max_drop: 0.1, min_kappa: 0.4",
            "min_kappa is about how far a judge agrees with people, and f1 is no judge; leave it out",
        ),
        (
            "task: colours, metric: people, min_gain: 0.1, min_kappa: 0.4",
            "min_kappa is about how far a judge agrees with people, and people is no judge; leave it out",
        ),
        (
            "task: colours, metric: grader, max_drop: 5%",
            "grader says how much better one answer is than the other, and that is no share of a score; "
            "write points: 'max_drop: 0.05'",
        ),
        (
            "task: colours, metric: people, max_relative_drop: 5%, relative_guard_below: 0.4",
            "people says how much better one answer is than the other, and that is no share of a score; "
            "write points: 'max_drop: 0.05'",
        ),
        (
            "task: colours, metric: grader, min_gain: 5",
            "min_gain 5 is not between 0 and 1; grader goes from 0 to 1; write 0.05 for 5 points",
        ),
        (
            "task: colours, metric: grader, at_least: 0.7",
            "grader grades single answers, and people's labels correct only the difference of two; "
            "ask for min_gain or max_drop",
        ),
        ("task: colours, metric: people, at_least: 55", "no score is 55; it goes from 0 to 1"),
        ("task: colours, metric: repetition, at_most: 20", "no score is 20; it goes from 0 to 1"),
        (
            "task: colours, metric: repetition, at_least: 0.2",
            "at_least would ask repetition to be bad: lower is better there; write 'at_most: 0.2'",
        ),
        (
            "task: colours, metric: f1, at_most: 0.5",
            "at_most would ask f1 to be bad: higher is better there; write 'at_least: 0.5'",
        ),
        (
            "task: colours, metric: grader, at_most: 0.5",
            "at_most would ask grader to be bad: higher is better there; write 'at_least: 0.5'",
        ),
    ],
)
def test_a_gate_that_cannot_be_decided_is_refused_with_its_line(
    gate: str, problem: str, project: Project, catalog: Catalog
) -> None:
    with pytest.raises(UsageError) as refused:
        settled(project, catalog, "task: colours, max_drop: 0.1", gate)
    line = project.suite.read_text(encoding="utf-8").splitlines().index(f"  - {{{gate}}}") + 1
    assert str(refused.value) == f"{project.suite}:{line}: {problem}"


@pytest.mark.parametrize(
    ("metric", "problem"),
    [("grader", ""), ("people", ""), ("graders", "a gate names 'graders'; did you mean 'grader'?")],
)
def test_recorded_runs_are_judged_by_judges_and_people_too(metric: str, problem: str, project: Project) -> None:
    """Past the names the command asks for the runs, of which there are none."""
    project.write_suite(
        SUITE.replace("metrics: [exact_match, f1]", "judges: [grader]").replace("metric: f1", f"metric: {metric}")
    )
    result = project.run("gate", "base", "tuned", "--suite", "suite.yaml")
    assert result.exit_code == 2
    assert (problem in result.err) if problem else ("a gate names" not in result.err and "record" in result.err)


def test_people_have_nothing_to_read_in_a_task_of_choices(project: Project) -> None:
    text = SUITE.replace("metrics: [exact_match, f1]", "mode: choose\n    metrics: [acc]")
    project.write_suite(text.replace("metric: f1", "metric: people"))
    result = project.run("gate", "base", "tuned", "--suite", "suite.yaml")
    assert (result.exit_code, "a gate names 'people'" in result.err) == (2, True)
