"""A suite before anything is run, with and without a record of earlier runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness import foresight
from harness.catalog import Catalog
from harness.comparison.power import items_needed
from harness.errors import UsageError
from harness.host import Host
from harness.plan import Plan, make
from harness.store.reader import Reader
from harness.store.writer import Writer
from harness.suite.load import load
from harness.testing.project import SUITE, Project
from harness.values import Comparison, Environment, Estimate, Generation, Run, Score, Verdict

ENVIRONMENT = Environment("3.11.7", "linux", "x86_64", 2, "cpu", {}, None)
SECONDS = {"base": 0.5, "prompted": 0.75, "tuned": 0.25}
GATES = """\
benchmarks: [{name: canary, limit: 10}]
gates:
  - {task: colours, metric: exact_match, max_drop: 0.5}
  - {task: colours, metric: f1, max_drop: 0.05, against: prompted}
  - {benchmark: canary, max_drop: 0.5, tier: advisory}
"""


def planned(project: Project, text: str) -> Plan:
    return make(load(project.write_suite(text)), Catalog.build(Host.load()))


@pytest.fixture
def plan(project: Project) -> Plan:
    return planned(project, SUITE[: SUITE.index("gates:")] + GATES)


@pytest.fixture
def record(project: Project, plan: Plan) -> Iterator[Reader]:
    """Three arms that have answered the colours; of twenty items two got worse against base, and one better."""
    right = {"base": [1.0] * 10 + [0.0] * 10, "prompted": [0.5] * 20, "tuned": [1.0] * 8 + [0.0] * 11 + [1.0]}
    (task,) = plan.tasks
    with Writer(project.record) as writer:
        experiment = writer.new_experiment(plan.suite, "key")
        runs = []
        for arm, values in right.items():
            run = Run(
                f"{experiment}/{arm}", experiment, plan.suite.name, plan.suite.digest, arm, 3, "finished",
                "2026-03-14T09:26:53+00:00", None, ENVIRONMENT, {},
                estimates=(Estimate("colours", "exact_match", sum(values) / 20, None, None, 20, 0),),
            )  # fmt: skip
            writer.start_run(run)
            writer.start_task(run.id, task.task, task.samples, task.source)
            scores = [Score(each.id, value) for each, value in zip(task.samples, values, strict=True)]
            answers = [Generation(each.id, 0, "red", "stop", 9, 1, SECONDS[arm]) for each in task.samples]
            writer.add_batch(run.id, "colours", answers, {"exact_match": scores, "f1": scores})
            runs.append(run)
        writer.add_verdict(experiment, Comparison(experiment, tuple(runs), ()), Verdict("passed", "all is well", ()))
    with Reader(project.record) as reader:
        yield reader


def test_without_a_record_the_usual_flips_are_reckoned_with(plan: Plan) -> None:
    seen = foresight.foresee(plan)
    assert [each.given.items for each in seen.prospects] == [20, 20, 10]
    assert [each.flips for each in seen.prospects] == [(0.02, 0.10)] * 3
    assert [each.standing for each in seen.prospects] == ["enough", "cannot pass", "enough"]
    assert (seen.seconds, seen.seconds_as_planned, seen.experiment) == ((None,) * 3, None, None)
    assert "none is recorded yet" in seen.source


def test_the_record_tells_flips_and_times(plan: Plan, record: Reader) -> None:
    seen = foresight.foresee(plan, record)
    against_base, against_prompted, canary = seen.prospects
    assert against_base.flips == (3 / 20,)
    assert against_base.needed_alone == items_needed(0.5, 0.15)
    assert against_prompted.flips == (0.25,), "half a flip on every item is as much as whole ones on a quarter"
    assert canary.flips == (0.02, 0.10)
    assert seen.seconds == (1.5, 1.5, None)
    assert seen.experiment == "tiny-1"
    assert "tiny-1; where it has none" in seen.source


def test_the_time_of_the_whole_counts_each_task_once(plan: Plan, record: Reader) -> None:
    seen = foresight.foresee(replace(plan, benchmarks=(), gates=plan.gates[:2]), record)
    assert seen.seconds_as_planned == 20 * 1.5
    assert seen.seconds_together == (seen.prospects[1].needed_together or 0) * 1.5


def test_a_benchmark_without_a_limit_has_the_items_it_had(project: Project, plan: Plan, record: Reader) -> None:
    whole = planned(project, SUITE[: SUITE.index("gates:")] + GATES.replace("{name: canary, limit: 10}", "canary"))
    assert foresight.foresee(whole, record).prospects[2].given.items is None
    run = record.run("tiny-1/tuned")
    with Writer(project.record) as writer:
        writer.add_estimates(run.id, [Estimate("canary", "contains", 0.5, None, None, 38, 2)])
    given = foresight.foresee(whole, record).prospects[2].given
    assert (given.items, given.source) == (40, "as in tiny-1/tuned")


def test_critical_gates_share_the_chance_to_pass(plan: Plan) -> None:
    seen = foresight.foresee(plan)
    assert (seen.critical, seen.chance, seen.power_together) == (2, pytest.approx(0.81), 0.95)
    first, _, advisory = seen.prospects
    assert (first.needed_together or 0) > (first.needed_alone or 0)
    assert advisory.needed_together == advisory.needed_alone


def test_groups_of_items_are_counted(project: Project) -> None:
    rows = (project.folder / "test.jsonl").read_text().splitlines()
    grouped = [row[:-1] + f', "passage": "p{number // 5}"}}' for number, row in enumerate(rows)]
    (project.folder / "test.jsonl").write_text("\n".join(grouped) + "\n")
    plan = planned(project, SUITE.replace("    data: test\n", "    data: test\n    cluster: passage\n"))
    (told,) = foresight.warnings(plan)
    assert "as good as 4 of equal size, and with fewer than 30 it cannot pass" in told


def test_a_suite_without_gates_has_nothing_to_foresee(plan: Plan) -> None:
    bare = replace(plan, gates=())
    assert foresight.warnings(bare) == ()
    with pytest.raises(UsageError, match="the suite has no gates"):
        foresight.foresee(bare)
