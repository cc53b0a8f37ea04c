"""The A/A control on a tiny real model: what it asks again, what it tries, and what later verdicts say of it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.comparison.control import excesses, told
from harness.store import Reader
from harness.testing.project import Project, Result
from harness.values import Control, Rate, Repeat, RuleControl

ODD = '''
from dataclasses import dataclass
from harness import PerSample, hookimpl

@dataclass(frozen=True)
class Odd(PerSample):
    """Whether an answer has an odd sum of characters: about one in two, whatever a model says."""
    name = "odd"
    def score_one(self, text, targets):
        return float(sum(map(ord, text)) % 2)

@dataclass(frozen=True)
class Length(PerSample):
    """How long an answer is."""
    name = "length"
    bounds = (0.0, float("inf"))
    def score_one(self, text, targets):
        return float(len(text))

@hookimpl
def harness_register_metrics():
    return [Odd, Length]
'''
SUITE = """\
suite: tiny
seed: 3
model: {name: model, dtype: float32}
batch_size: 4
data: {train: train.jsonl, test: test.jsonl}
prompted: {system: Answer with one word.}
tasks:
  - name: colours
    data: test
    limit: 12
    generation: {max_new_tokens: 2}
    metrics: [odd, f1]
gates:
  - {task: colours, metric: odd, max_drop: 0.6}
  - {task: colours, metric: f1, max_drop: 0.5, against: prompted}
  - {task: colours, metric: odd, at_least: 0.01}
