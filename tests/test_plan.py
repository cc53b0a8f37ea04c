"""A plan has every name resolved and every item at hand, before anything heavy is loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from harness import BenchmarkContext, BenchmarkItems, GenerationSettings, plan
from harness.catalog import Catalog, Offer
from harness.cli.progress import QuietObserver
from harness.errors import UsageError
from harness.execution import benchmarks
from harness.host import Host
from harness.plan import Plan
from harness.suite.load import load
from harness.testing.project import SUITE, Project, colour_rows
from harness.values import Mode, Origin, Sample


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.build(Host.load())


def planned(project: Project, catalog: Catalog, text: str = SUITE, limit: int | None = None) -> Plan:
    return plan.make(load(project.write_suite(text)), catalog, limit=limit)


def test_three_arms_ask_the_same_items(project: Project, catalog: Catalog) -> None:
    made = planned(project, catalog)
    assert [arm.name for arm in made.arms] == ["base", "prompted", "tuned"]
    assert len({made.tasks_of(arm.name)[0].samples for arm in made.arms}) == 1


def test_benchmarks_are_asked_of_base_and_tuned_only(project: Project, catalog: Catalog) -> None:
    made = planned(project, catalog, SUITE.replace("gates:", "benchmarks: [canary]\ngates:"))
    asked = {arm.name: [task.name for task in made.tasks_of(arm.name)] for arm in made.arms}
    assert asked == {"base": ["colours", "canary"], "prompted": ["colours"], "tuned": ["colours", "canary"]}


def test_the_examples_of_the_prompted_arm_come_from_train_and_are_drawn_by_the_seed(
    project: Project, catalog: Catalog
) -> None:
    first, second = (planned(project, catalog).arms[1].prompting for _ in range(2))
    other = planned(project, catalog, SUITE.replace("seed: 3", "seed: 4")).arms[1].prompting
    assert first == second != other
    assert len(first.few_shot) == 2
    assert all("train item" in shot[0].content for shot in first.few_shot)


@pytest.mark.parametrize(("own", "flag", "items"), [("", None, 20), ("", 5, 5), ("limit: 3", 5, 3), ("limit: 7", 5, 5)])
def test_the_smaller_limit_counts(project: Project, catalog: Catalog, own: str, flag: int | None, items: int) -> None:
    text = SUITE.replace("    data: test\n", f"    data: test\n    {own}\n")
    assert len(planned(project, catalog, text, flag).tasks[0].samples) == items


def test_a_limit_reaches_the_benchmarks(project: Project, catalog: Catalog) -> None:
    text = SUITE.replace("gates:", "benchmarks: [mmlu, {name: hellaswag, limit: 3}]\ngates:")
    mmlu, hellaswag = planned(project, catalog, text, 5).benchmarks
    assert (mmlu.benchmark and mmlu.benchmark.instance.limit) == 5
    assert (hellaswag.benchmark and hellaswag.benchmark.instance.limit) == 3


@dataclass(frozen=True)
class Sums:
    """Twelve sums; how many are asked cannot be chosen."""

    name: ClassVar[str] = "sums"
    mode: ClassVar[Mode] = "generate"
    metrics: ClassVar[tuple[str, ...]] = ("exact_match",)
    requires_packages: ClassVar[tuple[str, ...]] = ()

    def check(self, context: BenchmarkContext) -> None:
        pass

    def settings(self) -> GenerationSettings:
        return GenerationSettings()

    def load(self, context: BenchmarkContext) -> BenchmarkItems:
        return BenchmarkItems(tuple(Sample(f"s{n}", f"{n} + 1 =", (f"{n + 1}",)) for n in range(12)), "here", "1")


@pytest.mark.parametrize(("limit", "items"), [(5, 5), (None, 12)])
def test_a_benchmark_without_a_limit_of_its_own_is_limited_too(
    project: Project, catalog: Catalog, limit: int | None, items: int
) -> None:
    offer = Offer("benchmark", "sums", Sums, Origin("finetune-harness", "1", "sums"))
    with_sums = Catalog((*catalog.offers, offer), Host([]))
    made = planned(project, with_sums, SUITE.replace("gates:", "benchmarks: [sums]\ngates:"), limit)
    [sums] = benchmarks.load(made, QuietObserver()).plan.benchmarks
    assert [sample.id for sample in sums.samples] == [f"s{n}" for n in range(items)]


def test_a_gate_without_a_metric_judges_the_first(project: Project, catalog: Catalog) -> None:
    made = planned(project, catalog, SUITE.replace("metric: f1, ", ""))
    assert made.gates[0].metric == "exact_match"


def test_two_variants_of_a_metric_are_told_apart(project: Project, catalog: Catalog) -> None:
    two = "[{name: rouge, variant: rouge1}, {name: rouge, variant: rouge2}, f1]"
    made = planned(project, catalog, SUITE.replace("[exact_match, f1]", two))
    labels = [metric.label for metric in made.tasks[0].metrics]
    assert labels == ["rouge(variant=rouge1)", "rouge(variant=rouge2)", "f1"]


def test_a_benchmark_is_scored_by_its_own_packages_metric(project: Project, catalog: Catalog) -> None:
    """Another package that offers an ``acc`` must not change, or stop, what MMLU means."""
    rival = next(offer for offer in catalog.offers if offer.name == "acc")
    foreign = replace(rival, origin=replace(rival.origin, distribution="rival"))
    crowded = Catalog((*catalog.offers, foreign), Host([]))
    made = planned(project, crowded, SUITE.replace("gates:", "benchmarks: [mmlu]\ngates:"))
    (metric,) = made.benchmarks[0].metrics
    assert (metric.origin.distribution, metric.label) == ("finetune-harness", "acc")


def test_a_system_turn_of_the_rows_stays_out_of_the_examples(project: Project, catalog: Catalog) -> None:
    rows = colour_rows(0, 4, "other")
    for row in rows:
        row["messages"].insert(0, {"role": "system", "content": "Be brief."})
    project.write_rows("train.jsonl", rows)
    shots = planned(project, catalog).arms[1].prompting.few_shot
    assert {message.role for shot in shots for message in shot} == {"user", "assistant"}


def test_what_takes_part_is_known_with_its_origin(project: Project, catalog: Catalog) -> None:
    origins = planned(project, catalog).origins
    assert set(origins) == {"backend:transformers", "trainer:lora", "metric:exact_match", "metric:f1"}
    assert {origin.distribution for origin in origins.values()} == {"finetune-harness"}


def test_a_metric_that_cannot_score_the_items_is_told_with_its_line(project: Project, catalog: Catalog) -> None:
    fitting = SUITE.replace("f1]", "f1, {name: accuracy, labels: [red, green, blue, black, white]}]")
    lacking = SUITE.replace("f1]", "f1, {name: accuracy, labels: [red, green, blue, black]}]")

    assert len(planned(project, catalog, fitting).tasks[0].metrics) == 3
    with pytest.raises(UsageError, match=r"suite.yaml:\d+: metric 'accuracy' cannot score 4 of 20 samples: .*'white'"):
        planned(project, catalog, lacking)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("{name: duplicate}", "unknown data check 'duplicate'; did you mean 'duplicates'?"),
        ("{name: duplicates, nearly: 0.9}", "data check 'duplicates' has no option 'nearly'"),
        ("{name: duplicates, near: 2}", "near is a similarity above 0 and up to 1"),
        ("{name: duplicates, severity: fatal}", "severity"),
    ],
)
def test_a_data_check_that_cannot_be_done_is_told_with_its_line(
    project: Project, catalog: Catalog, check: str, words: str
) -> None:
    text = SUITE.replace("gates:", f"checks:\n  - length\n  - {check}\ngates:")
    with pytest.raises(UsageError, match=re.escape(words)) as error:
        planned(project, catalog, text)
    assert error.value.line == text.splitlines().index(f"  - {check}") + 1


def test_a_run_does_the_quick_checks_and_those_that_the_suite_lists(project: Project, catalog: Catalog) -> None:
    def names(text: str) -> list[str]:
        return [check.name for check in planned(project, catalog, text).checks]

    assert "leakage" in names(SUITE)
    assert "pii" not in names(SUITE)
    listed = names(SUITE.replace("gates:", "checks: [pii, {name: language, severity: off}]\ngates:"))
    assert "pii" in listed
    assert "language" not in listed
