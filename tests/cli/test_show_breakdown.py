"""``harness show RUN`` tells what a metric knows of a task besides its value."""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import PerSample, Score, ScoringContext, hookimpl
from harness.catalog import Catalog
from harness.cli.breakdowns import breakdowns_of
from harness.host import Host
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.testing import text_item
from harness.testing.project import Project
from harness.values import Environment, ModelRef, Origin, Ref, Run, Suite, Task

ISSUES = {"labels": ["late", "refund"]}
ANSWERS = [("late", "late"), ("late", "refund"), ("refund", "no idea")]
SUITE = Suite("job", Path("job.yaml"), "suite: job\n", "digest", 7, ModelRef("m"), {}, None, None, (), (), ())
ENVIRONMENT = Environment("3.11.7", "linux", "x86_64", 2, "cpu", {}, None)


@dataclass(frozen=True)
class Stumbling(PerSample):
    """Scores, and cannot tell what of."""

    name = "stumbling"

    def score_one(self, text: str, targets: Sequence[str]) -> float:
        return 1.0

    def breakdown(self, scores: Sequence[Score]) -> Any:  # noqa: ANN401 - none is ever made
        raise KeyError("no such class")


@dataclass(frozen=True)
class Garbled(Stumbling):
    """Takes a text for a breakdown."""

    name = "garbled"

    def breakdown(self, scores: Sequence[Score]) -> Any:  # noqa: ANN401 - the wrong kind of thing
        return "late: 3"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    plugin = types.ModuleType("stumbling")
    plugin.harness_register_metrics = hookimpl(lambda: [Stumbling, Garbled])  # type: ignore[attr-defined]
    own = Host([("test:stumbling", Origin("test", "1", "stumbling"), lambda: plugin)])
    host = Host.load()
    return Catalog((*Catalog.build(host).offers, *Catalog.build(own).offers), host)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Project:
    """One run with one task, scored by five metrics, one of which is not installed any more."""
    project = Project(tmp_path_factory.mktemp("breakdown"))
    refs = (Ref("accuracy", ISSUES), Ref("macro_f1", ISSUES), Ref("stumbling"), Ref("garbled"), Ref("gone"))
    task = Task("issues", "generate", refs)
    items = [text_item(f"ticket{number}", answer, target) for number, (target, answer) in enumerate(ANSWERS)]
    with Writer(project.record) as writer:
        experiment = writer.new_experiment(SUITE, "key")
        run = Run(
            f"{experiment}/base", experiment, "job", "digest", "base", 7, "running", "2026-03-14T09:26:53+00:00", None,
            ENVIRONMENT, {},
        )  # fmt: skip
        writer.start_run(run)
        writer.start_task(run.id, task, [item.sample for item in items], "test.jsonl")
        scores = {
            ref.name: catalog.make("metric", ref).instance.score(items, ScoringContext()) for ref in task.metrics[:-1]
        }
        scores["gone"] = [Score(item.sample.id, 1.0) for item in items]
        writer.add_batch(run.id, task.name, [item.generations[0] for item in items], scores)
        writer.finish_run(run.id, "finished", "2026-03-14T09:27:53+00:00")
    return project


def test_the_classes_stand_below_the_values(recorded: Project) -> None:
    result = recorded.run("show", "job-1/base")

    assert result.exit_code == 0, result.err
    screen = [line.split() for line in result.out.splitlines()]
    assert ["issues", "classes", "of", "macro_f1"] in [line[:4] for line in screen]
    assert ["late", "2", "1", "1.000", "0.500", "0.667", "refund", "1"] in screen
    assert ["refund", "1", "1", "0.000", "0.000", "0.000", "(unparsable)", "1"] in screen


def test_a_program_gets_them_too(recorded: Project) -> None:
    (told,) = recorded.run("show", "job-1/base", "--json").json["breakdowns"]

    assert (told["task"], told["metric"], told["breakdown"]["name"]) == ("issues", "macro_f1", "classes")
    assert told["breakdown"]["rows"][0] == ["late", 2, 1, 1.0, 0.5, pytest.approx(2 / 3), "refund", 1]


def test_a_metric_that_stumbles_over_its_breakdown_is_told_and_hides_nothing(
    recorded: Project, catalog: Catalog
) -> None:
    with Reader(recorded.record) as reader:
        told = {each.metric: each.breakdown for each in breakdowns_of(reader, reader.run("job-1/base"), catalog)}

    assert list(told) == ["macro_f1", "stumbling", "garbled"]
    assert told["macro_f1"].rows[0][:3] == ("late", 2, 1)
    assert told["stumbling"].rows == (("KeyError: 'no such class'",),)
    assert told["garbled"].rows == (("TypeError: str is no Breakdown",),)