"""
GATES = SUITE.index("gates:")
ONLY_A_LEVEL = SUITE[:GATES].replace("suite: tiny", "suite: level") + "gates:\n  - {task: colours, at_least: 0.01}\n"
WITHOUT_END = (
    SUITE[:GATES].replace("suite: tiny", "suite: endless").replace("[odd, f1]", "[length]")
    + "gates:\n  - {task: colours, max_drop: 0.5}\n"
)
FEW = "--swaps", "100"


@dataclasses.dataclass(frozen=True)
class Told:
    """A project with what its commands said, in turn."""

    project: Project
    first: Result
    """``aa`` on an empty record."""
    verdict: Result
    """``gate`` on two of the runs that the control has recorded."""
    run: Result
    again: Result
    """``aa --vary batch_size`` after the run."""


@pytest.fixture(scope="module")
def project(tiny_template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("control") / "project"
    shutil.copytree(tiny_template.folder, folder)
    site = folder / "site"
    info = site / "odd-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\nmetrics = odd\n")
    (site / "odd.py").write_text(ODD)
    found = replace(Project(folder), environment={"PYTHONPATH": str(site)})
    found.write_suite(SUITE)
    (folder / "level.yaml").write_text(ONLY_A_LEVEL)
    (folder / "endless.yaml").write_text(WITHOUT_END)
    return found


@pytest.fixture(scope="module")
def history(project: Project) -> Told:
    first = project.run("aa", "suite.yaml", *FEW, "--json")
    verdict = project.run("gate", "tiny-1/base", "tiny-4/base", "--suite", "suite.yaml", "--json")
    run = project.run("run", "suite.yaml")
    again = project.run("aa", "suite.yaml", "--vary", "batch_size", *FEW)
    for each in (first, again):
        assert each.exit_code == 0, each.err
    for each in (verdict, run):
        assert each.exit_code in {0, 3, 4}, each.err
    return Told(project, first, verdict, run, again)


def controls(project: Project, suite: str = "tiny") -> Control:
    with Reader(project.record) as reader:
        found = reader.control(suite)
    assert found is not None
    return found


def words(result: Result) -> str:
    return " ".join(result.out.split())


def test_the_base_model_is_asked_again_in_every_way_that_applies(history: Told) -> None:
    repeats = history.first.json["repeats"]
    ways = ["batch_size 4 -> 2", "dtype float32 -> bfloat16", "a second process"]
    assert [(each["varied"], each["metric"]) for each in repeats] == [(way, m) for way in ways for m in ("odd", "f1")]
    assert {each["pairs"] for each in repeats} == {12}
    assert [each["run"] for each in repeats[::2]] == ["tiny-2/base", "tiny-3/base", "tiny-4/base"]
    assert history.first.json["reference"] == "tiny-1/base"


def test_a_second_process_gives_the_same_answers_to_the_bit(history: Told) -> None:
    same = [each for each in history.first.json["repeats"] if each["varied"] == "a second process"]
    assert [(each["flips"], each["false_alarm"]) for each in same] == [(0, False), (0, False)]


def test_another_batch_size_reaches_the_runs_that_are_asked_again(history: Told) -> None:
    with Reader(history.project.record) as reader:
        sizes = [reader.tasks(f"tiny-{number}/base")[0].generation.batch_size for number in (1, 2, 3, 4)]
        dtypes = [run.model.dtype if run.model else None for run in map(reader.run, ("tiny-1/base", "tiny-3/base"))]
    assert sizes == [4, 2, 4, 4]
    assert dtypes == ["float32", "bfloat16"]


def test_every_gate_that_compares_is_tried_on_swapped_labels_of_the_repeats(history: Told) -> None:
    control = history.first.json
    assert control["swaps"] == 100
    assert [rule["rule"] for rule in control["rules"]] == [
        "colours odd drops at most 0.6 against base",
        "colours f1 drops at most 0.5 against prompted",
    ]
    for rule in control["rules"]:
        assert rule["items"] == 12
        assert rule["alpha"] == 0.05
        assert rule["source"].startswith("tiny-1/base and tiny-")
        assert rule["false_alarms"]["low"] <= 0.05


def test_a_gate_about_one_run_says_why_it_is_not_tried(history: Told) -> None:
    assert history.first.json["not_controlled"] == {
        "colours odd is at least 0.01": "it is about one run, which has no label to swap"
    }


def test_a_later_verdict_shows_the_control(history: Told) -> None:
    [line] = [caveat for caveat in history.verdict.json["verdict"]["caveats"] if caveat.startswith("A/A control of ")]
    assert line.startswith(f"A/A control of {history.first.json['decided'][:10]}: an unchanged model was called worse")
    assert "of 100 label swaps" in line
    assert f"{line[:60]}" in words(history.run), "the verdict of a run shows it too"


def test_only_what_is_to_vary_is_asked_again(history: Told) -> None:
    control = controls(history.project)
    assert {each.varied for each in control.repeats} == {"batch_size 4 -> 2"}
    said = words(history.again)
    assert "batch_size 4 -> 2" in said
    assert "a second process" not in said
    assert "bfloat16" not in said


def test_the_last_control_is_the_one_that_is_recorded(history: Told) -> None:
    control = controls(history.project)
    assert control.decided >= history.first.json["decided"]
    assert control.reference == "tiny-6/base"
    assert control.suite_digest == history.first.json["suite_digest"]


def test_the_labels_of_the_newest_verdict_are_swapped_where_its_scores_differ(history: Told) -> None:
    odd, _ = controls(history.project).rules
    assert odd.source == "tiny-5/base and tiny-5/prompted"
    assert odd.flips > 0
    assert 0 < odd.false_alarms.high < 0.2


def test_a_gate_on_another_arm_is_tried_on_the_runs_of_that_arm_where_there_are_such(history: Told) -> None:
    """Here the candidate of the verdict is the prompted arm itself, so the base stands in."""
    assert controls(history.project).rules[1].source == "tiny-5/base and tiny-5/prompted"


def test_the_screen_says_what_varied_how_often_gates_err_and_where_it_is_recorded(history: Told) -> None:
    said = words(history.again)
    for part in (
        "A/A control tiny",
        "base tiny-6/base",
        "Asked again nothing that should matter was changed",
        "100 label swaps of real scores",
        "colours odd drops at most 0.6 against base",
        "12 items, ",
        "of them flip, claimed at most 5 %",
        "an unchanged model is called worse",
        "an unchanged model passes",
        "colours odd is at least 0.01",
        "it is about one run, which has no label to swap",
        "Know this",
        "record results/harness.db",
    ):
        assert part in said, part


def test_a_suite_whose_only_gate_is_a_level_says_why_nothing_is_tried(history: Told) -> None:
    result = history.project.run("aa", "level.yaml", "--vary", "batch_size", *FEW)
    assert result.exit_code == 0, result.err
    said = words(result)
    assert "no gate could be tried" in said
    assert "colours odd is at least 0.01" in said
    assert "it is about one run, which has no label to swap" in said
    control = controls(history.project, "level")
    assert control.rules == ()
    assert len(control.repeats) == 2


def test_a_gate_on_a_metric_without_a_greatest_score_says_why_it_is_not_tried(history: Told) -> None:
    result = history.project.run("aa", "endless.yaml", "--vary", "batch_size", *FEW)
    assert "Traceback" not in result.err
    assert result.exit_code == 0, result.err
    assert controls(history.project, "endless").rules == ()
    assert "colours length drops at most 0.5 against base" in controls(history.project, "endless").not_controlled


def test_with_nothing_to_ask_again_and_no_verdict_there_are_no_labels_to_swap(history: Told) -> None:
    text = ONLY_A_LEVEL.replace("suite: level", "suite: greedy").replace("at_least: 0.01", "max_drop: 0.1")
    (history.project.folder / "greedy.yaml").write_text(text)
    result = history.project.run("aa", "greedy.yaml", "--vary", "seed", *FEW)
    assert result.exit_code == 2
    assert "there are no two runs whose labels could be swapped; leave --vary out, or run the suite first" in result.err
    assert len(result.err.strip().splitlines()[-1:]) == 1
    with Reader(history.project.record) as reader:
        assert reader.control("greedy") is None


def test_a_variable_that_is_for_other_commands_does_not_change_the_second_process(
    project: Project, tmp_path: Path
) -> None:
    told = replace(project, environment={**project.environment, "HARNESS_MODEL": "nowhere"})
    result = told.run("aa", "suite.yaml", "--vary", "process", *FEW, "--output", str(tmp_path / "results"), "--json")
    assert result.exit_code == 0, result.err
    assert {each["flips"] for each in result.json["repeats"]} == {0}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("suite.yaml", "--swaps", "50"), "'--swaps': 50 is not in the range x>=100"),
        (("suite.yaml", "--vary", "weather"), "'--vary': 'weather' is not one of"),
        (("none.yaml",), "none.yaml: no such suite file"),
    ],
)
def test_a_control_that_cannot_be_is_refused_before_a_model_is_opened(
    project: Project, arguments: Sequence[str], problem: str
) -> None:
    result = project.run("aa", *arguments)
    assert result.exit_code == 2
    assert problem in result.err


# What is told of a control.

NO_MORE = Rate(0.045, 0.029, 0.069)
TOO_OFTEN = Rate(0.12, 0.09, 0.16)


def tried(**changes: object) -> RuleControl:
    plain = RuleControl("colours f1 drops at most 0.5", 0.05, 200, "a and b", 0.1, NO_MORE, NO_MORE, Rate(1, 0.99, 1))
    return replace(plain, **changes)  # type: ignore[arg-type]  # names of fields, given by the tests


def repeat(**changes: object) -> Repeat:
    plain = Repeat("batch_size 4 -> 2", "tiny-2/base", "colours", "f1", 1200, 0, False)
    return replace(plain, **changes)  # type: ignore[arg-type]  # names of fields, given by the tests


def control(*rules: RuleControl, repeats: Sequence[Repeat] = ()) -> Control:
    return Control("tiny", "d1", "2026-03-14T09:26:53+00:00", "tiny-1/base", 400, tuple(repeats), tuple(rules))


def warnings(control: Control) -> list[str]:
    return [line for line in told(control, "d1") if line.startswith("WARNING")]


def lines(control: Control) -> Iterator[str]:
    return told(control, "d1")


def test_a_rule_that_errs_as_it_claims_gets_one_quiet_line() -> None:
    assert list(lines(control(tried()))) == [
        "A/A control of 2026-03-14: an unchanged model was called worse in at most 4.5 % (2.9 to 6.9) of 400 label "
        "swaps, and a model at the limit of its gate passed in at most 4.5 %"
    ]


def test_the_worst_of_several_rules_stands_for_all() -> None:
    worse = tried(rule="other", false_alarms=Rate(0.06, 0.04, 0.09), false_passes=None)
    [line] = lines(control(tried(), worse, tried(false_passes=Rate(0.02, 0.01, 0.04))))
    assert "called worse in at most 6 % (4 to 9) of" in line
    assert "passed in at most 4.5 %" in line


def test_where_no_model_at_the_limit_could_be_made_none_is_spoken_of() -> None:
    [line] = lines(control(tried(false_passes=None)))
    assert "at the limit" not in line


def test_a_control_of_an_earlier_version_of_the_suite_says_so() -> None:
    [line] = told(control(tried()), "d2")
    assert line.startswith("A/A control of 2026-03-14 of another version of this suite: ")


@pytest.mark.parametrize(
    ("changes", "what"), [({"false_alarms": TOO_OFTEN}, "false alarms"), ({"false_passes": TOO_OFTEN}, "false passes")]
)
def test_a_rule_that_errs_more_than_it_claims_is_warned_of(changes: dict[str, object], what: str) -> None:
    assert warnings(control(tried(), tried(rule="bad", **changes))) == [
        f"WARNING, bad: the A/A control saw {what} in 12 % (9 to 16), more than the 5 % that the gate claims"
    ]


def test_a_rule_may_err_in_both_ways() -> None:
    both = tried(false_alarms=TOO_OFTEN, false_passes=TOO_OFTEN)
    assert [what for what, _ in excesses(both)] == ["false alarms", "false passes"]
    assert len(warnings(control(both))) == 2


def test_what_chance_explains_is_no_excess() -> None:
    for rate in (Rate(0.06, 0.05, 0.08), Rate(0.0, 0.0, 0.01)):
        assert not warnings(control(tried(false_alarms=rate, false_passes=rate)))
    assert not warnings(control(tried(passes=Rate(0.0, 0.0, 0.01)))), "a gate that never passes errs on the safe side"
    assert not warnings(control(tried(false_alarms=TOO_OFTEN, alpha=0.1)))


def test_a_metric_that_is_not_steady_is_told_with_what_moved_it() -> None:
    unsteady = repeat(flips=31)
    loud = repeat(flips=300, varied="dtype float32 -> bfloat16", false_alarm=True)
    assert list(lines(control(repeats=[repeat(), unsteady, loud]))) == [
        "colours f1 is not steady: with batch_size 4 -> 2 the base model changed 31 of 1,200 scores",
        "colours f1 is not steady: with dtype float32 -> bfloat16 the base model changed 300 of 1,200 scores, and is "
        "said to differ from itself",
    ]


def test_a_control_without_rules_or_flips_has_nothing_to_tell() -> None:
    assert list(lines(control(repeats=[repeat()]))) == []
